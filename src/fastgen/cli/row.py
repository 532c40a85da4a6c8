"""A row of the table of ``fastgen bench``, and the setting that all rows share."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from fastgen._signature import Shape

VALUE, OUT, GRADIENT = "value", "out", "value_and_grad"
"""The kinds of rows: the value alone, the value into `out=`, and the value with its gradients."""

Call = Callable[[], Any]


class Step(NamedTuple):
    """What one row measures."""

    operation: str
    kind: str
    shape: Shape


@dataclass
class Row:
    """One operation at one size."""

    operation: str
    kind: str
    shape: Shape
    numpy_seconds: float
    fastgen_seconds: float
    speed_up: float
    bytes: int
    bandwidth_share: float | None
    max_error: float
    tolerance: float
    gradient_error: float | None
    wrong: bool
    numpy_estimated: bool
    numpy_dtype: str
    peer_seconds: dict[str, float] = field(default_factory=dict)
    peer_errors: dict[str, float] = field(default_factory=dict)
    peer_compile_seconds: dict[str, float] = field(default_factory=dict)
    peer_failures: dict[str, str] = field(default_factory=dict)
    """Why a peer could not compute the operation."""


@dataclass(frozen=True)
class Setting:
    """What is the same for every row."""

    dtype: Any
    cache: int
    bandwidth: float
    free: float
    peers: dict[str, Callable[[Step, Sequence[Any]], Sequence[Callable[[], Call]]]]
