"""Classifier-free guidance: away from the prediction without a condition."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from fastgen._abstract import is_dask
from fastgen._axes import Axes, Labels
from fastgen._compose import Composition, PlacedRow, Result, Row, composed, computed, lazy
from fastgen._core import empty, result_dtype
from fastgen._ops import OPS
from fastgen._registry import operation
from fastgen._typing import Array, ArrayLike, Axis
from fastgen.guidance._samples import axes_of_sample, elementwise, whole

__all__ = ["cfg", "cfg_rescale", "combine", "deviation_ratio"]

_cfg = OPS["guidance.cfg"]
_cfg_rescale = OPS["guidance.cfg_rescale"]
_deviation_ratio = OPS["guidance.deviation_ratio"]
_combine_2 = OPS["guidance.combine_2"]
_combine_3 = OPS["guidance.combine_3"]
_combine_more = OPS["guidance.combine_more"]
_COMBINE = {n: f"guidance.combine_{n}" for n in ("2", "3", "more")}  # by the number of predictions


@operation("guidance.cfg")
@composed(inputs=3)
def cfg(
    uncond: ArrayLike,
    cond: ArrayLike,
    scale: ArrayLike,
    *,
    axis: Axis = None,
    out: Array | None = None,
) -> Array:
    r"""Classifier-free guidance.

    .. math:: u + s \, (c - u)

    Parameters
    ----------
    {uncond_and_cond}
    scale : array_like
        The guidance scale: a number, or one per sample, of shape (B,). 1 gives `cond` itself, 0
        gives `uncond`. The form of the paper, :math:`c + w (c - u)`, has the scale :math:`s = w +
        1`.
    {axis_of_sample}
    {out_or_prediction}

    Returns
    -------
    {returns_like_predictions}

    Raises
    ------
    {raises_elementwise}

    Notes
    -----
    Max error: 2 ULP of both terms together. The function computes the formula as it stands, because
    :math:`(1 - s) u + s c` loses digits as `scale` grows. float16 and bfloat16 are computed in
    float32 and rounded once. Source: Ho and Salimans, "Classifier-Free Diffusion Guidance" (2022).

    Examples
    --------
    >>> import numpy as np, fastgen
    >>> uncond, cond = np.zeros((1, 3)), np.array([[0.5, -0.5, 1.0]])
    >>> fastgen.guidance.cfg(uncond, cond, 7.5)
    array([[ 3.75, -3.75,  7.5 ]])
    """
    return elementwise(_cfg, (uncond, cond), (scale,), axis, out)


@operation("guidance.cfg_rescale", also=("rescale",))
@composed(inputs=3)
def cfg_rescale(
    uncond: ArrayLike,
    cond: ArrayLike,
    scale: ArrayLike,
    *,
    rescale: ArrayLike = 0.7,
    axis: Axis = None,
    out: Array | None = None,
) -> Array:
    r"""Classifier-free guidance, rescaled towards the standard deviation of `cond` in each sample.

    .. math:: g \left(r \, \frac{\mathrm{std}(c)}{\mathrm{std}(g)} + 1 - r\right),
              \qquad g = u + s \, (c - u)

    Parameters
    ----------
    {uncond_and_cond}
    {scale_of_guidance}
    rescale : array_like, default 0.7
        The degree :math:`r` of rescaling, from 0 to 1: a number, or one per sample.
    {axis_of_sample}
    {out_or_prediction}

    Returns
    -------
    {returns_like_predictions}

    Raises
    ------
    {raises_elementwise}

    Notes
    -----
    Max error: 4 ULP of the sample's largest term. Deviations that divide by n and by n - 1 have the
    same ratio. A sample whose guided prediction is constant has a deviation of 0 and stays
    unchanged. Sums are accumulated in float64. Source: Lin et al., "Common Diffusion Noise
    Schedules and Sample Steps Are Flawed" (2024).

    Examples
    --------
    >>> import numpy as np, fastgen
    >>> uncond, cond = np.zeros((1, 3)), np.array([[0.5, -0.5, 1.0]])
    >>> fastgen.guidance.cfg_rescale(uncond, cond, 7.5, rescale=1.0)
    array([[ 0.5, -0.5,  1. ]])
    """
    return whole(_cfg_rescale, (uncond, cond), (scale, rescale), axis, out)


@operation("guidance.deviation_ratio")
@composed(inputs=3)
def deviation_ratio(
    uncond: ArrayLike,
    cond: ArrayLike,
    scale: ArrayLike,
    *,
    axis: Axis = None,
    out: Array | None = None,
) -> Array:
    r"""Ratio of the standard deviations of `cond` and of the guided prediction, per sample.

    .. math:: \frac{\mathrm{std}(c)}{\mathrm{std}(g)}, \qquad g = u + s \, (c - u)

    With the ratio, `cfg_rescale` is ``(1 + rescale * (ratio - 1)) * cfg(uncond, cond, scale)``. A
    function that fuses guidance with the next step can take that factor as a coefficient.

    Parameters
    ----------
    {uncond_and_cond}
    {scale_of_guidance}
    {axis_of_sample}
    out : ndarray, optional
        The array that receives the result. A float64 array gets more digits than a float32 batch
        has.

    Returns
    -------
    ndarray or scalar
        One number per sample, of the float type of the predictions. It is 1 where :math:`g` is
        constant.

    Raises
    ------
    {raises_elementwise}

    Notes
    -----
    Sums are accumulated in float64. Max error: 4 ULP, times the ratio of the terms of :math:`c` and
    :math:`g` to their deviations. Source: Lin et al., "Common Diffusion Noise Schedules and Sample
    Steps Are Flawed" (2024).

    Examples
    --------
    >>> import numpy as np, fastgen
    >>> uncond, cond = np.zeros((1, 3)), np.array([[0.5, -0.5, 1.0]])
    >>> fastgen.guidance.deviation_ratio(uncond, cond, 8.0)
    array([0.125])
    """
    return whole(_deviation_ratio, (uncond, cond), (scale,), axis, out)


def _checked(predictions: Any, scales: Any) -> tuple[tuple[Any, ...], tuple[Any, ...]]:
    """Return the predictions and scales as tuples of one length, or raise."""
    predictions, scales = tuple(predictions), tuple(scales)
    if len(predictions) != len(scales):
        raise ValueError(
            f"combine: expected one scale for each of {len(predictions)} predictions, got "
            f"{len(scales)}"
        )
    if not predictions:
        raise ValueError("combine: predictions must hold at least one, got none")
    return predictions, scales


class _OneByOne(Composition):
    """Any number of predictions, which are added to `start` one after the other."""

    name = "guidance.combine"
    differentiable = False

    def __init__(
        self, start: Any, base: Any, predictions: tuple[Any, ...], scales: Any, axis: Any
    ) -> None:
        self.start, self.base, self.predictions, self.scales = start, base, predictions, scales
        self.axis = axes_of_sample(axis, (start, base, *predictions), scales)

    @property
    def arrays(self) -> tuple[Any, ...]:
        """The array to start from, the base, the predictions, and the scales."""
        return (self.start, self.base, *self.predictions, *self.scales)

    def on(self, arrays: tuple[Any, ...]) -> Composition:
        """Return the sum of other arrays."""
        start, base, *rest = arrays
        count = len(self.predictions)
        return _OneByOne(start, base, tuple(rest[:count]), tuple(rest[count:]), self.axis)

    def axes(self) -> Axes:
        """Return the axes of one row. All rows have the same."""
        count = len(self.predictions)
        each = [
            Row(_combine_more, (self.start, self.base, p, s), self.axis).axes()
            for p, s in zip(self.predictions, self.scales, strict=True)
        ]
        full = max([a.results[0] for a in each], key=len)
        rows = tuple([b for b in full if b is not None])
        labels = [full[len(full) - np.ndim(x) :] for x in self.arrays[: 2 + count]]
        labels += [rows[len(rows) - np.ndim(s) :] for s in self.scales]
        return Axes(tuple(labels), (full,))

    def of_inputs(self, labels: tuple[Labels, ...]) -> tuple[Any, ...]:
        """Return the labels of the base, the predictions and the scales."""
        count = 2 + len(self.predictions)
        return labels[1], labels[2:count], labels[count:]

    def value(self, out: Any = None) -> Any:
        """Return the sum. Half precision is rounded only after the last prediction."""
        if any(map(is_dask, self.arrays)):
            return lazy(self, out)
        total, before = self.start, self.start
        if len(self.predictions) > 1:
            (result,) = self.results()
            total = empty(result.shape, np.float64 if result.dtype == np.float64 else np.float32)
            out = empty(result.shape, result.dtype) if out is None else out
        *some, last = zip(self.predictions, self.scales, strict=True)
        for prediction, scale in some:
            inputs = (before, self.base, prediction, scale)
            before = _combine_more(inputs, self.axis, False, total)
        return _combine_more((before, self.base, *last), self.axis, False, out)

    def gradients(
        self, wanted: Sequence[int], cotangent: Any, with_value: bool
    ) -> tuple[Any, tuple[Any, ...]]:
        """Raise: this form has no derivative."""
        raise TypeError("combine: has a derivative for up to 3 predictions, without start=")

    def results(self) -> tuple[Result, ...]:
        """Return the shape and type of the sum."""
        arrays = self.arrays[: 2 + len(self.predictions)]
        return (Result(np.broadcast_shapes(*map(np.shape, arrays)), result_dtype(arrays)),)


def _names(row: str) -> tuple[str, ...]:
    """Return the names of the inputs of a row of `combine`."""
    if row.endswith("_more"):
        return ("start", "base", "predictions", "scales")
    count = range(int(row[-1]))
    predictions = (f"predictions[{k}]" for k in count)
    return ("base", *predictions, *(f"scales[{k}]" for k in count))


@operation(_COMBINE, names=_names)
@composed(inputs=3)
def combine(
    base: ArrayLike,
    predictions: Sequence[ArrayLike],
    scales: Sequence[ArrayLike],
    *,
    start: ArrayLike | None = None,
    axis: Axis = None,
    out: Array | None = None,
) -> Array:
    r"""Guidance by any number of conditions around one base prediction.

    .. math:: b + \sum_k s_k \, (p_k - b)

    For composed prompts, the base is the unconditional prediction. Skip-layer and
    perturbed-attention guidance, :math:`u + w (c - u) + v (c - p)`, are ``combine(u, (c, p), (w +
    v, -v))``.

    Parameters
    ----------
    base : array_like
        The prediction :math:`b` that the others are compared with, of shape (B, ...).
    predictions : sequence of array_like
        The other predictions :math:`p_k`.
    scales : sequence of array_like
        A scale :math:`s_k` for each prediction: a number, or one per sample, of shape (B,).
    start : array_like, optional
        The array to which the differences are added, instead of `base`: the result for earlier
        predictions. It may be `out` as well.
    {axis_of_sample}
    {out_or_prediction}

    Returns
    -------
    {returns_like_predictions}

    Raises
    ------
    {raises_elementwise}

    Notes
    -----
    Up to three predictions take one pass over memory. More take one pass each. The function has a
    derivative for up to three predictions. Max error: 3 ULP of the terms together. Source: Liu et
    al., "Compositional Visual Generation with Composable Diffusion Models" (2022).

    Examples
    --------
    >>> import numpy as np, fastgen
    >>> base, p, q = np.zeros((1, 2)), np.ones((1, 2)), np.array([[1.0, 3.0]])
    >>> fastgen.guidance.combine(base, (p, q), (2.0, 0.5))
    array([[2.5, 3.5]])
    """
    predictions, scales = _checked(predictions, scales)
    few = {1: _cfg, 2: _combine_2, 3: _combine_3}.get(len(predictions))
    if few is None or start is not None:
        first = base if start is None else start
        return computed(_OneByOne(first, base, predictions, scales, axis), out)
    axis, count = axes_of_sample(axis, (base, *predictions), scales), len(predictions)
    places = (0, tuple(range(1, 1 + count)), tuple(range(1 + count, 1 + 2 * count)))
    operands = (base, *predictions, *scales)
    return computed(PlacedRow(few, operands, axis, places=places), out)
