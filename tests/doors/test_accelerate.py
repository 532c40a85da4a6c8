"""`fastgen.torch.accelerate`: what it replaces, undoes, reports and refuses."""

import sys
import types

import pytest

pytest.importorskip("torch", reason="torch missing: pip install torch")
pytest.importorskip("nflows", reason="nflows missing: pip install nflows")

import importlib.metadata

from nflows.transforms import autoregressive, splines

from fastgen.torch import accelerate, accelerated

NAME = "nflows.transforms.splines.rational_quadratic.rational_quadratic_spline"


def state():
    """Return every function and method of nflows' transforms."""
    modules = {n: m for n, m in sys.modules.items() if n.startswith("nflows")}
    found = {(n, k): x for n, m in modules.items() for k, x in vars(m).items()}
    classes = {x for x in found.values() if isinstance(x, type)}
    return found | {(c, k): x for c in classes for k, x in vars(c).items()}


def changed(before):
    return [key for key, x in state().items() if key in before and x is not before[key]]


def test_undo_restores_everything():
    before = state()
    made = accelerate("nflows")
    assert splines.rational_quadratic_spline is not before["nflows.transforms.splines", "cubic"]
    assert len(changed(before)) > 20
    made.undo()
    made.undo()
    assert changed(before) == []
    assert accelerated() == []


def test_contexts_nest():
    before = state()
    with accelerate("nflows") as outer:
        within = state()
        with accelerate("nflows", "nflows"):
            assert changed(within) == []
        assert changed(within) == []
        assert repr(outer) == "<accelerate('nflows')>"
    assert changed(before) == []


def test_overlapping_accelerations_end_with_the_last():
    before = state()
    first, second = accelerate("nflows"), accelerate("nflows")
    first.undo()
    assert len(changed(before)) > 20
    second.undo()
    assert changed(before) == []


def test_an_error_ends_the_context():
    before = state()
    with pytest.raises(KeyError), accelerate("nflows"):
        raise KeyError
    assert changed(before) == []


def test_modules_that_have_imported_a_function_follow():
    module = types.ModuleType("imports_a_spline")
    module.spline = splines.cubic_spline
    sys.modules[module.__name__] = module
    try:
        with accelerate("nflows"):
            assert module.spline is splines.cubic_spline is autoregressive.cubic_spline
        assert module.spline is splines.cubic_spline is autoregressive.cubic_spline
    finally:
        del sys.modules[module.__name__]


def test_the_report():
    with accelerate("nflows"):
        report = {entry.function: entry for entry in accelerated()}
    entry = report[NAME]
    assert (entry.library, entry.version) == ("nflows", importlib.metadata.version("nflows"))
    assert entry.by == "fastgen.torch.flow.rational_quadratic_spline"
    assert splines.rational_quadratic_spline.__name__ == "rational_quadratic_spline"


@pytest.mark.parametrize(
    ("names", "message"),
    [
        ((), "name libraries, of 'nflows', 'normflows', 'zuko', 'torch.distributions'"),
        (
            ("numpy",),
            "must be among 'nflows', 'normflows', 'zuko', 'torch.distributions'.*got 'numpy'",
        ),
        (("nflows", "diffusers"), "fastgen.torch.Scheduler"),
        (("sbi",), r'accelerate\("nflows", "zuko"\)'),
    ],
)
def test_unknown_libraries(names, message):
    with pytest.raises(ValueError, match=message):
        accelerate(*names)
    assert accelerated() == []


def test_unknown_versions(monkeypatch):
    monkeypatch.setattr(importlib.metadata, "version", lambda name: "0.15")
    with pytest.raises(ImportError, match=r"nflows 0.15 is not known here.*Known: 0.14"):
        accelerate("nflows")
    assert accelerated() == []


def test_a_library_that_is_missing(monkeypatch):
    monkeypatch.setitem(sys.modules, "nflows", None)
    with pytest.raises(ImportError, match="nflows is not installed: pip install nflows"):
        accelerate("nflows")
