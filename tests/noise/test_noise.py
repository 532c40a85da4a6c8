"""`fastgen.noise`: known answers, slices, the same bits everywhere, and noise as an input."""

import numpy as np
import pytest

import fastgen
from fastgen import _core, noise, vae
from fastgen.reference import noise as reference

ISAS = [name for name, supported in _core.isas() if supported]
KINDS = {"normal": 0, "uniform": 1, "random_bits": 2}
DTYPES = [np.float32, np.float64]
MASK = 2**32 - 1


def draw(isa, name, shape, key, counter, dtype, out=None):
    stream = _core.Stream(key, counter, noise=KINDS[name])
    return _core.draw(_core.bind_copy(f"noise.{name}", isa), stream, shape, np.dtype(dtype), out)


def block(isa, counter, key):
    """Return the block of a counter of four words. The lowest word comes first."""
    first = 4 * sum(word << 32 * k for k, word in enumerate(counter))
    return [int(w) for w in draw(isa, "random_bits", (4,), key, first, np.float32).view(np.uint32)]


# Random123's kat_vectors, then the places where a word of the counter overflows.
KNOWN = [
    ((0, 0, 0, 0), 0, (0x6627E8D5, 0xE169C58D, 0xBC57AC4C, 0x9B00DBD8)),
    ((MASK,) * 4, 2**64 - 1, (0x408F276D, 0x41C83B0E, 0xA20BC7C6, 0x6D5451FD)),
    (
        (0x243F6A88, 0x85A308D3, 0x13198A2E, 0x03707344),
        0x299F31D0A4093822,
        (0xD16CFE09, 0x94FDCCEB, 0x5001E420, 0x24126EA1),
    ),
    ((1, 0, 0, 0), 0x0BADCAFEDEADBEEF, (0xB5E7E14C, 0x493D8F55, 0x9584D523, 0x1E2D2B85)),
    ((MASK, 0, 0, 0), 0x0BADCAFEDEADBEEF, (0xAE235F0D, 0xDCC7B398, 0xEF7241F0, 0xDD098E95)),
    ((0, 1, 0, 0), 0x0BADCAFEDEADBEEF, (0x984C68CD, 0x7954F982, 0x8BF5605E, 0xCE7FDBD1)),
    ((MASK, MASK, 0, 0), 0x0BADCAFEDEADBEEF, (0x496769E5, 0x51D9354E, 0x03AD21ED, 0x95E45915)),
    ((0, 0, 1, 0), 0x0BADCAFEDEADBEEF, (0xBB649A73, 0x458D3326, 0x44ED03DE, 0xD03A8927)),
    ((MASK, MASK, MASK, 0), 0x0BADCAFEDEADBEEF, (0x527B84AA, 0xB8550E53, 0xAD79E2A8, 0xF107CB4F)),
    ((0, 0, 0, 1), 0x0BADCAFEDEADBEEF, (0x76B15D09, 0xD3F116D7, 0x6964050E, 0x7C39479D)),
]


@pytest.mark.parametrize("isa", ISAS)
def test_known_answers(isa):
    for counter, key, words in KNOWN:
        assert block(isa, counter, key) == list(words)


@pytest.mark.parametrize("isa", ISAS)
@pytest.mark.parametrize("boundary", [2**32, 2**64, 2**96, 2**128])
def test_counter_carries_within_a_draw(isa, boundary):
    first = 4 * boundary - 4000
    bits = draw(isa, "random_bits", (8000,), 5, first, np.float32).view(np.uint32)
    for b in (-1000, -1, 0, 1, 999):
        counter = [(boundary + b) >> 32 * k & MASK for k in range(4)]
        assert list(bits[4000 + 4 * b :][:4]) == block(isa, counter, 5)


def test_ten_thousandth_value_of_the_standard():
    """C++26: the default-constructed `std::philox4x32`, whose seed is 20111115."""
    assert noise.random_bits(10_000, key=20111115)[-1] == 1955073260


@pytest.mark.parametrize("counter", [0, 1, 2, 7, 2**66 - 5])
def test_reference(counter):
    bits = reference.random_bits(1001, key=2**63 + 11, counter=counter)
    np.testing.assert_array_equal(noise.random_bits(1001, key=2**63 + 11, counter=counter), bits)
    for dtype in DTYPES:
        u = reference.uniform((13, 77), key=3, counter=counter, dtype=dtype)
        np.testing.assert_array_equal(
            noise.uniform((13, 77), key=3, counter=counter, dtype=dtype), u
        )
        z = reference.normal((13, 7001), key=3, counter=counter, dtype=dtype)
        got = noise.normal((13, 7001), key=3, counter=counter, dtype=dtype)
        assert np.max(np.abs(got - z) / np.spacing(np.abs(z))) <= 6


# 4096 draws from key 12 and counter 2^65 - 1000. All instruction sets have this hash.
DIGESTS = {
    ("normal", np.float32): "3e230de1c439ecbc",
    ("normal", np.float64): "1db2d7f0ff1497a1",
    ("uniform", np.float32): "b46c5b5cf45d60a5",
    ("uniform", np.float64): "4b0d7fd390269d3d",
    ("random_bits", np.float32): "238aa5b2e3df3970",
}


@pytest.mark.parametrize("isa", ISAS)
@pytest.mark.parametrize(("name", "dtype"), DIGESTS)
def test_the_same_bits_everywhere(isa, name, dtype):
    import hashlib

    drawn = draw(isa, name, (4096,), 12, 2**65 - 1000, dtype)
    assert hashlib.sha256(drawn.tobytes()).hexdigest()[:16] == DIGESTS[name, dtype]


@pytest.mark.parametrize("isa", ISAS)
@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", ["normal", "uniform"])
def test_any_slice_is_drawn_alike(isa, name, dtype, rng):
    whole = draw(isa, name, (10_000,), 99, 3, dtype)
    for _ in range(60):
        start = int(rng.integers(9000))
        n = int(rng.integers(1, rng.choice([5, 40, 10_000 - start])))
        part = draw(isa, name, (n,), 99, 3 + start, dtype)
        np.testing.assert_array_equal(part, whole[start : start + n])


@pytest.mark.parametrize("dtype", DTYPES)
def test_threads_and_layouts_draw_alike(dtype, threads):
    threads(1)
    alone = noise.normal((300, 1001), key=8, dtype=dtype)
    threads(2)
    np.testing.assert_array_equal(noise.normal((300, 1001), key=8, dtype=dtype), alone)
    out = np.empty((1001, 600), dtype).T[::2]
    assert noise.normal((300, 1001), key=8, out=out) is out
    np.testing.assert_array_equal(out, alone)


@pytest.mark.parametrize("dtype", ["float16", "bfloat16"])
def test_half_precision_is_the_float32_stream_rounded(dtype):
    dtype = np.dtype(getattr(pytest.importorskip("ml_dtypes"), dtype, dtype))
    z, single = (noise.normal(50_000, key=2, dtype=t) for t in (dtype, np.float32))
    np.testing.assert_array_equal(z, single.astype(dtype))
    u, single = (noise.uniform(50_000, key=2, dtype=t) for t in (dtype, np.float32))
    rounded = single.astype(dtype)
    assert (rounded == 1).any() and (u < 1).all()
    np.testing.assert_array_equal(u[rounded < 1], rounded[rounded < 1])
    narrow = np.empty(50_000, dtype)
    noise.uniform(50_000, key=2, dtype=np.float32, out=narrow)
    np.testing.assert_array_equal(narrow, u)


def counter_of(words, key):
    """Return the counter of a block with these words: invert the rounds of Philox."""
    c0, c1, c2, c3 = words
    m0, m1 = reference.MULTIPLIERS
    for r in reversed(range(10)):
        k0, k1 = ((key >> 32 * k) + r * w & MASK for k, w in enumerate(reference.WEYL))
        old2, old0 = c1 * pow(m1, -1, 2**32) & MASK, c3 * pow(m0, -1, 2**32) & MASK
        c1, c3 = c0 ^ (m1 * old2 >> 32) ^ k0, c2 ^ (m0 * old0 >> 32) ^ k1
        c0, c2 = old0, old2
    return c0 | c1 << 32 | c2 << 64 | c3 << 96


def pair_of(a, b, dtype):
    """Return the normals from two chosen words."""
    if dtype == np.float32:
        block = counter_of((a, b, 0, 0), key=77)
        return noise.normal(2, key=77, counter=4 * block, dtype=dtype)
    block = counter_of((a & MASK, a >> 32, b & MASK, b >> 32), key=77)
    return noise.normal(2, key=77, counter=2 * block, dtype=dtype)


@pytest.mark.parametrize(
    ("dtype", "bits", "reach"), [(np.float32, 32, 6.76), (np.float64, 64, 9.49)]
)
def test_tails_signs_and_swaps(dtype, bits, reach):
    """The largest and the smallest radius, in the first and the last direction of each octant."""
    ones = 2**bits - 1
    for a in [0, 1, ones // 2, ones // 2 + 1, ones - 1, ones]:
        u, below_1 = (a + 0.5) / 2**bits, (ones - a + 0.5) / 2**bits
        r = np.sqrt(-2 * (np.log(u) if u < 0.5 else np.log1p(-below_1)))
        for c in [0, ones >> 3]:
            pairs = [pair_of(a, c | octant << bits - 3, dtype) for octant in range(8)]
            x, y = np.abs(pairs[0])
            assert {(float(abs(p)), float(abs(q))) for p, q in pairs} == {(x, y), (y, x)}
            signs = [(p > 0, q > 0, abs(p) > abs(q)) for p, q in pairs]
            assert len(set(signs)) == 8 and 0 < y <= x
            np.testing.assert_allclose(np.hypot(x, y), r, rtol=4 * np.finfo(dtype).eps)
    assert abs(pair_of(0, 0, dtype)[0]) > reach > 6.66


def test_distinct_values():
    """There are as many as float32 can hold. JAX has only 2^23 different float32 normals."""
    n = 2**22
    distinct = len(np.unique(noise.normal(n, key=4, dtype=np.float32)))
    exact = len(np.unique(noise.normal(n, key=5).astype(np.float32)))
    assert abs(distinct - exact) < 3000
    assert len(np.unique(noise.normal(2**20, key=4))) == 2**20
    bits = noise.random_bits(n, key=4)
    expected = 2**32 * -np.expm1(-n / 2**32)
    assert abs(len(np.unique(bits)) - expected) < 5 * np.sqrt(n**2 / 2**33)


# Streams as inputs.

SHAPES = [(5,), (3, 70), (2, 3, 1500), (40, 8), (6, 5, 4)]


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("shape", SHAPES)
def test_stream_is_what_would_be_drawn(shape, dtype, rng):
    x, logvar = rng.standard_normal((2, *shape)).astype(dtype)
    drawn, stream = noise.normal(shape, key=6, counter=11, dtype=dtype), noise.Stream(6, 11)
    axes = [*range(-len(shape), 0), None, *([(0, 2)] if len(shape) == 3 else [])]
    for axis in axes:
        got = vae.gaussian_nll(x, stream, logvar, axis=axis)
        np.testing.assert_array_equal(got, vae.gaussian_nll(x, drawn, logvar, axis=axis))
    got = vae.gaussian_nll(stream, x.T.copy().T, logvar[..., :1])
    np.testing.assert_array_equal(got, vae.gaussian_nll(drawn, x, logvar[..., :1]))
    value, grads = fastgen.value_and_grad(vae.gaussian_nll)(x, stream, logvar)
    wanted, theirs = fastgen.value_and_grad(vae.gaussian_nll)(x, drawn, logvar)
    np.testing.assert_array_equal(value, wanted)
    np.testing.assert_array_equal(grads[0], theirs[0])
    np.testing.assert_array_equal(grads[2], theirs[2])
    assert grads[1] is None


def test_stream_in_float64_is_the_float64_stream(rng):
    x = rng.standard_normal(50).astype(np.float32)
    got = vae.gaussian_nll(x, noise.Stream(6), np.zeros(50))
    np.testing.assert_array_equal(got, vae.gaussian_nll(x, noise.normal(50, key=6), 0.0))
    assert vae.gaussian_nll(x, noise.Stream(6), 0.0).dtype == np.float32


def test_threads_do_not_change_a_stream(rng, threads):
    x = rng.standard_normal((700, 999))
    threads(1)
    alone = vae.gaussian_nll(x, noise.Stream(1), 0.5)
    threads(2)
    np.testing.assert_array_equal(vae.gaussian_nll(x, noise.Stream(1), 0.5), alone)
    by_column = vae.gaussian_nll(x, noise.Stream(1), 0.5, axis=0)
    drawn = noise.normal((700, 999), key=1)
    np.testing.assert_array_equal(by_column, vae.gaussian_nll(x, drawn, 0.5, axis=0))


# Keys and counters, and their errors.


def test_rng_gives_the_key():
    a = noise.normal(5, rng=1)
    np.testing.assert_array_equal(a, noise.normal(5, rng=np.random.default_rng(1)))
    assert not np.array_equal(a, noise.normal(5, rng=2))
    assert not np.array_equal(noise.normal(5), noise.normal(5))
    assert noise.normal((), key=1).shape == () and noise.normal((2, 0), key=1).shape == (2, 0)
    assert repr(noise.Stream(3, 4)) == "Stream(3, counter=4)"
    assert noise.Stream(3, 4) == noise.Stream(3, 4) != noise.Stream(3, 5)


@pytest.mark.parametrize("f", [noise.normal, noise.uniform, noise.random_bits])
def test_bad_arguments(f):
    for bad in [
        {"key": -1},
        {"key": 2**64},
        {"key": 1, "counter": -1},
        {"key": 1, "counter": 2**130},
    ]:
        with pytest.raises(ValueError, match="must lie in 0 <="):
            f(3, **bad)
    for bad in [{"key": 1.5}, {"key": "a"}, {"key": 1, "counter": 1.0}, {"key": True}]:
        with pytest.raises(TypeError, match="must be an integer"):
            f(3, **bad)
    with pytest.raises(ValueError, match="key and rng"):
        f(3, key=1, rng=1)
    with pytest.raises(TypeError, match="must hold integers"):
        f(2.5, key=1)
    with pytest.raises(ValueError, match="must not be negative"):
        f(-1, key=1)


@pytest.mark.parametrize("f", [noise.normal, noise.uniform])
def test_bad_types(f):
    for dtype in [np.int32, np.complex64, ">f4"]:
        with pytest.raises(TypeError, match="dtype must be float16"):
            f(3, key=1, dtype=dtype)
    out = np.full((3,), 7.0)
    with pytest.raises(ValueError, match=r"shape \(4,\)"):
        f(4, key=1, out=out)
    with pytest.raises(TypeError, match="out must be a NumPy array"):
        f(3, key=1, out=[0.0] * 3)
    assert (out == 7).all()


def test_streams_where_none_can_be(rng):
    with pytest.raises(TypeError, match="an input must be an array"):
        vae.standard_normal_log_prob(noise.Stream(1))
    with pytest.raises(TypeError, match="a Stream has no shape"):
        np.asarray(noise.Stream(1))
    op = fastgen._ops.OPS["vae.standard_normal_log_prob"].derivative
    with pytest.raises(TypeError, match="cotangent must be an array, got a Stream"):
        op((rng.standard_normal((4, 3)), noise.Stream(1)))
    with pytest.raises(TypeError, match="mu_p must be an array, got a Stream"):
        vae.kl_tril_normal(np.ones(2), np.eye(2), noise.Stream(1), np.eye(2))
