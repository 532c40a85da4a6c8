"""Files that a command writes: errors come before the work, and nothing is left half-written."""

from __future__ import annotations

import os
import stat
from pathlib import Path


class FileError(Exception):
    """A file cannot be written: the message names the option, the file and the reason."""


def check(option: str, file: str) -> None:
    """Raise `FileError` where a file cannot be written, and leave it as it is."""
    if not file:
        raise FileError(f"{option}: expected the name of a file, got ''")
    path = Path(file)
    try:
        exists = path.exists()
        if exists and stat.S_ISFIFO(path.stat().st_mode):
            return  # to open a pipe waits for its reader
        with open(path, "ab", buffering=0) as stream:
            stream.write(b"")  # a full device says so
        if not exists:
            Path(os.path.realpath(path)).unlink()
    except (OSError, ValueError) as error:
        raise _error(option, file, error) from None


def write(option: str, file: str, content: bytes) -> None:
    """Write a file. A file that exists is replaced when the new one is complete."""
    try:
        if Path(file).exists() and (not Path(file).is_file() or file.startswith("/dev/")):
            with open(file, "ab") as stream:  # a device or a pipe, perhaps the terminal
                stream.write(content)
            return
        path = Path(os.path.realpath(file))
        part = path.with_name(f"{path.name}.part")
        try:
            part.write_bytes(content)
            part.replace(path)
        finally:
            part.unlink(missing_ok=True)
    except OSError as error:
        raise _error(option, file, error) from None


def _error(option: str, file: str, error: Exception) -> FileError:
    reason = getattr(error, "strerror", None) or str(error)
    return FileError(f"{option}: can't write to {file!r}: {reason}")
