"""What the tests of the command line share."""

import pytest

from fastgen.cli import bench


@pytest.fixture
def quickly(monkeypatch):
    """Make every measurement as short as possible."""
    monkeypatch.setattr(bench, "SECONDS", dict.fromkeys(bench.SECONDS, 0.0))
    monkeypatch.setattr(bench.machine, "read_bandwidth", lambda threads, cache: 1e10)
    monkeypatch.setattr(bench.machine, "free_share", lambda threads: 1.0)
