"""One number of threads for PyTorch and fastgen."""

from __future__ import annotations

import torch

from fastgen._core import get_num_threads, set_num_threads

shared = False


def share_threads(share: bool = True) -> int:
    """Let the functions of `fastgen.torch` use as many threads as PyTorch does.

    Each call then looks at `torch.get_num_threads`, so a later `torch.set_num_threads` counts too.
    The two never compute at once: a call blocks its thread, and idle threads sleep.

    Parameters
    ----------
    share : bool, default True
        False leaves the number as it is from now on.

    Returns
    -------
    int
        The number of threads of fastgen.

    Examples
    --------
    >>> import torch, fastgen.torch
    >>> torch.set_num_threads(1)
    >>> fastgen.torch.share_threads()
    1
    >>> fastgen.torch.share_threads(False)
    1
    """
    global shared
    shared = share
    if share:
        follow()
    return get_num_threads()


def follow() -> None:
    """Take the number of PyTorch's threads."""
    count = min(torch.get_num_threads(), 256)
    if count != get_num_threads():
        set_num_threads(count)
