"""Threads with small stacks: macOS gives 512 KiB, musl 128, and others whatever they ask for.

NumPy itself needs 48 KiB. A call of fastgen needs at most 16 KiB of the C stack; the rest of its
memory is scratch that a thread keeps. An overflow kills the process, so each test has its own.
"""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

CSRC = Path(__file__).parents[2] / "csrc"
LARGEST_FRAME = 12288  # bytes; the frames of the functions around it fit in what is left of 16 KiB

PROGRAM = """
import sys, threading
import numpy as np
import fastgen
from fastgen import cases
from fastgen._ops import OPS

def arguments(name, shape, dtype):
    op = OPS[name]
    inputs = cases.inputs(name, shape, np.float64)
    cotangents = tuple([np.full(s, 0.5, dtype) for s in cases.shapes(name, shape)[1]])
    arrays = tuple(x.astype(dtype) for x in inputs)
    return [(op, arrays)] + ([(op.derivative, arrays + cotangents)] if op.derivative else [])

def calls():
    for name in sorted(OPS):
        rows = cases.signature(name).has_rows
        for dtype in (np.float32, np.float64, np.float16):
            for shape in [(40, 20), (3, 5000)] if rows else [(40,), (3000,)]:
                for op, inputs in arguments(name, shape, dtype):
                    yield op, inputs, {}
                    yield op, tuple(x[::-1] if np.ndim(x) else x for x in inputs), {}
            if rows:
                for op, inputs in arguments(name, (300, 40), dtype):
                    yield op, tuple(np.transpose(x) for x in inputs), {"axis": 0}

def ufuncs():
    for name in sorted(OPS):
        for op, inputs in arguments(name, (40, 20), np.float32):
            yield op.ufunc, inputs, {}

def noise():
    for draw in (fastgen.noise.normal, fastgen.noise.uniform):
        for dtype in (np.float32, np.float64, np.float16):
            for out in (np.empty((301, 41), dtype), np.empty((41, 301), dtype).T):
                yield (lambda out, draw=draw: draw(out.shape, key=3, counter=5, out=out)), out, {}

def work(prepared):
    for op, inputs, options in prepared:
        op(*inputs, **options) if isinstance(op, np.ufunc) else op(inputs, **options)

fastgen.set_num_threads(int(sys.argv[2]))
prepared = list({"calls": calls, "ufuncs": ufuncs, "noise": noise}[sys.argv[1]]())
np.seterr(all="ignore")
threading.stack_size(64 << 10)
for start in range(0, len(prepared), 50):
    thread = threading.Thread(target=work, args=(prepared[start:start + 50],))
    thread.start()
    thread.join()
print(len(prepared))
"""


@pytest.mark.parametrize(("what", "threads"), [("calls", 1), ("calls", 2), ("ufuncs", 1)])
def test_every_operation_runs_in_a_thread_of_64_kibibytes(what, threads):
    result = subprocess.run(
        [sys.executable, "-c", PROGRAM, what, str(threads)], capture_output=True, text=True
    )
    assert result.returncode == 0, result.stderr
    assert result.stderr == ""
    assert int(result.stdout) > 100


def test_noise_is_made_in_a_thread_of_64_kibibytes():
    result = subprocess.run(
        [sys.executable, "-c", PROGRAM, "noise", "1"], capture_output=True, text=True
    )
    assert result.returncode == 0, result.stderr
    assert result.stderr == ""


@pytest.mark.skipif(not CSRC.is_dir(), reason="needs the C sources of a checkout")
@pytest.mark.skipif(shutil.which("gcc") is None, reason="needs gcc")
@pytest.mark.parametrize("bits", [32, 64])
def test_no_function_of_the_core_has_a_large_frame(bits, tmp_path):
    core = sorted((CSRC / "core").glob("*.c"))
    flags = ["-std=c11", "-O3", f"-Wstack-usage={LARGEST_FRAME}", "-Werror", "-c"]
    unit = ["-DFG_UNIT=core", "-DFG_ISA=any", f"-DFG_REAL_BITS={bits}", f"-I{CSRC}"]
    for source in [*core, CSRC / "noise" / "ops.c"]:
        command = ["gcc", *flags, *unit, str(source), "-o", str(tmp_path / "object")]
        built = subprocess.run(command, capture_output=True, text=True)
        assert built.returncode == 0, built.stderr
