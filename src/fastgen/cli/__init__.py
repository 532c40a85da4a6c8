"""The commands of ``python -m fastgen``. They find the operations in the registry of cases."""

from __future__ import annotations

import argparse
from collections.abc import Iterable

from fastgen._ops import OPS

FAMILIES = ("vae", "gan", "flow", "noise", "diffusion", "guidance", "ema", "elementary")
"""The order of tables. A family that is not here comes last."""


def selected(args: argparse.Namespace) -> list[str]:
    """Return the names of the operations that ``--only`` leaves."""
    names = [name for name in OPS if args.only in name]
    if not names:
        args.error(
            f"--only: no operation has {args.only!r} in its name; there are {', '.join(OPS)}"
        )
    return names


def by_family(names: Iterable[str]) -> list[str]:
    """Return the names of operations by family, and as they were within each family."""
    places = {family: place for place, family in enumerate(FAMILIES)}
    return sorted(names, key=lambda name: places.get(name.partition(".")[0], len(places)))
