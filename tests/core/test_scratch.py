"""The memory that a thread keeps: freed at its end, safe in forks and signal handlers."""

import os
import signal
import subprocess
import sys
import threading
import time

import numpy as np
import pytest

import fastgen

MU = np.linspace(-3, 3, 20 * 50, dtype=np.float32).reshape(50, 20)
EXPECTED = fastgen.vae.kl_standard_normal(MU, MU)


def agrees():
    return np.array_equal(fastgen.vae.kl_standard_normal(MU, MU), EXPECTED)


def in_a_process(program):
    return subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="reads /proc")
def test_a_thread_frees_its_scratch_at_its_end():
    result = in_a_process("""
import threading
import numpy as np
import fastgen

def work():
    fastgen.vae.kl_standard_normal(np.ones((50, 20)), np.ones((50, 20)))

def mebibytes_after(threads):
    for _ in range(threads):
        thread = threading.Thread(target=work)
        thread.start()
        thread.join()
    for line in open("/proc/self/status"):
        if line.startswith("VmData"):
            return int(line.split()[1]) / 1024

print(-mebibytes_after(50) + mebibytes_after(500))
""")
    assert result.returncode == 0, result.stderr
    assert float(result.stdout) < 20  # 500 blocks would be 375


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
def test_a_forked_child_uses_the_scratch_of_its_thread():
    assert agrees()
    child = os.fork()
    if child == 0:
        os._exit(0 if agrees() else 1)
    assert os.waitpid(child, 0)[1] == 0
    assert agrees()


@pytest.mark.skipif(not hasattr(signal, "setitimer"), reason="needs interval timers")
@pytest.mark.parametrize("axis", [0, -1])
def test_a_signal_handler_may_call_in_the_middle_of_a_call(axis):
    calls = []
    large = np.random.default_rng(0).standard_normal((3000, 3000))
    expected = fastgen.vae.kl_standard_normal(large, large, axis=axis)
    before = signal.signal(signal.SIGALRM, lambda *_: calls.append(agrees()))
    signal.setitimer(signal.ITIMER_REAL, 0.01, 0.01)
    try:
        end = time.monotonic() + 1
        while len(calls) < 10 or time.monotonic() < end:
            value = fastgen.vae.kl_standard_normal(large, large, axis=axis)
            assert np.array_equal(value, expected)
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
    assert all(calls)


def test_threads_do_not_share_scratch():
    right = []

    def work():
        right.append(all(agrees() for _ in range(2000)))

    threads = [threading.Thread(target=work) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert right == [True] * 8


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="limits the address space")
def test_without_memory_there_is_an_error():
    result = in_a_process("""
import resource
import numpy as np
import fastgen
from fastgen._ops import OPS

size = int(open("/proc/self/statm").read().split()[0]) * resource.getpagesize()
a = np.broadcast_to(np.eye(2000), (16, 2000, 2000))
resource.setrlimit(resource.RLIMIT_AS, (size + (600 << 20), resource.RLIM_INFINITY))
try:
    OPS["flow.slogdet"]((a,))  # 16 matrices side by side, and as much again: 1 GiB
except MemoryError as error:
    print(error)
resource.setrlimit(resource.RLIMIT_AS, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
print(fastgen.vae.kl_standard_normal(np.ones(2), np.zeros(2)))
""")
    assert result.returncode == 0, result.stderr
    assert result.stdout.splitlines() == ["no memory for a call's scratch", "1.0"]
