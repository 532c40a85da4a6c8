"""A progress bar on a terminal; nothing where no person looks on."""

from __future__ import annotations

import importlib
import importlib.util
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Protocol

WIDTH = 30


class Advance(Protocol):
    """Says that one more step is about to start, and its name."""

    def __call__(self, name: str) -> None:
        """Show it."""


@contextmanager
def progress(steps: int) -> Iterator[Advance]:
    """Show a bar on stderr, gone when the work is done."""
    if not sys.stderr.isatty():
        yield lambda name: None
    elif importlib.util.find_spec("rich") is not None:
        with _rich(steps) as advance:
            yield advance
    else:
        with _plain(steps) as advance:
            yield advance


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
    # Drawn when there is news only: a thread that redraws would disturb what is being timed.
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
        # To the start of the line, and clear the rest of it.
        sys.stderr.write(f"\r[{filled:<{WIDTH}}] {done}/{steps} {name}\x1b[K")
        sys.stderr.flush()

    try:
        yield advance
    finally:
        sys.stderr.write("\r\x1b[K")
        sys.stderr.flush()
