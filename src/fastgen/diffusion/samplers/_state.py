"""The memory of a sampler between steps."""

from __future__ import annotations

from typing import Any

import numpy as np

Array = np.ndarray[Any, np.dtype[Any]]


class State:
    """The memory of a multistep sampler. Pass the same object to every step of a run."""

    __slots__ = ("history", "next")

    def __init__(self) -> None:
        """Make the state before the first step."""
        self.history: tuple[Array, ...] = ()  # the latest comes first
        self.next: int | None = None

    def __repr__(self) -> str:
        """Return the next step and the number of memories."""
        return f"<state of a sampler before step {self.next or 0}, {len(self.history)} memories>"
