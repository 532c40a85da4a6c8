"""`accelerate` and `accelerated`."""

from __future__ import annotations

from fastgen._accelerate import Accelerated, Acceleration, Libraries

_MODULES = {"flowjax": "_flowjax", "distrax": "_distrax"}
_LIBRARIES = Libraries("fastgen.jax", _MODULES, {})


def accelerate(*libraries: str) -> Acceleration:
    """Let installed libraries compute with the functions of fastgen.

    The libraries' own classes and functions stay as they are, but what they compute goes to fastgen
    where it has the function. The results and gradients are the same but for rounding.

    Parameters
    ----------
    *libraries : {"flowjax", "distrax"}
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
    A compiled function keeps what it was compiled with: accelerate before the first call.

    The originals still compute what fastgen does not: other devices, half precision, mixed types,
    and invalid arguments (so errors are those of the library). Forward mode and second derivatives
    are those of the plain formula, in JAX's own operations.

    Examples
    --------
    >>> from fastgen.jax import accelerate, accelerated  # doctest: +SKIP
    >>> with accelerate("flowjax"):  # doctest: +SKIP
    ...     loss = -flow.log_prob(x).mean()
    """
    return _LIBRARIES.accelerate(libraries)


def accelerated() -> list[Accelerated]:
    """Return what is replaced now.

    Returns
    -------
    list of Accelerated
        A tuple for each function: `library`, its `version`, the `function`, and the function of
        `fastgen.jax` that computes in its place, `by`.

    Examples
    --------
    >>> import fastgen.jax
    >>> fastgen.jax.accelerated()
    []
    """
    return _LIBRARIES.accelerated()
