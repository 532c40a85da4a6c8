"""Log-determinants of small dense matrices, such as Jacobians that are not triangular."""

from __future__ import annotations

from typing import Any

import numpy as np

from fastgen._abstract import is_dask
from fastgen._arrays import array_of
from fastgen._axes import Axes, Labels
from fastgen._compose import Result, lazy
from fastgen._core import overrides_ufuncs, result_dtype
from fastgen._ops import OPS
from fastgen._plain import Plain
from fastgen._registry import operation
from fastgen._typing import Array, ArrayLike, OutPair

__all__ = ["slogdet"]

_slogdet = OPS["flow.slogdet"]
_LARGEST = 32  # LAPACK is faster for larger matrices


def _by_lapack(a: Any, out: Any) -> Any:
    """Compute with NumPy in double, one matrix after the other."""
    _slogdet.check_types((a,))
    a = array_of(a)
    with np.errstate(all="ignore"):
        by_lapack = np.linalg.slogdet(a.astype(np.float64))
    lost = np.isnan(a).any(axis=(-2, -1))  # the pivots of LAPACK may skip a NaN
    found = [np.where(lost, np.nan, x) for x in by_lapack]
    # A call with 0 x 0 matrices of the same type and batch makes the outputs, or checks `out`.
    results = _slogdet((np.zeros((*a.shape[:-2], 0, 0), a.dtype),), out=out)
    if not isinstance(results[0], np.ndarray):
        return tuple([r.dtype.type(x) for r, x in zip(results, found, strict=True)])
    for result, values in zip(results, found, strict=True):
        result[...] = values
    return results


def _lazily(a: Any, out: Any) -> Any:
    """Return the results of large matrices in a dask array."""
    batch: Labels = tuple(range(a.ndim - 2))
    dtype = result_dtype((a,))
    axes, made = Axes(((*batch, None, None),), (batch,) * 2), Result(a.shape[:-2], dtype)
    return lazy(Plain("flow.slogdet", ("a",), slogdet, (a,), axes, (made,) * 2), out)


@operation("flow.slogdet")
def slogdet(a: ArrayLike, *, out: OutPair = None) -> tuple[Array, Array]:
    r"""Sign and log-determinant of small matrices, as from `numpy.linalg.slogdet`.

    .. math:: \mathrm{sign}(\det A), \quad \log |\det A|

    Parameters
    ----------
    a : array_like
        Square matrices ``(..., n, n)``, such as Jacobians.
    {outs}

    Returns
    -------
    sign : ndarray or scalar
        1 or -1, or 0 where a matrix is singular. Of shape ``(...)``.
    logabsdet : ndarray or scalar
        In nats, of shape ``(...)``. -inf where a matrix is singular.

    Raises
    ------
    ValueError
        If the matrices are not square, or `out` does not fit.
    TypeError
        If `a` is complex, longdouble, object or masked.

    See Also
    --------
    slogdet_triangular : of triangular matrices, from their diagonals.
    logdet_lu : of factorized matrices.

    Notes
    -----
    The function eliminates with partial pivoting, 16 matrices at a time, in double, and rounds once
    to the type of the input. A float64 result is right within 2 ULP of the larger of itself and the
    condition number :math:`\|A\|_F \|A^{-1}\|_F`. A float32 result is right within 1 ULP of itself
    up to condition numbers of about 1e6. The gradient :math:`A^{-T}` is right within 2 ULP of the
    condition number times :math:`\|A^{-1}\|_F`. These bounds hold as long as pivots do not grow,
    which is very rare. The sign has no gradient. A matrix is singular where a pivot is exactly 0,
    as for repeated rows. A matrix that rounding keeps from being singular has a tiny determinant of
    either sign. NaN gives NaN. An infinity gives +inf or NaN.

    Matrices of n > 32 go to `numpy.linalg.slogdet`, in float64, which is faster there. Fewer than
    16 matrices take the time of 16. For 1 to 4 matrices of n > 8, `numpy.linalg.slogdet` is faster
    too, but is not used: results would depend on the size of the batch.

    References
    ----------
    .. [1] N. J. Higham, "Accuracy and Stability of Numerical Algorithms", SIAM, 2002, chapter 9 and
       section 14.6.

    Examples
    --------
    >>> import numpy as np, fastgen
    >>> fastgen.flow.slogdet(np.array([[[0.0, 2.0], [1.0, 0.0]], [[1.0, 2.0], [2.0, 4.0]]]))
    (array([-1.,  0.]), array([0.69314718,       -inf]))
    """
    matrices: Any = a
    shape: tuple[int, ...] = () if overrides_ufuncs(a) else np.shape(matrices)
    if is_dask(a) and matrices.ndim > 1 and matrices.shape[-1] == matrices.shape[-2] > _LARGEST:
        return _lazily(matrices, out)
    if len(shape) > 1 and shape[-1] == shape[-2] > _LARGEST:
        return _by_lapack(a, out)
    return _slogdet((a,), out=out)
