"""The step of a sampler with the most terms, whose derivative would have too many operands."""

from __future__ import annotations

from typing import Any

from numpy.typing import ArrayLike

from fastgen._ops import OPS
from fastgen._registry import operation

__all__ = ["solver_step_4"]

_solver_step_4 = OPS["diffusion.solver_step_4"]


@operation("diffusion.solver_step_4")
def solver_step_4(
    x: ArrayLike,
    prediction: ArrayLike,
    t1: ArrayLike,
    t2: ArrayLike,
    t3: ArrayLike,
    t4: ArrayLike,
    a: ArrayLike,
    b: ArrayLike,
    limit: ArrayLike,
    u: ArrayLike,
    v: ArrayLike,
    k: ArrayLike,
    c1: ArrayLike,
    c2: ArrayLike,
    c3: ArrayLike,
    c4: ArrayLike,
    *,
    axis: int | tuple[int, ...] | None = -1,
    keepdims: bool = False,
    out: Any = None,
) -> Any:
    r"""Take one step of a diffusion sampler, with four further terms.

    .. math:: d = \mathrm{clip}(a x + b p, -l, l), \quad
              y = u x + v p + k d + c_1 t_1 + c_2 t_2 + c_3 t_3 + c_4 t_4

    Parameters
    ----------
    x : array_like
        The sample, usually ``(batch, ...)``.
    prediction : array_like
        The model's prediction :math:`p` at it.
    t1, t2, t3, t4 : array_like
        Further terms: what earlier steps returned as `denoised`, and noise.
    a, b : array_like
        What turns them into the denoised sample, one number per row.
    limit : array_like
        Where that is clipped, :math:`l \ge 0`; infinity clips nothing.
    u, v, k, c1, c2, c3, c4 : array_like
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
    In one pass over memory. Right within 6 ULP of the largest product in the sum, types are kept as
    in `fastgen.vae.kl_standard_normal`. `fastgen.diffusion.samplers` knows the coefficients.
    It has no derivative.

    References
    ----------
    .. [1] Lu et al., "DPM-Solver++: Fast Solver for Guided Sampling of Diffusion Probabilistic
       Models", 2022, algorithm 2.

    Examples
    --------
    >>> import fastgen
    >>> numbers = 1.0, 2.0, 1.0, 2.0, 3.0, 4.0, 0.5, 1.0, 1.0, 0.25, 0.0, *5 * [1.0]
    >>> y, d = fastgen.diffusion.solver_step_4(*numbers)
    >>> float(y), float(d)
    (11.25, 1.0)
    """
    inputs = (x, prediction, t1, t2, t3, t4, a, b, limit, u, v, k, c1, c2, c3, c4)
    return _solver_step_4(inputs, axis, keepdims, out)
