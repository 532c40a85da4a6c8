"""The functions of fastgen in JAX's own operations.

They are the functions of `fastgen.reference`, whose NumPy calls go to `jax.numpy`. They run on
every device, and have derivatives of every order. They have the digits of plain formulas, and read
memory many times.
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

import fastgen
from fastgen import _call_text, _plain_formulas
from fastgen.diffusion import Schedule
from fastgen.diffusion._of_time import OfTime
from fastgen.jax import _calls, _expected, _numpy
from fastgen.jax._arrays import number_of_key
from fastgen.jax._tasks import Task, results_of


def native(f: Callable[..., Any]) -> Callable[..., Any]:
    """Return a function of `fastgen.jax` in JAX's own operations.

    It has derivatives of every order, forward and backward, in every argument, and runs on every
    device. It has the digits of the plain formula: it may cancel and overflow where the function
    itself does not.

    Parameters
    ----------
    f : function
        A function of `fastgen.jax`, such as `fastgen.jax.vae.kl_standard_normal`.

    Returns
    -------
    function
        It takes the same arguments, except `out`.

    Raises
    ------
    TypeError
        If `f` is no function of `fastgen.jax`.

    Examples
    --------
    >>> import jax, fastgen.jax
    >>> kl = fastgen.jax.native(fastgen.jax.vae.kl_standard_normal)
    >>> mu, logvar = jax.numpy.array([1.0, 2.0]), jax.numpy.zeros(2)
    >>> jax.hessian(kl)(mu, logvar)
    Array([[1., 0.],
           [0., 1.]], dtype=float32)
    """
    if not hasattr(f, "__fastgen_door__"):
        raise TypeError(
            "f must be a function of fastgen.jax, such as fastgen.jax.vae.kl_standard_normal; "
            f"got {f!r}"
        )
    return Native(f)


class Native(_plain_formulas.Native):
    """A function of `fastgen.jax` in JAX's own operations."""

    def __call__(self, *args: Any, **options: Any) -> Any:
        """Call the function."""
        written = _calls.write(self._entrance, args, options)
        operands = [jnp.asarray(x) for x in written.operands]
        found = compute(operands, Task(written.text), written.numbers)
        return self._entrance.structured(found)


def compute(
    operands: Sequence[Any], task: Task, numbers: Sequence[float] | None = None
) -> list[Any]:
    """Compute a task in JAX's own operations."""
    if task.levels:
        rest, axes = task._replace(levels=task.levels[1:]), task.levels[0]
        own = functools.partial(_compute_all, task=rest)
        return list(jax.vmap(own, in_axes=[0 if has else None for has in axes])(*operands))
    if task.kind == "value":
        return _values(operands, task, numbers)
    if task.kind == "expected":
        avals = [(tuple(x.shape), np.dtype(x.dtype)) for x in operands]
        return _values(operands, task, numbers) + _expected.nothing(task, avals)
    count = task.inputs
    needed = [k for k, need in enumerate(task.needs) if need]

    def of_needed(*some: Any) -> list[Any]:
        own = list(operands[:count])
        for k, x in zip(needed, some, strict=True):
            own[k] = x
        return _values(own, task, numbers)

    values, pull = jax.vjp(of_needed, *[operands[k] for k in needed])
    given = iter(operands[count:])
    pairs = zip(values, task.given, strict=True)
    return list(pull([next(given) if has else jnp.zeros_like(x) for x, has in pairs]))


def _compute_all(*operands: Any, task: Task) -> list[Any]:
    return compute(operands, task)


def _values(operands: Sequence[Any], task: Task, numbers: Sequence[float] | None) -> list[Any]:
    """Return the results of a call. Half precision is rounded at the end."""
    entrance, avals = task.door, [(tuple(x.shape), np.dtype(x.dtype)) for x in operands]
    results = results_of(task._replace(kind="value", needs=(), rows=0), avals[: task.inputs])
    reference = _functions().get(entrance.name)
    args, options = _filled(operands, task, numbers)
    if reference is None:
        return _called_back(operands, task, results)
    options = _with_noise(reference, options, results, task)
    with_noise = options.pop("return_noise", False)
    found = reference(*args, **options)
    found = found if isinstance(found, tuple) else (found,)
    found = (*found, options["noise"]) if with_noise else found
    pairs = zip(found, results, strict=False)
    return [jnp.asarray(x).astype(dtype) for x, (_, dtype) in pairs]


def _filled(
    operands: Sequence[Any], task: Task, numbers: Sequence[float] | None
) -> tuple[list[Any], dict[str, Any]]:
    """Return the arguments of the call, as the references take them."""
    arrays = [_wide(x) for x in operands[: task.arrays]]
    if task.numbers and numbers is None:
        numbers = _of_words(operands[task.inputs - 1])
    keys = operands[task.arrays : task.arrays + task.keys]
    lists: dict[str, Any] = {"t": arrays, "f": numbers, "k": keys}
    args, options = _call_text.filled(task.call, lambda place: lists[place.kind][place.k])
    return [_own(x) for x in args], {name: _own(x) for name, x in options.items()}


def _wide(x: Any) -> Any:
    return x.astype(jnp.float32) if x.dtype.itemsize == 2 and x.dtype.kind in "fV" else x


def _of_words(words: Any) -> Any:
    """Return numbers of double precision from pairs of words, in the precision that JAX has."""
    wide = jnp.zeros((), float).dtype
    if wide == np.float64:
        return jax.lax.bitcast_convert_type(words.reshape(-1, 2), wide)
    low, high = words.reshape(-1, 2).T
    sign = jnp.where(high >> 31, -1.0, 1.0)
    exponent = ((high >> 20) & 0x7FF).astype(jnp.int32) - 1023
    fraction = (high & 0xFFFFF) / 2.0**20 + low / 2.0**52
    finite = sign * jnp.ldexp(1 + fraction, exponent)
    special = jnp.where(fraction == 0, sign * jnp.inf, jnp.nan)
    return jnp.where(exponent == 1024, special, jnp.where(exponent == -1023, 0.0, finite))


def _with_noise(
    reference: Any, options: dict[str, Any], results: Any, task: Task
) -> dict[str, Any]:
    """Return the options that the reference takes, with noise that fastgen draws on the host."""
    known = inspect.signature(reference).parameters
    if task.door.noisy and "key" not in known and options.get("noise") is None:
        shape, dtype = results[0]
        drawn = _normal(shape, key=options["key"], counter=options.get("counter", 0), dtype=dtype)
        options = options | {"noise": _wide(drawn)}
    drawn_by = ("key", "rng", "counter")
    return {name: x for name, x in options.items() if name in known or name not in drawn_by}


def _normal(shape: Any, *, key: Any, counter: Any, dtype: Any) -> Any:
    """Draw noise on the host: the same on every device."""

    def draw(words: Any) -> Any:
        number = number_of_key(np.asarray(words))
        return fastgen.noise.normal(shape, key=number, counter=counter, dtype=np.dtype(dtype))

    result = jax.ShapeDtypeStruct(tuple(shape), dtype)
    return jax.pure_callback(draw, result, key, vmap_method="sequential")


def _called_back(operands: Sequence[Any], task: Task, results: Any) -> list[Any]:
    """Compute what has no plain formula, such as noise, on the host."""
    from fastgen.jax._tasks import compute as on_host

    def called(*arrays: Any) -> Any:
        found = on_host(task._replace(kind="value", needs=()), list(map(np.asarray, arrays)))
        return [np.asarray(x, dtype) for x, (_, dtype) in zip(found, results, strict=True)]

    wanted = [jax.ShapeDtypeStruct(shape, dtype) for shape, dtype in results]
    stopped = [jax.lax.stop_gradient(x) for x in operands[: task.inputs]]
    return list(jax.pure_callback(called, wanted, *stopped, vmap_method="sequential"))


class _OfTime:
    """A schedule or path whose coefficients are arrays of JAX."""

    def __init__(self, original: OfTime) -> None:
        self._original = original

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._original, name)
        return jnp.asarray(found) if isinstance(found, np.ndarray) else found

    def coefficients(self, t: Any) -> tuple[Any, ...]:
        """Return the coefficients at steps or times."""
        if not isinstance(t, jax.core.Tracer):
            return tuple(map(jnp.asarray, self._original.coefficients(np.asarray(t))))
        if t.dtype.kind in "iu" and isinstance(self._original, Schedule):
            return self.signal[t], self.sigma[t]
        wide = jnp.zeros((), float).dtype
        result = [jax.ShapeDtypeStruct(t.shape, wide)] * self._original.coefficient_count
        own = functools.partial(_coefficients, self._original, wide)
        found = jax.pure_callback(own, result, jax.lax.stop_gradient(t), vmap_method="expand_dims")
        return tuple(found)


def _coefficients(original: OfTime, dtype: Any, t: Any) -> list[Any]:
    return [np.asarray(x, dtype) for x in original.coefficients(np.asarray(t))]


def _own(x: Any) -> Any:
    """Return an argument of the function as the references take it."""
    return _OfTime(x) if isinstance(x, OfTime) else x


_OTHERS = {
    "_erfc": _numpy.erfc,
    "_repeated": _numpy.repeated,
    "normal": _normal,
    "stopped": jax.lax.stop_gradient,
}
"""What the references define, and JAX has already, or fastgen."""


@functools.cache
def _functions() -> dict[str, Any]:
    """Return the functions of the references in JAX's operations, by their names."""
    return _plain_formulas.functions(_numpy, _OTHERS)
