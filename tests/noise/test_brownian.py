"""`noise.brownian`: a path addressed by time, in any order, with the bits of no other draw."""

import hashlib
import itertools
import math
import pickle

import numpy as np
import pytest

from fastgen import _core, noise
from fastgen.noise.cells import increment
from fastgen.reference import noise as reference

ISAS = [name for name, supported in _core.isas() if supported]
DTYPES = [np.float32, np.float64]
PAIRS = [
    (0.0, 1.0),
    (0.0, 0.3),
    (0.3, 0.37),
    (0.25, 0.5),
    (0.1, 700.0),
    (1.0, np.nextafter(1.0, 2)),
    (np.nextafter(1.0, 0), 1.0),
    (3e-290, 4e-290),
    (1e5, 1e9),
]


def draw(isa, shape, times, dtype, key=1, counter=0, out=None):
    stream = _core.Stream(key, counter, increment=increment(*times))
    copy = _core.bind_copy("noise.brownian", isa)
    return _core.draw(copy, stream, shape, np.dtype(dtype), out)


def times(rng, count):
    """Return increasing times of all magnitudes, near together or far apart."""
    spread = rng.choice([1e-12, 1e-6, 1e-2, 1.0, 30.0])
    logs = rng.uniform(-200, 200) + spread * np.sort(rng.standard_normal(count))
    return np.exp(logs).tolist()


def product(one, other):
    """Return the covariance of two increments, from the weights of the cells that they share."""
    weights = dict(zip(one.cells["owner"].tolist(), one.cells["weight"].tolist(), strict=True))
    pairs = zip(other.cells["owner"].tolist(), other.cells["weight"].tolist(), strict=True)
    return math.fsum(weights.get(owner, 0.0) * weight for owner, weight in pairs)


def test_covariances_are_those_of_a_brownian_motion(rng):
    """Not an estimate: the weights of an increment give its covariance with any other."""
    for _ in range(400):
        a, b, c, d = times(rng, 4)
        for first, second in [
            ((a, b), (a, b)),
            ((a, b), (b, c)),
            ((a, b), (c, d)),
            ((a, c), (b, d)),
            ((a, d), (b, c)),
            ((0.0, b), (a, c)),
            ((0.0, a), (a, b)),
            ((0.0, c), (0.0, d)),
        ]:
            shared = max(0.0, min(first[1], second[1]) - max(first[0], second[0]))
            one, other = increment(*first), increment(*second)
            if not one.scale * other.scale:
                continue
            wanted = shared / (one.scale * other.scale)
            assert abs(product(one, other) - wanted) < 1e-13


@pytest.mark.parametrize("ends", PAIRS)
def test_owners_are_distinct_and_few(ends):
    owners = increment(*ends).cells["owner"]
    assert len(set(owners.tolist())) == len(owners) <= 2 * 53 + 108
    assert (owners >> np.uint64(63) == 1).all()  # above all words that other functions draw


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("ends", PAIRS)
@pytest.mark.parametrize("counter", [0, 3, 2**64 - 200])
def test_reference(ends, counter, dtype):
    wanted = reference.brownian((3, 7), *ends, key=9, counter=counter, dtype=np.float64)
    if dtype == np.float32:
        wanted = reference.brownian((3, 7), *ends, key=9, counter=counter, dtype=dtype)
    got = noise.brownian((3, 7), *ends, key=9, counter=counter, dtype=dtype)
    tolerance = 40 * np.finfo(dtype).eps * math.sqrt(ends[1] - ends[0])
    close = ends[1] / (ends[1] - ends[0])  # the reference subtracts values of the path
    np.testing.assert_allclose(got, wanted, rtol=0, atol=tolerance * max(1, 1e-8 * close))


@pytest.mark.parametrize("dtype", DTYPES)
def test_increments_add_up_in_any_order(dtype, rng):
    eps = float(np.finfo(dtype).eps)
    for _ in range(50):
        a, b, c = (t for t in times(rng, 3))
        if not 1e-60 < c < 1e60:
            continue
        for first, middle, last in ((a, b, c), (0.0, a, c), (c, a, b)):
            spans = [(middle, last), (first, last), (first, middle)]
            after, whole, before = (noise.brownian(300, *s, key=2, dtype=dtype) for s in spans)
            size = max(math.sqrt(abs(q - p)) for p, q in spans)
            np.testing.assert_allclose(before + after, whole, rtol=0, atol=60 * eps * size)
        back = noise.brownian(300, b, a, key=2, dtype=dtype)
        np.testing.assert_array_equal(back, -noise.brownian(300, a, b, key=2, dtype=dtype))
        assert (noise.brownian(300, a, a, key=2, dtype=dtype) == 0).all()


@pytest.mark.parametrize("dtype", DTYPES)
def test_distribution(dtype):
    """Moments and covariances of 200 000 motions, over intervals that touch."""
    ends = [0.0, 1e-6, 0.3, 0.3001, 0.5, 2.75, 1e4]
    n, spans = 200_000, list(itertools.pairwise(ends))
    drawn = [noise.brownian(n, *s, key=6, dtype=dtype).astype(float) for s in spans]
    z = np.array([w / math.sqrt(q - p) for w, (p, q) in zip(drawn, spans, strict=True)])
    assert np.abs(z.mean(1)).max() < 4.5 / math.sqrt(n)
    assert np.abs(np.cov(z) - np.eye(len(z))).max() < 4.5 * math.sqrt(2 / n)
    assert np.abs((z**3).mean(1)).max() < 4.5 * math.sqrt(15 / n)
    assert np.abs((z**4).mean(1) - 3).max() < 4.5 * math.sqrt(96 / n)
    inside = np.abs(z).reshape(-1)
    assert abs((inside > 3).mean() - 0.0026998) < 4.5 * math.sqrt(0.0027 / inside.size)
    neighbours = (z[:, 1:] * z[:, :-1]).mean(1)  # of one motion and the next
    assert np.abs(neighbours).max() < 4.5 / math.sqrt(n)
    assert not np.array_equal(drawn[0], noise.brownian(n, *spans[0], key=7, dtype=dtype))


# 4096 increments of key 12 from motion 2^63 - 1000. All instruction sets have this hash.
DIGESTS = {np.float32: "836c4024e48830c0", np.float64: "d869975792e72e0d"}


@pytest.mark.parametrize("isa", ISAS)
@pytest.mark.parametrize("dtype", DIGESTS)
def test_the_same_bits_everywhere(isa, dtype):
    drawn = draw(isa, (4096,), (0.1, 7.3), dtype, key=12, counter=2**63 - 1000)
    assert hashlib.sha256(drawn.tobytes()).hexdigest()[:16] == DIGESTS[dtype]


@pytest.mark.parametrize("isa", ISAS)
@pytest.mark.parametrize("dtype", DTYPES)
def test_any_slice_is_drawn_alike(isa, dtype, rng):
    whole = draw(isa, (5000,), (0.2, 0.9), dtype, counter=3)
    for _ in range(40):
        start = int(rng.integers(4000))
        n = int(rng.integers(1, rng.choice([5, 40, 5000 - start])))
        part = draw(isa, (n,), (0.2, 0.9), dtype, counter=3 + start)
        np.testing.assert_array_equal(part, whole[start : start + n])


@pytest.mark.parametrize("dtype", DTYPES)
def test_threads_and_layouts_draw_alike(dtype, threads):
    threads(1)
    alone = noise.brownian((300, 101), 0.5, 3.0, key=8, dtype=dtype)
    threads(2)
    again = noise.brownian((300, 101), 0.5, 3.0, key=8, dtype=dtype)
    np.testing.assert_array_equal(again, alone)
    out = np.empty((101, 600), dtype).T[::2]
    assert noise.brownian((300, 101), 0.5, 3.0, key=8, out=out) is out
    np.testing.assert_array_equal(out, alone)


@pytest.mark.parametrize("dtype", ["float16", "bfloat16"])
def test_half_precision_is_the_float32_motion_rounded(dtype):
    dtype = np.dtype(getattr(pytest.importorskip("ml_dtypes"), dtype, dtype))
    half, single = (noise.brownian(5000, 0.5, 3.0, key=2, dtype=t) for t in (dtype, np.float32))
    np.testing.assert_array_equal(half, single.astype(dtype))


@pytest.mark.parametrize("dtype", DTYPES)
def test_times_of_any_size_give_no_nan(dtype):
    largest, least = np.finfo(np.float64).max, 5e-324
    for ends in [(0, largest), (least, largest), (0, least), (least, 2e-308), (1e300, 1.1e300)]:
        with np.errstate(all="ignore"):
            drawn = noise.brownian(2000, *ends, key=3, dtype=dtype).astype(np.float64)
        assert not np.isnan(drawn).any()
        size = math.sqrt(ends[1] - ends[0])
        if 1e-30 < size < 1e30 or dtype == np.float64:
            assert 0.9 < np.std(drawn / size) < 1.1


def test_streams_of_increments(rng):
    """They pickle, compare, and move along their elements."""
    streams = [noise.Stream(3, 5, increment=increment(*t)) for t in ((1, 2), (1, 2), (1, 3))]
    assert streams[0] == streams[1] != streams[2] and streams[0] != noise.Stream(3, 5)
    again = pickle.loads(pickle.dumps(streams[0]))
    assert again == streams[0] and again.moved(4) == noise.Stream(3, 9, increment=increment(1, 2))
    assert hash(increment(1, 2)) == hash(pickle.loads(pickle.dumps(increment(1, 2))))


def test_keys_and_errors():
    a = noise.brownian(5, 1, 2, rng=1)
    np.testing.assert_array_equal(a, noise.brownian(5, 1, 2, rng=np.random.default_rng(1)))
    assert not np.array_equal(noise.brownian(5, 1, 2), noise.brownian(5, 1, 2))
    assert noise.brownian((), 1, np.float32(2), key=1).shape == ()
    assert noise.brownian((2, 0), 1, 2, key=1).shape == (2, 0)
    for bad in (-1.0, math.nan, math.inf):
        with pytest.raises(ValueError, match=r"brownian: t0 must be >= 0, and be finite; got"):
            noise.brownian(3, bad, 1, key=1)
        with pytest.raises(ValueError, match=r"brownian: t1 must be >= 0, and be finite; got"):
            noise.brownian(3, 1, bad, key=1)
    for bad in ("1", None, True, [1.0]):
        with pytest.raises(TypeError, match=r"brownian: t1 must be a number, got"):
            noise.brownian(3, 1, bad, key=1)
    with pytest.raises(ValueError, match=r"counter must lie in 0 <= counter < 2\*\*64"):
        noise.brownian(3, 1, 2, key=1, counter=2**64)
    with pytest.raises(ValueError, match="key and rng"):
        noise.brownian(3, 1, 2, key=1, rng=1)
    with pytest.raises(TypeError, match="dtype must be float16"):
        noise.brownian(3, 1, 2, key=1, dtype=np.int32)
    with pytest.raises(ValueError, match="must not be negative"):
        noise.brownian(-1, 1, 2, key=1)
