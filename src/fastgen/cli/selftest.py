"""``fastgen.test``: the check of all operations, and pytest on the tests of a checkout."""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
from pathlib import Path
from typing import NoReturn

from fastgen import _extras
from fastgen.cli import check

NEEDED = ("pytest", "xdist", "pytest_benchmark", "hypothesis", "mpmath")
"""What the folder of tests cannot start without."""


def run(only: str, full: bool, tests: str | os.PathLike[str] | None) -> bool:
    """Run the check, and pytest if a folder is given. Return whether all tests passed."""
    folder = None if tests is None else _folder(tests)
    passed = check.run(argparse.Namespace(only=only, full=full, error=_refuse)) == 0
    if folder is not None:
        passed &= _run_pytest(folder)
    return passed


def _refuse(text: str) -> NoReturn:
    raise ValueError(f"test: {text.removeprefix('--')}")


def _folder(tests: str | os.PathLike[str]) -> Path:
    folder = Path(tests).resolve()
    if not (folder / "core" / "test_names.py").is_file():
        raise ValueError(f"test: tests must be the folder tests of a checkout, got {str(tests)!r}")
    missing = [package for package in NEEDED if not _extras.is_installed(package)]
    if missing:
        raise ImportError(
            f"test: tests needs {', '.join(missing)}: {_extras.how_to_install(missing[0])}"
        )
    return folder


def _run_pytest(folder: Path) -> bool:
    """Run pytest, and print its lines one by one: a notebook does not see a child's output."""
    line = [sys.executable, "-m", "pytest", "-q", str(folder)]
    with subprocess.Popen(
        line, cwd=folder.parent, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    ) as process:
        for text in process.stdout or ():
            print(text, end="", flush=True)
    return process.returncode == 0
