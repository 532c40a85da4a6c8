"""A step with noise as a normal distribution of the next sample: its density and gradient."""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np

from fastgen import _messages
from fastgen._arrays import array_of
from fastgen._core import result_dtype
from fastgen._ops import OPS
from fastgen._pullbacks import gradients_of
from fastgen.diffusion import solver_steps
from fastgen.diffusion.samplers import _checks, _per_sample
from fastgen.diffusion.samplers._bound_step import LINEAR, BoundStep
from fastgen.diffusion.samplers._method import Array, Method
from fastgen.diffusion.samplers._per_sample import Coefficients

_log_prob = OPS["vae.standard_normal_log_prob"]
REDUCTIONS = ("sum", "mean")


class Transition(NamedTuple):
    """N(mean, std^2), where the mean is u x + v p + k clip(a x + b p) + sum_j c_j m_j."""

    arrays: tuple[Array, ...]
    """x, p, and the memories m_j."""
    numbers: Coefficients
    """a, b, limit, u, v, k and c_j: floats, or float64 of the leading axes of x."""
    std: Any
    """A float, or an array that broadcasts to x."""

    def mean(self) -> Array:
        """Return the mean."""
        op = solver_steps.ROWS[len(self.arrays) - 2]
        found: Array = _per_sample.apply(op, self.arrays, self.numbers)[0]
        return found

    def standardised(self, after: Array) -> Array:
        """Return z = (after - mean) / std."""
        if np.ndim(self.std) and np.shape(self.std) == after.shape:
            z: Array = (after - self.mean()) / self.std
            return z
        a, b, limit, *others = self.numbers
        std = self.std if np.ndim(self.std) == 0 else self.std.reshape(self._leading())
        divided = tuple([-c / std for c in others])
        op, arrays = solver_steps.ROWS[len(self.arrays) - 1], (*self.arrays, after)
        z = _per_sample.apply(op, arrays, (a, b, limit, *divided, 1 / std))[0]
        return z

    def pulled_back(self, cotangent: Array) -> Array:
        """Return the gradient by p, from the cotangent of the mean."""
        op = solver_steps.ROWS[len(self.arrays) - 2]
        dtype = self.arrays[0].dtype
        rounded = [c.astype(dtype) if np.ndim(c) else c for c in self.numbers]
        axes = tuple(range(max(1, *map(np.ndim, rounded)), cotangent.ndim))
        inputs = (*self.arrays, *rounded)
        found: Array = gradients_of(op, [1], inputs, (cotangent, 0.0), False, axes)[1][0]
        return found

    def _leading(self) -> tuple[int, ...]:
        """Return the leading axes of x that the coefficients have."""
        count = max(map(np.ndim, self.numbers))
        return self.arrays[0].shape[:count]


def of_step(method: Method, x: Any, prediction: Any, i: Any, state: Any) -> Transition:
    """Return the transition of a step, in float32 or float64."""
    x, prediction = array_of(x), array_of(prediction)
    if x.shape != prediction.shape:
        raise ValueError(method._shapes("prediction", prediction, x))
    dtype = np.float64 if result_dtype((x, prediction)) == np.float64 else np.float32
    x, prediction = (y.astype(dtype, copy=False) for y in (x, prediction))
    history: tuple[Array, ...] = ()
    if np.ndim(i):
        rows = method._table[method._indices(i, x)]
        *numbers, std = np.moveaxis(rows, -1, 0)
        std = std.reshape(*std.shape, *[1] * (x.ndim - std.ndim))
    else:
        bound, history = method._bound_step(method._index(i), state)
        history = tuple([m.astype(dtype, copy=False) for m in history[: bound.history]])
        numbers, std = _numbers(bound)
    found: Coefficients = tuple(numbers)
    if method.threshold is not None and np.any(numbers[2] != math.inf):
        found = _per_sample.thresholded(x, prediction, found, method.threshold)
    return Transition((x, prediction, *history), found, std)


def _numbers(bound: BoundStep) -> tuple[list[float], float]:
    """Return the coefficients of the mean, and the deviation."""
    if bound.op is LINEAR:
        return [0.0, 0.0, math.inf, *bound.coefficients, 0.0], 0.0
    if bound.noise:
        return list(bound.coefficients[:-1]), bound.coefficients[-1]
    return list(bound.coefficients), 0.0


class Density:
    """The log-density of the next sample under a transition, summed over axes.

    Parameters
    ----------
    method : Method
        The sampler. Errors name it.
    transition : Transition
        The transition. All its deviations are above 0.
    after : ndarray
        The next sample.
    axis : int, tuple of int or None
        The axes of the sum. None stands for all but the first.
    reduction : {"sum", "mean"}
        With "mean", the sum is divided by the number of its elements.
    """

    def __init__(
        self, method: Method, transition: Transition, after: Any, axis: Any, reduction: str
    ) -> None:
        name, x = f"{type(method).__name__}.log_prob", transition.arrays[0]
        after = array_of(after)
        if after.shape != x.shape:
            raise ValueError(method._shapes("next_x", after, x))
        _checks.check_choice(name, "reduction", REDUCTIONS, reduction)
        given = tuple(range(1, x.ndim)) if axis is None else axis
        given = given if isinstance(given, tuple) else (given,)
        self.axes = tuple([_messages.checked_axis(name, axis, a, x.ndim) for a in given])
        if len(set(self.axes)) < len(self.axes):
            raise ValueError(_messages.repeated_axis(name, axis))
        self.transition, self.z = transition, transition.standardised(after)
        count = math.prod(x.shape[a] for a in self.axes)
        self.weight = 1 / max(count, 1) if reduction == "mean" else 1.0

    def value(self) -> Any:
        """Return the log-density in float64."""
        shape = self.z.shape
        found = np.empty([n for d, n in enumerate(shape) if d not in self.axes])
        _log_prob((self.z,), self.axes, False, found)
        logs = np.log(np.asarray(self.transition.std, np.float64))
        logs = logs.reshape(*logs.shape, *[1] * (len(shape) - logs.ndim))
        repeated = math.prod(shape[a] for a in self.axes if logs.shape[a] == 1)
        return ((found - repeated * logs.sum(self.axes)) * self.weight)[()]

    def of_mean(self, cotangent: Any) -> Array:
        """Return the gradient by the mean."""
        share: Array = self._share(cotangent) * self.z / self.transition.std
        return share.astype(self.z.dtype, copy=False)

    def of_log_variance(self, cotangent: Any) -> Array:
        """Return the gradient by the logarithm of the variance of each element."""
        share: Array = self._share(cotangent) * (self.z * self.z - 1) / 2
        return share.astype(self.z.dtype, copy=False)

    def _share(self, cotangent: Any) -> Any:
        """Return the cotangent of each element's log-density, which broadcasts to x."""
        shape = tuple([n for d, n in enumerate(self.z.shape) if d not in self.axes])
        _messages.check_cotangent("log_prob_and_grad", cotangent, shape)
        spread = np.broadcast_to(np.asarray(cotangent, np.float64) * self.weight, shape)
        return np.expand_dims(spread, self.axes).astype(self.z.dtype)


def check_noisy(sampler: Any, i: Any) -> None:
    """Raise if step i, or one of several, adds no noise."""
    for step in np.unique(np.asarray(i)):
        if not sampler.adds_noise(step):
            raise ValueError(
                f"{type(sampler).__name__}: step {step} adds no noise, so its next sample has no "
                "density; use a sampler that adds noise, such as DDIM(..., eta=1) or "
                "EulerAncestral, and only steps where adds_noise(i) is True"
            )
