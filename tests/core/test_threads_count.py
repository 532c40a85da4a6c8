"""The default number of threads: environment, multiprocessing, affinity, cgroup quota."""

import importlib.util
import multiprocessing
import os
import subprocess
import sys
from pathlib import Path

import pytest

# The module is loaded from its file, because the package needs the compiled module.
SOURCE = Path(__file__).parents[2] / "src" / "fastgen" / "_threads.py"
SPEC = importlib.util.spec_from_file_location("fastgen_threads_alone", SOURCE)
_threads = importlib.util.module_from_spec(SPEC)
SPEC.loader.exec_module(_threads)

SENSELESS = ["", " ", "0", "-1", "two", "1.5", "1e2", "0x4", "1_0", "257", str(10**9), "9" * 5000]


@pytest.fixture(autouse=True)
def bare(monkeypatch):
    """Set up: no variable set, 8 CPUs, no quota."""
    monkeypatch.delenv("FASTGEN_NUM_THREADS", raising=False)
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    usable(monkeypatch, 8)
    monkeypatch.setattr(_threads, "cgroup_quota", lambda: None)
    # Under pytest-xdist the tests may themselves run in a child process.
    monkeypatch.setattr(_threads, "in_multiprocessing_child", lambda: False)


def usable(monkeypatch, cpus):
    monkeypatch.setattr(os, "process_cpu_count", lambda: cpus, raising=False)
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: set(range(cpus)), raising=False)


@pytest.mark.parametrize(("text", "count"), [("1", 1), (" 3 ", 3), ("007", 7), ("256", 256)])
def test_own_variable_comes_first(monkeypatch, text, count):
    monkeypatch.setenv("FASTGEN_NUM_THREADS", text)
    monkeypatch.setenv("OMP_NUM_THREADS", "5")
    monkeypatch.setattr(_threads, "in_multiprocessing_child", lambda: True)
    assert _threads.default_num_threads() == (count, "FASTGEN_NUM_THREADS")


@pytest.mark.parametrize("text", SENSELESS)
def test_senseless_own_variable_raises(monkeypatch, text):
    monkeypatch.setenv("FASTGEN_NUM_THREADS", text)
    with pytest.raises(ValueError, match=r"FASTGEN_NUM_THREADS: expected .* 1 to 256, got") as info:
        _threads.default_num_threads()
    assert repr(text) in str(info.value)


@pytest.mark.parametrize(("text", "count"), [("5", 5), ("3,2", 3), (" 4 , 1", 4), ("12", 12)])
def test_openmp_variable(monkeypatch, text, count):
    monkeypatch.setenv("OMP_NUM_THREADS", text)
    assert _threads.default_num_threads() == (count, "OMP_NUM_THREADS")


@pytest.mark.parametrize("text", [*SENSELESS, ",4", "many,4"])
def test_senseless_openmp_variable_is_ignored(monkeypatch, text):
    monkeypatch.setenv("OMP_NUM_THREADS", text)
    assert _threads.default_num_threads() == (8, "CPUs usable by this process")


@pytest.mark.parametrize(
    ("cpus", "quota", "count", "source"),
    [
        (1, None, 1, "usable"),
        (2, None, 2, "usable"),
        (16, None, 16, "usable"),
        (64, None, 16, "limit of 16 (64"),
        (8, 0.1, 1, "quota of 0.1"),
        (8, 1.5, 2, "quota of 1.5"),
        (8, 2.0, 2, "quota of 2 "),
        (8, 7.5, 8, "usable"),
        (8, 32.0, 8, "usable"),
        (64, 15.5, 16, "limit"),
        (64, 3.0, 3, "quota"),
    ],
)
def test_smallest_of_affinity_quota_and_16(monkeypatch, cpus, quota, count, source):
    usable(monkeypatch, cpus)
    monkeypatch.setattr(_threads, "cgroup_quota", lambda: quota)
    monkeypatch.setattr(sys, "platform", "linux")
    got, phrase = _threads.default_num_threads()
    assert got == count
    assert source in phrase


class Cgroups:
    """A fake of /sys/fs/cgroup and /proc/self/cgroup."""

    def __init__(self, folder):
        self.root = folder / "cgroup"
        self.membership = folder / "membership"

    def write(self, path, text):
        file = self.root / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)

    def quota(self):
        return QUOTA(str(self.root), str(self.membership))


QUOTA = _threads.cgroup_quota  # the fixture replaces the one in the module


@pytest.fixture
def cgroups(tmp_path):
    return Cgroups(tmp_path)


def test_no_cgroups(cgroups):
    assert cgroups.quota() is None


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("150000 100000\n", 1.5),
        ("50000 100000\n", 0.5),
        ("max 100000\n", None),
        ("max\n", None),
        ("", None),
        ("0 100000\n", None),
        ("100000 0\n", None),
        ("a b\n", None),
        ("100000 50000 more\n", 2.0),
    ],
)
def test_v2(cgroups, text, expected):
    cgroups.write("cpu.max", text)
    assert cgroups.quota() == expected


def test_v2_own_path_and_the_way_to_it(cgroups):
    cgroups.membership.write_text("0::/user.slice/job.scope\n")
    cgroups.write("user.slice/job.scope/cpu.max", "300000 100000\n")
    assert cgroups.quota() == 3.0
    cgroups.write("user.slice/cpu.max", "200000 100000\n")
    assert cgroups.quota() == 2.0
    cgroups.write("user.slice/other/cpu.max", "100000 100000\n")
    assert cgroups.quota() == 2.0


@pytest.mark.parametrize("text", ["0::/../../elsewhere\n", "0::/gone\n", "nonsense\n", "\n", ""])
def test_v2_own_path_not_mounted(cgroups, text):
    cgroups.membership.write_text(text)
    cgroups.write("cpu.max", "400000 100000\n")
    assert cgroups.quota() == 4.0


def test_path_outside_the_namespace_is_not_followed(cgroups):
    cgroups.membership.write_text("0::/../outside\n")
    cgroups.write("../outside/cpu.max", "100000 100000\n")
    assert cgroups.quota() is None


@pytest.mark.parametrize(
    ("quota", "expected"), [("250000\n", 2.5), ("-1\n", None), ("x\n", None), ("", None)]
)
def test_v1(cgroups, quota, expected):
    cgroups.write("cpu/cpu.cfs_quota_us", quota)
    cgroups.write("cpu/cpu.cfs_period_us", "100000\n")
    assert cgroups.quota() == expected


def test_v1_own_path(cgroups):
    cgroups.membership.write_text("5:memory:/m\n3:cpu,cpuacct:/box\n1:name=systemd:/a:b\n0::/\n")
    cgroups.write("cpu/cpu.cfs_quota_us", "-1\n")
    cgroups.write("cpu/cpu.cfs_period_us", "100000\n")
    cgroups.write("cpu/box/cpu.cfs_quota_us", "120000\n")
    cgroups.write("cpu/box/cpu.cfs_period_us", "100000\n")
    assert cgroups.quota() == 1.2


def test_v1_without_a_period(cgroups):
    cgroups.write("cpu/cpu.cfs_quota_us", "250000\n")
    assert cgroups.quota() is None


SCRIPT = """
import importlib.util, multiprocessing, sys
spec = importlib.util.spec_from_file_location("threads", sys.argv[1])
threads = importlib.util.module_from_spec(spec)
spec.loader.exec_module(threads)
AT_IMPORT = threads.default_num_threads()

def child():
    assert AT_IMPORT[0] == threads.default_num_threads()[0] == 1, AT_IMPORT
    assert "multiprocessing" in AT_IMPORT[1]

if __name__ == "__main__":
    assert "multiprocessing" not in AT_IMPORT[1]
    process = multiprocessing.get_context(sys.argv[2]).Process(target=child)
    process.start()
    process.join(60)
    sys.exit(process.exitcode)
"""


@pytest.mark.parametrize(
    "method", [m for m in ("spawn", "forkserver") if m in multiprocessing.get_all_start_methods()]
)
def test_multiprocessing_child_gets_one(tmp_path, method):
    script = tmp_path / "script.py"
    script.write_text(SCRIPT)
    command = [sys.executable, str(script), str(SOURCE), method]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr


def test_module_is_light():
    """The module imports neither multiprocessing nor threadpoolctl."""
    code = (
        "import runpy, sys; before = set(sys.modules); "
        f"runpy.run_path({str(SOURCE)!r})['default_num_threads'](); "
        "new = {name.split('.')[0] for name in set(sys.modules) - before}; "
        "assert not new & {'multiprocessing', 'threadpoolctl', 'ctypes', 'numpy'}, new"
    )
    subprocess.run([sys.executable, "-c", code], timeout=60, check=True)


def test_maximum_is_that_of_the_pool():
    header = SOURCE.parents[2] / "csrc" / "core" / "pool.h"
    assert f"#define FG_MAX_THREADS {_threads.MAX_THREADS}\n" in header.read_text()


def test_threadpoolctl_is_registered_once(monkeypatch):
    threadpoolctl = pytest.importorskip("threadpoolctl")
    registered = []
    monkeypatch.setattr(threadpoolctl, "register", registered.append)
    monkeypatch.setattr(_threads, "_registered", False)
    assert _threads.register_with_threadpoolctl()
    assert _threads.register_with_threadpoolctl()
    assert [controller.internal_api for controller in registered] == ["fastgen"]


def test_without_threadpoolctl(monkeypatch):
    monkeypatch.setitem(sys.modules, "threadpoolctl", None)
    monkeypatch.setattr(_threads, "_registered", False)
    assert not _threads.register_with_threadpoolctl()
