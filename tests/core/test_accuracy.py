"""Values and derivatives against mpmath, within the bound that each operation states."""

from fractions import Fraction
from types import SimpleNamespace

import numpy as np
import pytest

from fastgen import cases
from fastgen._core import bind, isas
from fastgen._ops import OPS
from fastgen.cases import accuracy, flat, ulp
from fastgen.cases.ulp import context, error, exactly

ISAS = [name for name, supported in isas() if supported]
ELEMENTARY = sorted(name for name in OPS if OPS[name].signature == "()->()")


def every_exponent(dtype, rng):
    """Return numbers of both signs and every exponent, subnormals included, with random mantissas.

    Add numbers around likely branch points: integers, multiples of log 2, and 1."""
    info = np.finfo(dtype)
    exponents = np.arange(info.minexp - info.nmant, info.maxexp)
    if dtype == np.float64:  # every fourth exponent, and all around 1
        exponents = np.concatenate([exponents[::4], np.arange(-60, 12)])
    magnitudes = np.ldexp(rng.uniform(1, 2, (3, exponents.size)), exponents).ravel()
    marks = np.concatenate(
        [np.arange(1, 130) * np.log(2) / 2, [1, np.sqrt(0.5), np.sqrt(2), 20, 40]]
    )
    near = marks.astype(dtype)[:, None] + np.spacing(marks.astype(dtype))[:, None] * [
        -2,
        -1,
        0,
        1,
        2,
    ]
    limits = np.array([86, 88, 88.7, 89, 103, 104, 708, 709, 709.7, 745, 746]) * (
        1 + 1e-3 * rng.normal(size=11)
    )
    x = np.concatenate([magnitudes, near.ravel(), limits, rng.uniform(0, 3, 400)]).astype(dtype)
    x = x[np.isfinite(x)]
    return np.concatenate([x, -x])


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("name", ELEMENTARY)
def test_elementary_function_over_its_whole_range(name, dtype, rng):
    case = cases.CASES[name]
    x = every_exponent(dtype, rng)
    values = {isa: bind(isa)[name]((x,)) for isa in ISAS}
    worst = dict.fromkeys(ISAS, 0.0)
    for i, number in enumerate(x):
        exact = exactly(case.exact, [number])
        if isinstance(exact, context().mpc) or context().isnan(exact):
            assert all(np.isnan(values[isa][i]) for isa in ISAS), number
            continue
        errors = {v: error(v, exact, dtype) for v in {values[isa][i] for isa in ISAS}}
        for isa in ISAS:
            worst[isa] = max(worst[isa], errors[values[isa][i]])
    assert max(worst.values()) <= case.ulp, {k: float(v) for k, v in worst.items()}


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("name", sorted(set(OPS) - set(ELEMENTARY)))
def test_value_and_gradient(name, dtype, rng):
    ops = [bind(isa)[name] for isa in ISAS]
    for turn, arrays in enumerate(accuracy.points(name, dtype, rng)):
        along = accuracy.cotangents(ops[0], arrays, turn, rng)
        for distance in accuracy.distances(ops, arrays, along):
            assert distance.ulp <= distance.bound, distance


def test_wrong_results_are_far_from_exact():
    """Wrong results have large errors, and a value that comes with gradients must be the value."""
    op, name = OPS["vae.kl_standard_normal"], "vae.kl_standard_normal"
    arrays = (np.array([[0.5]], np.float32), np.array([[0.25]], np.float32))
    right = op.derivative((*arrays, np.float32(1)))
    along = (np.ones(1, np.float32),)

    def measured(value, with_gradient, gradients):
        class Wrong(SimpleNamespace):
            def __call__(self, inputs):
                return value

            def derivative(self, inputs):
                return (with_gradient, *gradients)

        wrong = Wrong(name=name, nout=1, isa="wrong")
        return {d.of: d.ulp for d in accuracy.distances([wrong], arrays, along)}

    value, *gradients = right
    assert max(measured(value, value, gradients).values()) <= 2
    ulps = measured(value + 8 * np.spacing(value), value + 8 * np.spacing(value), gradients)
    assert 6 <= ulps["value"] <= 10 and ulps["gradient 1"] <= 2
    ulps = measured(value, value, [gradients[0], gradients[1] + 16 * np.spacing(gradients[1])])
    assert 14 <= ulps["gradient 1"] <= 18 and ulps["gradient 0"] == 0
    assert measured(value, value + np.spacing(value), gradients)["value with the gradient"] > 1e9


@pytest.mark.parametrize("name", sorted(OPS))
def test_known_values_are_exact(name):
    case = cases.CASES[name]
    for point, digits in case.known:
        assert all(np.float32(x) == x for x in flat(point)), "not exact in float32"
        exact = flat(exactly(case.exact, point))
        for text, number in zip(flat(digits), exact, strict=True):
            assert abs(context().mpf(text) - number) <= abs(number) * context().mpf(10) ** -24


@pytest.mark.parametrize("number", [Fraction, lambda x: context().mpf(x)], ids=["exact", "mpmath"])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_ulp(dtype, number):
    info = np.finfo(dtype)
    top, least = float(info.max), float(info.smallest_subnormal)
    for x in [1.0, -1.5, 2.0, 1 - float(info.epsneg), least, 3 * least, float(info.tiny), -top / 2]:
        unit = ulp.spacing(number(x), dtype)
        assert unit == np.spacing(np.abs(dtype(x)))
        assert error(dtype(x), number(x), dtype) == 0
        assert error(dtype(x), number(x) + number(unit) / 4, dtype) == 0.25
        assert error(dtype(x), number(x), dtype, scale=number(4)) == 0
        assert error(np.nan, number(x), dtype) == np.inf
    assert error(dtype(1.0), number(1.0) + number(float(info.eps)), dtype, scale=number(4)) == 0.25
    assert ulp.spacing(number(0), dtype) == least and error(dtype(least), number(0), dtype) == 1
    past = number(top) + number(ulp.spacing(number(top), dtype))
    assert error(np.inf, past, dtype) == 0 and error(-np.inf, past, dtype) == np.inf
    assert error(dtype(top), past, dtype) == np.inf  # the exact value rounds to infinity
    below = number(top) + number(ulp.spacing(number(top), dtype)) / 4
    assert error(dtype(top), below, dtype) == 0.25 and error(np.inf, below, dtype) == 0.25
    assert error(np.inf, number(top), dtype) == np.inf
