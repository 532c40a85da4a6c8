"""The computer: its CPU, its last-level cache, and how fast it reads memory."""

from __future__ import annotations

import itertools
import os
import platform
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from typing import Any

import numpy as np

Array = np.ndarray[Any, np.dtype[Any]]


def cpu_name() -> str:
    """Return the name of the CPU."""
    if sys.platform == "linux":
        try:
            with open("/proc/cpuinfo", encoding="utf-8", errors="replace") as file:
                for line in file:
                    key, _, value = line.partition(":")
                    if key.strip() in ("model name", "Model"):
                        return value.strip()
        except OSError:
            pass
    if sys.platform == "darwin":
        return _sysctl("machdep.cpu.brand_string") or platform.machine()
    return platform.processor() or platform.machine()


def last_level_cache() -> int:
    """Return the bytes of the largest cache; a common size if the system does not say."""
    sizes = [0]
    if sys.platform == "darwin":
        keys = ("hw.l2cachesize", "hw.perflevel0.l2cachesize", "hw.l3cachesize")
        sizes += [int(_sysctl(key) or 0) for key in keys]
    elif hasattr(os, "sysconf"):
        names = [f"SC_LEVEL{level}_CACHE_SIZE" for level in (2, 3, 4)]
        sizes += [os.sysconf(name) for name in names if name in os.sysconf_names]
    return max(sizes) if max(sizes) > 0 else 32 << 20


def read_bandwidth(threads: int, cache: int) -> float:
    """Return the most bytes per second that NumPy reads or copies, in Python threads.

    NumPy sets the scale, so that fastgen is not compared with itself. The result is the best of a
    product, a maximum and a copy: which one is fastest depends on the machine.
    """
    source = np.ones(max(1 << 25, min(4 * cache, 1 << 30) // 4), np.float32)
    target = np.empty(len(source) // 2, np.float32)
    half = source[: len(target)]
    passes: list[tuple[int, Callable[[slice], Any]]] = [
        (source.nbytes, lambda part: np.dot(source[part], source[part])),
        (source.nbytes, lambda part: np.maximum.reduce(source[part])),
        (2 * half.nbytes, lambda part: np.copyto(target[part], half[part])),
    ]
    best = 0.0
    for number, (nbytes, run) in enumerate(passes):
        length = len(half) if number == 2 else len(source)
        bounds = [length * k // threads for k in range(threads + 1)]
        parts = [slice(a, b) for a, b in itertools.pairwise(bounds)]
        best = max(best, *(nbytes / _seconds(run, parts) for _ in range(5)))
    return best


def free_share(threads: int) -> float:
    """Return the share of so many CPUs that other programs leave to this one."""
    source = np.ones(1 << 18, np.float32)

    def work(_: slice) -> None:
        end = time.perf_counter() + 0.3
        while time.perf_counter() < end:
            np.maximum.reduce(source)

    used = time.process_time()
    seconds = _seconds(work, [slice(0)] * threads)
    return (time.process_time() - used) / (threads * seconds)


def _seconds(run: Callable[[slice], Any], parts: list[slice]) -> float:
    workers = [threading.Thread(target=run, args=(part,)) for part in parts]
    start = time.perf_counter()
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    return time.perf_counter() - start


def _sysctl(key: str) -> str:
    command = ["/usr/sbin/sysctl", "-n", key]
    try:
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()
    except (OSError, subprocess.CalledProcessError):
        return ""
