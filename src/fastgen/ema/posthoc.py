"""Averages with the profile of a power of time, and their reconstruction after the training."""

from __future__ import annotations

from typing import Any

import numpy as np

from fastgen._arrays import array_of
from fastgen._plain import elementwise
from fastgen._typing import Array, ArrayLike

__all__ = ["gamma_of_sigma_rel", "posthoc_coefficients", "sigma_rel_of_gamma"]

_WIDEST = 12**-0.5  # the width of the plain mean, whose gamma is 0


@elementwise
def sigma_rel_of_gamma(gamma: ArrayLike) -> Array:
    r"""Width of a profile, the standard deviation of time in it, relative to its length.

    .. math:: \sigma_{rel} = \sqrt{\frac{\gamma + 1}{(\gamma + 2)^2 (\gamma + 3)}}

    Parameters
    ----------
    gamma : array_like
        The exponents of the profiles :math:`t^\gamma`, from 0 on.

    Returns
    -------
    ndarray or scalar
        In float64, of the shape of `gamma`.

    Raises
    ------
    ValueError
        If an exponent is negative.

    Notes
    -----
    It has no derivative: it is plain NumPy.

    Examples
    --------
    >>> import fastgen
    >>> fastgen.ema.sigma_rel_of_gamma([0.0, 6.94]).round(4)
    array([0.2887, 0.1   ])
    """
    g = array_of(gamma, np.float64, "gamma")
    if np.any(g < 0):
        raise ValueError("sigma_rel_of_gamma: gamma must be at least 0")
    return (np.sqrt((g + 1) / (g + 3)) / (g + 2))[()]  # type: ignore[no-any-return]


@elementwise
def gamma_of_sigma_rel(sigma_rel: ArrayLike) -> Array:
    r"""Exponent of the profile that has a width: the inverse of `sigma_rel_of_gamma`.

    .. math:: (\gamma + 2)^2 (\gamma + 3)\, \sigma_{rel}^2 = \gamma + 1

    Parameters
    ----------
    sigma_rel : array_like
        The widths, above 0 and up to :math:`12^{-1/2}`, about 0.289.

    Returns
    -------
    ndarray or scalar
        In float64, of the shape of `sigma_rel`.

    Raises
    ------
    ValueError
        If a width is out of range.

    Notes
    -----
    Newton's iteration starts above the largest root, where the cubic is convex. So it falls to the
    root.

    It has no derivative: it is plain NumPy.

    Examples
    --------
    >>> import fastgen
    >>> fastgen.ema.gamma_of_sigma_rel([0.05, 0.1]).round(4)
    array([16.9722,  6.9372])
    """
    width = array_of(sigma_rel, np.float64, "sigma_rel")
    if np.any((width <= 0) | (width > _WIDEST)):
        raise ValueError("gamma_of_sigma_rel: sigma_rel must lie above 0 and up to 12**-0.5")
    g = 1 / width
    for _ in range(50):
        value = ((g + 2) * width) ** 2 * (g + 3) - (g + 1)
        slope = width**2 * (g + 2) * (3 * g + 8) - 1
        lower = np.maximum(g - value / slope, 0.0)
        if not np.any(lower < g):
            break
        g = np.where(np.isnan(lower), lower, np.minimum(g, lower))
    return g[()]


def posthoc_coefficients(
    times: ArrayLike, sigma_rel: ArrayLike, time: float, target: float
) -> Array:
    r"""Coefficients of snapshots whose combination is nearest to an average of another width.

    .. math:: \arg\min_c \int \Big(\sum_i c_i\, p_i(\tau) - p(\tau)\Big)^2 d\tau, \qquad
              p_i(\tau) = \frac{\gamma_i + 1}{t_i^{\gamma_i + 1}} \tau^{\gamma_i},
              \; 0 < \tau < t_i

    Parameters
    ----------
    times : array_like
        The time of each snapshot, in updates or any other unit.
    sigma_rel : array_like
        The width of each snapshot's profile. The two shapes broadcast.
    time : float
        The time of the average that is wanted.
    target : float
        Its width.

    Returns
    -------
    ndarray
        In float64: one coefficient per snapshot, for `combine`.

    Raises
    ------
    ValueError
        If a time is not positive, a width is out of range, or there is no snapshot.

    Notes
    -----
    Products of profiles have closed integrals. The least squares are solved in float64 with
    profiles of length 1. Snapshots that repeat each other share a coefficient.

    It has no derivative: it is plain NumPy.

    References
    ----------
    .. [1] Karras et al., "Analyzing and Improving the Training Dynamics of Diffusion Models",
       CVPR 2024, appendix C.

    Examples
    --------
    >>> import fastgen
    >>> fastgen.ema.posthoc_coefficients([100.0, 100.0], [0.05, 0.1], 100.0, 0.1).round(6) + 0.0
    array([0., 1.])
    """
    t, width = np.broadcast_arrays(
        array_of(times, np.float64, "times"), array_of(sigma_rel, np.float64, "sigma_rel")
    )
    t, gamma = t.ravel(), np.ravel(gamma_of_sigma_rel(width))
    end = float(time)
    if t.size == 0 or not (np.all(t > 0) and end > 0):
        raise ValueError("posthoc_coefficients: there must be snapshots, and times above 0")
    goal = float(gamma_of_sigma_rel(target))
    gram = _cosine(t[:, None], gamma[:, None], t, gamma)
    aims = _cosine(t, gamma, end, goal)
    found = np.linalg.lstsq(gram, aims, rcond=None)[0]
    return found * _length(end, goal) / _length(t, gamma)  # type: ignore[no-any-return]


def _length(t: Any, gamma: Any) -> Any:
    """Return the norm of a profile: the root of the integral of its square."""
    return (gamma + 1) / np.sqrt((2 * gamma + 1) * t)


def _cosine(t: Any, gamma: Any, other_t: Any, other: Any) -> Any:
    """Return the integral of the product of two profiles of norm 1."""
    ratio = np.minimum(t, other_t) / np.maximum(t, other_t)
    power = np.where(t < other_t, other, gamma) + 0.5
    return np.sqrt((2 * gamma + 1) * (2 * other + 1)) / (gamma + other + 1) * ratio**power
