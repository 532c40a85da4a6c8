"""`show_config`, `test`, and the extras that errors name."""

import re
import tomllib
from pathlib import Path

import pytest

import fastgen
from fastgen import _extras
from fastgen.__main__ import main
from fastgen.cli import checks

ROOT = Path(__file__).parents[2]


def test_show_config(capsys):
    assert fastgen.show_config() is None
    shown = capsys.readouterr().out
    assert main(["info"]) == 0
    assert shown == capsys.readouterr().out
    assert fastgen.show_config("dicts")["fastgen"] == fastgen.__version__
    with pytest.raises(ValueError, match=r"mode must be 'stdout' or 'dicts', got 'text'"):
        fastgen.show_config("text")


def test_test(monkeypatch, capsys):
    assert fastgen.test(only="vae.gaussian_nll")
    assert "checks passed" in capsys.readouterr().out
    with pytest.raises(ValueError, match=r"test: only: no operation has 'no_such' in its name"):
        fastgen.test(only="no_such")
    monkeypatch.setattr(checks, "FOR_FLOATS", (*checks.FOR_FLOATS, broken))
    assert not fastgen.test(only="vae.gaussian_nll")
    assert "FAILED" in capsys.readouterr().out


def broken(subject):
    yield f"{subject}: this check always fails."


def test_test_runs_a_folder_of_tests(tmp_path, capsys):
    with pytest.raises(ValueError, match=r"tests must be the folder tests of a checkout, got"):
        fastgen.test(only="vae.gaussian_nll", tests=tmp_path)
    core = tmp_path / "tests" / "core"
    core.mkdir(parents=True)
    (tmp_path / "pyproject.toml").write_text("[tool.pytest.ini_options]\n")
    for number, passes in ((1, True), (2, False)):
        (core / "test_names.py").write_text(f"def test_{number}(): assert {passes}\n")
        assert fastgen.test(only="vae.gaussian_nll", tests=tmp_path / "tests") == passes
        assert f"1 {'passed' if passes else 'failed'}" in capsys.readouterr().out


def test_test_names_what_to_install(monkeypatch):
    monkeypatch.setattr(_extras, "is_installed", lambda name: name != "hypothesis")
    text = re.escape("test: tests needs hypothesis: pip install 'fastgen-numerics[test]'")
    with pytest.raises(ImportError, match=text):
        fastgen.test(tests=ROOT / "tests")


def test_every_extra_installs_its_package():
    extras = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    extras = extras["project"]["optional-dependencies"]
    distributions = {"xdist": "pytest-xdist"}

    def installs(extra):
        for line in extras[extra]:
            name, more = re.match(r"([\w-]+)(?:\[([\w,]*)\])?", line).groups()
            yield name.replace("-", "_")
            if name == "fastgen-numerics":
                for other in more.split(","):
                    yield from installs(other)

    for package, extra in _extras.EXTRAS.items():
        wanted = distributions.get(package, package).replace("-", "_")
        assert wanted in set(installs(extra)), f"{extra} does not install {package}"


def test_need():
    with pytest.raises(ModuleNotFoundError, match=r"^x needs torch: .*\[torch\]'$") as error:
        _without_torch()
    assert error.value.name == "torch"
    assert _extras.need("argparse", "x").ArgumentParser


def _without_torch():
    import importlib
    from unittest import mock

    missing = ModuleNotFoundError("No module named 'torch'", name="torch")
    with mock.patch.object(importlib, "import_module", side_effect=missing):
        _extras.need("torch", "x")
