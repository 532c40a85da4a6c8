"""Planar and radial flows: what bends space along one direction, or around one point."""

from __future__ import annotations

from typing import Any

from numpy.typing import ArrayLike

from fastgen._ops import OPS
from fastgen._registry import operation

__all__ = ["planar", "radial"]

_planar = OPS["flow.planar"]
_radial = OPS["flow.radial"]


@operation("flow.planar")
def planar(
    x: ArrayLike,
    w: ArrayLike,
    u: ArrayLike,
    b: ArrayLike,
    *,
    axis: int | tuple[int, ...] | None = -1,
    keepdims: bool = False,
    out: Any = None,
) -> Any:
    r"""Planar flow, with its log-determinant.

    .. math:: y = x + \hat u \tanh(w^\top x + b), \quad
              \log|\det| = \log\left(1 + \hat u^\top w\, (1 - \tanh^2(w^\top x + b))\right)

    Parameters
    ----------
    x : array_like
        What is transformed, usually ``(batch, n)``.
    w, u : array_like
        The normal of the plane and the direction of movement, ``(n,)`` or one per sample. Shapes
        broadcast together.
    b : array_like
        The offset of the plane: a number, or one per sample, of the batch shape.
    axis : int, tuple of int, or None, default -1
        The event axes. None takes all.
    keepdims : bool, default False
        Keep the event axes of the log-determinant, with length 1.
    out : tuple of ndarray or None, optional
        Where to put the results.

    Returns
    -------
    y : ndarray or scalar
        Of the broadcast shape.
    logabsdet : ndarray or scalar
        In nats, of the batch shape.

    Raises
    ------
    ValueError
        If shapes do not broadcast, `axis` is out of range, or `out` does not fit.
    TypeError
        If an input is complex, longdouble, object or masked.

    Notes
    -----
    :math:`\hat u = u + (m - w^\top u)\, w / |w|^2` with :math:`m = \log(1 + e^{w^\top u}) - 1`, so
    that the transform can be undone whatever `u`; its inverse has no closed form. Products are
    rounded before inner products are summed, in float64, in the order of
    `fastgen.vae.kl_standard_normal`; what is made of the sums is rounded once.

    References
    ----------
    .. [1] Rezende and Mohamed, "Variational inference with normalizing flows", ICML 2015,
       section 4.1 and appendix A.

    Examples
    --------
    >>> import numpy as np, fastgen
    >>> w, u = np.array([1.0, 0.0]), np.array([1.0, 1.0])
    >>> y, logabsdet = fastgen.flow.planar(np.zeros((1, 2)), w, u, 1.0)
    >>> y, logabsdet
    (array([[0.23857827, 0.76159416]]), array([0.12359887]))
    """
    return _planar((x, w, u, b), axis, keepdims, out)


@operation("flow.radial")
def radial(
    x: ArrayLike,
    center: ArrayLike,
    log_alpha: ArrayLike,
    beta: ArrayLike,
    *,
    axis: int | tuple[int, ...] | None = -1,
    keepdims: bool = False,
    out: Any = None,
) -> Any:
    r"""Radial flow, with its log-determinant.

    .. math:: y = x + k (x - x_0), \quad k = \frac{\hat\beta}{\alpha + r}, \quad r = |x - x_0|,
              \quad \log|\det| = (n - 1) \log(1 + k)
              + \log\left(1 + \frac{\alpha k}{\alpha + r}\right)

    Parameters
    ----------
    x : array_like
        What is transformed, usually ``(batch, n)``.
    center : array_like
        The point :math:`x_0`, ``(n,)`` or one per sample. Shapes broadcast together.
    log_alpha : array_like
        The logarithm of :math:`\alpha`: a number, or one per sample, of the batch shape.
    beta : array_like
        The strength, likewise: :math:`\hat\beta = \log(1 + e^\beta) - \alpha`.
    axis : int, tuple of int, or None, default -1
        The event axes. None takes all.
    keepdims : bool, default False
        Keep the event axes of the log-determinant, with length 1.
    out : tuple of ndarray or None, optional
        Where to put the results.

    Returns
    -------
    y : ndarray or scalar
        Of the broadcast shape.
    logabsdet : ndarray or scalar
        In nats, of the batch shape.

    Raises
    ------
    ValueError
        If shapes do not broadcast, `axis` is out of range, or `out` does not fit.
    TypeError
        If an input is complex, longdouble, object or masked.

    Notes
    -----
    :math:`\hat\beta > -\alpha`, so that the transform can be undone. The squares of differences are
    rounded before they are summed, in float64, in the order of `fastgen.vae.kl_standard_normal`;
    what is made of the sum is rounded once.

    References
    ----------
    .. [1] Rezende and Mohamed, "Variational inference with normalizing flows", ICML 2015,
       section 4.1 and appendix A.

    Examples
    --------
    >>> import numpy as np, fastgen
    >>> y, logabsdet = fastgen.flow.radial(np.array([3.0, 4.0]), np.zeros(2), 0.0, 2.0)
    >>> y, float(logabsdet)
    (array([3.56346401, 4.75128534]), 0.20294440863840235)
    """
    return _radial((x, center, log_alpha, beta), axis, keepdims, out)
