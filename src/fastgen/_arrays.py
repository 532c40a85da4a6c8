"""Objects of any library as NumPy arrays, or the reason why they can't be read so."""

from __future__ import annotations

from typing import Any

import numpy as np


def array_of(x: Any, dtype: Any = None, name: str = "an input") -> np.ndarray[Any, np.dtype[Any]]:
    """Return x as an array, or raise an error that says where to take it."""
    if type(x) is not np.ndarray and (reason := belongs_elsewhere(x)):
        raise TypeError(f"{name} {reason}")
    try:
        array = np.asarray(x)
    except (RuntimeError, TypeError):
        reason = unreadable(x)
        if reason is None:
            raise
        raise TypeError(f"{name} {reason}") from None
    if dtype is None:
        return array
    if array.dtype.kind == "c":  # NumPy would drop the imaginary parts, and only warn
        raise TypeError(f"{name} must hold real numbers, got {array.dtype}")
    return array.astype(dtype, copy=False)


def belongs_elsewhere(x: Any) -> str | None:
    """Say why an array of another kind is not read: it would be computed, or lose something."""
    if type(x).__module__ in ("builtins", "numpy"):
        return None
    if isinstance(x, np.ma.MaskedArray):
        return "is a MaskedArray, whose mask would be lost; fill it, or select its valid elements"
    kind = f"{type(x).__module__.partition('.')[0]}.{type(x).__name__}"
    if kind == "dask.Array":
        return "is a dask array, which would be computed as a whole here; give its compute()"
    if kind in ("xarray.DataArray", "xarray.Variable", "xarray.Dataset"):
        return (
            f"is an {kind}, whose labels an array does not have; call the function by "
            'xarray.apply_ufunc(f, x, dask="allowed"), or give its data'
        )
    return None


def unreadable(x: Any) -> str | None:
    """Say why NumPy can't read a tensor or tracer, and what takes it; None for other objects."""
    if type(x).__module__.partition(".")[0] == "jax" and type(x).__name__.endswith("Tracer"):
        return (
            "is traced by JAX (jit, grad, vmap), which arrays are not; the function of the same "
            "name in fastgen.jax takes it"
        )
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
