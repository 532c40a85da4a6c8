"""The epsilon loss without stored noise: the noise is drawn again from its key."""

from __future__ import annotations

from typing import Any

import numpy as np

from fastgen._abstract import Abstract, as_array, type_of
from fastgen._compose import composed
from fastgen._core import Stream, result_dtype
from fastgen._ops import OPS
from fastgen._typing import Array, ArrayLike
from fastgen.diffusion.losses import denoising

__all__ = ["epsilon_loss"]


_epsilon_loss = OPS["diffusion.denoising_score_matching"].called("diffusion.epsilon_loss")


@composed(inputs=1, operands=("prediction", "key", "weight", "weight"))
def epsilon_loss(
    prediction: ArrayLike,
    *,
    key: int,
    counter: int = 0,
    weight: ArrayLike | None = None,
    data_dtype: Any = None,
    out: Array | None = None,
) -> Array:
    r"""Mean squared error of a prediction of the noise, per sample.

    .. math:: \frac{w}{n} \sum_{i=1}^n (p_i - \epsilon_i)^2

    Parameters
    ----------
    prediction : array_like
        The prediction of the noise, of the shape ``(batch, ...)`` of the data.
    key : int
        The key of the stream of noise, :math:`0 \le key < 2^{64}`, as given to `add_noise`.
    counter : int, optional
        The index in the stream of the first element, as given to `add_noise`.
    weight : float or array_like, optional
        One weight for all samples, or one each, such as `min_snr_weight`. The default is 1.
    data_dtype : data-type, optional
        The type of the data that `add_noise` had. Its noise depends on it: float64 data, and
        integers such as pixels, have other noise than float32 data. Give it unless the prediction
        surely has the type of the data.
    {out}

    Returns
    -------
    ndarray or scalar
        Of the shape ``(batch,)``, in the float type of `prediction`.

    Raises
    ------
    ValueError
        If `key` or `counter` is out of range, or `weight` does not fit, or the noise of data of the
        type `data_dtype` is not that of `prediction`.
    TypeError
        If `prediction` is complex, longdouble, object or masked, or `key` is no integer.

    Notes
    -----
    The same bits as ``denoising_loss(prediction, noise, weight=weight)``, and the same derivative,
    where `noise` is ``fastgen.noise.normal(shape, key=key, counter=counter)`` in the precision of
    `prediction`: float64 for float64 and integers, else float32. The function draws the noise
    again, element by element, and reads it from nowhere. Each term is right within 4 ULP for the
    rounded difference.

    References
    ----------
    .. [1] Ho, Jain and Abbeel, "Denoising Diffusion Probabilistic Models", NeurIPS 2020, eq. 14.

    Examples
    --------
    >>> import numpy as np, fastgen
    >>> from fastgen.diffusion import Schedule, add_noise, epsilon_loss
    >>> x0 = np.zeros((2, 3))
    >>> x_t = add_noise(x0, 10, Schedule.cosine(100), key=7)
    >>> epsilon = x_t / Schedule.cosine(100).sigma[10]  # what a perfect network says
    >>> epsilon_loss(epsilon, key=7) < 1e-30
    array([ True,  True])
    """
    if data_dtype is not None:
        _check_precision(prediction, data_dtype)
    return denoising(_epsilon_loss, prediction, Stream(key, counter), weight, out)


def _check_precision(prediction: Any, dtype: Any) -> None:
    """Raise unless the noise of data of a type is drawn in the precision of a prediction."""
    found = as_array(prediction).dtype
    data = np.dtype(dtype) if isinstance(dtype, type) else type_of(dtype)
    mine, theirs = [result_dtype((Abstract((), x),)) == np.float64 for x in (found, data)]
    if mine != theirs:
        wide = "float64" if theirs else "float32"
        raise ValueError(
            f"epsilon_loss: prediction is {found}, but the noise of {data} data is {wide}; give "
            f"prediction.astype({wide})"
        )
