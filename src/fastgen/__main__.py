"""The command line: ``python -m fastgen [info | bench | check | completion]``."""

from __future__ import annotations

import importlib
import os
import sys
from collections.abc import Sequence

from fastgen.cli.arguments import parser


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command and return its exit code.

    The code is 0 for success, 1 for a wrong result or a file that could not be written, 2 for a bad
    argument, and 130 after Ctrl-C.
    """
    arguments = parser()
    args = arguments.parse_args(argv)
    try:
        # A command is imported when it is called: `info` does not import what `bench` needs.
        if args.command is None:
            arguments.print_help()
            print()
            code: int = importlib.import_module("fastgen.cli.glance").run()
        else:
            code = importlib.import_module(f"fastgen.cli.{args.command}").run(args)
        sys.stdout.flush()
    except BrokenPipeError:
        # The reader, such as `head`, has closed the pipe. Python must not flush into it at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except KeyboardInterrupt:
        print("interrupted", file=sys.stderr)
        return 130
    return code


if __name__ == "__main__":
    sys.exit(main())
