"""The environment variables, checked before anything else is imported."""

from __future__ import annotations

import os
import sys

from fastgen import _buffers, _isa, _threads

Default = tuple[int, str]


def defaults() -> tuple[Default, Default]:
    """Check all variables, and return the number of threads and the limit of buffers, with reasons.

    A wrong variable raises an error in a program that imports fastgen. A fastgen command prints one
    line instead, and exits with status 2.
    """
    try:
        _isa.choose()
        return _threads.default_num_threads(), _buffers.default_limit()
    except ValueError as error:
        if not is_command():
            raise
        print(f"fastgen: error: {error}", file=sys.stderr)
        sys.exit(2)


def is_command() -> bool:
    """Return whether this process runs ``fastgen`` or ``python -m fastgen``."""
    if sys.argv[:1] == ["-m"]:  # while Python looks for the module
        options = sys.orig_argv[: len(sys.orig_argv) - len(sys.argv) + 1]
        return options[-2:] == ["-m", "fastgen"] or options[-1:] == ["-mfastgen"]
    name = os.path.basename(sys.argv[0]) if sys.argv else ""
    return name in ("fastgen", "fastgen.exe", "fastgen-script.py")
