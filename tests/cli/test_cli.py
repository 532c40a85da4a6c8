"""The command line: help, `info` and `check`, in separate processes. Checks can fail."""

import ast
import dataclasses
import graphlib
import json
import os
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from commands import QUIET, command

import fastgen
from fastgen import _ops, cases
from fastgen.__main__ import main
from fastgen.cases import ulp
from fastgen.cli import checks, compare
from fastgen.cli.gradients import derivative
from fastgen.cli.subject import Subject

SOME = "expm1_minus"  # selects one operation, to be quick


def without(package):
    """Return Python code that runs the command line as if a package were not installed."""
    return (
        "import importlib.util as u, sys; find = u.find_spec;"
        f"u.find_spec = lambda name: None if name == {package!r} else find(name);"
        "from fastgen.__main__ import main; sys.exit(main(sys.argv[1:]))"
    )


def test_without_a_command_it_prints_help_and_one_number():
    text, errors = command()
    for word in ("info", "bench", "check"):
        assert f"\n    {word}" in text
    found = re.search(r"takes ([\d.]+ .?s), NumPy ([\d.]+ .?s):\s([\d.]+)x as fast", text)
    assert found, text
    ours, numpy = map(seconds_of, found.groups()[:2])
    assert float(found[3]) == pytest.approx(numpy / ours, rel=0.02)
    assert errors == ""


def seconds_of(text):
    number, unit = text.split()
    return float(number) * {"ns": 1e-9, "us": 1e-6, "ms": 1e-3, "s": 1}[unit]


def test_info_as_json():
    found = json.loads(command("info", "--json")[0])
    assert found["fastgen"] == fastgen.__version__
    assert found["numpy"] == np.__version__
    sets = found["instruction_sets"]
    assert sets["chosen"] == _ops.ISA
    assert sets["chosen"] in sets["detected"]
    assert set(sets["detected"]) <= set(sets["built"])
    assert found["threads"]["count"] >= 1
    assert found["buffers"]["limit"] == fastgen.get_buffer_limit()
    assert sum(found["operations"].values()) == len(_ops.OPS)


def test_info_for_people():
    text, _ = command("info")
    assert _ops.ISA_REASON in text
    assert "optional packages" in text


@pytest.mark.parametrize(
    ("variable", "value"),
    [("FASTGEN_ISA", "x86-64-v9"), ("FASTGEN_NUM_THREADS", "many"), ("FASTGEN_BUFFER_LIMIT", "1M")],
)
def test_a_senseless_environment_is_one_line(variable, value):
    environment = QUIET | {variable: value}
    script = "import sys; sys.argv[0] = '/bin/fastgen'; from fastgen.__main__ import main"
    for line in (["-m", "fastgen", "info"], ["-m", "fastgen", "bench"], ["-c", script, "info"]):
        done = subprocess.run(
            [sys.executable, *line], capture_output=True, text=True, env=environment, timeout=60
        )
        assert done.returncode == 2 and done.stdout == ""
        assert re.fullmatch(rf"fastgen: error: {variable}.* got '{value}'.*\n", done.stderr)
    done = subprocess.run(
        [sys.executable, "-c", "import fastgen", "fastgen"],
        capture_output=True,
        text=True,
        env=environment,
        timeout=60,
    )
    assert done.returncode == 1 and f"ValueError: {variable}" in done.stderr


def test_check_of_one_family():
    text, _ = command("check", "--only", "vae.")
    names = [name for name in _ops.OPS if name.startswith("vae.")]
    assert [line.split()[0] for line in text.splitlines()[1:-1]] == names
    assert "checks passed" in text.splitlines()[-1]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["bench", "--only", "no_such"], "no operation has 'no_such' in its name"),
        (["check", "--only", "no_such"], "no operation has 'no_such' in its name"),
        (["bench", "--dtype", "int8"], "invalid choice: 'int8'"),
        (["bench", "--plot", "chart.txt"], "must end in one of .png"),
        (["bench", "--peers", "--dtype", "float16"], "--peers: needs --dtype"),
        (["bench", "--full", "--quick"], "not allowed with argument"),
        (["bench", "--json", ""], "--json: expected the name of a file, got ''"),
        (["bench", "--plot", ""], "--plot: expected the name of a file, got ''"),
        (["bench", "--json", "."], "--json: can't write to '.': Is a directory"),
        (["bench", "--plot", "no_such_folder/a.png"], "--plot: can't write to"),
        (["no_such"], "invalid choice: 'no_such'"),
    ],
)
def test_bad_arguments(arguments, message, capsys):
    with pytest.raises(SystemExit) as stopped:
        main(arguments)
    assert stopped.value.code == 2
    assert message in capsys.readouterr().err


@pytest.mark.parametrize(
    ("package", "arguments", "message"),
    [
        ("matplotlib", ["--plot", "chart.png"], "pip install 'fastgen-numerics[cli]'"),
        ("torch", ["--peers"], "pip install 'fastgen-numerics[torch]'"),
        ("numexpr", ["--peers"], "pip install 'fastgen-numerics[bench]'"),
    ],
)
def test_missing_package(package, arguments, message, capsys, monkeypatch):
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(SystemExit) as stopped:
        main(["bench", *arguments])
    assert stopped.value.code == 2
    error = capsys.readouterr().err.splitlines()[-1]
    assert package in error
    assert message in error


def on_terminal(line):
    """Return the output of a command on a terminal of 100 columns."""
    pty = pytest.importorskip("pty")
    parent, child = pty.openpty()
    process = subprocess.Popen(
        line, stdout=child, stderr=child, env={**QUIET, "COLUMNS": "100", "TERM": "xterm"}
    )
    os.close(child)
    text = b""
    while True:
        try:
            chunk = os.read(parent, 65536)
        except OSError:  # Linux reports the end of file so
            break
        if not chunk:
            break
        text += chunk
    os.close(parent)
    assert process.wait() == 0, text
    return text.decode()


def test_terminal_with_and_without_rich():
    arguments = ["check", "--only", SOME]
    plain = on_terminal([sys.executable, "-c", without("rich"), *arguments])
    assert "[#" in plain or "0/1" in plain, "no progress bar"
    assert "\x1b[1;32m" not in plain
    pytest.importorskip("rich")
    coloured = on_terminal([sys.executable, "-m", "fastgen", *arguments])
    assert "\x1b[1;32m" in coloured


def test_reader_that_stops_early():
    line = [sys.executable, "-m", "fastgen", "info", "--json"]
    with subprocess.Popen(
        line, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=QUIET
    ) as process:
        process.stdout.close()
        assert b"Traceback" not in process.stderr.read()


def imports_of(file, modules):
    """Yield those of the modules that a file imports, anywhere in it."""
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom):
            for alias in node.names:
                name = f"{node.module}.{alias.name}"
                yield name if name in modules else node.module
        elif isinstance(node, ast.Constant):
            yield node.value  # by importlib


@pytest.mark.parametrize("package", ["cli", "cases"])
def test_no_circle_of_imports(package):
    root = Path(fastgen.__file__).parent
    files = {
        ".".join(["fastgen", *file.relative_to(root).with_suffix("").parts]): file
        for file in (root / package).rglob("*.py")
    }
    modules = {name.removesuffix(".__init__"): file for name, file in files.items()}
    graph = {
        name: {*imports_of(file, modules)} & {*modules} - {name} for name, file in modules.items()
    }
    assert sum(map(len, graph.values())) > 20
    graphlib.TopologicalSorter(graph).prepare()  # CycleError names a circle


def test_import_does_not_load_the_command_line():
    code = "import fastgen, sys; sys.exit(any(m.startswith('fastgen.cli') for m in sys.modules))"
    subprocess.run([sys.executable, "-c", code], env=QUIET, check=True)


# Each check must fail for an operation with a fault.


class Broken:
    """An operation with wrong results: a function changes them."""

    def __init__(self, op, spoil, spoil_gradient=lambda g: g):
        self.op, self.spoil, self.spoil_gradient = op, spoil, spoil_gradient
        self.name, self.nin, self.nout, self.isa = op.name, op.nin, op.nout, op.isa

    def __call__(self, inputs, **options):
        return self.spoil(self.op(inputs, **options))

    def derivative(self, inputs):
        value, *gradients = self.op.derivative(inputs)
        return (self.spoil(value), *(self.spoil_gradient(g) for g in gradients))


def off(results, ulps):
    return results + np.asarray(ulps, results.dtype) * np.spacing(results)


def found(check, name, dtype="float32", **how):
    op = Broken(_ops.OPS[name], **how) if how else _ops.OPS[name]
    outcomes = list(check(Subject(name, op, compare.dtype_of(dtype))))
    assert outcomes, "nothing was checked"
    return [outcome for outcome in outcomes if outcome]


ALL = [
    *((check, dtype) for check in checks.FOR_FLOATS for dtype in ("float32", "float64")),
    *((check, "float16") for check in checks.FOR_HALVES),
]
OF_RESULTS = [(check, dtype) for check, dtype in ALL if check not in (checks.threads, checks.bits)]


@pytest.mark.parametrize(("check", "dtype"), OF_RESULTS)
@pytest.mark.parametrize("name", ["elementary.expm1_minus_x", "vae.gaussian_nll"])
@np.errstate(all="ignore")
def test_check_finds_what_is_wrong(check, dtype, name):
    assert not found(check, name, dtype)
    if check is derivative:
        # Only this type is wrong: float32 is compared with float64.
        factor = {np.dtype(dtype): 1.0001}
        spoil = {
            "spoil": lambda r: r,
            "spoil_gradient": lambda g: g * g.dtype.type(factor.get(g.dtype, 1)),
        }
    elif check is checks.edges:
        spoil = {"spoil": lambda r: -r}
    elif check is checks.known_values:
        spoil = {"spoil": lambda r: off(r, 6)}
    elif check is checks.rounded_once:
        spoil = {"spoil": lambda r: off(r, 1) if r.dtype == np.float16 else r}
    else:
        spoil = {"spoil": lambda r: r * r.dtype.type(1.05) + r.dtype.type(0.05)}
    failures = found(check, name, dtype, **spoil)
    assert failures
    assert all(dtype in failure and failure.endswith(".") for failure in failures)


def test_check_finds_other_bits_with_threads():
    def spoil(results):
        return off(results, fastgen.get_num_threads() > 1)

    before = fastgen.get_num_threads()
    assert found(checks.threads, "vae.gaussian_nll", spoil=spoil)
    assert fastgen.get_num_threads() == before


def plant(monkeypatch, name, **changes):
    planted = dataclasses.replace(cases.CASES[name], **changes)
    monkeypatch.setitem(cases.CASES, name, planted)


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"known": (((1.0, 0.5), "0.5"),)}, "at (1.0, 0.5) the value should be 0.5 within 2 ULP"),
        ({"known": ()}, "No high-precision values are stored"),
        ({"edges": ()}, "No special values are stored"),
        ({"edges": (((0.0, 0.0), -0.0),)}, "the value should be -0.0 but is 0.0."),
        ({"bits": ("0" * 16, "0" * 16)}, "the digest of the results should be '0000"),
        ({"bits": ("", "")}, "no digest of the results is stored"),
    ],
)
def test_planted_failure_fails_the_command(changes, sentence, monkeypatch, capsys):
    name = "vae.kl_standard_normal"
    if "bits" in changes and _ops.ISA in checks.NO_FMA:
        pytest.skip("bits are promised with fused multiply-add only")
    plant(monkeypatch, name, **changes)
    assert main(["check", "--only", name]) == 1
    text = capsys.readouterr().out
    assert sentence in text
    assert "checks failed, in 1 of 1 operations" in text


def test_check_needs_no_mpmath(monkeypatch, capsys):
    monkeypatch.setattr(ulp, "context", lambda: pytest.fail("mpmath was wanted"))
    assert main(["check", "--only", "vae.gaussian_nll"]) == 0
    assert "checks passed" in capsys.readouterr().out


def test_operation_without_case_fails_the_command(monkeypatch, capsys):
    monkeypatch.delitem(cases.CASES, "elementary.exp")
    assert main(["check", "--only", "elementary.exp"]) == 1
    assert "The registry of cases does not have this operation." in capsys.readouterr().out


def test_crash_is_a_failure(monkeypatch, capsys):
    plant(monkeypatch, "elementary.tanh", known=(((1.0,), "one"),))
    assert main(["check", "--only", "elementary.tanh"]) == 1
    assert "ValueError while checking known_values" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("result", "expected", "error"),
    [
        ([1.0, 2.0], [1.0, 2.0], 0.0),
        ([1.0, 3.0], [1.0, 2.0], 0.5),
        ([np.nan, np.inf, -np.inf], [np.nan, np.inf, -np.inf], 0.0),
        ([np.nan], [1.0], np.inf),
        ([1.0], [np.nan], np.inf),
        ([np.inf], [-np.inf], np.inf),
        ([np.inf], [1e39], 0.0),  # beyond float32
        ([[1.0]], [1.0], np.inf),
        ([], [], 0.0),
    ],
)
@np.errstate(all="ignore")
def test_max_error(result, expected, error):
    got = compare.max_error("elementary.exp", np.array(result, np.float32), np.array(expected))
    assert got == pytest.approx(error)  # up to the rounding of the reference
