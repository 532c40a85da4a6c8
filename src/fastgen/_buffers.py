"""The default of how much memory of freed results is kept: see `fastgen.set_buffer_limit`."""

from __future__ import annotations

import os
import sys

from fastgen import _core
from fastgen._threads import cgroup_folders, in_multiprocessing_child, read

DEFAULT_LIMIT = 128 << 20  # value and four gradients of 6 million float32
CHILD_LIMIT = 32 << 20  # of a process that has siblings, such as a worker with little memory
SHARE = 64  # of the memory


def default_limit() -> tuple[int, str]:
    """Return the limit to start with, in bytes, and where it comes from.

    It is ``FASTGEN_BUFFER_LIMIT``; without it 128 MiB, 32 MiB in a child of `multiprocessing`, or
    1/64 of the memory that this process may use: the least of these.

    Raises
    ------
    ValueError
        If ``FASTGEN_BUFFER_LIMIT`` is not an integer of at least 0.
    """
    text = os.environ.get("FASTGEN_BUFFER_LIMIT")
    if text is not None:
        digits = text.strip()
        if not (digits.isascii() and digits.isdecimal() and len(digits) < 19):
            raise ValueError(
                f"FASTGEN_BUFFER_LIMIT: expected a number of bytes, at least 0, got {text!r}"
            )
        return int(digits), "FASTGEN_BUFFER_LIMIT"
    child = in_multiprocessing_child()
    limit = CHILD_LIMIT if child else DEFAULT_LIMIT
    share = usable_memory() // SHARE
    if 0 < share < limit:
        return share, f"1/{SHARE} of the memory"
    return limit, "of a multiprocessing child" if child else "default"


def limit_in_forked_children(limit: int, reason: str) -> None:
    """Let children of a fork keep no more by default than other children of `multiprocessing`.

    A limit of the variable or of `fastgen.set_buffer_limit` stays what it is.
    """
    if reason == "FASTGEN_BUFFER_LIMIT" or not hasattr(os, "register_at_fork"):
        return

    def in_child() -> None:
        if _core.get_buffer_limit() == limit:
            _core.set_buffer_limit(min(limit, CHILD_LIMIT))

    os.register_at_fork(after_in_child=in_child)


def usable_memory() -> int:
    """Return how many bytes of memory this process may use; 0 if the system does not say."""
    found = []
    if hasattr(os, "sysconf") and "SC_PHYS_PAGES" in os.sysconf_names:
        found.append(os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE"))
    if sys.platform == "linux":
        found += cgroup_limits()
    return min((bytes for bytes in found if bytes > 0), default=0)


def cgroup_limits(root: str = "/sys/fs/cgroup", membership: str = "/proc/self/cgroup") -> list[int]:
    """Return the limits of memory of the cgroups of this process, in bytes."""
    unified, of_memory = cgroup_folders("memory", root, membership)
    texts = [read(f"{folder}/memory.max") for folder in unified]
    texts += [read(f"{folder}/memory.limit_in_bytes") for folder in of_memory]
    return [int(text) for text in texts if text.strip().isdecimal()]  # others say "max"
