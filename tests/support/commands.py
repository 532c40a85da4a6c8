"""Runs the command line, or a program, in a separate process."""

import os
import subprocess
import sys

QUIET = {**os.environ, "SKBUILD_EDITABLE_VERBOSE": "0", "PYTHONUNBUFFERED": "1"}


def command(*arguments, module="fastgen", code=0, environment=QUIET):
    """Return the output of ``python -m MODULE`` on stdout and stderr."""
    line = [sys.executable, "-m", module, *arguments]
    done = subprocess.run(line, capture_output=True, text=True, env=environment, timeout=120)
    assert done.returncode == code, done.stdout + done.stderr
    return done.stdout, done.stderr


def run_python(code, **environment):
    """Return the finished process of a Python program."""
    return subprocess.run(
        [sys.executable, "-c", code],
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
