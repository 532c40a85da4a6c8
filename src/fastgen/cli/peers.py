"""The formulas of operations in other libraries, for ``fastgen bench --peers``.

An operation that has no formula here shows no peers.
"""

from __future__ import annotations

import importlib
import importlib.util
import math
import os
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any, NamedTuple

import numpy as np

import fastgen

Call = Callable[[], Any]
Prepare = Callable[[str, Any, bool], Call | None]
"""From an operation, its inputs, and whether to reuse the output, to the call to time; None if the
library does not have it."""

LOG_2_PI = math.log(2 * math.pi)


class Formula(NamedTuple):
    """Functions of the module (torch or jax) and the inputs; for numexpr, of inputs a, b, c, d."""

    torch: Callable[..., Any]
    jax: Callable[..., Any]
    numexpr: str


FORMULAS = {
    "elementary.exp": Formula(
        lambda torch, x, **out: torch.exp(x, **out),
        lambda jax, x: jax.numpy.exp(x),
        "exp(a)",
    ),
    "elementary.expm1": Formula(
        lambda torch, x, **out: torch.expm1(x, **out),
        lambda jax, x: jax.numpy.expm1(x),
        "expm1(a)",
    ),
    "elementary.expm1_minus_x": Formula(
        lambda torch, x, **out: torch.sub(torch.expm1(x), x, **out),
        lambda jax, x: jax.numpy.expm1(x) - x,
        "expm1(a) - a",
    ),
    "elementary.log": Formula(
        lambda torch, x, **out: torch.log(x, **out),
        lambda jax, x: jax.numpy.log(x),
        "log(a)",
    ),
    "elementary.log1p": Formula(
        lambda torch, x, **out: torch.log1p(x, **out),
        lambda jax, x: jax.numpy.log1p(x),
        "log1p(a)",
    ),
    "elementary.sigmoid": Formula(
        lambda torch, x, **out: torch.sigmoid(x, **out),
        lambda jax, x: jax.nn.sigmoid(x),
        "1 / (1 + exp(-a))",
    ),
    "elementary.softplus": Formula(
        lambda torch, x, **out: torch.nn.functional.softplus(x) if not out else None,
        lambda jax, x: jax.nn.softplus(x),
        "log1p(exp(a))",
    ),
    "elementary.tanh": Formula(
        lambda torch, x, **out: torch.tanh(x, **out),
        lambda jax, x: jax.numpy.tanh(x),
        "tanh(a)",
    ),
    "elementary.total": Formula(
        lambda torch, x: x.sum(-1),
        lambda jax, x: x.sum(-1),
        "sum(a, axis=1)",
    ),
    "vae.kl_standard_normal": Formula(
        lambda torch, mu, logvar: 0.5 * (mu**2 + logvar.exp() - 1 - logvar).sum(-1),
        lambda jax, mu, logvar: 0.5 * (mu**2 + jax.numpy.exp(logvar) - 1 - logvar).sum(-1),
        "sum((a**2 + exp(b) - 1 - b) / 2, axis=1)",
    ),
    "vae.kl_diag_normal": Formula(
        lambda torch, mu_q, logvar_q, mu_p, logvar_p: (
            0.5
            * (
                (logvar_q - logvar_p).exp()
                - 1
                - (logvar_q - logvar_p)
                + (mu_q - mu_p) ** 2 * (-logvar_p).exp()
            ).sum(-1)
        ),
        lambda jax, mu_q, logvar_q, mu_p, logvar_p: (
            0.5
            * (
                jax.numpy.exp(logvar_q - logvar_p)
                - 1
                - (logvar_q - logvar_p)
                + (mu_q - mu_p) ** 2 * jax.numpy.exp(-logvar_p)
            ).sum(-1)
        ),
        "sum((exp(b - d) - 1 - (b - d) + (a - c)**2 * exp(-d)) / 2, axis=1)",
    ),
    "vae.gaussian_nll": Formula(
        lambda torch, x, mu, logvar: (
            0.5 * (LOG_2_PI + logvar + (x - mu) ** 2 * (-logvar).exp()).sum(-1)
        ),
        lambda jax, x, mu, logvar: (
            0.5 * (LOG_2_PI + logvar + (x - mu) ** 2 * jax.numpy.exp(-logvar)).sum(-1)
        ),
        # numexpr computes in float64 if the text has a constant with a fraction.
        "sum((log(two_pi) + c + (a - b)**2 * exp(-c)) / 2, axis=1)",
    ),
}


def found() -> Mapping[str, Prepare]:
    """Return the installed peers, set to fastgen's number of threads, by name."""
    threads = fastgen.get_num_threads()
    peers: dict[str, Prepare] = {}
    if importlib.util.find_spec("torch"):
        torch: Any = importlib.import_module("torch")
        torch.set_num_threads(threads)
        peers["torch"] = partial(_torch, torch)
        peers["compile"] = partial(_torch_compile, torch)
    if importlib.util.find_spec("jax"):
        os.environ["JAX_PLATFORMS"] = "cpu"
        os.environ["PJRT_NPROC"] = str(threads)
        jax: Any = importlib.import_module("jax")
        jax.config.update("jax_enable_x64", True)
        peers["jax.jit"] = partial(_jax, jax)
    if importlib.util.find_spec("numexpr"):
        numexpr: Any = importlib.import_module("numexpr")
        numexpr.set_num_threads(threads)
        peers["numexpr"] = partial(_numexpr, numexpr)
    return peers


def _torch(torch: Any, name: str, inputs: Any, reuse: bool) -> Call | None:
    if name not in FORMULAS:
        return None
    tensors = [torch.from_numpy(x) for x in inputs]
    call = partial(FORMULAS[name].torch, torch, *tensors)
    if reuse:
        call = partial(call, out=torch.empty_like(tensors[0]))
        if call() is None:
            return None
    return call


def _torch_compile(torch: Any, name: str, inputs: Any, reuse: bool) -> Call | None:
    if reuse or name not in FORMULAS:
        return None
    torch.compiler.reset()  # it stops compiling after a few shapes
    # Code for exactly this shape is the fastest.
    compiled = torch.compile(partial(FORMULAS[name].torch, torch), dynamic=False)
    return partial(compiled, *(torch.from_numpy(x) for x in inputs))


def _jax(jax: Any, name: str, inputs: Any, reuse: bool) -> Call | None:
    if reuse or name not in FORMULAS:
        return None
    compiled = jax.jit(partial(FORMULAS[name].jax, jax))
    arrays = [jax.device_put(x) for x in inputs]
    return lambda: compiled(*arrays).block_until_ready()


def _numexpr(numexpr: Any, name: str, inputs: Any, reuse: bool) -> Call | None:
    if name not in FORMULAS:
        return None
    names = dict(zip("abcd", inputs, strict=False))
    if "two_pi" in FORMULAS[name].numexpr:
        names["two_pi"] = np.asarray(2 * math.pi, inputs[0].dtype)
    call = partial(numexpr.evaluate, FORMULAS[name].numexpr, local_dict=names, global_dict={})
    return partial(call, out=np.empty_like(inputs[0])) if reuse else call
