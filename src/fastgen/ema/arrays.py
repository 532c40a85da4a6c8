"""The averages of many arrays: their update in place, and combinations of snapshots."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from fastgen._arrays import array_of
from fastgen._core import apply_in_place
from fastgen._ops import OPS
from fastgen._typing import Array, ArrayLike
from fastgen.ema import _matched

__all__ = ["combine", "update"]

_lerp = OPS["elementary.lerp"].called("ema.update")


def update(
    averages: Iterable[Array] | Mapping[str, Array],
    weights: Iterable[ArrayLike] | Mapping[str, ArrayLike],
    decay: float,
) -> None:
    r"""Move averages of weights towards the weights, in place.

    .. math:: a \leftarrow a + (1 - d)(w - a) = d\,a + (1 - d)\,w

    Parameters
    ----------
    averages : iterable or mapping of ndarray
        The averages, which change in place. Of any layout, and of float16, bfloat16, float32 or
        float64.
    weights : iterable or mapping of array_like
        As many arrays of the same shapes, or those under the same keys. Their types may differ from
        those of the averages.
    decay : float
        The part :math:`d` of the average that stays, from 0 to 1.

    Raises
    ------
    TypeError
        If an average is no array of floats, or weights are not real numbers.
    ValueError
        If lengths, keys or shapes differ, an average is read-only, an average shares memory with
        another array, or `decay` lies outside [0, 1]. Nothing has changed then.

    Notes
    -----
    Each array is read and written once. The error is within 1.5 ULP of the larger of :math:`|a|`
    and :math:`|w|`, computed in the wider type of the two, and rounded to the type of the average.
    An average that equals its weights stays as it is. A decay of 0 copies the weights, even over
    NaN, and 1 changes nothing.

    A float16 or bfloat16 average stands still where ``(1 - decay) * (w - a)`` is less than half a
    unit in its last place: keep averages of such weights in float32.

    `fastgen.torch.ema.update` takes tensors and parameters. Arrays of JAX do not change: map
    `fastgen.jax.elementary.lerp` over them.

    It has no derivative: averages of weights are not trained.

    Examples
    --------
    >>> import numpy as np, fastgen
    >>> averages, weights = [np.zeros(2), np.ones((1, 3))], [np.ones(2), np.ones((1, 3))]
    >>> fastgen.ema.update(averages, weights, 0.75)
    >>> averages
    [array([0.25, 0.25]), array([[1., 1., 1.]])]
    """
    rate = _matched.rate_of(decay)
    places, ours, theirs = _matched.matched(averages, weights)
    move(places, ours, theirs, rate)


def move(places: Sequence[Any], averages: list[Any], weights: list[Any], rate: float) -> None:
    """Check all arrays, then move the averages.

    Python takes 2 us to check an array, longer than a small one takes to move. So arrays of the
    usual kind are checked in C.
    """
    if 0 < rate < 1 and apply_in_place(_lerp, averages, weights, rate):
        return
    weights = _matched.readable(places, weights)
    _matched.check(places, averages, weights)
    if rate == 1:
        with np.errstate(over="ignore", under="ignore", invalid="ignore"):
            for a, w in zip(averages, weights, strict=True):
                np.copyto(a, w, casting="unsafe")
    elif rate != 0:
        for a, w in zip(averages, weights, strict=True):
            if a.ndim == 0:
                a, w = a[None], w[None]
            _lerp((a, w, rate), -1, False, a)


def combine(snapshots: Sequence[Sequence[ArrayLike]], coefficients: ArrayLike) -> list[Array]:
    r"""Linear combination of snapshots of a model's averages.

    .. math:: \sum_i c_i\, a_i

    Parameters
    ----------
    snapshots : sequence of sequence of array_like
        The arrays of each snapshot, in one order.
    coefficients : array_like
        A coefficient per snapshot, such as those of `posthoc_coefficients`.

    Returns
    -------
    list of ndarray
        One array for each of a snapshot's, of the type of the first snapshot's.

    Raises
    ------
    ValueError
        If there is no snapshot, or numbers or shapes differ.

    Notes
    -----
    Sums are in float64 and rounded once, because coefficients of both signs cancel. This is plain
    NumPy: it is needed once per model.

    It has no derivative: averages of weights are not trained.

    Examples
    --------
    >>> import fastgen
    >>> fastgen.ema.combine([[[1.0, 2.0]], [[3.0, 4.0]]], [-0.5, 1.5])
    [array([4., 5.])]
    """
    factors = array_of(coefficients, np.float64, "coefficients")
    rows = [[array_of(x, name="combine: a snapshot") for x in snapshot] for snapshot in snapshots]
    if not rows or factors.shape != (len(rows),):
        raise ValueError(
            f"combine: coefficients must have one number for each of {len(rows)} snapshots, "
            f"got the shape {factors.shape}"
        )
    for k, row in enumerate(rows):
        if [x.shape for x in row] != [x.shape for x in rows[0]]:
            raise ValueError(f"combine: snapshots[{k}] has other shapes than snapshots[0]")
    return [_sum(column, factors) for column in zip(*rows, strict=True)]


def _sum(arrays: tuple[Array, ...], factors: Array) -> Array:
    total = np.zeros(arrays[0].shape)
    for x, c in zip(arrays, factors, strict=True):
        total += c * x.astype(np.float64)
    dtype = arrays[0].dtype
    return total.astype(np.float64 if dtype.kind in "biu" else dtype)
