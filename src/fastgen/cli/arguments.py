"""The commands of ``python -m fastgen``, and their options."""

from __future__ import annotations

import argparse

from fastgen import __version__

SHELLS = ("bash", "zsh", "fish")

EPILOG = """\
in Python:
    import fastgen
    fastgen.vae.kl_standard_normal(mu, logvar)  # an array per sample
    help(fastgen.vae)                           # the functions of a family
    fastgen.show_config()                       # what info prints
    fastgen.test()                              # what check tests
"""

COMPLETION = """\
bash, in ~/.bashrc:                eval "$(fastgen completion bash)"
zsh, in ~/.zshrc after compinit:   eval "$(fastgen completion zsh)"
fish, in config.fish:              fastgen completion fish | source
"""


def parser() -> argparse.ArgumentParser:
    """Return the parser of all commands."""
    whole = argparse.ArgumentParser(
        prog="fastgen",
        description="The mathematics of generative models as fast, accurate CPU functions.",
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    whole.add_argument("--version", action="version", version=f"fastgen {__version__}")
    commands = whole.add_subparsers(dest="command", metavar="COMMAND")

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

    completion = commands.add_parser(
        "completion",
        help="what completes these commands and options in your shell",
        description="Print a script that completes fastgen's commands and options in a shell.",
        epilog=COMPLETION,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    completion.add_argument("shell", choices=SHELLS, help="the shell that reads the script")

    for command in (bench, check):
        command.add_argument(
            "--only", metavar="TEXT", default="", help="operations with TEXT in their name"
        )
    for command in (info, bench, check, completion):
        command.set_defaults(error=command.error)
    return whole
