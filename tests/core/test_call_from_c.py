"""A C program calls operations through core/call.h, and gets what Python gets, to the last bit."""

import platform
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest

from fastgen import noise, vae
from fastgen._ops import ISA, OPS

ROOT = Path(__file__).parents[2]
UNITS = {"core": "core/loops.c", "noise": "noise/ops.c", "vae": "vae/ops.c"}
FLAGS = ["-std=c11", "-O1", "-ffp-contract=off", "-fno-math-errno", "-fno-trapping-math", "-g"]
WARNINGS = ["-Wall", "-Wextra", "-Wconversion", "-Wshadow", "-Werror"]

pytestmark = pytest.mark.skipif(
    not shutil.which("cc") or platform.system() == "Windows", reason="needs a C compiler named cc"
)


@pytest.fixture(scope="module")
def lines(tmp_path_factory):
    """What the C program prints: for each call its name, and the words after it."""
    folder = tmp_path_factory.mktemp("call_from_c")
    isa = ISA.removeprefix("x86-64-") if ISA.startswith("x86-64-") else "baseline"
    machine = [f"-march={ISA}"] if isa != "baseline" else []
    # Only the units that the program calls are compiled.
    (folder / "families.def").write_text("UNIT(noise, noise)\nUNIT(vae, vae)\n")
    base = ["cc", *FLAGS, f"-I{folder}", f"-I{ROOT / 'csrc'}"]
    objects = []
    for unit, source in UNITS.items():
        for bits in ("32", "64"):
            objects.append(str(folder / f"{unit}_{bits}.o"))
            defined = [f"-DFG_UNIT={unit}", f"-DFG_ISA={isa}", f"-DFG_REAL_BITS={bits}"]
            run([*base, *machine, *defined, "-c", str(ROOT / "csrc" / source), "-o", objects[-1]])
    core = [str(path) for path in (ROOT / "csrc/core").glob("*.c") if path.name != "loops.c"]
    program = str(folder / "program.o")
    run([*base, *WARNINGS, "-c", str(ROOT / "tests/support/call_from_c.c"), "-o", program])
    linked = [program, *core, *objects, "-lpthread", "-lm", "-o", str(folder / "call")]
    run([*base, f"-DFG_BUILD_{isa}", *linked])
    printed = run([str(folder / "call"), ISA])
    return {name: words.split() for name, words in (x.split(":") for x in printed.splitlines())}


def run(command):
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def given(k, shape, dtype=np.float64):
    """The first elements of input k of the C program."""
    i = np.arange(np.prod(shape, dtype=int))
    return (((i * 5 + k * 3) % 13 - 6) / 8).reshape(shape).astype(dtype)


def assert_same(words, *wanted):
    assert words[0] == "done"
    got = [float.fromhex(word) for word in words[1:]]
    np.testing.assert_array_equal(got, np.concatenate([np.ravel(x) for x in wanted]))


def test_a_value_and_a_derivative(lines):
    mu, logvar = (given(k, (4, 6), np.float32) for k in (0, 1))
    assert_same(lines["value"], vae.kl_standard_normal(mu, logvar))
    gradients = np.empty((4, 6), np.float32), np.empty((4, 6))
    OPS["vae.kl_standard_normal"].derivative((mu, logvar, 2.0), out=(None, *gradients))
    assert_same(lines["derivative"], *gradients)


def test_axes_of_broadcast_arrays_of_any_layout(lines):
    mu = given(0, 40)[9 + 15 * np.arange(3)[:, None] - np.arange(5)][:, None]
    logvar = given(1, (5, 4)).T
    assert_same(lines["axes"], vae.kl_standard_normal(mu, logvar, axis=(0, 2)))
    assert_same(lines["keepdims"], vae.kl_standard_normal(mu, logvar, axis=(0, 2)))
    assert_same(lines["all axes"], vae.kl_standard_normal(mu, logvar, axis=None))


def test_values_per_row_halves_and_streams(lines):
    mu, logvar = (given(k, (4, 6), np.float32) for k in (0, 1))
    per_row = OPS["vae.mixture_log_prob"]((given(0, 4, np.float32), mu, logvar))
    assert_same(lines["per row"], per_row)
    half = np.array([1, -2, 0.5], np.float16)
    out = np.empty((), np.float32)
    vae.kl_standard_normal(half, half[0], out=out)
    assert_same(lines["half"], out)
    assert_same(lines["stream"], vae.gaussian_nll(noise.Stream(5), mu, logvar))


def test_lane_kernels(lines):
    factors = np.concatenate([given(k, 240) for k in (1, 3)])
    factors[(np.arange(480) % 240) % 9 % 4 == 0] = 1
    tril_q, tril_p = factors[:45].reshape(5, 3, 3), factors[240:249].reshape(3, 3)
    wanted = vae.kl_tril_normal(given(0, (2, 5, 3)), tril_q, given(2, 3), tril_p)
    assert_same(lines["lanes"], wanted)


def test_shapes_without_data(lines):
    assert lines["shapes"] == ["done", "(2,5)", "(2,5,3)", "(2,5,3,3)", "(2,5,3)", "(2,5,3,3)"]


def test_wrong_arguments_are_named_and_nothing_is_written(lines):
    for name in ("unknown", "family"):
        assert lines[name][:2] == ["no", "operation"]
    for name, end, operand, other in [
        ("wrong shapes", "shapes", 1, 1),
        ("wrong axis", "axis", 1, 1),
        ("repeated axis", "repeated_axis", 1, 1),
        ("wrong output", "out_shape", 2, 2),
        ("stream as output", "dtype", 2, 2),
        ("many dimensions", "many_dims", 1, 1),
        ("wrong rows", "row_shape", 0, 0),
        ("stream in lanes", "dtype", 2, 2),
        ("no core", "core_ndim", 3, 3),
        ("core sizes", "core_size", 2, 0),
        ("batches", "batches", 2, 2),
        ("wrong cotangent", "row_shape", 4, 4),
    ]:
        assert lines[name][:3] == [end, str(operand), str(other)], name
        assert {float.fromhex(x) for x in lines[name][3:]} <= {7.0}, name
