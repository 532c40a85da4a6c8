"""Neither the import nor a call opens a socket, a process or a file, but those of Python itself.

An audit hook of Python sees what Python opens: it does not see what C code opens by itself.
"""

import subprocess
import sys
from pathlib import Path

import pytest

import fastgen

PROGRAM = """
import os, site, sys, sysconfig
import numpy  # what NumPy opens is not fastgen's
roots = tuple({os.path.realpath(p) for p in [*sys.path, *sysconfig.get_paths().values()] if p})
found = []

def hook(event, arguments):
    if event == "open":
        path = arguments[0]
        if isinstance(path, int):
            return
        path = os.path.realpath(os.fsdecode(path))
        code = path.startswith(roots) and path.endswith((".py", ".pyc", ".so", ".pyd"))
        if not (code or path.startswith(("/sys/", "/proc/"))):
            found.append((event, path))
    elif event.startswith(("socket.", "subprocess.", "os.system", "os.exec", "urllib", "http")):
        found.append((event, str(arguments)))

sys.addaudithook(hook)
import fastgen
from fastgen import cases
from fastgen._ops import OPS
for name, op in OPS.items():
    shape = (4, 3) if cases.signature(name).has_rows else (4,)
    with numpy.errstate(all="ignore"):
        inputs = cases.inputs(name, shape, numpy.float32)
        cases.function(name)(*inputs)
        if op.derivative is not None:
            fastgen.value_and_grad(cases.function(name))(*inputs)
fastgen.noise.normal((4,), key=1)
assert len(OPS) > 100
print(found[:5])
with open(os.devnull) as file:
    pass
print(found[-1][1] == os.path.realpath(os.devnull))  # the hook does see files
"""


def test_nothing_is_opened():
    if Path(fastgen._core.__file__).parent != Path(fastgen.__file__).parent:
        pytest.skip("the import of an editable install runs a build")
    done = subprocess.run([sys.executable, "-c", PROGRAM], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert done.stdout.split() == ["[]", "True"]
