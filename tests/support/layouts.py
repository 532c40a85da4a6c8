"""The same numbers in several layouts of NumPy arrays."""

import numpy as np


def shifted(x, offset=1):
    """Return a copy that starts `offset` bytes into its memory: it is unaligned."""
    raw = np.zeros(x.nbytes + 64, np.uint8)
    view = raw[offset : offset + x.nbytes].view(x.dtype).reshape(x.shape)
    view[...] = x
    return view


def strided(x, step=2):
    """Return a copy that is every `step`-th element of a larger array, along every axis."""
    big = np.full([n * step + 3 for n in x.shape], np.nan, x.dtype)
    view = big[tuple(slice(1, 1 + n * step, step) for n in x.shape)]
    view[...] = x
    return view


def field(x):
    """Return a copy that is a field of records: its stride is no multiple of the item size."""
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
