"""The maximum mean discrepancy of two sets of samples."""

from __future__ import annotations

import functools
import math
from collections.abc import Callable, Iterator, Sequence
from typing import Any, Literal, NamedTuple

import numpy as np

from fastgen import _messages
from fastgen._abstract import as_array, is_dask
from fastgen._axes import Axes
from fastgen._compose import DESCRIBE, Composition, Result, composed, computed, lazy
from fastgen._core import result_dtype
from fastgen._ops import OPS, chosen
from fastgen._pullbacks import as_input
from fastgen._row_blocks import row_blocks
from fastgen._typing import Array, ArrayLike

__all__ = ["maximum_mean_discrepancy"]

_exp = OPS["elementary.exp"]
_NAME = "gan.maximum_mean_discrepancy"
_PAIRS = 1 << 18  # kernels in a block of samples, of 2 MB: they stay in the caches


class _Kernel(NamedTuple):
    """A kernel as a function of the products of the samples, or of their squared distances.

    `of` returns its values and, if they are wanted, its derivatives.
    """

    of_distances: bool
    of: Callable[[Array, bool], tuple[Array, Array | None]]


def _sum_of(terms: list[Array], slopes: list[Array] | None) -> tuple[Array, Array | None]:
    """Return the sums over the bandwidths."""
    return functools.reduce(np.add, terms), functools.reduce(np.add, slopes) if slopes else None


def _rbf(bandwidths: tuple[float, ...]) -> _Kernel:
    """Return the sum of exp(-r^2 / (2 s^2)) over the bandwidths s."""
    rates = [0.5 / s**2 for s in bandwidths]

    def of(r2: Array, differentiate: bool) -> tuple[Array, Array | None]:
        terms = [np.asarray(_exp((-a * r2,))) for a in rates]
        slopes = [-a * t for a, t in zip(rates, terms, strict=True)] if differentiate else None
        return _sum_of(terms, slopes)

    return _Kernel(True, of)


def _inverse_multiquadric(bandwidths: tuple[float, ...]) -> _Kernel:
    """Return the sum of s^2 / (s^2 + r^2) over the bandwidths s."""
    squares = [s**2 for s in bandwidths]

    def of(r2: Array, differentiate: bool) -> tuple[Array, Array | None]:
        terms = [c / (c + r2) for c in squares]
        slopes = (
            [t * t / -c for c, t in zip(squares, terms, strict=True)] if differentiate else None
        )
        return _sum_of(terms, slopes)

    return _Kernel(True, of)


def _polynomial(degree: int, scale: float, offset: float) -> _Kernel:
    """Return (scale * product + offset)^degree."""

    def of(products: Array, differentiate: bool) -> tuple[Array, Array | None]:
        base = scale * products + offset
        slopes = degree * scale * base ** (degree - 1) if differentiate else None
        return base**degree, slopes

    return _Kernel(False, of)


def _kernel(
    kind: str,
    features: int,
    bandwidth: float | Sequence[float] | None,
    degree: int | None,
    scale: float | None,
    offset: float | None,
) -> _Kernel:
    """Return the kernel, or raise where an option is missing or has no meaning."""
    f = "maximum_mean_discrepancy"
    radial = {"rbf": _rbf, "inverse_multiquadric": _inverse_multiquadric, "polynomial": None}
    make = chosen(f, "kernel", radial, kind)
    if make is None:
        if bandwidth is not None:
            raise ValueError(f"{f}: the kernel 'polynomial' has no bandwidth, got {bandwidth!r}")
        power = 3 if degree is None else degree
        if isinstance(power, bool) or not isinstance(power, int | np.integer) or power < 1:
            raise ValueError(f"{f}: degree must be an integer of at least 1, got {degree!r}")
        slope = 1 / max(features, 1) if scale is None else float(scale)
        constant = 1.0 if offset is None else float(offset)
        if not (0 < slope < math.inf and 0 <= constant < math.inf):
            raise ValueError(
                f"{f}: scale must be positive and offset not negative, both finite; "
                f"got {scale!r} and {offset!r}"
            )
        return _polynomial(int(power), slope, constant)
    for name, option in (("degree", degree), ("scale", scale), ("offset", offset)):
        if option is not None:
            raise ValueError(f"{f}: only the kernel 'polynomial' has a {name}, got {option!r}")
    if bandwidth is None:
        raise ValueError(f"{f}: the kernel {kind!r} needs a bandwidth, or a sequence of them")
    each = tuple(float(s) for s in np.ravel(np.asarray(bandwidth, np.float64)))
    if not each or not all(s > 0 and math.isfinite(s) for s in each):
        raise ValueError(f"{f}: bandwidth must be finite and positive, got {bandwidth!r}")
    return make(each)


def _checked(inputs: tuple[Any, Any], unbiased: bool) -> tuple[Array, Array]:
    """Return both sets in float64, of the shapes (n, d) and (m, d)."""
    arrays = []
    for k, x in enumerate(inputs):
        _messages.check_numbers(_NAME, k, x)
        array = as_array(x)
        _messages.check_shape_is_known(_messages.named(_NAME, k), array)
        arrays.append(array)
    x, y = arrays
    if x.ndim != 2 or y.ndim != 2 or x.shape[1] != y.shape[1]:
        raise ValueError(
            "maximum_mean_discrepancy: x and y must have the shapes (n, d) and (m, d), "
            f"got {x.shape} and {y.shape}"
        )
    least = 2 if unbiased else 1
    if x.shape[0] < least or y.shape[0] < least:
        raise ValueError(
            f"maximum_mean_discrepancy: x and y must have {least} samples or more, "
            f"got {x.shape[0]} and {y.shape[0]}"
        )
    return x, y


def _finite(samples: Array) -> Array:
    """Return samples in float64, with NaN for infinity: its distances have no limit."""
    wide = samples.astype(np.float64)
    return wide if np.isfinite(wide).all() else np.where(np.isfinite(wide), wide, np.nan)


class _Discrepancy(Composition):
    """The discrepancy, computed in blocks: no array of all pairs of samples exists."""

    name = _NAME

    def __init__(self, inputs: tuple[Any, Any], unbiased: bool, options: tuple[Any, ...]) -> None:
        self.inputs, self.unbiased, self.options = inputs, bool(unbiased), options
        _kernel(options[0], 1, *options[1:])
        self.computed = _checked(inputs, self.unbiased)

    @property
    def arrays(self) -> tuple[Any, ...]:
        """The inputs."""
        return self.inputs

    def on(self, arrays: tuple[Any, ...]) -> Composition:
        """Return the discrepancy of other inputs."""
        return _Discrepancy((arrays[0], arrays[1]), self.unbiased, self.options)

    def axes(self) -> Axes:
        """Return core axes alone: each sample is compared with all others."""
        return Axes(((None, None),) * 2, ((),))

    def value(self, out: Any = None) -> Any:
        """Return the discrepancy."""
        if any(map(is_dask, self.inputs)):
            return lazy(self, out)
        return self._computed((), 1.0)[0]

    def gradients(
        self, wanted: Sequence[int], cotangent: Any, with_value: bool
    ) -> tuple[Any, tuple[Any, ...]]:
        """Return the discrepancy, or None without `with_value`, and the wanted gradients."""
        _messages.check_cotangent("maximum_mean_discrepancy", cotangent, ())
        value, found = self._computed(tuple(wanted), float(cotangent))
        return value if with_value else None, found

    def results(self) -> tuple[Result, ...]:
        """Return the shape and type of the discrepancy."""
        return (Result((), result_dtype(self.inputs)),)

    def _computed(self, wanted: tuple[int, ...], cotangent: float) -> tuple[Any, tuple[Any, ...]]:
        """Return the value and the wanted gradients, times the cotangent."""
        kernel = _kernel(self.options[0], self.computed[0].shape[1], *self.options[1:])
        x, y = (_finite(a) for a in self.computed)
        with np.errstate(all="ignore"):
            if kernel.of_distances:
                # Distances do not change. Around the mean, products cancel little.
                centre = (x.sum(0) + y.sum(0)) / (len(x) + len(y))
                x, y = x - centre, y - centre
            total, gradients = _discrepancy(kernel, x, y, self.unbiased, bool(wanted))
            if not self.unbiased and total < 0:
                total = 0.0  # rounding: the kernels are positive definite
            value = np.asarray(total).astype(result_dtype(self.inputs))[()]
            found = [as_input(gradients[k] * cotangent, self.inputs[k]) for k in wanted]
        return value, tuple(found)


def _discrepancy(
    kernel: _Kernel, x: Array, y: Array, unbiased: bool, differentiate: bool
) -> tuple[float, list[Array]]:
    """Return the discrepancy and its gradients in float64."""
    n, m = len(x), len(y)
    weights = (1 / (n * (n - unbiased)), 1 / (m * (m - unbiased)), -2 / (n * m))
    gradients = [np.zeros(x.shape), np.zeros(y.shape)] if differentiate else []
    totals = []
    for (i, j), weight in zip(((0, 0), (1, 1), (0, 1)), weights, strict=True):
        a, b = (x, y)[i], (x, y)[j]
        parts = []
        for block, pairs in _blocks(kernel, a, b, same=i == j):
            kernels, slopes = kernel.of(pairs, differentiate)
            if i == j and unbiased:
                _set_own(kernels, block, 0.0)
            parts.append(float(kernels.sum()))
            if slopes is not None:
                slopes *= weight
                if i == j and unbiased:
                    _set_own(slopes, block, 0.0)
                _add_gradients(kernel.of_distances, gradients, (i, j), slopes, a, b, block)
        totals.append(weight * sum(parts))
    return sum(totals), gradients


def _blocks(kernel: _Kernel, a: Array, b: Array, same: bool) -> Iterator[tuple[slice, Array]]:
    """Yield slices of a, and the products or squared distances of their pairs with all of b."""
    squares = np.einsum("nd,nd->n", b, b)
    for block in row_blocks(len(a), len(b), _PAIRS):
        pairs = a[block] @ b.T
        if kernel.of_distances:
            pairs *= -2
            pairs += squares
            pairs += np.einsum("nd,nd->n", a[block], a[block])[:, None]
            np.maximum(pairs, 0, out=pairs)
            if same:
                # A sample is at 0 from itself, unless it is NaN.
                _set_own(pairs, block, np.where(np.isnan(squares[block]), np.nan, 0.0))
        yield block, pairs


def _set_own(pairs: Array, block: slice, value: Any) -> None:
    """Set the pairs of samples with themselves."""
    pairs[np.arange(len(pairs)), np.arange(block.start, block.stop)] = value


def _add_gradients(
    of_distances: bool,
    gradients: list[Array],
    sets: tuple[int, int],
    slopes: Array,
    a: Array,
    b: Array,
    block: slice,
) -> None:
    """Add what a block of pairs gives to the gradients of both sets.

    A distance r^2 = |a - b|^2 has the derivative 2 (a - b) by a, and a product has b.
    """
    i, j = sets
    if of_distances:
        slopes = 2 * slopes
        gradients[i][block] += slopes.sum(1)[:, None] * a[block] - slopes @ b
        gradients[j] += slopes.sum(0)[:, None] * b - slopes.T @ a[block]
    else:
        gradients[i][block] += slopes @ b
        gradients[j] += slopes.T @ a[block]


@composed(inputs=2)
def maximum_mean_discrepancy(
    x: ArrayLike,
    y: ArrayLike,
    *,
    kernel: Literal["rbf", "inverse_multiquadric", "polynomial"],
    bandwidth: float | Sequence[float] | None = None,
    degree: int | None = None,
    scale: float | None = None,
    offset: float | None = None,
    unbiased: bool = True,
) -> np.floating[Any]:
    r"""Squared maximum mean discrepancy of two sets of samples: how far their distributions differ.

    .. math:: \mathrm{MMD}^2 = \frac{1}{n (n - 1)} \sum_{i \ne j} k(x_i, x_j)
              + \frac{1}{m (m - 1)} \sum_{i \ne j} k(y_i, y_j)
              - \frac{2}{n m} \sum_{i, j} k(x_i, y_j)

    ========================== ==============================================
    kernel                     :math:`k(a, b)`
    ========================== ==============================================
    ``"rbf"``                  :math:`\sum_s \exp(-|a - b|^2 / (2 s^2))`
    ``"inverse_multiquadric"`` :math:`\sum_s s^2 / (s^2 + |a - b|^2)`
    ``"polynomial"``           :math:`(\gamma \, a \cdot b + c)^q`
    ========================== ==============================================

    Parameters
    ----------
    x, y : array_like
        The samples, of shapes (n, d) and (m, d).
    kernel : str
        One of the table above.
    bandwidth : float or sequence of float
        The lengths s of the kernels "rbf" and "inverse_multiquadric", in units of the samples. The
        kernels of several are added.
    degree, scale, offset : optional
        The integer q and the numbers :math:`\gamma` and c of the kernel "polynomial", by default
        3, 1 / d and 1: the kernel inception distance. Only scale > 0 and offset >= 0 make a kernel.
    unbiased : bool, default True
        Leave out the pairs of a sample with itself, as the formula does. The expectation is then
        that of infinitely many samples, and a single value may be negative. False divides by
        :math:`n^2` and :math:`m^2` and has all pairs; its result is never negative.

    Returns
    -------
    scalar
        The square of the discrepancy, in the float type of the inputs.

    Raises
    ------
    ValueError
        If shapes do not fit, a set has fewer than 2 samples (1 with ``unbiased=False``), the kernel
        is unknown, its bandwidth is missing, an option is out of range, or one is given that the
        kernel does not have.
    {type_error}

    Notes
    -----
    Pairs are computed in blocks of a few MB, so no n x m array exists, in value and gradients. The
    products of the samples are those of NumPy's BLAS in float64, around the mean of all samples
    where the kernel has distances. The error is that of float64 relative to the kernels, not to
    their difference: about 1e-15 of the largest kernel, and of the squared lengths in units of the
    bandwidth. The last bits depend on the BLAS, so unlike those of kernels of fastgen they may
    differ between machines. A sample that is not finite gives
    NaN.

    The kernel inception distance is the mean of this for several subsets of features, with
    ``kernel="polynomial"``. The Wasserstein autoencoder takes "inverse_multiquadric" with
    bandwidths :math:`\sqrt{2 d t}` for t = 0.1, 0.2, 0.5, 1, 2, 5, 10, for a standard normal prior.

    References
    ----------
    .. [1] Gretton et al., "A Kernel Two-Sample Test", JMLR 2012, equations 3 and 5.
    .. [2] Binkowski et al., "Demystifying MMD GANs", ICLR 2018.
    .. [3] Tolstikhin et al., "Wasserstein Auto-Encoders", ICLR 2018.

    Examples
    --------
    >>> import fastgen
    >>> x, y = [[0.0], [1.0]], [[0.0], [3.0]]
    >>> mmd = fastgen.gan.maximum_mean_discrepancy(x, y, kernel="rbf", bandwidth=1.0)
    >>> print(f"{mmd:.12f}")
    -0.258847813493
    """
    options = (kernel, bandwidth, degree, scale, offset)
    return computed(_Discrepancy((x, y), unbiased, options), DESCRIBE)
