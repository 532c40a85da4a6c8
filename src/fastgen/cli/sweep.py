"""``fastgen check --full``: ten million random points, compared across instruction sets."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from fastgen import _core, cases
from fastgen.cli import compare
from fastgen.cli.checks import NO_FMA
from fastgen.cli.subject import Outcome, verdict

CHUNKS = 10
ELEMENTS, ROWS = (1_000_000,), (50_000, 20)


def across_instruction_sets(name: str, ops: list[_core.Op], dtype: Any) -> Iterator[Outcome]:
    """Bits with fused multiply-add are equal, and all results are near the reference."""
    shape = ROWS if cases.signature(name).has_rows else ELEMENTS
    bound = compare.tolerance(name, dtype)
    for seed in range(1, CHUNKS + 1):
        inputs = cases.inputs(name, shape, dtype, seed)
        expected = cases.reference(name)(*(x.astype(np.float64) for x in inputs))
        first: tuple[str, bytes] | None = None
        for op in ops:
            start = f"{op.isa}, {dtype.name}: on random inputs of shape {shape}, seed {seed}, the"
            result = op(inputs)
            error = compare.max_error(name, result, expected)
            yield verdict(
                error <= bound,
                f"{start} value differs from the NumPy reference by {error:.2g}, more than"
                f" {bound:.2g}.",
            )
            if op.isa in NO_FMA:
                continue
            bits = b"".join(map(bytes, cases.each(result)))
            if first is None:
                first = op.isa, bits
                continue
            yield verdict(bits == first[1], f"{start} value has other bits than on {first[0]}.")
