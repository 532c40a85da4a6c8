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


@pytest.fixture
def double():
    """Let tensors be of double precision where nothing else is said."""
    torch = pytest.importorskip("torch")
    torch.set_default_dtype(torch.float64)
    yield
    torch.set_default_dtype(torch.float32)


@pytest.fixture
def computed(monkeypatch):
    """Return a list that will have the names of the functions that fastgen computes."""
    pytest.importorskip("torch")
    from fastgen.torch._accelerate import calls

    names = []
    made = calls.Task.__init__

    def init(self, name, *rest):
        names.append(name)
        made(self, name, *rest)

    monkeypatch.setattr(calls.Task, "__init__", init)
    return names


@pytest.fixture
def wide():
    """Let JAX have 64-bit types."""
    jax = pytest.importorskip("jax")
    before = jax.config.jax_enable_x64
    jax.config.update("jax_enable_x64", True)
    yield
    jax.config.update("jax_enable_x64", before)


@pytest.fixture
def quick():
    """Let XLA optimise little: the programs of tests take longer to compile than to run."""
    jax = pytest.importorskip("jax")
    jax.config.update("jax_disable_most_optimizations", True)
    yield
    jax.config.update("jax_disable_most_optimizations", False)
