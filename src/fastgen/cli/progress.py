"""How far a command is: a bar on a terminal, and a line from time to time elsewhere."""

from __future__ import annotations

import importlib
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Protocol

from fastgen._extras import is_installed

WIDTH = 30
LINE_SECONDS = 5.0  # between two lines where there is no terminal


class Advance(Protocol):
    """A function to call before each step."""

    def __call__(self, name: str) -> None:
        """Show that the step with this name starts."""


@contextmanager
def progress(steps: int) -> Iterator[Advance]:
    """Show progress on stderr. A bar on a terminal disappears when the work is done."""
    if not sys.stderr.isatty():
        yield _lines(steps)
    elif is_installed("rich"):
        with _rich(steps) as advance:
            yield advance
    else:
        with _plain(steps) as advance:
            yield advance


def _lines(steps: int) -> Advance:
    done, shown = -1, time.monotonic()

    def advance(name: str) -> None:
        nonlocal done, shown
        done += 1
        if time.monotonic() - shown >= LINE_SECONDS:
            shown = time.monotonic()
            print(f"{done}/{steps} {name}", file=sys.stderr, flush=True)

    return advance


@contextmanager
def _rich(steps: int) -> Iterator[Advance]:
    rich: Any = importlib.import_module("rich.progress")
    console = importlib.import_module("rich.console").Console(stderr=True)
    columns = (
        rich.BarColumn(WIDTH),
        rich.MofNCompleteColumn(),
        rich.TimeElapsedColumn(),
        rich.TextColumn("{task.description}"),
    )
    # No thread redraws the bar: it would disturb the times.
    with rich.Progress(*columns, console=console, transient=True, auto_refresh=False) as bar:
        task = bar.add_task("", total=steps)
        done = -1

        def advance(name: str) -> None:
            nonlocal done
            done += 1
            bar.update(task, completed=done, description=name, refresh=True)

        yield advance


@contextmanager
def _plain(steps: int) -> Iterator[Advance]:
    done = -1

    def advance(name: str) -> None:
        nonlocal done
        done += 1
        filled = "#" * (WIDTH * done // steps)
        # \r goes to the start of the line, \x1b[K clears the rest of it.
        sys.stderr.write(f"\r[{filled:<{WIDTH}}] {done}/{steps} {name}\x1b[K")
        sys.stderr.flush()

    try:
        yield advance
    finally:
        sys.stderr.write("\r\x1b[K")
        sys.stderr.flush()
