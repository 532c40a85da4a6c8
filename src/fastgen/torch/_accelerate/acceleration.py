"""`accelerate` and `accelerated`."""

from __future__ import annotations

from fastgen._accelerate import Accelerated, Acceleration, Libraries

_MODULES = {
    "nflows": "_nflows",
    "normflows": "_normflows",
    "zuko": "_zuko",
    "torch.distributions": "_distributions",
}
_OTHERS = {
    "diffusers": "a scheduler holds the state of a run, so each pipeline gets one of its own: "
    "pipe.scheduler = fastgen.torch.Scheduler.from_diffusers(pipe.scheduler)",
    "sbi": 'its flows are those of nflows and zuko: accelerate("nflows", "zuko")',
}
_LIBRARIES = Libraries("fastgen.torch", _MODULES, _OTHERS)


def accelerate(*libraries: str) -> Acceleration:
    """Let installed libraries compute with the functions of fastgen.

    The libraries' own classes and functions stay as they are, but what they compute goes to fastgen
    where it has the function. The results and gradients are the same but for rounding.

    Parameters
    ----------
    *libraries : {"nflows", "normflows", "zuko", "torch.distributions"}
        The libraries.

    Returns
    -------
    Acceleration
        Its `undo()` puts the originals back. It is also a context manager, which does so at its
        end. Where accelerations of one library overlap, the originals come back with the last.

    Raises
    ------
    ValueError
        If there is no library of that name here, or no name is given.
    ImportError
        If a library is not installed, or its version is not one whose functions are known.

    See Also
    --------
    accelerated : the functions that are replaced.

    Notes
    -----
    The originals still compute what fastgen does not: tensors on other devices, in half precision
    or of mixed types, invalid arguments (so errors are those of the library), compiled code,
    `torch.func`, and second derivatives (where the backward pass has ``create_graph=True``).
    Models that exist are accelerated too.

    Examples
    --------
    >>> from fastgen.torch import accelerate, accelerated  # doctest: +SKIP
    >>> with accelerate("nflows"):  # doctest: +SKIP
    ...     loss = -flow.log_prob(x).mean()
    """
    return _LIBRARIES.accelerate(libraries)


def accelerated() -> list[Accelerated]:
    """Return what is replaced now.

    Returns
    -------
    list of Accelerated
        A tuple for each function: `library`, its `version`, the `function`, and the function of
        `fastgen.torch` that computes in its place, `by`.

    Examples
    --------
    >>> import fastgen.torch
    >>> fastgen.torch.accelerated()
    []
    """
    return _LIBRARIES.accelerated()
