"""``fastgen info --functions``: every public function, a line each, with its error bound."""

from __future__ import annotations

import importlib
import inspect
import re
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import fastgen
from fastgen import cases
from fastgen._ops import OPS, public
from fastgen.cli import FAMILIES

CONVENTIONS = {"axis", "keepdims", "out"}  # options that most functions have
MOST_OPTIONS = 5
INTRODUCTION = """\
# Functions

Every public function: what it takes, what it computes, and its largest error. Do not edit this
file: `python -m fastgen info --functions` writes it.

- Most functions also take `axis=`, `keepdims=` and `out=`.
- An error is that of one element, in ULP (units in the last place) of the result. "of its terms"
  is in ULP of the largest term, where terms may cancel. Sums over elements are in float64.
- An error is that of all instruction sets. It may be less with fused multiply-add.
- "and" is between the results of a function, "to" between its kinds or directions.
- "-" is where nothing is rounded, or where only the docstring says it. Docstrings have all else
  too, such as the largest errors of derivatives.
"""
_BOUND = re.compile(r"within\s+([\d.]+)\s+ULP(\s+of\s+(?:its|the)\s+larg)?", re.IGNORECASE)
_MATH = re.compile(r":math:`(.*?)`")


def table() -> str:
    """Return the functions of every module as tables in Markdown."""
    parts = [INTRODUCTION]
    for module in _modules():
        parts.append(f"\n## {module.__name__.removeprefix('fastgen.')}\n")
        summary = _summary(module)
        parts.append(
            f"\n{summary}\n\n| function | what it computes | largest error |\n|---|---|---|\n"
        )
        parts += [_line(name, getattr(module, name)) for name in _sorted(module.__all__)]
    return "".join(parts)


def _modules() -> Iterator[Any]:
    for family in FAMILIES:
        module: Any = importlib.import_module(f"fastgen.{family}")
        yield module
        for space in getattr(module, "_SPACES", ()):
            yield importlib.import_module(f"fastgen.{family}.{space}")
    yield fastgen


def _sorted(names: list[str]) -> list[str]:
    """Functions, then classes; modules and versions have no line."""
    return sorted(names, key=lambda name: (name[0].isupper(), name))


def _line(name: str, item: Any) -> str:
    """A line; of a class with constructors of its own, a line for each of these."""
    if inspect.ismodule(item) or not callable(item):
        return ""
    made = [n for n in dir(item) if n[0] != "_" and inspect.ismethod(getattr(item, n))]
    if inspect.isclass(item) and made:
        return "".join(_line(f"{name}.{n}", getattr(item, n)) for n in made)
    return f"| `{name}({_arguments(item)})` | {_summary(item)} | {bound(item)} |\n"


def _summary(item: Any) -> str:
    first = (inspect.getdoc(item) or "").partition("\n\n")[0]
    return _MATH.sub(r"$\1$", " ".join(first.split()).replace("|", "\\|"))


def _arguments(item: Callable[..., Any]) -> str:
    """The parameters, but for the conventions; no options where there are many."""
    try:
        parameters = inspect.signature(item).parameters.values()
    except ValueError:  # compiled
        return "..."
    inputs, options = [], []
    for p in parameters:
        if p.name in CONVENTIONS or p.kind is p.VAR_KEYWORD:
            continue
        if p.kind is p.KEYWORD_ONLY or p.default is not p.empty:
            options.append(f"{p.name}=")
        else:
            inputs.append("*" * (p.kind is p.VAR_POSITIONAL) + p.name)
    return ", ".join([*inputs, *(options if len(options) <= MOST_OPTIONS else ["..."])])


def bound(function: Any) -> str:
    """Return the error bound that the cases state, or the docstring of a function without rows."""
    names = [name for name in OPS if public(name)[0] is function]
    if not names:
        stated = _BOUND.findall(inspect.getdoc(function) or "")
        if len({number for number, _ in stated}) != 1:
            return "-"
        return f"{stated[0][0]} ULP{' of its terms' * any(terms for _, terms in stated)}"
    found = [cases.CASES[name] for name in names]
    each = [cases.bounds(case.ulp, OPS[name].nout) for name, case in zip(names, found, strict=True)]
    texts = [_range(ulps) for ulps in zip(*each, strict=True)]
    of_terms = " of its terms" * any(case.scale is not None for case in found)
    return f"{' and '.join(dict.fromkeys(texts))} ULP{of_terms}"


def _range(ulps: Sequence[float]) -> str:
    least, most = min(ulps), max(ulps)
    return f"{most:g}" if least == most else f"{least:g} to {most:g}"
