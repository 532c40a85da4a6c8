"""Pairs of noise and data in a batch, by optimal transport."""

from __future__ import annotations

import importlib

import numpy as np

from fastgen import _extras
from fastgen._arrays import array_of
from fastgen._typing import Array, ArrayLike

__all__ = ["optimal_coupling"]


def optimal_coupling(x0: ArrayLike, x1: ArrayLike) -> Array:
    r"""Pairs of a batch with the least sum of squared distances: minibatch optimal transport.

    .. math:: \pi = \arg\min_\pi \sum_i \| x_{0,i} - x_{1,\pi(i)} \|^2
              \quad\text{over permutations } \pi

    Parameters
    ----------
    x0, x1 : array_like
        Starts and ends, of one shape, such as ``(batch, channels, height, width)``.

    Returns
    -------
    ndarray of int64
        The index :math:`\pi(i)` of the end for each start, of shape ``(batch,)``.

    Raises
    ------
    ValueError
        If the shapes differ or have no axis, or a number is not finite.
    TypeError
        If an input is complex, longdouble, object or masked.
    ModuleNotFoundError
        If SciPy is not installed.

    Notes
    -----
    ``x1[optimal_coupling(x0, x1)]`` are the ends beside `x0`; labels of `x1` take the same indices.
    The assignment is that of SciPy's ``linear_sum_assignment``, whose time grows with the third
    power of the batch. Squares are the same for every permutation, so the costs are
    :math:`-x_{0,i} \cdot x_{1,j}`, about the means of `x0` and of `x1`, in float64. It has no
    derivative: indices are whole numbers.

    References
    ----------
    .. [1] Tong et al., "Improving and Generalizing Flow-Based Generative Models with Minibatch
       Optimal Transport", TMLR 2024.
    .. [2] Pooladian et al., "Multisample Flow Matching: Straightening Flows with Minibatch
       Couplings", ICML 2023.

    Examples
    --------
    >>> import numpy as np
    >>> from fastgen.diffusion import paths
    >>> x0, x1 = np.array([[0.0], [5.0], [9.0]]), np.array([[8.0], [1.0], [4.0]])
    >>> paths.optimal_coupling(x0, x1)
    array([1, 2, 0])
    """
    starts = array_of(x0, np.float64, "optimal_coupling: x0")
    ends = array_of(x1, np.float64, "optimal_coupling: x1")
    if starts.shape != ends.shape or not starts.ndim:
        raise ValueError(
            "optimal_coupling: x0 and x1 must have one shape, (batch, ...), got "
            f"{starts.shape} and {ends.shape}"
        )
    for name, x in (("x0", starts), ("x1", ends)):
        if not np.isfinite(x).all():
            raise ValueError(f"optimal_coupling: {name} must be finite")
    if not starts.size:
        return np.arange(len(starts))
    _extras.need("scipy", "optimal_coupling")
    assign = importlib.import_module("scipy.optimize").linear_sum_assignment
    rows = [x.reshape(len(x), -1) for x in (starts, ends)]
    first, last = (x - x.mean(axis=0) for x in rows)
    found: Array = assign(first @ last.T, maximize=True)[1]
    return found.astype(np.int64)
