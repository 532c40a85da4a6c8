"""One step of a diffusion sampler, as an operation: four of them, by the number of its terms."""

from __future__ import annotations

from typing import Any

from numpy.typing import ArrayLike

from fastgen._ops import OPS
from fastgen._registry import operation

__all__ = ["solver_step_0", "solver_step_1", "solver_step_2", "solver_step_3"]

_solver_step_0 = OPS["diffusion.solver_step_0"]
_solver_step_1 = OPS["diffusion.solver_step_1"]
_solver_step_2 = OPS["diffusion.solver_step_2"]
_solver_step_3 = OPS["diffusion.solver_step_3"]


@operation("diffusion.solver_step_0")
def solver_step_0(
    x: ArrayLike,
    prediction: ArrayLike,
    a: ArrayLike,
    b: ArrayLike,
    limit: ArrayLike,
    u: ArrayLike,
    v: ArrayLike,
    k: ArrayLike,
    *,
    axis: int | tuple[int, ...] | None = -1,
    keepdims: bool = False,
    out: Any = None,
) -> Any:
    r"""Take one step of a diffusion sampler, with no further terms.

    .. math:: d = \mathrm{clip}(a x + b p, -l, l), \quad
              y = u x + v p + k d

    Parameters
    ----------
    x : array_like
        The sample, usually ``(batch, ...)``.
    prediction : array_like
        The model's prediction :math:`p` at it.
    a, b : array_like
        What turns them into the denoised sample, one number per row.
    limit : array_like
        Where that is clipped, :math:`l \ge 0`; infinity clips nothing.
    u, v, k : array_like
        The solver's coefficients, one number per row.
    axis : int, tuple of int, or None, default -1
        The axes of a row: coefficients have the shape of the others, or are single numbers.
    keepdims : bool, default False
        Coefficients have the axes of a row too, with length 1.
    out : tuple of (ndarray or None), optional
        Where to put the two results.

    Returns
    -------
    next, denoised : ndarray or scalar
        :math:`y`, and :math:`d`, which multistep methods remember.

    Raises
    ------
    ValueError
        If shapes do not broadcast, `axis` is out of range, or `out` does not fit.
    TypeError
        If an input is complex, longdouble, object or masked.

    Notes
    -----
    In one pass over memory. Right within 4 ULP of the largest product in the sum, types are kept as
    in `fastgen.vae.kl_standard_normal`. `fastgen.diffusion.samplers` knows the coefficients.

    References
    ----------
    .. [1] Lu et al., "DPM-Solver++: Fast Solver for Guided Sampling of Diffusion Probabilistic
       Models", 2022, algorithm 2.

    Examples
    --------
    >>> import fastgen
    >>> numbers = 1.0, 2.0, 0.5, 1.0, 1.0, 0.25, 0.0, 1.0
    >>> y, d = fastgen.diffusion.solver_step_0(*numbers)
    >>> float(y), float(d)
    (1.25, 1.0)
    """
    return _solver_step_0((x, prediction, a, b, limit, u, v, k), axis, keepdims, out)


@operation("diffusion.solver_step_1")
def solver_step_1(
    x: ArrayLike,
    prediction: ArrayLike,
    t1: ArrayLike,
    a: ArrayLike,
    b: ArrayLike,
    limit: ArrayLike,
    u: ArrayLike,
    v: ArrayLike,
    k: ArrayLike,
    c1: ArrayLike,
    *,
    axis: int | tuple[int, ...] | None = -1,
    keepdims: bool = False,
    out: Any = None,
) -> Any:
    r"""Take one step of a diffusion sampler, with one further term.

    .. math:: d = \mathrm{clip}(a x + b p, -l, l), \quad
              y = u x + v p + k d + c_1 t_1

    Parameters
    ----------
    x : array_like
        The sample, usually ``(batch, ...)``.
    prediction : array_like
        The model's prediction :math:`p` at it.
    t1 : array_like
        Further terms: what earlier steps returned as `denoised`, and noise.
    a, b : array_like
        What turns them into the denoised sample, one number per row.
    limit : array_like
        Where that is clipped, :math:`l \ge 0`; infinity clips nothing.
    u, v, k, c1 : array_like
        The solver's coefficients, one number per row.
    axis : int, tuple of int, or None, default -1
        The axes of a row: coefficients have the shape of the others, or are single numbers.
    keepdims : bool, default False
        Coefficients have the axes of a row too, with length 1.
    out : tuple of (ndarray or None), optional
        Where to put the two results.

    Returns
    -------
    next, denoised : ndarray or scalar
        :math:`y`, and :math:`d`, which multistep methods remember.

    Raises
    ------
    ValueError
        If shapes do not broadcast, `axis` is out of range, or `out` does not fit.
    TypeError
        If an input is complex, longdouble, object or masked.

    Notes
    -----
    In one pass over memory. Right within 4 ULP of the largest product in the sum, types are kept as
    in `fastgen.vae.kl_standard_normal`. `fastgen.diffusion.samplers` knows the coefficients.

    References
    ----------
    .. [1] Lu et al., "DPM-Solver++: Fast Solver for Guided Sampling of Diffusion Probabilistic
       Models", 2022, algorithm 2.

    Examples
    --------
    >>> import fastgen
    >>> numbers = 1.0, 2.0, 1.0, 0.5, 1.0, 1.0, 0.25, 0.0, 1.0, 1.0
    >>> y, d = fastgen.diffusion.solver_step_1(*numbers)
    >>> float(y), float(d)
    (2.25, 1.0)
    """
    return _solver_step_1((x, prediction, t1, a, b, limit, u, v, k, c1), axis, keepdims, out)


@operation("diffusion.solver_step_2")
def solver_step_2(
    x: ArrayLike,
    prediction: ArrayLike,
    t1: ArrayLike,
    t2: ArrayLike,
    a: ArrayLike,
    b: ArrayLike,
    limit: ArrayLike,
    u: ArrayLike,
    v: ArrayLike,
    k: ArrayLike,
    c1: ArrayLike,
    c2: ArrayLike,
    *,
    axis: int | tuple[int, ...] | None = -1,
    keepdims: bool = False,
    out: Any = None,
) -> Any:
    r"""Take one step of a diffusion sampler, with two further terms.

    .. math:: d = \mathrm{clip}(a x + b p, -l, l), \quad
              y = u x + v p + k d + c_1 t_1 + c_2 t_2

    Parameters
    ----------
    x : array_like
        The sample, usually ``(batch, ...)``.
    prediction : array_like
        The model's prediction :math:`p` at it.
    t1, t2 : array_like
        Further terms: what earlier steps returned as `denoised`, and noise.
    a, b : array_like
        What turns them into the denoised sample, one number per row.
    limit : array_like
        Where that is clipped, :math:`l \ge 0`; infinity clips nothing.
    u, v, k, c1, c2 : array_like
        The solver's coefficients, one number per row.
    axis : int, tuple of int, or None, default -1
        The axes of a row: coefficients have the shape of the others, or are single numbers.
    keepdims : bool, default False
        Coefficients have the axes of a row too, with length 1.
    out : tuple of (ndarray or None), optional
        Where to put the two results.

    Returns
    -------
    next, denoised : ndarray or scalar
        :math:`y`, and :math:`d`, which multistep methods remember.

    Raises
    ------
    ValueError
        If shapes do not broadcast, `axis` is out of range, or `out` does not fit.
    TypeError
        If an input is complex, longdouble, object or masked.

    Notes
    -----
    In one pass over memory. Right within 4 ULP of the largest product in the sum, types are kept as
    in `fastgen.vae.kl_standard_normal`. `fastgen.diffusion.samplers` knows the coefficients.

    References
    ----------
    .. [1] Lu et al., "DPM-Solver++: Fast Solver for Guided Sampling of Diffusion Probabilistic
       Models", 2022, algorithm 2.

    Examples
    --------
    >>> import fastgen
    >>> numbers = 1.0, 2.0, 1.0, 2.0, 0.5, 1.0, 1.0, 0.25, 0.0, 1.0, 1.0, 1.0
    >>> y, d = fastgen.diffusion.solver_step_2(*numbers)
    >>> float(y), float(d)
    (4.25, 1.0)
    """
    inputs = (x, prediction, t1, t2, a, b, limit, u, v, k, c1, c2)
    return _solver_step_2(inputs, axis, keepdims, out)


@operation("diffusion.solver_step_3")
def solver_step_3(
    x: ArrayLike,
    prediction: ArrayLike,
    t1: ArrayLike,
    t2: ArrayLike,
    t3: ArrayLike,
    a: ArrayLike,
    b: ArrayLike,
    limit: ArrayLike,
    u: ArrayLike,
    v: ArrayLike,
    k: ArrayLike,
    c1: ArrayLike,
    c2: ArrayLike,
    c3: ArrayLike,
    *,
    axis: int | tuple[int, ...] | None = -1,
    keepdims: bool = False,
    out: Any = None,
) -> Any:
    r"""Take one step of a diffusion sampler, with three further terms.

    .. math:: d = \mathrm{clip}(a x + b p, -l, l), \quad
              y = u x + v p + k d + c_1 t_1 + c_2 t_2 + c_3 t_3

    Parameters
    ----------
    x : array_like
        The sample, usually ``(batch, ...)``.
    prediction : array_like
        The model's prediction :math:`p` at it.
    t1, t2, t3 : array_like
        Further terms: what earlier steps returned as `denoised`, and noise.
    a, b : array_like
        What turns them into the denoised sample, one number per row.
    limit : array_like
        Where that is clipped, :math:`l \ge 0`; infinity clips nothing.
    u, v, k, c1, c2, c3 : array_like
        The solver's coefficients, one number per row.
    axis : int, tuple of int, or None, default -1
        The axes of a row: coefficients have the shape of the others, or are single numbers.
    keepdims : bool, default False
        Coefficients have the axes of a row too, with length 1.
    out : tuple of (ndarray or None), optional
        Where to put the two results.

    Returns
    -------
    next, denoised : ndarray or scalar
        :math:`y`, and :math:`d`, which multistep methods remember.

    Raises
    ------
    ValueError
        If shapes do not broadcast, `axis` is out of range, or `out` does not fit.
    TypeError
        If an input is complex, longdouble, object or masked.

    Notes
    -----
    In one pass over memory. Right within 4 ULP of the largest product in the sum, types are kept as
    in `fastgen.vae.kl_standard_normal`. `fastgen.diffusion.samplers` knows the coefficients.

    References
    ----------
    .. [1] Lu et al., "DPM-Solver++: Fast Solver for Guided Sampling of Diffusion Probabilistic
       Models", 2022, algorithm 2.

    Examples
    --------
    >>> import fastgen
    >>> numbers = 1.0, 2.0, 1.0, 2.0, 3.0, 0.5, 1.0, 1.0, 0.25, 0.0, 1.0, 1.0, 1.0, 1.0
    >>> y, d = fastgen.diffusion.solver_step_3(*numbers)
    >>> float(y), float(d)
    (7.25, 1.0)
    """
    inputs = (x, prediction, t1, t2, t3, a, b, limit, u, v, k, c1, c2, c3)
    return _solver_step_3(inputs, axis, keepdims, out)
