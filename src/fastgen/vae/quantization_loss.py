"""The losses that bring vectors and codes together."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from fastgen._abstract import as_array
from fastgen._compose import Composition, Row, composed, computed
from fastgen._ops import OPS
from fastgen._pullbacks import gradients_of
from fastgen._typing import Array, ArrayLike, Axis

__all__ = ["quantization_loss"]

_loss = OPS["diffusion.denoising_score_matching"].called("vae.quantization_loss")


class _Loss(Row):
    """Squared errors between vectors and codes. Each of both gradients has a weight of its own."""

    __slots__ = ("commitment", "count")

    def __init__(
        self, x: Any, codes: Any, commitment: float, axis: Any, keepdims: bool, count: int
    ) -> None:
        self.commitment, self.count = commitment, count
        operands = (x, codes, -1.0, (1 + commitment) / count)
        super().__init__(_loss, operands, axis, keepdims)

    def on(self, arrays: tuple[Any, ...]) -> Composition:
        """Return the loss of other arrays."""
        options = (self.commitment, self.axis, self.keepdims, self.count)
        return _Loss(arrays[0], arrays[1], *options)

    def gradients(
        self, wanted: Sequence[int], cotangent: Any, with_value: bool
    ) -> tuple[Any, tuple[Any, ...]]:
        """Run the derivative of the row for each wanted input, with its weight."""
        found = []
        for k in wanted:
            weight = (self.commitment if k == 0 else 1.0) / self.count
            operands = (*self.operands[:3], weight)
            options = (cotangent, False, self.axis, self.keepdims)
            found.append(gradients_of(self.op, [k], operands, *options)[1][0])
        return self.value() if with_value else None, tuple(found)


@composed(inputs=2, operands=("x", "codes", "commitment", "commitment"))
def quantization_loss(
    x: ArrayLike,
    codes: ArrayLike,
    *,
    commitment: float = 0.25,
    axis: Axis = -1,
    keepdims: bool = False,
    out: Array | None = None,
) -> Array:
    r"""Codebook loss and commitment loss of vector quantisation, per vector.

    .. math:: \frac1n \sum_i \left((\mathrm{sg}(x_i) - c_i)^2
              + \beta \, (x_i - \mathrm{sg}(c_i))^2\right)

    where :math:`\mathrm{sg}` stops the gradient.

    Parameters
    ----------
    x : array_like
        The vectors, usually of shape (..., d).
    codes : array_like
        Their codes, of the same shape, such as ``codebook[nearest_code(x, codebook)]``.
    commitment : float, default 0.25
        The weight :math:`\beta` of the second term.
    {axis}
    {keepdims}
    {out}

    Returns
    -------
    ndarray or scalar
        The mean over the event axes, of the batch shape.

    Raises
    ------
    ValueError
        If shapes do not broadcast, `axis` is out of range, `commitment` is negative or not finite,
        or `out` does not fit.
    {type_error}

    Notes
    -----
    The value is :math:`(1 + \beta)` times the mean squared error. The first term moves the codes,
    the second the vectors: the derivative by `x` is :math:`2 \beta (x - c) / n`, that by `codes` is
    :math:`2 (c - x) / n`. That of the codebook is their sum per code:
    ``code_sums(d_codes, indices, size)[1]``. Where the codebook follows averages of its vectors,
    give `codes` no gradient: ``value_and_grad(quantization_loss, argnums=0)``, or
    ``codes.detach()``; the value then still has both terms. Each term is right within 5 ULP.

    References
    ----------
    .. [1] van den Oord, Vinyals, Kavukcuoglu, "Neural Discrete Representation Learning", NeurIPS
       2017, equation 3.

    Examples
    --------
    >>> import numpy as np, fastgen
    >>> x, codes = np.array([[1.0, 2.0]]), np.array([[0.0, 3.0]])
    >>> fastgen.value_and_grad(fastgen.vae.quantization_loss)(x, codes)
    (array([1.25]), (array([[ 0.25, -0.25]]), array([[-1.,  1.]])))
    """
    if not 0 <= commitment < math.inf:
        raise ValueError(
            f"quantization_loss: commitment must be at least 0 and finite; got {commitment}"
        )
    try:
        shape = np.broadcast_shapes(*[as_array(a).shape for a in (x, codes)])
    except ValueError:
        shape = ()  # the row says so
    axes = range(len(shape)) if axis is None else axis if isinstance(axis, tuple) else (axis,)
    inside = [a for a in axes if isinstance(a, (int, np.integer)) and -len(shape) <= a < len(shape)]
    count = max(1, math.prod([shape[a] for a in inside]))
    return computed(_Loss(x, codes, commitment, axis, keepdims, count), out)
