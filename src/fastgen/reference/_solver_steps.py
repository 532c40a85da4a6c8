"""One step of a diffusion sampler, in plain NumPy."""

from __future__ import annotations

from typing import Any

import numpy as np

Axis = int | tuple[int, ...] | None
Coefficients = tuple[Any, ...]


def spread(arrays: Coefficients, numbers: Coefficients, axis: Axis) -> list[Any]:
    """Coefficients laid over the rows of arrays."""
    ndim = max(np.ndim(array) for array in arrays)
    axes = tuple(range(ndim)) if axis is None else axis
    axes = tuple(a % ndim for a in (axes if isinstance(axes, tuple) else (axes,)) if ndim)
    rows = [d for d in range(ndim) if d not in axes]

    def over_rows(number: Any) -> Any:
        places = rows[len(rows) - np.ndim(number) :]
        shape = [1] * ndim
        for d, length in zip(places, np.shape(number), strict=True):
            shape[d] = length
        return np.reshape(number, shape)

    return [over_rows(number) for number in numbers]


def step_of(x: Any, prediction: Any, terms: Coefficients, numbers: Coefficients, axis: Axis) -> Any:
    """Combine, with one coefficient per row each."""
    a, b, limit, u, v, k, *c = spread((x, prediction, *terms), numbers, axis)
    denoised = np.clip(a * x + b * prediction, -limit, limit)
    result = u * x + v * prediction + k * denoised
    for weight, term in zip(c, terms, strict=True):
        result = result + weight * term
    return result, denoised


def solver_step_0(
    x: Any,
    prediction: Any,
    a: Any,
    b: Any,
    limit: Any,
    u: Any,
    v: Any,
    k: Any,
    *,
    axis: Axis = -1,
) -> Any:
    """Take one step of a diffusion sampler, with no further terms."""
    return step_of(x, prediction, (), (a, b, limit, u, v, k), axis)


def solver_step_1(
    x: Any,
    prediction: Any,
    t1: Any,
    a: Any,
    b: Any,
    limit: Any,
    u: Any,
    v: Any,
    k: Any,
    c1: Any,
    *,
    axis: Axis = -1,
) -> Any:
    """Take one step of a diffusion sampler, with one further term."""
    return step_of(x, prediction, (t1,), (a, b, limit, u, v, k, c1), axis)


def solver_step_2(
    x: Any,
    prediction: Any,
    t1: Any,
    t2: Any,
    a: Any,
    b: Any,
    limit: Any,
    u: Any,
    v: Any,
    k: Any,
    c1: Any,
    c2: Any,
    *,
    axis: Axis = -1,
) -> Any:
    """Take one step of a diffusion sampler, with two further terms."""
    return step_of(x, prediction, (t1, t2), (a, b, limit, u, v, k, c1, c2), axis)


def solver_step_3(
    x: Any,
    prediction: Any,
    t1: Any,
    t2: Any,
    t3: Any,
    a: Any,
    b: Any,
    limit: Any,
    u: Any,
    v: Any,
    k: Any,
    c1: Any,
    c2: Any,
    c3: Any,
    *,
    axis: Axis = -1,
) -> Any:
    """Take one step of a diffusion sampler, with three further terms."""
    return step_of(x, prediction, (t1, t2, t3), (a, b, limit, u, v, k, c1, c2, c3), axis)


def solver_step_4(
    x: Any,
    prediction: Any,
    t1: Any,
    t2: Any,
    t3: Any,
    t4: Any,
    a: Any,
    b: Any,
    limit: Any,
    u: Any,
    v: Any,
    k: Any,
    c1: Any,
    c2: Any,
    c3: Any,
    c4: Any,
    *,
    axis: Axis = -1,
) -> Any:
    """Take one step of a diffusion sampler, with four further terms."""
    return step_of(x, prediction, (t1, t2, t3, t4), (a, b, limit, u, v, k, c1, c2, c3, c4), axis)
