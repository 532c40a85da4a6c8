"""Steps of dask arrays that are no single row: each block of samples is a step of its own."""

from __future__ import annotations

import importlib
import math
from typing import TYPE_CHECKING, Any

import numpy as np

from fastgen._abstract import is_dask
from fastgen._axes import Axes, Labels
from fastgen._compose import Result, lazy
from fastgen._core import result_dtype
from fastgen._messages import check_shape_is_known
from fastgen._plain import Plain
from fastgen.noise.keys import key_of

if TYPE_CHECKING:
    from fastgen.diffusion.samplers._method import Given
    from fastgen.diffusion.samplers._sampler import Sampler

NAMES = ("x", "prediction", "first", "i", "noise")


class _Step:
    """A step of some samples. The first of `firsts` is the number of the first sample."""

    def __init__(self, sampler: Sampler, noise: Any, key: Any) -> None:
        self.sampler, self.noise, self.key = sampler, noise, key

    def __call__(self, x: Any, prediction: Any, firsts: Any, i: Any, noise: Any = None) -> Any:
        if not len(x):
            return x
        given = {"noise": self.noise if noise is None else noise, "key": self.key}
        return self.sampler.step(x, prediction, i, first=int(firsts[0]), **given)


def step(
    sampler: Sampler, x: Any, prediction: Any, i: Any, out: Any, given: Given, first: int
) -> Any:
    """Return the next samples as a dask array."""
    da: Any = importlib.import_module("dask.array")
    noise, rng, key = given
    arrays = [x if hasattr(x, "shape") else np.asarray(x), prediction]
    shape = arrays[0].shape
    check_shape_is_known(f"{type(sampler).__name__}: x", arrays[0])
    if noise is None:
        key = key_of(type(sampler).__name__, key, rng)
    chunks = (arrays[0].chunks[0],) if is_dask(arrays[0]) else -1
    firsts = first + da.arange(math.prod(shape[:1]), chunks=chunks)
    arrays += [firsts, i]
    if noise is not None and not isinstance(noise, str):
        arrays.append(noise)
        noise = None
    call = _Step(sampler, noise, key)
    return _of_samples(sampler, "step", call, tuple(arrays), out)


class _Scale:
    """The inputs of a model for some samples."""

    def __init__(self, sampler: Sampler) -> None:
        self.sampler = sampler

    def __call__(self, x: Any, i: Any) -> Any:
        return self.sampler.scale_input(x, i) if len(x) else x


def scale_input(sampler: Sampler, x: Any, i: Any, out: Any) -> Any:
    """Return the inputs of the model as a dask array."""
    return _of_samples(sampler, "scale_input", _Scale(sampler), (x, i), out)


def _of_samples(sampler: Any, name: str, call: Any, arrays: tuple[Any, ...], out: Any) -> Any:
    """Return the result of a function of samples, of the shape of the first array."""
    arrays = tuple([a if np.ndim(a) == 0 or hasattr(a, "dtype") else np.asarray(a) for a in arrays])
    x = arrays[0]
    full: Labels = (0,) + (None,) * x.ndim
    labels = []
    for a in arrays:
        per_sample = np.ndim(a) > 0 and a.shape[0] == x.shape[0]  # else it is broadcast
        labels.append((full if per_sample else (None,) * len(full))[: np.ndim(a)])
    count = 2 if name == "step" else 1
    made = (Result(x.shape, result_dtype(arrays[:count])),)
    names = NAMES if name == "step" else ("x", "i")
    axes = Axes(tuple(labels), (full[: x.ndim],))
    return lazy(Plain(f"{type(sampler).__name__}.{name}", names, call, arrays, axes, made), out)
