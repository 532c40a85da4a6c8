"""Schedules of the decay: how much of an average stays at each step, in float64."""

from __future__ import annotations

from typing import Any

import numpy as np

from fastgen._arrays import array_of
from fastgen._plain import elementwise
from fastgen._typing import Array, ArrayLike
from fastgen.ema.posthoc import gamma_of_sigma_rel

__all__ = ["inverse_power_decay", "power_function_decay", "warmup_decay"]


def _limited(n: Any, value: Any, least: float, most: float) -> Array:
    """Return the decays between their limits, and 0 for the first update."""
    if not 0 <= least <= most <= 1:
        raise ValueError(
            f"min_decay and max_decay must satisfy 0 <= min_decay <= max_decay <= 1, "
            f"got {least} and {most}"
        )
    return np.where(n > 0, np.clip(value, least, most), np.where(np.isnan(n), n, 0.0))[()]


@elementwise
def warmup_decay(
    step: ArrayLike,
    *,
    max_decay: float = 0.9999,
    min_decay: float = 0.0,
    update_after_step: int = 0,
) -> Array:
    r"""Decay that warms up with the number of updates.

    .. math:: \min\left(\frac{1 + n}{10 + n},\; d_{\max}\right)

    Parameters
    ----------
    step : array_like
        How many updates came before this one.
    max_decay, min_decay : float
        The limits.
    update_after_step : int, default 0
        The step from which on averages are kept: n is `step` minus this.

    Returns
    -------
    ndarray or scalar
        In float64, of the shape of `step`. 0 for :math:`n \le 0`: the first update copies the
        weights.

    Raises
    ------
    ValueError
        If the limits are not ordered in [0, 1].

    Notes
    -----
    This is `EMAModel` of diffusers, whose `optimization_step` is ``step + 1``.

    It has no derivative: it is plain NumPy.

    Examples
    --------
    >>> import fastgen
    >>> fastgen.ema.warmup_decay([0, 1, 10, 10**6])
    array([0.        , 0.18181818, 0.55      , 0.9999    ])
    """
    n = array_of(step, np.float64, "step") - update_after_step
    return _limited(n, (1 + np.maximum(n, 0)) / (10 + np.maximum(n, 0)), min_decay, max_decay)


@elementwise
def inverse_power_decay(
    step: ArrayLike,
    *,
    inv_gamma: float = 1.0,
    power: float = 2 / 3,
    max_decay: float = 0.9999,
    min_decay: float = 0.0,
    update_after_step: int = 0,
) -> Array:
    r"""Decay that approaches 1 as a power of the number of updates.

    .. math:: 1 - (1 + n / \gamma)^{-p}

    Parameters
    ----------
    step : array_like
        How many updates came before this one.
    inv_gamma : float, default 1.0
        The number :math:`\gamma` of updates in which the warm-up begins.
    power : float, default 2/3
        The exponent :math:`p`. With 2/3 the decay is 0.999 at 31.6 thousand updates, and 0.9999 at
        a million. With 3/4 these are 10 thousand and 215 thousand.
    max_decay, min_decay : float
        The limits.
    update_after_step : int, default 0
        The step from which on averages are kept: n is `step` minus this.

    Returns
    -------
    ndarray or scalar
        In float64, of the shape of `step`. 0 for :math:`n \le 0`: the first update copies the
        weights.

    Raises
    ------
    ValueError
        If the limits are not ordered in [0, 1], or `inv_gamma` or `power` is not positive.

    Notes
    -----
    This is `EMAModel` of diffusers with ``use_ema_warmup=True``, whose `optimization_step` is
    ``step + 1``, and `EMAWarmup` of k-diffusion.

    It has no derivative: it is plain NumPy.

    Examples
    --------
    >>> import fastgen
    >>> fastgen.ema.inverse_power_decay([0, 1, 10**6]).round(6)
    array([0.      , 0.370039, 0.9999  ])
    """
    if not (inv_gamma > 0 and power > 0):
        raise ValueError(f"inv_gamma and power must be positive, got {inv_gamma} and {power}")
    n = array_of(step, np.float64, "step") - update_after_step
    value = -np.expm1(-power * np.log1p(np.maximum(n, 0) / inv_gamma))
    return _limited(n, value, min_decay, max_decay)


@elementwise
def power_function_decay(
    step: ArrayLike, *, sigma_rel: float | None = None, gamma: float | None = None
) -> Array:
    r"""Decay of an average whose profile is a power of time, as in EDM2.

    .. math:: (1 - 1 / t)^{\gamma + 1}

    Parameters
    ----------
    step : array_like
        How many updates came before this one: :math:`t` is ``step + 1``.
    sigma_rel : float, optional
        The width of the profile, relative to the time of training; see `gamma_of_sigma_rel`.
    gamma : float, optional
        The exponent, in place of `sigma_rel`.

    Returns
    -------
    ndarray or scalar
        In float64, of the shape of `step`. 0 for the first update.

    Raises
    ------
    ValueError
        If not exactly one of `sigma_rel` and `gamma` is given, or one is out of range.

    Notes
    -----
    After t updates, the weights of update :math:`\tau` count as :math:`\tau^\gamma`. EDM2 keeps two
    averages, for example of the widths 0.05 and 0.10, each with its own decay, and combines their
    snapshots afterwards; see `posthoc_coefficients`.

    It has no derivative: it is plain NumPy.

    References
    ----------
    .. [1] Karras et al., "Analyzing and Improving the Training Dynamics of Diffusion Models",
       CVPR 2024.

    Examples
    --------
    >>> import fastgen
    >>> fastgen.ema.power_function_decay([0, 9, 999], sigma_rel=0.1).round(6)
    array([0.      , 0.433325, 0.99209 ])
    """
    if (sigma_rel is None) == (gamma is None):
        raise ValueError("power_function_decay: give sigma_rel or gamma, and not both")
    if sigma_rel is not None:
        gamma = float(gamma_of_sigma_rel(sigma_rel))
    exponent = 1 + float(gamma or 0)
    if not exponent > 0:
        raise ValueError(f"power_function_decay: gamma must be more than -1, got {gamma}")
    updates = np.maximum(array_of(step, np.float64, "step"), 0) + 1
    with np.errstate(divide="ignore"):
        return np.exp(exponent * np.log1p(-1 / updates))[()]  # type: ignore[no-any-return]
