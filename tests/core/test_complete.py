"""Every row has a function, docstring, reference and case, and each of these has a row."""

import importlib
import inspect
import re

import pytest

import fastgen
import fastgen.reference.noise
from fastgen import cases
from fastgen._ops import OPS, operands, public


@pytest.mark.parametrize("name", sorted(OPS))
def test_operation_is_complete(name):
    function, options = public(name)
    module = importlib.import_module(f"fastgen.reference.{name.partition('.')[0]}")
    reference = getattr(module, function.__name__)
    assert function.__name__ in inspect.getmodule(function).__all__
    doc = inspect.getdoc(function)
    for section in ["Parameters", "Returns", "Raises", "Examples"]:
        assert f"{section}\n{'-' * len(section)}" in doc, section
    assert ".. math::" in doc and ">>> " in doc
    assert "ULP" in doc or "rounded" in doc, "no error bound"

    names, case = operands(name), cases.CASES[name]
    ours, theirs = ([*inspect.signature(f).parameters.values()] for f in (function, reference))
    if case.call is None:
        assert [p.name for p in theirs][: len(names)] == names
        # The row of one kind may lack inputs that have a default.
        required = [p for p in ours if p.kind is not p.KEYWORD_ONLY and p.default is p.empty]
        assert len(required) <= OPS[name].nin <= len(names)
        assert all(repr(choice) in doc or f'"{choice}"' in doc for choice in options.values())
    else:
        inputs = [[p.name for p in f if p.kind is not p.KEYWORD_ONLY] for f in (ours, theirs)]
        assert inputs[0] == inputs[1] and inputs[0]
    assert len(names) == OPS[name].nin
    assert len(case.known) >= 3 and len(case.edges) >= 3
    assert all(re.fullmatch("[0-9a-f]{16}", bits) for bits in case.bits)
    assert (OPS[name].derivative is None) == (case.gradient is None)


def test_nothing_is_left_over():
    assert set(cases.CASES) == set(OPS)
    for family in {name.partition(".")[0] for name in OPS}:
        module = getattr(fastgen, family)
        public = {n for n, f in vars(module).items() if callable(f) and n[0] != "_"}
        assert public == set(module.__all__)


NOISE = ["brownian", "gumbel", "normal", "random_bits", "uniform"]


@pytest.mark.parametrize("name", NOISE)
def test_noise_is_complete(name):
    """A function of noise has no row, because it takes no arrays. It has all else."""
    function, reference = getattr(fastgen.noise, name), getattr(fastgen.reference.noise, name)
    doc = inspect.getdoc(function)
    for section in ["Parameters", "Returns", "Raises", "Notes", "Examples"]:
        assert f"{section}\n{'-' * len(section)}" in doc, section
    assert ".. math::" in doc and ">>> " in doc
    assert "ULP" in doc or "exact" in doc, "no error bound"
    theirs = set(inspect.signature(reference).parameters)
    assert theirs <= set(inspect.signature(function).parameters)
    assert {*fastgen.noise.__all__} == {"Stream", *NOISE}
