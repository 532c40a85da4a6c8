"""Polynomial splines: common properties, and linear and quadratic splines against nflows."""

import math

import numpy as np
import pytest

import fastgen
from fastgen import flow
from fastgen.reference import flow as reference


def linear(rng, shape, bins, sd=1.5):
    return (sd * rng.normal(size=(*shape, bins)),)


def cubic(rng, shape, bins, sd=1.5):
    return tuple(sd * rng.normal(size=(*shape, k)) for k in (bins, bins, 2))


def quadratic(rng, shape, bins, sd=1.5, more=-1):
    return tuple(sd * rng.normal(size=(*shape, k)) for k in (bins, bins + more))


def open_quadratic(rng, shape, bins, sd=1.5):
    return quadratic(rng, shape, bins, sd, 1)


SPLINES = [
    pytest.param(flow.linear_spline, linear, id="linear"),
    pytest.param(flow.cubic_spline, cubic, id="cubic"),
    pytest.param(flow.quadratic_spline, quadratic, id="quadratic"),
    pytest.param(flow.quadratic_spline, open_quadratic, id="quadratic of K + 1 heights"),
]
every_spline = pytest.mark.parametrize(("spline", "raw_of"), SPLINES)
both_ways = pytest.mark.parametrize("inverse", [False, True])


def points(rng, n, bound=3.0):
    """Return points inside, outside, and at the ends."""
    return np.concatenate([rng.uniform(-1.3 * bound, 1.3 * bound, n - 2), [-bound, bound]])


def assert_agree(spline, arrays, options, theirs, rng):
    """Compare values and gradients with those of another library's function in torch."""
    torch = pytest.importorskip("torch")
    cotangents = rng.normal(size=(2, arrays[0].size))
    tensors = [torch.tensor(a, requires_grad=True) for a in arrays]
    results = theirs(*tensors)
    total = sum((r * torch.tensor(c)).sum() for r, c in zip(results, cotangents, strict=True))
    expected = [r.detach().numpy() for r in results] + list(torch.autograd.grad(total, tensors))
    ours, slopes = fastgen.value_and_grad(spline)(*arrays, cotangent=tuple(cotangents), **options)
    for got, want in zip((*ours, *slopes), expected, strict=True):
        np.testing.assert_allclose(got, np.asarray(want), rtol=1e-8, atol=1e-8)


def nflows_without_its_eps(monkeypatch, name):
    """Return a module of nflows without two faults.

    Its search adds 1e-6 to the last knot in place, which moves the last bin of the inverse. It
    makes knots in float32.
    """
    torch = pytest.importorskip("torch")
    peer = pytest.importorskip(f"nflows.transforms.splines.{name}")
    search = peer.torchutils.searchsorted
    monkeypatch.setattr(peer.torchutils, "searchsorted", lambda at, x: search(at.clone(), x))
    monkeypatch.setattr(torch, "linspace", lambda *a: torch.arange(a[2], dtype=float) / (a[2] - 1))
    return peer


@both_ways
@pytest.mark.parametrize("bins", [2, 5, 8])
def test_linear_against_nflows(bins, inverse, rng, monkeypatch):
    peer = nflows_without_its_eps(monkeypatch, "linear")
    arrays = (rng.uniform(-4, 4, 500), *linear(rng, (500,), bins))

    def theirs(x, heights):
        return peer.unconstrained_linear_spline(x, heights, inverse=inverse, tail_bound=3.0)

    assert_agree(flow.linear_spline, arrays, {"inverse": inverse, "bound": 3.0}, theirs, rng)


@both_ways
@pytest.mark.parametrize("bins", [2, 5, 8])
def test_quadratic_against_nflows(bins, inverse, rng, monkeypatch):
    peer = nflows_without_its_eps(monkeypatch, "quadratic")
    arrays = (rng.uniform(-3, 3, 500), *open_quadratic(rng, (500,), bins))
    least = {"min_bin_width": 0.01, "min_bin_height": 0.002}
    ends = {"left": -3.0, "right": 3.0, "bottom": -3.0, "top": 3.0}

    def theirs(*tensors):
        return peer.quadratic_spline(*tensors, inverse=inverse, **least, **ends)

    options = {"inverse": inverse, "bound": 3.0, **least}
    assert_agree(flow.quadratic_spline, arrays, options, theirs, rng)


@both_ways
def test_quadratic_against_nflows_of_inner_heights(inverse, rng, monkeypatch):
    """nflows takes a quarter of the widths of the end bins. Half of them is correct."""
    peer = nflows_without_its_eps(monkeypatch, "quadratic")
    x, widths, heights = rng.uniform(-3, 3, 500), *quadratic(rng, (500,), 6)
    sizes = np.exp(widths) / np.exp(widths).sum(-1, keepdims=True)
    sizes = 1e-3 + (1 - 6e-3) * sizes
    s = np.pad(np.logaddexp(heights, 0) + 1e-3, ((0, 0), (1, 1)))

    def with_ends(end):
        raw = np.log(np.expm1(end - 1e-3))[:, None]
        return x, widths, np.concatenate([raw, heights, raw], axis=-1)

    inner, ends = ((s[:, 1:] + s[:, :-1]) / 2 * sizes).sum(-1), (sizes[:, 0] + sizes[:, -1]) / 2
    edges = s[:, 1] * sizes[:, 0] + s[:, -2] * sizes[:, -1]
    options = {"inverse": inverse, "bound": 3.0}
    ours = flow.quadratic_spline(x, widths, heights, **options)
    meant = flow.quadratic_spline(*with_ends(inner / (1 - ends)), **options)
    torch = pytest.importorskip("torch")
    done = flow.quadratic_spline(*with_ends((inner - edges / 4) / (1 - ends / 2)), **options)
    theirs = peer.unconstrained_quadratic_spline(
        *map(torch.tensor, (x, widths, heights)), inverse=inverse, tail_bound=3.0
    )
    np.testing.assert_allclose(ours, meant, rtol=1e-9, atol=1e-9)
    np.testing.assert_allclose(done, [t.numpy() for t in theirs], rtol=1e-8, atol=1e-8)


@both_ways
@every_spline
@pytest.mark.parametrize("tails", ["linear", None])
def test_against_the_reference(spline, raw_of, tails, inverse, rng):
    x = points(rng, 2000) if tails else rng.uniform(-3, 3, 2000)
    arrays = (x, *raw_of(rng, (2000,), 6))
    options = {"inverse": inverse, "bound": 3.0, "tails": tails}
    wanted = getattr(reference, spline.__name__)(*arrays, **options)
    for got, want in zip(spline(*arrays, **options), wanted, strict=True):
        np.testing.assert_allclose(got, want, rtol=1e-9, atol=1e-9)


@both_ways
@every_spline
def test_every_gradient_against_differences(spline, raw_of, inverse, rng):
    n, h = 300, 1e-6
    arrays = (points(rng, n + 2)[:-2], *raw_of(rng, (n,), 5, 0.7))
    options = {"inverse": inverse, "bound": 3.0}
    c = rng.normal(size=(2, n))
    gradients = fastgen.value_and_grad(spline)(*arrays, cotangent=tuple(c), **options)[1]
    for k, a in enumerate(arrays):
        step = h * rng.normal(size=a.shape)
        ahead, behind = (
            sum(c * np.array(spline(*arrays[:k], a + s, *arrays[k + 1 :], **options)))
            for s in (step, -step)
        )
        along = (gradients[k] * step).reshape(n, -1).sum(-1) / h
        error = np.abs(along - (ahead - behind) / (2 * h)) / (1 + np.abs(along))
        assert np.quantile(error, 0.98) < 1e-7  # a difference may cross a knot


@every_spline
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("sd", [1, 5])
def test_inverse_is_right_but_for_rounding(spline, raw_of, sd, dtype, rng):
    """A point close to x on either side has a y on the same side, in flat and steep bins."""
    raw = [a.astype(dtype) for a in raw_of(rng, (200_000,), 8, sd)]
    y = rng.uniform(-3.3, 3.3, 200_000).astype(dtype)
    x, log = spline(y, *raw, bound=3.0, inverse=True)
    unit, wide = np.finfo(dtype).eps, [a.astype(float) for a in raw]
    near = 2 * unit * np.abs(x.astype(float))
    below, above = (spline(x + side * near, *wide, bound=3.0)[0] for side in (-1, 1))
    slack = 3 * 2e-15 if dtype == np.float64 else 1e-14
    assert np.all(below - slack <= y) and np.all(y <= above + slack)
    assert np.isfinite(log).all()


@every_spline
def test_forward_in_float32_is_that_of_double(spline, raw_of, rng):
    """Compare with double, for sharp parameters and points next to knots."""
    raw = [a.astype(np.float32) for a in raw_of(rng, (200_000,), 8, 5)]
    x = rng.uniform(-3, 3, 200_000)
    x[::2] = rng.integers(-4, 5, 100_000) * 0.75 + rng.choice([-1, 1], 100_000) * 1e-6
    x = np.clip(x, -3, 3).astype(np.float32)
    y, log = spline(x, *raw, bound=3.0)
    exact_y, exact_log = spline(x.astype(float), *(a.astype(float) for a in raw), bound=3.0)
    assert np.max(np.abs(y - exact_y)) <= 2**-22  # one ULP of numbers from 2 to 4
    assert np.max(np.abs(log - exact_log)) <= 2e-5


@every_spline
def test_it_rises_and_meets_its_ends(spline, raw_of, rng):
    raw = raw_of(rng, (200, 1), 8, 4)
    x = np.sort(rng.uniform(-3, 3, (200, 500)), axis=-1)
    y, log = spline(x, *raw, bound=3.0)
    assert np.all(np.diff(y, axis=-1) >= -4e-16) and np.isfinite(log).all()
    ends = spline(np.array([[-3.0, 3.0]]), *raw, bound=3.0)[0]
    np.testing.assert_allclose(ends, np.broadcast_to([-3.0, 3.0], (200, 2)), rtol=1e-15)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_linear_shares_of_nothing(dtype):
    """A height that is tiny beside others has a finite logarithm and gradient."""
    heights = np.array([0.0, -50.0, -600.0, 0.0, -1000.0], dtype)
    x = np.array([-1.0, -0.5, 0.0, 0.5, 1.0], dtype)
    (y, log), (d_x, d_heights) = fastgen.value_and_grad(flow.linear_spline)(x, heights[None])
    np.testing.assert_allclose(log, heights + math.log(5) - math.log(2), rtol=1e-6)
    np.testing.assert_allclose(y, [-1, 0, 0, 0.75, 1], atol=1e-7)
    assert np.isfinite(d_x).all() and np.isfinite(d_heights).all()
    _, (_, only_log) = fastgen.value_and_grad(flow.linear_spline)(
        x[:, None], np.tile(heights, (5, 1, 1)), cotangent=(0.0, 1.0)
    )
    np.testing.assert_allclose(
        only_log[:, 0], np.eye(5) - [0.5, 0, 0, 0.5, 0], atol=1e-6
    )  # 1 - p, -p
    back, back_log = flow.linear_spline(y, heights, inverse=True)
    assert np.isfinite(back_log).all() and back[0] == -1 and back[-1] == 1


def test_linear_tails_are_the_identity(rng):
    """The tails have slope 1 for any slope of the last bin, as in nflows."""
    x = np.array([-1e6, -3.5, -3.0, 3.0, 3.0000000000000004, 0.1 + 3.3, 1e300])
    y, log = flow.linear_spline(x, *linear(rng, (), 8), bound=3.0)
    np.testing.assert_array_equal(y, x)
    np.testing.assert_array_equal(log != 0, np.abs(x) <= 3)


def test_quadratic_goes_on_as_a_line(rng):
    """The tails have the densities of the ends. Other tests check their gradients."""
    raw = open_quadratic(rng, (2,), 8)
    inside, log = flow.quadratic_spline(np.array([-3.0, 3.0]), *raw, bound=3.0)
    y, outside = flow.quadratic_spline(np.array([-5.0, 7.0]), *raw, bound=3.0)
    np.testing.assert_allclose(y, inside + np.exp(log) * [-2, 4], rtol=1e-14)
    np.testing.assert_array_equal(outside, log)
    x, back = flow.quadratic_spline(y, *raw, bound=3.0, inverse=True)
    np.testing.assert_allclose(x, [-5, 7], rtol=1e-14)
    np.testing.assert_array_equal(back, -log)
    far = np.array([np.inf, -np.inf])
    gradients = fastgen.value_and_grad(flow.quadratic_spline)(far, *raw, bound=3.0)[1]
    assert not any(np.isnan(g).any() for g in gradients)


def test_quadratic_of_equal_densities_is_the_identity():
    """The usual root of the quadratic equation is 0 / 0 here."""
    x = np.linspace(-4, 4, 101)
    for heights in (np.zeros(9), np.full(9, -700.0), np.full(9, 1e30)):
        for inverse in (False, True):
            result = flow.quadratic_spline(x, np.zeros(8), heights, bound=3.0, inverse=inverse)
            np.testing.assert_allclose(result[0], x, atol=2e-15)
            np.testing.assert_allclose(result[1], 0, atol=2e-15)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_quadratic_bins_without_a_width_or_height(dtype):
    """Without a least size, knots coincide, and densities are almost 0."""
    widths = np.array([0.0, -60.0, -200.0, 0.0, -1000.0], dtype)
    heights = np.array([0.0, -60.0, 1e30, 300.0], dtype)
    x = np.array([-1.0, -0.5, 0.0, 0.5, 1.0, 2.0], dtype)
    options = {"min_bin_width": 0.0, "min_bin_height": 0.0}
    for order in (slice(None), slice(None, None, -1)):
        for inverse in (False, True):
            y, log = flow.quadratic_spline(
                x, widths[order], heights[order], inverse=inverse, **options
            )
            assert np.isfinite(y).all() and np.isfinite(log).all()
            assert np.all(np.diff(y) >= 0) and y[0] == -1 and y[-2:].tolist() == [1, 2]


@pytest.mark.parametrize("more", [-1, 1])
def test_sharp_quadratic_inverses_in_float32(more, rng):
    """Compare with double. The float32 inverse computes its knots in double too."""
    raw = [a.astype(np.float32) for a in quadratic(rng, (200_000,), 8, 5, more)]
    y = rng.uniform(-3, 3, 200_000).astype(np.float32)
    x, log = flow.quadratic_spline(y, *raw, bound=3.0, inverse=True)
    wide = [y.astype(float), *(a.astype(float) for a in raw)]
    exact_x, exact_log = flow.quadratic_spline(*wide, bound=3.0, inverse=True)
    assert np.max(np.abs(x - exact_x)) <= 2**-22 and np.max(np.abs(log - exact_log)) <= 1e-6


@pytest.mark.parametrize("wrong", [6, 8, 10])
def test_quadratic_heights_that_do_not_fit(wrong, rng):
    x, widths, heights = np.zeros(3), rng.normal(size=8), rng.normal(size=wrong)
    said = rf"heights must be K - 1 = 7 or K \+ 1 = 9 for 8 bins, got {wrong}"
    with pytest.raises(ValueError, match=said):
        flow.quadratic_spline(x, widths, heights)
    for least in ("min_bin_width", "min_bin_height"):
        with pytest.raises(ValueError, match=f"{least} must be from 0 to below 1 / 8.*got 0.125"):
            flow.quadratic_spline(x, widths, heights[:7].repeat(2)[:7], **{least: 0.125})


@pytest.mark.parametrize(
    ("spline", "raw_of"),
    [(flow.linear_spline, linear), (flow.quadratic_spline, quadratic), (flow.cubic_spline, cubic)],
)
def test_no_gradient_is_nan_outside(spline, raw_of, rng):
    raw = raw_of(rng, (1000,), 8, 5)
    x = np.concatenate([rng.choice([-1, 1], 998) * rng.uniform(3, 1e6, 998), [np.inf, -np.inf]])
    for inverse in (False, True):
        (y, log), gradients = fastgen.value_and_grad(spline)(x, *raw, bound=3.0, inverse=inverse)
        np.testing.assert_array_equal(y, x)
        assert not log.any() and np.all(gradients[0] == 1)
        assert not any(g.any() for g in gradients[1:])


@every_spline
def test_one_spline_for_all(spline, raw_of, rng):
    raw = raw_of(rng, (), 8)
    x = rng.normal(size=(30, 5))
    y, _ = spline(x, *raw)
    gradients = fastgen.value_and_grad(spline)(x, *raw)[1]
    assert y.shape == x.shape
    assert [g.shape for g in gradients] == [x.shape, *(r.shape for r in raw)]
    assert spline(0.5, *raw)[0].dtype == np.float64


@every_spline
def test_what_is_refused(spline, raw_of, rng):
    raw, x = raw_of(rng, (), 8), np.zeros(3)
    for wrong, said in [
        ({"bound": 0.0}, "bound must be positive and finite, got 0.0"),
        ({"bound": math.nan}, "bound must be positive"),
        ({"bound": math.inf}, "bound must be positive"),
        ({"tails": "none"}, "tails must be 'linear' or None, got 'none'"),
        ({"tails": "circular"}, "tails must be 'linear' or None, got 'circular'"),
    ]:
        with pytest.raises(ValueError, match=f"{spline.__name__}: {said}"):
            spline(x, *raw, **wrong)
    with pytest.raises(ValueError, match=r"x must be within the bound 2.0.*got 2.5"):
        spline(np.array([0.5, -2.5]), *raw, bound=2.0, tails=None)
    with pytest.raises(ValueError, match="must be of at least 2 bins, got 1"):
        spline(x, *raw_of(rng, (), 1))
    with pytest.raises(TypeError, match="must hold float16"):
        spline(x, raw[0].astype(complex), *raw[1:])
