"""What was built, and what is used here, for a Python session or a notebook."""

from __future__ import annotations

import importlib
from typing import Any, Literal


def show_config(mode: Literal["stdout", "dicts"] = "stdout") -> dict[str, Any] | None:
    """Print what was built and what is used here: the first lines of a report of a fault.

    These are the versions, the compiler, the instruction sets, the number of threads and where it
    is from, and the optional packages that are installed. ``python -m fastgen info`` prints the
    same.

    Parameters
    ----------
    mode : {"stdout", "dicts"}
        Whether to print the text, or to return the facts as a dict.

    Returns
    -------
    dict or None
        The facts with "dicts", nothing with "stdout".

    Raises
    ------
    ValueError
        If `mode` is another text.

    See Also
    --------
    numpy.show_config : The same for NumPy, with the same two modes.

    Examples
    --------
    >>> import fastgen
    >>> config = fastgen.show_config(mode="dicts")
    >>> sorted(config["instruction_sets"])
    ['built', 'chosen', 'detected', 'reason']
    >>> config["threads"]["count"] == fastgen.get_num_threads()
    True
    """
    if mode not in ("stdout", "dicts"):
        raise ValueError(f"show_config: mode must be 'stdout' or 'dicts', got {mode!r}")
    info: Any = importlib.import_module("fastgen.cli.info")
    found: dict[str, Any] = info.collect()
    if mode == "dicts":
        return found
    print(info.text(found))
    return None
