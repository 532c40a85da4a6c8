"""The functions of fastgen in PyTorch's own operations.

They are the functions of `fastgen.reference`, whose NumPy calls go to PyTorch. They run on every
device, and have derivatives of every order. They have the digits of plain formulas, and read memory
many times.
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable
from typing import Any

import numpy as np
import torch

import fastgen
from fastgen import _plain_formulas
from fastgen._abstract import Abstract
from fastgen._describe import describe
from fastgen.diffusion._of_time import OfTime
from fastgen.torch import _numpy
from fastgen.torch._arguments import Call
from fastgen.torch._tensors import HALVES, numpy_type, torch_type


def native(f: Callable[..., Any]) -> Callable[..., Any]:
    """Return a function of `fastgen.torch` in PyTorch's own operations.

    It has derivatives of every order, in every argument, and runs on every device. It has the
    digits of the plain formula: it may cancel and overflow where the function itself does not.

    Parameters
    ----------
    f : function
        A function of `fastgen.torch`, such as `fastgen.torch.vae.kl_standard_normal`.

    Returns
    -------
    function
        It takes the same arguments, except `out`.

    Raises
    ------
    TypeError
        If `f` is no function of `fastgen.torch`.

    Examples
    --------
    >>> import torch, fastgen.torch
    >>> kl = fastgen.torch.native(fastgen.torch.vae.kl_standard_normal)
    >>> mu = torch.tensor([1.0, 2.0], requires_grad=True)
    >>> (slope,) = torch.autograd.grad(kl(mu, torch.zeros(2)), mu, create_graph=True)
    >>> torch.autograd.grad(slope.square().sum(), mu)
    (tensor([2., 4.]),)
    """
    if not hasattr(f, "__fastgen_door__"):
        raise TypeError(
            "f must be a function of fastgen.torch, such as fastgen.torch.vae.kl_standard_normal; "
            f"got {f!r}"
        )
    return Native(f)


class Native(_plain_formulas.Native):
    """A function of `fastgen.torch` in PyTorch's own operations."""

    def __call__(self, *args: Any, **options: Any) -> Any:
        """Call the function."""
        given, rest = self._entrance.bind(args, options)
        if self._entrance.noisy:
            rest = self._entrance.with_key(rest)
        return run(Call(self._entrance, given, rest, values=False))


def run(made: Call) -> Any:
    """Call a function in PyTorch's own operations. Half precision is rounded at the end."""
    name, door = made.door.f.__name__, made.door
    functions = _functions()
    if door.name not in functions:
        raise TypeError(f"{name}: its tensors must be on the CPU, and have no gradients")
    door.refuse_changes(made.options)
    reference = functions[door.name]
    device = made.tensors[0].device if made.tensors else torch.device("cpu")
    results = _results(made) if door.function is not None else None
    wide = [x.float() if x.dtype in HALVES else x for x in made.tensors]
    args, options = made.fill([_numpy.ndarray(x) for x in wide])
    options = _with_noise(made, reference, options, results, device)
    with_noise = options.pop("return_noise", False)
    args = [_on(device, x) for x in args]
    options = {key: _on(device, x) for key, x in options.items()}
    with torch.device(device):
        found = reference(*args, **options)
    found = found if isinstance(found, tuple) else (found,)
    found = (*found, options["noise"]) if with_noise else found
    tensors = [x.tensor if isinstance(x, _numpy.ndarray) else torch.as_tensor(x) for x in found]
    if results is not None:
        tensors = [x.to(torch_type(r.dtype)) for x, r in zip(tensors, results, strict=False)]
    return door.structured(tensors)


def _results(made: Call) -> Any:
    """Return the shapes and types of the results."""
    stand_ins = [
        1.0
        if owner.place in made.door.numbers
        else Abstract(x.shape, numpy_type(made.name(owner.place), x.dtype))
        for x, owner in zip(made.tensors, made.owners, strict=True)
    ]
    args, options = made.fill(stand_ins)
    return describe(made.door.f, *args, **options).results


def _with_noise(
    made: Call, reference: Any, options: dict[str, Any], results: Any, device: torch.device
) -> dict[str, Any]:
    """Return the options that the reference takes, with noise that fastgen has drawn."""
    known = inspect.signature(reference).parameters
    if made.door.noisy and "key" not in known and options.get("noise") is None:
        import fastgen.torch.noise as noise  # it imports this module

        key, counter = options["key"], options.get("counter", 0)
        dtype = torch_type(results[0].dtype)
        drawn = noise.normal(results[0].shape, key=key, counter=counter, dtype=dtype)
        drawn = drawn.float() if dtype in HALVES else drawn
        options = options | {"noise": _numpy.ndarray(drawn.to(device))}
    drawn_by = ("key", "rng", "counter")
    return {name: x for name, x in options.items() if name in known or name not in drawn_by}


class _OfTime:
    """A schedule or path whose coefficients are tensors."""

    def __init__(self, original: OfTime, device: torch.device) -> None:
        self._original, self._device = original, device

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._original, name)
        return _on(self._device, found) if isinstance(found, np.ndarray) else found

    def coefficients(self, t: Any) -> tuple[Any, ...]:
        """Return the coefficients at steps or times."""
        if not isinstance(t, _numpy.ndarray):
            return tuple(_on(self._device, x) for x in self._original.coefficients(t))
        if t.tensor.is_meta:
            empty = _numpy.ndarray(t.tensor.to(torch.float64))
            return (empty,) * self._original.coefficient_count
        times = t.tensor.detach().cpu().numpy()
        return tuple(_on(self._device, x) for x in self._original.coefficients(times))


def _on(device: torch.device, x: Any) -> Any:
    """Return an argument of the function as the references take it."""
    if isinstance(x, (np.ndarray, np.generic)):
        return _numpy.ndarray(torch.from_numpy(np.array(x)).to(device))
    if isinstance(x, OfTime):
        return _OfTime(x, device)
    return x


def _normal(shape: Any, *, key: int, counter: int, dtype: Any) -> Any:
    """Draw noise, which is the same on every device."""
    drawn = fastgen.noise.normal(shape, key=key, counter=counter, dtype=np.dtype(dtype.name))
    return _numpy.ndarray(torch.from_numpy(drawn).to(torch.empty(0).device))


_OTHERS = {"_erfc": _numpy.erfc, "normal": _normal, "stopped": _numpy.stopped}
"""What the references define, and PyTorch has already, or fastgen."""


@functools.cache
def _functions() -> dict[str, Any]:
    """Return the functions of the references in PyTorch's operations, by their names."""
    return _plain_formulas.functions(_numpy, _OTHERS)
