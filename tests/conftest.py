import signal
import sys
from pathlib import Path

import numpy as np
import pytest

sys.path.insert(0, str(Path(__file__).parent / "support"))


@pytest.fixture
def rng(request):
    """A generator of its own for each test: the same numbers whatever else is run."""
    return np.random.default_rng(abs(hash_of(request.node.nodeid)))


def hash_of(text):
    return int.from_bytes(text.encode()[-16:].rjust(16), "little")


@pytest.fixture
def threads():
    """Set the thread count in a test, and put it back."""
    import fastgen

    before = fastgen.get_num_threads()
    yield fastgen.set_num_threads
    fastgen.set_num_threads(before)


@pytest.fixture
def interrupts():
    """Let SIGINT interrupt, even where a shell that runs the tests behind has it ignored."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)
