"""Noise as dask arrays: the elements of the one big array, whatever the chunks."""

import pickle

import dask.array as da
import numpy as np
import pytest

from fastgen import noise

SHAPE = (7, 6, 5)
CHUNKS = [
    3,
    (7, 6, 5),
    (1, 6, 5),
    (7, 2, 5),
    (7, 6, 2),
    ((1, 4, 2), (5, 1), (2, 3)),
    (1, 1, 1),
    "auto",
]
DRAWS = {
    "normal": noise.normal,
    "uniform": noise.uniform,
    "brownian": lambda shape, **options: noise.brownian(shape, 0.5, 2.0, **options),
}


@pytest.mark.parametrize("chunks", CHUNKS, ids=str)
@pytest.mark.parametrize("name", DRAWS)
def test_draws(name, chunks):
    draw = DRAWS[name]
    for dtype in (np.float16, np.float32, np.float64):
        wanted = draw(SHAPE, key=3, counter=11, dtype=dtype)
        lazy = draw(SHAPE, key=3, counter=11, dtype=dtype, chunks=chunks)
        assert (lazy.shape, lazy.dtype) == (SHAPE, dtype)
        assert lazy.numblocks == da.empty(SHAPE, chunks=chunks, dtype=dtype).numblocks
        copied = pickle.loads(pickle.dumps(lazy))
        np.testing.assert_array_equal(copied.compute(scheduler="synchronous"), wanted)


@pytest.mark.parametrize("chunks", [(200, 2), (40, 3000), (200, 1500), (7, 1)], ids=str)
def test_short_and_long_rows(chunks):
    """Short parts are cut from whole rows. Long ones are drawn one by one."""
    shape = (200, 6) if chunks[1] < 6 else (200, 3000)
    lazy = noise.normal(shape, key=1, chunks=chunks)
    wanted = noise.normal(shape, key=1)
    np.testing.assert_array_equal(lazy.compute(scheduler="synchronous"), wanted)


def test_bits_and_numbers():
    lazy = noise.random_bits(23, key=1, counter=2, chunks=5)
    wanted = noise.random_bits(23, key=1, counter=2)
    assert lazy.dtype == np.uint32
    np.testing.assert_array_equal(lazy.compute(scheduler="synchronous"), wanted)
    for shape in ((), (0, 3), 4):
        lazy = noise.normal(shape, key=1, chunks=2 if shape else ())
        wanted = noise.normal(shape, key=1)
        np.testing.assert_array_equal(lazy.compute(scheduler="synchronous"), wanted)


def test_wrong_arguments():
    with pytest.raises(TypeError, match="normal: chunks make a dask array, which has no out"):
        noise.normal(4, key=1, chunks=2, out=np.empty(4))
    with pytest.raises(ValueError, match="counter must lie"):
        noise.normal(4, key=1, chunks=2, counter=-1)
    with pytest.raises(ValueError, match="key and rng both select"):
        noise.normal(4, key=1, rng=2, chunks=2)
    with pytest.raises(TypeError, match="normal: dtype must be float16"):
        noise.normal(4, key=1, chunks=2, dtype=np.int32)
