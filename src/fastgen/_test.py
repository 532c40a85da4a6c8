"""The tests that an installed fastgen can run by itself."""

from __future__ import annotations

import importlib
import os
from typing import Any


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
    found: Any = importlib.import_module("fastgen.cli.selftest")
    passed: bool = found.run(only, full, tests)
    return passed
