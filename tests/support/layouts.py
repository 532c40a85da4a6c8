"""The same numbers in every layout that NumPy has."""

import numpy as np


def shifted(x, offset=1):
    """Starting `offset` bytes into its memory: unaligned."""
    raw = np.zeros(x.nbytes + 64, np.uint8)
    view = raw[offset : offset + x.nbytes].view(x.dtype).reshape(x.shape)
    view[...] = x
    return view


def strided(x, step=2):
    """Every `step`-th element of something larger, along every axis."""
    big = np.full([n * step + 3 for n in x.shape], np.nan, x.dtype)
    view = big[tuple(slice(1, 1 + n * step, step) for n in x.shape)]
    view[...] = x
    return view


def field(x):
    """A field of a record, so that the stride is no multiple of the item size."""
    records = np.zeros(x.shape, [("tag", "i1"), ("x", x.dtype), ("rest", "i2")])
    records["x"] = x
    return records["x"]


def reversed_(x):
    return x[(slice(None, None, -1),) * x.ndim].copy()[(slice(None, None, -1),) * x.ndim]


def read_only(x):
    y = x.copy()
    y.flags.writeable = False
    return y


def byte_swapped(x):
    return x.astype(x.dtype.newbyteorder()) if x.dtype.kind == "f" else x


LAYOUTS = {
    "fortran": np.asfortranarray,
    "shifted": shifted,
    "strided": strided,
    "field": field,
    "reversed": reversed_,
    "read_only": read_only,
    "byte_swapped": byte_swapped,
}
