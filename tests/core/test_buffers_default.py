"""How much memory of freed results is kept by default."""

import pytest
from commands import run_python

from fastgen import _buffers

MIB = 2**20


@pytest.fixture
def default(monkeypatch):
    """Set up a computer with so much memory, and no variable."""
    monkeypatch.delenv("FASTGEN_BUFFER_LIMIT", raising=False)

    def of(memory, child=False):
        monkeypatch.setattr(_buffers, "usable_memory", lambda: memory)
        monkeypatch.setattr(_buffers, "in_multiprocessing_child", lambda: child)
        return _buffers.default_limit()

    return of


@pytest.mark.parametrize(
    ("memory", "child", "bytes", "reason"),
    [
        (64 << 30, False, 128 * MIB, "default"),
        (4 << 30, False, 64 * MIB, "1/64 of the memory"),
        (0, False, 128 * MIB, "default"),
        (64 << 30, True, 32 * MIB, "of a multiprocessing child"),
        (1 << 30, True, 16 * MIB, "1/64 of the memory"),
    ],
)
def test_default(default, memory, child, bytes, reason):
    assert default(memory, child) == (bytes, reason)


@pytest.mark.parametrize(("text", "bytes"), [("0", 0), (" 1048576 ", MIB)])
def test_variable(default, monkeypatch, text, bytes):
    monkeypatch.setenv("FASTGEN_BUFFER_LIMIT", text)
    assert _buffers.default_limit() == (bytes, "FASTGEN_BUFFER_LIMIT")
    code = "import fastgen; print(fastgen.get_buffer_limit(), fastgen.BUFFER_LIMIT_REASON)"
    done = run_python(code, FASTGEN_BUFFER_LIMIT=text)
    assert done.stdout.split()[-2:] == [str(bytes), "FASTGEN_BUFFER_LIMIT"]


@pytest.mark.parametrize("text", ["", "-1", "1e6", "64M", "1.5", "9" * 20])
def test_senseless_variable(default, monkeypatch, text):
    monkeypatch.setenv("FASTGEN_BUFFER_LIMIT", text)
    with pytest.raises(
        ValueError, match="FASTGEN_BUFFER_LIMIT: expected a number of bytes"
    ) as info:
        _buffers.default_limit()
    assert repr(text) in str(info.value)


@pytest.mark.parametrize(
    ("files", "membership", "expected"),
    [
        ({"memory.max": "1000\n", "a/memory.max": "max\n"}, "0::/a\n", [1000]),
        ({"a/memory.max": "500\n", "a/b/memory.max": "700\n"}, "0::/a/b\n", [500, 700]),
        ({"memory/x/memory.limit_in_bytes": "300\n"}, "4:memory:/x\n0::/\n", [300]),
        ({}, "nonsense\n", []),
    ],
)
def test_limits_of_cgroups(tmp_path, files, membership, expected):
    root, told = tmp_path / "cgroup", tmp_path / "membership"
    for name, text in files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text)
    told.write_text(membership)
    assert _buffers.cgroup_limits(str(root), str(told)) == expected
