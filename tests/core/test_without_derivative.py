"""Every public function has derivatives, or refuses them in the words of its docstring."""

import inspect
import operator
import re

import numpy as np
import pytest
from composed_calls import CALLS

import fastgen
from fastgen import cases
from fastgen._describe import Function
from fastgen._ops import OPS, public
from fastgen._registry import SPACES
from fastgen.cli import FAMILIES

PLACES = [*FAMILIES, *SPACES, "diffusion.samplers"]
ROOT = ("exact_mean", "exact_sum", "set_num_threads")
PUBLIC = [
    f"{place}.{name}"
    for place in PLACES
    for name in operator.attrgetter(place)(fastgen).__all__
    if inspect.isfunction(getattr(operator.attrgetter(place)(fastgen), name))
]
PUBLIC += [name for name in ROOT if inspect.isfunction(getattr(fastgen, name))]
# Functions of arrays whose rows or calls the tests of gradients go through.
TESTED = {public(name)[0] for name, case in cases.CASES.items() if case.gradient is not None}
TESTED |= {f for f, _, _ in CALLS}
ELSEWHERE = {
    "flow.quadratic_spline": "tests/flow/test_splines_polynomial.py",
}


def takes_arrays(f):
    """Whether a parameter may be an array that is an input."""
    types = [str(t) for name, t in f.__annotations__.items() if name != "return"]
    return any("ArrayLike" in t for t in types)


def has_derivative(f):
    try:
        return Function(f).has_derivative
    except TypeError:
        return False


@pytest.mark.parametrize("name", PUBLIC)
def test_a_function_has_derivatives_or_says_why_not(name):
    f = operator.attrgetter(name)(fastgen)
    if has_derivative(f):
        assert f in TESTED or name in ELSEWHERE
        return
    doc = " ".join(inspect.getdoc(f).split())
    found = re.search(r"has no derivative: (.*?)\.(?:\s|$)", doc)
    reason = found[1] if found else "it takes no arrays"
    assert found or not takes_arrays(f)
    message = re.escape(f"{f.__name__}: it has no derivative: {reason}")
    with pytest.raises(TypeError, match=f"^{message}$"):
        fastgen.value_and_grad(f)
    with pytest.raises(TypeError, match=f"^{message}$"):
        fastgen.vjp(f, np.ones(3))


def test_what_is_no_public_function():
    for f in (np.sin, fastgen.reference.vae.kl_standard_normal, lambda x: x, 3):
        with pytest.raises(TypeError, match="f must be a fastgen function with a derivative"):
            fastgen.value_and_grad(f)
    assert len(PUBLIC) > 150 and set(OPS)
