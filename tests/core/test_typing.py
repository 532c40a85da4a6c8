"""Type checkers on two user scripts, and the choices in the types of options."""

import inspect
import json
import os
import re
import subprocess
import sys
import types
import typing
from pathlib import Path

import numpy as np
import pytest

import fastgen

SCRIPTS = Path(__file__).parent / "typing_scripts"
SOURCE = Path(fastgen.__file__).parent.parent


def errors_of_mypy(folder):
    environment = dict(os.environ)
    if SOURCE.name == "src":  # an editable install
        environment["MYPYPATH"] = str(SOURCE)
    command = [sys.executable, "-m", "mypy", "--strict", "--config-file=", "--cache-dir=cache", "."]
    found = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True)
    assert found.returncode in (0, 1), found.stdout + found.stderr
    errors = re.findall(r"^(.*?):(\d+): error:", found.stdout, re.MULTILINE)
    return {(Path(path).name, int(line)) for path, line in errors}


def errors_of_pyright(folder):
    project = {"typeCheckingMode": "standard", "extraPaths": [str(SOURCE)]}
    (folder / "pyrightconfig.json").write_text(json.dumps(project))
    command = [sys.executable, "-m", "basedpyright", "--outputjson", "--pythonpath", sys.executable]
    found = subprocess.run(command, cwd=folder, capture_output=True, text=True)
    assert found.returncode in (0, 1), found.stdout + found.stderr
    found = json.loads(found.stdout)["generalDiagnostics"]
    errors = [d for d in found if d["severity"] == "error"]
    return {(Path(d["file"]).name, d["range"]["start"]["line"] + 1) for d in errors}


@pytest.mark.parametrize(
    ("checker", "errors_of"), [("mypy", errors_of_mypy), ("basedpyright", errors_of_pyright)]
)
def test_checker_finds_each_mistake_and_nothing_else(checker, errors_of, tmp_path):
    pytest.importorskip(checker, reason=f"{checker} is not installed: it is in the extra lint")
    expected = set()
    for script in SCRIPTS.glob("*.py"):
        text = script.read_text(encoding="utf-8")
        (tmp_path / script.name).write_text(text, encoding="utf-8")
        lines = enumerate(text.splitlines(), 1)
        expected |= {(script.name, k) for k, line in lines if "# bad:" in line}
    assert len(expected) > 30 and {name for name, _ in expected} == {"bad.py"}
    assert errors_of(tmp_path) == expected


FAMILIES = ("diffusion", "elementary", "ema", "flow", "gan", "guidance", "noise", "vae")
FUNCTIONS = {
    f"{family}.{name}": f
    for family in FAMILIES
    for name, f in vars(getattr(fastgen, family)).items()
    if name in getattr(fastgen, family).__all__ and inspect.isfunction(f)
}


def words_of(hint):
    """Return the choices of an annotation that is a Literal of words, None included."""
    if isinstance(hint, types.UnionType) or typing.get_origin(hint) is typing.Union:
        parts = [words_of(part) for part in typing.get_args(hint)]
        return set().union(*parts) if any(parts) else set()
    if hint is type(None):
        return {"None"}
    return set(typing.get_args(hint)) if typing.get_origin(hint) is typing.Literal else set()


CHOICES = {
    (name, option): words
    for name, f in FUNCTIONS.items()
    for option, hint in typing.get_type_hints(f).items()
    if (words := words_of(hint)) > {"None"} or len(words) > 1
}


@pytest.mark.parametrize("name", sorted(FUNCTIONS))
def test_signature_is_typed(name):
    """Each parameter has a type, and no result is Any, except in functions with overloads."""
    hints = typing.get_type_hints(FUNCTIONS[name])
    assert set(hints) == {*inspect.signature(FUNCTIONS[name]).parameters, "return"}
    assert hints["return"] is not typing.Any or typing.get_overloads(FUNCTIONS[name])


@pytest.mark.parametrize(("name", "option"), sorted(CHOICES))
def test_types_name_the_words_of_the_function(name, option):
    f, arguments = FUNCTIONS[name], {}
    for parameter in inspect.signature(f).parameters.values():
        if parameter.default is parameter.empty:
            given = {"schedule": fastgen.diffusion.Schedule.cosine(9), "t": 1, "dim": 8}
            words = sorted(CHOICES.get((name, parameter.name), ()))
            x = np.zeros(8) if parameter.name != "x" else np.zeros(())
            arguments[parameter.name] = words[0] if words else given.get(parameter.name, x)
    with pytest.raises(ValueError, match=f"{option} must be ") as refused:
        f(**arguments | {option: "no such word"})
    expected = str(refused.value).partition("got ")[0]
    words = set(re.findall(r"'(.*?)'", expected)) | ({"None"} if "None" in expected else set())
    assert words == CHOICES[name, option]


def test_choices_are_found():
    assert len(CHOICES) >= 18
    assert CHOICES["flow.cubic_spline", "tails"] == {"linear", "None"}


def test_overloads_cover_the_whole_signature():
    names = {name for name, f in FUNCTIONS.items() if typing.get_overloads(f)}
    assert {"gan.discriminator_loss", "vae.reparameterize", "diffusion.add_noise"} <= names
    for name in names:
        expected = list(inspect.signature(FUNCTIONS[name]).parameters)
        overloads = typing.get_overloads(FUNCTIONS[name])
        assert all(list(inspect.signature(f).parameters) == expected for f in overloads)
