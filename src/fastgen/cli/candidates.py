"""The ways in which the peers compute a row, made and called once before they are timed."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from fastgen.cli.row import Call, Setting, Step
from fastgen.cli.timing import Timed

REFUSALS = (AttributeError, NotImplementedError, RuntimeError, TypeError, ValueError)
"""What libraries raise where they can't compute or compile a formula."""


@dataclass
class Candidates:
    """The ways of all peers, by a name of their own.

    Attributes
    ----------
    calls : dict
        The call of each way.
    first_seconds : dict
        How long it took to make each way and to call it once.
    peers : dict
        The ways of each peer.
    failures : dict
        For peers without any way, the reason.
    """

    calls: dict[str, Call] = field(default_factory=dict)
    first_seconds: dict[str, float] = field(default_factory=dict)
    peers: dict[str, list[str]] = field(default_factory=dict)
    failures: dict[str, str] = field(default_factory=dict)

    def fastest(self, timed: Mapping[str, Timed]) -> dict[str, str]:
        """Return the fastest way of each peer."""
        return {
            peer: min(ways, key=lambda way: timed[way].seconds)
            for peer, ways in self.peers.items()
            if ways
        }


def prepared(step: Step, inputs: Sequence[Any], setting: Setting) -> Candidates:
    """Make all ways of all peers."""
    found = Candidates()
    for peer, prepare in setting.peers.items():
        found.peers[peer] = []
        for k, make in enumerate(prepare(step, inputs)):
            way = f"{peer}, way {k}"
            start = time.perf_counter()
            try:
                call = make()
                call()
            except REFUSALS as error:
                text = str(error).strip() or type(error).__name__
                found.failures.setdefault(peer, text.splitlines()[0][:80])
                continue
            found.first_seconds[way] = time.perf_counter() - start
            found.calls[way] = call
            found.peers[peer].append(way)
        if found.peers[peer]:
            found.failures.pop(peer, None)
    return found
