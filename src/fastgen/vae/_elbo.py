"""Evidence lower bounds: -(nll row) - beta * (divergence row)."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from fastgen._core import Op, Remembered, empty
from fastgen._messages import check_real
from fastgen._ops import OPS
from fastgen._sums import Array, Axis, Form, Part, Space

_kl = OPS["vae.kl_standard_normal"]
_total = OPS["elementary.total"]


@Remembered
def form_of(
    name: str,
    nll: Op,
    beta: float,
    free_bits: float | None,
    axis: Axis,
    latent_axis: Axis,
    keepdims: bool,
) -> Form:
    """Return the bound of the function `name`.

    Its inputs are those of the row `nll`, and then the mean and log-variance of the latents.
    """
    function = name.partition(".")[2]
    check_real(function, beta=beta, free_bits=free_bits)
    if not (beta >= 0 and (free_bits is None or free_bits >= 0)):
        option, number = ("free_bits", free_bits) if beta >= 0 else ("beta", beta)
        raise ValueError(f"{function}: {option} must not be negative or NaN; got {number}")
    split = nll.nin
    latents, weight = (split, split + 1), -float(beta)
    if free_bits is None:
        divergence = Part(_kl, latents, weight=weight, axis=latent_axis)
    else:
        divergence = FreeBits(name, free_bits, latents, weight, latent_axis)
    likelihood = Part(nll, tuple(range(split)), weight=-1.0, axis=axis)
    return Form(name, (likelihood, divergence), keepdims=keepdims)


class FreeBits(Part):
    """The divergence with free bits: a latent variable costs at least `free_bits` on average."""

    __slots__ = ("free_bits", "name")

    whole = True

    def __init__(
        self, name: str, free_bits: float, of: tuple[int, ...], weight: float, axis: Axis
    ) -> None:
        super().__init__(_kl, of, weight=weight, axis=axis)
        self.name, self.free_bits = name, free_bits

    def _freed(self, inputs: tuple[Any, ...], space: Space) -> tuple[Array, Array]:
        """Return the sums, and a mask: the mean of the divergence exceeds `free_bits` there."""
        each = empty(space.shape, np.float64)
        _kl(self.operands(inputs), (), False, each)
        others = tuple(d for d in range(len(space.shape)) if d not in space.events)
        with np.errstate(invalid="ignore"):
            mean = _total((each,), others, True) / max(math.prod(space.batch), 1)
        counts = ~(mean <= self.free_bits)  # NaN counts
        spent = np.where(counts, each, self.free_bits)
        return np.asarray(_total((spent,), space.events)), np.broadcast_to(counts, space.shape)

    def total(self, inputs: tuple[Any, ...], space: Space) -> Array:
        """Return the sums."""
        return np.array(self._freed(inputs, space)[0])

    def gradients(
        self, inputs: tuple[Any, ...], cotangent: Any, wanted: list[int], space: Space
    ) -> tuple[Array, dict[int, Any]]:
        """Return the sums, and gradients that are 0 where the divergence is free."""
        total, counts = self._freed(inputs, space)
        if np.ndim(cotangent) > 0:
            cotangent = np.expand_dims(cotangent, space.events)
        cotangent = np.asarray(np.where(counts, cotangent, np.zeros_like(cotangent)))
        each = Part(_kl, self.of, axis=())
        own = Space(space.shape, (), space.shape)
        return np.array(total), each.gradients(inputs, cotangent, wanted, own)[1]

    def lazy(self, arrays: tuple[Any, ...], dtype: Any) -> Any:
        """Refuse other libraries: a block of an array does not know the mean over the batch."""
        raise TypeError(
            f"{self.name.partition('.')[2]}: free_bits is for NumPy and dask arrays; "
            f"got {', '.join(sorted({type(x).__name__ for x in arrays}))}"
        )
