"""Where one pass over memory gives a value and gradients that later need a factor per row only."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from typing import Any

import numpy as np

from fastgen._abstract import Abstract
from fastgen._compose import Composition, Row
from fastgen._core import Op
from fastgen._signature import parse
from fastgen._sums import Form, Sum


@functools.cache
def _even(op: Op) -> bool:
    """Whether a row has one result, and all inputs have the same core dimensions."""
    cores = parse(op.signature).inputs
    return op.nout == 1 and cores.count(cores[0]) == len(cores)


def linear_in_rows(composition: Composition, arrays: Sequence[Any]) -> bool:
    """Whether one factor per row scales the gradients of all inputs.

    In half precision the factor would round a second time.
    """
    if any([x.dtype.itemsize == 2 for x in arrays]):
        return False
    first = arrays[0].shape
    if type(composition) is Row:
        if composition.axis != -1 or not _even(composition.op):
            return False
        return all([_is_array(x) and x.shape == first for x in composition.operands])
    if type(composition) is Sum and _along_last_axis(composition.form):
        batch = first[:-1]
        found = [_is_array(x) and x.shape[:-1] == batch for x in composition.inputs]
        if all(found) and min([x.ndim for x in composition.inputs]) > 0:
            return True
    results = composition.results()
    return len(results) == 1 and results[0].shape == ()


def _is_array(x: Any) -> bool:
    return type(x) is np.ndarray or type(x) is Abstract


@functools.lru_cache(64)
def _along_last_axis(form: Form) -> bool:
    """Whether each part of a sum sums over the last axis, for each row by itself."""
    return not form.keepdims and all(p.axis == -1 and not p.whole for p in form.parts)
