"""`vjp` and `value_and_grad`: the derivatives of public functions, from their descriptions."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Generic, ParamSpec, TypeAlias, TypeVar, overload

import numpy as np

from fastgen import _messages
from fastgen._abstract import is_dask
from fastgen._compose import Composition
from fastgen._describe import Function
from fastgen._typing import Array, ArrayLike

P = ParamSpec("P")
R = TypeVar("R")
Cotangent: TypeAlias = ArrayLike | tuple[ArrayLike | None, ...]


class Differentiable(Function):
    """A function with a derivative."""

    def __init__(self, f: Callable[..., Any]) -> None:
        super().__init__(f)
        self.f = f
        if not self.has_derivative:
            raise TypeError(_messages.no_derivative(self.rows[0]))

    def __reduce__(self) -> tuple[Any, ...]:
        return Differentiable, (self.f,)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Differentiable):
            return NotImplemented
        return self.function is other.function and _alike(self.fixed, other.fixed)

    def __hash__(self) -> int:
        return hash((self.function, frozenset(self.fixed)))

    def gradients(
        self, composition: Composition, wanted: list[int], cotangent: Any, with_value: bool
    ) -> tuple[Any, tuple[Any, ...]]:
        """Return what the composition does. Errors name the function, not a row of it."""
        try:
            if any(map(is_dask, composition.arrays)) or is_dask(cotangent):
                from fastgen import _lazy  # it needs dask

                return _lazy.gradients(composition, wanted, cotangent, with_value)
            return composition.gradients(wanted, cotangent, with_value)
        except (TypeError, ValueError):
            self._check_cotangents(composition, cotangent)
            raise

    def _check_cotangents(self, composition: Composition, cotangent: Any) -> None:
        try:
            results = composition.results()
        except (TypeError, ValueError):  # the inputs are wrong, and their error says so
            return
        each = (cotangent,) * len(results)
        if isinstance(cotangent, tuple) and len(results) > 1:
            each = tuple([0.0 if c is None else c for c in cotangent])
        for c, result in zip(each, results, strict=False):
            _messages.check_cotangent(self.function.__name__, c, result.shape)


def _alike(a: dict[str, Any], b: dict[str, Any]) -> bool:
    """Whether options are the same. Arrays are the same only if they are one object."""
    return a.keys() == b.keys() and all(
        x is b[name]
        or (type(x) in (bool, int, float, str, tuple) and type(x) is type(b[name]) and x == b[name])
        for name, x in a.items()
    )


def _positions(argnums: int | Sequence[int] | None, function: Differentiable) -> list[int] | None:
    if argnums is None:
        return None
    count = len(function.inputs)
    given: Any = argnums
    found = [given] if np.ndim(given) == 0 else list(given)
    integers = all(isinstance(k, (int, np.integer)) for k in found)
    wanted = [int(k) for k in found] if integers else []
    if not integers or not all(0 <= k < count for k in wanted):
        raise ValueError(
            f"argnums must hold positions of inputs, 0 to {count - 1}; got {argnums!r}"
        )
    return wanted


class Pullback:
    """The vector-Jacobian product of one call; see `vjp`."""

    def __init__(
        self, function: Differentiable, composition: Composition, wanted: list[int]
    ) -> None:
        self._function, self._composition, self._wanted = function, composition, wanted

    def __call__(self, cotangent: Cotangent) -> tuple[Array, ...]:
        """Return the gradient of each input."""
        gradients = self._function.gradients
        return gradients(self._composition, self._wanted, cotangent, False)[1]


def vjp(f: Callable[P, R], /, *inputs: P.args, **options: P.kwargs) -> tuple[R, Pullback]:
    r"""Value of `f` and its vector-Jacobian product.

    Parameters
    ----------
    f : function
        A function of fastgen with a derivative, such as `fastgen.vae.kl_standard_normal`.
    *inputs : array_like
        The inputs of `f`.
    **options
        Its keywords, such as `axis`, `keepdims` or `kind`.

    Returns
    -------
    value : ndarray or scalar
        ``f(*inputs, **options)``.
    pullback : function
        ``pullback(cotangent)`` gives, for each input :math:`x_k`, the array
        :math:`\sum_i c_i \, \partial f_i / \partial x_k` of its shape and type, where the cotangent
        :math:`c` broadcasts to the shape of the value. Where `f` returns several arrays, it is a
        tuple of one cotangent for each, None for 0; a single one is that of all.

    Raises
    ------
    TypeError
        If `f` is no function of fastgen with a derivative.

    Notes
    -----
    The pullback reads the inputs again instead of storing what the value passed through, so the
    inputs must not have changed. Where the value and the gradients are wanted together,
    `value_and_grad` gives them in one pass over memory.

    Examples
    --------
    >>> import numpy as np, fastgen
    >>> mu, logvar = np.array([[1.0, 2.0]]), np.zeros((1, 2))
    >>> value, pullback = fastgen.vjp(fastgen.vae.kl_standard_normal, mu, logvar)
    >>> value
    array([2.5])
    >>> pullback(np.array([10.0]))
    (array([[10., 20.]]), array([[0., 0.]]))
    """
    function = Differentiable(f)
    composition, given = function.call(inputs, options)
    return composition.value(), Pullback(function, composition, given)


class ValueAndGrad(Generic[P, R]):
    """A function with its gradients; see `value_and_grad`. It pickles where `f` does."""

    def __init__(self, f: Callable[P, R], argnums: int | Sequence[int] | None = None) -> None:
        self.f, self.argnums = f, argnums
        self._function = Differentiable(f)
        self._wanted = _positions(argnums, self._function)

    def __reduce__(self) -> tuple[Any, ...]:
        return ValueAndGrad, (self.f, self.argnums)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, ValueAndGrad):
            return NotImplemented
        return self._function == other._function and self._wanted == other._wanted

    def __hash__(self) -> int:
        return hash((self._function, None if self._wanted is None else tuple(self._wanted)))

    def __repr__(self) -> str:
        return f"value_and_grad({self.f!r}, argnums={self.argnums!r})"

    # A type checker compares a call with the signature of f. It does not compare a call with a
    # cotangent, because a ParamSpec can't be extended by a keyword.
    @overload
    def __call__(self, *inputs: P.args, **options: P.kwargs) -> tuple[R, tuple[Array, ...]]: ...

    @overload
    def __call__(
        self, *inputs: Any, cotangent: Cotangent, **options: Any
    ) -> tuple[R, tuple[Array, ...]]: ...

    def __call__(
        self, *inputs: Any, cotangent: Any = 1.0, **options: Any
    ) -> tuple[R, tuple[Any, ...]]:
        """Return the value and the gradients."""
        composition, given = self._function.call(inputs, options)
        wanted = given if self._wanted is None else [k for k in self._wanted if k in given]
        return self._function.gradients(composition, wanted, cotangent, True)


def value_and_grad(
    f: Callable[P, R], /, *, argnums: int | Sequence[int] | None = None
) -> ValueAndGrad[P, R]:
    r"""Turn `f` into a function that returns its value and gradients, from one pass over memory.

    Parameters
    ----------
    f : function
        A function of fastgen with a derivative, such as `fastgen.vae.kl_standard_normal`.
    argnums : int or sequence of int, optional
        The positions of the inputs whose gradients are wanted; the others cost nothing. By
        default, every input.

    Returns
    -------
    function
        ``value, grads = value_and_grad(f)(*inputs, cotangent=1.0, **options)``: the value of
        ``f(*inputs, **options)``, and a tuple of :math:`\sum_i c_i \, \partial f_i / \partial x_k`,
        each of its input's shape and type. The cotangent :math:`c` broadcasts to the shape of the
        value: with `f` per sample, ``cotangent=1 / len(x)`` gives the gradient of the batch mean.
        Where `f` returns several arrays, it is a tuple of one cotangent for each, None for 0; a
        single one is that of all.

    Raises
    ------
    TypeError
        If `f` is no function of fastgen with a derivative.
    ValueError
        If `argnums` is no position of an input.

    Examples
    --------
    >>> import numpy as np, fastgen
    >>> mu, logvar = np.array([[1.0, 2.0]]), np.zeros((1, 2))
    >>> value, (d_mu, d_logvar) = fastgen.value_and_grad(fastgen.vae.kl_standard_normal)(mu, logvar)
    >>> value, d_mu, d_logvar
    (array([2.5]), array([[1., 2.]]), array([[0., 0.]]))
    """
    return ValueAndGrad(f, argnums)
