"""The universal test: {operation x instruction set x type x layout x length}, derivatives too.

Most comparisons are of bits: the library promises the same for any layout, number of threads,
batch split, and instruction set with fused multiply-add.
"""

import itertools

import ml_dtypes
import numpy as np
import pytest
from layouts import LAYOUTS

import fastgen
from fastgen import cases
from fastgen._core import bind, isas
from fastgen._ops import OPS

ISAS = [name for name, supported in isas() if supported]
FMA_ISAS = [isa for isa in ISAS if isa not in ("x86-64-v2", "baseline")]
NAMES = sorted(OPS)
FLOATS = [np.float32, np.float64]
LENGTHS = [1, 2, 3, 7, 15, 16, 17, 20, 31, 33, 64, 100, 1023, 1024, 1025, 2049]
TOLERANCE = {np.dtype("f"): 3e-6, np.dtype("d"): 1e-10}  # the reference itself cancels


def same(a, b):
    """Equal in value, type, shape and bits (any NaN equals any other)."""
    if isinstance(a, tuple):
        return len(a) == len(b) and all(map(same, a, b))
    a, b = np.asarray(a), np.asarray(b)
    assert a.dtype == b.dtype and a.shape == b.shape
    bits = f"u{a.dtype.itemsize}"
    a, b = np.atleast_1d(a.copy()), np.atleast_1d(b.copy())
    equal = a.view(bits) == b.view(bits)
    return bool(np.all(equal | (np.isnan(a) & np.isnan(b))))


def both(op, arrays, **options):
    """The value, the value again, and the gradients."""
    return (op(arrays, **options), *op.derivative((*arrays, 0.75), **options))


@pytest.mark.parametrize("dtype", FLOATS)
@pytest.mark.parametrize("isa", ISAS)
@pytest.mark.parametrize("name", NAMES)
def test_every_length_agrees_with_the_reference(name, isa, dtype):
    op = bind(isa)[name]
    reference = cases.reference(name)
    shapes = [(*rows, n) for n in LENGTHS for rows in [(), (3,)]]
    for shape in [*shapes, (65536,), (65537,), (131073,)]:  # and where long rows are cut
        arrays = cases.inputs(name, shape, dtype, seed=shape[-1])
        value = op(arrays)
        wanted = reference(*(x.astype(float) for x in arrays))
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


@pytest.mark.parametrize("name", [name for name in NAMES if "n" in OPS[name].signature])
def test_bits_do_not_depend_on_the_axes_place(name):
    op = OPS[name]
    arrays = cases.inputs(name, (4, 6, 35), np.float32)
    wanted = both(op, arrays)
    for axis in (0, 1):
        moved = tuple(np.moveaxis(x, -1, axis).copy() for x in arrays)
        value, again, *gradients = both(op, moved, axis=axis)
        assert same((value, again), wanted[:2])
        assert same(tuple(np.moveaxis(g, axis, -1) for g in gradients), wanted[2:])
    flat = tuple(x.reshape(4, 210) for x in arrays)
    assert same(op(arrays, axis=(-1, 1)), op(flat))
    assert same(op(arrays, axis=None), op(tuple(x.ravel() for x in arrays)))
    assert same(op(arrays, axis=1, keepdims=True), op(arrays, axis=1)[:, None, :])
    assert same(op(arrays, axis=()), op(tuple(x[..., None] for x in arrays)))


@pytest.mark.parametrize("name", NAMES)
def test_bits_do_not_depend_on_broadcasting(name):
    op = OPS[name]
    full = cases.inputs(name, (4, 3, 40), np.float64)
    shapes = [(4, 3, 40), (3, 40), (40,), (4, 1, 40), (4, 3, 1), (1,), ()]
    for chosen in itertools.product(shapes, repeat=min(op.nin, 2)):
        picks = (chosen * op.nin)[: op.nin]
        arrays = tuple(
            x[(0,) * (3 - len(s))][tuple(slice(0, n) for n in s)] if s else x[0, 0, 0]
            for x, s in zip(full, picks, strict=True)
        )
        spread = tuple(np.array(x, order="C") for x in np.broadcast_arrays(*arrays))
        assert same(op(arrays), op(spread)), picks


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


@pytest.mark.parametrize("dtype", FLOATS)
@pytest.mark.parametrize("name", NAMES)
def test_bits_do_not_depend_on_the_instruction_set(name, dtype):
    wanted = cases.CASES[name].bits[dtype == np.float64]
    for isa in FMA_ISAS:
        assert cases.digest(bind(isa)[name], dtype) == wanted, isa


@pytest.mark.parametrize("name", NAMES)
def test_in_place_and_overlapping_out(name):
    op = OPS[name]
    for dtype in FLOATS:
        arrays = cases.inputs(name, (3, 1100), dtype)
        wanted = op.derivative((*arrays, 0.75))
        gradient = wanted[1]
        for k in range(op.nin):
            copies = [x.copy() for x in arrays]
            out = (None, copies[k], *[None] * (op.nin - 1))  # the first gradient over input k
            got = op.derivative((*copies, 0.75), out=out)
            assert got[1] is copies[k] and same(got[1], gradient)
        # Every offset of the output against an input, in elements and in bytes.
        for offset in [*range(-20, 21), *range(-70 * 8, 70 * 8, 171)]:
            raw = np.zeros(arrays[0].nbytes + 2400, np.uint8)
            first = raw[1200 : 1200 + arrays[0].nbytes].view(dtype).reshape(arrays[0].shape)
            first[...] = arrays[0]
            target = raw[1200 + offset :][: first.nbytes].view(dtype).reshape(first.shape)
            op.derivative((first, *arrays[1:], 0.75), out=(None, target, *[None] * (op.nin - 1)))
            assert same(target, gradient), offset


@np.errstate(over="ignore")  # of NumPy's casts
@pytest.mark.parametrize("half", [np.float16, ml_dtypes.bfloat16])
@pytest.mark.parametrize("name", NAMES)
def test_half_precision_is_float32_rounded_once(name, half):
    op = OPS[name]
    for shape in [(4, 20), (2, 1500)]:
        arrays = tuple(x.astype(half) for x in cases.inputs(name, shape, np.float32))
        wide = tuple(x.astype(np.float32) for x in arrays)
        if "n" in op.signature:  # the sum, in float64, is rounded once: not to float32 in between
            wanted = op(wide, out=np.empty(shape[:1], np.float64)).astype(half)
        else:
            wanted = op(wide).astype(half)
        value, again, *gradients = both(op, arrays)
        assert same((value, again), (wanted, wanted))
        rounded = tuple(g.astype(half) for g in both(op, wide)[2:])
        assert same(tuple(gradients), rounded)
        assert same(op(tuple(map(LAYOUTS["strided"], arrays))), wanted)


@pytest.mark.parametrize("dtype", [np.float16, ml_dtypes.bfloat16, *FLOATS])
@pytest.mark.parametrize("name", NAMES)
def test_special_values(name, dtype):
    for isa in ISAS:
        op = bind(isa)[name]
        for numbers, wanted in cases.CASES[name].edges:
            arrays = tuple(np.array([x]).astype(dtype) for x in numbers)
            got = np.asarray(op(arrays)).reshape(-1)[0]
            assert same(got, np.array(wanted).astype(dtype)), (isa, numbers)


@pytest.mark.parametrize("name", NAMES)
def test_empty_size_one_and_0d(name):
    op = OPS[name]
    one = cases.inputs(name, (1,), np.float64)
    value = op(one)
    for shape in [(1, 1), (1, 1, 1)]:
        result = op(tuple(x.reshape(shape) for x in one))
        assert same(result, np.reshape(value, result.shape)) and result.ndim >= len(shape) - 1
    scalar = op(tuple(x.reshape(()) for x in one))
    assert type(scalar) is np.float64 and same(scalar, np.reshape(value, ()))
    assert same(op(tuple(float(x[0]) for x in one)), scalar)
    rows = "n" in op.signature
    for shape in [(0,), (0, 5), (5, 0), (3, 0, 2), (0, 0)]:
        arrays = tuple(np.zeros(shape) for _ in range(op.nin))
        result = op(arrays)
        assert np.shape(result) == (shape[:-1] if rows else shape)
        assert not np.any(result)
        assert [g.shape for g in op.derivative((*arrays, 1.0))[1:]] == [shape] * op.nin


@pytest.mark.parametrize("name", NAMES)
def test_no_floating_point_warning(name):
    op = OPS[name]
    strange = np.array([0, -0.0, 1e-310, 5e-324, 1e308, -1e308, np.inf, -np.inf, np.nan, -1, 1e-30])
    with np.errstate(all="raise"):
        for dtype in FLOATS:
            with np.errstate(all="ignore"):
                x = strange.astype(dtype)
            for shift in range(op.nin * 3):
                both(op, tuple(np.roll(x, shift * k) for k in range(op.nin)))


@pytest.mark.parametrize("name", NAMES)
def test_derivative_agrees_with_central_differences(name):
    op, function = OPS[name], cases.function(name)
    arrays = cases.inputs(name, (4, 5), np.float64)
    value, gradients = fastgen.value_and_grad(function)(*arrays)
    assert same(value, function(*arrays))
    for k in range(op.nin):
        h = 1e-6
        moved = [list(arrays), list(arrays)]
        for sign, m in zip((1, -1), moved, strict=True):
            m[k] = arrays[k] + sign * h * np.eye(5)[2] * np.ones((4, 1))
        slope = (function(*moved[0]) - function(*moved[1])) / (2 * h)
        if "n" not in op.signature:
            slope = slope[:, 2]
        np.testing.assert_allclose(gradients[k][:, 2], slope, rtol=1e-7, atol=1e-8)
