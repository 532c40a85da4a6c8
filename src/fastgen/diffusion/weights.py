"""Weights of the loss over the noise levels, one per sample, in float64."""

from __future__ import annotations

from typing import Any, Literal

import numpy as np

from fastgen._arrays import array_of
from fastgen._ops import chosen
from fastgen._plain import elementwise
from fastgen._typing import Array, ArrayLike
from fastgen.diffusion._tables import Tables
from fastgen.diffusion.schedule import Schedule

__all__ = [
    "cosmap_weight",
    "edm_weight",
    "inverse_variance_weight",
    "logit_normal_weight",
    "min_snr_weight",
    "p2_weight",
    "soft_min_snr_weight",
]


def _coefficients(t: Any, schedule: Schedule) -> tuple[Any, Any]:
    if not isinstance(schedule, Tables):
        raise TypeError(f"schedule must be a fastgen.diffusion.Schedule, got {schedule!r}")
    alpha_t, sigma_t = schedule.coefficients(t)
    return np.asarray(alpha_t), np.asarray(sigma_t)


def _alpha_and_sigma(
    function: str, t: Any, schedule: Schedule, gamma: float, prediction: str
) -> tuple[Any, Any]:
    """Return the coefficients, scaled to a sum of squares of 1, for a weight by the SNR."""
    chosen(function, "prediction", dict.fromkeys(["epsilon", "x0", "v", "flow"]), prediction)
    if not gamma > 0:
        raise ValueError(f"{function}: gamma must be > 0, got {gamma}")
    alpha_t, sigma_t = _coefficients(t, schedule)
    norm = np.hypot(alpha_t, sigma_t)  # no square of a large sigma overflows
    return alpha_t / norm, sigma_t / norm


@elementwise
def min_snr_weight(
    t: ArrayLike,
    schedule: Schedule,
    *,
    gamma: float = 5.0,
    prediction: Literal["epsilon", "x0", "v", "flow"] = "epsilon",
) -> Array:
    r"""Min-SNR weight of the squared error of a prediction.

    .. math:: \frac{\min(\mathrm{SNR}, \gamma)}{\mathrm{SNR}} \;(\epsilon), \quad
              \min(\mathrm{SNR}, \gamma) \;(x_0), \quad
              \frac{\min(\mathrm{SNR}, \gamma)}{\mathrm{SNR} + 1} \;(v), \quad
              \min(\mathrm{SNR}, \gamma) \frac{\sigma_t^2}{(\alpha_t + \sigma_t)^2} \;
              (\text{flow})

    Parameters
    ----------
    t, schedule
        Steps or times, by the unit of the schedule: see `Schedule`.
    gamma : float, default 5
        The largest SNR that counts. It is positive; inf stands for no limit.
    prediction : {"epsilon", "x0", "v", "flow"}, default "epsilon"
        The kind of prediction whose error is weighted, as in `convert`; v is that of the
        rescaled :math:`x_t / \sqrt{\alpha_t^2 + \sigma_t^2}`. All kinds have the same weighted
        error, where they are predictions of one model.

    Returns
    -------
    ndarray or scalar
        In float64, of the shape of `t`. Without signal, the weights are their limits: 1, 0, 0 and
        0. Without noise, they are 0, gamma, 0 and 0, and with no limit 1, inf, 1 and 1.

    Raises
    ------
    ValueError
        If `t` lies outside the schedule, `gamma` is not positive, or `prediction` is unknown.

    Notes
    -----
    It has no derivative: it is a constant of the loss.

    References
    ----------
    .. [1] Hang et al., "Efficient Diffusion Training via Min-SNR Weighting Strategy", ICCV 2023.

    Examples
    --------
    >>> from fastgen.diffusion import Schedule, min_snr_weight
    >>> min_snr_weight([0.25, 1.0], Schedule.flow()).round(4)
    array([0.5556, 1.    ])
    >>> min_snr_weight([0.25, 0.5], Schedule.flow(), prediction="flow")
    array([0.3125, 0.25  ])
    """
    alpha, sigma = _alpha_and_sigma("min_snr_weight", t, schedule, gamma, prediction)
    # One side of each choice may be infinity times 0: it is not taken.
    with np.errstate(divide="ignore", over="ignore", invalid="ignore"):
        snr = (alpha / sigma) ** 2
        whole = snr <= gamma
        if prediction == "epsilon":
            weight = np.where(whole, 1.0, np.minimum(1, gamma * (sigma / alpha) ** 2))
        elif prediction == "x0":
            weight = np.where(whole, snr, gamma)
        else:
            weight = np.where(whole, alpha**2, gamma * sigma**2)
            if prediction == "flow":
                weight = weight / (alpha + sigma) ** 2
    return weight[()]


@elementwise
def soft_min_snr_weight(
    t: ArrayLike,
    schedule: Schedule,
    *,
    gamma: float = 5.0,
    prediction: Literal["epsilon", "x0", "v", "flow"] = "epsilon",
) -> Array:
    r"""Soft min-SNR weight of the squared error of a prediction: min-SNR without its corner.

    .. math:: m = \frac{\gamma \, \mathrm{SNR}}{\mathrm{SNR} + \gamma}: \quad
              \frac{m}{\mathrm{SNR}} \;(\epsilon), \quad m \;(x_0), \quad
              \frac{m}{\mathrm{SNR} + 1} \;(v), \quad
              m \frac{\sigma_t^2}{(\alpha_t + \sigma_t)^2} \;(\text{flow})

    Parameters
    ----------
    t, schedule
        Steps or times, by the unit of the schedule: see `Schedule`.
    gamma : float, default 5
        The SNR at which the weight of x0 is half of it. It is positive; inf stands for no limit.
        With 1 and a prediction of v, and data of variance 1, it is that of k-diffusion.
    prediction : {"epsilon", "x0", "v", "flow"}, default "epsilon"
        As in `min_snr_weight`.

    Returns
    -------
    ndarray or scalar
        In float64, of the shape of `t`. Without signal and noise, it is as in `min_snr_weight`.

    Raises
    ------
    ValueError
        If `t` lies outside the schedule, `gamma` is not positive, or `prediction` is unknown.

    Notes
    -----
    It has no derivative: it is a constant of the loss.

    References
    ----------
    .. [1] Crowson et al., "Scalable High-Resolution Pixel-Space Image Synthesis with Hourglass
       Diffusion Transformers", ICML 2024, section 4.4.

    Examples
    --------
    >>> from fastgen.diffusion import Schedule, soft_min_snr_weight
    >>> soft_min_snr_weight([0.25, 1.0], Schedule.flow()).round(4)
    array([0.3571, 1.    ])
    """
    alpha, sigma = _alpha_and_sigma("soft_min_snr_weight", t, schedule, gamma, prediction)
    # gamma / (SNR + gamma), times sigma^2 / sigma^2.
    power = alpha**2 / gamma + sigma**2
    with np.errstate(divide="ignore", invalid="ignore"):
        if prediction == "epsilon":
            weight = np.where(power == 0, 1.0, sigma**2 / power)
        elif prediction == "x0":
            weight = alpha**2 / power
        else:
            weight = np.where(power == 0, 1.0, alpha**2 * (sigma**2 / power))
            if prediction == "flow":
                weight = weight / (alpha + sigma) ** 2
    return weight[()]


@elementwise
def p2_weight(t: ArrayLike, schedule: Schedule, *, k: float = 1.0, gamma: float = 1.0) -> Array:
    r"""P2 weight of the squared error of epsilon.

    .. math:: (k + \mathrm{SNR})^{-\gamma}

    Parameters
    ----------
    t, schedule
        Steps or times, by the unit of the schedule: see `Schedule`.
    k, gamma : float, default 1
        The constants of the paper; `k` is positive.

    Returns
    -------
    ndarray or scalar
        In float64, of the shape of `t`.

    Raises
    ------
    ValueError
        If `t` lies outside the schedule or `k` is not positive.

    Notes
    -----
    It has no derivative: it is a constant of the loss.

    References
    ----------
    .. [1] Choi et al., "Perception Prioritized Training of Diffusion Models", CVPR 2022.

    Examples
    --------
    >>> from fastgen.diffusion import Schedule, p2_weight
    >>> float(p2_weight(1.0, Schedule.flow()))
    1.0
    """
    if not k > 0:
        raise ValueError(f"p2_weight: k must be > 0, got {k}")
    alpha_t, sigma_t = _coefficients(t, schedule)
    with np.errstate(divide="ignore", over="ignore"):
        return ((k + (alpha_t / sigma_t) ** 2) ** -gamma)[()]


@elementwise
def edm_weight(sigma: ArrayLike, *, sigma_data: float = 0.5) -> Array:
    r"""Weight of the squared error of the denoised data, from Karras et al.

    .. math:: \frac{\sigma^2 + \sigma_d^2}{(\sigma \sigma_d)^2}

    Parameters
    ----------
    sigma : array_like
        The noise levels.
    {sigma_data}

    Returns
    -------
    ndarray or scalar
        In float64, of the shape of `sigma`.

    Raises
    ------
    ValueError
        If a sigma or `sigma_data` is not positive.

    Notes
    -----
    It has no derivative: it is a constant of the loss.

    References
    ----------
    .. [1] Karras et al., "Elucidating the Design Space of Diffusion-Based Generative Models",
       NeurIPS 2022, table 1.

    Examples
    --------
    >>> from fastgen.diffusion import edm_weight
    >>> float(edm_weight(0.5))
    8.0
    """
    levels = array_of(sigma, np.float64, "edm_weight: sigma")
    if not (np.all(levels > 0) and sigma_data > 0):
        raise ValueError(
            f"edm_weight: sigma and sigma_data must be > 0, got sigma {levels}, "
            f"sigma_data {sigma_data}"
        )
    return (levels**-2 + sigma_data**-2)[()]


@elementwise
def inverse_variance_weight(t: ArrayLike, schedule: Schedule) -> Array:
    r"""Weight of the squared error of the noise-free flow, as in Stable Diffusion 3.

    .. math:: \sigma_t^{-2}

    Parameters
    ----------
    t, schedule
        Steps or times, by the unit of the schedule: see `Schedule`.

    Returns
    -------
    ndarray or scalar
        In float64, of the shape of `t`.

    Raises
    ------
    ValueError
        If `t` lies outside the schedule, or there is no noise at it.

    Notes
    -----
    It has no derivative: it is a constant of the loss.

    References
    ----------
    .. [1] Esser et al., "Scaling Rectified Flow Transformers for High-Resolution Image Synthesis",
       ICML 2024, section 3.

    Examples
    --------
    >>> from fastgen.diffusion import Schedule, inverse_variance_weight
    >>> float(inverse_variance_weight(0.5, Schedule.flow()))
    4.0
    """
    sigma_t = _coefficients(t, schedule)[1]
    if np.any(sigma_t == 0):
        where = np.broadcast_to(np.asarray(t), sigma_t.shape)[sigma_t == 0].flat[0]
        raise ValueError(f"inverse_variance_weight: there is no noise at t = {where}")
    return (sigma_t**-2)[()]


@elementwise
def logit_normal_weight(t: ArrayLike, *, mean: float = 0.0, std: float = 1.0) -> Array:
    r"""Density of logit-normal times, as a weight of uniform times.

    .. math:: \frac{1}{s \sqrt{2\pi}} \frac{1}{t (1 - t)}
              \exp\left(-\frac{(\log\frac{t}{1 - t} - m)^2}{2 s^2}\right)

    Parameters
    ----------
    t : array_like
        Times from 0 to 1.
    mean, std : float
        The mean m and standard deviation s of :math:`\log\frac{t}{1 - t}`.

    Returns
    -------
    ndarray or scalar
        In float64, of the shape of `t`. 0 at both ends.

    Raises
    ------
    ValueError
        If a time lies outside [0, 1] or `std` is not positive.

    Notes
    -----
    It has no derivative: it is a constant of the loss.

    References
    ----------
    .. [1] Esser et al., "Scaling Rectified Flow Transformers for High-Resolution Image Synthesis",
       ICML 2024, section 3.1.

    Examples
    --------
    >>> from fastgen.diffusion import logit_normal_weight
    >>> logit_normal_weight([0.0, 0.5, 1.0]).round(4)
    array([0.    , 1.5958, 0.    ])
    """
    times = _unit_times("logit_normal_weight", t)
    if not 0 < std < np.inf:
        raise ValueError(f"logit_normal_weight: std must be > 0, got {std}")
    with np.errstate(divide="ignore", invalid="ignore"):
        log_t, log_rest = np.log(times), np.log1p(-times)
        # 1 / (t (1 - t)) inside the exponential, where its square outgrows it: 0 at the ends.
        exponent = -((log_t - log_rest - mean) ** 2) / (2 * std**2) - (log_t + log_rest)
    inside = (times > 0) & (times < 1)
    weight = np.exp(np.where(inside, exponent, -np.inf)) / (std * np.sqrt(2 * np.pi))
    return weight[()]


@elementwise
def cosmap_weight(t: ArrayLike) -> Array:
    r"""Weight that gives uniform times of a flow the noise levels of the cosine schedule.

    .. math:: \frac{2}{\pi (1 - 2 t + 2 t^2)}

    Parameters
    ----------
    t : array_like
        Times from 0 to 1.

    Returns
    -------
    ndarray or scalar
        In float64, of the shape of `t`.

    Raises
    ------
    ValueError
        If a time lies outside [0, 1].

    Notes
    -----
    It has no derivative: it is a constant of the loss.

    References
    ----------
    .. [1] Esser et al., "Scaling Rectified Flow Transformers for High-Resolution Image Synthesis",
       ICML 2024, section 3.1.

    Examples
    --------
    >>> from fastgen.diffusion import cosmap_weight
    >>> cosmap_weight([0.0, 0.5, 1.0]).round(4)
    array([0.6366, 1.2732, 0.6366])
    """
    times = _unit_times("cosmap_weight", t)
    return (2 / (np.pi * (times**2 + (1 - times) ** 2)))[()]


def _unit_times(function: str, t: Any) -> Any:
    t = array_of(t, np.float64, f"{function}: t")
    if not np.all((t >= 0) & (t <= 1)):
        raise ValueError(f"{function}: t must lie in [0, 1], got {t}")
    return t
