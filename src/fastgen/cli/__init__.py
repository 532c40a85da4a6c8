"""The commands of ``python -m fastgen``: they name no operation, the registry does."""

from __future__ import annotations

import argparse

from fastgen._ops import OPS


def selected(args: argparse.Namespace) -> list[str]:
    """Return the names of the operations that ``--only`` leaves."""
    names = [name for name in OPS if args.only in name]
    if not names:
        args.error(
            f"--only: no operation has {args.only!r} in its name; there are {', '.join(OPS)}"
        )
    return names
