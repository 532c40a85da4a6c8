"""A velocity that was learned on one path, on another: change of schedule."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np

from fastgen._abstract import numbers
from fastgen._compose import composed
from fastgen._ops import OPS
from fastgen._typing import Array, ArrayLike
from fastgen.diffusion import _rows
from fastgen.diffusion._of_time import OfTime
from fastgen.diffusion.paths.path import Path, at_times, first_without, floats, refuse_outside

__all__ = ["PathChange", "change_velocity", "matching_time"]

_change_velocity = OPS["diffusion.linear_combination"].called("diffusion.paths.change_velocity")


@dataclass(frozen=True)
class PathChange(OfTime):
    r"""A change from the path that a model was trained on, to another.

    Points of both paths are the same but for a factor, where the ratios
    :math:`\alpha / \sigma` are the same: :math:`\bar x_t = s_t x_r`, with the time r of the first
    path, and

    .. math:: \frac{\alpha_r}{\sigma_r} = \frac{\bar\alpha_t}{\bar\sigma_t}, \qquad
              s_t = \sqrt{\frac{\bar\alpha_t^2 + \bar\sigma_t^2}{\alpha_r^2 + \sigma_r^2}} .

    Parameters
    ----------
    path : Path
        The path of the model.
    new : Path
        The other path.

    Raises
    ------
    TypeError
        If one is no path.

    Notes
    -----
    `matching_time` gives r and :math:`s_t`, and `change_velocity` the velocity on the new path.
    Changes do not change, and pickle.

    Examples
    --------
    >>> from fastgen.diffusion import paths
    >>> change = paths.PathChange(paths.Cosine(), paths.Linear())
    >>> r, scale = paths.matching_time(0.25, change)
    >>> model = lambda x, t: -x  # what was trained on the cosine path
    >>> x = 2.0
    >>> v = paths.change_velocity(x, model(x / scale, r), 0.25, change)
    """

    path: Path
    new: Path

    coefficient_count = 4

    def __post_init__(self) -> None:
        """Check the paths."""
        for name, path in (("path", self.path), ("new", self.new)):
            if not isinstance(path, Path):
                raise TypeError(
                    f"PathChange: {name} must be a fastgen.diffusion.paths.Path, such as "
                    f"Linear(); got {path!r}"
                )

    def coefficients(self, t: ArrayLike) -> tuple[Array, Array, Array, Array]:
        """Return four arrays: the time r, the factor, and those of the point and of the velocity.

        The velocity on the new path is the third times the point plus the fourth times the velocity
        of the model. They are in float64. The last two are infinite or NaN where no velocity
        follows.
        """
        times: Any = numbers(t, "PathChange: t")
        a, s, p, q = self.new.coefficients(times)
        r = np.asarray(self.path.time_of(a, s))
        where = first_without(~np.isnan(r), times)
        if where is not None:
            raise ValueError(
                f"PathChange: {self.path!r} has no time with the signal-to-noise ratio that "
                f"{self.new!r} has at t = {where:g}; the time_of of the new path, at "
                "the ends of the first, gives the range of times"
            )
        a_r, s_r, p_r, q_r = self.path.coefficients(r)
        with np.errstate(divide="ignore", over="ignore", invalid="ignore"):
            scale = np.hypot(a, s) / np.hypot(a_r, s_r)
            d = a_r * q_r - p_r * s_r
            of_x, of_velocity = (p * q_r - q * p_r) / d / scale, (q * a_r - p * s_r) / d
        return r[()], scale, of_x, of_velocity


def _checked(t: Any, function: str, change: Any) -> tuple[Any, ...]:
    """Return the coefficients of a change at times in [0, 1], or raise a ValueError."""
    refuse_outside(function, t)
    try:
        found: tuple[Any, ...] = change.coefficients(t)
    except ValueError as error:
        raise ValueError(f"{function}: {error}") from None
    return found


def _at(function: str, change: Any, t: Any, f: Any, count: int) -> tuple[Any, ...]:
    if not isinstance(change, PathChange):
        raise TypeError(
            f"{function}: change must be a fastgen.diffusion.paths.PathChange, got {change!r}"
        )
    name = f"paths.{function}"
    return at_times(name, t, partial(f, function=name, change=change), count)


def _time_and_scale(t: Any, function: str, change: Any) -> tuple[Any, ...]:
    return _checked(t, function, change)[:2]


def _of_point_and_velocity(t: Any, function: str, change: Any) -> tuple[Any, ...]:
    found = _checked(t, function, change)[2:]
    where = first_without(np.isfinite(found[0]) & np.isfinite(found[1]), t)
    if where is not None:
        raise ValueError(f"{function}: no velocity follows at t = {where:g} of {change!r}")
    return found


def matching_time(t: ArrayLike, change: PathChange) -> tuple[Array, Array]:
    r"""Times of the model's path for times of a new path, and the factor between the points.

    .. math:: \bar x_t = s_t x_r

    Parameters
    ----------
    t : float or array_like
        Times of the new path, from 0 to 1.
    change : PathChange
        The path of the model, and the new one.

    Returns
    -------
    r, scale : ndarray or scalar
        Times of the model's path, and :math:`s_t`. In float64, of the shape of `t`. The model takes
        ``x / scale`` at time ``r``.

    Raises
    ------
    ValueError
        If a time lies outside [0, 1], or the model's path has no such signal-to-noise ratio.
    TypeError
        If `change` is no `PathChange`.

    Notes
    -----
    Times are right within a few ULP of 1. It has no derivative: times are no variables.

    Examples
    --------
    >>> from fastgen.diffusion import paths
    >>> change = paths.PathChange(paths.Cosine(), paths.Linear())
    >>> r, scale = paths.matching_time(0.5, change)
    >>> round(float(r), 6), round(float(scale), 6)
    (0.5, 0.707107)
    """
    r, scale = _at("matching_time", change, t, _time_and_scale, 2)
    return r, scale


@composed(inputs=2, operands=("x_t", "velocity", "t", "t"))
def change_velocity(
    x_t: ArrayLike,
    velocity: ArrayLike,
    t: ArrayLike,
    change: PathChange,
    *,
    out: Array | None = None,
) -> Array:
    r"""Velocity on a new path, from that of a model that was trained on another.

    .. math:: \bar v = \frac{\dot{\bar\alpha}_t \dot\sigma_r - \dot{\bar\sigma}_t \dot\alpha_r}
              {d_r s_t} \bar x_t + \frac{\dot{\bar\sigma}_t \alpha_r - \dot{\bar\alpha}_t \sigma_r}
              {d_r} v, \qquad d_r = \alpha_r \dot\sigma_r - \dot\alpha_r \sigma_r

    Parameters
    ----------
    x_t : array_like
        Points on the new path.
    velocity : array_like
        The velocity v of the model at ``x_t / scale`` and time ``r``, which `matching_time` gives;
        of the shape of `x_t`.
    t : float or array_like
        Times of the new path, as in `sample`.
    change : PathChange
        The path of the model, and the new one.
    {out_or_input}

    Returns
    -------
    ndarray
        Of the shape of `x_t`.

    Raises
    ------
    ValueError
        If shapes do not fit, a time lies outside [0, 1], the model's path has no such
        signal-to-noise ratio, or no velocity follows: where one is infinite, or the model's does
        not determine data and noise, as at the start of ``Polynomial(n)`` for n > 1.
    TypeError
        If an input is complex, longdouble, object or masked, or `change` is no `PathChange`.

    Notes
    -----
    The velocity determines data and noise, and these the velocity on the new path: a flow with it
    goes through the same points, each scaled. One pass over memory, with coefficients in float64.
    They are as right as the time r, a float64: next to r = 1 its rounding is felt, at a distance h
    from it by :math:`10^{-16} / h`. The error is within 2 ULP of the larger of the two terms. `x_t`
    and `velocity` have derivatives.

    References
    ----------
    .. [1] Lipman et al., "Flow Matching Guide and Code", 2024.

    Examples
    --------
    >>> import numpy as np
    >>> from fastgen.diffusion import paths
    >>> same = paths.PathChange(paths.Linear(), paths.Linear())
    >>> paths.change_velocity(np.ones(2), np.full(2, 0.5), 0.25, same)
    array([0.5, 0.5])
    """
    found = floats(_at("change_velocity", change, t, _of_point_and_velocity, 2))
    call = ("paths.change_velocity", ("x_t", "velocity"), (x_t, velocity), ("t", t), found)
    return _rows.along_leading(_change_velocity, *call, out)
