"""Threads that another library lends: C programs with lenders of every kind."""

import platform
import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
FLAGS = ["-std=c11", "-O1", "-g", "-Wall", "-Wextra", "-Wconversion", "-Wshadow", "-Werror"]
POOL = ["csrc/core/pool.c", "csrc/core/lent.c"]

pytestmark = pytest.mark.skipif(
    not shutil.which("cc") or platform.system() == "Windows", reason="needs a C compiler named cc"
)


def run(command):
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.parametrize(
    ("program", "sources", "said"),
    [
        ("lent_stress.c", POOL, "lent threads: every item ran once, while its call ran\n"),
        ("lent_by_xla.c", [*POOL, "csrc/xla/threads.c"], "lent by XLA: all is right\n"),
    ],
)
def test_lent_threads(program, sources, said, tmp_path):
    files = [str(ROOT / name) for name in (f"tests/support/{program}", *sources)]
    built = str(tmp_path / "program")
    run(["cc", *FLAGS, f"-I{ROOT / 'csrc'}", *files, "-lpthread", "-lm", "-o", built])
    assert run([built]) == said
