"""Losses per sample: squared errors, score matching, and one transition of the likelihood."""

from __future__ import annotations

from typing import Any

import numpy as np

from fastgen._abstract import Abstract, is_dask, numbers
from fastgen._axes import axes_from
from fastgen._compose import composed, row
from fastgen._core import Op, Stream, result_dtype
from fastgen._ops import OPS
from fastgen._registry import operation
from fastgen._typing import Array, ArrayLike, Axis
from fastgen.diffusion import _rows

__all__ = [
    "denoising_loss",
    "denoising_score_matching",
    "sliced_score_matching",
    "transition_kl",
]

_denoising_score_matching = OPS["diffusion.denoising_score_matching"]
_denoising_loss = _denoising_score_matching.called("diffusion.denoising_loss")
_sliced_score_matching = OPS["diffusion.sliced_score_matching"]
_transition_kl = OPS["diffusion.transition_kl"]


@operation("diffusion.denoising_score_matching")
def denoising_score_matching(
    score: ArrayLike,
    noise: ArrayLike,
    sigma: ArrayLike,
    weight: ArrayLike,
    *,
    axis: Axis = -1,
    keepdims: bool = False,
    out: Array | None = None,
) -> Array:
    r"""Weighted squared distance of a score from the score of the noise in the data.

    .. math:: w \sum_i (\sigma s_i + z_i)^2

    Parameters
    ----------
    score : array_like
        The score s of noisy data :math:`x_0 + \sigma z`, or :math:`\alpha x_0 + \sigma z`.
    noise : array_like
        The noise z. The two shapes broadcast together, usually ``(batch, features)``.
    sigma, weight : array_like
        The noise level and the weight, of the batch shape, without the event axes. A weight of 1 is
        the usual :math:`\lambda = \sigma^2` of a loss :math:`\lambda |s + z / \sigma|^2`.
    {axis}
    {keepdims}
    {out}

    Returns
    -------
    ndarray or scalar
        Of the batch shape. Never negative where the weight is not.

    Raises
    ------
    {raises}

    Notes
    -----
    Nothing is divided by sigma, so the result is right for noise of any size, 0 included. Types and
    the order of the sum are as in `fastgen.vae.kl_standard_normal`. Each term is right within 4 ULP
    (5 ULP on CPUs without fused multiply-add) for the rounded :math:`\sigma s + z`.

    References
    ----------
    .. [1] Vincent, "A Connection Between Score Matching and Denoising Autoencoders", Neural
       Computation 23, 2011.
    .. [2] Song et al., "Score-Based Generative Modeling through Stochastic Differential Equations",
       ICLR 2021, eq. 7.

    Examples
    --------
    >>> import numpy as np, fastgen
    >>> score, noise = np.array([[-2.0, -2.0]]), np.ones((1, 2))
    >>> fastgen.diffusion.denoising_score_matching(score, noise, 0.25, 1.0)
    array([0.5])
    """
    return _denoising_score_matching((score, noise, sigma, weight), axis, keepdims, out)


@operation("diffusion.sliced_score_matching")
def sliced_score_matching(
    score: ArrayLike,
    direction: ArrayLike,
    jvp: ArrayLike,
    *,
    axis: Axis = -1,
    keepdims: bool = False,
    out: Array | None = None,
) -> Array:
    r"""Sliced score matching, with reduced variance.

    .. math:: \sum_i \left( \tfrac12 s_i^2 + v_i j_i \right),
              \quad j = \frac{\partial s}{\partial x} v

    Parameters
    ----------
    score : array_like
        The score s at x.
    direction : array_like
        A random direction v of unit covariance: normal, or signs.
    jvp : array_like
        The derivative j of the score along v. All three shapes broadcast together.
    {axis}
    {keepdims}
    {out}

    Returns
    -------
    ndarray or scalar
        Of the batch shape.

    Raises
    ------
    {raises}

    Notes
    -----
    The mean over v is :math:`\frac12 |s|^2 + \mathrm{tr} \frac{\partial s}{\partial x}`. Types and
    the order of the sum are as in `fastgen.vae.kl_standard_normal`. Each term is right within 2 ULP
    of its larger part.

    References
    ----------
    .. [1] Song, Garg, Shi and Ermon, "Sliced Score Matching", UAI 2019, eq. 8.

    Examples
    --------
    >>> import numpy as np, fastgen
    >>> x, v = np.array([1.0, 2.0]), np.array([1.0, -1.0])
    >>> float(fastgen.diffusion.sliced_score_matching(-x, v, -v))  # of the standard normal
    0.5
    """
    return _sliced_score_matching((score, direction, jvp), axis, keepdims, out)


@operation("diffusion.transition_kl")
def transition_kl(
    prediction: ArrayLike,
    target: ArrayLike,
    variance: ArrayLike,
    weight: ArrayLike,
    log_ratio: ArrayLike,
    *,
    axis: Axis = -1,
    keepdims: bool = False,
    out: Array | None = None,
) -> Array:
    r"""Kullback-Leibler divergence of a learned transition, with a learned variance.

    .. math:: \tfrac12 \sum_i \left(e^{d_i} - 1 - d_i + w (p_i - q_i)^2 e^{d_i}\right),
              \quad d_i = -\frac{v_i + 1}{2} L

    Parameters
    ----------
    prediction, target : array_like
        The prediction p of the network and its target q.
    variance : array_like
        The network's output v for the variance, from -1 for :math:`\tilde\beta` to 1 for
        :math:`\beta`. The three shapes broadcast together, usually ``(batch, features)``.
    weight : array_like
        :math:`w = k^2 / \tilde\beta`, where k (p - q) is the error of the mean. Of the batch shape.
    log_ratio : array_like
        :math:`L = \log(\beta / \tilde\beta)`. Of the batch shape.
    {axis}
    {keepdims}
    {out}

    Returns
    -------
    ndarray or scalar
        In nats, of the batch shape. Never negative.

    Raises
    ------
    {raises}

    Notes
    -----
    :math:`x_t` has the same coefficient in the means of both transitions, so it cancels, and only
    the error of the prediction remains. Types and the order of the sum are as in
    `fastgen.vae.kl_standard_normal`. Each term is right within 6 ULP for the rounded d and p - q.

    References
    ----------
    .. [1] Nichol and Dhariwal, "Improved Denoising Diffusion Probabilistic Models", ICML 2021, eq.
       15.

    Examples
    --------
    >>> import numpy as np, fastgen
    >>> p, q = np.array([1.0, 0.0]), np.zeros(2)
    >>> float(fastgen.diffusion.transition_kl(p, q, -1.0, 4.0, 0.25))
    2.0
    """
    inputs = (prediction, target, variance, weight, log_ratio)
    return _transition_kl(inputs, axis, keepdims, out)


def _function(op: Op) -> str:
    """Return the name of the public function, which the row has."""
    return op.name.removeprefix("diffusion.")


def _weights(op: Op, prediction: Any, weight: Any) -> Any:
    """Return the weight of each squared error, which makes their sum the mean."""
    shape = prediction.shape
    batch = shape[0] if shape else 1
    count = prediction.size // batch if batch else 1
    if weight is None:
        return 1 / count if count else 1.0
    per_sample = numbers(weight, f"{_function(op)}: weight")
    if per_sample.shape not in ((), shape[:1]):
        raise ValueError(
            f"{_function(op)}: weight must be a number or have the shape {shape[:1]} of the batch, "
            f"got {per_sample.shape}"
        )
    if type(per_sample) is Abstract:
        return per_sample
    if per_sample.ndim == 0 and not is_dask(per_sample):
        return float(per_sample) / max(count, 1)
    wide = result_dtype((prediction,)) == np.float64
    return (per_sample / max(count, 1)).astype(np.float64 if wide else np.float32)


def denoising(op: Op, prediction: Any, target: Any, weight: Any, out: Any) -> Any:
    """Compute a `denoising_loss`, by the row under the name of the function."""
    dtype = prediction.dtype if type(prediction) is np.ndarray else None
    alike = type(target) is Stream or (
        type(target) is np.ndarray and target.dtype is dtype and target.shape == prediction.shape
    )
    if not (alike and (dtype is _rows.FLOAT32 or dtype is _rows.FLOAT64)):
        names = ("prediction", "target")
        prediction, target = _rows.common(_function(op), names, (prediction, target))
        if type(prediction) is Stream:
            raise TypeError(f"{_function(op)}: prediction must be an array, got a Stream")
    axis = axes_from(1, prediction.ndim) if prediction.ndim else -1
    operands = (prediction, target, -1.0, _weights(op, prediction, weight))
    return row(op, operands, axis, False, out)


@composed(inputs=2, operands=("prediction", "target", "weight", "weight"))
def denoising_loss(
    prediction: ArrayLike,
    target: ArrayLike | Stream,
    *,
    weight: ArrayLike | None = None,
    out: Array | None = None,
) -> Array:
    r"""Mean squared error of a prediction, per sample.

    .. math:: \frac{w}{n} \sum_{i=1}^n (p_i - q_i)^2

    Parameters
    ----------
    prediction : array_like
        The prediction p of the network (epsilon, x0, v or a velocity), of shape ``(batch, ...)``.
    target : array_like or fastgen.noise.Stream
        The target q, of the same shape. A Stream is the noise of `add_noise` with the same key and
        counter. It is drawn again and not read from memory.
    weight : float or array_like, optional
        One weight w for all samples, or one each, such as `min_snr_weight`. The default is 1.
    {out}

    Returns
    -------
    ndarray or scalar
        Of the shape ``(batch,)``, in the float type of the inputs.

    Raises
    ------
    ValueError
        If shapes do not fit.
    {type_error}

    Notes
    -----
    The mean is over all axes but the first, accumulated in float64 in a fixed order and rounded
    once. Each term is right within 4 ULP (5 ULP on CPUs without fused multiply-add) for the
    rounded p - q. Both inputs have derivatives. `value_and_grad` computes them in the same pass
    over memory.

    References
    ----------
    .. [1] Ho, Jain and Abbeel, "Denoising Diffusion Probabilistic Models", NeurIPS 2020, eq. 14.

    Examples
    --------
    >>> import numpy as np, fastgen
    >>> noise, epsilon = np.zeros((2, 4)), np.full((2, 4), 0.5)
    >>> fastgen.diffusion.denoising_loss(epsilon, noise, weight=[1.0, 2.0])
    array([0.25, 0.5 ])
    """
    return denoising(_denoising_loss, prediction, target, weight, out)
