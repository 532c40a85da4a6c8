"""The same operations in other libraries, for ``fastgen bench --peers``.

Every operation has the formula of its reference in PyTorch's operations, as they are and compiled,
and in those of JAX. A form of the library's own (`formulas`) stands beside it.
"""

from __future__ import annotations

import functools
import importlib
import math
import os
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

import fastgen
from fastgen import cases
from fastgen._extras import is_installed
from fastgen._ops import public
from fastgen.cli.formulas import FORMS
from fastgen.cli.row import GRADIENT, Call, Step

Formula = Callable[..., Any]
Prepare = Callable[[Step, Sequence[Any]], Sequence[Callable[[], Call]]]
"""From a row and its inputs to the ways in which the library computes it. Each makes a call, and
may compile first. The list is empty if the library does not have the operation."""

PACKAGES = ("torch", "jax", "numexpr")
COMPILED = ("compile", "jax.jit")
"""The peers whose first call compiles."""


def found() -> Mapping[str, Prepare]:
    """Return the installed peers, set to fastgen's number of threads, by name."""
    threads = fastgen.get_num_threads()
    peers: dict[str, Prepare] = {}
    if is_installed("torch"):
        torch: Any = importlib.import_module("torch")
        torch.set_num_threads(threads)
        peers["torch"] = functools.partial(_torch, torch, False)
        peers["compile"] = functools.partial(_torch, torch, True)
    if is_installed("jax"):
        os.environ["JAX_PLATFORMS"] = "cpu"
        os.environ["PJRT_NPROC"] = str(threads)
        jax: Any = importlib.import_module("jax")
        jax.config.update("jax_enable_x64", True)
        peers["jax.jit"] = functools.partial(_jax, jax)
    if is_installed("numexpr"):
        numexpr: Any = importlib.import_module("numexpr")
        numexpr.set_num_threads(threads)
        peers["numexpr"] = functools.partial(_numexpr, numexpr)
    return peers


def _native(door: str, name: str) -> Formula:
    """Return the reference of an operation in the operations of a library."""
    module: Any = importlib.import_module(f"fastgen.{door}")
    family = importlib.import_module(f"fastgen.{door}.{name.partition('.')[0]}")
    return cases.through(name, module.native(getattr(family, public(name)[0].__name__)))


def _torch(
    torch: Any, compiled: bool, step: Step, inputs: Sequence[Any]
) -> Sequence[Callable[[], Call]]:
    name = step.operation
    gradient = step.kind == GRADIENT

    def call_of(formula: Formula) -> Call:
        tensors = [torch.from_numpy(x) for x in inputs]
        if gradient:
            tensors = [x.requires_grad_() for x in tensors]
        if compiled:
            torch.compiler.reset()  # it stops compiling after a few shapes
            formula = torch.compile(formula, dynamic=False)  # for exactly this shape: the fastest
        if gradient:
            return functools.partial(_torch_gradients, torch, formula, tensors)
        return functools.partial(formula, *tensors)

    def of_reference() -> Call:
        """Record the reference's operations: a compiler sees them in one graph."""
        make_fx = importlib.import_module("torch.fx.experimental.proxy_tensor").make_fx
        tensors = [torch.from_numpy(x) for x in inputs]
        return call_of(make_fx(_native("torch", name))(*tensors))

    own = FORMS[name].torch if name in FORMS else None
    ways = [of_reference]
    if own is not None:
        ways.append(functools.partial(call_of, functools.partial(own, torch)))
    return ways


def _torch_gradients(torch: Any, formula: Formula, tensors: Sequence[Any]) -> Any:
    """Return the value, and the gradients of its sum."""
    value = cases.each(formula(*tensors))
    ones = [torch.ones_like(y) for y in value]
    gradients = torch.autograd.grad(value, tensors, ones, allow_unused=True)
    return tuple([y.detach() for y in value]), gradients


def _jax(jax: Any, step: Step, inputs: Sequence[Any]) -> Sequence[Callable[[], Call]]:
    name = step.operation

    def gradients(formula: Formula, *arrays: Any) -> Any:
        value, pull = jax.vjp(formula, *arrays)
        return value, pull(jax.tree.map(jax.numpy.ones_like, value))

    def call_of(make: Callable[[], Formula]) -> Call:
        formula = make()
        if step.kind == GRADIENT:
            formula = functools.partial(gradients, formula)
        compiled = jax.jit(formula)
        arrays = [jax.device_put(x) for x in inputs]
        return lambda: jax.block_until_ready(compiled(*arrays))

    own = FORMS[name].jax if name in FORMS else None
    ways = [functools.partial(call_of, lambda: _native("jax", name))]
    if own is not None:
        ways.append(functools.partial(call_of, lambda: functools.partial(own, jax)))
    return ways


def _numexpr(numexpr: Any, step: Step, inputs: Sequence[Any]) -> Sequence[Callable[[], Call]]:
    text = FORMS[step.operation].numexpr if step.operation in FORMS else None
    if text is None or step.kind == GRADIENT:
        return []
    names = dict(zip("abcd", inputs, strict=False))
    if "two_pi" in text:
        names["two_pi"] = np.asarray(2 * math.pi, inputs[0].dtype)
    return [lambda: functools.partial(numexpr.evaluate, text, local_dict=names, global_dict={})]
