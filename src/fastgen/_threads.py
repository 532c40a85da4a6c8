"""The default number of threads, and the registration with threadpoolctl."""

from __future__ import annotations

import importlib
import math
import os
import sys
from typing import Any

MAX_THREADS = 256  # FG_MAX_THREADS of csrc/core/pool.h
DEFAULT_LIMIT = 16  # a few cores saturate the memory bus; more would only slow other processes


def default_num_threads() -> tuple[int, str]:
    """Return the number of threads to start with, and where it comes from.

    The first that applies: ``FASTGEN_NUM_THREADS``; ``OMP_NUM_THREADS`` (joblib sets it in its
    workers); 1 in a child of `multiprocessing`, whose siblings use the other cores; the CPUs this
    process may use, at most 16.

    Raises
    ------
    ValueError
        If ``FASTGEN_NUM_THREADS`` is not an integer from 1 to 256.
    """
    text = os.environ.get("FASTGEN_NUM_THREADS")
    if text is not None:
        count = _thread_count(text)
        if count is None:
            raise ValueError(
                f"FASTGEN_NUM_THREADS: expected an integer from 1 to {MAX_THREADS}, got {text!r}"
            )
        return count, "FASTGEN_NUM_THREADS"
    # The list holds one number per nesting level. The first is that of the outermost threads.
    count = _thread_count(os.environ.get("OMP_NUM_THREADS", "").split(",")[0])
    if count is not None:
        return count, "OMP_NUM_THREADS"
    if in_multiprocessing_child():
        return 1, "one per process in a multiprocessing child"
    return _usable_cpus()


def cgroup_quota(
    root: str = "/sys/fs/cgroup", membership: str = "/proc/self/cgroup"
) -> float | None:
    """Return the CPU quota of the cgroups of this process, in CPUs; None if there is none.

    A limit holds for all cgroups below it, so the smallest limit on the way to the root counts.
    """
    unified, of_cpu = cgroup_folders("cpu", root, membership)
    quotas = [_quota(*read(f"{folder}/cpu.max").split()) for folder in unified]
    for folder in of_cpu:
        period = read(f"{folder}/cpu.cfs_period_us")
        quotas.append(_quota(read(f"{folder}/cpu.cfs_quota_us"), period))
    return min((quota for quota in quotas if quota is not None), default=None)


def cgroup_folders(controller: str, root: str, membership: str) -> tuple[list[str], list[str]]:
    """Return the folders of the cgroups of this process: of cgroup v2, and of a controller of v1.

    The cgroup file systems are mounted at `root`. The file `membership` lists the cgroup of the
    process in each.
    """
    own = {"": "/", controller: "/"}
    for line in read(membership).splitlines():
        _, _, rest = line.partition(":")  # the number of the hierarchy
        controllers, _, path = rest.partition(":")
        own.update(dict.fromkeys(controllers.split(","), path))  # cgroup v2 names no controller
    return _folders(root, own[""]), _folders(f"{root}/{controller}", own[controller])


def register_with_threadpoolctl() -> bool:
    """Let `threadpoolctl.threadpool_limits` and `threadpool_info` see fastgen's threads.

    Return whether threadpoolctl is installed. It is imported only here, because its import takes
    longer than that of all of fastgen.
    """
    global _registered
    if _registered:
        return True
    try:
        threadpoolctl: Any = importlib.import_module("threadpoolctl")
    except ImportError:
        return False

    class FastgenController(threadpoolctl.LibController):  # type: ignore[misc]
        user_api = "fastgen"
        internal_api = "fastgen"
        filename_prefixes = ("_core",)
        # Other packages also have a library _core. threadpoolctl skips those without these symbols.
        check_symbols = ("fastgen_get_num_threads", "fastgen_set_num_threads")

        def get_num_threads(self) -> int:
            return int(self.dynlib.fastgen_get_num_threads())

        def set_num_threads(self, num_threads: int) -> None:
            self.dynlib.fastgen_set_num_threads(num_threads)

        def get_version(self) -> str | None:
            # threadpoolctl calls this on every _core, before it looks for the symbols.
            return getattr(sys.modules.get("fastgen"), "__version__", None)

    threadpoolctl.register(FastgenController)
    _registered = True
    return True


_registered = False


def _thread_count(text: str) -> int | None:
    """Return the number in `text`, or None if it is no valid number of threads."""
    text = text.strip()
    if not (text.isascii() and text.isdecimal() and len(text) < 10):
        return None
    count = int(text)
    return count if 1 <= count <= MAX_THREADS else None


def in_multiprocessing_child() -> bool:
    process: Any = sys.modules.get("multiprocessing.process")
    if process is None:  # a child process always has this module
        return False
    # A spawned child imports the user's script before its parent process is set. Until then,
    # multiprocessing marks the child as inheriting.
    inheriting = getattr(process.current_process(), "_inheriting", False)
    return inheriting or process.parent_process() is not None


def _usable_cpus() -> tuple[int, str]:
    if sys.version_info >= (3, 13):
        cpus = os.process_cpu_count() or 1
    elif hasattr(os, "sched_getaffinity"):
        cpus = len(os.sched_getaffinity(0))
    else:
        cpus = os.cpu_count() or 1
    quota = cgroup_quota() if sys.platform == "linux" else None
    if quota is not None and math.ceil(quota) < min(cpus, DEFAULT_LIMIT):
        return max(1, math.ceil(quota)), f"cgroup quota of {quota:g} CPUs"
    if cpus > DEFAULT_LIMIT:
        return DEFAULT_LIMIT, f"default limit of {DEFAULT_LIMIT} ({cpus} CPUs usable)"
    return cpus, "CPUs usable by this process"


def _folders(root: str, path: str) -> list[str]:
    """Return `root` and all folders between it and the cgroup `path`, inclusive."""
    names = [name for name in path.split("/") if name]
    if ".." in names:  # outside the cgroup namespace of this process
        names = []
    return ["/".join([root, *names[:depth]]) for depth in range(len(names) + 1)]


def _quota(quota: str = "", period: str = "", *_: str) -> float | None:
    try:
        cpus = int(quota) / int(period)
    except (ValueError, ZeroDivisionError):  # "max", or the file does not exist
        return None
    return cpus if cpus > 0 else None  # -1 stands for unlimited


def read(path: str) -> str:
    """Return the text of a file, or nothing if it can't be read."""
    try:
        with open(path, encoding="utf-8", errors="replace") as file:
            return file.read()
    except OSError:
        return ""
