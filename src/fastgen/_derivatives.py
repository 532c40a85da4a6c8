"""`vjp` and `value_and_grad`: the derivative of every operation, from its row."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from fastgen import _messages
from fastgen._core import Op, Stream
from fastgen._ops import OPS, chosen, kinds_of

Array = np.ndarray[Any, np.dtype[Any]]


def _sum_to_shape(gradient: Array, like: Any) -> Any:
    """Undo broadcasting: the gradient of an input that was repeated is the sum over its copies."""
    shape = like.shape if type(like) is np.ndarray else np.shape(like)
    if gradient.shape == shape:
        return gradient
    lead = gradient.ndim - len(shape)
    axes = [*range(lead), *(lead + d for d, n in enumerate(shape) if n != gradient.shape[lead + d])]
    summed = OPS["elementary.total"]((gradient,), tuple(axes), True)
    return summed.reshape(shape)


def as_input(gradient: Any, like: Any) -> Any:
    """The gradient in the shape and float type of the input that it belongs to; None of noise.

    As of values, the byte order is the machine's.
    """
    if gradient is None:
        return None
    if type(like) is np.ndarray and like.dtype is gradient.dtype and like.shape == gradient.shape:
        return gradient
    gradient = _sum_to_shape(gradient, like)
    dtype = getattr(like, "dtype", None)
    if dtype is not None and not isinstance(dtype, np.dtype):  # of a tensor, say
        dtype = np.asarray(like).dtype
    if dtype is None or dtype.kind in "biu" or dtype.newbyteorder("=") == gradient.dtype:
        return gradient
    return gradient.astype(dtype.newbyteorder("="))


def _wanted(argnums: int | Sequence[int] | None, nin: int) -> list[int]:
    if argnums is None:
        return list(range(nin))
    wanted = [argnums] if isinstance(argnums, int) else list(argnums)
    if not all(isinstance(k, int) and 0 <= k < nin for k in wanted):
        raise ValueError(f"argnums must hold positions of inputs, 0 to {nin - 1}; got {argnums!r}")
    return wanted


def gradients_of(
    op: Op,
    wanted: list[int],
    inputs: tuple[Any, ...],
    cotangent: Any,
    value: bool,
    axis: Any = -1,
    keepdims: bool = False,
) -> tuple[Any, tuple[Any, ...]]:
    """The value, if asked for, and the gradients of the wanted inputs, in one pass over memory."""
    assert op.derivative is not None
    nout = op.nout
    outputs = (1 << nout) - 1 if value else 0
    for k in wanted:
        if type(inputs[k]) is not Stream:
            outputs |= 1 << nout + k
    if nout == 1:
        results = op.derivative((*inputs, cotangent), axis, keepdims, None, outputs)
        return results[0], tuple([as_input(results[k + 1], inputs[k]) for k in wanted])
    cotangents = _for_each_output(op, cotangent)
    results = op.derivative((*inputs, *cotangents), axis, keepdims, None, outputs)
    gradients = tuple([as_input(results[nout + k], inputs[k]) for k in wanted])
    return results[:nout], gradients


def _for_each_output(op: Op, cotangent: Any) -> tuple[Any, ...]:
    """Return one cotangent per output: a tuple is taken apart, where None means 0."""
    if not isinstance(cotangent, tuple):
        return (cotangent,) * op.nout
    if len(cotangent) != op.nout:
        raise ValueError(_messages.cotangents(op.name, op.nout, len(cotangent)))
    return tuple([0.0 if c is None else c for c in cotangent])


# A rule gives the value, if asked for, and the gradients of the wanted inputs:
#     value, gradients = rule(wanted, inputs, cotangent, with_value, **options)
# The rule of a public function is `gradients_of` its row, or of the row that its kind= names. A
# function of several rows carries its own, with the number of its inputs.
Rule = Callable[..., tuple[Any, tuple[Any, ...]]]


def with_rule(rule: Rule, nin: int) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Give a public function a rule of its own."""

    def attach(function: Callable[..., Any]) -> Callable[..., Any]:
        function.__fastgen_rule__ = (nin, rule)  # type: ignore[attr-defined]
        return function

    return attach


def _either_way(
    op: Op, inverse_op: Op, *call: Any, inverse: bool = False, **options: Any
) -> tuple[Any, tuple[Any, ...]]:
    """The rule of a function that has a row for its inverse, too."""
    return gradients_of(inverse_op if inverse else op, *call, **options)


@functools.lru_cache
def _optional_inputs(f: Callable[..., Any]) -> tuple[int, tuple[tuple[str, Any], ...]]:
    """How many inputs a public function requires; the names and defaults of the others."""
    inputs = [p for p in inspect.signature(f).parameters.values() if p.kind is not p.KEYWORD_ONLY]
    optional = tuple((p.name, p.default) for p in inputs if p.default is not p.empty)
    return len(inputs) - len(optional), optional


def _completed(f: Callable[..., Any], rule: Rule) -> Rule:
    """A rule that may be called as `f` may: with inputs left out, or given by name."""
    required, optional = _optional_inputs(f)

    def completed(wanted: list[int], inputs: tuple[Any, ...], *call: Any, **options: Any) -> Any:
        missing = optional[max(0, len(inputs) - required) :]
        wanted = [k for k in wanted if k < len(inputs)]
        inputs += tuple([options.pop(name, default) for name, default in missing])
        return rule(wanted, inputs, *call, **options)

    return completed if optional else rule


def _rule_of(f: Callable[..., Any]) -> tuple[int, Rule]:
    """Return the number of inputs of a public function, or a partial of one, and its rule."""
    if isinstance(f, functools.partial) and not f.args:
        nin, rule = _rule_of(f.func)
        return nin, functools.partial(rule, **f.keywords)
    if hasattr(f, "__fastgen_rule__"):
        nin, rule = f.__fastgen_rule__
        return nin, _completed(f, rule)
    family = getattr(f, "__module__", "").removeprefix("fastgen.").partition(".")[0]
    name = f"{family}.{getattr(f, '__name__', '')}"
    op, kinds = OPS.get(name), kinds_of(name)
    if op is not None:
        inverse = OPS.get(f"{name}_inverse", op)
        return op.nin, _completed(f, functools.partial(_either_way, op, inverse))
    if not kinds:
        raise TypeError(
            f"f must be a fastgen function with a derivative, such as fastgen.vae."
            f"kl_standard_normal; got {f!r}"
        )

    def of_kind(*call: Any, kind: str, **options: Any) -> tuple[Any, tuple[Any, ...]]:
        return gradients_of(chosen(name.partition(".")[2], "kind", kinds, kind), *call, **options)

    return next(iter(kinds.values())).nin, of_kind


def _check_call(f: Callable[..., Any], inputs: tuple[Any, ...], options: dict[str, Any]) -> None:
    """Raise where `f` takes no such arguments."""
    try:
        inspect.signature(f).bind(*inputs, **options)
    except TypeError as error:
        name = getattr(f, "func", f).__name__
        raise TypeError(f"{name}: {error}, got {len(inputs)} inputs") from None


def vjp(
    f: Callable[..., Any], /, *inputs: Any, **options: Any
) -> tuple[Any, Callable[..., tuple[Any, ...]]]:
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
    nin, rule = _rule_of(f)
    value = f(*inputs, **options)

    def pullback(cotangent: Any) -> tuple[Any, ...]:
        return rule(list(range(nin)), inputs, cotangent, False, **options)[1]

    return value, pullback


def value_and_grad(
    f: Callable[..., Any], /, *, argnums: int | Sequence[int] | None = None
) -> Callable[..., tuple[Any, tuple[Any, ...]]]:
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
    nin, rule = _rule_of(f)
    wanted = _wanted(argnums, nin)

    def value_and_gradients(
        *inputs: Any, cotangent: Any = 1.0, **options: Any
    ) -> tuple[Any, tuple[Any, ...]]:
        try:
            return rule(wanted, inputs, cotangent, True, **options)
        except (IndexError, TypeError, ValueError):
            _check_call(f, inputs, options)
            raise

    return value_and_gradients
