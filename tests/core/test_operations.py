"""The universal tests: {operation x instruction set x type x layout x length}, and derivatives.

Most tests compare bits. The library promises the same bits for any layout, number of threads, split
of the batch, and instruction set with fused multiply-add.
"""

import itertools

import ml_dtypes
import numpy as np
import pytest
from layouts import LAYOUTS, strided

import fastgen
from fastgen import cases
from fastgen._core import bind, isas
from fastgen._ops import OPS
from fastgen.cases import each
from fastgen.cli import check

ISAS = [name for name, supported in isas() if supported]
NAMES = sorted(OPS)
FLOATS = [np.float32, np.float64]
LENGTHS = [1, 2, 3, 7, 15, 16, 17, 20, 31, 33, 64, 100, 1023, 1024, 1025, 2049]
COTANGENTS = (0.75, -0.5, 1.25)  # for the outputs
TOLERANCE = {np.dtype("f"): 3e-6, np.dtype("d"): 1e-10}  # the reference may cancel


def same(a, b):
    """Return whether value, type, shape and bits are equal. All NaNs are equal."""
    if isinstance(a, tuple):
        return len(a) == len(b) and all(map(same, a, b))
    a, b = np.asarray(a), np.asarray(b)
    assert a.dtype == b.dtype and a.shape == b.shape
    bits = f"u{a.dtype.itemsize}"
    a, b = np.atleast_1d(a.copy()), np.atleast_1d(b.copy())
    equal = a.view(bits) == b.view(bits)
    return bool(np.all(equal | (np.isnan(a) & np.isnan(b))))


def both(op, arrays, **options):
    """Return the outputs, and if there is a derivative, its outputs and gradients."""
    if op.derivative is None:
        return each(op(arrays, **options))
    cotangents = COTANGENTS[: op.nout]
    return (*each(op(arrays, **options)), *op.derivative((*arrays, *cotangents), **options))


@pytest.mark.parametrize("dtype", FLOATS)
@pytest.mark.parametrize("isa", ISAS)
@pytest.mark.parametrize("name", NAMES)
def test_every_length_agrees_with_the_reference(name, isa, dtype):
    op = bind(isa)[name]
    reference = cases.reference(name)
    shapes = [(*rows, n) for n in LENGTHS for rows in [(), (3,)]]
    for shape in [*shapes, (65536,), (65537,), (131073,)]:  # also cut rows
        arrays = cases.inputs(name, shape, dtype, seed=shape[-1])
        results = each(op(arrays))
        expected = each(reference(*(x.astype(float) for x in arrays)))
        for value, wanted in zip(results, expected, strict=True):
            assert value.dtype == dtype and np.shape(value) == np.shape(wanted)
            terms = np.maximum(np.abs(wanted), 1)
            np.testing.assert_array_less(np.abs(value - wanted) / terms, TOLERANCE[np.dtype(dtype)])


@pytest.mark.parametrize("dtype", FLOATS)
@pytest.mark.parametrize("name", NAMES)
def test_bits_do_not_depend_on_the_layout(name, dtype):
    op = OPS[name]
    for shape in [(5, 20), (2, 3, 33), (3, 1500)]:
        arrays = cases.inputs(name, shape, dtype)
        wanted = both(op, arrays)
        for label, layout in LAYOUTS.items():
            assert same(both(op, tuple(map(layout, arrays))), wanted), (shape, label)
        mixed = tuple(f(x) for f, x in zip(itertools.cycle(LAYOUTS.values()), arrays, strict=False))
        assert same(both(op, mixed), wanted), shape


@pytest.mark.parametrize("name", [name for name in NAMES if cases.signature(name).has_rows])
@pytest.mark.parametrize(
    ("axis", "shape", "move"),
    [
        (0, (4, 6, 35), lambda x: np.moveaxis(x, -1, 0)),
        (1, (4, 6, 35), lambda x: np.moveaxis(x, -1, 1)),
        ((-1, 1), (4, 210), lambda x: x.reshape(4, 6, 35)),
        (None, (840,), lambda x: x.reshape(4, 6, 35)),
        ((), (4, 6, 35, 1), lambda x: x[..., 0]),
    ],
    ids=["first", "middle", "two", "all", "none"],
)
def test_bits_do_not_depend_on_the_axes_place(name, axis, shape, move):
    def moved(arrays, of_rows=lambda x: x):
        return tuple(move(x) if x.ndim == len(shape) else of_rows(x) for x in arrays)

    def kept(x):
        return np.expand_dims(x, (0, 1, 2) if axis is None else axis)

    op, arrays = OPS[name], cases.inputs(name, shape, np.float32)
    wanted = both(op, arrays)
    assert same(both(op, moved(arrays), axis=axis), moved(wanted))
    assert same(both(op, moved(arrays, kept), axis=axis, keepdims=True), moved(wanted, kept))


def cut(x, shape):
    """Return the beginning of x, with the given shape of fewer or shorter axes."""
    return x[(0,) * (x.ndim - len(shape))][tuple(slice(0, n) for n in shape)]


@pytest.mark.parametrize("name", NAMES)
def test_bits_do_not_depend_on_broadcasting(name):
    op, signature = OPS[name], cases.signature(name)
    shapes = [(4, 3, 40), (3, 40), (40,), (4, 1, 40), (4, 3, 1), (1,), ()]
    full = cases.inputs(name, shapes[0], np.float64)
    for chosen in itertools.product(shapes, repeat=min(op.nin, 2)):
        picks = list((chosen * op.nin)[: op.nin])
        per_row = [signature.has_rows and not core for core in signature.inputs]
        whole = np.broadcast_shapes(*itertools.compress(picks, np.logical_not(per_row)))
        for k in range(op.nin):
            if per_row[k]:  # it broadcasts to the batch of the others
                picks[k] = tuple(map(min, picks[k][-2::-1], whole[-2::-1]))[::-1]
            elif not signature.has_rows:
                picks[k] += full[k].shape[3:]
        arrays = tuple(map(cut, full, picks))
        spread = [()] * op.nin
        if whole or not signature.has_rows:
            spread = cases.shapes(name, whole)[0]
        copies = tuple(np.array(np.broadcast_to(x, s)) for x, s in zip(arrays, spread, strict=True))
        assert same(op(arrays), op(copies)), picks


@pytest.mark.parametrize("dtype", FLOATS)
@pytest.mark.parametrize("isa", ISAS)
@pytest.mark.parametrize("name", [name for name in NAMES if OPS[name].signature[:3] == "(n)"])
def test_bits_do_not_depend_on_what_is_constant(name, isa, dtype):
    """A fold is a special loop for rows of one array with constants: its bits agree."""
    op = bind(isa)[name]
    value_and_first = (2 << op.nout) - 1
    for rows, n in [(9, 384), (3, 1023), (3, 1024), (2, 3333), (1, 70_000)]:
        first, *others = cases.inputs(name, (rows, n), dtype)
        constants = [x[:, :1] if x.shape == first.shape else x for x in others]
        cotangents = [np.linspace(0.5, 2, rows, dtype=dtype)] * op.nout
        for j, core in enumerate(cases.signature(name).outputs):
            cotangents[j] = cotangents[j][:, None] if core else cotangents[j]
        apart = LAYOUTS["strided"](first)  # this takes the way through tiles
        assert same(op((first, *constants)), op((apart, *constants))), n
        if op.derivative is None:
            continue
        got = op.derivative((first, *constants, *cotangents), wanted=value_and_first)
        wanted = op.derivative((apart, *constants, *cotangents))
        assert same(got[: op.nout + 1], wanted[: op.nout + 1]), n


@pytest.mark.parametrize("dtype", FLOATS)
@pytest.mark.parametrize("isa", ISAS)
@pytest.mark.parametrize("name", [name for name in NAMES if "()" in OPS[name].signature[:-2]])
def test_bits_do_not_depend_on_how_numbers_of_rows_are_read(name, isa, dtype):
    """A loop for a row of arrays with numbers reads these where they lie: its bits agree."""
    op = bind(isa)[name]
    for shape in [(30, 96), (4, 700), (5, 4, 96), (3, 2, 1100)]:
        arrays = cases.inputs(name, shape, dtype)
        wanted = op(tuple(map(strided, arrays)))  # this takes the way through tiles
        numbers = [x.ndim < len(shape) for x in arrays]
        for change in (np.asarray, strided, LAYOUTS["shifted"], LAYOUTS["reversed"]):
            mixed = [change(x) if n else x for x, n in zip(arrays, numbers, strict=True)]
            assert same(op(tuple(mixed)), wanted), (shape, change)


@pytest.mark.parametrize("dtype", FLOATS)
@pytest.mark.parametrize("name", NAMES)
def test_bits_do_not_depend_on_threads_or_batch(name, dtype, threads):
    op = OPS[name]
    for shape in [(8192, 20), (300, 1100), (1, 200_001), (3, 150_000)]:
        arrays = cases.inputs(name, shape, dtype)
        threads(1)
        wanted = both(op, arrays)
        for count in (2, 3, 7):
            threads(count)
            assert same(both(op, arrays), wanted), (shape, count)
        first = both(op, tuple(x[:1] for x in arrays))
        assert same(first, tuple(w[:1] for w in wanted)), shape


@np.errstate(all="ignore")
@pytest.mark.parametrize("name", NAMES)
def test_check(name):
    """`fastgen check` passes: digests, known and special values, derivatives."""
    dtypes = check.available_dtypes()
    assert len(dtypes) == 4
    ops = [bind(isa)[name] for isa in ISAS]
    assert not [outcome for outcome in check.outcomes(name, ops, dtypes, full=False) if outcome]


@pytest.mark.parametrize("name", NAMES)
def test_in_place_and_overlapping_out(name):
    value, op = OPS[name], OPS[name].derivative or OPS[name]
    for dtype in FLOATS:
        arrays = cases.inputs(name, (3, 1100), dtype)
        cotangents = () if op is value else COTANGENTS[: value.nout]
        wanted = each(op((*arrays, *cotangents)))
        for j, k in itertools.product(range(len(wanted)), range(value.nin)):
            if wanted[j].shape == arrays[k].shape:  # output j may overwrite input k
                copies = [x.copy() for x in arrays]
                out = [copies[k] if i == j else None for i in range(len(wanted))]
                got = each(op((*copies, *cotangents), out=tuple(out)))
                assert got[j] is copies[k] and same(got[j], wanted[j])
        # The first result of the first input's shape, at every offset from that input, in
        # elements and in bytes. With a derivative, that is a gradient.
        size, shape = arrays[0].nbytes, arrays[0].shape
        at = 0 if op is value else value.nout
        if wanted[at].shape != shape:
            continue
        for offset in [*range(-20, 21), *range(-70 * 8, 70 * 8, 171)]:
            raw = np.zeros(size + 2400, np.uint8)
            first = raw[1200 : 1200 + size].view(dtype).reshape(shape)
            first[...] = arrays[0]
            target = raw[1200 + offset :][:size].view(dtype).reshape(shape)
            out = [target if i == at else None for i in range(len(wanted))]
            op((first, *arrays[1:], *cotangents), out=tuple(out))
            assert same(target, wanted[at]), offset


@np.errstate(over="ignore")  # from NumPy's casts
@pytest.mark.parametrize("half", [np.float16, ml_dtypes.bfloat16])
@pytest.mark.parametrize("name", NAMES)
def test_half_precision_is_float32_rounded_once(name, half):
    op = OPS[name]
    for shape in [(4, 20), (2, 1500)]:
        arrays = tuple(x.astype(half) for x in cases.inputs(name, shape, np.float32))
        single = tuple(x.astype(np.float32) for x in arrays)
        # Sums are in float64 and rounded once, not to float32 in between.
        kinds = [op] if op.derivative is None else [op, op.derivative]
        wanted = ()
        for kind, given in zip(kinds, [single, (*single, *COTANGENTS[: op.nout])], strict=False):
            out = tuple(np.empty(r.shape) for r in each(kind(given)))
            wanted += tuple(r.astype(half) for r in each(kind(given, out=out)))
        assert same(both(op, arrays), wanted)
        assert same(both(op, tuple(map(LAYOUTS["strided"], arrays))), wanted)


@pytest.mark.parametrize("name", NAMES)
def test_empty_and_size_one(name):
    op = OPS[name]
    one = cases.inputs(name, (1,), np.float64)
    values = each(op(one))
    for shape in [(1, 1), (1, 1, 1)]:
        inputs, outputs = cases.shapes(name, shape)
        results = each(op(tuple(map(np.reshape, one, inputs))))
        assert same(results, tuple(map(np.reshape, values, outputs)))
    for shape in [(0,), (0, 5), (5, 0), (3, 0, 2), (0, 0)]:
        inputs, outputs = cases.shapes(name, shape)
        arrays = tuple(map(np.zeros, inputs))
        results = each(op(arrays))
        assert [np.shape(r) for r in results] == outputs
        for result, wanted in zip(results, each(cases.reference(name)(*arrays)), strict=True):
            np.testing.assert_array_equal(result, wanted)
        gradients = both(op, arrays)[2 * op.nout :]
        assert [g.shape for g in gradients] == (inputs if op.derivative else [])


@pytest.mark.parametrize("name", [name for name in NAMES if cases.signature(name).dims <= {"n"}])
def test_scalars(name):
    op = OPS[name]
    arrays = cases.inputs(name, (1,), np.float64)
    scalars = tuple(x.reshape(()) for x in arrays)
    results = each(op(scalars))
    assert all(type(r) is np.float64 for r in results)
    assert same(results, tuple(np.reshape(r, ()) for r in each(op(arrays))))
    assert same(each(op(tuple(map(float, scalars)))), results)


@pytest.mark.parametrize("name", NAMES)
def test_no_floating_point_warning(name):
    op = OPS[name]
    strange = np.array([0, -0.0, 1e-310, 5e-324, 1e308, -1e308, np.inf, -np.inf, np.nan, -1, 1e-30])
    with np.errstate(all="raise"):
        for dtype in FLOATS:
            with np.errstate(all="ignore"):
                x = strange.astype(dtype)
            for shift in range(op.nin * 3):
                shapes = enumerate(cases.shapes(name, (11, 11))[0])
                both(op, tuple(np.resize(np.roll(x, shift * k), shape) for k, shape in shapes))


@pytest.mark.parametrize("name", [name for name in NAMES if OPS[name].derivative])
def test_derivative_agrees_with_central_differences(name, rng):
    op, function = OPS[name], cases.function(name)
    arrays = cases.inputs(name, (4, 5), np.float64)
    outputs = cases.shapes(name, (4, 5))[1]
    cotangents = tuple(rng.normal(size=shape) for shape in outputs)
    given = cotangents if op.nout > 1 else cotangents[0]
    values, gradients = fastgen.value_and_grad(function)(*arrays, cotangent=given)
    assert same(values, function(*arrays))
    batch = 1 if cases.signature(name).has_rows else 2

    def weighted(values):
        terms = zip(cotangents, each(values), strict=True)
        return sum(np.sum(c * v, axis=tuple(range(batch, v.ndim))) for c, v in terms)

    h = 1e-6
    for k, x in enumerate(arrays):
        for place in np.ndindex(x.shape[batch:]):
            step = np.zeros_like(x)
            step[(..., *place)] = h
            ahead = function(*arrays[:k], x + step, *arrays[k + 1 :])
            behind = function(*arrays[:k], x - step, *arrays[k + 1 :])
            slope = (weighted(ahead) - weighted(behind)) / (2 * h)
            np.testing.assert_allclose(gradients[k][(..., *place)], slope, rtol=1e-7, atol=1e-8)
