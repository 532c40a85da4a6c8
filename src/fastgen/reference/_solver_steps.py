"""One step of a diffusion sampler, in plain NumPy."""

from __future__ import annotations

from typing import Any

import numpy as np

Axis = int | tuple[int, ...] | None
Coefficients = tuple[Any, ...]


def spread(arrays: Coefficients, numbers: Coefficients, axis: Axis) -> list[Any]:
    """Reshape coefficients, so that they broadcast along the batch axes of the arrays."""
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
    """Combine arrays linearly. Each has one coefficient per row."""
    a, b, limit, u, v, k, *c = spread((x, prediction, *terms), numbers, axis)
    denoised = np.clip(a * x + b * prediction, -limit, limit)
    result = u * x + v * prediction + k * denoised
    for weight, term in zip(c, terms, strict=True):
        result = result + weight * term
    return result, denoised


def solver_step(
    x: Any, prediction: Any, coefficients: Any, terms: Any = (), *, axis: Axis = -1
) -> Any:
    """Take one step of a diffusion sampler."""
    return step_of(x, prediction, tuple(terms), tuple(coefficients), axis)
