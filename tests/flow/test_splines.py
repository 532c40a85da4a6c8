"""Splines of `fastgen.flow`: against other libraries, and common properties."""

import math

import numpy as np
import pytest

import fastgen
from fastgen import flow
from fastgen.reference import flow as reference

spline = flow.rational_quadratic_spline
CONVENTIONS = ["nflows", "zuko", "distrax", "tfp"]


def parameters(rng, shape, bins, slopes, convention="nflows", bound=3.0, sd=1.5):
    widths, heights, raw = (sd * rng.normal(size=(*shape, n)) for n in (bins, bins, slopes))
    if convention == "tfp":  # its inputs are sizes and slopes
        widths, heights, raw = np.exp(widths), np.exp(heights), np.exp(raw)
        widths, heights = (2 * bound * s / s.sum(-1, keepdims=True) for s in (widths, heights))
    return widths, heights, raw


def points(rng, n, bound=3.0):
    """Return points inside, outside, and at the ends."""
    return np.concatenate([rng.uniform(-1.3 * bound, 1.3 * bound, n - 2), [-bound, bound]])


def torch_gradients(torch, function, arrays, cotangents):
    tensors = [torch.tensor(a, requires_grad=True) for a in arrays]
    results = function(*tensors)
    terms = [(r * torch.tensor(c)).sum() for r, c in zip(results, cotangents, strict=True)]
    return [r.detach().numpy() for r in results], torch.autograd.grad(sum(terms), tensors)


def assert_agree(arrays, options, theirs, rng):
    cotangents = rng.normal(size=(2, arrays[0].size))
    torch = pytest.importorskip("torch")
    values, gradients = torch_gradients(torch, theirs, arrays, cotangents)
    ours, slopes = fastgen.value_and_grad(spline)(*arrays, cotangent=tuple(cotangents), **options)
    for got, want in zip((*ours, *slopes), (*values, *gradients), strict=True):
        np.testing.assert_allclose(got, np.asarray(want), rtol=1e-8, atol=1e-8)


@pytest.mark.parametrize("inverse", [False, True])
@pytest.mark.parametrize("bins", [2, 5, 8])
def test_against_nflows(bins, inverse, rng):
    peer = pytest.importorskip("nflows.transforms.splines.rational_quadratic")
    arrays = (points(rng, 500), *parameters(rng, (500,), bins, bins - 1))

    def theirs(*tensors):
        return peer.unconstrained_rational_quadratic_spline(
            *tensors, inverse=inverse, tail_bound=3.0, min_bin_width=0.01, min_derivative=0.002
        )

    options = {"inverse": inverse, "bound": 3.0, "min_bin_width": 0.01, "min_derivative": 0.002}
    assert_agree(arrays, options, theirs, rng)


@pytest.mark.parametrize("inverse", [False, True])
def test_against_zuko(inverse, rng):
    peer = pytest.importorskip("zuko").transforms
    arrays = (rng.uniform(-4, 4, 500), *parameters(rng, (500,), 8, 7))

    def theirs(x, *raw):
        transform = peer.MonotonicRQSTransform(*raw, bound=3.0)
        return (transform.inv if inverse else transform).call_and_ladj(x)

    assert_agree(arrays, {"inverse": inverse, "bound": 3.0, "convention": "zuko"}, theirs, rng)


def counts(bins, tails, convention):
    if convention == "tfp" and tails is not None:
        return [bins - 1]
    return [bins] if tails == "circular" else [bins - 1, bins + 1]


@pytest.mark.parametrize("inverse", [False, True])
@pytest.mark.parametrize("tails", ["linear", None, "circular"])
@pytest.mark.parametrize("convention", CONVENTIONS)
def test_every_convention_and_tail_against_the_reference(convention, tails, inverse, rng):
    for slopes in counts(6, tails, convention):
        x = points(rng, 2000) if tails else rng.uniform(-3, 3, 2000)
        raw = parameters(rng, (2000,), 6, slopes, convention)
        options = {"inverse": inverse, "bound": 3.0, "tails": tails, "convention": convention}
        for got, want in zip(
            spline(x, *raw, **options),
            reference.rational_quadratic_spline(x, *raw, **options),
            strict=True,
        ):
            np.testing.assert_allclose(got, want, rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("inverse", [False, True])
@pytest.mark.parametrize("tails", ["linear", "circular"])
@pytest.mark.parametrize("convention", CONVENTIONS)
def test_every_gradient_against_differences(convention, tails, inverse, rng):
    n, h = 300, 1e-6
    for slopes in counts(5, tails, convention):
        arrays = (points(rng, n)[:-2], *parameters(rng, (n - 2,), 5, slopes, convention, sd=0.7))
        options = {"inverse": inverse, "bound": 3.0, "tails": tails, "convention": convention}
        c = rng.normal(size=(2, n - 2))
        gradients = fastgen.value_and_grad(spline)(*arrays, cotangent=tuple(c), **options)[1]
        for k, a in enumerate(arrays):
            step = h * rng.normal(size=a.shape)
            ahead, behind = (
                sum(c * np.array(spline(*arrays[:k], a + s, *arrays[k + 1 :], **options)))
                for s in (step, -step)
            )
            along = (gradients[k] * step).reshape(n - 2, -1).sum(-1) / h
            error = np.abs(along - (ahead - behind) / (2 * h)) / (1 + np.abs(along))
            assert np.quantile(error, 0.98) < 1e-7  # a difference may cross a knot


def test_shape_of_zero_is_the_identity():
    x = np.linspace(-4, 4, 101)
    zeros = np.zeros(8), np.zeros(8)
    for options in [
        {"derivatives": np.full(7, math.log(math.expm1(1 - 1e-3)))},
        {"derivatives": np.zeros(9), "convention": "distrax"},
        {"derivatives": np.zeros(7), "convention": "zuko"},
        {"derivatives": np.zeros(8), "convention": "distrax", "tails": "circular"},
    ]:
        y, logabsdet = spline(x, *zeros, options.pop("derivatives"), bound=3.0, **options)
        np.testing.assert_allclose(y, x, atol=1e-14)
        np.testing.assert_allclose(logabsdet, 0, atol=1e-14)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("sd", [1, 5])
def test_round_trip_is_bounded_by_conditioning(sd, dtype, rng):
    raw = [a.astype(dtype) for a in parameters(rng, (200_000,), 8, 7, sd=sd)]
    x = rng.uniform(-3.3, 3.3, 200_000).astype(dtype)
    y, forward = spline(x, *raw, bound=3.0)
    back, backward = spline(y, *raw, bound=3.0, inverse=True)
    wide = np.exp(np.maximum(-forward.astype(float), backward))  # 1 / slope, the larger one
    unit = np.finfo(dtype).eps
    # Rounding of y, and then of x, moves x. In double, arithmetic within the bin rounds too.
    limit = unit * (
        np.maximum(np.abs(y), np.abs(x)) + 3 * wide * (1 if dtype == np.float32 else 64)
    )
    assert np.all(np.abs(back - x) <= limit)
    assert np.isfinite(backward).all()


def sharp(rng, n):
    """Return a sharp set: logits of standard deviation 5, half of the points close to knots."""
    raw = [a.astype(np.float32) for a in parameters(rng, (n,), 8, 7, sd=5)]
    sizes = np.exp(raw[0].astype(float) - raw[0].max(-1, keepdims=True))
    sizes = 1e-3 + (1 - 8e-3) * sizes / sizes.sum(-1, keepdims=True)
    knots = 6 * np.cumsum(sizes, -1) - 3
    x = rng.uniform(-3, 3, n)
    pick = rng.integers(0, 7, n)
    near = knots[np.arange(n), pick] + 10 ** rng.uniform(-6, -3, n) * rng.choice([-1, 1], n)
    return np.where(rng.random(n) < 0.5, x, near).astype(np.float32), raw


@pytest.mark.parametrize("inverse", [False, True])
def test_sharp_splines_in_float32(inverse, rng):
    """Compare with double. On these parameters nflows is off by 9, and its inverse fails."""
    x, raw = sharp(rng, 200_000)
    y, log = spline(x, *raw, bound=3.0, inverse=inverse)
    wide = [a.astype(float) for a in raw]
    exact_y, exact_log = spline(x.astype(float), *wide, bound=3.0, inverse=inverse)
    moved = np.maximum(1, np.exp(exact_log)) if inverse else 1  # the change of x for a rounded y
    assert np.max(np.abs(y - exact_y) / moved) <= 2**-22  # one ULP of numbers from 2 to 4
    assert np.max(np.abs(log - exact_log)) <= 2e-5
    single, double = (
        fastgen.value_and_grad(spline)(
            a.astype(t), *(r.astype(t) for r in raw), bound=3.0, inverse=inverse
        )[1]
        for a, t in ((x, np.float32), (x, np.float64))
    )
    for got, want in zip(single, double, strict=True):
        error = np.abs(got - want).reshape(x.size, -1).max(-1)
        error /= np.maximum(1, np.abs(want).reshape(x.size, -1).max(-1))
        assert np.quantile(error, 0.999) <= 5e-6 and np.max(error) <= 1e-3


def test_bins_without_a_width(rng):
    """Without a least size, knots coincide. No point is in a bin of width 0."""
    shares = np.array([0.0, -60.0, -200.0, 0.0, -1000.0])
    x = np.array([-1.0, -0.5, 0.0, 0.5, 1.0, 2.0])
    options = {"min_bin_width": 0.0, "min_bin_height": 0.0}
    for dtype in (np.float32, np.float64):
        for order in (slice(None), slice(None, None, -1)):
            raw = shares[order].astype(dtype), shares[order].astype(dtype), np.zeros(4, dtype)
            for inverse in (False, True):
                y, log = spline(x.astype(dtype), *raw, inverse=inverse, **options)
                assert np.isfinite(y).all() and np.isfinite(log).all()
                assert np.all(np.diff(y) > 0) and y[0] == -1 and y[-2:].tolist() == [1, 2]


def test_it_rises_and_meets_its_ends(rng):
    raw = parameters(rng, (200, 1), 8, 7, sd=4)
    x = np.sort(rng.uniform(-3, 3, (200, 500)), axis=-1)
    y, log = spline(x, *raw, bound=3.0)
    assert np.all(np.diff(y, axis=-1) >= 0) and np.isfinite(log).all()
    ends = spline(np.array([[-3.0, 3.0]]), *raw, bound=3.0)[0]
    np.testing.assert_allclose(ends, np.broadcast_to([-3.0, 3.0], (200, 2)), rtol=1e-15)


def test_views_of_one_parameter_array(rng):
    """The output of a network, (..., 3K - 1), in three parts."""
    cut = rng.normal(size=(64, 16, 23)).astype(np.float32)
    x = rng.normal(size=(64, 16)).astype(np.float32)
    views = cut[..., :8], cut[..., 8:16], cut[..., 16:]
    for got, want in zip(spline(x, *views), spline(x, *(v.copy() for v in views)), strict=True):
        np.testing.assert_array_equal(got, want)


def test_one_spline_for_all(rng):
    widths, heights, raw = parameters(rng, (), 8, 7)
    x = rng.normal(size=(30, 5))
    y, _ = spline(x, widths, heights, raw)
    gradients = fastgen.value_and_grad(spline)(x, widths, heights, raw)[1]
    assert y.shape == x.shape
    assert [g.shape for g in gradients] == [x.shape, (8,), (8,), (7,)]
    assert spline(0.5, widths, heights, raw)[0].dtype == np.float64


def test_no_gradient_is_nan_outside(rng):
    raw = parameters(rng, (1000,), 8, 7, sd=5)
    x = np.concatenate([rng.choice([-1, 1], 998) * rng.uniform(3, 1e6, 998), [np.inf, -np.inf]])
    for inverse in (False, True):
        (y, log), gradients = fastgen.value_and_grad(spline)(x, *raw, bound=3.0, inverse=inverse)
        np.testing.assert_array_equal(y, x)
        assert not log.any() and np.all(gradients[0] == 1)
        assert not any(g.any() for g in gradients[1:])


def test_what_is_refused(rng):
    raw = parameters(rng, (), 8, 7)
    x = np.zeros(3)
    for wrong, said in [
        ({"bound": 0.0}, "bound must be positive and finite, got 0.0"),
        ({"bound": math.nan}, "bound must be positive"),
        ({"min_bin_width": 0.125}, r"min_bin_width must be from 0 to below 1 / 8.*got 0.125"),
        ({"min_bin_height": -1.0}, "min_bin_height"),
        ({"min_derivative": 1.0}, "min_derivative.*got 1.0"),
        ({"min_derivative": 0.0, "convention": "zuko"}, "min_derivative"),
        ({"tails": "none"}, "tails must be.*got 'none'"),
        ({"tails": "circular"}, "derivatives must be K = 8 for 8 bins.*got 7"),
        ({"convention": "pyro"}, "convention must be one of 'nflows'.*got 'pyro'"),
    ]:
        with pytest.raises(ValueError, match=said):
            spline(x, *raw, **wrong)
    with pytest.raises(ValueError, match=r"x must be within the bound 2.0.*got 2.5"):
        spline(np.array([0.5, -2.5]), *raw, bound=2.0, tails=None)
    with pytest.raises(ValueError, match="at least 2 bins, got 1"):
        spline(x, raw[0][:1], raw[1][:1], raw[2][:2])
    with pytest.raises(ValueError, match=r"K - 1 = 7 or K \+ 1 = 9 for 8 bins.*got 6"):
        spline(x, *raw[:2], raw[2][:6])
    with pytest.raises(ValueError, match=r"widths.*and heights.*must agree"):
        spline(x, raw[0], raw[1][:7], raw[2])
