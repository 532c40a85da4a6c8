"""NumPy's functions in PyTorch's operations, as `fastgen.reference` uses them.

PyTorch has most of them in ``torch._numpy``. Those that it lacks, or has otherwise, are here.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Any

import torch
import torch._numpy as _numpy

ndarray: Any = _numpy.ndarray


def __getattr__(name: str) -> Any:
    return getattr(_numpy, name)


@contextlib.contextmanager
def errstate(**_: Any) -> Iterator[None]:
    """Do nothing: PyTorch has no floating-point errors."""
    yield


def max(x: Any, axis: Any = None, keepdims: bool = False, initial: Any = None) -> Any:
    """Return the largest element along axes. PyTorch's takes one axis, and no `initial`."""
    tensor = _numpy.asarray(x).tensor
    axes = range(tensor.dim()) if axis is None else axis if isinstance(axis, tuple) else (axis,)
    if initial is not None and 0 in [tensor.shape[a] for a in axes]:
        shape = _numpy.sum(x, axis=axis, keepdims=keepdims).shape
        return _numpy.full(shape, initial, x.dtype)
    return ndarray(torch.amax(tensor, tuple(axes), keepdims) if len(axes) else tensor)


def erfc(x: Any) -> Any:
    """Return the complement of the error function, which NumPy lacks."""
    return ndarray(torch.special.erfc(_numpy.asarray(x).tensor))


def stopped(x: Any) -> Any:
    """Return x without its derivatives."""
    return ndarray(_numpy.asarray(x).tensor.detach())


def all(x: Any) -> bool:
    """Return whether all elements are true. Where there are no values to read, the answer is no."""
    tensor = _numpy.asarray(x).tensor
    if tensor.is_meta or torch._C._functorch.is_batchedtensor(tensor):
        return False
    return bool(tensor.all())
