"""Cross-entropy of labels and entropy of classes, from logits."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence
from typing import Any

import numpy as np

from fastgen import _messages
from fastgen._abstract import as_array, has_no_values, is_dask
from fastgen._axes import Axes
from fastgen._compose import DESCRIBE, Composition, Result, composed, computed, lazy
from fastgen._core import result_dtype
from fastgen._ops import OPS
from fastgen._pullbacks import as_input
from fastgen._row_blocks import row_blocks
from fastgen._typing import Array, ArrayLike

__all__ = ["categorical_entropy", "cross_entropy"]

_logsumexp, _softplus = OPS["elementary.logsumexp"], OPS["elementary.softplus"]
_sigmoid, _exp = OPS["elementary.sigmoid"], OPS["elementary.exp"]
_BLOCK = 2**17  # logits of a block, in float64: they stay in the caches


class _OfRows(Composition):
    """A number for each row of logits, computed in float64, block by block."""

    def __init__(self, inputs: tuple[Any, ...]) -> None:
        self.inputs = inputs
        _messages.check_numbers(self.name, 0, inputs[0])
        self.shape = as_array(inputs[0]).shape
        if not self.shape or not self.shape[-1]:
            raise ValueError(
                f"{self.name.partition('.')[2]}: logits must have the shape (..., K) with at least "
                f"one class, got {self.shape}"
            )

    @abstractmethod
    def rows(self, logits: Any, begin: int, cotangent: Any) -> tuple[Any, Any]:
        """Return the values of rows from `begin` on, and their gradients if there is a cotangent.

        The function may overwrite the logits.
        """

    @property
    def arrays(self) -> tuple[Any, ...]:
        """The inputs."""
        return self.inputs

    def axes(self) -> Axes:
        """Return the axes. Each row is a part of its own."""
        batch = tuple(range(len(self.shape) - 1))
        others = (batch,) * (len(self.inputs) - 1)
        return Axes(((*batch, None), *others), (batch,))

    def value(self, out: Any = None) -> Any:
        """Return the value of each row."""
        if any(map(is_dask, self.inputs)):
            return lazy(self, out)
        return self._all(None)[0]

    def _all(self, cotangent: Any) -> tuple[Any, Any]:
        """Return the values, and the gradient of the logits if there is a cotangent."""
        flat = as_array(self.inputs[0]).reshape(-1, self.shape[-1])
        values = np.empty(len(flat))
        found = None if cotangent is None else np.empty((len(values), self.shape[-1]))
        with np.errstate(all="ignore"):
            for part in row_blocks(len(flat), self.shape[-1], _BLOCK):
                some = None if cotangent is None else cotangent[part]
                logits = flat[part].astype(np.float64)
                values[part], gradient = self.rows(logits, part.start, some)
                if found is not None:
                    found[part] = gradient
            value = values.reshape(self.shape[:-1]).astype(result_dtype(self.inputs[:1]))
        return value[()], None if found is None else found.reshape(self.shape)

    def gradients(
        self, wanted: Sequence[int], cotangent: Any, with_value: bool
    ) -> tuple[Any, tuple[Any, ...]]:
        """Return the values, or None without `with_value`, and the gradient of the logits."""
        _messages.check_cotangent(self.name.partition(".")[2], cotangent, self.shape[:-1])
        spread = np.broadcast_to(np.asarray(cotangent, np.float64), self.shape[:-1]).ravel()
        value, found = self._all(spread)
        return value if with_value else None, (as_input(found, self.inputs[0]),) * len(wanted)

    def results(self) -> tuple[Result, ...]:
        """Return the shape and type of the values."""
        return (Result(self.shape[:-1], result_dtype(self.inputs[:1])),)


def _shift(logits: Any) -> None:
    """Subtract the largest logit of each row. No probability changes."""
    top = logits.max(axis=1, keepdims=True)
    logits -= np.where(np.isfinite(top), top, 0.0)


def _all_but(logits: Any, chosen: Any) -> Any:
    """Return the logsumexp of each row without its chosen element."""
    rows = np.arange(len(logits))
    kept = logits[rows, chosen]
    logits[rows, chosen] = -np.inf
    total = np.asarray(_logsumexp((logits,)))
    logits[rows, chosen] = kept
    return total


class _CrossEntropy(_OfRows):
    """Minus the log-probability of labels."""

    name = "vae.cross_entropy"

    def __init__(self, inputs: tuple[Any, ...], smoothing: float, ignored: int | None) -> None:
        super().__init__(inputs)
        self.smoothing, self.ignored = smoothing, ignored
        labels = as_array(inputs[1])
        if labels.dtype.kind not in "iu" and labels.size:
            raise TypeError(f"cross_entropy: labels must be integers, got {labels.dtype}")
        if labels.shape != self.shape[:-1]:
            raise ValueError(
                f"cross_entropy: labels must have the shape {self.shape[:-1]} of the rows of "
                f"logits, got {labels.shape}"
            )
        if has_no_values(inputs[1]):
            return
        self.labels = labels.reshape(-1).astype(np.int64)
        self.counted = np.ones(labels.size, bool) if ignored is None else self.labels != ignored
        some = self.labels[self.counted]
        if some.size and not (some.min() >= 0 and some.max() < self.shape[-1]):
            raise ValueError(
                f"cross_entropy: labels must lie in 0 to {self.shape[-1] - 1}"
                + ("" if ignored is None else f", or be ignored={ignored}")
            )

    def on(self, arrays: tuple[Any, ...]) -> Composition:
        """Return the cross-entropies of other logits and labels."""
        return _CrossEntropy(arrays, self.smoothing, self.ignored)

    def rows(self, logits: Any, begin: int, cotangent: Any) -> tuple[Any, Any]:
        """Return softplus(log(sum of the others) - x_y), and the part of smoothing."""
        counted = self.counted[begin : begin + len(logits)]
        labels = np.where(counted, self.labels[begin : begin + len(logits)], 0)
        rows, share = np.arange(len(logits)), self.smoothing / logits.shape[1]
        _shift(logits)
        own = logits[rows, labels]
        behind = _all_but(logits, labels) - own
        value = np.asarray(_softplus((behind,)))
        found = None
        if cotangent is not None:
            total = np.where(np.isfinite(own), own + value, _logsumexp((logits,)))
            found = np.asarray(_exp((logits - total[:, None],))) - share
            found[rows, labels] = self.smoothing - share - np.asarray(_sigmoid((behind,)))
            found *= cotangent[:, None]
            found[~counted] = 0.0
        if self.smoothing:
            value = value + self.smoothing * (own - logits.mean(axis=1))
        return np.where(counted, value, 0.0), found


class _Entropy(_OfRows):
    """The entropy of the classes."""

    name = "vae.categorical_entropy"

    def on(self, arrays: tuple[Any, ...]) -> Composition:
        """Return the entropies of other logits."""
        return _Entropy(arrays)

    def rows(self, logits: Any, begin: int, cotangent: Any) -> tuple[Any, Any]:
        """Return log(Z) plus the mean of -x, both of which are positive if the largest x is 0."""
        _shift(logits)
        rest = np.asarray(_softplus((_all_but(logits, logits.argmax(axis=1)),)))
        shares = np.asarray(_exp((logits - rest[:, None],)))
        finite = np.where(logits == -np.inf, 0.0, logits)
        mean = -np.einsum("rk,rk->r", shares, finite)
        found = None
        if cotangent is not None:
            found = -shares * (finite + mean[:, None]) * cotangent[:, None]
        return rest + mean, found


@composed(inputs=1)
def cross_entropy(
    logits: ArrayLike, labels: ArrayLike, *, smoothing: float = 0.0, ignored: int | None = None
) -> Array:
    r"""Cross-entropy of labels and classes, from logits, per row.

    .. math:: -(1 - \epsilon) \log p_y - \frac{\epsilon}{K} \sum_{k=1}^K \log p_k,
              \qquad p = \mathrm{softmax}(\ell)

    Parameters
    ----------
    logits : array_like
        Logits :math:`\ell`, of shape (..., K): log-probabilities, up to a constant for each row.
    labels : array_like of int
        The classes :math:`y`, from 0 to K - 1, of shape (...).
    smoothing : float, default 0
        The share :math:`\epsilon` of the uniform distribution, from 0 to 1.
    ignored : int, optional
        The label of rows that do not count, such as -100. Their value is 0, and so is their
        gradient, whatever their logits.

    Returns
    -------
    ndarray or scalar
        In nats, of the shape (...). Divide the sum by ``numpy.sum(labels != ignored)`` for the mean
        over the rows that count.

    Raises
    ------
    ValueError
        If the shapes do not fit, a label is out of range, or `smoothing` is not in [0, 1].
    TypeError
        If `logits` are complex, longdouble, object or masked, or `labels` are no integers.

    Notes
    -----
    Without smoothing the value is :math:`\log(1 + \sum_{k \ne y} e^{\ell_k - \ell_y})`, which
    keeps its digits where the label is nearly certain, and is never negative. It is computed in
    float64, block by block, and rounded once. The relative error in float64 is at most
    :math:`2^{-50}`, times the difference of the largest logits if that is above 1. With smoothing,
    that is the error relative to the largest term. `logits` have a derivative, in which
    :math:`p_y - 1` keeps its digits too. A logit of -inf means a probability of 0.

    References
    ----------
    .. [1] Szegedy, Vanhoucke, Ioffe, Shlens, Wojna, "Rethinking the Inception Architecture for
       Computer Vision", CVPR 2016, section 7 (label smoothing).

    Examples
    --------
    >>> import numpy as np, fastgen
    >>> logits = np.array([[0.0, 0.0], [50.0, 0.0], [3.0, 4.0]])
    >>> fastgen.vae.cross_entropy(logits, [0, 0, -100], ignored=-100)
    array([6.93147181e-01, 1.92874985e-22, 0.00000000e+00])
    """
    if not 0 <= smoothing <= 1:
        raise ValueError(f"cross_entropy: smoothing must lie in [0, 1], got {smoothing}")
    return computed(_CrossEntropy((logits, labels), smoothing, ignored), DESCRIBE)


@composed(inputs=1)
def categorical_entropy(logits: ArrayLike) -> Array:
    r"""Entropy of a categorical distribution, from logits, per row.

    .. math:: -\sum_k p_k \log p_k, \qquad p = \mathrm{softmax}(\ell)

    Parameters
    ----------
    logits : array_like
        Logits :math:`\ell`, of shape (..., K): log-probabilities, up to a constant for each row.

    Returns
    -------
    ndarray or scalar
        In nats, of the shape (...), from 0 to log K.

    Raises
    ------
    ValueError
        If `logits` have no classes.
    {type_error}

    Notes
    -----
    With a largest logit of 0, the entropy is the sum of two positive terms, so it keeps its digits
    where one class is nearly certain. It is computed in float64, block by block, and rounded once.
    The relative error in float64 is at most :math:`2^{-50}` for differences of logits up to 1, and
    in proportion to them beyond. A logit of -inf means a probability of 0.

    References
    ----------
    .. [1] Shannon, "A Mathematical Theory of Communication", 1948, section 6.

    Examples
    --------
    >>> import numpy as np, fastgen
    >>> fastgen.vae.categorical_entropy(np.array([[0.0, 0.0], [0.0, -50.0]]))
    array([6.93147181e-01, 9.83662422e-21])
    """
    return computed(_Entropy((logits,)), DESCRIBE)
