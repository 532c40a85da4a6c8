"""The pulling-away term, which keeps the features of generated samples apart."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from fastgen import _messages
from fastgen._abstract import as_array, is_dask
from fastgen._axes import Axes
from fastgen._compose import DESCRIBE, Composition, Result, composed, computed, lazy
from fastgen._core import result_dtype
from fastgen._pullbacks import as_input
from fastgen._row_blocks import row_blocks
from fastgen._typing import Array, ArrayLike

__all__ = ["pulling_away_term"]

_NAME = "gan.pulling_away_term"
_PAIRS = 1 << 18  # cosines in a block of samples, of 2 MB


class _PullingAway(Composition):
    """The mean squared cosine of pairs, in blocks: no array of all pairs exists."""

    name = _NAME

    def __init__(self, features: Any) -> None:
        _messages.check_numbers(_NAME, 0, features)
        self.features, self.computed = features, as_array(features)
        _messages.check_shape_is_known(_messages.named(_NAME, 0), self.computed)
        if self.computed.ndim != 2 or self.computed.shape[0] < 2:
            raise ValueError(
                "pulling_away_term: features must have the shape (n, d) with n of at least 2, "
                f"got {self.computed.shape}"
            )

    @property
    def arrays(self) -> tuple[Any, ...]:
        """The features."""
        return (self.features,)

    def on(self, arrays: tuple[Any, ...]) -> Composition:
        """Return the term of other features."""
        return _PullingAway(arrays[0])

    def axes(self) -> Axes:
        """Return core axes alone: each sample is compared with all others."""
        return Axes(((None, None),), ((),))

    def value(self, out: Any = None) -> Any:
        """Return the term."""
        if is_dask(self.features):
            return lazy(self, out)
        return self._computed(None)[0]

    def gradients(
        self, wanted: Sequence[int], cotangent: Any, with_value: bool
    ) -> tuple[Any, tuple[Any, ...]]:
        """Return the term, or None without `with_value`, and the wanted gradient."""
        _messages.check_cotangent("pulling_away_term", cotangent, ())
        value, gradient = self._computed(float(cotangent) if len(wanted) else None)
        return value if with_value else None, (gradient,) * len(wanted)

    def results(self) -> tuple[Result, ...]:
        """Return the shape and type of the term."""
        return (Result((), result_dtype(self.arrays)),)

    def _computed(self, cotangent: float | None) -> tuple[Any, Any]:
        """Return the value, and the gradient if there is a cotangent."""
        n = len(self.computed)
        with np.errstate(all="ignore"):
            x = self.computed.astype(np.float64)
            # Lengths of any size: the largest entry of each row becomes 1.
            size = np.abs(x).max(axis=1, keepdims=True, initial=0.0)
            x /= size
            length = np.sqrt(np.einsum("nd,nd->n", x, x))[:, None]
            x /= length
            parts, along = [], np.zeros(x.shape) if cotangent is not None else None
            for block, cosines in _blocks(x):
                parts.append(float(np.einsum("nk,nk->", cosines, cosines)))
                if along is not None:
                    along[block] = cosines @ x
            value = np.asarray(math.fsum(parts) / (n * (n - 1)) if _finite(parts) else np.nan)
            value = value.astype(result_dtype(self.arrays))[()]
            if along is None or cotangent is None:
                return value, None
            # The part along the sample itself does not turn it.
            along -= np.einsum("nd,nd->n", along, x)[:, None] * x
            along *= (4 * cotangent) / (n * (n - 1))
            return value, as_input(along / length / size, self.features)


def _finite(parts: list[float]) -> bool:
    return all(map(math.isfinite, parts))


def _blocks(x: Array) -> Iterator[tuple[slice, Array]]:
    """Yield slices of unit vectors, and their cosines with all vectors, 0 with themselves."""
    for block in row_blocks(len(x), len(x), _PAIRS):
        cosines = x[block] @ x.T
        cosines[np.arange(len(cosines)), np.arange(block.start, block.stop)] = 0.0
        yield block, cosines


@composed(inputs=1)
def pulling_away_term(features: ArrayLike) -> np.floating[Any]:
    r"""Mean squared cosine of the angles between features of generated samples.

    .. math:: \frac{1}{n (n - 1)} \sum_{i \ne j}
              \Big( \frac{s_i \cdot s_j}{|s_i| \, |s_j|} \Big)^2

    Parameters
    ----------
    features : array_like
        The features s of a batch of n samples, of shape (n, d), n of at least 2. In an energy-based
        GAN they are the codes of the discriminator's encoder.

    Returns
    -------
    scalar
        From 0, where all features are orthogonal, to 1, where all are parallel, in the float type
        of the input. Added to the generator's loss with a weight, it keeps samples apart.

    Raises
    ------
    ValueError
        If the shape is not (n, d), or n is smaller than 2.
    {type_error}

    Notes
    -----
    Features are made unit vectors first, in float64, so no length over- or underflows. A vector of
    zeros has no angle: the term is NaN, and so is its gradient. Pairs are computed in blocks. The
    products are those of NumPy's BLAS in float64; the error is about 1e-15 d, and the last bits may
    differ between machines.

    torchgan averages over the wrong axis and counts each sample with itself; the formula here is
    that of the paper.

    References
    ----------
    .. [1] Zhao, Mathieu and LeCun, "Energy-based Generative Adversarial Networks", ICLR 2017,
       equation 4.

    Examples
    --------
    >>> import fastgen
    >>> print(fastgen.gan.pulling_away_term([[1.0, 0.0], [0.0, 2.0], [0.0, 3.0]]).round(12))
    0.333333333333
    """
    return computed(_PullingAway(features), DESCRIBE)
