"""For every operation: sample inputs, what is exactly true of it, and how far off it may be.

The one registry behind the tests, the benchmarks and `python -m fastgen check`. Each of them goes
through all operations, so a case is all that a new operation has to bring.
"""

from __future__ import annotations

import functools
import hashlib
import importlib
from collections.abc import Callable
from typing import Any

import numpy as np

from fastgen._core import Op
from fastgen._ops import OPS, public
from fastgen.cases.case import Case

CASES: dict[str, Case] = {}
for _family in sorted({name.partition(".")[0] for name in OPS}):
    CASES |= importlib.import_module(f"fastgen.cases.{_family}").CASES


def function(name: str) -> Callable[..., Any]:
    """Return the public function of an operation, with the `kind` that chooses it."""
    found, options = public(name)
    return functools.partial(found, **options) if options else found


def reference(name: str) -> Callable[..., Any]:
    """Return the NumPy reference of an operation."""
    function, options = public(name)
    module = importlib.import_module(f"fastgen.reference.{name.partition('.')[0]}")
    found: Callable[..., Any] = getattr(module, function.__name__)
    return functools.partial(found, **options) if options else found


def inputs(name: str, shape: tuple[int, ...], dtype: Any = np.float64, seed: int = 0) -> Any:
    """Return sample inputs of an operation."""
    z = np.random.default_rng(seed).standard_normal((OPS[name].nin, *shape))
    return tuple(np.ascontiguousarray(x).astype(dtype) for x in CASES[name].sample(z))


def digest(op: Op, dtype: Any) -> str:
    """Return a digest of the bits of the value and gradients at fixed inputs."""
    shape = (op.nin, 7, 1100)
    # 20 bits a number, by SplitMix64: exact in float32, and the same in every NumPy.
    k = np.arange(1, np.prod(shape) + 1, dtype=np.uint64) * np.uint64(0x9E3779B97F4A7C15)
    k = (k ^ (k >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    k = (k ^ (k >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    z = ((k >> np.uint64(44)).astype(np.float64) / 2**17 - 4).reshape(shape)
    arrays = tuple(x.astype(dtype) for x in CASES[op.name].sample(z))
    results = [op(arrays)]
    if op.derivative is not None:
        results += op.derivative((*arrays, 0.5))
    return hashlib.sha256(b"".join(np.asarray(r).tobytes() for r in results)).hexdigest()[:16]
