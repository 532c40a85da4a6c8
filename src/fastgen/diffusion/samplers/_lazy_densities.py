"""The distribution of the next sample for dask arrays: each block of samples is a call."""

from __future__ import annotations

from typing import Any

import numpy as np

from fastgen import _messages
from fastgen._abstract import is_dask
from fastgen._axes import Axes, Labels
from fastgen._compose import Result, lazy
from fastgen._plain import Plain
from fastgen.diffusion.samplers import _transition

Arrays = dict[str, Any]


class _Call:
    """A method of a sampler, as a function of its arrays."""

    def __init__(self, sampler: Any, method: str, names: tuple[str, ...], options: Any) -> None:
        self.sampler, self.method, self.names, self.options = sampler, method, names, options
        self.count: int | None = None  # of the results that are arrays; the others are numbers

    def __call__(self, *arrays: Any) -> Any:
        """Return the results of the method."""
        given = dict(zip(self.names, arrays, strict=True))
        found = getattr(self.sampler, self.method)(**given, **self.options)
        return found[: self.count] if isinstance(found, tuple) else found


def of(sampler: Any, method: str, given: Arrays, options: Arrays, axis: Any = ()) -> Any:
    """Return the results of a method as dask arrays.

    The method itself says what it returns, and what is wrong, for one sample. A deviation that is
    a number is known at once.

    Parameters
    ----------
    sampler, method
        The sampler, and the name of the method.
    given : dict
        The arrays and numbers `x`, `prediction`, `i` and others, by the names of the arguments.
    options : dict
        The other arguments.
    axis : int, tuple of int or None
        The axes of x that the first result has not. None stands for all but the first.
    """
    if not is_dask(given["i"]) and np.ndim(given["i"]) == 0:
        options, given = options | {"i": given["i"]}, {k: a for k, a in given.items() if k != "i"}
    arrays = {k: a if hasattr(a, "dtype") else np.asarray(a) for k, a in given.items()}
    name, x = f"{type(sampler).__name__}.{method}", arrays["x"]
    _check(sampler, name, arrays, options)
    call = _Call(sampler, method, tuple(arrays), options)
    with np.errstate(all="ignore"):
        single = call(*_of_one_sample(sampler, arrays).values())
    found = single if isinstance(single, tuple) else (single,)
    numbers = found[1:] if method == "mean_and_std" and np.ndim(found[1]) == 0 else ()
    summed = _from_the_front(axis, x.ndim)
    full: Labels = ((None if 0 in summed else 0,) + (None,) * x.ndim)[: x.ndim]
    first = tuple([b for d, b in enumerate(full) if d not in summed])
    if "cotangent" in arrays:
        shape = tuple([n for d, n in enumerate(x.shape) if d not in summed])
        _messages.check_cotangent(method, arrays["cotangent"], shape)
    labels = tuple([_labels(a, first if k == "cotangent" else full, x) for k, a in arrays.items()])
    places = (first, full)[: len(found) - len(numbers)]
    call.count = len(places)
    made = tuple([_made(y, b, x) for y, b in zip(found, places, strict=False)])
    operands = tuple(arrays.values())
    plain = Plain(name, tuple(arrays), call, operands, Axes(labels, places), made)
    results = lazy(plain, None)
    return (results, *numbers) if numbers else results


def _check(sampler: Any, name: str, arrays: Arrays, options: Arrays) -> None:
    """Raise for what one sample does not show."""
    state = options["state"]
    if state is not None and state.history:
        raise TypeError(
            f"{name}: a state with memories of earlier steps takes NumPy arrays; call compute() on "
            "the dask arrays first, or call the method on each block"
        )
    for k, a in arrays.items():
        _messages.check_shape_is_known(f"{name}: {k}", a)
        if k in ("prediction", "next_x") and a.shape[:1] != arrays["x"].shape[:1]:
            raise ValueError(sampler._shapes(k, a, arrays["x"]))
    i = arrays["i"] if "i" in arrays else options["i"]
    if not is_dask(i):
        if np.ndim(i):
            sampler._indices(i, arrays["x"])
        if not name.endswith("mean_and_std"):
            _transition.check_noisy(sampler, i)


def _of_one_sample(sampler: Any, arrays: Arrays) -> Arrays:
    """Return arrays of one sample, in place of all. Its step adds noise, if any does."""
    ones = {k: np.ones((1, *a.shape[1:])[: a.ndim], a.dtype) for k, a in arrays.items()}
    if "i" in ones:
        noisy = [k for k in range(len(sampler)) if sampler.adds_noise(k)]
        ones["i"][...] = noisy[0] if noisy else 0
    if "cotangent" in ones:
        ones["cotangent"] = ones["cotangent"].dtype.type(1)
    return ones


def _from_the_front(axis: Any, ndim: int) -> set[int]:
    """Return the axes of a sum, counted from the front."""
    if axis is None:
        return set(range(1, ndim))
    return {a % ndim for a in (axis if isinstance(axis, tuple) else (axis,))}


def _labels(a: Any, like: Labels, x: Any) -> Labels:
    """Return the labels of an array: it has samples along its first axis, or is broadcast.

    `like` are the labels of x, or those of the log-probabilities for their cotangent, which is
    aligned at its last axis.
    """
    whole = like[:1] == (0,) and a.shape[:1] == x.shape[:1]
    if len(like) < x.ndim and a.ndim < len(like):
        whole = False
    return ((0 if whole else None,) + (None,) * a.ndim)[: a.ndim]


def _made(one: Any, labels: Labels, x: Any) -> Result:
    """Return the shape and type of a result, from that of one sample."""
    shape = [x.shape[0] if b == 0 else n for b, n in zip(labels, np.shape(one), strict=True)]
    return Result(tuple(shape), np.asarray(one).dtype)
