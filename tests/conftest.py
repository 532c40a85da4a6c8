import signal
import sys
from pathlib import Path

import numpy as np
import pytest

sys.path.insert(0, str(Path(__file__).parent / "support"))


@pytest.fixture
def rng(request):
    """Return a generator seeded by the test's name, so its numbers do not depend on other tests."""
    return np.random.default_rng(abs(hash_of(request.node.nodeid)))


def hash_of(text):
    return int.from_bytes(text.encode()[-16:].rjust(16), "little")


@pytest.fixture
def threads():
    """Let a test set the thread count, and restore the count after it."""
    import fastgen

    before = fastgen.get_num_threads()
    yield fastgen.set_num_threads
    fastgen.set_num_threads(before)


@pytest.fixture
def interrupts():
    """Let SIGINT interrupt, even if the shell started the tests with SIGINT ignored."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)
