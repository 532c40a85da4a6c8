"""Quantisation with the gradient of the identity: codes, their losses, and numbers per channel."""

from __future__ import annotations

import math
from abc import abstractmethod
from collections.abc import Sequence
from typing import Any

import numpy as np

from fastgen import _messages
from fastgen._abstract import as_array, is_dask
from fastgen._arrays import array_of
from fastgen._axes import Axes
from fastgen._compose import DESCRIBE, Composition, Result, Row, composed, computed, lazy
from fastgen._core import result_dtype
from fastgen._ops import OPS
from fastgen._pullbacks import as_input, gradients_of
from fastgen._typing import Array, ArrayLike, Axis

__all__ = [
    "finite_scalar",
    "finite_scalar_codes",
    "finite_scalar_indices",
    "lookup_free",
    "lookup_free_indices",
    "quantization_loss",
    "straight_through",
]

_loss = OPS["diffusion.denoising_score_matching"].called("vae.quantization_loss")
_tanh = OPS["elementary.tanh"]


class _Passed(Composition):
    """Codes of the first input. Its gradient is the cotangent times a slope, which is not theirs.

    The inputs have one shape. What follows the first input has no gradient: zeros.
    """

    def __init__(self, inputs: tuple[Any, ...]) -> None:
        self.inputs = inputs
        for k, x in enumerate(inputs):
            _messages.check_numbers(self.name, k, x)
        self.shape = as_array(inputs[0]).shape

    @abstractmethod
    def codes(self) -> Any:
        """Return the codes, of any float type."""

    def slope(self) -> Any:
        """Return the slope by which the cotangent of the codes goes to the first input."""
        return 1.0

    @property
    def arrays(self) -> tuple[Any, ...]:
        """The inputs."""
        return self.inputs

    def axes(self) -> Axes:
        """Return the axes: all but the last are batch axes."""
        n = len(self.shape)
        labels = (*range(n - 1), None) if n else ()
        return Axes((labels,) * len(self.inputs), (labels,))

    def value(self, out: Any = None) -> Any:
        """Return the codes."""
        if any(map(is_dask, self.inputs)):
            return lazy(self, out)
        return np.asarray(self.codes()).astype(result_dtype(self.inputs))[()]

    def gradients(
        self, wanted: Sequence[int], cotangent: Any, with_value: bool
    ) -> tuple[Any, tuple[Any, ...]]:
        """Return the codes, or None without `with_value`, and the wanted gradients."""
        _messages.check_cotangent(self.name.partition(".")[2], cotangent, self.shape)
        found = []
        for k in wanted:
            gradient = np.broadcast_to(np.asarray(cotangent, np.float64), self.shape)
            gradient = gradient * self.slope() if k == 0 else np.zeros(self.shape)
            found.append(as_input(np.asarray(gradient), self.inputs[k]))
        return self.value() if with_value else None, tuple(found)

    def results(self) -> tuple[Result, ...]:
        """Return the shape and type of the codes."""
        return (Result(self.shape, result_dtype(self.inputs)),)


class _Given(_Passed):
    """Codes that the caller gives."""

    name = "vae.straight_through"

    def __init__(self, inputs: tuple[Any, ...]) -> None:
        super().__init__(inputs)
        shapes = [as_array(x).shape for x in inputs]
        if shapes[0] != shapes[1]:
            raise ValueError(
                f"straight_through: x and codes must have one shape, got {shapes[0]} and "
                f"{shapes[1]}"
            )

    def on(self, arrays: tuple[Any, ...]) -> Composition:
        """Return the same of other arrays."""
        return _Given(arrays)

    def codes(self) -> Any:
        """Return the second input."""
        return self.inputs[1]


class _Signs(_Passed):
    """The signs, of which 0 has -1."""

    name = "vae.lookup_free"

    def on(self, arrays: tuple[Any, ...]) -> Composition:
        """Return the same of another array."""
        return _Signs(arrays)

    def codes(self) -> Any:
        """Return the signs."""
        x = as_array(self.inputs[0])
        with np.errstate(invalid="ignore"):
            signs = np.where(x > 0, 1.0, -1.0)
            return np.where(x == x, signs, np.nan)


class _Scalars(_Passed):
    """Numbers of a few levels per channel."""

    name = "vae.finite_scalar"

    def __init__(self, inputs: tuple[Any, ...], levels: Any) -> None:
        super().__init__(inputs)
        self.levels = levels
        self.numbers = _levels("finite_scalar", levels)
        if not self.shape or self.shape[-1] != len(self.numbers):
            raise ValueError(
                f"finite_scalar: x must have the shape (..., {len(self.numbers)}), got {self.shape}"
            )

    def on(self, arrays: tuple[Any, ...]) -> Composition:
        """Return the same of another array."""
        return _Scalars(arrays, self.levels)

    def _bounded(self) -> tuple[Any, Any, Any]:
        """Return tanh of the shifted input, its factor and the offset, in float64."""
        factor = (self.numbers - 1) * (1 - 1e-3) / 2
        offset = np.where(self.numbers % 2 == 1, 0.0, 0.5)
        wide = as_array(self.inputs[0]).astype(np.float64)
        return np.asarray(_tanh((wide + np.tan(offset / factor),))), factor, offset

    def codes(self) -> Any:
        """Return the codes, from -1 to 1."""
        bounded, factor, offset = self._bounded()
        return np.rint(bounded * factor - offset) / (self.numbers // 2)

    def slope(self) -> Any:
        """Return the derivative of the formula without its rounding."""
        bounded, factor, _ = self._bounded()
        return (1 - bounded) * (1 + bounded) * factor / (self.numbers // 2)


def _levels(function: str, levels: Any) -> Array:
    """Return the numbers of levels as integers."""
    numbers = np.asarray(levels)
    if numbers.ndim != 1 or numbers.dtype.kind not in "iu" or not numbers.size:
        raise ValueError(
            f"{function}: levels must hold an integer for each channel, got {levels!r}"
        )
    if numbers.min() < 2 or math.prod(numbers.tolist()) >= 2**63:
        raise ValueError(
            f"{function}: levels must be at least 2, and give less than 2^63 codes; got {levels!r}"
        )
    return numbers.astype(np.int64)


@composed(inputs=2)
def straight_through(x: ArrayLike, codes: ArrayLike) -> Array:
    r"""Codes whose gradient passes to the vectors as it is: the straight-through estimator.

    .. math:: x + \mathrm{sg}(c - x)

    where :math:`\mathrm{sg}` stops the gradient.

    Parameters
    ----------
    x : array_like
        What was quantised: the output of an encoder.
    codes : array_like
        Its codes, of the same shape, such as ``codebook[nearest_code(x, codebook)]``.

    Returns
    -------
    ndarray or scalar
        The values of `codes`, in the float type of both inputs.

    Raises
    ------
    ValueError
        If the shapes differ.
    {type_error}

    Notes
    -----
    The values are those of `codes`, to the bit: nothing is added and subtracted. The derivative by
    `x` is the identity, that by `codes` is 0. The codebook learns from `quantization_loss`, or from
    averages (`code_sums`).

    References
    ----------
    .. [1] Bengio, Leonard, Courville, "Estimating or Propagating Gradients Through Stochastic
       Neurons for Conditional Computation", 2013.
    .. [2] van den Oord, Vinyals, Kavukcuoglu, "Neural Discrete Representation Learning", NeurIPS
       2017, section 3.2.

    Examples
    --------
    >>> import numpy as np, fastgen
    >>> x, codes = np.array([0.3, 0.8]), np.array([0.0, 1.0])
    >>> fastgen.value_and_grad(fastgen.vae.straight_through)(x, codes, cotangent=2.0)
    (array([0., 1.]), (array([2., 2.]), array([0., 0.])))
    """
    return computed(_Given((x, codes)), DESCRIBE)


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


@composed(inputs=1)
def finite_scalar(x: ArrayLike, levels: Sequence[int]) -> Array:
    r"""Finite-scalar quantisation: each channel is rounded to one of a few levels.

    .. math:: \frac{1}{\lfloor L/2 \rfloor} \mathrm{round}\left(h \tanh(x + s) - o\right), \qquad
              h = 0.999 \, \frac{L - 1}{2}, \quad s = \tan(o / h)

    with :math:`o = 1/2` for an even number of levels :math:`L`, else 0.

    Parameters
    ----------
    x : array_like
        The vectors, of shape (..., d): one number per channel.
    levels : sequence of int
        The number of levels of each of the d channels, at least 2, such as ``(8, 5, 5, 5)``.

    Returns
    -------
    ndarray
        The codes, of the shape of `x`, from -1 to 1: multiples of :math:`1 / \lfloor L/2 \rfloor`.

    Raises
    ------
    ValueError
        If `levels` are no integers of at least 2, or do not fit the last axis of `x`.
    {type_error}

    Notes
    -----
    The derivative is that of the formula without its rounding (straight-through). There is no
    codebook: `finite_scalar_indices` numbers the codes. The function computes in float64, in plain
    NumPy. Ties are rounded to even.

    References
    ----------
    .. [1] Mentzer, Minnen, Agustsson, Tschannen, "Finite Scalar Quantization: VQ-VAE Made Simple",
       ICLR 2024 (2023), appendix A.1.

    Examples
    --------
    >>> import numpy as np, fastgen
    >>> fastgen.vae.finite_scalar(np.array([[-3.0, 0.1, 0.6]]), (4, 5, 3))
    array([[-1.,  0.,  1.]])
    """
    return computed(_Scalars((x,), levels), DESCRIBE)


def _basis(numbers: Array) -> Array:
    """Return the value of one step of each channel in an index."""
    return np.concatenate([[1], np.cumprod(numbers[:-1])]).astype(np.int64)


def finite_scalar_indices(codes: ArrayLike, levels: Sequence[int]) -> Array:
    r"""Number of each code of finite-scalar quantisation.

    .. math:: \sum_i b_i \left(c_i + 1\right) \lfloor L_i / 2 \rfloor, \qquad
              b_i = \prod_{j < i} L_j

    Parameters
    ----------
    codes : array_like
        The codes, of shape (..., d), as `finite_scalar` gives them.
    levels : sequence of int
        The number of levels of each channel.

    Returns
    -------
    ndarray or scalar
        Integers of the shape (...), from 0 to the product of the levels less 1.

    Raises
    ------
    ValueError
        If `levels` are no integers of at least 2, or do not fit the last axis of `codes`, or a
        number is no code.
    TypeError
        If an input is complex, longdouble, object or masked.

    Notes
    -----
    The function has no derivative.

    References
    ----------
    .. [1] Mentzer, Minnen, Agustsson, Tschannen, "Finite Scalar Quantization: VQ-VAE Made Simple",
       ICLR 2024 (2023), appendix A.1.

    Examples
    --------
    >>> import fastgen
    >>> fastgen.vae.finite_scalar_indices([[-1.0, 0.0, 1.0], [0.5, 1.0, 1.0]], (4, 5, 3))
    array([48, 59])
    """
    numbers = _levels("finite_scalar_indices", levels)
    array = array_of(codes, np.float64, "finite_scalar_indices: codes")
    if array.ndim == 0 or array.shape[-1] != len(numbers):
        raise ValueError(
            f"finite_scalar_indices: codes must have the shape (..., {len(numbers)}), "
            f"got {array.shape}"
        )
    steps = (array + 1) * (numbers // 2)
    whole = np.rint(steps)
    # Half precision holds a code within 2^-9 of itself.
    if not np.all((np.abs(steps - whole) <= 0.25) & (whole >= 0) & (whole < numbers)):
        raise ValueError("finite_scalar_indices: codes must be those of finite_scalar")
    found: Array = (whole.astype(np.int64) * _basis(numbers)).sum(axis=-1)
    return found


def finite_scalar_codes(indices: ArrayLike, levels: Sequence[int]) -> Array:
    r"""Code of each number: the inverse of `finite_scalar_indices`.

    .. math:: c_i = \left(\lfloor k / b_i \rfloor \bmod L_i\right) / \lfloor L_i / 2 \rfloor - 1,
              \qquad b_i = \prod_{j < i} L_j

    Parameters
    ----------
    indices : array_like
        Integers, of any shape.
    levels : sequence of int
        The number of levels of each of d channels.

    Returns
    -------
    ndarray
        The codes in float64, of the shape of `indices` and then d.

    Raises
    ------
    ValueError
        If `levels` are no integers of at least 2, or an index is out of range.
    TypeError
        If `indices` are no integers.

    Notes
    -----
    The function has no derivative.

    References
    ----------
    .. [1] Mentzer, Minnen, Agustsson, Tschannen, "Finite Scalar Quantization: VQ-VAE Made Simple",
       ICLR 2024 (2023), appendix A.1.

    Examples
    --------
    >>> import fastgen
    >>> fastgen.vae.finite_scalar_codes([48, 59], (4, 5, 3))
    array([[-1. ,  0. ,  1. ],
           [ 0.5,  1. ,  1. ]])
    """
    numbers = _levels("finite_scalar_codes", levels)
    index = array_of(indices, name="finite_scalar_codes: indices")
    if index.dtype.kind not in "iu" and index.size:
        raise TypeError(f"finite_scalar_codes: indices must be integers, got {index.dtype}")
    if index.size and not (index.min() >= 0 and index.max() < math.prod(numbers.tolist())):
        raise ValueError(
            f"finite_scalar_codes: indices must lie in 0 to {math.prod(numbers.tolist()) - 1}"
        )
    digits = index.astype(np.int64)[..., None] // _basis(numbers) % numbers
    codes: Array = (digits - numbers // 2) / (numbers // 2)
    return codes


@composed(inputs=1)
def lookup_free(x: ArrayLike) -> Array:
    r"""Lookup-free quantisation: each channel becomes 1 or -1.

    .. math:: 1 \text{ where } x > 0, \text{ else } {-1}

    Parameters
    ----------
    x : array_like
        The vectors, of shape (..., d).

    Returns
    -------
    ndarray or scalar
        The codes, of the shape and float type of `x`. NaN gives NaN.

    Raises
    ------
    {type_error}

    Notes
    -----
    The derivative is the identity (straight-through). `lookup_free_indices` numbers the codes. The
    commitment loss is ``quantization_loss(x, codes, commitment=1.0)`` without a gradient of the
    codes.

    References
    ----------
    .. [1] Yu et al., "Language Model Beats Diffusion: Tokenizer is Key to Visual Generation"
       (MAGVIT-2), ICLR 2024, section 3.1.

    Examples
    --------
    >>> import numpy as np, fastgen
    >>> fastgen.vae.lookup_free(np.array([0.5, -2.0, 0.0]))
    array([ 1., -1., -1.])
    """
    return computed(_Signs((x,)), DESCRIBE)


def lookup_free_indices(x: ArrayLike) -> Array:
    r"""Number of each code of lookup-free quantisation, from vectors or their codes.

    .. math:: \sum_{i=0}^{d-1} 2^i \, [x_i > 0]

    Parameters
    ----------
    x : array_like
        The vectors or the codes, of shape (..., d), with d at most 62.

    Returns
    -------
    ndarray or scalar
        Integers of the shape (...).

    Raises
    ------
    ValueError
        If the last axis is longer than 62, or `x` has none.
    TypeError
        If `x` is complex, longdouble, object or masked.

    Notes
    -----
    The function has no derivative.

    References
    ----------
    .. [1] Yu et al., "Language Model Beats Diffusion: Tokenizer is Key to Visual Generation"
       (MAGVIT-2), ICLR 2024, equation 3.

    Examples
    --------
    >>> import fastgen
    >>> fastgen.vae.lookup_free_indices([[0.5, -2.0, 3.0], [-1.0, -1.0, -1.0]])
    array([5, 0])
    """
    array = array_of(x, np.float64, "lookup_free_indices: x")
    if array.ndim == 0 or array.shape[-1] > 62:
        raise ValueError(
            f"lookup_free_indices: x must have the shape (..., d) with d at most 62, "
            f"got {array.shape}"
        )
    bits = np.int64(1) << np.arange(array.shape[-1], dtype=np.int64)
    found: Array = ((array > 0) * bits).sum(axis=-1)
    return found
