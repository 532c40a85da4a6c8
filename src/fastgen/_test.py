"""The tests that an installed fastgen can run by itself."""

from __future__ import annotations

import argparse
import importlib
import os
import subprocess
import sys
from pathlib import Path
from typing import Any, NoReturn

from fastgen import _extras

NEEDED = ("pytest", "xdist", "pytest_benchmark", "hypothesis", "mpmath")
"""What the folder of tests cannot start without."""


def test(
    *, only: str = "", full: bool = False, tests: str | os.PathLike[str] | None = None
) -> bool:
    """Test this installation of fastgen, and print what was found.

    Every operation is compared with stored values of high precision, for every instruction set of
    this CPU and every float type: the tests that need no other package. It takes seconds.
    ``python -m fastgen check`` does the same.

    Parameters
    ----------
    only : str
        Only operations with this text in their name. All by default.
    full : bool
        Whether to compare 10^7 random points of every operation too. It takes minutes.
    tests : path, optional
        The folder ``tests`` of a checkout of the same version. Where it is given, pytest runs all
        of it too, in a process of its own, with the fastgen that is installed.

    Returns
    -------
    bool
        Whether all tests passed.

    Raises
    ------
    ValueError
        If no operation has `only` in its name, or `tests` is not the folder of the tests.
    ImportError
        If `tests` is given and pytest, or a package that the tests need, is not installed. The
        error says how to install it.

    Examples
    --------
    >>> import fastgen
    >>> fastgen.test(only="vae.kl_laplace")  # doctest: +ELLIPSIS
    instruction sets: ...; types: ...
    vae.kl_laplace ... checks  ok
    all ... checks passed; ... s
    True
    """
    folder = None if tests is None else _folder(tests)
    check: Any = importlib.import_module("fastgen.cli.check")
    passed: bool = check.run(argparse.Namespace(only=only, full=full, error=_refuse)) == 0
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
