"""Steps of a schedule for training: evenly, or by given probabilities."""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np

from fastgen._arrays import array_of
from fastgen._typing import Array, ArrayLike, Rng
from fastgen.diffusion.times._draws import _index, drawn

__all__ = ["steps", "weighted_steps"]


def _steps(u: Any, num_steps: int) -> Any:
    return np.minimum(np.floor(u * num_steps), num_steps - 1)


def steps(
    shape: int | tuple[int, ...],
    num_steps: int,
    *,
    strata: int | None = None,
    key: int | None = None,
    rng: Rng = None,
    counter: int = 0,
    chunks: Any = None,
) -> Array:
    r"""Uniform steps of a schedule.

    .. math:: t = \lfloor u T \rfloor

    Parameters
    ----------
    {shape_of_times}
    num_steps : int
        The number T of steps.
    {strata_and_key}

    Returns
    -------
    ndarray or scalar of int64
        Steps from 0 to T - 1.

    Raises
    ------
    {raises_of_times}
    ValueError
        If `num_steps` is not positive.

    Notes
    -----
    Draws are as in `uniform`.

    Examples
    --------
    >>> from fastgen.diffusion import times
    >>> times.steps(4, 1000, strata=4, key=0)
    array([151, 332, 724, 977])
    """
    count = _index("steps", "num_steps", num_steps, 1, 2**48)
    quantile = partial(_steps, num_steps=count)
    return drawn("steps", quantile, shape, strata, key, rng, counter, np.int64, chunks)


def _chosen(u: Any, ends: Any) -> Any:
    return np.searchsorted(ends, u, side="right")


def weighted_steps(
    shape: int | tuple[int, ...],
    probabilities: ArrayLike,
    *,
    strata: int | None = None,
    key: int | None = None,
    rng: Rng = None,
    counter: int = 0,
) -> tuple[Array, Array]:
    r"""Steps of a schedule by given probabilities, and the weights that make up for them.

    .. math:: t \sim p, \qquad w_t = \frac{1}{T p_t}

    Parameters
    ----------
    {shape_of_times}
    probabilities : array_like
        One per step, of shape (T,), up to a factor.
    {strata_and_key_only}

    Returns
    -------
    t : ndarray or scalar of int64
        Steps from 0 to T - 1. A step of probability 0 is never drawn.
    weight : ndarray or scalar
        The weights of their losses, in float64: the mean of weight times loss has the expectation
        of the mean loss over uniform steps, if no probability is 0.

    Raises
    ------
    {raises_of_times}
    ValueError
        If `probabilities` is not of shape (T,), one is negative or not finite, or all are 0.

    Notes
    -----
    Draws are as in `uniform`.

    It has no derivative: steps are no variables.

    Examples
    --------
    >>> from fastgen.diffusion import times
    >>> t, weight = times.weighted_steps(4, [1.0, 0.0, 3.0], strata=4, key=0)
    >>> t, weight.round(3)
    (array([0, 2, 2, 2]), array([1.333, 0.444, 0.444, 0.444]))
    """
    p = array_of(probabilities, np.float64, "weighted_steps: probabilities")
    if p.ndim != 1 or not p.size:
        raise ValueError(f"weighted_steps: probabilities must be of shape (T,), got {p.shape}")
    if not (np.all(p >= 0) and np.all(np.isfinite(p)) and np.any(p)):
        raise ValueError(
            "weighted_steps: probabilities must be >= 0 and finite, and not all 0; "
            f"got {p.min()} to {p.max()}"
        )
    p = p / p.max()  # no sum overflows, or loses all its digits
    ends = np.cumsum(p)
    possible = np.flatnonzero(p)
    ends = ends / ends[-1]
    ends[possible[-1] :] = 1.0
    quantile = partial(_chosen, ends=ends)
    t = drawn("weighted_steps", quantile, shape, strata, key, rng, counter, np.int64)
    return t, (p.sum() / (p.size * p[t]))[()]
