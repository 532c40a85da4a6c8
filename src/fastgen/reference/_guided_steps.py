"""One step of a diffusion sampler under classifier-free guidance, in plain NumPy."""

from __future__ import annotations

from typing import Any

from fastgen.reference._solver_steps import Axis, spread, step_of


def guided_combination(
    x: Any, uncond: Any, cond: Any, scale: Any, u: Any, v: Any, w: Any, *, axis: Axis = -1
) -> Any:
    """Take a linear step under classifier-free guidance."""
    scale, u, v, w = spread((x, uncond, cond), (scale, u, v, w), axis)
    return u * x + v * (uncond + scale * (cond - uncond)) + w * uncond


def guided_step(
    x: Any,
    uncond: Any,
    cond: Any,
    scale: Any,
    coefficients: Any,
    terms: Any = (),
    *,
    axis: Axis = -1,
) -> Any:
    """Take one step under classifier-free guidance."""
    (s,) = spread((x, uncond, cond, *terms), (scale,), axis)
    a, b, limit, u, v, w, k, *c = coefficients
    guided = uncond + s * (cond - uncond)
    numbers = (a, b, limit, u, v, k, w, *c)
    return step_of(x, guided, (uncond, *terms), numbers, axis)
