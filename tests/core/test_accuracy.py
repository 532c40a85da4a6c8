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
from fastgen.cases import bounds, each, flat

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
        errors = {v: error(v, exact, dtype) for v in {values[isa][i] for isa in ISAS}}
        for isa in ISAS:
            worst[isa] = max(worst[isa], errors[values[isa][i]])
    assert max(worst.values()) <= case.ulp, {k: float(v) for k, v in worst.items()}


def paired_inputs(name):
    """Positions of inputs that belong together, as mu_q and mu_p do."""
    names = list(inspect.signature(cases.reference(name)).parameters)
    partners = {n: n.removesuffix("_q") + "_p" for n in names if n.endswith("_q")}
    return [(names.index(q), names.index(p)) for q, p in partners.items() if p in names]


def points(name, dtype, rng):
    """Ordinary, nearly degenerate and large inputs, a few hundred in all: batches of one."""
    case, nin = cases.CASES[name], OPS[name].nin
    scales = [1, 10, 1e-1, 1e-3, 1e-6] + ([1e-9, 1e-12] if dtype == np.float64 else [])
    tiny = np.finfo(dtype).smallest_normal ** 0.45  # squares are normal
    rows = cases.signature(name).has_rows
    shapes = cases.shapes(name, (12, case.dims.get("n", 1)) if rows else (12,))[0]
    grid = [
        cases.sample(name, [c * rng.normal(size=s) for c, s in zip(chosen, shapes, strict=True)])
        for few in itertools.product(scales, repeat=min(nin, 2))
        for chosen in [(few * nin)[:nin]]
    ]
    pairs = paired_inputs(name)
    for scale, size in itertools.product(scales if pairs else [], (1, 10)):
        z = [size * rng.normal(size=shape) for shape in shapes]
        for q, p in pairs:  # two distributions, nearly the same
            z[p] = z[q] + scale * rng.normal(size=shapes[p])
        grid.append(cases.sample(name, z))
    columns = [np.concatenate(parts) for parts in zip(*grid, strict=True)]
    columns = [np.where(np.abs(c) < tiny, 0, c).astype(dtype) for c in columns]
    return [tuple(c[i : i + 1] for c in columns) for i in range(len(columns[0]))]


def some_cotangents(op, arrays, i, rng):
    """Of all outputs together, or of one alone, in turn; 1 where the value is one number."""
    values = each(op(arrays))
    if sum(map(np.size, values)) == 1:
        return tuple(map(np.ones_like, values))
    chosen = i % (op.nout + 1)
    return tuple(
        (rng.normal(size=v.shape) * (chosen in (j, op.nout))).astype(v.dtype)
        for j, v in enumerate(values)
    )


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("name", sorted(set(OPS) - set(ELEMENTARY)))
def test_value_and_gradient(name, dtype, rng):
    case, ops = cases.CASES[name], [bind(isa)[name] for isa in ISAS]
    nout = ops[0].nout
    for i, arrays in enumerate(points(name, dtype, rng)):
        cotangents = some_cotangents(ops[0], arrays, i, rng)
        point = numbers(case, arrays)
        several = sum(map(np.size, cotangents)) > 1
        along = [*point, *numbers(case, cotangents)] if several else point
        exact = each(exactly(case.exact, point))
        scales = each(exactly(case.scale, point)) if case.scale else exact
        slopes = exactly(case.gradient, along) if case.gradient else ()
        terms = exactly(case.gradient_scale, along) if case.gradient_scale else slopes
        checked = []  # bits that another instruction set had too
        for op in ops:
            results = each(op(arrays))
            if op.derivative is not None:
                alone, results = results, op.derivative((*arrays, *cotangents))
                assert all(map(np.array_equal, alone, results))
            bits = [np.asarray(r).tobytes() for r in results]
            if bits in checked:
                continue
            checked.append(bits)
            where = op.isa, arrays, cotangents
            check(results[:nout], exact, scales, bounds(case.ulp, nout), where)
            check(results[nout:], slopes, terms, bounds(case.gradient_ulp, len(slopes)), where)


def numbers(case, arrays):
    """What a formula is given, of a batch of one."""
    return [x[0].tolist() if case.dims else x.item() for x in arrays]


def check(results, exact, scales, limits, where):
    for found, *of_result, limit in zip(results, exact, scales, limits, strict=True):
        for got, want, scale in zip(found.flat, *map(flat, of_result), strict=True):
            assert error(got, want, found.dtype, scale) <= limit, (*where, want)


@pytest.mark.parametrize("name", sorted(OPS))
def test_known_values_are_exact(name):
    case = cases.CASES[name]
    for point, digits in case.known:
        assert all(np.float32(x) == x for x in flat(point)), "not exact in float32"
        exact = flat(exactly(case.exact, point))
        for text, number in zip(flat(digits), exact, strict=True):
            assert abs(mpmath.mpf(text) - number) <= abs(number) * mpmath.mpf(10) ** -24
