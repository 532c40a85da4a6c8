"""Objects of any library as NumPy arrays, or the reason why they can't be read so."""

from __future__ import annotations

from typing import Any

import numpy as np


def array_of(x: Any, dtype: Any = None, name: str = "an input") -> np.ndarray[Any, np.dtype[Any]]:
    """Return x as an array, or raise an error that says where to take a tensor."""
    try:
        return np.asarray(x, dtype)
    except (RuntimeError, TypeError):
        reason = unreadable(x)
        if reason is None:
            raise
        raise TypeError(f"{name} {reason}") from None


def unreadable(x: Any) -> str | None:
    """Say why NumPy can't read a tensor, and what takes it; None for other objects."""
    if type(x).__module__.partition(".")[0] != "torch" or not hasattr(x, "requires_grad"):
        return None
    other = "the function of the same name in fastgen.torch takes it"
    if x.requires_grad:
        return f"is a tensor that requires a gradient, which arrays do not have; {other}"
    if x.device.type != "cpu":
        return f"is a tensor on {x.device}; {other}, or give its cpu()"
    if "strided" not in str(x.layout):
        return f"is a tensor of the layout {x.layout}; give its to_dense()"
    return f"is a tensor of {x.dtype}, which NumPy does not read; {other}, or convert it"
