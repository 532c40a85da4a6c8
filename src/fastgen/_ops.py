"""The operations of the chosen instruction set, by name, and the way from a function to its own."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from fastgen import _core, _isa

ISA, ISA_REASON = _isa.choose()
OPS = _core.bind(ISA)


def operation_of(function: Callable[..., Any]) -> _core.Op:
    """Return the operation that a public function calls, which has its name."""
    # "fastgen.vae.divergences" belongs to the family vae.
    family = getattr(function, "__module__", "").removeprefix("fastgen.").partition(".")[0]
    op = OPS.get(f"{family}.{getattr(function, '__name__', '')}")
    if op is None or op.derivative is None:
        raise TypeError(
            f"f must be a fastgen function with a derivative, such as fastgen.vae."
            f"kl_standard_normal; got {function!r}"
        )
    return op
