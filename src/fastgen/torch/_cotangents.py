"""The cotangents of a backward pass: some may be None, and all may have a batch axis.

The axis is that of `torch.vmap`, or of ``is_grads_batched``.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import torch

from fastgen.torch._plain import interpreter

_functorch: Any = torch._C._functorch


def transformed() -> bool:
    """Whether a transform of `torch.func` runs."""
    return interpreter() is not None


def are_batched(cotangents: Sequence[Any]) -> bool:
    """Whether `torch.vmap` or `is_grads_batched` added an axis to cotangents."""
    if transformed():
        return True
    return any([x is not None and _functorch.is_legacy_batchedtensor(x) for x in cotangents])


def of_each(function: Callable[..., Any], given: Sequence[torch.Tensor | None]) -> list[Any]:
    """Call a function for each sample that ``is_grads_batched`` added, and stack the results."""
    batched = [x is not None and _functorch.is_legacy_batchedtensor(x) for x in given]
    level = torch._C._vmapmode_increment_nesting() - 1
    torch._C._vmapmode_decrement_nesting()
    whole: list[Any] = [
        torch._remove_batch_dim(x, level, 1, 0) if own else x
        for x, own in zip(given, batched, strict=True)
    ]
    rows = [
        function(*[x[k] if own else x for x, own in zip(whole, batched, strict=True)])
        for k in range(len(whole[batched.index(True)]))
    ]
    columns = zip(*rows, strict=True)
    return [torch._add_batch_dim(torch.stack(column), 0, level) for column in columns]


def gradients_of(
    results: Any, wanted: Sequence[torch.Tensor], cotangents: Sequence[Any], create_graph: bool
) -> Sequence[torch.Tensor | None]:
    """Return the gradients that autograd has for results, None where a tensor takes no part."""
    results = results if isinstance(results, tuple) else (results,)
    pairs = [
        (r, c)
        for r, c in zip(results, cotangents, strict=True)
        if c is not None and r.requires_grad
    ]
    if not pairs:
        return [None] * len(wanted)
    outputs, given = zip(*pairs, strict=True)
    found: Sequence[torch.Tensor | None] = torch.autograd.grad(
        outputs, wanted, given, create_graph=create_graph, allow_unused=True
    )
    return found
