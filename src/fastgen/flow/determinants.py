"""Log-determinants from diagonals: of diagonal, triangular and factorized matrices."""

from __future__ import annotations

from typing import Any, SupportsIndex

import numpy as np

from fastgen._abstract import Abstract, as_array
from fastgen._compose import DESCRIBE, PlacedRow, composed, computed
from fastgen._composition import Adjoint
from fastgen._core import Op
from fastgen._ops import OPS
from fastgen._registry import operation
from fastgen._sums import Form, Part, weighted_sum
from fastgen._typing import Array, ArrayLike, Axis, OutPair

__all__ = [
    "logabsdet_diagonal",
    "logdet_lu",
    "logdet_triangular",
    "slogdet_diagonal",
    "slogdet_triangular",
]

_logabsdet_diagonal = OPS["flow.logabsdet_diagonal"]
_slogdet_diagonal = OPS["flow.slogdet_diagonal"]
_logdet_triangular = _logabsdet_diagonal.called("flow.logdet_triangular")
_slogdet_triangular = _slogdet_diagonal.called("flow.slogdet_triangular")


@operation("flow.logabsdet_diagonal")
def logabsdet_diagonal(
    diagonal: ArrayLike,
    *,
    axis: Axis = -1,
    keepdims: bool = False,
    out: Array | None = None,
) -> Array:
    r"""Log-determinant of diagonal matrices, from their diagonals.

    .. math:: \log |\det \mathrm{diag}(x)| = \sum_i \log |x_i|

    Parameters
    ----------
    diagonal : array_like
        The diagonals :math:`x`, usually ``(batch, n)``: the scales of an elementwise transform.
    {axis}
    {keepdims}
    {out}

    Returns
    -------
    ndarray or scalar
        In nats, of the batch shape. -inf where an element is 0.

    Raises
    ------
    {raises_of_one_input}

    Notes
    -----
    For up to 1024 elements, the result is right within 1 ULP in float32 and 1.5 ULP in float64, of
    the larger of itself and 2^-42. The function multiplies mantissas, with their rounding errors,
    adds exponents, and takes one logarithm. In longer rows, it adds blocks of 1024. Nothing
    overflows or underflows, as the product itself would. A 0 and an infinity in one row give NaN.
    Types are as in `fastgen.vae.kl_standard_normal`.

    Examples
    --------
    >>> import numpy as np, fastgen
    >>> float(fastgen.flow.logabsdet_diagonal(np.array([-1e300, 1e300, 1e-300])))
    690.7755278982137
    """
    return _logabsdet_diagonal((diagonal,), axis, keepdims, out)


@operation("flow.slogdet_diagonal")
def slogdet_diagonal(
    diagonal: ArrayLike,
    *,
    axis: Axis = -1,
    keepdims: bool = False,
    out: OutPair = None,
) -> tuple[Array, Array]:
    r"""Sign and log-determinant of diagonal matrices, from their diagonals.

    .. math:: \prod_i \mathrm{sign}(x_i), \quad \sum_i \log |x_i|

    Parameters
    ----------
    diagonal : array_like
        The diagonals :math:`x`, usually ``(batch, n)``.
    axis : int, tuple of int, or None, default -1
        The event axes. None stands for all axes.
    {keepdims}
    {outs}

    Returns
    -------
    sign : ndarray or scalar
        1 or -1, or 0 where an element is 0. Of the batch shape.
    logabsdet : ndarray or scalar
        In nats, of the batch shape.

    Raises
    ------
    {raises_of_one_input}

    Notes
    -----
    The error is as in `logabsdet_diagonal`, within 1.5 ULP. The sign is exact, and has no
    gradient.

    Examples
    --------
    >>> import numpy as np, fastgen
    >>> fastgen.flow.slogdet_diagonal(np.array([[-1.0, 1.0], [0.0, 1.0]]))
    (array([-1.,  0.]), array([  0., -inf]))
    """
    return _slogdet_diagonal((diagonal,), axis, keepdims, out)


def _diagonal(function: str, name: str, matrices: Any) -> Any:
    """Return the diagonals of the matrices, as a view."""
    matrices = as_array(matrices)
    shape = matrices.shape
    if len(shape) < 2 or shape[-1] != shape[-2]:
        raise ValueError(f"{function}: {name} must have shape (..., n, n), got {shape}")
    if type(matrices) is Abstract:
        return Abstract(shape[:-1], matrices.dtype)
    return np.diagonal(matrices, axis1=-2, axis2=-1)


def _on_diagonal(values: Any) -> Array:
    """Return matrices with these diagonals, and 0 elsewhere."""
    found = np.zeros((*values.shape, values.shape[-1]), values.dtype)
    np.einsum("...ii->...i", found)[...] = values
    return found


def _no_gradient(values: Any) -> Array:
    """Return zeros: the determinant is 1, whatever the matrices hold."""
    return np.zeros((*values.shape, values.shape[-1]), values.dtype)


def _of_diagonal(op: Op, diagonal: Any, adjoint: Adjoint, out: Any) -> Any:
    return computed(PlacedRow(op, (diagonal,), adjoints={0: adjoint}), out)


@composed(inputs=1)
def logdet_triangular(
    tril: ArrayLike, *, unit_diagonal: bool = False, out: Array | None = None
) -> Array:
    r"""Log-determinant of triangular matrices.

    .. math:: \log |\det L| = \sum_i \log |L_{ii}|

    Parameters
    ----------
    tril : array_like
        Triangular matrices ``(..., n, n)``, lower or upper. Only their diagonals are read.
    unit_diagonal : bool, default False
        Take all elements of the diagonals as 1, whatever they hold. The result is then 0.
    {out}

    Returns
    -------
    ndarray or scalar
        In nats, of shape ``(...)``. -inf where a matrix is singular.

    Raises
    ------
    ValueError
        If the matrices are not square, or `out` does not fit.
    TypeError
        If `tril` is complex, longdouble, object or masked.

    See Also
    --------
    logdet_lu : of factorized matrices.

    Notes
    -----
    The gradient is :math:`1 / L_{ii}` on the diagonal and 0 elsewhere. Accuracy and types are as in
    `logabsdet_diagonal`.

    Examples
    --------
    >>> import numpy as np, fastgen
    >>> float(fastgen.flow.logdet_triangular(np.array([[2.0, 0.0], [5.0, 0.5]])))
    0.0
    """
    diagonal = _diagonal("logdet_triangular", "tril", tril)
    if unit_diagonal:
        ones = diagonal if type(diagonal) is Abstract else np.ones_like(diagonal)
        return _of_diagonal(_logdet_triangular, ones, _no_gradient, out)
    return _of_diagonal(_logdet_triangular, diagonal, _on_diagonal, out)


@composed(inputs=1)
def slogdet_triangular(tril: ArrayLike, *, out: OutPair = None) -> tuple[Array, Array]:
    r"""Sign and log-determinant of triangular matrices, as from `numpy.linalg.slogdet`.

    .. math:: \prod_i \mathrm{sign}(L_{ii}), \quad \sum_i \log |L_{ii}|

    Parameters
    ----------
    tril : array_like
        Triangular matrices ``(..., n, n)``, lower or upper. Only their diagonals are read.
    {outs}

    Returns
    -------
    sign : ndarray or scalar
        1 or -1, or 0 where a matrix is singular. Of shape ``(...)``.
    logabsdet : ndarray or scalar
        In nats, of shape ``(...)``.

    Raises
    ------
    ValueError
        If the matrices are not square, or `out` does not fit.
    TypeError
        If `tril` is complex, longdouble, object or masked.

    Examples
    --------
    >>> import numpy as np, fastgen
    >>> fastgen.flow.slogdet_triangular(np.array([[[-1.0, 0.0], [5.0, 1.0]]]))
    (array([-1.]), array([0.]))
    """
    diagonal = _diagonal("slogdet_triangular", "tril", tril)
    return _of_diagonal(_slogdet_triangular, diagonal, _on_diagonal, out)


def _places(height: int, width: int) -> int:
    if not (isinstance(height, SupportsIndex) and isinstance(width, SupportsIndex)):
        raise TypeError(f"logdet_lu: height and width must be ints, got {height!r} and {width!r}")
    if height < 1 or width < 1:
        raise ValueError(
            f"logdet_lu: height and width must be at least 1, got {height!r} and {width!r}"
        )
    return height * width


@composed(inputs=1)
def logdet_lu(lu: ArrayLike, *, height: int = 1, width: int = 1) -> Array:
    r"""Log-determinant of factorized matrices, and of 1x1 convolutions with them.

    .. math:: \log |\det P L U|^{h w} = h w \sum_i \log |U_{ii}|

    Parameters
    ----------
    lu : array_like
        The upper factors, ``(..., n, n)``; or both factors in one matrix, as
        `scipy.linalg.lu_factor` returns them. The other factor has a unit diagonal. It may be
        either of the two.
    height, width : int, default 1
        The size of the images. A convolution applies the matrix at each of their pixels.

    Returns
    -------
    ndarray or scalar
        In nats, of shape ``(...)``. -inf where a matrix is singular.

    Raises
    ------
    ValueError
        If the matrices are not square, or `height` or `width` is below 1.
    TypeError
        If `lu` is complex, longdouble, object or masked.

    Notes
    -----
    Accuracy and types are as in `logabsdet_diagonal`. The product with the number of pixels is
    rounded once more.

    References
    ----------
    .. [1] Kingma and Dhariwal, "Glow", NeurIPS 2018, section 3.2.

    Examples
    --------
    >>> import numpy as np, fastgen
    >>> lu = np.array([[4.0, 1.0], [0.5, 0.25]])  # of [[4, 1], [2, 0.75]]
    >>> float(fastgen.flow.logdet_lu(lu, height=8, width=8))
    0.0
    """
    part = Part(_logabsdet_diagonal, (0,), weight=_places(height, width))
    adjoints = {0: _on_diagonal}
    diagonal = _diagonal("logdet_lu", "lu", lu)
    return weighted_sum(Form("flow.logdet_lu", (part,)), (diagonal,), DESCRIBE, adjoints)
