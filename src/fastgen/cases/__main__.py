"""The numbers of a case: ``python -m fastgen.cases NAME``.

For a new operation, write its case with ``known=()`` and ``bits=("", "")``. This command prints
both as the case has them, and the largest errors that it finds: `ulp` and `gradient_ulp` must be
larger.
"""

from __future__ import annotations

import argparse
import difflib
import pprint
import sys
import textwrap
from collections.abc import Sequence
from typing import Any

import numpy as np

from fastgen import cases
from fastgen._core import bind, isas
from fastgen._ops import OPS
from fastgen.cases import accuracy
from fastgen.cases.ulp import context, exactly

DIGITS = 25
POINTS = 3  # where a case has no `known` points yet
WITHOUT_FMA = ("x86-64-v2", "baseline")


def main(argv: Sequence[str] | None = None) -> int:
    """Print the numbers of one case; 1 where an error is larger than its bound."""
    parser = _parser()
    args = parser.parse_args(argv)
    if args.name not in cases.CASES:
        parser.error(_unknown(args.name))
    if args.draws < 1:
        parser.error(f"--draws: expected a number of 1 or more, got {args.draws}")
    try:
        context()
    except ImportError as error:
        parser.error(str(error))
    print(f"{args.name}  {OPS[args.name].signature}\n")
    _print_known(args.name)
    _print_bits(args.name)
    return _print_errors(args.name, args.draws, args.seed)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m fastgen.cases",
        description="Print what the case of an operation stores: known values, digests, errors.",
    )
    parser.add_argument("name", metavar="NAME", help="an operation, such as vae.kl_standard_normal")
    parser.add_argument(
        "--draws", type=int, default=1000, metavar="N", help="about how many points to try (1000)"
    )
    parser.add_argument("--seed", type=int, default=0, help="of the random points (0)")
    return parser


def _unknown(name: str) -> str:
    if name in OPS:
        return (
            f"{name} has no case yet: write one in fastgen/cases, with known=() and bits=('', '')"
        )
    near = difflib.get_close_matches(name, OPS, n=3)
    near = near or [other for other in OPS if name in other][:3]
    hint = f"; did you mean {' or '.join(near)}?" if near else ""
    return f"NAME: there is no operation {name!r}{hint}"


def known(name: str) -> tuple[tuple[Any, Any], ...]:
    """Return the points of `known` and the value to 25 digits at each of them."""
    case = cases.CASES[name]
    found = [point for point, _ in case.known] or _some_points(name)
    return tuple((point, _digits(exactly(case.exact, point))) for point in found)


def _some_points(name: str) -> list[tuple[Any, ...]]:
    """Points of the case's own sampler, which float32 holds exactly."""
    case = cases.CASES[name]
    row = (case.dims.get("n", 1),) if cases.signature(name).has_rows else ()
    columns = cases.inputs(name, (POINTS, *row), np.float32)
    return [
        tuple(x[i].tolist() if case.dims else x[i].item() for x in columns) for i in range(POINTS)
    ]


def _digits(exact: Any) -> Any:
    if isinstance(exact, (tuple, list)):
        return type(exact)(map(_digits, exact))
    mp = context()
    with mp.workdps(DIGITS + 5):
        text: str = mp.nstr(mp.mpf(exact), DIGITS, strip_zeros=False)
    return text


def _print_known(name: str) -> None:
    print("known=(")
    for row in known(name):
        text = pprint.pformat(row, width=94).replace("'", '"')
        print(f"{textwrap.indent(text, '    ')},")
    print("),")


def _print_bits(name: str) -> None:
    op = OPS[name]
    if op.isa in WITHOUT_FMA:
        print(f"# no bits from {op.isa}: digests are of CPUs with fused multiply-add")
        return
    found = tuple(cases.digest(op, dtype) for dtype in (np.float32, np.float64))
    print(f'bits=("{found[0]}", "{found[1]}"),')


def _print_errors(name: str, draws: int, seed: int) -> int:
    names = [isa for isa, here in isas() if here]
    ops = [bind(isa)[name] for isa in names]
    with np.errstate(all="ignore"):
        single, double = (
            accuracy.worst(name, ops, np.dtype(dtype), draws, np.random.default_rng(seed))
            for dtype in (np.float32, np.float64)
        )
    print(f"\nthe largest errors of about {draws} points, in ULP, on {', '.join(names)}:\n")
    print(f"{'':<24}{'float32':>9}{'float64':>9}{'bound':>9}")
    too_large = False
    for of in single | double:
        errors = [found[of].ulp if of in found else 0.0 for found in (single, double)]
        bound = (single | double)[of].bound
        mark = "  MORE THAN THE BOUND" * (not max(errors) <= bound)
        too_large |= bool(mark)
        print(f"{of:<24}{errors[0]:>9.3g}{errors[1]:>9.3g}{bound:>9g}{mark}")
    return int(too_large)


if __name__ == "__main__":
    sys.exit(main())
