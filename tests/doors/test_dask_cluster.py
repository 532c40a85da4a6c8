"""A cluster of worker processes with little memory: the bits of one process."""

import multiprocessing
import os
import threading

import numpy as np
import pytest

import fastgen
from fastgen import noise, vae

dask = pytest.importorskip("dask")
da = pytest.importorskip("dask.array")
distributed = pytest.importorskip("distributed")

ROWS, COLUMNS, KEY = 300_000, 128, 3  # 307 MB in float64: more than one worker's limit


def threads_of_worker():
    return fastgen.get_num_threads(), multiprocessing.parent_process() is not None


def memory_of_worker():
    return fastgen.get_buffer_limit()


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
@pytest.mark.filterwarnings("ignore")
def test_forked_workers_of_a_busy_parent():
    """The parent's pool has started, its memory is kept, and a thread of it computes."""
    x, stop = noise.normal((4_096, 256), key=1), threading.Event()
    wanted = vae.kl_standard_normal(x, x)

    def compute():
        while not stop.is_set():
            fastgen.elementary.exp(x)
            vae.kl_standard_normal(x, x)

    before = fastgen.get_num_threads()
    fastgen.set_num_threads(2)
    thread = threading.Thread(target=compute)
    thread.start()
    options = {"n_workers": 2, "threads_per_worker": 2, "memory_limit": "290MB"}
    try:
        with (
            dask.config.set({"distributed.worker.multiprocessing-method": "fork"}),
            distributed.LocalCluster(**options, dashboard_address=None) as cluster,
            distributed.Client(cluster) as client,
        ):
            assert set(client.run(threads_of_worker).values()) == {(1, True)}
            assert max(client.run(memory_of_worker).values()) <= 2**25
            lazy = noise.normal(x.shape, key=1, chunks=(64, 256))
            found = client.compute(vae.kl_standard_normal(lazy, lazy)).result(timeout=60)
            assert np.array_equal(found, wanted)
    finally:
        stop.set()
        thread.join()
        fastgen.set_num_threads(before)


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
