"""What the environment variables say, read before anything else."""

from __future__ import annotations

import os
import sys

from fastgen import _isa, _threads


def num_threads() -> tuple[int, str]:
    """Return `_threads.default_num_threads()`, once all variables have been found to make sense.

    Where they do not, a library raises; a command says so in one line, and exits with status 2.
    """
    try:
        _isa.choose()
        return _threads.default_num_threads()
    except ValueError as error:
        if not is_command():
            raise
        print(f"fastgen: error: {error}", file=sys.stderr)
        sys.exit(2)


def is_command() -> bool:
    """Whether this process is ``fastgen`` or ``python -m fastgen``, and no user of the library."""
    if sys.argv[:1] == ["-m"]:  # until Python has found the module
        options = sys.orig_argv[: len(sys.orig_argv) - len(sys.argv) + 1]
        return options[-2:] == ["-m", "fastgen"] or options[-1:] == ["-mfastgen"]
    name = os.path.basename(sys.argv[0]) if sys.argv else ""
    return name in ("fastgen", "fastgen.exe", "fastgen-script.py")
