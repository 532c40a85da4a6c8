"""One step of a diffusion sampler, as an operation. The number of terms selects its row."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from fastgen._compose import PlacedRow, composed, computed
from fastgen._ops import OPS
from fastgen._registry import operation
from fastgen._typing import Array, ArrayLike, Axis, OutPair

__all__ = ["solver_step"]

ROWS = tuple(OPS[f"diffusion.solver_step_{terms}"] for terms in range(5))
COEFFICIENTS = ("a", "b", "limit", "u", "v", "k")


def checked(
    function: str, named: tuple[str, ...], coefficients: Any, terms: Any
) -> tuple[tuple[Any, ...], tuple[Any, ...]]:
    """Return coefficients and terms as tuples, or raise a ValueError if their numbers differ."""
    coefficients, terms = tuple(coefficients), tuple(terms)
    if len(terms) >= len(ROWS):
        raise ValueError(f"{function}: terms must hold at most 4 arrays, got {len(terms)}")
    if len(coefficients) != len(named) + len(terms):
        raise ValueError(
            f"{function}: coefficients must hold {', '.join(named)} and one for each of "
            f"{len(terms)} terms, got {len(coefficients)} numbers"
        )
    return coefficients, terms


def names(
    arrays: tuple[str, ...], per_row: tuple[str, ...], terms: int, count: int
) -> tuple[str, ...]:
    """Return the names of a row's inputs: arrays, terms, numbers per row, coefficients."""
    return (
        *arrays,
        *(f"terms[{j}]" for j in range(terms)),
        *per_row,
        *(f"coefficients[{k}]" for k in range(count + terms)),
    )


def _names(row: str) -> tuple[str, ...]:
    return names(("x", "prediction"), (), int(row[-1]), len(COEFFICIENTS))


@operation({terms: row.name for terms, row in enumerate(ROWS)}, names=_names)
@composed(inputs=4)
def solver_step(
    x: ArrayLike,
    prediction: ArrayLike,
    coefficients: Sequence[ArrayLike],
    terms: Sequence[ArrayLike] = (),
    *,
    axis: Axis = -1,
    keepdims: bool = False,
    out: OutPair = None,
) -> tuple[Array, Array]:
    r"""One step of a diffusion sampler.

    .. math:: d = \mathrm{clip}(a x + b p, -l, l), \quad
              y = u x + v p + k d + \sum_j c_j t_j

    Parameters
    ----------
    x : array_like
        The sample, usually ``(batch, ...)``.
    prediction : array_like
        The model's prediction :math:`p` at it.
    coefficients : sequence of array_like
        :math:`a, b, l, u, v, k` and then a :math:`c_j` for each term, in this order. Each is one
        number, or one number per row. :math:`a, b` turn `x` and `prediction` into the denoised
        sample, and :math:`l \ge 0` clips it; infinity clips nothing.
    terms : sequence of array_like, default ()
        Up to four further arrays :math:`t_j`: what earlier steps returned as `denoised`, and noise.
    axis : int, tuple of int, or None, default -1
        The axes of a row: coefficients have the shape of the others, or are single numbers.
    {keepdims_of_coefficients}
    out : tuple of (ndarray or None), optional
        The arrays that receive the two results. They may be `x`, `prediction` or terms.

    Returns
    -------
    next, denoised : ndarray or scalar
        :math:`y`, and :math:`d`, which multistep methods remember.

    Raises
    ------
    ValueError
        If shapes do not broadcast, `axis` is out of range, `out` does not fit, there are more than
        four terms, or the number of coefficients is not six and one per term.
    {type_error}

    Notes
    -----
    The function takes one pass over memory. The error of `next` is within 4 ULP of the largest
    product in the sum, 7 ULP with four terms; that of `denoised` within 2 ULP of the larger of its
    two products. Types are kept as in `fastgen.vae.kl_standard_normal`. The classes of
    `fastgen.diffusion.samplers` compute the coefficients of each method.

    The gradients of `coefficients` and of `terms` are tuples. Where the denoised sample is clipped,
    its gradient goes to the limit alone.

    References
    ----------
    .. [1] Lu et al., "DPM-Solver++: Fast Solver for Guided Sampling of Diffusion Probabilistic
       Models", 2022, algorithm 2.

    Examples
    --------
    >>> from fastgen.diffusion import solver_step
    >>> y, d = solver_step(1.0, 2.0, (0.5, 1.0, 1.0, 0.25, 0.0, 1.0))
    >>> float(y), float(d)
    (1.25, 1.0)
    >>> y, d = solver_step(1.0, 2.0, (0.5, 1.0, 1.0, 0.25, 0.0, 1.0, 3.0), terms=[10.0])
    >>> float(y), float(d)
    (31.25, 1.0)
    """
    coefficients, terms = checked("solver_step", COEFFICIENTS, coefficients, terms)
    operands = (x, prediction, *terms, *coefficients)
    first = 2 + len(terms)
    places = (0, 1, tuple(range(first, len(operands))), tuple(range(2, first)))
    return computed(PlacedRow(ROWS[len(terms)], operands, axis, keepdims, places), out)
