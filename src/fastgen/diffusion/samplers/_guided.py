"""Steps under classifier-free guidance: the same plans, with two predictions in place of one."""

from __future__ import annotations

import abc
from typing import TYPE_CHECKING, Any

import numpy as np

from fastgen import guidance
from fastgen._ops import OPS
from fastgen.diffusion.samplers import _per_sample
from fastgen.diffusion.samplers._coefficients import Pair
from fastgen.diffusion.samplers._grid import Grid
from fastgen.diffusion.samplers._rule import LINEAR, Plan, Rule
from fastgen.diffusion.samplers._state import State

STEPS = tuple(OPS[f"diffusion.guided_step_{terms}"] for terms in range(5))
COMBINATION = OPS["diffusion.guided_combination"]
Numbers = tuple[Any, ...]


class GuidedSteps(abc.ABC):
    """The part of all samplers that takes two predictions."""

    grid: Grid
    memory: int
    threshold: tuple[float, float] | None
    learned: bool

    if TYPE_CHECKING:

        def _x0(self, i: int) -> Pair: ...
        def _epsilon(self, i: int) -> Pair: ...
        def _rule(self, i: int, available: int) -> Rule: ...
        def _index(self, i: Any) -> int: ...
        def _made(self, i: int, state: State | None) -> tuple[Plan, tuple[Any, ...]]: ...
        def _terms(self, *inputs: Any, **options: Any) -> tuple[Any, ...]: ...
        def _next_of(self, *inputs: Any, **options: Any) -> Any: ...
        def _shapes(self, what: str, got: Any, x: Any) -> str: ...
        def step(self, *inputs: Any, **options: Any) -> Any: ...

    def guided_step(
        self,
        x: Any,
        uncond: Any,
        cond: Any,
        i: Any,
        *,
        scale: Any,
        rescale: Any = 0.0,
        cfg_pp: bool = False,
        state: State | None = None,
        out: Any = None,
        noise: Any = None,
        rng: np.random.Generator | None = None,
        key: int | None = None,
        first: int = 0,
    ) -> Any:
        """`step` with the prediction of classifier-free guidance, in one pass over memory.

        Parameters
        ----------
        x : ndarray
            The samples, ``(batch, ...)``.
        uncond, cond : ndarray
            The model's predictions without and with the condition.
        i : int, or array of int of shape (batch,)
            The number of the step.
        scale, rescale : float or ndarray of shape (batch,)
            As in `fastgen.guidance.cfg` and `fastgen.guidance.cfg_rescale`. Rescaling takes two
            passes over the predictions before.
        cfg_pp : bool, default False
            CFG++: take x0 from guidance, and the noise from the unconditional prediction. Scales
            are then between 0 and 1. Not for samplers that remember noise or slopes.
        state, out, noise, rng, key, first
            As in `step`.

        Returns
        -------
        ndarray
            The next samples, as of guidance and then `step`; but a guided prediction in half
            precision is not rounded.

        Raises
        ------
        ValueError
            As in `step`, where the predictions differ in shape, where CFG++ is not defined, and
            where the sampler takes learned variances.
        """
        if self.learned:
            raise ValueError(
                f"{type(self).__name__}: guided_step takes no learned variances; guide the "
                "predictions by fastgen.guidance, put the variances behind them, and call step"
            )
        if not (isinstance(x, np.ndarray) and type(uncond) is type(cond) is type(x)):
            x, uncond, cond = np.asarray(x), np.asarray(uncond), np.asarray(cond)
        if not x.shape == uncond.shape == cond.shape:
            name, given = ("cond", cond) if uncond.shape == x.shape else ("uncond", uncond)
            raise ValueError(self._shapes(name, given, x))
        if np.ndim(i) or self.threshold is not None:
            if cfg_pp:
                raise ValueError(not_defined(self, "one step for all, without threshold"))
            options: Any = {"state": state, "out": out, "noise": noise, "rng": rng, "key": key}
            guided = prediction(uncond, cond, scale, rescale)
            return self.step(x, guided, i, first=first, **options)
        i = self._index(i)
        made, history = self._made(i, state)
        moved = moved_noise(self, i, made, len(history)) if cfg_pp else 0.0
        numbers = numbers_of(made, uncond, cond, (scale, rescale, moved))
        terms = self._terms(x, i, made, history, (noise, rng, key), first)
        result = carry_out(made, (x, uncond, cond, *terms), numbers, out)
        return self._next_of(result, i, made, history, state)


def prediction(uncond: Any, cond: Any, scale: Any, rescale: Any) -> Any:
    """The guided prediction by itself, for steps that are not fused with it."""
    if np.ndim(rescale) == 0 and rescale == 0:
        return guidance.cfg(uncond, cond, scale)
    return guidance.cfg_rescale(uncond, cond, scale, rescale=rescale)


def not_defined(sampler: GuidedSteps, needs: str) -> str:
    """Say what CFG++ needs."""
    return f"{type(sampler).__name__}: cfg_pp needs {needs}"


def moved_noise(sampler: GuidedSteps, i: int, made: Plan, available: int) -> float:
    """How much of the guided prediction CFG++ takes from the unconditional one.

    The noise in x and that in the prediction go into the next sample with weights u and v; in
    constant predictions they are one. So q is what is left of it there, and q of the guided
    epsilon = e x + f p is exchanged for q of the unconditional one.
    """
    if getattr(sampler, "churn", 0.0):
        raise ValueError(not_defined(sampler, "a sampler without churn"))
    if sampler.memory and sampler._rule(i, available)[:2] != sampler._x0(i):
        raise ValueError(not_defined(sampler, "a sampler that remembers x0, or nothing"))
    u, v = made.coefficients if made.op is LINEAR else made.coefficients[3:5]
    (e, f), sigma = sampler._epsilon(i), sampler.grid.noise[i]
    return u * sigma * f + v * (1 - e * sigma)


def numbers_of(made: Plan, uncond: Any, cond: Any, how: tuple[Any, Any, float]) -> Numbers:
    """Scale and coefficients of a step: floats, or float64 of shape (batch,).

    What rescaling multiplies the guided prediction with is a factor of its coefficients.
    """
    scale, rescale, moved = how
    if type(scale) is not float:
        scale = np.asarray(scale, np.float64) if np.ndim(scale) else float(scale)
    factor: Any = 1.0
    if np.ndim(rescale) or rescale != 0:
        ratio = np.empty(cond.shape[:1] if cond.ndim > 1 else ())
        guidance.deviation_ratio(uncond, cond, scale, out=ratio)
        factor = 1 + np.asarray(rescale, np.float64) * (ratio - 1)
        factor = factor if factor.ndim else float(factor)
    if made.op is LINEAR:
        u, v = made.coefficients
        return scale, u, (v - moved) * factor, moved
    a, b, limit, u, v, k, *c = made.coefficients
    return scale, a, b * factor, limit, u, (v - moved) * factor, moved, k, *c


def carry_out(made: Plan, arrays: tuple[Any, ...], numbers: Numbers, out: Any) -> Any:
    """The operation of a plan, with two predictions."""
    op = COMBINATION if made.op is LINEAR else STEPS[len(arrays) - 3]
    if not all(type(c) is float for c in numbers):
        return _per_sample.apply(op, arrays, numbers, out, made.wanted, predictions=2)
    if op is COMBINATION:
        return op(arrays + numbers, -1, False, out)
    return op(arrays + numbers, -1, False, None if out is None else (out, None), made.wanted)
