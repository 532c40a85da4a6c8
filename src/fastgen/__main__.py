"""The command line: ``python -m fastgen [info | bench | check]``."""

from __future__ import annotations

import argparse
import importlib
import os
import sys
from collections.abc import Sequence

from fastgen import __version__


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command and return its exit code.

    The code is 0 for success, 1 for a wrong result or a file that could not be written, 2 for a bad
    argument, and 130 after Ctrl-C.
    """
    parser = _parser()
    args = parser.parse_args(argv)
    try:
        # A command is imported when it is called: `info` does not import what `bench` needs.
        if args.command is None:
            parser.print_help()
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


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="fastgen",
        description="The mathematics of generative models as fast, accurate CPU functions.",
    )
    parser.add_argument("--version", action="version", version=f"fastgen {__version__}")
    commands = parser.add_subparsers(dest="command", metavar="COMMAND")

    info = commands.add_parser("info", help="what was built, what is used here, and why")
    form = info.add_mutually_exclusive_group()
    form.add_argument("--json", action="store_true", help="for machines")
    form.add_argument(
        "--functions", action="store_true", help="every function with its error bound, in Markdown"
    )

    bench = commands.add_parser("bench", help="how fast operations are, compared with NumPy")
    extent = bench.add_mutually_exclusive_group()
    extent.add_argument("--full", action="store_true", help="every operation at every size")
    extent.add_argument("--quick", action="store_true", help="every operation at few sizes")
    bench.add_argument(
        "--peers", action="store_true", help="also torch, jax, numexpr; takes longer"
    )
    bench.add_argument(
        "--dtype", default="float32", choices=["float16", "bfloat16", "float32", "float64"]
    )
    bench.add_argument("--json", metavar="FILE", help="write every number to FILE")
    bench.add_argument(
        "--guard", metavar="FILE", help="fail where a row is 20 %% slower than in FILE of --json"
    )
    bench.add_argument("--plot", metavar="FILE.png", help="draw the speed-ups; needs matplotlib")

    check = commands.add_parser(
        "check",
        help="whether every operation is right on this computer",
        epilog="For the largest errors of one operation: python -m fastgen.cases NAME",
    )
    check.add_argument("--full", action="store_true", help="also 10^7 random points; minutes")

    for command in (bench, check):
        command.add_argument(
            "--only", metavar="TEXT", default="", help="operations with TEXT in their name"
        )
    for command in (info, bench, check):
        command.set_defaults(error=command.error)
    return parser


if __name__ == "__main__":
    sys.exit(main())
