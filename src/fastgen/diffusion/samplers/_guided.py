"""Steps under classifier-free guidance: the coefficients of `BoundStep.guided_op`."""

from __future__ import annotations

from typing import Any

import numpy as np

from fastgen import guidance
from fastgen.diffusion.samplers._bound_step import LINEAR, BoundStep
from fastgen.diffusion.samplers._method import Method

Numbers = tuple[Any, ...]


def prediction(uncond: Any, cond: Any, scale: Any, rescale: Any) -> Any:
    """Return the guided prediction, for steps that do not compute it in the same pass."""
    if np.ndim(rescale) == 0 and rescale == 0:
        return guidance.cfg(uncond, cond, scale)
    return guidance.cfg_rescale(uncond, cond, scale, rescale=rescale)


def not_defined(method: Method, needs: str) -> str:
    """Return the message that CFG++ is not defined for a call."""
    return f"{type(method).__name__}: cfg_pp needs {needs}"


def moved_noise(method: Method, i: int, bound: BoundStep) -> float:
    """Return the weight q that CFG++ moves from the guided to the unconditional prediction.

    g is the guided prediction, n the unconditional one. A step gives u x + v g + k x0 + ..., where
    x = alpha x0 + sigma epsilon and epsilon = e x + f g. Then g = (epsilon - e x) / f, and the
    weight of epsilon in the next sample is w = u sigma + v (1 - e sigma) / f. CFG++ computes
    epsilon from n in place of g. That adds w f (n - g), so q = w f = u sigma f + v (1 - e sigma).
    """
    if not method.supports_cfg_pp:
        raise ValueError(
            not_defined(method, "a sampler without churn that remembers x0 or nothing")
        )
    (u, v), (e, f), sigma = bound.of_sample, method._epsilon(i), method.grid.noise[i]
    return u * sigma * f + v * (1 - e * sigma)


def numbers_of(bound: BoundStep, uncond: Any, cond: Any, how: tuple[Any, Any, float]) -> Numbers:
    """Return scale and coefficients of `guided_op`: floats, or float64 of shape (batch,).

    `how` holds the scale, the strength of the rescaling, and the weight that CFG++ moves. Rescaling
    multiplies the guided prediction by a factor. Its coefficients include that factor.
    """
    scale, rescale, moved = how
    if type(scale) is not float:
        scale = np.asarray(scale, np.float64) if np.ndim(scale) else float(scale)
    factor: Any = 1.0
    if type(rescale) is not float or rescale != 0:
        factor = _rescaling(uncond, cond, scale, rescale)
    if bound.op is LINEAR:
        u, v = bound.coefficients
        return scale, u, (v - moved) * factor, moved
    a, b, limit, u, v, k, *c = bound.coefficients
    return scale, a, b * factor, limit, u, (v - moved) * factor, moved, k, *c


def _rescaling(uncond: Any, cond: Any, scale: Any, rescale: Any) -> Any:
    """Return the factor of the guided prediction: a float, or float64 of shape (batch,)."""
    if np.ndim(rescale) == 0 and rescale == 0:
        return 1.0
    ratio = np.empty(cond.shape[:1] if cond.ndim > 1 else ())
    guidance.deviation_ratio(uncond, cond, scale, out=ratio)
    factor = 1 + np.asarray(rescale, np.float64) * (ratio - 1)
    return factor if factor.ndim else float(factor)


def of_all_samples(numbers: Numbers) -> bool:
    """Return whether all samples share each number."""
    return set(map(type, numbers)) == {float}
