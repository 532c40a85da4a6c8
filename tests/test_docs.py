"""The examples in docstrings, and the README's."""

import doctest
import importlib
import operator
import re
from pathlib import Path

import pytest

from fastgen import diffusion
from fastgen._ops import OPS, public

MODULES = {"fastgen", "fastgen._derivatives", *(public(name)[0].__module__ for name in OPS)}
MODULES |= {"fastgen.noise.draws"}
MODULES |= {f"fastgen.diffusion.{name}" for name in ("_discrete", "_tables", "schedule")}
MODULES |= {getattr(diffusion, name).__module__ for name in diffusion.__all__}
MODULES |= {getattr(diffusion.samplers, name).__module__ for name in diffusion.samplers.__all__}
README = Path(__file__).parent.parent / "README.md"


@pytest.mark.parametrize("name", sorted(MODULES))
def test_docstring_examples(name):
    failed, tried = doctest.testmod(importlib.import_module(name), exclude_empty=True)
    assert failed == 0 and (tried > 0 or name == "fastgen")


@pytest.mark.parametrize("name", ["set_num_threads", "noise.Stream"])
def test_example_of_compiled_code(name):
    import fastgen

    tests = doctest.DocTestFinder().find(operator.attrgetter(name)(fastgen), name)
    runner = doctest.DocTestRunner()
    assert [runner.run(test) for test in tests] and runner.failures == 0 and runner.tries > 0


def test_readme_example_runs(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    blocks = re.findall(r"```python\n(.*?)```", README.read_text(encoding="utf-8"), re.DOTALL)
    assert blocks
    for block in blocks:
        exec(compile(block, "README.md", "exec"), {})
