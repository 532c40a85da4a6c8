"""Layouts that nobody thought of: any view gives the bits of its contiguous copy."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from layouts import LAYOUTS

from fastgen import cases
from fastgen._ops import OPS
from fastgen.cases import each

ROW_OPS = sorted(name for name in OPS if cases.signature(name).has_rows)


@st.composite
def views(draw, shape, dtype):
    """An array of this shape cut from something larger: sliced, reversed, transposed, unaligned."""
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
    """A shape that broadcasts to that of the batch."""
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
