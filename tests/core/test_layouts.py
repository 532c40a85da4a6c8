"""Random layouts: any view gives the bits of its contiguous copy."""

import itertools
import re

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from layouts import LAYOUTS

import fastgen
from fastgen import cases
from fastgen._ops import OPS
from fastgen.cases import each

ROW_OPS = sorted(name for name in OPS if cases.signature(name).has_rows)


@st.composite
def views(draw, shape, dtype):
    """Draw a view of this shape into a larger array: sliced, reversed, transposed, unaligned."""
    order = draw(st.permutations(range(len(shape))))
    steps = [draw(st.sampled_from([1, 2, 3, -1, -2])) for _ in shape]
    offsets = [draw(st.integers(0, 3)) for _ in shape]
    large = [n * abs(s) + o + 1 for n, s, o in zip(shape, steps, offsets, strict=True)]
    seed = draw(st.integers(0, 2**32 - 1))
    base = np.random.default_rng(seed).normal(size=[large[d] for d in order]).astype(dtype)
    base = np.transpose(base, np.argsort(order))
    cut = [
        slice(o, o + n * s, s) if s > 0 else slice(o - n * s - 1, o - 1 if o else None, s)
        for n, s, o in zip(shape, steps, offsets, strict=True)
    ]
    view = base[tuple(cut)][tuple(slice(0, n) for n in shape)]
    assert view.shape == tuple(shape)
    return (
        LAYOUTS[draw(st.sampled_from(["shifted", "field"]))](view) if draw(st.booleans()) else view
    )


@st.composite
def row_shapes(draw, batch):
    """Draw a shape that broadcasts to that of the batch."""
    kept = batch[draw(st.integers(0, len(batch))) :]
    return tuple(draw(st.sampled_from([1, n])) for n in kept)


@st.composite
def calls(draw):
    name = draw(st.sampled_from(ROW_OPS))
    cores = cases.signature(name).inputs
    broadcast = draw(
        hnp.mutually_broadcastable_shapes(
            num_shapes=sum(map(len, cores)), min_dims=1, max_dims=4, min_side=1, max_side=40
        )
    )
    full = broadcast.result_shape
    axis = draw(st.none() | st.sets(st.integers(-len(full), len(full) - 1), max_size=len(full)))
    if axis is not None:
        axis = tuple({a % len(full) for a in axis})
    keepdims = draw(st.booleans())
    batch = np.sum(np.broadcast_to(0, full), axis=axis, keepdims=keepdims).shape
    per_element = iter(broadcast.input_shapes)
    shapes = [next(per_element) if core else draw(row_shapes(batch)) for core in cores]
    dtypes = st.sampled_from([np.float16, np.float32, np.float64])
    arrays = [draw(views(shape, draw(dtypes))) for shape in shapes]
    return name, arrays, axis, keepdims


def everything(op, arrays, *options):
    ones = (1.0,) * op.nout
    gradients = op.derivative((*arrays, *ones), *options) if op.derivative else ()
    return (*each(op(arrays, *options)), *gradients)


@settings(max_examples=300, deadline=None, derandomize=True)
@given(calls())
def test_a_view_gives_the_bits_of_its_copy(call):
    name, arrays, axis, keepdims = call
    op, cores = OPS[name], cases.signature(name).inputs
    full = np.broadcast_shapes(*(x.shape for x, core in zip(arrays, cores, strict=True) if core))
    copies = [
        np.array(np.broadcast_to(x, full) if core else x)
        for x, core in zip(arrays, cores, strict=True)
    ]
    with np.errstate(all="ignore"):
        got, want = (everything(op, tuple(a), axis, keepdims) for a in (arrays, copies))
    for a, b in zip(got, want, strict=True):
        assert a.dtype == b.dtype
        np.testing.assert_array_equal(a, b)


# Lengths: less than a group of lanes, a block, a few blocks, a chunk; and rows cut into tiles.
ACROSS = [(3, 400), (40, 21), (1000, 16), (2100, 3, 20), (66_000, 17)]


@pytest.mark.parametrize("shape", ACROSS, ids=str)
@pytest.mark.parametrize("name", ROW_OPS)
def test_rows_side_by_side_give_the_bits_of_rows_in_line(name, shape):
    op, cores = OPS[name], cases.signature(name).inputs
    rng = np.random.default_rng(0)
    across = [rng.normal(size=shape if core else shape[1:]).astype(np.float32) for core in cores]
    along = [
        np.ascontiguousarray(np.moveaxis(x, 0, -1)) if core else x
        for x, core in zip(across, cores, strict=True)
    ]
    with np.errstate(all="ignore"):
        got, want = everything(op, tuple(across), 0), everything(op, tuple(along), -1)
    for a, b in zip(got, want, strict=True):
        np.testing.assert_array_equal(np.moveaxis(a, 0, -1) if a.ndim == len(shape) else a, b)


COMBINATIONS = [name for name in ROW_OPS if re.search(r"solver_step|guided_step|bination", name)]


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("name", COMBINATIONS)
def test_a_long_row_and_numbers_give_the_bits_of_short_rows(name, dtype):
    """A long row has a loop of its own, which reads the numbers once."""
    op, cores = OPS[name], cases.signature(name).inputs
    rng = np.random.default_rng(0)
    arrays = [rng.normal(size=5003).astype(dtype) if core else rng.normal() for core in cores]
    starts = range(0, 5003, 400)
    parts = [tuple([x[i : i + 400] if np.ndim(x) else x for x in arrays]) for i in starts]
    want = zip(*[each(op(part)) for part in parts], strict=True)
    for a, b in zip(each(op(tuple(arrays))), want, strict=True):
        np.testing.assert_array_equal(a, np.concatenate(b))


def steps(x):
    """Return the strides of dimensions with more than one element. Others have no meaning."""
    return [stride for stride, n in zip(x.strides, x.shape, strict=True) if n > 1]


@pytest.mark.parametrize("axes", list(itertools.permutations(range(3))), ids=str)
def test_results_lie_in_memory_as_their_inputs(axes):
    x = np.random.default_rng(0).normal(size=(4, 2, 6)).transpose(axes)
    for view in (x, x[:, ::-1], x[..., :1], x[:, ::2]):
        assert steps(fastgen.elementary.exp(view)) == steps(np.exp(view))
    y, logabsdet = fastgen.flow.affine_coupling(x, 0.1 * x, x)
    assert y.strides == x.strides
    np.testing.assert_allclose(logabsdet, 0.1 * x.sum(-1), rtol=1e-12, atol=1e-12)
