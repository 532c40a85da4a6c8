"""Conversions between the kinds of predictions, and preconditioning."""

from __future__ import annotations

from functools import partial
from typing import Any, NamedTuple

import numpy as np

from fastgen._abstract import Abstract, has_no_values, is_dask, numbers
from fastgen._compose import DESCRIBE, composed, row
from fastgen._messages import check_real
from fastgen._ops import OPS, chosen
from fastgen._plain import of_elements
from fastgen._typing import Array, ArrayLike, Prediction
from fastgen.diffusion import _rows
from fastgen.diffusion._conversions import converted
from fastgen.diffusion.schedule import Schedule

__all__ = ["convert", "edm_coefficients", "edm_denoised", "edm_input"]

PREDICTIONS = dict.fromkeys(["epsilon", "x0", "v", "score", "flow"])

_linear_combination = OPS["diffusion.linear_combination"]
_convert = _linear_combination.called("diffusion.convert")
_edm_input = _linear_combination.called("diffusion.edm_input")
_edm_denoised = _linear_combination.called("diffusion.edm_denoised")


def _refuse_division(source: str, target: str, t: Any, schedule: Schedule, a: Any, s: Any) -> None:
    """Raise a ValueError if the prediction does not determine the target."""
    if source == target or has_no_values(a):
        return
    by_signal = source in ("epsilon", "score") and target in ("x0", "v", "flow")
    by_sigma = source == "x0" or target == "score"
    for needed, divisor, lacking in ((by_signal, a, "signal"), (by_sigma, s, "noise")):
        if needed and (divisor == 0 if type(divisor) is float else np.any(divisor == 0)):
            times = np.asarray(t)
            where = times[np.broadcast_to(divisor, times.shape) == 0].flat[0]
            raise ValueError(
                f"convert: {source} does not determine {target} at {schedule.unit} {where} of "
                f"{schedule!r}, "
                f"where there is no {lacking}"
            )


def conversion(source: str, target: str, t: Any, schedule: Schedule) -> tuple[Any, Any]:
    """Return the two coefficients of a conversion, or raise a ValueError."""
    chosen("convert", "source", PREDICTIONS, source)
    chosen("convert", "target", PREDICTIONS, target)
    if is_dask(t):
        at = partial(_conversion_at, source=source, target=target, schedule=schedule)
        a, b = _rows.lazily(at, "convert", t)
        return a, b
    a, s = _rows.coefficients(t, schedule)
    _refuse_division(source, target, t, schedule, a, s)
    if has_no_values(a):
        return a, s
    return converted(source, target, a, s)


def _conversion_at(t: Any, source: str, target: str, schedule: Schedule) -> tuple[Any, Any]:
    return conversion(source, target, t, schedule)


@composed(inputs=2, operands=("x_t", "prediction", "t", "t"))
def convert(
    x_t: ArrayLike,
    prediction: ArrayLike,
    t: ArrayLike,
    schedule: Schedule,
    *,
    source: Prediction,
    target: Prediction,
    out: Array | None = None,
) -> Array:
    r"""Turn one kind of prediction into another.

    ============= ===========================================================
    ``"epsilon"`` the noise in :math:`x_t = \alpha_t x_0 + \sigma_t \epsilon`
    ``"x0"``      the data
    ``"v"``       :math:`\alpha_t \epsilon - \sigma_t x_0`
    ``"score"``   :math:`-\epsilon / \sigma_t`
    ``"flow"``    :math:`\epsilon - x_0`
    ============= ===========================================================

    .. math:: y = a_t x_t + b_t p

    Parameters
    ----------
    x_t : array_like
        Noisy data.
    prediction : array_like
        The prediction p of the network, of the shape of `x_t`.
    t, schedule
        As in `add_noise`.
    source, target : str
        The kind of `prediction` and the kind of the result, of the table above.
    {out_or_input}

    Returns
    -------
    ndarray
        Of the shape of `x_t`.

    Raises
    ------
    ValueError
        If shapes do not fit, `t` lies outside the schedule, a kind is unknown, or the prediction
        does not determine the target at a step: epsilon and score do not determine the data where
        there is no signal, and x0 does not determine the noise where there is none.
    {type_error_or_t}

    Notes
    -----
    The function takes one pass over memory, with coefficients in float64. Without signal, "v" and
    "flow" still determine "x0". The error is within 2 ULP of the larger of the two terms. `x_t` and
    `prediction` have derivatives.

    References
    ----------
    .. [1] Salimans and Ho, "Progressive Distillation for Fast Sampling of Diffusion Models", ICLR
       2022, section 4.

    Examples
    --------
    >>> import numpy as np
    >>> from fastgen.diffusion import Schedule, convert
    >>> zero_snr = Schedule.linear().rescale_zero_terminal_snr()
    >>> convert(np.ones(2), np.full(2, -0.5), 999, zero_snr, source="v", target="x0")
    array([0.5, 0.5])
    """
    a, b = conversion(source, target, t, schedule)
    call = ("convert", ("x_t", "prediction"), (x_t, prediction), ("t", t), (a, b))
    return _rows.along_leading(_convert, *call, out)


def _as_coefficient(c: Any) -> Any:
    """Return a single number as a float."""
    return c if np.ndim(c) or has_no_values(c) else float(c)


class EdmCoefficients(NamedTuple):
    """Coefficients of a preconditioned denoiser, each of the shape of sigma and in float64."""

    c_skip: Array
    c_out: Array
    c_in: Array
    c_noise: Array


def edm_coefficients(sigma: ArrayLike, *, sigma_data: float = 0.5) -> EdmCoefficients:
    r"""Coefficients of the preconditioned denoiser of Karras et al.

    .. math:: c_\mathrm{skip} = \frac{\sigma_d^2}{\sigma^2 + \sigma_d^2},\;
              c_\mathrm{out} = \frac{\sigma \sigma_d}{\sqrt{\sigma^2 + \sigma_d^2}},\;
              c_\mathrm{in} = \frac{1}{\sqrt{\sigma^2 + \sigma_d^2}},\;
              c_\mathrm{noise} = \tfrac14 \log \sigma

    Parameters
    ----------
    sigma : array_like
        The noise levels.
    {sigma_data}

    Returns
    -------
    c_skip, c_out, c_in, c_noise : ndarray or scalar
        In float64, of the shape of `sigma`. At sigma = 0 they are 1, 0, 1 / sigma_data and -inf.
        At sigma = inf they are their limits: 0, sigma_data, 0 and inf.

    Raises
    ------
    ValueError
        If a sigma is negative or NaN, or `sigma_data` is not positive.

    Notes
    -----
    It has no derivative: they are constants of a step of training.

    References
    ----------
    .. [1] Karras et al., "Elucidating the Design Space of Diffusion-Based Generative Models",
       NeurIPS 2022, table 1.

    Examples
    --------
    >>> import fastgen
    >>> c = fastgen.diffusion.edm_coefficients(0.5)
    >>> round(float(c.c_skip), 3), round(float(c.c_in), 3)
    (0.5, 1.414)
    """
    check_real("edm_coefficients", sigma_data=sigma_data)
    if is_dask(sigma):
        at = partial(edm_coefficients, sigma_data=sigma_data)
        return EdmCoefficients(*of_elements(at, "diffusion.edm_coefficients", "sigma", sigma, 4))
    levels: Any = numbers(sigma, "edm_coefficients: sigma")
    if not has_no_values(levels) and not np.all(levels >= 0):
        raise ValueError(f"edm_coefficients: sigma must be >= 0, got {levels}")
    if not 0 < sigma_data < np.inf:
        raise ValueError(f"edm_coefficients: sigma_data must be > 0, got {sigma_data}")
    if type(levels) is Abstract:
        each: Any = levels
        return EdmCoefficients(each, each, each, each)
    c_in = 1 / np.hypot(levels, sigma_data)
    with np.errstate(divide="ignore"):
        c_noise = np.log(levels) / 4
    with np.errstate(invalid="ignore"):  # infinity times 0, whose limit is sigma_data
        c_out = np.where(levels == np.inf, sigma_data, levels * (sigma_data * c_in))[()]
    return EdmCoefficients((sigma_data * c_in) ** 2, c_out, c_in, c_noise)


@composed(inputs=1, operands=("x", "x", "sigma", "sigma"))
def edm_input(
    x: ArrayLike, sigma: ArrayLike, *, sigma_data: float = 0.5, out: Array | None = None
) -> Array:
    r"""Input of the preconditioned network.

    .. math:: c_\mathrm{in} x = x / \sqrt{\sigma^2 + \sigma_d^2}

    Parameters
    ----------
    x : array_like
        Noisy data.
    sigma : float or array_like
        The noise level: one for all samples, or one each along the leading axes.
    {sigma_data}
    {out}

    Returns
    -------
    ndarray
        Of the shape and type of `x`, rounded once.

    Raises
    ------
    ValueError
        If shapes do not fit or a sigma is negative.
    TypeError
        If `x` is complex, longdouble, object or masked.

    Examples
    --------
    >>> import numpy as np, fastgen
    >>> fastgen.diffusion.edm_input(np.full(2, 5.0), 4.0, sigma_data=3.0)
    array([1., 1.])
    """
    array = _rows.as_array("edm_input", "x", x)
    c_in = edm_coefficients(sigma, sigma_data=sigma_data).c_in
    scale = _as_coefficient(c_in)
    call = ("edm_input", ("x",), (array,), ("sigma", sigma), (scale,))
    found = _rows.along_leading(_edm_input, *call, DESCRIBE)
    x, a = found.operands
    return row(_edm_input, (x, 0.0, a, 0.0), found.axis, False, out)


@composed(inputs=2, operands=("x", "output", "sigma", "sigma"))
def edm_denoised(
    x: ArrayLike,
    output: ArrayLike,
    sigma: ArrayLike,
    *,
    sigma_data: float = 0.5,
    out: Array | None = None,
) -> Array:
    r"""Denoised data from the output of the preconditioned network.

    .. math:: D = c_\mathrm{skip} x + c_\mathrm{out} F

    Parameters
    ----------
    x : array_like
        Noisy data.
    output : array_like
        The output of the network F for ``edm_input(x, sigma)``, of the shape of `x`.
    sigma : float or array_like
        The noise level: one for all samples, or one each along the leading axes.
    {sigma_data}
    {out}

    Returns
    -------
    ndarray
        Of the shape of `x`.

    Raises
    ------
    ValueError
        If shapes do not fit or a sigma is negative.
    {type_error}

    Notes
    -----
    The error is within 2 ULP of the larger of the two terms. `x` and `output` have derivatives.

    References
    ----------
    .. [1] Karras et al., "Elucidating the Design Space of Diffusion-Based Generative Models",
       NeurIPS 2022, eq. 7.

    Examples
    --------
    >>> import numpy as np, fastgen
    >>> fastgen.diffusion.edm_denoised(np.ones(2), np.ones(2), 0.0)
    array([1., 1.])
    """
    c = edm_coefficients(sigma, sigma_data=sigma_data)
    a, b = _as_coefficient(c.c_skip), _as_coefficient(c.c_out)
    call = ("edm_denoised", ("x", "output"), (x, output), ("sigma", sigma), (a, b))
    return _rows.along_leading(_edm_denoised, *call, out)
