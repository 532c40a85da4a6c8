"""The layouts of a transform's parameters in the output of one network, by library."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from fastgen._abstract import as_array
from fastgen._messages import check_shape_is_known, checked_axis
from fastgen._ops import chosen
from fastgen._typing import Array, ArrayLike, ParameterLayout

__all__ = ["split_parameters"]

# The places of the n log-scales and of the n shifts among 2 n numbers.
_LAYOUTS: dict[str, Callable[[int], tuple[slice, slice]]] = {
    "shift_then_scale": lambda n: (slice(n, None), slice(None, n)),
    "scale_then_shift": lambda n: (slice(None, n), slice(n, None)),
    "shift_scale_pairs": lambda n: (slice(1, None, 2), slice(0, None, 2)),
    "scale_shift_pairs": lambda n: (slice(0, None, 2), slice(1, None, 2)),
}


def split_parameters(
    params: ArrayLike, *, layout: ParameterLayout, axis: int = -1
) -> tuple[Array, Array]:
    """Split one array into log-scales and shifts, as views of it.

    ======================= ============================ =====================================
    layout                  the numbers of one sample    used by
    ======================= ============================ =====================================
    ``"shift_then_scale"``  t1 t2 ... u1 u2 ...          couplings of nflows; MAF of Pyro
    ``"scale_then_shift"``  u1 u2 ... t1 t2 ...          many others
    ``"shift_scale_pairs"`` t1 u1 t2 u2 ...              normflows; MAF of TFP and zuko
    ``"scale_shift_pairs"`` u1 t1 u2 t2 ...              MAF of nflows ("softplus", without limit)
    ======================= ============================ =====================================

    Parameters
    ----------
    params : array_like
        The network's output, with 2 n numbers along `axis`. Where a library has an axis of 2 at
        the end, ``(batch, n, 2)``, reshape it to ``(batch, 2 n)``, which copies nothing.
    layout : str
        The order of the numbers, one of the table above.
    axis : int, default -1
        The axis to split.

    Returns
    -------
    log_scale, shift : ndarray
        Views of `params`, with n numbers along `axis`. `affine_coupling` takes them without a copy.

    Raises
    ------
    ValueError
        If `layout` is unknown, or `axis` is out of range or has an odd length.

    Notes
    -----
    It has no derivative: its results are views, whose gradients are the parts of one array.

    Examples
    --------
    >>> import numpy as np, fastgen
    >>> fastgen.flow.split_parameters(np.arange(6.0), layout="shift_scale_pairs")
    (array([1., 3., 5.]), array([0., 2., 4.]))
    """
    array = as_array(params)
    check_shape_is_known("split_parameters: params", array)
    k = checked_axis("flow.split_parameters", axis, axis, max(array.ndim, 1))
    length = array.shape[k] if array.ndim else 1
    parts = chosen("split_parameters", "layout", _LAYOUTS, layout)(length // 2)
    if length % 2:
        raise ValueError(
            f"split_parameters: params must have an even length along axis {axis}, "
            f"got shape {array.shape}"
        )
    last = np.moveaxis(array, axis, -1)
    log_scale, shift = (np.moveaxis(last[..., part], -1, axis) for part in parts)
    return log_scale, shift
