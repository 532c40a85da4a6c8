"""The losses of adversarial training, by their names in the papers."""

from __future__ import annotations

import math
from typing import Any, Literal, overload

import numpy as np

from fastgen._compose import DESCRIBE, composed
from fastgen._core import Remembered
from fastgen._messages import check_real
from fastgen._ops import OPS, chosen
from fastgen._sums import Form, Part, weighted_sum
from fastgen._typing import AdversarialLoss, Array, ArrayLike, Reduction

__all__ = ["discriminator_loss", "generator_loss", "js_estimate"]

_REDUCTIONS = {"mean": None, "sum": None, "none": ()}  # the axis of a part

_total = OPS["elementary.total"]
_logistic, _hinge = OPS["gan.logistic_loss"], OPS["gan.hinge_loss"]
_squared, _relativistic = OPS["gan.squared_loss"], OPS["gan.relativistic_loss"]


def _form(name: str, parts: tuple[Part, ...], reduction: str) -> Form:
    """Return the sum of the parts, with each part averaged, summed or not reduced."""
    function = name.partition(".")[2]
    for part in parts:
        part.axis = chosen(function, "reduction", _REDUCTIONS, reduction)
    return Form(name, parts, mean=reduction == "mean")


def _three(function: str, targets: Any) -> tuple[Any, Any, Any]:
    """Return the three targets of the kind "least_squares", or raise."""
    try:
        a, b, c = targets
    except (TypeError, ValueError):
        raise TypeError(
            f"{function}: targets must be three numbers (a, b, c), got {targets!r}"
        ) from None
    for target in (a, b, c):
        check_real(function, targets=target)
    return a, b, c


@Remembered
def _discriminator(
    kind: str, reduction: str, label_smoothing: float, of_fake: float, of_real: float
) -> Form:
    """Return the form of the loss, with the inputs real and fake."""
    logistic = Part(_logistic, (0,), (1 - label_smoothing,)), Part(_logistic, (1,), (0.0,))
    kinds = {
        "minimax": logistic,
        "non_saturating": logistic,
        "saturating": logistic,
        "hinge": (Part(_hinge, (0,), (1.0,)), Part(_hinge, (1,), (-1.0,))),
        "least_squares": (
            Part(_squared, (0,), (float(of_real),)),
            Part(_squared, (1,), (float(of_fake),)),
        ),
        "wasserstein": (Part(_total, (0,), weight=-1.0), Part(_total, (1,))),
        "relativistic": (Part(_relativistic, (0, 1)),),
    }
    parts = chosen("discriminator_loss", "kind", kinds, kind)
    if not 0 <= label_smoothing <= (1 if parts is logistic else 0):
        raise ValueError(
            "discriminator_loss: label_smoothing must lie between 0 and 1, and be 0 except for "
            f"minimax, non_saturating and saturating; got {label_smoothing!r} for {kind}"
        )
    return _form("gan.discriminator_loss", parts, reduction)


@Remembered
def _generator(kind: str, reduction: str, target: float) -> Form:
    """Return the form of the loss, with the input fake and, if relativistic, real."""
    kinds = {
        "minimax": Part(_logistic, (0,), (0.0,), weight=-1.0),
        "non_saturating": Part(_logistic, (0,), (1.0,)),
        "saturating": Part(_logistic, (0,), (0.0,), weight=-1.0),
        "hinge": Part(_total, (0,), weight=-1.0),
        "least_squares": Part(_squared, (0,), (float(target),)),
        "wasserstein": Part(_total, (0,), weight=-1.0),
        "relativistic": Part(_relativistic, (0, 1)),
    }
    return _form("gan.generator_loss", (chosen("generator_loss", "kind", kinds, kind),), reduction)


@overload
def discriminator_loss(
    real: ArrayLike,
    fake: ArrayLike,
    *,
    kind: AdversarialLoss,
    reduction: Literal["mean", "sum"] = ...,
    label_smoothing: float = ...,
    targets: tuple[float, float, float] = ...,
    out: None = ...,
) -> np.floating[Any]: ...


@overload
def discriminator_loss(
    real: ArrayLike,
    fake: ArrayLike,
    *,
    kind: AdversarialLoss,
    reduction: Literal["none"],
    label_smoothing: float = ...,
    targets: tuple[float, float, float] = ...,
    out: Array | None = ...,
) -> Array: ...


@overload
def discriminator_loss(
    real: ArrayLike,
    fake: ArrayLike,
    *,
    kind: AdversarialLoss,
    reduction: Reduction = ...,
    label_smoothing: float = ...,
    targets: tuple[float, float, float] = ...,
    out: Array,
) -> Array: ...


@composed(inputs=2)
def discriminator_loss(
    real: ArrayLike,
    fake: ArrayLike,
    *,
    kind: AdversarialLoss,
    reduction: Reduction = "mean",
    label_smoothing: float = 0.0,
    targets: tuple[float, float, float] = (0.0, 1.0, 1.0),
    out: Array | None = None,
) -> Array | np.floating[Any]:
    r"""Loss of the discriminator, from its outputs on real and on generated samples.

    .. math:: L = E_x \, \ell_r(x) + E_y \, \ell_f(y), \quad x \text{ real}, y \text{ fake}

    ==================== ================================== ==================================
    kind                 :math:`\ell_r(x)`                   :math:`\ell_f(y)`
    ==================== ================================== ==================================
    ``"minimax"``        :math:`\mathrm{softplus}(-x)`      :math:`\mathrm{softplus}(y)`
    ``"non_saturating"`` the same                           the same
    ``"saturating"``     the same                           the same
    ``"hinge"``          :math:`\max(0, 1 - x)`             :math:`\max(0, 1 + y)`
    ``"least_squares"``  :math:`\frac12 (x - b)^2`          :math:`\frac12 (y - a)^2`
    ``"wasserstein"``    :math:`-x`                         :math:`y`
    ``"relativistic"``   :math:`\mathrm{softplus}(y - x)`   of pairs
    ==================== ================================== ==================================

    Parameters
    ----------
    real, fake : array_like
        The discriminator's outputs, before any sigmoid. They may differ in number, except for
        ``kind="relativistic"`` and ``reduction="none"``, where they broadcast together.
    kind : str
        The loss, one of the table above.
    reduction : {"mean", "sum", "none"}, default "mean"
        Average or sum each of the two terms. "none" gives :math:`\ell_r(x_i) + \ell_f(y_i)`.
    label_smoothing : float, default 0
        The distance of the target of real samples from 1, for the first three kinds.
    targets : (a, b, c), default (0, 1, 1)
        Targets of the kind "least_squares": a and b of the discriminator for fake and for real
        samples, and c of the generator for fake samples.
    out : ndarray, optional
        The array that receives the result. Its shape is the broadcast shape of the inputs for
        ``reduction="none"``, else ``()``.

    Returns
    -------
    scalar or ndarray
        The loss, in the float type of the inputs. The mean of no samples is NaN.

    Raises
    ------
    ValueError
        If `kind` or `reduction` is unknown, `label_smoothing` is out of range, shapes do not
        broadcast, or `out` does not fit.
    TypeError
        If an input is complex, longdouble, object or masked. With "mean" and "sum", also if it is
        an array of another library than NumPy.

    Notes
    -----
    All kinds take logits, so nothing overflows, and the gradient is right in the tails, where that
    of ``log(sigmoid(x) + 1e-8)`` vanishes. Terms are right within 2 ULP, those of "hinge" within 2
    ULP of the larger of 1 and the logit. Sums are accumulated in float64 in a fixed order, and the
    result is rounded once. "least_squares" has the factor 1/2 of the paper. pix2pix omits it.

    `value_and_grad` takes one pass over each input. With ``reduction="none"``, dask arrays give a
    lazy result.

    References
    ----------
    .. [1] Goodfellow et al., "Generative Adversarial Nets", NeurIPS 2014.
    .. [2] Mao et al., "Least Squares Generative Adversarial Networks", ICCV 2017.
    .. [3] Arjovsky, Chintala and Bottou, "Wasserstein GAN", 2017.
    .. [4] Lim and Ye, "Geometric GAN", 2017.
    .. [5] Jolicoeur-Martineau, "The relativistic discriminator", ICLR 2019.

    Examples
    --------
    >>> import numpy as np, fastgen
    >>> real, fake = np.array([2.0, 0.5]), np.array([-3.0, 0.0, -1.0])
    >>> float(fastgen.gan.discriminator_loss(real, fake, kind="hinge"))
    0.5833333333333333
    """
    of_fake, of_real, _ = _three("discriminator_loss", targets)
    check_real("discriminator_loss", label_smoothing=label_smoothing)
    form = _discriminator(kind, reduction, label_smoothing, of_fake, of_real)
    return weighted_sum(form, (real, fake), out)


@overload
def generator_loss(
    fake: ArrayLike,
    *,
    kind: AdversarialLoss,
    real: ArrayLike | None = ...,
    reduction: Literal["mean", "sum"] = ...,
    targets: tuple[float, float, float] = ...,
    out: None = ...,
) -> np.floating[Any]: ...


@overload
def generator_loss(
    fake: ArrayLike,
    *,
    kind: AdversarialLoss,
    real: ArrayLike | None = ...,
    reduction: Literal["none"],
    targets: tuple[float, float, float] = ...,
    out: Array | None = ...,
) -> Array: ...


@overload
def generator_loss(
    fake: ArrayLike,
    *,
    kind: AdversarialLoss,
    real: ArrayLike | None = ...,
    reduction: Reduction = ...,
    targets: tuple[float, float, float] = ...,
    out: Array,
) -> Array: ...


@composed(inputs=1, also=("real",))
def generator_loss(
    fake: ArrayLike,
    *,
    kind: AdversarialLoss,
    real: ArrayLike | None = None,
    reduction: Reduction = "mean",
    targets: tuple[float, float, float] = (0.0, 1.0, 1.0),
    out: Array | None = None,
) -> Array | np.floating[Any]:
    r"""Loss of the generator, from the discriminator's outputs on generated samples.

    .. math:: L = E_y \, \ell(y), \quad y \text{ fake}

    ==================== ==================================
    kind                 :math:`\ell(y)`
    ==================== ==================================
    ``"minimax"``        :math:`-\mathrm{softplus}(y)`
    ``"saturating"``     the same
    ``"non_saturating"`` :math:`\mathrm{softplus}(-y)`
    ``"hinge"``          :math:`-y`
    ``"least_squares"``  :math:`\frac12 (y - c)^2`
    ``"wasserstein"``    :math:`-y`
    ``"relativistic"``   :math:`\mathrm{softplus}(x - y)`
    ==================== ==================================

    Parameters
    ----------
    fake : array_like
        The discriminator's outputs, before any sigmoid.
    kind : str
        The loss, one of the table above.
    real : array_like, optional
        The outputs x on real samples, for the kind "relativistic" only.
    reduction : {"mean", "sum", "none"}, default "mean"
        Average or sum the terms. "none" gives each term.
    targets : (a, b, c), default (0, 1, 1)
        As for `discriminator_loss`. The generator uses c.
    out : ndarray, optional
        The array that receives the result, as for `discriminator_loss`. With ``reduction="none"``
        it may be `fake`.

    Returns
    -------
    scalar or ndarray
        The loss, in the float type of the inputs. The mean of no samples is NaN.

    Raises
    ------
    ValueError
        If `kind` or `reduction` is unknown, `real` is missing, shapes do not broadcast, or `out`
        does not fit.
    TypeError
        As for `discriminator_loss`.

    Notes
    -----
    "minimax" is the loss of the original game, whose gradient vanishes where the discriminator
    wins. Practice uses "non_saturating", which some libraries call minimax. Errors, types and sums
    are as for `discriminator_loss`: terms are right within 2 ULP. The derivative is the one by
    `fake`.

    References
    ----------
    .. [1] Goodfellow et al., "Generative Adversarial Nets", NeurIPS 2014, section 3.

    Examples
    --------
    >>> import numpy as np, fastgen
    >>> float(fastgen.gan.generator_loss(np.array([-1e4, 1e4]), kind="non_saturating"))
    5000.0
    """
    form = _generator(kind, reduction, _three("generator_loss", targets)[2])
    if kind != "relativistic":
        return weighted_sum(form, (fake,), out)
    if real is None:
        raise ValueError(
            "generator_loss: the kind relativistic needs real, the logits to pair with"
        )
    return weighted_sum(form, (fake, real), out)


_ESTIMATE = Form(
    "gan.js_estimate",
    (
        Part(_logistic, (0,), (1.0,), weight=-0.5, axis=None),
        Part(_logistic, (1,), (0.0,), weight=-0.5, axis=None),
    ),
    mean=True,
    offset=math.log(2),
)


@composed(inputs=2)
def js_estimate(real: ArrayLike, fake: ArrayLike) -> np.floating[Any]:
    r"""Jensen-Shannon divergence of real and generated samples, estimated by a discriminator.

    .. math:: \log 2 + \tfrac12 E_x \log \mathrm{sigmoid}(x)
              + \tfrac12 E_y \log \mathrm{sigmoid}(-y), \quad x \text{ real}, y \text{ fake}

    Parameters
    ----------
    real, fake : array_like
        The discriminator's logits on real and on generated samples. They may differ in number.

    Returns
    -------
    scalar
        The estimate in nats, a scalar. Up to the error of the means it is a lower bound of the
        divergence, and the optimal discriminator attains it. At most log 2. Below 0 where the
        discriminator is worse than a constant one.

    Raises
    ------
    TypeError
        If an input is complex, longdouble, object or masked, or no NumPy array.

    Notes
    -----
    The value of the game of Goodfellow et al. is twice the estimate, minus log 4. The absolute
    error is within 2 ULP of the larger of log 2 and the value.

    References
    ----------
    .. [1] Goodfellow et al., "Generative Adversarial Nets", NeurIPS 2014, theorem 1.

    Examples
    --------
    >>> import numpy as np, fastgen
    >>> round(float(fastgen.gan.js_estimate(np.full(3, 40.0), np.full(5, -40.0))), 12)
    0.69314718056
    """
    return weighted_sum(_ESTIMATE, (real, fake), DESCRIBE)
