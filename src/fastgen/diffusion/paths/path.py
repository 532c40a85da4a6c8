"""What a probability path is: coefficients of data and noise, and their slopes, at any time."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np

from fastgen._abstract import Abstract, has_no_values, is_dask, numbers
from fastgen._plain import of_elements
from fastgen._typing import Array, ArrayLike
from fastgen.diffusion._of_time import OfTime

__all__ = ["Path"]

BISECTIONS = 64  # more than the 53 bits of a double
ROUNDED = 1e-12  # so far outside [0, 1], a time is an end that was rounded


class Path(OfTime):
    r"""A probability path from noise at t = 0 to data at t = 1.

    .. math:: x_t = \alpha_t x_1 + \sigma_t x_0, \qquad
              \dot x_t = \dot\alpha_t x_1 + \dot\sigma_t x_0

    :math:`x_1` is the data and :math:`x_0` the noise, or any start. This is the direction of flow
    matching, and of `fastgen.diffusion.interpolate`. A `fastgen.diffusion.Schedule` has the other:
    the path at t has the coefficients of the schedule at 1 - t, and its velocity has the opposite
    sign.

    ============================  ===========================================  ====================
    path                          :math:`\alpha_t,\; \sigma_t`                 the schedule
    ============================  ===========================================  ====================
    `Linear`                      :math:`t,\; 1 - (1 - \sigma_{\min}) t`       `flow`
    `Cosine`                      :math:`\sin \frac{\pi t}{2},\;               `trigflow`
                                  \cos \frac{\pi t}{2}`
    `Polynomial`                  :math:`t^n,\; 1 - t^n`
    `VariancePreserving`          :math:`e^{-T/2},\; \sqrt{1 - e^{-T}}`        `vp`
    `LinearVariancePreserving`    :math:`t,\; \sqrt{1 - t^2}`
    `VarianceExploding`           :math:`1,\;                                  `exponential`
                                  \sigma_{\max}^{1-t} \sigma_{\min}^t`
    ============================  ===========================================  ====================

    Paths do not change, and pickle. Equal paths are equal, and have one hash.

    A path of your own is a class with `formula`, and `time_of` if there is a formula for that too.

    Examples
    --------
    >>> from fastgen.diffusion.paths import Linear, Path
    >>> path = Linear()
    >>> path.alpha([0.0, 0.25]), path.sigma([0.0, 0.25]), path.d_sigma([0.0, 0.25])
    (array([0.  , 0.25]), array([1.  , 0.75]), array([-1., -1.]))
    >>> class Quadratic(Path):
    ...     def formula(self, t):
    ...         return t * t, 1 - t, 2 * t, 0 * t - 1
    >>> round(float(Quadratic().time_of(1.0, 2.0)), 6)
    0.5
    """

    coefficient_count = 4

    def formula(self, t: Array) -> tuple[Any, Any, Any, Any]:
        r"""Return :math:`\alpha_t, \sigma_t, \dot\alpha_t, \dot\sigma_t` at times in [0, 1].

        The times are an array of float64, of any shape, and so are the results.
        """
        raise NotImplementedError(f"{type(self).__name__} has no formula")

    def coefficients(self, t: ArrayLike) -> tuple[Array, Array, Array, Array]:
        r"""Return :math:`\alpha_t, \sigma_t, \dot\alpha_t, \dot\sigma_t` at times.

        Parameters
        ----------
        t : array_like
            Times from 0 to 1. A dask array gives dask arrays.

        Returns
        -------
        alpha, sigma, d_alpha, d_sigma : ndarray or scalar
            In float64, of the shape of `t`. At an end, a derivative may be infinite. Those of
            fastgen's paths are within 4 ULP, and within 16 for `VariancePreserving` and its default
            betas, where the rounding of an exponent is felt.

        Raises
        ------
        ValueError
            If a time lies outside [0, 1].
        """
        name = f"diffusion.paths.{type(self).__name__}"
        if is_dask(t):
            found: tuple[Array, Array, Array, Array] = of_elements(
                self.coefficients, name, "t", t, 4
            )
            return found
        times: Any = numbers(t, f"{type(self).__name__}: t")
        if type(times) is Abstract:
            return (times, times, times, times)  # type: ignore[return-value]
        refuse_outside(type(self).__name__, times)
        return self._at(times)

    def _at(self, times: Array) -> tuple[Array, Array, Array, Array]:
        """Return the coefficients at times that are checked."""
        with np.errstate(divide="ignore", over="ignore", under="ignore"):
            alpha, sigma, d_alpha, d_sigma = self.formula(times)
        return (
            _like(alpha, times),
            _like(sigma, times),
            _like(d_alpha, times),
            _like(d_sigma, times),
        )

    def alpha(self, t: ArrayLike) -> Array:
        r"""Return the coefficient :math:`\alpha_t` of the data, as `coefficients` does."""
        return self.coefficients(t)[0]

    def sigma(self, t: ArrayLike) -> Array:
        r"""Return the coefficient :math:`\sigma_t` of the noise, as `coefficients` does."""
        return self.coefficients(t)[1]

    def d_alpha(self, t: ArrayLike) -> Array:
        r"""Return the derivative :math:`\dot\alpha_t`, as `coefficients` does."""
        return self.coefficients(t)[2]

    def d_sigma(self, t: ArrayLike) -> Array:
        r"""Return the derivative :math:`\dot\sigma_t`, as `coefficients` does."""
        return self.coefficients(t)[3]

    def time_of(self, alpha: ArrayLike, sigma: ArrayLike) -> Array:
        r"""Return the times at which :math:`\alpha_t / \sigma_t` is alpha / sigma.

        Parameters
        ----------
        alpha, sigma : array_like
            Numbers >= 0, not both 0. They broadcast together. A sigma of 0 stands for data without
            noise.

        Returns
        -------
        ndarray or scalar
            Times in float64. NaN where the path has no such time.
        """
        pair = numbers(alpha, "time_of: alpha"), numbers(sigma, "time_of: sigma")
        a, s = np.broadcast_arrays(*pair)
        if not np.all((a >= 0) & (s >= 0) & (a + s > 0) & (a < np.inf) & (s < np.inf)):
            raise ValueError(
                "time_of: alpha and sigma must be >= 0 and finite, and not both 0; "
                f"got {alpha!r} and {sigma!r}"
            )
        with np.errstate(divide="ignore", over="ignore", under="ignore", invalid="ignore"):
            t = np.asarray(self.inverse(a, s))
            t = np.where((t >= -ROUNDED) & (t <= 1 + ROUNDED), np.clip(t, 0, 1), np.nan)
        return t[()]

    def inverse(self, alpha: Array, sigma: Array) -> Any:
        """Return the times of `time_of`, for checked numbers: any number outside [0, 1] is none.

        The default is a bisection of `formula`, whose ratio must increase.
        """
        low, high = np.zeros(alpha.shape), np.ones(alpha.shape)
        first, last = self.formula(low), self.formula(high)
        for _ in range(BISECTIONS):
            middle = low + (high - low) / 2
            a, s, _, _ = self.formula(middle)
            above = a * sigma > alpha * s
            low, high = np.where(above, low, middle), np.where(above, middle, high)
        too_low = alpha * first[1] < first[0] * sigma
        too_high = alpha * last[1] > last[0] * sigma
        return np.where(too_low | too_high, np.nan, low + (high - low) / 2)


def _like(x: Any, times: Any) -> Any:
    """Return a coefficient in the shape of the times."""
    return np.broadcast_to(np.asarray(x, np.float64), times.shape)[()]


Coefficients = Callable[[Any, str, Path], tuple[Any, ...]]


def at(function: str, path: Any, t: Any, found: Coefficients, count: int) -> tuple[Any, ...]:
    """Return the coefficients of a call at its times: floats if `t` is one number.

    `found` makes `count` of them from the times in [0, 1], the name of the function and the path.
    It pickles. Raise if a time lies outside, or has no such coefficients.
    """
    if not isinstance(path, Path):
        raise TypeError(
            f"{function}: path must be a fastgen.diffusion.paths.Path, such as Linear(); "
            f"got {path!r}"
        )
    look_up = partial(_within, function=function, path=path, found=found)
    return floats(at_times(function, t, look_up, count))


def at_times(function: str, t: Any, look_up: Callable[[Any], Any], count: int) -> tuple[Any, ...]:
    """Return `count` arrays from the times of a call, in NumPy or lazily. `look_up` pickles."""
    if is_dask(t):
        lazy: tuple[Any, ...] = of_elements(look_up, f"diffusion.{function}", "t", t, count)
        return lazy
    times = numbers(t, f"{function}: t")
    return (times,) * count if has_no_values(times) else look_up(times)


def floats(coefficients: tuple[Any, ...]) -> tuple[Any, ...]:
    """Return coefficients of one time as floats, and others as they are."""
    first = coefficients[0]
    if np.ndim(first) or has_no_values(first):
        return coefficients
    return tuple(map(float, coefficients))


def _within(t: Any, function: str, path: Path, found: Coefficients) -> tuple[Any, ...]:
    refuse_outside(function, t)
    return found(t, function, path)


def refuse_outside(function: str, t: Any) -> None:
    """Raise a ValueError if a time lies outside [0, 1]."""
    if not np.all((t >= 0) & (t <= 1)):
        raise ValueError(f"{function}: t must lie in [0, 1], got {t}")


def with_velocity(t: Any, function: str, path: Path) -> tuple[Any, ...]:
    """Return alpha, sigma and their derivatives, or raise a ValueError if one is infinite."""
    made = path._at(t)
    refuse_infinite(function, t, made[2:], f"the velocity of {path!r}")
    return made


def refuse_infinite(function: str, t: Any, coefficients: tuple[Any, ...], what: str) -> None:
    """Raise a ValueError if a coefficient is not finite."""
    where = first_without(np.all(np.isfinite(coefficients), axis=0), t)
    if where is not None:
        raise ValueError(
            f"{function}: {what} is infinite at t = {where:g}; give times inside, such as those "
            "of times.uniform(n, low=1e-5, high=1 - 1e-5)"
        )


def first_without(good: Any, t: Any) -> float | None:
    """Return the first time at which something does not hold, or None."""
    good = np.ravel(good)
    return None if good.all() else np.ravel(t)[good.argmin()]
