"""Threads, signals, forks, the floating-point environment, memory, environment variables."""

import ctypes
import gc
import json
import multiprocessing
import os
import signal
import sys
import threading
import time

import numpy as np
import pytest
from commands import run_python

import fastgen
from fastgen import _core, _isa, _threads, cases, vae
from fastgen._ops import OPS

LARGE = (2_000, 1_000)


# The GIL.


@pytest.mark.parametrize(
    "shape",
    [(1, 8_000_000), (400, 20_000), (400_000, 20)],
    ids=["one row", "400 rows", "many rows"],
)
@pytest.mark.parametrize("way", ["fast", "general", "ufunc"])
def test_other_python_threads_run_during_a_call(shape, way, threads):
    threads(1)  # so the counting thread has a core to itself
    x = np.zeros(shape, np.float32)
    op = OPS["vae.kl_standard_normal"]
    call = {
        "fast": lambda: vae.kl_standard_normal(x, x),
        "general": lambda: vae.kl_standard_normal(x, x, axis=(1,)),
        "ufunc": lambda: op.ufunc(x, x),
    }[way]
    inside, counted = [], threading.Event()

    def count():
        counted.wait()
        while counted.is_set():
            inside.append(time.perf_counter())
            time.sleep(1e-4)

    other = threading.Thread(target=count)
    other.start()
    begin = time.perf_counter()
    counted.set()
    for _ in range(10):
        call()
    end = time.perf_counter()
    counted.clear()
    other.join()
    # If a call kept the GIL, the other thread could run only between calls.
    assert sum(begin < t < end for t in inside) > 15


# Signals.


@pytest.mark.skipif(os.name == "nt", reason="POSIX signals")
@pytest.mark.usefixtures("interrupts")
@pytest.mark.parametrize("count", [1, 2])
def test_control_c_stops_a_long_call_and_the_pool_goes_on(count, threads):
    threads(count)
    x = np.lib.stride_tricks.as_strided(np.zeros(1, np.float32), (2**35,), (0,))  # half a minute
    small = np.ones((1000, 1000), np.float32)
    wanted = vae.kl_standard_normal(small, small)
    main = threading.get_ident()
    for _ in range(2):
        threading.Timer(0.15, lambda: signal.pthread_kill(main, signal.SIGINT)).start()
        begin = time.perf_counter()
        with pytest.raises(KeyboardInterrupt):
            vae.kl_standard_normal(x, x)
        assert time.perf_counter() - begin < 1.5
        assert np.array_equal(vae.kl_standard_normal(small, small), wanted)


# Forks and processes.


def child_result(connection):
    x = np.ones(LARGE, np.float32)
    connection.send((vae.kl_standard_normal(x, x), fastgen.get_num_threads()))
    connection.close()


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
def test_a_forked_child_computes_with_one_thread(threads):
    threads(2)
    x = np.ones(LARGE, np.float32)
    wanted = vae.kl_standard_normal(x, x)  # this starts the pool
    context = multiprocessing.get_context("fork")
    for _ in range(20):
        ours, theirs = context.Pipe(duplex=False)
        child = context.Process(target=child_result, args=(theirs,))
        child.start()
        assert ours.poll(20), "the child hangs"
        result, count = ours.recv()
        assert np.array_equal(result, wanted) and count == 1
        child.join(5)
        assert child.exitcode == 0


def test_many_python_threads_call_at_once(threads):
    threads(2)
    x = np.random.default_rng(0).normal(size=LARGE).astype(np.float32)
    wanted = vae.kl_standard_normal(x, x)
    equal = []

    def work():
        equal.extend(np.array_equal(vae.kl_standard_normal(x, x), wanted) for _ in range(20))

    workers = [threading.Thread(target=work) for _ in range(6)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert len(equal) == 120 and all(equal)


# The floating-point environment.


def test_rounding_mode_of_the_caller_changes_nothing(threads):
    libm = ctypes.CDLL(None)
    to_nearest, upward = 0, {"x86_64": 0x800, "aarch64": 0x400000}[os.uname().machine]
    x = np.random.default_rng(0).normal(size=(1000, 300))
    for count in (1, 2):
        threads(count)
        wanted = OPS["vae.gaussian_nll"].derivative((x, x * 0, x, 1.0))
        try:
            assert libm.fesetround(upward) == 0
            got = OPS["vae.gaussian_nll"].derivative((x, x * 0, x, 1.0))
            small = vae.kl_standard_normal(x[:1, :5], x[:1, :5])
            assert libm.fegetround() == upward
        finally:
            libm.fesetround(to_nearest)
        assert all(np.array_equal(a, b) for a, b in zip(got, wanted, strict=True))
        assert small == vae.kl_standard_normal(x[:1, :5], x[:1, :5])


def test_rounding_mode_of_the_caller_changes_no_long_rows(threads):
    """The parts of long rows are joined outside of the loop over parts."""
    threads(1)
    libm, upward = ctypes.CDLL(None), {"x86_64": 0x800, "aarch64": 0x400000}[os.uname().machine]
    rows = [name for name in OPS if cases.signature(name).has_rows]
    for name in rows:
        inputs = cases.inputs(name, (2, 1500))
        wanted = cases.each(OPS[name](inputs))
        try:
            assert libm.fesetround(upward) == 0
            got = cases.each(OPS[name](inputs))
        finally:
            libm.fesetround(0)
        for x, y in zip(got, wanted, strict=True):
            np.testing.assert_array_equal(x, y, err_msg=name)
    assert len(rows) > 60


def test_subnormals_survive_import():
    done = run_python("import fastgen; x = 5e-324; assert x * 1.0 == 5e-324 and x / 2 * 2 == 0")
    assert done.returncode == 0, done.stderr


# Memory.


def peak_growth(dtype, out, call):
    """Return the growth of peak memory during a call, measured in a separate process."""
    code = f"""
import os, resource, sys, numpy as np, fastgen
from fastgen import vae, reference
from fastgen.reference import vae as plain
def peak():  # in bytes; ru_maxrss of Linux counts what the parent had before this program began
    if os.path.exists("/proc/self/status"):
        lines = open("/proc/self/status").read().splitlines()
        return 1024 * next(int(x.split()[1]) for x in lines if x.startswith("VmHWM"))
    unit = 1 if sys.platform == "darwin" else 1024
    return unit * resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
x, out = np.ones((256, 131072), "{dtype}"), np.ones(256, "{out}")
half = np.ones((256, 131072), "f2")
vae.kl_standard_normal(x[:9], x[:9]); plain.kl_standard_normal(x[:1], x[:1])
before = peak()
{call}
print(peak() - before)
"""
    done = run_python(code, FASTGEN_NUM_THREADS="2")
    assert done.returncode == 0, done.stderr
    return int(done.stdout.split()[-1])


@pytest.mark.parametrize(
    "call",
    [
        ("f4", "f4", "vae.kl_standard_normal(x, x, out=out)"),
        ("f2", "f2", "vae.kl_standard_normal(x, x, out=out)"),
        ("f8", "f8", "vae.kl_diag_normal(x, x[:1], 0.0, x[::-1], out=out)"),
        ("f4", "f8", "vae.kl_standard_normal(x[:, ::2], x[:, 1::2], out=out)"),
        ("f4", "f4", "vae.kl_standard_normal(x, half, out=out)"),
        ("f4", "f4", "vae.kl_standard_normal(x.T, x.T, axis=0, out=out)"),
    ],
    ids=["contiguous", "half", "broadcast", "strided", "mixed", "transposed"],
)
def test_a_call_needs_less_than_a_mebibyte(call):
    assert peak_growth(*call) < 2**20


def test_the_measure_of_memory_sees_temporaries():
    assert peak_growth("f4", "f4", "plain.kl_standard_normal(x, x)") > 2**26


def test_no_leak_in_calls_and_errors():
    x = np.ones((2, 3))

    def use():
        for _ in range(300):
            vae.kl_standard_normal(x, x)
            vae.kl_standard_normal(x, 0, axis=(0, 1), keepdims=True)
            fastgen.value_and_grad(vae.kl_diag_normal)(x, x, x, x)
            for bad in [(np.ones(4), {}), (x, {"axis": 7}), (x, {"out": np.ones(9)})]:
                try:
                    vae.kl_standard_normal(bad[0], x, **bad[1])
                except ValueError:
                    continue
                raise AssertionError("no error")

    use()
    gc.collect()
    before = sys.getallocatedblocks()
    for _ in range(5):
        use()
    gc.collect()
    assert sys.getallocatedblocks() - before < 300  # after 1500 calls


# The environment.


@pytest.mark.parametrize(
    ("variable", "value", "said"),
    [
        ("FASTGEN_ISA", "sse9", "FASTGEN_ISA must be one of"),
        ("FASTGEN_ISA", "AVX2", "it was not built"),
        ("FASTGEN_ISA", "AVX2", "pip install . -C cmake.define.FASTGEN_ISAS=all"),
        ("FASTGEN_NUM_THREADS", "0", "FASTGEN_NUM_THREADS"),
        ("FASTGEN_NUM_THREADS", "many", "'many'"),
        ("FASTGEN_BUFFER_LIMIT", "1M", "FASTGEN_BUFFER_LIMIT: expected a number of bytes"),
    ],
)
def test_senseless_environment_is_refused_at_import(variable, value, said):
    done = run_python("import fastgen", **{variable: value})
    assert done.returncode != 0 and "ValueError" in done.stderr and said in done.stderr


@pytest.mark.parametrize("isa", [name for name, supported in _core.isas() if supported])
def test_an_instruction_set_can_be_forced(isa):
    code = "import json; from fastgen import _ops as o; print(json.dumps([o.ISA, o.ISA_REASON]))"
    assert json.loads(run_python(code, FASTGEN_ISA=isa).stdout.splitlines()[-1]) == [
        isa,
        "FASTGEN_ISA",
    ]


def test_a_cpu_without_any_of_the_built_instruction_sets(monkeypatch):
    monkeypatch.setattr(_core, "isas", lambda: [("x86-64-v4", False), ("x86-64-v3", False)])
    with pytest.raises(ImportError, match=r"none of .* x86-64-v4, x86-64-v3; to build all"):
        _isa.choose()


def test_thread_count_can_be_set_and_is_checked(threads):
    threads(3)
    assert fastgen.get_num_threads() == 3
    for bad, error in [
        (0, ValueError),
        (-1, ValueError),
        (1.5, TypeError),
        ("2", TypeError),
        (True, TypeError),
    ]:
        with pytest.raises(error, match="n must be"):
            fastgen.set_num_threads(bad)
    code = "import fastgen; print(fastgen.get_num_threads(), fastgen.NUM_THREADS_REASON)"
    assert run_python(code, FASTGEN_NUM_THREADS="5").stdout.split()[-2:] == [
        "5",
        "FASTGEN_NUM_THREADS",
    ]


def test_threadpoolctl_sees_and_limits_the_pool(threads):
    threadpoolctl = pytest.importorskip("threadpoolctl")
    assert _threads.register_with_threadpoolctl()
    threads(2)
    with threadpoolctl.threadpool_limits(1, user_api="fastgen"):
        assert fastgen.get_num_threads() == 1
    assert fastgen.get_num_threads() == 2


def test_import_brings_nothing_heavy():
    code = (
        "import sys, numpy; before = set(sys.modules); import fastgen\n"
        "print(*sorted({m.partition('.')[0] for m in set(sys.modules) - before}))"
    )
    loaded = set(run_python(code).stdout.split())
    assert not loaded & {
        "ml_dtypes",
        "torch",
        "jax",
        "scipy",
        "dask",
        "rich",
        "matplotlib",
        "hashlib",
    }
