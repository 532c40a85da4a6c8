"""Layouts that nobody thought of: any view gives the bits of its contiguous copy."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from layouts import LAYOUTS

from fastgen._ops import OPS

ROW_OPS = sorted(name for name in OPS if "n" in OPS[name].signature)


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
def calls(draw):
    name = draw(st.sampled_from(ROW_OPS))
    broadcast = draw(
        hnp.mutually_broadcastable_shapes(
            num_shapes=OPS[name].nin, min_dims=1, max_dims=4, min_side=1, max_side=40
        )
    )
    arrays = [
        draw(views(shape, draw(st.sampled_from([np.float16, np.float32, np.float64]))))
        for shape in broadcast.input_shapes
    ]
    ndim = len(broadcast.result_shape)
    axis = draw(st.none() | st.sets(st.integers(-ndim, ndim - 1), max_size=ndim))
    if axis is not None:
        axis = tuple({a % ndim for a in axis})
    return name, arrays, axis, draw(st.booleans())


@settings(max_examples=300, deadline=None, derandomize=True)
@given(calls())
def test_a_view_gives_the_bits_of_its_copy(call):
    name, arrays, axis, keepdims = call
    op = OPS[name]
    copies = tuple(np.array(x) for x in np.broadcast_arrays(*arrays))
    with np.errstate(all="ignore"):
        got = [op(tuple(arrays), axis, keepdims), *op.derivative((*arrays, 1.0), axis, keepdims)]
        want = [op(copies, axis, keepdims), *op.derivative((*copies, 1.0), axis, keepdims)]
    for a, b in zip(got, want, strict=True):
        assert a.dtype == b.dtype
        np.testing.assert_array_equal(a, b)
