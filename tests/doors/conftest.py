"""Fixtures of the tests against PyTorch and the libraries around it."""

import pytest


@pytest.fixture
def one_thread():
    """Let PyTorch compute in one thread: for tiny models, its threads only wait for each other."""
    torch = pytest.importorskip("torch")
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)
