"""The choice of the instruction set: the best one of this CPU, or that of `FASTGEN_ISA`."""

from __future__ import annotations

import os

from fastgen import _core

HOW_TO_BUILD = (
    "to build all instruction sets, in a checkout: pip install . -C cmake.define.FASTGEN_ISAS=all"
)


def choose() -> tuple[str, str]:
    """Return the instruction set and the reason for it."""
    built = [name for name, _ in _core.isas()]
    supported = [name for name, here in _core.isas() if here]
    if not supported:
        sets = ", ".join(built)
        raise ImportError(f"this CPU has none of the built instruction sets {sets}; {HOW_TO_BUILD}")
    forced = os.environ.get("FASTGEN_ISA")
    if not forced:
        return supported[0], "the best of those built that this CPU has"
    if forced in supported:
        return forced, "FASTGEN_ISA"
    reason = "this CPU does not have it" if forced in built else f"it was not built; {HOW_TO_BUILD}"
    raise ValueError(
        f"FASTGEN_ISA must be one of {', '.join(supported)} here, got {forced!r}: {reason}"
    )
