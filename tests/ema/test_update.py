"""`fastgen.ema.update` and `combine`: values, types, layouts, and calls that change nothing."""

import ml_dtypes
import numpy as np
import pytest

import fastgen
from fastgen.ema import combine, update

TYPES = [np.float16, ml_dtypes.bfloat16, np.float32, np.float64]
SHAPES = [(), (1,), (5,), (3, 700), (2, 3, 4), (0, 3), (70_001,)]


@pytest.mark.parametrize("other", TYPES)
@pytest.mark.parametrize("own", TYPES)
def test_values_of_all_types(own, other, rng):
    averages = [np.asarray(rng.normal(size=s)).astype(own) for s in SHAPES]
    weights = [np.asarray(rng.normal(size=s)).astype(other) for s in SHAPES]
    exact = [
        0.75 * a.astype(float) + 0.25 * w.astype(float)
        for a, w in zip(averages, weights, strict=True)
    ]
    kept = [w.copy() for w in weights]
    update(averages, weights, 0.75)
    for a, e, w, k in zip(averages, exact, weights, kept, strict=True):
        wide = np.promote_types(own, other) if own is other else np.float32
        eps = max(float(ml_dtypes.finfo(t).eps) for t in (own, wide))
        np.testing.assert_allclose(a.astype(float), e, rtol=eps, atol=6 * eps)
        np.testing.assert_array_equal(w, k)


def test_bits_are_those_of_lerp_for_any_layout(rng):
    a, w = rng.normal(size=(2, 60, 80)).astype(np.float32)
    wanted = fastgen.elementary.lerp(a, w, 1 - 0.999)
    wide = np.zeros((120, 160), np.float32)
    for place in (a.copy(), np.asfortranarray(a), wide[::2, ::2], wide[::-2, ::-2]):
        place[...] = a
        update([place], [np.asfortranarray(w)], 0.999)
        np.testing.assert_array_equal(place, wanted)
    swapped = a.astype(">f4")
    update(iter([swapped]), (w for _ in range(1)), np.float64(0.999))
    np.testing.assert_array_equal(swapped, wanted)
    named = {"w": a.copy()}
    update(named, {"w": w.tolist()}, 0.999)
    np.testing.assert_allclose(named["w"], wanted, rtol=1e-6, atol=1e-7)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("sizes", [[64] * 3000, [5000] * 60, [200_000, 3, 140_000] + [9000] * 40])
def test_many_arrays_share_threads(rng, sizes, dtype):
    """Small arrays go to threads in groups, large ones are cut; each has the bits of a call."""
    averages = [rng.normal(size=n).astype(dtype) for n in sizes]
    weights = [rng.normal(size=n).astype(dtype) for n in sizes]
    wanted = [
        fastgen.elementary.lerp(a, w, 1 - 0.9) for a, w in zip(averages, weights, strict=True)
    ]
    before = fastgen.get_num_threads()
    try:
        for threads in (1, 3):
            fastgen.set_num_threads(threads)
            found = [a.copy() for a in averages]
            update(found, weights, 0.9)
            assert all(map(np.array_equal, found, wanted))
    finally:
        fastgen.set_num_threads(before)


def test_decays_of_0_and_1(rng):
    for bad in (np.nan, np.inf):
        average, weight = np.full(4, bad), rng.normal(size=4)
        update([average], [weight], 0.0)
        np.testing.assert_array_equal(average, weight)
        update([average], [np.full(4, bad)], 1.0)
        np.testing.assert_array_equal(average, weight)
    same = rng.normal(size=1000).astype(np.float32)
    average = same.copy()
    update([average], [same], 0.9)
    np.testing.assert_array_equal(average, same)
    update([], [], 0.5)
    update({}, {}, 0.5)


def zeros(*shape):
    return np.zeros(shape)


BASE = np.zeros(24)
FLAT = np.zeros((4, 6))
FIXED = np.zeros(3)
FIXED.flags.writeable = False
REFUSED = {
    "lengths": (lambda: ([zeros(2)] * 1, [zeros(2), zeros(2)]), ValueError, "got 1 and 2"),
    "shapes": (
        lambda: ([zeros(2), zeros(2)], [np.ones(2), zeros(2, 1)]),
        ValueError,
        r"averages\[1\] and weights\[1\] must have one shape, got \(2,\) and \(2, 1\)",
    ),
    "broadcast": (lambda: ([zeros(2, 3)], [np.ones(3)]), ValueError, r"averages\[0\]"),
    "read-only": (lambda: ([zeros(3), FIXED], [np.ones(3)] * 2), ValueError, r"\[1\] is read-only"),
    "integers": (
        lambda: ([zeros(3), np.zeros(3, int)], [np.ones(3)] * 2),
        TypeError,
        r"s\[1\].*int",
    ),
    "complex": (lambda: ([zeros(3)], [np.ones(3, complex)]), TypeError, r"weights\[0\].*complex"),
    "lists": (lambda: ([[1.0, 2.0]], [np.ones(2)]), TypeError, r"averages\[0\] must be an array"),
    "masked": (lambda: ([np.ma.zeros(2)], [np.ones(2)]), TypeError, r"averages\[0\]"),
    "one array": (lambda: (zeros(3), zeros(3)), TypeError, r"give \[averages\]"),
    "no iterable": (lambda: (3, 4), TypeError, "must be a sequence"),
    "text": (lambda: ("ab", "ab"), TypeError, "must be a sequence"),
    "one mapping": (lambda: ({"a": zeros(3)}, [zeros(3)]), TypeError, "both be mappings"),
    "keys": (lambda: ({"a": zeros(3)}, {"b": zeros(3)}), ValueError, "alone"),
    "named": (lambda: ({"a": zeros(3)}, {"a": zeros(2)}), ValueError, r"averages\['a'\]"),
    "same": (
        lambda: ([BASE] * 2, [np.ones(24)] * 2),
        ValueError,
        r"s\[0\] and averages\[1\] share",
    ),
    "alias": (lambda: ([BASE], [BASE]), ValueError, r"averages\[0\] and weights\[0\] share memory"),
    "other": (
        lambda: ([zeros(12), BASE[:12]], [BASE[11:23], np.ones(12)]),
        ValueError,
        r"averages\[1\] and weights\[0\] share memory",
    ),
    "overlap": (
        lambda: ([BASE[2:12], zeros(4), BASE[11:]], [np.ones(10), np.ones(4), np.ones(13)]),
        ValueError,
        r"averages\[0\] and averages\[2\] share memory",
    ),
    "itself": (
        lambda: ([np.lib.stride_tricks.as_strided(BASE, (3, 3), (8, 8))], [np.ones((3, 3))]),
        ValueError,
        r"averages\[0\] has elements that share memory",
    ),
    "decay": (lambda: ([zeros(2)], [np.ones(2)], 1.5), ValueError, r"lie in \[0, 1\], got 1.5"),
    "NaN": (lambda: ([zeros(2)], [np.ones(2)], np.nan), ValueError, "got nan"),
    "decay of text": (lambda: ([zeros(2)], [np.ones(2)], "x"), TypeError, "decay must be a number"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_refused_and_unchanged(name):
    make, error, message = REFUSED[name]
    averages, weights, *decay = make()
    with pytest.raises(error, match=message):
        update(averages, weights, *(decay or [0.5]))
    assert not BASE.any() and not FIXED.any()
    for a in averages if isinstance(averages, list) else ():
        assert name == "lists" or not np.any(a)


def test_views_of_one_buffer_that_share_no_element(rng):
    base, weight = np.zeros((4, 6)), np.ones((4, 6))
    update(
        [base[:, :2], base[:, 2:], FLAT[::2], FLAT[1::2]],
        [weight[:, :2], weight[:, 2:]] * 1 + [weight[:2], weight[:2]],
        0.5,
    )
    np.testing.assert_array_equal(base, 0.5)
    np.testing.assert_array_equal(FLAT, 0.5)
    FLAT[...] = 0
    # Weights may share memory with each other.
    averages = [np.zeros(4), np.zeros(4)]
    update(averages, [weight[0, :4]] * 2, 0.5)
    np.testing.assert_array_equal(averages, np.full((2, 4), 0.5))


def test_combine(rng):
    snapshots = [[rng.normal(size=(3, 4)), rng.normal(size=5).astype(np.float32)] for _ in range(4)]
    c = [3.0, -5.0, 2.5, 0.5]
    found, wanted = combine(snapshots, c), fastgen.reference.ema.combine(snapshots, c)
    assert [x.dtype for x in found] == [np.float64, np.float32]
    for x, y in zip(found, wanted, strict=True):
        np.testing.assert_allclose(x, y, rtol=1e-5, atol=1e-6)
    with pytest.raises(ValueError, match=r"one number for each of 4 snapshots"):
        combine(snapshots, c[:3])
    with pytest.raises(ValueError, match=r"snapshots\[1\] has other shapes"):
        combine([[np.ones(3)], [np.ones(2)]], [1.0, 1.0])
