"""Times of functions that take turns: what disturbs the computer disturbs all of them alike."""

from __future__ import annotations

import gc
import itertools
import statistics
import time
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

SAMPLE_SECONDS = 2e-4  # long enough for the resolution of the clock
SLOW_SECONDS = 1e-2  # a call this long needs no more calls to warm up
MIN_ROUNDS, MAX_ROUNDS = 3, 1000


class Timed(NamedTuple):
    """The median seconds of a call, and the result of the last one."""

    seconds: float
    result: Any


def take_turns(
    calls: Mapping[str, Callable[[], Any]], seconds: float, pause: float = 0.0
) -> dict[str, Timed]:
    """Time every call, about `seconds` in all.

    Threads of a call may spin for a while after it. With a `pause` they come to rest.
    """
    names = list(calls)
    loops = {name: _loops(calls[name]) for name in names}
    samples: dict[str, list[float]] = {name: [] for name in names}
    results: dict[str, Any] = {}
    collecting = gc.isenabled()
    gc.disable()
    try:
        start = time.perf_counter()
        for turn in range(MAX_ROUNDS):
            if turn >= MIN_ROUNDS and time.perf_counter() - start > seconds:
                break
            for k in range(len(names)):  # every name is the first one in turn
                name = names[(turn + k) % len(names)]
                results.pop(
                    name, None
                )  # the memory is free for the next result, as in a user's loop
                if pause:
                    time.sleep(pause)
                    calls[name]()
                elapsed, results[name] = _sample(calls[name], loops[name])
                samples[name].append(elapsed)
    finally:
        if collecting:
            gc.enable()
    return {name: Timed(statistics.median(samples[name]), results[name]) for name in names}


def _loops(call: Callable[[], Any]) -> int:
    """The number of calls in one sample; finding it warms up."""
    if _sample(call, 1)[0] > SLOW_SECONDS:
        return 1
    loops = 1
    while True:
        elapsed, _ = _sample(call, loops)
        if elapsed * loops > SAMPLE_SECONDS / 4:
            return max(1, round(SAMPLE_SECONDS / elapsed))
        loops *= 4


def _sample(call: Callable[[], Any], loops: int) -> tuple[float, Any]:
    turns = itertools.repeat(None, loops)
    start = time.perf_counter()
    for _ in turns:
        result = call()
    return (time.perf_counter() - start) / loops, result
