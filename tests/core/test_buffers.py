"""The memory of results: freed blocks serve the next results, within a limit."""

import ctypes
import gc
import os
import shutil
import subprocess
import sys
import threading
import tracemalloc
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from commands import run_python

import fastgen
from fastgen import _core, diffusion, flow, gan, noise, vae

ROOT = Path(__file__).parents[2]
MIB = 2**20
X = np.linspace(-2, 2, MIB // 4, dtype=np.float32).reshape(512, 512)  # 1 MiB
get_handler_name = np._core.multiarray.get_handler_name


@pytest.fixture(autouse=True)
def limit():
    """Begin with nothing kept, and restore the limit after the test."""
    before = fastgen.get_buffer_limit()
    fastgen.set_buffer_limit(0)
    fastgen.set_buffer_limit(64 * MIB)
    gc.disable()  # a full collection gives everything back
    yield fastgen.set_buffer_limit
    gc.enable()
    fastgen.set_buffer_limit(0)
    fastgen.set_buffer_limit(before)


def tanh(x=X):
    return fastgen.elementary.tanh(x)


def place(array):
    return array.__array_interface__["data"][0]


# Reuse.

CALLS = {
    "one row": lambda: [tanh()],
    "general path": lambda: [tanh(X[::-1])],
    "memory order of the input": lambda: [tanh(X.T)],
    "float64": lambda: [tanh(X.astype(np.float64))],
    "float16": lambda: [tanh(X.astype(np.float16))],
    "several outputs": lambda: list(diffusion.noised(X, X, 0.8, 0.6)),
    "gradients": lambda: list(fastgen.value_and_grad(gan.squared_loss, argnums=0)(X, 1.0)[1]),
    "pullback": lambda: list(fastgen.vjp(fastgen.elementary.tanh, X)[1](X)),
    "lanes": lambda: [flow.rational_quadratic_spline(X, *SPLINE)[0]],
    "draw": lambda: [noise.normal((512, 512), key=1, dtype=np.float32)],
    "composed": lambda: [vae.gaussian_nll(X, X, X, axis=())],
}
SPLINE = [np.zeros((512, 512, k), np.float32) for k in (4, 4, 3)]


@pytest.mark.parametrize("name", CALLS)
def test_a_freed_result_serves_the_next_one(name):
    first = CALLS[name]()
    wanted = [r.copy() for r in first]
    places = sorted(map(place, first))
    assert all(get_handler_name(r if r.base is None else r.base) == "fastgen" for r in first)
    del first
    second = CALLS[name]()
    assert set(places) & set(map(place, second))
    assert all(np.array_equal(a, b) for a, b in zip(second, wanted, strict=True))


def test_small_results_are_of_numpy():
    assert get_handler_name(tanh(np.ones(1000))) != "fastgen"


def test_another_size_gets_another_block():
    freed = place(tanh())
    other = tanh(np.ones(MIB // 2, np.float32))
    assert place(other) != freed
    assert place(tanh()) == freed


def test_live_results_share_no_memory():
    results = [tanh() for _ in range(8)]
    del results[::2]
    results += [tanh() for _ in range(8)]
    places = sorted(map(place, results))
    assert all(b - a >= X.nbytes for a, b in pairwise(places))


@pytest.mark.parametrize("count", [1 << 14, 1 << 20, 3 << 20])
def test_results_are_aligned_to_a_cache_line(count):
    assert place(tanh(np.ones(count, np.float32))) % 64 == 0


# What arrays of NumPy can do.


def test_a_result_owns_its_memory():
    result = tanh()
    assert result.flags.owndata and result.base is None and result.flags.writeable


@pytest.mark.parametrize("count", [10, MIB // 8, MIB, 2 * MIB])
def test_resize(count):
    result = tanh(X.ravel())
    wanted = np.resize(np.append(result, np.zeros(2 * MIB, np.float32)), count)
    result.resize(count, refcheck=False)
    assert np.array_equal(result, wanted)
    assert result.flags.owndata
    again = tanh(X.ravel())
    again[:] = 7
    assert np.array_equal(result, wanted)


def test_a_view_keeps_the_memory():
    view = tanh()[3:, ::2]
    wanted, taken = view.copy(), place(view.base)
    others = [tanh(-X) for _ in range(4)]
    assert taken not in map(place, others)
    assert np.array_equal(view, wanted)


def test_a_buffer_of_another_library_keeps_the_memory():
    result = tanh()
    memory, taken = memoryview(result), place(result)
    del result
    assert place(tanh(-X)) != taken
    assert np.array_equal(np.asarray(memory), tanh())


def test_copies_and_zeros_are_not_of_these_blocks():
    result = tanh()
    assert get_handler_name(result.copy()) != "fastgen"
    assert get_handler_name(np.zeros_like(result)) != "fastgen"


def test_a_users_handler_stays_in_force():
    # Entries of NumPy's C API: 304 sets the handler of memory, 306 is the default one.
    capsules = ctypes.pythonapi
    pointer = ctypes.PYFUNCTYPE(ctypes.c_void_p, ctypes.py_object, ctypes.c_char_p)(
        ("PyCapsule_GetPointer", capsules)
    )
    new_capsule = ctypes.PYFUNCTYPE(
        ctypes.py_object, ctypes.c_void_p, ctypes.c_char_p, ctypes.c_void_p
    )(("PyCapsule_New", capsules))
    table = pointer(np._core._multiarray_umath._ARRAY_API, None)
    entries = ctypes.cast(table, ctypes.POINTER(ctypes.c_void_p))
    set_handler = ctypes.PYFUNCTYPE(ctypes.py_object, ctypes.py_object)(entries[304])
    default = ctypes.cast(entries[306], ctypes.POINTER(ctypes.py_object))[0]
    handler = ctypes.create_string_buffer(
        ctypes.string_at(pointer(default, b"mem_handler"), 127 + 1 + 5 * 8)
    )
    handler[:8] = b"another\0"
    before = set_handler(new_capsule(ctypes.addressof(handler), b"mem_handler", None))
    try:
        result = tanh()
        assert get_handler_name(result) == get_handler_name(X.copy()) == "another"
        del result
    finally:
        set_handler(before)
    assert get_handler_name(tanh()) == "fastgen"


# The limit.


def test_the_limit_holds(limit):
    limit(5 * MIB)
    for size in (1, 2, 3, 1, 4, 6, 2):
        results = [tanh(np.ones(size * MIB // 4, np.float32)) for _ in range(6)]
        del results
        assert _core.buffers_kept() <= 5 * MIB
    assert _core.buffers_kept() > 2 * MIB


def test_the_oldest_goes_first(limit):
    limit(3 * MIB)
    ones = [tanh(), tanh()]
    two = tanh(np.ones(MIB // 2, np.float32))
    taken = place(two)
    del ones, two  # 2 MiB, and then room for one of 2 MiB
    assert place(tanh(np.ones(MIB // 2, np.float32))) == taken


def test_zero_turns_it_off(limit):
    tanh()
    assert _core.buffers_kept() >= MIB
    alive = tanh()
    limit(0)
    assert _core.buffers_kept() == 0
    assert get_handler_name(tanh()) != "fastgen"
    assert get_handler_name(alive) == "fastgen"
    del alive  # a block that outlives the limit is not kept
    assert _core.buffers_kept() == 0


def test_a_lower_limit_gives_back(limit):
    results = [tanh() for _ in range(10)]
    del results
    assert _core.buffers_kept() >= 10 * MIB
    limit(4 * MIB)
    assert MIB < _core.buffers_kept() <= 4 * MIB


def test_a_full_collection_gives_back():
    """Else a worker of dask that is short of memory would wait for it without end."""
    tanh()
    gc.collect(0)
    gc.collect(1)
    assert _core.buffers_kept() >= MIB
    gc.collect()
    assert _core.buffers_kept() == 0
    tanh()
    assert _core.buffers_kept() >= MIB  # later results are kept again


def test_the_limit_is_checked_and_told(limit):
    limit(np.int64(3 * MIB))
    assert fastgen.get_buffer_limit() == 3 * MIB
    for bad, error in [(-1, ValueError), (1.5, TypeError), ("2", TypeError), (True, TypeError)]:
        with pytest.raises(error, match="n must be"):
            fastgen.set_buffer_limit(bad)
    assert fastgen.get_buffer_limit() == 3 * MIB
    limit(10**30)
    assert fastgen.get_buffer_limit() > 2**40


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="reads /proc")
def test_resident_memory_grows_by_the_limit_at_most():
    code = """
import sys, numpy as np, fastgen
def resident():
    return [int(x.split()[1]) for x in open("/proc/self/status") if x.startswith("VmRSS")][0] / 1024
def work(step):
    for size in range(1, 12):
        x = np.ones(size << 18, np.float32)
        for _ in range(3):
            a, b = fastgen.elementary.tanh(x), fastgen.elementary.exp(x)
work(0)
print(resident())
"""
    with_it, without = [
        float(run_python(code, FASTGEN_BUFFER_LIMIT=str(n << 20)).stdout) for n in (30, 0)
    ]
    assert with_it - without < 30 + 8


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="limits the address space")
def test_kept_blocks_go_before_a_memory_error():
    done = run_python(
        """
import resource
import numpy as np, fastgen
from fastgen import _core
fastgen.set_buffer_limit(2**30)
x = np.ones(2**24, np.float32)  # 64 MiB
results = [fastgen.elementary.tanh(x) for _ in range(2)]
del results
size = int(open("/proc/self/statm").read().split()[0]) * resource.getpagesize()
resource.setrlimit(resource.RLIMIT_AS, (size + 2**25, resource.RLIM_INFINITY))
fastgen.elementary.tanh(np.broadcast_to(np.float32(1), 2**24 + 2**20))
print(_core.buffers_kept() >> 20)
try:
    fastgen.elementary.tanh(np.broadcast_to(np.float32(1), 2**26))
except MemoryError:
    print("no memory", _core.buffers_kept())
""",
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.split("\n")[:2] == ["68", "no memory 0"]


# tracemalloc.


def test_tracemalloc_counts_live_results_only():
    tracemalloc.start()
    try:
        before = tracemalloc.get_traced_memory()[0]
        results = [tanh() for _ in range(3)]
        grown = tracemalloc.get_traced_memory()[0] - before
        assert 3 * X.nbytes <= grown < 3 * X.nbytes + 100_000
        domain = tracemalloc.DomainFilter(inclusive=True, domain=389047)
        found = tracemalloc.take_snapshot().filter_traces([domain])
        assert sum(trace.size for trace in found.traces) >= 3 * X.nbytes
        del results, found
        gc.collect()
        assert tracemalloc.get_traced_memory()[0] - before < 100_000
    finally:
        tracemalloc.stop()


# Threads and forks.


@pytest.mark.parametrize("count", [1, 2])
def test_threads_never_get_the_same_block(count, threads):
    threads(count)
    fastgen.set_buffer_limit(3 * MIB)  # so blocks also come and go
    sizes = [20_000 * k for k in range(1, 8)]
    inputs = [np.full(n, 0.25 * k, np.float32) for k, n in enumerate(sizes)]
    wanted = [float(tanh(x)[0]) for x in inputs]
    wrong = []

    def work(seed):
        rng = np.random.default_rng(seed)
        held = []
        for _ in range(300):
            k = int(rng.integers(len(sizes)))
            held.append((k, tanh(inputs[k])))
            if len(held) > rng.integers(6):
                k, result = held.pop(int(rng.integers(len(held))))
                if not (result == np.float32(wanted[k])).all():
                    wrong.append(k)
                result[:] = seed + 100
        assert _core.buffers_kept() <= 3 * MIB

    workers = [threading.Thread(target=work, args=(seed,)) for seed in range(6)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert wrong == []


def test_a_result_may_be_freed_in_another_thread():
    results = [tanh()]
    taken = place(results[0])
    worker = threading.Thread(target=results.clear)
    worker.start()
    worker.join()
    assert place(tanh()) == taken


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
def test_a_child_begins_with_nothing_kept():
    tanh()
    alive, wanted = tanh(), tanh()
    stop = threading.Event()

    def work():
        while not stop.is_set():
            tanh()

    busy = threading.Thread(target=work)
    busy.start()
    try:
        for _ in range(20):
            child = os.fork()
            if child == 0:
                good = _core.buffers_kept() == 0 and np.array_equal(alive, wanted)
                del alive
                good = good and _core.buffers_kept() > 0 and np.array_equal(tanh(), wanted)
                os._exit(0 if good else 1)
            assert os.waitpid(child, 0)[1] == 0
    finally:
        stop.set()
        busy.join()
    assert np.array_equal(alive, wanted)
    assert _core.buffers_kept() > 0


@pytest.mark.skipif(not shutil.which("cc") or os.name == "nt", reason="needs a C compiler")
def test_the_c_code_alone(tmp_path):
    """Threads, forks and ages, without the GIL."""
    program = str(tmp_path / "stress")
    source = ROOT / "tests/support/buffers_stress.c"
    options = ["-std=c11", "-O1", "-g", "-Wall", "-Wextra", "-Werror", f"-I{ROOT / 'csrc'}"]
    subprocess.run(["cc", *options, str(source), "-lpthread", "-o", program], check=True)
    done = subprocess.run([program], capture_output=True, text=True, timeout=60, check=False)
    assert (done.returncode, done.stdout) == (0, "blocks are right\n"), done.stderr
