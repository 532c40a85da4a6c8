"""Workers by fork of a busy parent: its pool runs, and its memory is kept."""

import multiprocessing
import threading

import dask
import distributed
import numpy as np

import fastgen
from fastgen import noise, vae


def state_of_worker():
    return (
        fastgen.get_num_threads(),
        multiprocessing.parent_process() is not None,
        fastgen.get_buffer_limit() <= 2**25,
    )


def main():
    x, stop = noise.normal((4_096, 256), key=1), threading.Event()
    wanted = vae.kl_standard_normal(x, x)

    def compute():
        while not stop.is_set():
            fastgen.elementary.exp(x)
            vae.kl_standard_normal(x, x)

    fastgen.set_num_threads(2)
    thread = threading.Thread(target=compute)
    thread.start()
    options = {"n_workers": 2, "threads_per_worker": 2, "memory_limit": 0}
    try:
        with (
            dask.config.set({"distributed.worker.multiprocessing-method": "fork"}),
            distributed.LocalCluster(**options, dashboard_address=None) as cluster,
            distributed.Client(cluster) as client,
        ):
            assert set(client.run(state_of_worker).values()) == {(1, True, True)}
            lazy = noise.normal(x.shape, key=1, chunks=(64, 256))
            found = client.compute(vae.kl_standard_normal(lazy, lazy)).result(timeout=60)
            assert np.array_equal(found, wanted)
    finally:
        stop.set()
        thread.join()
    print("as in one process")


if __name__ == "__main__":
    main()
