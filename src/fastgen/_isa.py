"""Which instruction set is used: the best this CPU has, unless `FASTGEN_ISA` says otherwise."""

from __future__ import annotations

import os

from fastgen import _core


def choose() -> tuple[str, str]:
    """Return the instruction set and why it was chosen."""
    supported = [name for name, here in _core.isas() if here]
    forced = os.environ.get("FASTGEN_ISA")
    if not forced:
        return supported[0], "the best of those built that this CPU has"
    if forced in supported:
        return forced, "FASTGEN_ISA"
    built = [name for name, _ in _core.isas()]
    reason = "this CPU does not have it" if forced in built else "it was not built"
    raise ValueError(
        f"FASTGEN_ISA must be one of {', '.join(supported)} here, got {forced!r}: {reason}"
    )
