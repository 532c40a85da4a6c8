"""A cluster of worker processes with little memory: the bits of one process."""

import multiprocessing
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import fastgen
from fastgen import noise, vae

da = pytest.importorskip("dask.array")
distributed = pytest.importorskip("distributed")

ROWS, COLUMNS, KEY = 300_000, 128, 3  # 307 MB in float64: more than one worker's limit


def threads_of_worker():
    return fastgen.get_num_threads(), multiprocessing.parent_process() is not None


def mean_elbo(chunks):
    mu = noise.normal((ROWS, COLUMNS), key=1, chunks=(chunks, COLUMNS))
    z = vae.reparameterize(mu, -2.0, key=KEY)
    return fastgen.exact_mean(vae.gaussian_elbo(z, mu, 0.1, mu, -2.0 + 0 * mu))


@pytest.fixture(scope="module")
def wanted():
    """The mean in one process, in blocks of another size."""
    found = np.empty(ROWS)
    for k in range(0, ROWS, 7_000):
        shape = (min(7_000, ROWS - k), COLUMNS)
        mu = noise.normal(shape, key=1, counter=k * COLUMNS)
        z = vae.reparameterize(mu, -2.0, key=KEY, counter=k * COLUMNS)
        found[k : k + 7_000] = vae.gaussian_elbo(z, mu, 0.1, mu, np.full(shape, -2.0))
    return fastgen.exact_mean(found)


@pytest.mark.filterwarnings("ignore")  # of the cluster as it starts and ends
@pytest.mark.parametrize("workers", [1, 2, 3])
def test_workers(workers, wanted, monkeypatch):
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    options = {"n_workers": workers, "threads_per_worker": 2 if workers == 1 else 1}
    with (
        distributed.LocalCluster(
            **options, memory_limit="290MB", dashboard_address=None, processes=True
        ) as cluster,
        distributed.Client(cluster) as client,
    ):
        assert set(client.run(threads_of_worker).values()) == {(1, True)}
        found = client.compute(mean_elbo(5_000 + 1_000 * workers)).result(timeout=100)
        assert found == wanted


@pytest.mark.filterwarnings("ignore")
def test_threads_of_one_process(wanted):
    """Without processes, calls of several threads share one pool, and none waits for another."""
    options = {"n_workers": 1, "threads_per_worker": 4, "processes": False}
    with (
        distributed.LocalCluster(**options, dashboard_address=None) as cluster,
        distributed.Client(cluster) as client,
    ):
        assert client.compute(mean_elbo(20_000)).result(timeout=100) == wanted


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
def test_forked_workers_of_a_busy_parent():
    """In a program of its own: a process in which JAX was imported must not fork."""
    program = Path(__file__).parents[1] / "support" / "forked_workers.py"
    done = subprocess.run(
        [sys.executable, str(program)], capture_output=True, text=True, timeout=120, check=False
    )
    assert done.stdout.endswith("as in one process\n"), done.stdout + done.stderr


def spread(n):
    """Return a number of arrays of n rows. Each n leaves blocks of another size behind."""
    x = np.ones((n, 128), np.float32)
    return float(fastgen.elementary.exp(fastgen.elementary.tanh(x))[0, 0])


@pytest.mark.filterwarnings("ignore")
def test_kept_memory_leaves_room_in_a_small_worker():
    """dask pauses a worker at 80 %. It then makes no call, which would give memory back."""
    options = {"n_workers": 1, "threads_per_worker": 1, "memory_limit": "240MB"}
    with (
        distributed.LocalCluster(**options, dashboard_address=None) as cluster,
        distributed.Client(cluster) as client,
    ):
        sizes = [8_192 + 1_024 * (k % 24) for k in range(72)]
        futures = client.map(spread, sizes, pure=False)
        assert len(set(client.submit(list, futures).result(timeout=60))) == 1
