"""Guidance: public functions, against the formulas in the code of the papers."""

import functools

import ml_dtypes
import numpy as np
import pytest

import fastgen
import fastgen.reference.guidance
from fastgen import guidance
from fastgen._ops import ISA

SHAPE = (3, 4, 5, 6)


@pytest.fixture
def predictions(rng):
    return rng.normal(size=(3, *SHAPE))


def flat(x):
    return x.reshape(len(x), -1)


def per_sample(numbers):
    return np.asarray(numbers).reshape(-1, 1, 1, 1)


SCALES = [7.5, np.array([1.0, 2.5, 7.5])]


@pytest.mark.parametrize("scale", SCALES, ids=["one", "per sample"])
def test_a_sample_is_all_but_the_first_axis(predictions, scale):
    u, c, n = predictions
    s = per_sample(np.broadcast_to(scale, 3))
    np.testing.assert_allclose(guidance.cfg(u, c, scale), u + s * (c - u), rtol=1e-12)
    guided = u + s * (c - u)
    ratio = np.std(flat(c), axis=1, ddof=1) / np.std(flat(guided), axis=1, ddof=1)
    wanted = 0.6 * guided * per_sample(ratio) + 0.4 * guided
    found = guidance.cfg_rescale(u, c, scale, rescale=0.6)
    np.testing.assert_allclose(found, wanted, rtol=1e-12)
    alpha = np.sum(flat(c) * flat(u), axis=1) / (np.sum(flat(u) ** 2, axis=1) + 1e-8)
    wanted = per_sample(alpha) * u + s * (c - per_sample(alpha) * u)
    np.testing.assert_allclose(guidance.cfg_zero_star(u, c, scale), wanted, atol=1e-8)
    p, m = c - u, n - u
    along = np.sum(flat(p) * flat(m), axis=1) / np.sum(flat(p) ** 2, axis=1)
    wanted = u + s * (p - 0.5 * (m - per_sample(along) * p))
    found = guidance.perp_neg(u, c, n, scale, negative_scale=0.5)
    np.testing.assert_allclose(found, wanted, rtol=1e-11)
    length = np.linalg.norm(flat(c - u), axis=1) / np.linalg.norm(flat(u), axis=1)
    wanted = u + (1 + (s - 1) * np.exp(-8 * per_sample(length))) * (c - u)
    np.testing.assert_allclose(guidance.magnitude_aware(u, c, scale), wanted, rtol=1e-12)


def test_tangential_is_the_projection_by_singular_vectors(predictions):
    u, c, _ = predictions
    rows = np.stack([flat(c), flat(u)], axis=1)
    right = np.linalg.svd(rows, full_matrices=False)[2]
    kept = right.copy()
    kept[:, 1] = 0
    along = (flat(u)[:, None] @ np.swapaxes(right, 1, 2) @ kept).reshape(SHAPE)
    found = guidance.tangential(u, c, 5.0)
    np.testing.assert_allclose(found, along + 5.0 * (c - along), rtol=1e-10)


def test_apg_step_by_step(predictions, rng):
    """Three steps with momentum agree with the code of the paper."""
    average, buffer = np.zeros(SHAPE), 0.0
    for _ in range(3):
        u, c = rng.normal(size=(2, *SHAPE))
        buffer = (c - u) - 0.5 * buffer
        length = np.linalg.norm(flat(buffer), axis=1)
        diff = buffer * per_sample(np.minimum(1, 9.0 / length))
        unit = c / per_sample(np.linalg.norm(flat(c), axis=1))
        parallel = per_sample(np.sum(flat(diff) * flat(unit), axis=1)) * unit
        wanted = u + 4.0 * (diff - parallel + 0.25 * parallel)
        found = guidance.apg(
            u, c, 4.0, average=average, momentum=-0.5, eta=0.25, norm_threshold=9.0
        )
        np.testing.assert_allclose(found, wanted, rtol=1e-11, atol=1e-12)
        np.testing.assert_allclose(average, buffer, rtol=1e-12)


def test_apg_keeps_the_types_of_predictions_and_average(predictions):
    u, c, _ = predictions.astype(np.float16)
    average = np.zeros(SHAPE, np.float32)
    assert guidance.apg(u, c, 4.0, average=average, momentum=-0.5).dtype == np.float16
    assert np.array_equal(average, c.astype(np.float32) - u.astype(np.float32))
    with pytest.raises(ValueError, match="momentum needs average"):
        guidance.apg(u, c, 4.0, momentum=-0.5)
    before = average.copy()
    for wrong in (-1.5, 2, np.nan, [0.5, np.nan, 0.0], [0.0, -0.5, 1.001]):
        for given in (None, average):
            with pytest.raises(ValueError, match=r"momentum must lie between -1 and 1.*diverges"):
                guidance.apg(u, c, 4.0, average=given, momentum=wrong)
    np.testing.assert_array_equal(average, before)
    for allowed in (-1, 1.0, [0.0, -1.0, 1.0]):
        assert np.isfinite(guidance.apg(u, c, 4.0, average=average, momentum=allowed)).all()
    with pytest.raises(ValueError, match="norm_threshold must be positive, got 0"):
        guidance.apg(u, c, 4.0, norm_threshold=0)


def test_a_constant_sample_is_no_division_by_zero():
    ones = np.ones((2, 8), np.float32)
    assert np.array_equal(guidance.cfg_rescale(ones, ones, 7.5, rescale=1.0), ones)
    assert np.array_equal(guidance.cfg_rescale(ones, 3 * ones, 7.5, rescale=0.5), 16 * ones)


@pytest.mark.parametrize("half", [np.float16, ml_dtypes.bfloat16])
def test_half_precision_is_rounded_once(predictions, half):
    u, c, _ = predictions.astype(half)
    wide = guidance.cfg(u.astype(np.float32), c.astype(np.float32), 30.0)
    assert np.array_equal(guidance.cfg(u, c, 30.0), wide.astype(half))


# combine.


def test_combine_any_number(rng):
    base, *others = rng.normal(size=(8, *SHAPE)).astype(np.float32)
    for count in range(1, 8):
        chosen, scales = others[:count], list(rng.normal(size=count))
        scales[-1] = rng.normal(size=3)
        terms = [
            per_sample(np.broadcast_to(s, 3)) * (p.astype(float) - base)
            for p, s in zip(chosen, scales, strict=True)
        ]
        wanted = base + sum(terms)
        found = guidance.combine(base, chosen, scales)
        assert found.dtype == np.float32
        np.testing.assert_allclose(found, wanted, rtol=3e-6, atol=3e-6)
        halves = [x.astype(np.float16) for x in (base, *chosen)]
        assert guidance.combine(halves[0], halves[1:], scales).dtype == np.float16
        out = np.empty_like(base)
        assert guidance.combine(base, chosen, scales, out=out) is out
        assert np.array_equal(out, found)
        onto = guidance.combine(base, chosen, scales, start=others[0])
        np.testing.assert_allclose(onto, others[0] + sum(terms), rtol=3e-6, atol=3e-6)


def test_combine_names_what_is_wrong():
    x = np.ones((2, 3))
    with pytest.raises(ValueError, match="one scale for each of 2 predictions, got 1"):
        guidance.combine(x, (x, x), (1.0,))
    with pytest.raises(ValueError, match="at least one"):
        guidance.combine(x, (), ())
    with pytest.raises(TypeError, match=r"predictions\[1\] must hold"):
        guidance.combine(x, (x, x.astype(complex)), (1.0, 2.0))
    with pytest.raises(ValueError, match=r"scales\[0\] must broadcast.*\(5,\)"):
        guidance.combine(x, (x, x), (np.ones(5), 2.0))


# Derivatives of the public forms.


def slopes(f, arrays, cotangent, k):
    """Return central differences by every element of input k."""
    x = np.asarray(arrays[k], float)
    found = np.empty_like(x)
    for place in np.ndindex(x.shape):
        ends = []
        for step in (1e-6, -1e-6):
            moved = x.copy()
            moved[place] += step
            ends.append(f(*arrays[:k], moved, *arrays[k + 1 :]))
        found[place] = np.sum(cotangent * (ends[0] - ends[1])) / 2e-6
    return found


@pytest.mark.parametrize(
    "f",
    [
        guidance.cfg,
        guidance.cfg_rescale,
        functools.partial(guidance.cfg_rescale, rescale=np.array([0.5, 1.0])),
        guidance.classifier_epsilon,
        functools.partial(guidance.classifier_epsilon, scale=2.0),
    ],
)
@pytest.mark.parametrize("scale", [1.5, np.array([0.5, 2.0])], ids=["one", "per sample"])
def test_derivatives(f, scale, rng):
    x, y, cotangent = rng.normal(size=(3, 2, 2, 3))
    value, gradients = fastgen.value_and_grad(f)(x, y, scale, cotangent=cotangent)
    assert np.array_equal(value, f(x, y, scale))
    for k in range(3):
        wanted = slopes(f, (x, y, scale), cotangent, k)
        np.testing.assert_allclose(gradients[k], wanted, rtol=1e-6, atol=1e-8)


def test_derivatives_of_combine_come_in_the_form_of_its_inputs(rng):
    base, p, q, cotangent = rng.normal(size=(4, 2, 2, 3))
    scales = (0.5, np.array([1.0, 2.0]))
    value, (d_base, d_predictions, d_scales) = fastgen.value_and_grad(guidance.combine)(
        base, (p, q), scales, cotangent=cotangent
    )
    assert np.array_equal(value, guidance.combine(base, (p, q), scales))

    def unpacked(base, p, q, s, t):
        return guidance.combine(base, (p, q), (s, t))

    given = (base, p, q, *scales)
    for k, found in enumerate((d_base, *d_predictions, *d_scales)):
        wanted = slopes(unpacked, given, cotangent, k)
        np.testing.assert_allclose(found, wanted, rtol=1e-6, atol=1e-8)


# Thresholding, intervals.


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
def test_dynamic_threshold(rng, dtype):
    x = (3 * rng.normal(size=SHAPE) * per_sample([0.1, 1.0, 4.0])).astype(dtype)
    for quantile in (0.0, 0.5, 0.9, 0.995, 1.0):
        for most in (1.0, 2.0, np.inf):
            limit = np.quantile(np.abs(flat(x)).astype(float), quantile, axis=1)
            limit = per_sample(np.clip(limit, 1, most))
            wanted = np.clip(x.astype(float), -limit, limit) / limit
            found = guidance.dynamic_threshold(x, quantile=quantile, max_limit=most)
            assert found.dtype == dtype
            eps = float(np.finfo(dtype).eps)
            np.testing.assert_allclose(found.astype(float), wanted, rtol=4 * eps, atol=4 * eps)
    x[1, 0, 0, 0] = np.nan
    found = guidance.dynamic_threshold(x)
    assert np.isnan(found[1]).all() and not np.isnan(found[[0, 2]]).any()
    assert guidance.dynamic_threshold(np.zeros((2, 0))).shape == (2, 0)


def test_what_thresholds_refuse():
    with pytest.raises(ValueError, match=r"quantile must lie between 0 and 1, got 1\.5"):
        guidance.dynamic_threshold([1.0], quantile=1.5)
    with pytest.raises(ValueError, match=r"max_limit must be at least 1, got 0\.5"):
        guidance.dynamic_threshold([1.0], max_limit=0.5)
    with pytest.raises(TypeError, match="complex128"):
        guidance.dynamic_threshold([1j])


def test_interval():
    on = [guidance.interval(i, 10, start=0.1, stop=0.85) for i in range(10)]
    assert on == [False] + [True] * 7 + [False] * 2
    assert all(guidance.interval(i, 3) for i in range(3))
    for step, steps in [(3, 3), (-1, 3)]:
        with pytest.raises(ValueError, match="step must lie between 0 and 2"):
            guidance.interval(step, steps)
    with pytest.raises(ValueError, match="start <= stop"):
        guidance.interval(0, 3, start=0.5, stop=0.25)


def test_a_number_beside_arrays_does_not_upcast_them(predictions):
    """A 0-d float64 does not change float32 results, in composed functions too."""
    u, c, n = predictions.astype(np.float32)
    zero = np.float64(0.0)
    assert guidance.combine(zero, (u, c, n, u), (1.0, 2.0, 3.0, 4.0)).dtype == np.float32
    average = np.zeros_like(u)
    assert guidance.apg(zero, c, 2.0, average=average).dtype == np.float32
    half = c.astype(np.float16)
    assert guidance.apg(zero, half, 2.0, average=average).dtype == np.float16
    assert guidance.combine(u.astype(float), (c, n, u, c), (1.0,) * 4).dtype == np.float64


@pytest.mark.skipif(ISA == "x86-64-v2", reason="has no fused multiply-add")
def test_tangential_of_nearly_equal_singular_values_keeps_its_digits(rng):
    """The main direction then depends on the last digits of three products."""
    u, c = np.linalg.qr(rng.normal(size=(200, 20, 2)))[0].transpose(2, 0, 1) * 3.0
    c += 1e-4 * rng.normal(size=c.shape)
    u, c = u.astype(np.float32), c.astype(np.float32)
    wanted = fastgen.reference.guidance.tangential(u.astype(float), c.astype(float), 4.0, axis=-1)
    found = guidance.tangential(u, c, 4.0)
    assert np.max(np.abs(found - wanted)) < 2e-6 * np.max(np.abs(wanted))


def test_gradients_where_a_direction_vanishes():
    """No prediction, step or deviation: what is left of the gradients is exact."""
    u, c, zero = np.array([1.0, -2.0, 0.5]), np.array([0.5, 1.0, -1.0]), np.zeros(3)
    with np.errstate(all="raise"):
        _, (d_u, d_c, d_s) = fastgen.value_and_grad(guidance.cfg_zero_star)(zero, c, 3.0)
        assert d_u.tolist() == [0, 0, 0] and d_c.tolist() == [3, 3, 3] and d_s == c.sum()
        _, (d_b, d_p, d_n, d_s) = fastgen.value_and_grad(guidance.perp_neg)(u, u, c, 2.0)
        assert d_b.tolist() == [1, 1, 1] and d_n.tolist() == [-2, -2, -2]
        assert d_p.tolist() == [2, 2, 2] and d_s == -(c - u).sum()
        _, (d_u, d_c, d_s) = fastgen.value_and_grad(guidance.magnitude_aware)(u, u, 3.0)
        assert d_u.tolist() == [-2, -2, -2] and d_c.tolist() == [3, 3, 3] and d_s == 0
        _, (d_u, d_c, d_s) = fastgen.value_and_grad(guidance.magnitude_aware)(zero, c, 3.0)
        assert d_u.tolist() == [0, 0, 0] and d_c.tolist() == [1, 1, 1] and d_s == 0
        _, (d_u, d_c, d_s) = fastgen.value_and_grad(guidance.tangential)(zero, zero, 3.0)
        assert d_u.tolist() == [-1, -1, -1] and d_c.tolist() == [2, 2, 2] and d_s == 0
        _, (d_u, d_c, d_s) = fastgen.value_and_grad(guidance.deviation_ratio)(zero, zero, 3.0)
        assert not d_u.any() and not d_c.any() and d_s == 0


@pytest.mark.parametrize("power", [-38, -30, -22, 19, 30, 37])
@pytest.mark.parametrize(
    "name",
    [
        "apg",
        "cfg_rescale",
        "cfg_zero_star",
        "deviation_ratio",
        "magnitude_aware",
        "perp_neg",
        "tangential",
    ],
)
def test_the_whole_range_of_float32(name, power):
    """Squares of float32 beyond 1e19 and below 1e-22 would leave its range."""
    f = getattr(guidance, name)
    rng = np.random.default_rng(5)
    count = 3 if name == "perp_neg" else 2
    arrays = [(rng.normal(size=(2, 40)) * 10.0**power).astype(np.float32) for _ in range(count)]
    found = f(*arrays, 1.5)
    wanted = f(*[x.astype(np.float64) for x in arrays], 1.5)
    assert np.abs(found - wanted).max() <= 1e-6 * np.abs(wanted).max()
    if name == "apg":
        return
    _, pullback = fastgen.vjp(f, *arrays, 1.5)
    _, in_double = fastgen.vjp(f, *[x.astype(np.float64) for x in arrays], 1.5)
    got, expected = pullback(np.ones_like(found)), in_double(np.ones(found.shape))
    largest = [max(np.abs(g).max() for g in expected[:count])] * count  # of the predictions
    largest += [np.abs(g).max() for g in expected[count:]]
    for g, e, size in zip(got, expected, largest, strict=True):
        if size < 1e38:
            assert np.abs(g - e).max() <= 3e-6 * size + 2e-45  # the least number of float32
