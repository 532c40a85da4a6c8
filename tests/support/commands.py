"""Runs the command line in a process of its own."""

import os
import subprocess
import sys

QUIET = {**os.environ, "SKBUILD_EDITABLE_VERBOSE": "0", "PYTHONUNBUFFERED": "1"}


def command(*arguments, module="fastgen", code=0, environment=QUIET):
    """What ``python -m MODULE`` prints on stdout and stderr."""
    line = [sys.executable, "-m", module, *arguments]
    done = subprocess.run(line, capture_output=True, text=True, env=environment, timeout=120)
    assert done.returncode == code, done.stdout + done.stderr
    return done.stdout, done.stderr
