"""The docstring, the C header and the case of an operation state the same largest error."""

import inspect
import re
from pathlib import Path

import pytest

from fastgen import cases
from fastgen._ops import OPS, public

CSRC = Path(__file__).parent.parent.parent / "csrc"
ROUNDED = 0.5  # a result that is rounded once needs no statement


def numbers_of(text):
    """Return the bounds in ULP that a text states for values, not for derivatives."""
    clauses = re.split(r"[.;](?=\s|$)", " ".join(text.split()))
    values = [c for c in clauses if not re.search("(?<!log-)derivative|gradient", c)]
    return [float(n) for c in values for n in re.findall(r"(\d+(?:\.\d+)?) ULP", c)]


def largest(rows):
    return max(max(cases.bounds(cases.CASES[row].ulp, OPS[row].nout)) for row in rows)


def header_of(row):
    """Return the header of a row: that of its own name, or of the name without its last words."""
    family, _, name = row.partition(".")
    words = name.split("_")
    for count in range(len(words), 0, -1):
        found = list((CSRC / family).rglob("_".join(words[:count]) + ".h"))
        if found:
            return found[0]
    raise AssertionError(f"{row} has no header")


HEADERS = {}
for row in sorted(OPS):
    HEADERS.setdefault(header_of(row), []).append(row)
FUNCTIONS = {}
for row in sorted(OPS):
    FUNCTIONS.setdefault(public(row)[0], []).append(row)


@pytest.mark.parametrize("function", FUNCTIONS, ids=lambda f: f"{f.__module__}.{f.__name__}")
def test_docstring_states_the_bound_of_the_case(function):
    bound = largest(FUNCTIONS[function])
    stated = numbers_of(inspect.getdoc(function))
    assert bound <= ROUNDED if not stated else max(stated) == bound, (stated, bound)


@pytest.mark.parametrize("header", HEADERS, ids=lambda path: path.stem)
def test_header_states_the_bound_of_the_case(header):
    """The case rounds a measured error up by less than 1 ULP."""
    bound = largest(HEADERS[header])
    comment = header.read_text(encoding="utf-8").partition("*/")[0].replace("\n *", "\n")
    stated = numbers_of(comment.partition("Max error")[2])
    fits = max(stated) <= bound < max(stated) + 1 if stated else bound <= ROUNDED
    assert fits, (stated, bound, HEADERS[header])
