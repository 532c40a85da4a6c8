"""Evidence lower bounds, put together from a likelihood and the divergence from the prior."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from fastgen import _messages
from fastgen._core import overrides_ufuncs, result_dtype
from fastgen._derivatives import as_input
from fastgen._ops import OPS

Array = np.ndarray[Any, np.dtype[Any]]
Shape = tuple[int, ...]
Axis = int | tuple[int, ...] | None

_kl = OPS["vae.kl_standard_normal"]
_total = OPS["elementary.total"]


class _Space(NamedTuple):
    """What one of the two terms is taken of: the shape, its event axes, the batch shape."""

    shape: Shape
    events: Shape
    batch: Shape


def _space(name: str, first: int, inputs: Sequence[Any], axis: Axis) -> _Space:
    """Check the inputs that begin with input `first` of the function, and their axes."""
    for k, x in enumerate(inputs, first):
        if type(x) is np.ndarray and x.dtype.char in "fd":
            continue
        if isinstance(x, np.ma.MaskedArray):
            raise TypeError(_messages.masked(name, k))
        dtype = np.asarray(x).dtype
        if (dtype.kind not in "biuf" and dtype.name != "bfloat16") or dtype.itemsize > 8:
            raise TypeError(_messages.dtype(name, k, dtype))
    shapes = [np.shape(x) for x in inputs]
    shape = shapes[0]
    if shapes.count(shape) < len(shapes):
        try:
            shape = np.broadcast_shapes(*shapes)
        except ValueError:
            named = [f"{_messages.argument(name, k)} {s}" for k, s in enumerate(shapes, first)]
            raise ValueError(_messages.named_shapes(name, named)) from None
    n = len(shape)
    if axis == -1 and n > 0:
        return _Space(shape, (n - 1,), shape[:-1])
    n = max(n, 1)
    axes = range(n) if axis is None else axis if isinstance(axis, tuple) else (axis,)
    events = tuple([_messages.checked_axis(name, axis, a, n) for a in axes])
    if len(set(events)) < len(events):
        raise ValueError(_messages.repeated_axis(name, axis))
    return _Space(shape, events, tuple([m for d, m in enumerate(shape) if d not in events]))


@dataclass(frozen=True)
class Elbo:
    """The public function `name`: minus the row `likelihood`, less beta times the divergence.

    Its inputs are those of the likelihood and then the mean and log-variance of the latents.
    """

    name: str
    likelihood: str

    def _spaces(
        self, inputs: Sequence[Any], axis: Axis, latent: Axis
    ) -> tuple[_Space, _Space, Shape]:
        split = len(inputs) - 2
        data = _space(self.name, 0, inputs[:split], axis)
        latents = _space(self.name, split, inputs[split:], latent)
        if data.batch == latents.batch:
            return data, latents, data.batch
        try:
            return data, latents, np.broadcast_shapes(data.batch, latents.batch)
        except ValueError:
            named = [f"{data.batch} of the data", f"{latents.batch} of the latents"]
            raise ValueError(_messages.named_shapes(self.name, named, "batch shapes")) from None

    def _check(self, beta: float, free_bits: float | None) -> None:
        if beta >= 0 and (free_bits is None or free_bits >= 0):
            return
        option, number = ("free_bits", free_bits) if beta >= 0 else ("beta", beta)
        function = self.name.partition(".")[2]
        raise ValueError(f"{function}: {option} must not be negative or NaN; got {number}")

    def value(
        self,
        inputs: Sequence[Any],
        beta: float,
        free_bits: float | None,
        axis: Axis,
        latent_axis: Axis,
        keepdims: bool,
        out: Any,
    ) -> Any:
        """Return the bound."""
        self._check(beta, free_bits)
        if not all(type(x) is np.ndarray for x in inputs) and any(map(overrides_ufuncs, inputs)):
            return self._foreign(inputs, beta, free_bits, axis, latent_axis, keepdims, out)
        data, latents, _ = self._spaces(inputs, axis, latent_axis)
        split = len(inputs) - 2
        nll = OPS[self.likelihood](tuple(inputs[:split]), axis, False, np.empty(data.batch))
        if free_bits is None:
            kl = _kl(tuple(inputs[split:]), latent_axis, False, np.empty(latents.batch))
        else:
            kl = _freed(inputs[split:], latents, free_bits)[0]
        return self._finish(nll, kl, beta, inputs, data, keepdims, out)

    def _finish(
        self,
        nll: Array,
        kl: Array,
        beta: float,
        inputs: Sequence[Any],
        data: _Space,
        keepdims: bool,
        out: Any,
    ) -> Any:
        """Put the two terms together, in the result's shape and type."""
        with np.errstate(over="ignore", invalid="ignore"):
            value = -nll - beta * kl
            if keepdims:
                lead = value.ndim - nll.ndim
                value = np.expand_dims(value, tuple(d + lead for d in data.events))
            if out is None:
                return value.astype(result_dtype(tuple(inputs)))[()]
            _messages.check_out(self.name, out, value.shape)
            out[...] = value
        return out

    def _foreign(
        self,
        inputs: Sequence[Any],
        beta: float,
        free_bits: float | None,
        axis: Axis,
        latent_axis: Axis,
        keepdims: bool,
        out: Any,
    ) -> Any:
        """The bound of arrays of another library, such as dask: lazy where they are."""
        function = self.name.partition(".")[2]
        if free_bits is not None or out is not None or keepdims:
            raise TypeError(
                f"{function}: free_bits, keepdims and out are for NumPy arrays; "
                f"got {', '.join(sorted({type(x).__name__ for x in inputs}))}"
            )
        split = len(inputs) - 2
        nll = OPS[self.likelihood](tuple(inputs[:split]), axis)
        return -nll - beta * _kl(tuple(inputs[split:]), latent_axis)

    def rule(
        self,
        wanted: list[int],
        inputs: tuple[Any, ...],
        cotangent: Any,
        with_value: bool,
        *,
        beta: float = 1.0,
        free_bits: float | None = None,
        axis: Axis = -1,
        latent_axis: Axis = -1,
        keepdims: bool = False,
    ) -> tuple[Any, tuple[Any, ...]]:
        """Return the value and the gradients, as `_derivatives` has it."""
        self._check(beta, free_bits)
        data, latents, batch = self._spaces(inputs, axis, latent_axis)
        split = len(inputs) - 2
        if keepdims and np.ndim(cotangent) > 0:
            lead = len(batch) - len(data.batch)
            kept = tuple(d + lead - len(data.shape) for d in data.events)
            cotangent = np.squeeze(cotangent, tuple(d for d in kept if -d <= np.ndim(cotangent)))
        of_data = _share(cotangent, -1.0, batch, data.batch)
        of_latents = _share(cotangent, -float(beta), batch, latents.batch)
        above, below = [k for k in wanted if k < split], [k - split for k in wanted if k >= split]
        nll = kl = np.empty(0)
        gradients: dict[int, Any] = {}
        if above or with_value:
            op = OPS[self.likelihood]
            nll, found = _term(op, inputs[:split], of_data, axis, data.batch, above)
            gradients |= zip(above, found, strict=True)
        if below or with_value:
            if free_bits is None:
                kl, found = _term(
                    _kl, inputs[split:], of_latents, latent_axis, latents.batch, below
                )
            else:
                kl, found = _free_term(inputs[split:], of_latents, latents, free_bits, below)
            gradients |= {k + split: g for k, g in zip(below, found, strict=True)}
        value = self._finish(nll, kl, beta, inputs, data, keepdims, None) if with_value else None
        return value, tuple(gradients[k] for k in wanted)


def _share(cotangent: Any, scale: float, batch: Shape, own: Shape) -> Any:
    """What of the result's cotangent comes to a term of its own batch shape, times scale."""
    if batch == own and isinstance(cotangent, (int, float)):
        return cotangent * scale
    array = np.asarray(cotangent)
    if array.dtype.kind in "biu":
        array = array.astype(np.float64)
    spread = np.broadcast_to(array, batch) * array.dtype.type(scale)
    return as_input(spread, np.broadcast_to(array.dtype.type(0), own))


def _term(
    op: Any, inputs: Sequence[Any], cotangent: Any, axis: Axis, batch: Shape, wanted: list[int]
) -> tuple[Array, tuple[Any, ...]]:
    """The sum over the event axes, in float64, and the gradients of the wanted inputs."""
    total = np.empty(batch)
    out = (total, *[None] * len(inputs))
    outputs = 1 | sum(2 << k for k in wanted)
    results = op.derivative((*inputs, cotangent), axis, False, out, outputs)
    return total, tuple(as_input(results[k + 1], inputs[k]) for k in wanted)


def _freed(inputs: Sequence[Any], space: _Space, free_bits: float) -> tuple[Array, Array]:
    """The divergence with its free bits, and where it counts: where the batch mean exceeds them."""
    each = _kl(tuple(inputs), (), False, np.empty(space.shape))
    others = tuple(d for d in range(len(space.shape)) if d not in space.events)
    with np.errstate(invalid="ignore"):
        mean = _total((each,), others, True) / max(math.prod(space.batch), 1)
    counts = ~(mean <= free_bits)  # a NaN is not free
    spent = np.where(counts, each, free_bits)
    return np.asarray(_total((spent,), space.events)), np.broadcast_to(counts, space.shape)


def _free_term(
    inputs: Sequence[Any], cotangent: Any, space: _Space, free_bits: float, wanted: list[int]
) -> tuple[Array, tuple[Any, ...]]:
    """The same as `_term`, with free bits."""
    kl, counts = _freed(inputs, space, free_bits)
    if np.ndim(cotangent) > 0:
        cotangent = np.expand_dims(cotangent, space.events)
    cotangent = np.asarray(np.where(counts, cotangent, np.zeros_like(cotangent)))
    return kl, _term(_kl, inputs, cotangent, (), space.shape, wanted)[1]
