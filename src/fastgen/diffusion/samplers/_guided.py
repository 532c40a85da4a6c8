"""Steps under classifier-free guidance, and CFG++."""

from __future__ import annotations

from typing import Any

import numpy as np

from fastgen import guidance
from fastgen._abstract import as_array, is_dask
from fastgen._abstract import numbers as in_double
from fastgen._compose import Result
from fastgen._plain import of_samples
from fastgen.diffusion.samplers import _per_sample
from fastgen.diffusion.samplers._bound_step import GUIDED_LINEAR, LINEAR, NEXT, BoundStep
from fastgen.diffusion.samplers._method import Array, Method

Numbers = tuple[Any, ...]
Pair = tuple[Any, Any]


def prediction(uncond: Any, cond: Any, scale: Any, rescale: Any) -> Any:
    """Return the guided prediction, for steps that do not compute it in the same pass."""
    if np.ndim(rescale) == 0 and rescale == 0:
        return guidance.cfg(uncond, cond, scale)
    return guidance.cfg_rescale(uncond, cond, scale, rescale=rescale)


def check_cfg_pp(method: Method) -> None:
    """Raise if CFG++ is not defined."""
    if not method.supports_cfg_pp:
        raise ValueError(
            f"{type(method).__name__}: cfg_pp with churn needs parity=None, because diffusers "
            "takes the prediction to be that of a sample with more noise"
        )


def in_one_pass(method: Method, i: int, bound: BoundStep) -> bool:
    """Return whether `moved_noise` gives CFG++: the step computes x0, or a combination alone."""
    if bound.op is LINEAR or bound.coefficients[:2] == method._x0(i):
        return True
    return bound.wanted == NEXT and bound.coefficients[5] == 0


def moved_noise(method: Method, i: int, bound: BoundStep) -> float:
    """Return the weight q that CFG++ moves from the guided to the unconditional prediction.

    g is the guided prediction, n the unconditional one. A step gives u x + v g + k x0 + ..., where
    x = alpha x0 + sigma epsilon and epsilon = e x + f g. Then g = (epsilon - e x) / f, and the
    weight of epsilon in the next sample is w = u sigma + v (1 - e sigma) / f. CFG++ computes
    epsilon from n in place of g. That adds w f (n - g), so q = w f = u sigma f + v (1 - e sigma).
    """
    (u, v), (e, f), sigma = bound.of_sample, method._epsilon(i), method.grid.noise[i]
    return u * sigma * f + v * (1 - e * sigma)


def paired(
    method: Method, arrays: tuple[Any, ...], i: Any, scale: Any, rescale: Any
) -> tuple[Array, Array]:
    """Return the sample and the prediction whose x0 is guided, and whose epsilon is not.

    The plain step from these is that of CFG++, for any method. x0 = a x + b p, and n and g are as
    in `moved_noise`. The sample with both is x + alpha (x0(g) - x0(n)) = x + alpha b (g - n). Its
    x0 is a x + b g if the prediction is n + (1 - a alpha) (g - n).
    """
    x, uncond, cond = map(as_array, arrays)
    if np.ndim(rescale) or rescale != 0:
        cond, scale = prediction(uncond, cond, scale, rescale), 1.0
    (a, b), alpha = _nodes(method, i, x)
    if np.ndim(scale) or is_dask(scale):
        scale = in_double(scale, "guided_step: scale")
        scale = scale.reshape(*scale.shape, *[1] * (np.ndim(a) - 1))
    shift, kept = scale * alpha * b, scale * (1 - a * alpha)
    numbers: tuple[Numbers, ...] = (1.0, 1.0, shift, -shift), (kept, 0.0, 1.0, 0.0)
    moved = _per_sample.apply(GUIDED_LINEAR, (x, uncond, cond), numbers[0], predictions=2)
    return moved, _per_sample.apply(
        GUIDED_LINEAR, (uncond, uncond, cond), numbers[1], predictions=2
    )


def _nodes(method: Method, i: Any, x: Array) -> tuple[Pair, Any]:
    """Return the coefficients of x0 and alpha at a step, or at several as arrays."""
    if not np.ndim(i):
        return method._x0(i), method.grid.signal[i]
    steps = method._indices(i, x)
    a, b = np.array([method._x0(k) for k in range(len(method))]).T
    return (a[steps], b[steps]), np.array(method.grid.signal)[steps]


def numbers_of(bound: BoundStep, uncond: Any, cond: Any, how: tuple[Any, Any, float]) -> Numbers:
    """Return scale and coefficients of `guided_op`: floats, or float64 of shape (batch,).

    `how` holds the scale, the strength of the rescaling, and the weight that CFG++ moves. Rescaling
    multiplies the guided prediction by a factor. Its coefficients include that factor.
    """
    scale, rescale, moved = how
    if type(scale) is not float:
        found = in_double(scale, "guided_step: scale")
        scale = found if found.ndim or is_dask(found) else float(found)
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
    shape = cond.shape[:1] if cond.ndim > 1 else ()
    arrays = (uncond, cond, scale)
    if any(map(is_dask, arrays)):
        made = Result(shape, np.dtype(np.float64))
        ratio = of_samples(
            _ratio, "samplers.guided_step", ("uncond", "cond", "scale"), arrays, made
        )
    else:
        ratio = _ratio(*arrays)
    factor = 1 + in_double(rescale, "guided_step: rescale") * (ratio - 1)
    return factor if factor.ndim or is_dask(factor) else float(factor)


def _ratio(uncond: Any, cond: Any, scale: Any) -> Any:
    """Return `deviation_ratio` in float64."""
    ratio = np.empty(cond.shape[:1] if cond.ndim > 1 else ())
    guidance.deviation_ratio(uncond, cond, scale, out=ratio)
    return ratio


def of_all_samples(numbers: Numbers) -> bool:
    """Return whether all samples share each number."""
    return set(map(type, numbers)) == {float}
