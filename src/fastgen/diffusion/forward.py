"""The forward process: from data and noise to noisy data, and back in distribution."""

from __future__ import annotations

from functools import partial
from typing import Any, Literal, overload

import numpy as np

from fastgen._abstract import Abstract, has_no_values, is_dask, numbers
from fastgen._compose import DESCRIBE, Beside, composed, computed
from fastgen._core import Stream
from fastgen._ops import OPS
from fastgen._typing import Array, ArrayLike, OutPair, Rng
from fastgen.diffusion import _rows
from fastgen.diffusion._tables import FLOW, VARIANCE_PRESERVING
from fastgen.diffusion.schedule import Schedule
from fastgen.noise.keys import noise_of

__all__ = ["add_noise", "interpolate", "posterior_mean_variance", "velocity"]

_linear_combination = OPS["diffusion.linear_combination"]
_add_noise = _linear_combination.called("diffusion.add_noise")
_noised = OPS["diffusion.noised"].called("diffusion.add_noise")
_velocity = _linear_combination.called("diffusion.velocity")
_posterior = _linear_combination.called("diffusion.posterior_mean_variance")
_interpolate = OPS["diffusion.linear_interpolation"].called("diffusion.interpolate")


@overload
def add_noise(
    x0: ArrayLike,
    t: ArrayLike,
    schedule: Schedule,
    *,
    noise: ArrayLike | Stream | None = ...,
    rng: Rng = ...,
    key: int | None = ...,
    counter: int = ...,
    return_noise: Literal[False] = ...,
    out: Array | None = ...,
) -> Array: ...


@overload
def add_noise(
    x0: ArrayLike,
    t: ArrayLike,
    schedule: Schedule,
    *,
    noise: ArrayLike | Stream | None = ...,
    rng: Rng = ...,
    key: int | None = ...,
    counter: int = ...,
    return_noise: Literal[True],
    out: Array | OutPair = ...,
) -> tuple[Array, Array]: ...


@overload
def add_noise(
    x0: ArrayLike,
    t: ArrayLike,
    schedule: Schedule,
    *,
    noise: ArrayLike | Stream | None = ...,
    rng: Rng = ...,
    key: int | None = ...,
    counter: int = ...,
    return_noise: bool,
    out: Array | OutPair = ...,
) -> Array | tuple[Array, Array]: ...


@composed(inputs=1, operands=("x0", "noise", "t", "t"))
def add_noise(
    x0: ArrayLike,
    t: ArrayLike,
    schedule: Schedule,
    *,
    noise: ArrayLike | Stream | None = None,
    rng: Rng = None,
    key: int | None = None,
    counter: int = 0,
    return_noise: bool = False,
    out: Array | OutPair = None,
) -> Array | tuple[Array, Array]:
    r"""Noisy data at given steps or times.

    .. math:: x_t = \alpha_t x_0 + \sigma_t \epsilon

    Parameters
    ----------
    x0 : array_like
        Data, such as ``(batch, channels, height, width)``.
    t : int, float or array_like of either
        Steps or times, by the unit of the schedule: see `Schedule`. One for all samples, or one
        each: of shape ``(batch,)``, or that of any number of leading axes.
    schedule : Schedule
        The coefficients.
    noise : array_like or fastgen.noise.Stream, optional
        Standard normal noise :math:`\epsilon`, of the shape of `x0`. By default it is drawn by key
        and counter.
    {rng_or_noise}
    {key_and_counter_of_noise}
    return_noise : bool, default False
        Return the noise too, from the same pass over memory.
    out : ndarray, or tuple of two ndarrays or None, optional
        The arrays that receive the result or results. They may be `x0` or `noise`.

    Returns
    -------
    x_t : ndarray
        Of the shape of `x0`, in the type of `x0` and `noise`.
    noise : ndarray
        With `return_noise`: the noise, of the same shape and type. If it is given, it is returned
        as it is.

    Raises
    ------
    ValueError
        If shapes do not fit, `t` lies outside the schedule, or the noise is given twice.
    {type_error_or_t}

    Notes
    -----
    The function takes one pass over memory, with coefficients from float64 tables. For float32,
    float16 and bfloat16 data, it rounds them to float32, computes in float32, and rounds once. So
    small noise is not lost in half precision. The error is within 2 ULP of the larger term.

    Drawn noise is computed element by element, and is stored only if it is returned: element `j` of
    `x0`, in the order of ``ravel()``, takes element ``counter + j`` of the stream. So it does not
    depend on batch size or thread count. ``Stream(key, counter)`` is the same noise again, for the
    loss.

    References
    ----------
    .. [1] Ho, Jain and Abbeel, "Denoising Diffusion Probabilistic Models", NeurIPS 2020, eq. 4.

    Examples
    --------
    >>> import numpy as np, fastgen
    >>> from fastgen.diffusion import Schedule, add_noise
    >>> x0, noise = np.ones((2, 3)), np.full((2, 3), -1.0)
    >>> add_noise(x0, np.array([0.5, 1.0]), Schedule.flow(), noise=noise)
    array([[ 0.,  0.,  0.],
           [-1., -1., -1.]])
    >>> x_t, noise = add_noise(np.zeros(2), 1.0, Schedule.flow(), key=1, return_noise=True)
    >>> x_t, fastgen.noise.normal(2, key=1)
    (array([-0.24337869,  0.40414676]), array([-0.24337869,  0.40414676]))
    """
    if noise is None or rng is not None or key is not None or counter:
        given, noise = noise, noise_of("add_noise", noise, rng, key, counter)
    else:
        given = noise
    alpha_t, sigma_t = _rows.coefficients(t, schedule)
    names, inputs = ("x0", "noise"), (x0, noise)
    arguments = ("add_noise", names, inputs, ("t", t), (alpha_t, sigma_t))
    if not return_noise:
        return _rows.along_leading(_add_noise, *arguments, out)
    if given is None or type(given) is Stream:
        return _rows.along_leading(_noised, *arguments, out)
    row = _rows.along_leading(_add_noise, *arguments, DESCRIBE)
    return computed(Beside("diffusion.add_noise", row, given), out)


@composed(inputs=2, operands=("x0", "noise", "t", "t"))
def velocity(
    x0: ArrayLike,
    noise: ArrayLike | Stream,
    t: ArrayLike,
    schedule: Schedule,
    *,
    out: Array | None = None,
) -> Array:
    r"""Velocity of the noisy data, a target for prediction.

    .. math:: v = \alpha_t \epsilon - \sigma_t x_0 \quad\text{(variance preserving)}, \qquad
              v = \epsilon - x_0 \quad\text{(flow)}

    Parameters
    ----------
    x0 : array_like
        Data.
    noise : array_like or fastgen.noise.Stream
        Standard normal noise, of the shape of `x0`.
    t, schedule
        As in `add_noise`.
    {out}

    Returns
    -------
    ndarray
        Of the shape of `x0`.

    Raises
    ------
    ValueError
        If shapes do not fit, `t` lies outside the schedule, or the schedule is variance exploding,
        for which no velocity is defined.
    {type_error_or_t}

    Notes
    -----
    The first is the derivative of :math:`x_t` by the angle whose cosine is :math:`\alpha_t`, the
    second the derivative by time. The error is within 2 ULP of the larger term.

    References
    ----------
    .. [1] Salimans and Ho, "Progressive Distillation for Fast Sampling of Diffusion Models", ICLR
       2022, appendix D.

    Examples
    --------
    >>> import numpy as np
    >>> from fastgen.diffusion import Schedule, velocity
    >>> velocity(np.zeros(2), np.ones(2), 0, Schedule.from_betas([0.75]))
    array([0.5, 0.5])
    """
    alpha_t, sigma_t = _rows.coefficients(t, schedule)
    if schedule.form == FLOW and type(alpha_t) is not Abstract:
        alpha_t, sigma_t = alpha_t + sigma_t, alpha_t + sigma_t  # 1, as arrays
    elif schedule.form not in (FLOW, VARIANCE_PRESERVING):
        raise ValueError(
            f"velocity: expected a variance-preserving or flow schedule, got {schedule!r}"
        )
    coefficients = (sigma_t if type(sigma_t) is Abstract else -sigma_t, alpha_t)
    names, inputs = ("x0", "noise"), (x0, noise)
    call = ("velocity", names, inputs, ("t", t), coefficients)
    return _rows.along_leading(_velocity, *call, out)


def _posterior_at(t: Any, schedule: Schedule) -> tuple[Any, ...]:
    """Return the coefficients of the mean, the variance and its logarithm at steps."""
    steps = _rows.steps("posterior_mean_variance", t, schedule)
    tables = (
        *schedule.posterior_mean_coefficients,
        schedule.posterior_variance,
        schedule.posterior_log_variance_clipped,
    )
    return tuple([table[steps] for table in tables])


@composed(inputs=2, operands=("x0", "x_t", "t", "t"))
def posterior_mean_variance(
    x0: ArrayLike, x_t: ArrayLike, t: ArrayLike, schedule: Schedule, *, out: Array | None = None
) -> tuple[Array, Array, Array]:
    r"""Mean and variance of the previous step, given this one and the data.

    .. math:: q(x_{t-1} | x_t, x_0) = N\left(
              \frac{\sqrt{\bar\alpha_{t-1}} \beta_t}{1 - \bar\alpha_t} x_0
              + \frac{\sqrt{\alpha_t} (1 - \bar\alpha_{t-1})}{1 - \bar\alpha_t} x_t,\;
              \frac{1 - \bar\alpha_{t-1}}{1 - \bar\alpha_t} \beta_t I \right)

    Parameters
    ----------
    x0, x_t : array_like
        Data (or a prediction of it) and noisy data, of one shape.
    t : int or array_like of int
        Steps: one for all samples, or one each along the leading axes. The state before step 0 is
        `x0`. On a schedule in steps, floats that are whole are steps too.
    schedule : Schedule
        A schedule of any form. The formula above is that of a variance-preserving one.
    out : ndarray, optional
        The array that receives the mean.

    Returns
    -------
    mean : ndarray
        Of the shape of `x_t`.
    variance, log_variance : ndarray or scalar
        In float64, of the shape of `t`. At step 0 the variance is 0, and the logarithm is that of
        step 1.

    Raises
    ------
    ValueError
        If shapes do not fit or `t` lies outside the schedule.
    TypeError
        If an input is complex, longdouble, object or masked, or `t` is not integer.

    Notes
    -----
    The coefficients come from float64 tables, right within a few ULP, also where
    :math:`\bar\alpha_t` is 0 or 1. The error of the mean is within 2 ULP of the larger term.

    References
    ----------
    .. [1] Ho, Jain and Abbeel, "Denoising Diffusion Probabilistic Models", NeurIPS 2020, eq. 6-7.

    Examples
    --------
    >>> import numpy as np
    >>> from fastgen.diffusion import Schedule, posterior_mean_variance
    >>> schedule = Schedule.from_betas([0.5, 0.5])
    >>> mean, variance, _ = posterior_mean_variance(np.ones(2), np.zeros(2), 1, schedule)
    >>> mean.round(4), round(float(variance), 4)
    (array([0.4714, 0.4714]), 0.3333)
    """
    steps = _rows.steps("posterior_mean_variance", t, schedule)
    if is_dask(t):
        look_up = partial(_posterior_at, schedule=schedule)
        found = _rows.lazily(look_up, "posterior_mean_variance", t, 4)
    else:
        found = (numbers(steps),) * 4 if has_no_values(steps) else _posterior_at(steps, schedule)
    of_x0, of_xt, variance, log_variance = found
    if np.ndim(of_x0) == 0 and not has_no_values(of_x0):
        of_x0, of_xt = float(of_x0), float(of_xt)
    names, inputs = ("x0", "x_t"), (x0, x_t)
    call = ("posterior_mean_variance", names, inputs, ("t", steps), (of_x0, of_xt))
    row = _rows.along_leading(_posterior, *call, DESCRIBE)
    return computed(Beside("diffusion.posterior_mean_variance", row, variance, log_variance), out)


@composed(inputs=2, operands=("x0", "x1", "t"))
def interpolate(
    x0: ArrayLike | Stream, x1: ArrayLike, t: ArrayLike, *, out: OutPair = None
) -> tuple[Array, Array]:
    r"""Point on the straight path from noise to data, and its velocity: flow matching.

    .. math:: x_t = (1 - t) x_0 + t x_1, \qquad \dot x_t = x_1 - x_0

    Parameters
    ----------
    x0 : array_like or fastgen.noise.Stream
        The start of the paths: noise. This is the direction of flow matching. `Schedule.flow` has
        the data at time 0.
    x1 : array_like
        The end of the paths: data, of the shape of `x0`.
    t : float or array_like
        Times from 0 to 1: one for all samples, or one each along the leading axes.
    {outs}

    Returns
    -------
    x_t, velocity : ndarray
        Of the shape of `x1`.

    Raises
    ------
    ValueError
        If shapes do not fit or `t` lies outside [0, 1].
    {type_error}

    Notes
    -----
    One pass over memory gives both. Errors are as in `linear_interpolation`. The ends are exact.

    References
    ----------
    .. [1] Lipman et al., "Flow Matching for Generative Modeling", ICLR 2023, eq. 22-23.

    Examples
    --------
    >>> import numpy as np, fastgen
    >>> noise, data = np.zeros((2, 2)), np.ones((2, 2))
    >>> x_t, velocity = fastgen.diffusion.interpolate(noise, data, np.array([0.25, 0.5]))
    >>> x_t
    array([[0.25, 0.25],
           [0.5 , 0.5 ]])
    """
    if type(x1) is Stream:
        raise TypeError("interpolate: x1 must be an array, got a Stream")
    times = _rows.within("interpolate", "t", t, 0.0, 1.0)
    c = times if times.ndim or has_no_values(times) else float(times)
    call = ("interpolate", ("x0", "x1"), (x0, x1), ("t", times), (c,))
    return _rows.along_leading(_interpolate, *call, out)
