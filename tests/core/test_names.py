"""The package as a user sees it: public names, the reference, complete docstrings."""

import inspect
import operator
import re
import subprocess
import sys

import pytest

import fastgen
from fastgen import _docs
from fastgen._registry import SPACES

FAMILIES = ("diffusion", "elementary", "ema", "flow", "gan", "guidance", "noise", "vae")


def run(code, *options):
    command = [sys.executable, *options, "-c", code]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


def test_dir_shows_public_names_alone():
    assert dir(fastgen) == sorted(fastgen.__all__)
    for family in FAMILIES:
        module = getattr(fastgen, family)
        others = ["paths", "samplers", "times"] if family == "diffusion" else []
        assert dir(module) == sorted([*module.__all__, *others])
        assert all(hasattr(module, name) for name in dir(module))


def test_reference_is_an_attribute_that_is_imported_late():
    shown = run(
        "import sys, numpy, fastgen; print('fastgen.reference' in sys.modules); "
        "print(fastgen.reference.elementary.exp(numpy.zeros(())))"
    )
    assert shown.split() == ["False", "1.0"]
    assert all(hasattr(fastgen.reference, family) for family in FAMILIES)


def test_samplers_are_imported_at_their_first_use():
    shown = run(
        "import sys, fastgen; print('fastgen.diffusion.samplers' in sys.modules, "
        "'samplers' in dir(fastgen.diffusion), fastgen.diffusion.samplers.DDIM.__name__)"
    )
    assert shown.split() == ["False", "True", "DDIM"]
    with pytest.raises(AttributeError, match=r"module 'fastgen\.diffusion' has no attribute"):
        fastgen.diffusion.nothing  # noqa: B018


def test_unknown_attribute_is_refused():
    with pytest.raises(AttributeError, match="module 'fastgen' has no attribute 'vea'"):
        fastgen.vea  # noqa: B018


@pytest.mark.parametrize("family", [*FAMILIES, *SPACES])
def test_docstrings_are_whole(family):
    module = operator.attrgetter(family)(fastgen)
    for name in module.__all__:
        doc = inspect.getdoc(getattr(module, name))
        assert not re.search(r"^ *\{\w+\}$", doc, re.MULTILINE), name
        assert not re.search(r"\n\n\n|[^\n]\n(Notes|Raises|Returns|Examples)\n-", doc), name


@pytest.mark.parametrize("family", [*FAMILIES, *SPACES])
def test_docstrings_list_the_parameters_in_order(family):
    module = operator.attrgetter(family)(fastgen)
    for name in module.__all__:
        function = getattr(module, name)
        if inspect.isfunction(function):
            section = inspect.getdoc(function).split("Parameters\n----------\n")[1]
            entries = re.findall(r"^\w.*", section.partition("\n\n")[0], re.MULTILINE)
            listed = [n.strip() for entry in entries for n in entry.partition(" :")[0].split(",")]
            assert listed == list(inspect.signature(function).parameters), name


def test_entries_are_used_and_laid_out():
    rendered = "\n".join(
        inspect.getdoc(getattr(module, name))
        for module in [operator.attrgetter(name)(fastgen) for name in (*FAMILIES, *SPACES)]
        for name in module.__all__
    )
    for name, entry in _docs._ENTRIES.items():
        assert entry in "\n" + rendered, f"{name} is used nowhere"
        assert all(len(line) <= 96 for line in entry.splitlines()), name


@pytest.mark.parametrize("indentation", ["", "    "])
def test_entries_take_the_indentation_of_the_docstring(indentation):
    def function():
        pass

    lines = ["Title.", "", "{out}", "{out_or_x}", "", "Notes"]
    function.__doc__ = f"\n{indentation}".join(lines)
    _docs.render({"f": function}, ["f"])
    assert inspect.getdoc(function).splitlines() == [
        "Title.",
        "",
        "out : ndarray, optional",
        "    The array that receives the result.",
        "out : ndarray, optional",
        "    The array that receives the result. It may be `x`.",
        "",
        "Notes",
    ]


def test_package_works_without_docstrings():
    code = "import fastgen; print(fastgen.vae.kl_standard_normal.__doc__)"
    assert run(code, "-OO").split() == ["None"]
