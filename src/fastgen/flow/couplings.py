"""Couplings: a network reads some dimensions, and its output transforms the others."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from fastgen._arrays import array_of
from fastgen._compose import composed, row
from fastgen._core import Op
from fastgen._ops import OPS, chosen
from fastgen._registry import operation
from fastgen._typing import Array, ArrayLike, Axis, OutPair, ScaleMap

__all__ = [
    "additive_coupling",
    "additive_coupling_inverse",
    "affine_coupling",
    "affine_coupling_inverse",
]

_SCALE_MAPS = ("exp", "sigmoid", "softplus", "tanh", "soft_clip")
_FORWARD = {scale_map: f"flow.affine_coupling_{scale_map}" for scale_map in _SCALE_MAPS}
_INVERSE = {scale_map: f"flow.affine_coupling_inverse_{scale_map}" for scale_map in _SCALE_MAPS}
_additive = OPS["flow.additive_coupling"]
_additive_inverse = OPS["flow.additive_coupling_inverse"]
_LIMITS = {"softplus": 3.0, "tanh": 1.0, "soft_clip": math.log(1000)}  # defaults


def _as_operand(mask: Any, x: Any) -> Any:
    """Return the mask in a type that does not change the type of the result."""
    mask = mask if isinstance(getattr(mask, "dtype", None), np.dtype) else array_of(mask)
    dtype = getattr(x, "dtype", np.dtype(np.float64))
    if not isinstance(dtype, np.dtype):  # such as the type of a tensor
        dtype = array_of(x).dtype
    return mask.astype(dtype) if mask.dtype.kind in "biu" and dtype.kind not in "biu" else mask


def _affine(
    function: str, rows: Mapping[str, str], scale_map: str, inputs: tuple[Any, ...]
) -> tuple[Op, tuple[Any, ...]]:
    """Return the row of a scale map, and its operands."""
    x, log_scale, shift, mask, limit = inputs
    op = OPS[chosen(function, "scale_map", rows, scale_map)]
    operands = (x, log_scale, shift, 0.0 if mask is None else _as_operand(mask, x))
    if scale_map in _LIMITS:
        return op, (*operands, _LIMITS[scale_map] if limit is None else limit)
    if limit is not None:
        raise ValueError(
            f"{function}: limit must be None except for the scale maps "
            f"{', '.join(map(repr, _LIMITS))}; got {limit!r} for {scale_map!r}"
        )
    return op, operands


def _names(first: str) -> Callable[[str], tuple[str, ...]]:
    """Return a function from a row to the names of its inputs. Some rows have no limit."""
    names = (first, "log_scale", "shift", "mask", "limit")
    return lambda row: names[: OPS[row].nin]


@operation(_FORWARD, choice="scale_map", names=_names("x"))
@composed(inputs=5)
def affine_coupling(
    x: ArrayLike,
    log_scale: ArrayLike,
    shift: ArrayLike,
    mask: ArrayLike | None = None,
    limit: ArrayLike | None = None,
    *,
    scale_map: ScaleMap = "exp",
    axis: Axis = -1,
    keepdims: bool = False,
    out: OutPair = None,
) -> tuple[Array, Array]:
    r"""Affine coupling: scale and shift, with the log-determinant, in one pass.

    .. math:: y_i = x_i\, s(u_i) + t_i, \quad \log|\det| = \sum_i \log s(u_i)

    =============== ============================================= ==========================
    scale_map       s(u)                                          used by
    =============== ============================================= ==========================
    ``"exp"``       :math:`e^u`                                   Real NVP, TFP, distrax
    ``"sigmoid"``   :math:`\mathrm{sigmoid}(u + 2) + 10^{-3}`     nflows
    ``"softplus"``  :math:`\min(\log(1 + e^u) + 10^{-3}, a)`      nflows, a = 3; its MAF, inf
    ``"tanh"``      :math:`e^{a \tanh u}`                         Real NVP, a learned
    ``"soft_clip"`` :math:`e^{u / (1 + |u| / a)}`                 zuko, a = log 1000
    =============== ============================================= ==========================

    Parameters
    ----------
    x : array_like
        The elements to transform, usually ``(batch, n)``.
    log_scale, shift : array_like
        The output of a network: :math:`u`, before the scale map, and :math:`t`. All shapes
        broadcast together. `split_parameters` takes both out of one array, in the layouts of other
        libraries.
    mask : array_like, optional
        True (or above 1/2) where `x` stays unchanged and adds nothing to the log-determinant.
    limit : array_like, optional
        The limit :math:`a`. For "softplus", it is the largest scale, by default 3; ``np.inf`` sets
        no limit. For "tanh" and "soft_clip", it is the largest :math:`|\log s|`, by default 1 and
        log 1000.
    scale_map : str, default "exp"
        The function from :math:`u` to the scale, one of the table above.
    {axis_of_logabsdet}
    {keepdims_of_logabsdet}
    {outs_or_x}

    Returns
    -------
    y : ndarray or scalar
        Of the broadcast shape.
    logabsdet : ndarray or scalar
        :math:`\log |\det \partial y / \partial x|` in nats, of the batch shape.

    Raises
    ------
    ValueError
        If shapes do not broadcast, `axis` is out of range, `scale_map` is unknown or has no
        `limit`, or `out` does not fit.
    {type_error}

    See Also
    --------
    affine_coupling_inverse : the way back.

    Notes
    -----
    With "exp", y is right within 3 ULP of the larger of :math:`|x s|` and :math:`|t|`, and
    :math:`\log s` is exact. ``csrc/flow/couplings/scale_maps.h`` has the bounds of the other scale
    maps. Where s overflows, y is infinite. Types and the order of the sum are as in
    `fastgen.vae.kl_standard_normal`.

    References
    ----------
    .. [1] Dinh, Sohl-Dickstein and Bengio, "Density estimation using Real NVP", ICLR 2017.

    Examples
    --------
    >>> import numpy as np, fastgen
    >>> y, logabsdet = fastgen.flow.affine_coupling(
    ...     np.array([1.0, 2.0]), np.array([0.0, 0.5]), np.ones(2), mask=[True, False])
    >>> y, float(logabsdet)
    (array([1.        , 4.29744254]), 0.5)
    """
    op, operands = _affine(
        "affine_coupling", _FORWARD, scale_map, (x, log_scale, shift, mask, limit)
    )
    return row(op, operands, axis, keepdims, out)


@operation(_INVERSE, choice="scale_map", names=_names("y"))
@composed(inputs=5)
def affine_coupling_inverse(
    y: ArrayLike,
    log_scale: ArrayLike,
    shift: ArrayLike,
    mask: ArrayLike | None = None,
    limit: ArrayLike | None = None,
    *,
    scale_map: ScaleMap = "exp",
    axis: Axis = -1,
    keepdims: bool = False,
    out: OutPair = None,
) -> tuple[Array, Array]:
    r"""Inverse of `affine_coupling`, with its own log-determinant.

    .. math:: x_i = (y_i - t_i) / s(u_i), \quad \log|\det| = -\sum_i \log s(u_i)

    Parameters
    ----------
    y : array_like
        The elements to transform back, usually ``(batch, n)``.
    log_scale, shift, mask, limit : array_like
        As in `affine_coupling`.
    scale_map : {"exp", "sigmoid", "softplus", "tanh", "soft_clip"}, default "exp"
        The function from `log_scale` to the scale, as in `affine_coupling`.
    {axis_of_logabsdet}
    {keepdims_of_logabsdet}
    {outs_or_y}

    Returns
    -------
    x : ndarray or scalar
        Of the broadcast shape.
    logabsdet : ndarray or scalar
        :math:`\log |\det \partial x / \partial y|` in nats, of the batch shape: minus that of
        `affine_coupling`.

    Raises
    ------
    ValueError
        If shapes do not broadcast, `axis` is out of range, `scale_map` is unknown or has no
        `limit`, or `out` does not fit.
    {type_error}

    Notes
    -----
    With "exp", x is right within 3 ULP. The other bounds and the types are as in `affine_coupling`.

    References
    ----------
    .. [1] Dinh, Sohl-Dickstein and Bengio, "Density estimation using Real NVP", ICLR 2017.

    Examples
    --------
    >>> import numpy as np, fastgen
    >>> x, logabsdet = fastgen.flow.affine_coupling_inverse(
    ...     np.array([3.0, 5.0]), np.zeros(2), np.ones(2))
    >>> x, float(logabsdet)
    (array([2., 4.]), 0.0)
    """
    op, operands = _affine(
        "affine_coupling_inverse", _INVERSE, scale_map, (y, log_scale, shift, mask, limit)
    )
    return row(op, operands, axis, keepdims, out)


@operation("flow.additive_coupling")
@composed(inputs=3)
def additive_coupling(
    x: ArrayLike,
    shift: ArrayLike,
    mask: ArrayLike | None = None,
    *,
    axis: Axis = -1,
    keepdims: bool = False,
    out: OutPair = None,
) -> tuple[Array, Array]:
    r"""Additive coupling, which preserves volume.

    .. math:: y_i = x_i + t_i, \quad \log|\det| = 0

    Parameters
    ----------
    x : array_like
        The elements to transform, usually ``(batch, n)``.
    shift : array_like
        The output :math:`t` of a network. All shapes broadcast together.
    mask : array_like, optional
        True (or above 1/2) where `x` stays unchanged.
    axis : int, tuple of int, or None, default -1
        The event axes. The log-determinant does not have them. None stands for all axes.
    {keepdims_of_logabsdet}
    {outs_or_x}

    Returns
    -------
    y : ndarray or scalar
        Of the broadcast shape.
    logabsdet : ndarray or scalar
        Zeros, of the batch shape, so that a chain of transforms can add them.

    Raises
    ------
    {raises}

    Notes
    -----
    y is rounded once. Types are as in `fastgen.vae.kl_standard_normal`.

    References
    ----------
    .. [1] Dinh, Krueger and Bengio, "NICE: Non-linear independent components estimation", 2015.

    Examples
    --------
    >>> import numpy as np, fastgen
    >>> fastgen.flow.additive_coupling(np.zeros((2, 2)), np.ones(2), mask=[True, False])
    (array([[0., 1.],
           [0., 1.]]), array([0., 0.]))
    """
    operands = (x, shift, 0.0 if mask is None else _as_operand(mask, x))
    return row(_additive, operands, axis, keepdims, out)


@operation("flow.additive_coupling_inverse")
@composed(inputs=3)
def additive_coupling_inverse(
    y: ArrayLike,
    shift: ArrayLike,
    mask: ArrayLike | None = None,
    *,
    axis: Axis = -1,
    keepdims: bool = False,
    out: OutPair = None,
) -> tuple[Array, Array]:
    r"""Inverse of `additive_coupling`.

    .. math:: x_i = y_i - t_i, \quad \log|\det| = 0

    Parameters
    ----------
    y : array_like
        The elements to transform back, usually ``(batch, n)``.
    shift, mask : array_like
        As in `additive_coupling`.
    axis : int, tuple of int, or None, default -1
        The event axes. The log-determinant does not have them. None stands for all axes.
    {keepdims_of_logabsdet}
    {outs_or_y}

    Returns
    -------
    x : ndarray or scalar
        Of the broadcast shape.
    logabsdet : ndarray or scalar
        Zeros, of the batch shape.

    Raises
    ------
    {raises}

    Notes
    -----
    x is rounded once, and so is y: a round trip has two roundings.

    References
    ----------
    .. [1] Dinh, Krueger and Bengio, "NICE: Non-linear independent components estimation", 2015.

    Examples
    --------
    >>> import numpy as np, fastgen
    >>> fastgen.flow.additive_coupling_inverse(np.zeros((2, 2)), np.ones(2), mask=[True, False])
    (array([[ 0., -1.],
           [ 0., -1.]]), array([0., 0.]))
    """
    operands = (y, shift, 0.0 if mask is None else _as_operand(mask, y))
    return row(_additive_inverse, operands, axis, keepdims, out)
