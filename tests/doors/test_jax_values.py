"""`fastgen.jax`: the values are those of fastgen, to the bit, for every function."""

import functools

import ml_dtypes
import numpy as np
import pytest

jax = pytest.importorskip("jax")

import jax.numpy as jnp  # noqa: E402
from jax_calls import each, every, of_some, places_of  # noqa: E402

TYPES = [np.float64, np.float32, np.float16, ml_dtypes.bfloat16]
HALF, SOME = every(2), every(8)


def assert_same(found, wanted):
    assert len(found) == len(wanted)
    for a, b in zip(map(np.asarray, found), map(np.asarray, wanted), strict=True):
        assert (a.dtype, a.shape) == (b.dtype, b.shape)
        assert a.tobytes() == b.tobytes()


@pytest.mark.usefixtures("wide")
@pytest.mark.parametrize("call", HALF, ids=[call.name for call in HALF])
def test_values(call):
    """One program has the call in all types."""
    inputs = [call.on_jax(dtype) for dtype in TYPES]
    places = places_of(inputs[0])
    functions = [of_some(call.of_door, own, places) for own in inputs]

    def program(arrays):
        return [f(*own) for f, own in zip(functions, arrays, strict=True)]

    found = jax.jit(program)([[own[k] for k in places] for own in inputs])
    for results, dtype in zip(found, TYPES, strict=True):
        assert_same(results, each(call.on_arrays(*call.arrays(dtype))))


@pytest.mark.parametrize("call", SOME, ids=[call.name for call in SOME])
def test_values_without_64_bit_types(call):
    found = each(call.of_door(*call.on_jax(np.float32)))
    assert all(x.dtype.itemsize <= 4 for x in found)
    f, options = call.on_arrays, getattr(call.on_arrays, "keywords", {})
    if isinstance(options.get("noise"), np.ndarray):  # JAX has rounded it already
        f = functools.partial(f, noise=options["noise"].astype(np.float32))
    wanted = each(f(*call.arrays(np.float32)))
    kinds = [jax.dtypes.canonicalize_dtype(np.asarray(x).dtype) for x in wanted]
    assert_same(found, [np.asarray(x).astype(k) for x, k in zip(wanted, kinds, strict=True)])


@pytest.mark.usefixtures("wide")
@pytest.mark.parametrize("call", SOME, ids=[call.name for call in SOME])
def test_vmap_is_one_call_per_sample(call):
    inputs = call.on_jax(np.float64)
    places = [k for k in places_of(inputs) if not isinstance(inputs[k], (list, tuple))]
    if not places:
        pytest.skip("no input of a batch")
    choices = [places, places[-1:]] if len(places) > 1 else [places]
    batches = [
        [jnp.stack([inputs[k], inputs[k] * 0.9, inputs[k] * 0.8], axis=-1) for k in chosen]
        for chosen in choices
    ]
    functions = [of_some(call.of_door, inputs, chosen) for chosen in choices]

    def program(batches):
        pairs = list(zip(functions, batches, strict=True))
        together = [jax.vmap(f, in_axes=-1)(*own) for f, own in pairs]
        return together, [[f(*[x[..., k] for x in own]) for k in range(3)] for f, own in pairs]

    together, rows = jax.jit(program)(batches)
    for found, alone in zip(together, rows, strict=True):
        assert_same(found, [np.stack(column) for column in zip(*alone, strict=True)])
