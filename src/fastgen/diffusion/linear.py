"""Linear combinations: the operations of noising, conversions and paths."""

from __future__ import annotations

from fastgen._core import Stream
from fastgen._ops import OPS
from fastgen._registry import operation
from fastgen._typing import Array, ArrayLike, Axis, OutPair

__all__ = [
    "bridge_point",
    "linear_combination",
    "linear_interpolation",
    "noised",
    "path_point",
]

_linear_combination = OPS["diffusion.linear_combination"]
_linear_interpolation = OPS["diffusion.linear_interpolation"]
_noised = OPS["diffusion.noised"]
_path_point = OPS["diffusion.path_point"]
_bridge_point = OPS["diffusion.bridge_point"]


@operation("diffusion.linear_combination")
def linear_combination(
    x: ArrayLike,
    y: ArrayLike,
    a: ArrayLike,
    b: ArrayLike,
    *,
    axis: Axis = -1,
    keepdims: bool = False,
    out: Array | None = None,
) -> Array:
    r"""Add two arrays, each with one coefficient per sample.

    .. math:: a x + b y

    Parameters
    ----------
    x, y : array_like
        The arrays. Their shapes broadcast together, usually ``(batch, features)``.
    a, b : array_like
        The coefficients, of the batch shape, without the event axes.
    {axis_of_coefficients}
    {keepdims_of_coefficients}
    {out}

    Returns
    -------
    ndarray or scalar
        Of the shape of x and y.

    Raises
    ------
    {raises}

    Notes
    -----
    `add_noise`, `velocity`, `convert` and others are this function with the coefficients of a
    schedule. Types are kept as in `fastgen.vae.kl_standard_normal`. The error is within 2 ULP of
    the larger of the two terms.

    Examples
    --------
    >>> import numpy as np, fastgen
    >>> x, y = np.ones((2, 3)), np.ones((2, 3))
    >>> fastgen.diffusion.linear_combination(x, y, np.array([1.0, 2.0]), 0.5)
    array([[1.5, 1.5, 1.5],
           [2.5, 2.5, 2.5]])
    """
    return _linear_combination((x, y, a, b), axis, keepdims, out)


@operation("diffusion.linear_interpolation")
def linear_interpolation(
    x0: ArrayLike,
    x1: ArrayLike,
    t: ArrayLike,
    *,
    axis: Axis = -1,
    keepdims: bool = False,
    out: OutPair = None,
) -> tuple[Array, Array]:
    r"""Point on the straight path between two arrays, and its velocity.

    .. math:: x_t = (1 - t) x_0 + t x_1, \qquad \dot x_t = x_1 - x_0

    Parameters
    ----------
    x0, x1 : array_like
        The ends. Their shapes broadcast together, usually ``(batch, features)``.
    t : array_like
        The times, of the batch shape, without the event axes.
    axis : int, tuple of int, or None, default -1
        The event axes: one time holds for all of them.
    keepdims : bool, default False
        The times have the event axes too, with length 1.
    {outs}

    Returns
    -------
    x_t, velocity : ndarray or scalar
        Of the shape of x0 and x1.

    Raises
    ------
    {raises}

    Notes
    -----
    `interpolate` is this function with the times along the leading axes. The ends are exact. For
    times from 0 to 1, the error is within 3 ULP of the larger of :math:`|x_0|` and :math:`|x_1|`.
    Other times are not refused. The velocity is rounded once.

    References
    ----------
    .. [1] Lipman et al., "Flow Matching for Generative Modeling", ICLR 2023.

    Examples
    --------
    >>> import numpy as np, fastgen
    >>> fastgen.diffusion.linear_interpolation(np.zeros(2), np.ones(2), 0.25)
    (array([0.25, 0.25]), array([1., 1.]))
    """
    return _linear_interpolation((x0, x1, t), axis, keepdims, out)


@operation("diffusion.noised")
def noised(
    x0: ArrayLike,
    noise: ArrayLike | Stream,
    alpha_t: ArrayLike,
    sigma_t: ArrayLike,
    *,
    axis: Axis = -1,
    keepdims: bool = False,
    out: OutPair = None,
) -> tuple[Array, Array]:
    r"""Noisy data, and its noise.

    .. math:: \alpha_t x_0 + \sigma_t \epsilon, \quad \epsilon

    Parameters
    ----------
    x0 : array_like
        Data, usually ``(batch, features)``.
    noise : array_like or fastgen.noise.Stream
        The noise :math:`\epsilon`. The noise of a Stream is drawn here and returned as an array.
        The two shapes broadcast together.
    alpha_t, sigma_t : array_like
        The coefficients, of the batch shape, without the event axes.
    {axis_of_coefficients}
    {keepdims_of_coefficients}
    {outs}

    Returns
    -------
    x_t, noise : ndarray or scalar
        Of the shape that x0 and noise broadcast to.

    Raises
    ------
    {raises}

    Notes
    -----
    `add_noise` with ``return_noise=True`` is this function with the coefficients of a schedule. The
    error is within 2 ULP of the larger of the two terms.

    Examples
    --------
    >>> import numpy as np, fastgen
    >>> fastgen.diffusion.noised(np.zeros(2), fastgen.noise.Stream(1), 0.0, 2.0)
    (array([-0.48675737,  0.80829352]), array([-0.24337869,  0.40414676]))
    """
    return _noised((x0, noise, alpha_t, sigma_t), axis, keepdims, out)


@operation("diffusion.path_point")
def path_point(
    x: ArrayLike,
    y: ArrayLike | Stream,
    a: ArrayLike,
    b: ArrayLike,
    da: ArrayLike,
    db: ArrayLike,
    *,
    axis: Axis = -1,
    keepdims: bool = False,
    out: OutPair = None,
) -> tuple[Array, Array]:
    r"""Point on a path between two arrays, and its velocity.

    .. math:: a x + b y, \quad \dot a x + \dot b y

    Parameters
    ----------
    x : array_like
        The end of the path, such as data, usually ``(batch, features)``.
    y : array_like or fastgen.noise.Stream
        The start of the path, such as noise. The two shapes broadcast together.
    a, b : array_like
        The coefficients at some time, of the batch shape, without the event axes.
    da, db : array_like
        Their derivatives by the time, likewise.
    {axis_of_coefficients}
    {keepdims_of_coefficients}
    {outs}

    Returns
    -------
    point, velocity : ndarray or scalar
        Of the shape that x and y broadcast to.

    Raises
    ------
    {raises}

    Notes
    -----
    `fastgen.diffusion.paths.sample` is this function with the coefficients of a path. The error of
    each result is within 2 ULP of the larger of its two terms.

    References
    ----------
    .. [1] Lipman et al., "Flow Matching for Generative Modeling", ICLR 2023, eq. 10-11.

    Examples
    --------
    >>> import numpy as np, fastgen
    >>> fastgen.diffusion.path_point(np.ones(2), np.zeros(2), 0.25, 0.75, 1.0, -1.0)
    (array([0.25, 0.25]), array([1., 1.]))
    """
    return _path_point((x, y, a, b, da, db), axis, keepdims, out)


@operation("diffusion.bridge_point")
def bridge_point(
    x: ArrayLike,
    y: ArrayLike,
    z: ArrayLike | Stream,
    a: ArrayLike,
    b: ArrayLike,
    s: ArrayLike,
    da: ArrayLike,
    db: ArrayLike,
    ds: ArrayLike,
    *,
    axis: Axis = -1,
    keepdims: bool = False,
    out: OutPair = None,
) -> tuple[Array, Array]:
    r"""Point on a noisy path between two arrays, and its velocity.

    .. math:: a x + b y + s z, \quad \dot a x + \dot b y + \dot s z

    Parameters
    ----------
    x, y : array_like
        The ends of the path, usually ``(batch, features)``.
    z : array_like or fastgen.noise.Stream
        The noise. The three shapes broadcast together.
    a, b, s : array_like
        The coefficients at some time, of the batch shape, without the event axes.
    da, db, ds : array_like
        Their derivatives by the time, likewise.
    {axis_of_coefficients}
    {keepdims_of_coefficients}
    {outs}

    Returns
    -------
    point, velocity : ndarray or scalar
        Of the shape that x, y and z broadcast to.

    Raises
    ------
    {raises}

    Notes
    -----
    `fastgen.diffusion.paths.bridge` is this function with the coefficients of a path. The error of
    each result is within 3 ULP of the largest of its three terms.

    References
    ----------
    .. [1] Tong et al., "Improving and Generalizing Flow-Based Generative Models with Minibatch
       Optimal Transport", TMLR 2024.

    Examples
    --------
    >>> import numpy as np, fastgen
    >>> x, y, z = np.ones(2), np.zeros(2), np.full(2, 2.0)
    >>> fastgen.diffusion.bridge_point(x, y, z, 0.5, 0.5, 0.25, -1.0, 1.0, 0.0)
    (array([1., 1.]), array([-1., -1.]))
    """
    return _bridge_point((x, y, z, a, b, s, da, db, ds), axis, keepdims, out)
