"""Values and derivatives against mpmath, within the bound that each operation states."""

import inspect
import itertools

import mpmath
import numpy as np
import pytest
from ulp import error, exactly

from fastgen import cases
from fastgen._core import bind, isas
from fastgen._ops import OPS

ISAS = [name for name, supported in isas() if supported]
ELEMENTARY = sorted(name for name in OPS if OPS[name].signature == "()->()")


def every_exponent(dtype, rng):
    """Both signs, every exponent from the smallest subnormal up, a random mantissa; and where the
    branches of an implementation are likely to lie: around integers, multiples of log 2, 1."""
    info = np.finfo(dtype)
    exponents = np.arange(info.minexp - info.nmant, info.maxexp)
    if dtype == np.float64:  # one in four, and all around 1
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
        if isinstance(exact, mpmath.mpc) or mpmath.isnan(exact):
            assert all(np.isnan(values[isa][i]) for isa in ISAS), number
            continue
        for isa in ISAS:
            worst[isa] = max(worst[isa], error(values[isa][i], exact, dtype))
    assert max(worst.values()) <= case.ulp, {k: float(v) for k, v in worst.items()}


def paired_inputs(name):
    """Positions of inputs that belong together, as mu_q and mu_p do."""
    names = list(inspect.signature(cases.reference(name)).parameters)
    partners = {n: n.removesuffix("_q") + "_p" for n in names if n.endswith("_q")}
    return [(names.index(q), names.index(p)) for q, p in partners.items() if p in names]


def points(name, dtype, rng):
    """Ordinary, nearly degenerate and large inputs, a few hundred in all."""
    case, nin = cases.CASES[name], OPS[name].nin
    scales = [1, 10, 1e-1, 1e-3, 1e-6] + ([1e-9, 1e-12] if dtype == np.float64 else [])
    tiny = np.finfo(dtype).smallest_normal ** 0.45  # squares are normal
    grid = [
        case.sample(rng.normal(size=(nin, 12)) * np.array(list(chosen))[:, None])
        for chosen in itertools.product(scales, repeat=min(nin, 2))
        for chosen in [(list(chosen) * nin)[:nin]]
    ]
    columns = [np.concatenate([g[k] for g in grid]) for k in range(nin)]
    pairs = paired_inputs(name)
    for scale in scales if pairs else []:  # two distributions, nearly the same
        for size in (1, 10):
            z = size * rng.normal(size=(nin, 12))
            for q, p in pairs:
                z[p] = z[q] + scale * rng.normal(size=12)
            columns = [np.concatenate(c) for c in zip(columns, case.sample(z), strict=True)]
    columns = [np.where(np.abs(c) < tiny, 0, c).astype(dtype) for c in columns]
    return [tuple(c[i : i + 1] for c in columns) for i in range(columns[0].size)]


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("name", sorted(set(OPS) - set(ELEMENTARY)))
def test_value_and_gradient(name, dtype, rng):
    case = cases.CASES[name]
    for isa in ISAS:
        op = bind(isa)[name]
        for arrays in points(name, dtype, rng)[:: 1 if isa == ISAS[0] else 3]:
            numbers = [a[0] for a in arrays]
            exact = exactly(case.exact, numbers)
            scale = exactly(case.scale, numbers) if case.scale else None
            value, *gradient = op.derivative((*arrays, 1.0))
            assert error(np.ravel(value)[0], exact, dtype, scale) <= case.ulp, (isa, arrays)
            assert op(arrays) == value
            wanted = exactly(case.gradient, numbers)
            scales = exactly(case.gradient_scale or case.gradient, numbers)
            for got, want, size in zip(gradient, wanted, scales, strict=True):
                assert error(got[0], want, dtype, size) <= case.gradient_ulp, (isa, arrays, want)


@pytest.mark.parametrize("name", sorted(OPS))
def test_known_values_are_exact(name):
    case = cases.CASES[name]
    for numbers, digits in case.known:
        assert all(np.float32(x) == x for x in numbers), "not exact in float32"
        exact = exactly(case.exact, numbers)
        assert abs(mpmath.mpf(digits) - exact) <= abs(exact) * mpmath.mpf(10) ** -24
