"""Calls of xarray's arrays: elementwise functions keep the labels, others need to be told axes."""

from __future__ import annotations

import functools
import importlib
from typing import Any

import numpy as np

from fastgen import _messages
from fastgen._arrays import belongs_elsewhere
from fastgen._core import Op


def is_xarray(x: Any) -> bool:
    """Whether x is an array of xarray."""
    return type(x).__module__.partition(".")[0] == "xarray"


def of_row(op: Op, inputs: tuple[Any, ...], out: Any) -> Any:
    """Return the results of an elementwise row with the labels of its inputs, or raise."""
    names = [_messages.named(op.name, k) for k in range(len(inputs))]
    for name, x in zip(names, inputs, strict=True):
        if is_xarray(x) and (out is not None or op.signature.strip("(),->")):
            raise TypeError(f"{name} {belongs_elsewhere(x)}")
        if not (is_xarray(x) or isinstance(x, (np.ndarray, np.generic, int, float))):
            raise TypeError(
                f"{name} must be an array of xarray or NumPy, or a number, beside arrays of "
                f"xarray; got {type(x).__name__}. Call the function by xarray.apply_ufunc"
            )
    xarray: Any = importlib.import_module("xarray")
    call = functools.partial(_called, op)
    counts: list[list[str]] = [[] for _ in range(op.nout)]
    return xarray.apply_ufunc(
        call, *inputs, output_core_dims=counts, dask="allowed", keep_attrs=True
    )


def _called(op: Op, *inputs: Any) -> Any:
    return op(inputs)
