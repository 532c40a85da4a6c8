"""Conversions on paths, change of path, and couplings."""

import importlib
import itertools
import pickle
import re
import sys

import numpy as np
import pytest
from path_formulas import EXACT, INSIDE, PATHS, exact

import fastgen
from fastgen.cases.ulp import context
from fastgen.diffusion import Schedule, paths
from fastgen.diffusion.paths import (
    Cosine,
    Linear,
    LinearVariancePreserving,
    PathChange,
    Polynomial,
    VarianceExploding,
    VariancePreserving,
)
from fastgen.reference import diffusion_paths as reference

KINDS = ["velocity", "x1", "epsilon", "score"]
PAIRS = list(itertools.product(KINDS, KINDS))
of_paths = pytest.mark.parametrize("path", PATHS, ids=repr)
of_pairs = pytest.mark.parametrize(("source", "target"), PAIRS)
T = np.array([*INSIDE, 1e-4, 1 - 1e-4])


def kinds_at(path, t, x1, epsilon):
    """Return x_t and every kind of prediction, in numbers of mpmath."""
    a, s, p, q = exact(path, t)
    kinds = {"velocity": p * x1 + q * epsilon, "x1": x1, "epsilon": epsilon, "score": -epsilon / s}
    return a * x1 + s * epsilon, kinds, (a, s, p, q)


@of_pairs
@of_paths
def test_convert_is_exact(path, source, target):
    """For float64, the error is that of two coefficients of 16 ULP, and of 2 ULP."""
    mp = context()
    for t in T:
        x_t, kinds, _ = kinds_at(path, float(t), mp.mpf(0.75), mp.mpf(-1.25))
        x, p = float(x_t), float(kinds[source])
        with mp.workprec(4000):
            of_x, of_p = exact_map(path, float(t), source, target)
            wanted, scale = of_x * x + of_p * p, max(abs(of_x * x), abs(of_p * p))
        got = paths.convert(np.array([x]), np.array([p]), t, path, source=source, target=target)
        assert abs(got[0] - wanted) <= (20 if "Var" in repr(path) else 8) * 2.0**-52 * scale
        if (source, target) == ("velocity", "velocity"):
            assert got[0] == p


def exact_map(path, t, source, target):
    """Return the coefficients of x_t and of the prediction: they solve two equations."""
    mp = context()
    columns = [kinds_at(path, t, mp.mpf(i), mp.mpf(1 - i)) for i in (1, 0)]  # x1 alone, noise alone
    (x0, k0, _), (x1, k1, _) = columns
    if source == target:
        return mp.mpf(0), mp.mpf(1)
    det = x0 * k1[source] - x1 * k0[source]
    of_x = (k0[target] * k1[source] - k1[target] * k0[source]) / det
    of_p = (x0 * k1[target] - x1 * k0[target]) / det
    return of_x, of_p


@of_pairs
@of_paths
def test_there_and_back(path, source, target, rng):
    x1, epsilon = rng.normal(size=(2, 6, 8))
    t = np.array(INSIDE)
    x_t, velocity = paths.sample(x1, t, path, noise=epsilon)
    score = -epsilon / path.sigma(t)[:, None]
    kinds = dict(zip(KINDS, (velocity, x1, epsilon, score), strict=True))
    got = paths.convert(x_t, kinds[source], t, path, source=source, target=target)
    smallest = min(path.alpha(t).min(), path.sigma(t).min(), 1.0)
    bound = {"rtol": 1e-12 / smallest**2, "atol": 1e-12 / smallest**2}
    np.testing.assert_allclose(got, kinds[target], **bound)
    back = paths.convert(x_t, got, t, path, source=target, target=source)
    np.testing.assert_allclose(back, kinds[source], **bound)
    wanted = reference.convert(x_t, kinds[source], t, path, source=source, target=target)
    np.testing.assert_allclose(got, wanted, **bound)
    single = paths.convert(
        *(x.astype(np.float32) for x in (x_t, kinds[source])), t, path, source=source, target=target
    )
    assert single.dtype == np.float32


@of_pairs
@of_paths
def test_ends_are_right_or_refused(path, source, target):
    """At 0 and 1, a conversion is the limit of those nearby, or there is none."""
    x, p = np.array([0.75]), np.array([-1.25])
    for t, inside in ((0.0, 2.0**-40), (1.0, 1 - 2.0**-40)):
        options = {"source": source, "target": target}
        nearby = paths.convert(x, p, inside, path, **options)
        a, s, da, ds = (abs(c) for c in path.coefficients(t))
        if source != target and (
            not (np.isfinite(da + ds) or "velocity" not in (source, target))
            or (a == 0 and source in ("epsilon", "score") and target in ("x1", "velocity"))
            or (s == 0 and (source == "x1" or (target == "score")))
            or (ds == da == 0 and source == "velocity")
        ):
            with pytest.raises(ValueError, match=f"{source} does not determine {target}"):
                paths.convert(x, p, t, path, **options)
            continue
        got = paths.convert(x, p, t, path, **options)
        assert np.isfinite(got).all()
        np.testing.assert_allclose(got, nearby, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize(
    ("path", "t", "source", "target"),
    [
        (Linear(), 0.0, "epsilon", "velocity"),
        (Linear(), 0.0, "epsilon", "x1"),
        (Linear(), 0.0, "score", "velocity"),
        (Linear(), 1.0, "x1", "epsilon"),
        (Linear(), 1.0, "x1", "velocity"),
        (Linear(), 1.0, "velocity", "score"),
        (Linear(), 1.0, "epsilon", "score"),
        (Polynomial(2), 0.0, "velocity", "epsilon"),
        (Polynomial(2), 0.0, "velocity", "x1"),
        (VariancePreserving(), 1.0, "velocity", "x1"),
        (VariancePreserving(), 1.0, "epsilon", "velocity"),
        (LinearVariancePreserving(), 1.0, "velocity", "epsilon"),
    ],
)
def test_what_is_not_determined(path, t, source, target):
    text = f"paths.convert: {source} does not determine {target} at t = {t:g} of {path!r}"
    with pytest.raises(ValueError, match=f"^{re.escape(text)}$"):
        paths.convert(
            np.ones((2, 1)), np.ones((2, 1)), [0.5, t], path, source=source, target=target
        )


def test_conversions_of_flow_matching(rng):
    """The formulas of AffineProbPath of facebookresearch/flow_matching."""
    x_t, p = rng.normal(size=(2, 6, 4))
    for path in (Linear(), Cosine(), VariancePreserving(), Polynomial(3)):
        a, s, da, ds = (c[:, None] for c in path.coefficients(T[:6]))
        wanted = {
            ("x1", "velocity"): ds / s * x_t + (da * s - ds * a) / s * p,
            ("epsilon", "velocity"): da / a * x_t + (ds * a - da * s) / a * p,
            ("velocity", "x1"): -ds / (da * s - ds * a) * x_t + s / (da * s - ds * a) * p,
            ("epsilon", "x1"): x_t / a - s / a * p,
            ("velocity", "epsilon"): -da / (ds * a - da * s) * x_t + a / (ds * a - da * s) * p,
            ("x1", "epsilon"): x_t / s - a / s * p,
        }
        for (source, target), y in wanted.items():
            got = paths.convert(x_t, p, T[:6], path, source=source, target=target)
            np.testing.assert_allclose(got, y, rtol=1e-11, atol=1e-11)


def test_conversions_of_schedules_are_the_same(rng):
    """The path runs the other way, so its velocity has the opposite sign."""
    x_t, p = rng.normal(size=(2, 6, 4))
    t = np.array(INSIDE)
    to_data = paths.convert(x_t, p, t, Linear(), source="velocity", target="x1")
    other = fastgen.diffusion.convert(x_t, -p, 1 - t, Schedule.flow(), source="flow", target="x0")
    np.testing.assert_allclose(to_data, other, rtol=1e-12, atol=1e-12)
    score = paths.convert(x_t, p, t, VariancePreserving(), source="x1", target="score")
    other = fastgen.diffusion.convert(x_t, p, 1 - t, Schedule.vp(), source="x0", target="score")
    np.testing.assert_allclose(score, other, rtol=1e-9, atol=1e-9)


def test_derivatives(rng):
    x_t, p, c = rng.normal(size=(3, 6, 4))
    change = PathChange(Cosine(), Linear())
    t = np.array(INSIDE)
    options = {"source": "velocity", "target": "score"}
    _, pullback = fastgen.vjp(paths.convert, x_t, p, t, Linear(), **options)
    ones, zeros = np.ones_like(x_t), np.zeros_like(x_t)
    for got, pair in zip(pullback(c), ((ones, zeros), (zeros, ones)), strict=True):
        np.testing.assert_allclose(got, c * paths.convert(*pair, t, Linear(), **options))
    _, pullback = fastgen.vjp(paths.change_velocity, x_t, p, t, change)
    for got, pair in zip(pullback(c), ((ones, zeros), (zeros, ones)), strict=True):
        np.testing.assert_allclose(got, c * paths.change_velocity(*pair, t, change))


def test_refused():
    x = np.ones((2, 3))
    for option in ("source", "target"):
        options = {"source": "x1", "target": "x1"} | {option: "x0"}
        with pytest.raises(ValueError, match=f"{option} must be one of 'velocity', 'x1'"):
            paths.convert(x, x, 0.5, Linear(), **options)
    with pytest.raises(TypeError, match=r"paths\.convert: path must be a fastgen"):
        paths.convert(x, x, 0.5, Schedule.flow(), source="x1", target="x1")
    with pytest.raises(ValueError, match=r"t must lie in \[0, 1\]"):
        paths.convert(x, x, 1.5, Linear(), source="x1", target="velocity")


# Change of path.

CHANGES = [
    PathChange(path, new)
    for path, new in itertools.product(PATHS, PATHS)
    if not isinstance(path, VarianceExploding | VariancePreserving) or path == new
    if path != Linear(sigma_min=0.125) or path == new
]


@pytest.mark.parametrize("change", CHANGES, ids=repr)
def test_a_changed_velocity_is_that_of_the_new_path(change, rng):
    """With one point for data and noise, x1 and epsilon say what the velocities are."""
    x1, epsilon = rng.normal(size=(2, 6, 5))
    t = np.array(INSIDE)
    x, wanted = paths.sample(x1, t, change.new, noise=epsilon)
    r, scale = paths.matching_time(t, change)
    own, velocity = paths.sample(x1, r, change.path, noise=epsilon)
    np.testing.assert_allclose(own * scale[:, None], x, rtol=1e-10, atol=1e-12)
    got = paths.change_velocity(x, velocity, t, change)
    size = np.max(np.abs(wanted), axis=1, keepdims=True)
    assert np.all(np.abs(got - wanted) <= 1e-9 * size)
    theirs = reference.change_velocity(x, velocity, t, change)
    np.testing.assert_allclose(got, theirs, rtol=1e-12, atol=1e-12)
    np.testing.assert_array_equal(reference.matching_time(t, change), (r, scale))


@of_paths
def test_no_change(path, rng):
    x, v = rng.normal(size=(2, 6, 5))
    t, same = np.array(INSIDE), PathChange(path, path)
    r, scale = paths.matching_time(t, same)
    np.testing.assert_allclose(r, t, rtol=1e-12)
    np.testing.assert_allclose(scale, 1, rtol=1e-12)
    np.testing.assert_allclose(paths.change_velocity(x, v, t, same), v, rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("path", [Cosine(), Linear(), Polynomial(3.5)], ids=repr)
@pytest.mark.parametrize("new", [Cosine(), Linear(), Polynomial(2)], ids=repr)
def test_a_change_is_exact(path, new):
    """Against mpmath, at the time r that is a float64."""
    mp, change = context(), PathChange(path, new)
    for t in INSIDE:
        r, scale = paths.matching_time(t, change)
        with mp.workprec(4000):
            a, s, p, q = exact(new, t)
            ar, sr, pr, qr = exact(path, float(r))
            assert abs(a * sr - ar * s) <= 1e-15 * 4 * (abs(pr * s) + abs(a * qr))  # r is right
            k = mp.sqrt((a * a + s * s) / (ar * ar + sr * sr))
            of_x, of_v = (
                (p * qr - q * pr) / (ar * qr - pr * sr) / k,
                (q * ar - p * sr) / (ar * qr - pr * sr),
            )
            size = max(abs(p * qr), abs(q * pr)) / abs(ar * qr - pr * sr) / k
        assert abs(scale - k) <= 1e-15 * k
        got = PathChange(path, new).coefficients(t)[2:]
        assert abs(got[0] - of_x) <= 4e-15 * size and abs(got[1] - of_v) <= 2e-15 * abs(of_v)


def test_a_flow_goes_through_the_same_points():
    """The exact velocity of a normal distribution, integrated on both paths, gives one sample."""
    mean, std = 1.5, 0.5  # of the data

    def model(x, t, path):
        a, s, p, q = path.coefficients(t)
        variance = (a * std) ** 2 + s**2
        return p * mean + (a * p * std**2 + s * q) / variance * (x - a * mean)

    path, new, x = Cosine(), Linear(), np.array([-1.0, 0.3, 2.0])
    change, steps, found = PathChange(path, new), 400, {}

    def direct(x, t):
        return model(x, t, path)

    def changed(x, t):
        r, scale = paths.matching_time(t, change)
        return paths.change_velocity(x, model(x / scale, r, path), t, change)

    for name, f in {"direct": direct, "changed": changed}.items():
        y = x
        for k in range(steps):  # the midpoint rule
            t, h = k / steps, 1 / steps
            y = y + h * f(y + h / 2 * f(y, t), t + h / 2)
        found[name] = y
    np.testing.assert_allclose(found["changed"], mean + std * x, rtol=1e-4)
    np.testing.assert_allclose(found["direct"], mean + std * x, rtol=1e-4)


def test_changes_are_checked(rng):
    x = np.ones((2, 3))
    change = PathChange(VariancePreserving(), Linear())
    assert pickle.loads(pickle.dumps(change)) == change
    assert repr(PathChange(Linear(), Cosine())) == (
        "PathChange(path=Linear(sigma_min=0.0), new=Cosine())"
    )
    message = r"VariancePreserving\(.*\) has no time with the signal-to-noise ratio that Linear"
    with pytest.raises(ValueError, match=rf"paths\.matching_time: PathChange: {message}.* t = 0;"):
        paths.matching_time([0.5, 0.0], change)
    with pytest.raises(ValueError, match=rf"paths\.change_velocity: PathChange: {message}"):
        paths.change_velocity(x, x, 0.0, change)
    start = Linear().time_of(*VariancePreserving().coefficients(0.0)[:2])
    assert paths.matching_time(start, change)[0] < 1e-12
    with pytest.raises(ValueError, match=r"no velocity follows at t = 1 of PathChange\("):
        paths.change_velocity(x, x, [0.5, 1.0], change)
    with pytest.raises(ValueError, match="no velocity follows at t = 0 of"):
        paths.change_velocity(x, x, 0.0, PathChange(Polynomial(2), Linear()))
    with pytest.raises(TypeError, match=r"PathChange: new must be a fastgen\.diffusion"):
        PathChange(Linear(), Schedule.flow())
    with pytest.raises(TypeError, match="matching_time: change must be a fastgen"):
        paths.matching_time(0.5, Linear())
    with pytest.raises(ValueError, match=r"t must lie in \[0, 1\]"):
        paths.matching_time(1.5, change)


# Couplings.


@pytest.mark.parametrize("count", [1, 2, 5, 6])
def test_a_coupling_is_the_best_of_all(count, rng):
    pytest.importorskip("scipy")
    x0, x1 = rng.normal(size=(2, count, 2, 3)) + np.array([1e6, -1e6])[:, None, None, None]
    found = paths.optimal_coupling(x0, x1)
    assert found.dtype == np.int64 and sorted(found) == list(range(count))
    costs = {p: np.sum((x0 - x1[list(p)]) ** 2) for p in itertools.permutations(range(count))}
    assert costs[tuple(found.tolist())] <= min(costs.values()) * (1 + 1e-9)
    np.testing.assert_array_equal(paths.optimal_coupling(x1[found], x1), found)


def test_couplings_of_other_types_and_shapes(rng):
    pytest.importorskip("scipy")
    x0, x1 = rng.normal(size=(2, 5, 3)).astype(np.float16)
    wanted = paths.optimal_coupling(x0.astype(float), x1.astype(float))
    np.testing.assert_array_equal(paths.optimal_coupling(x0, x1), wanted)
    assert paths.optimal_coupling(np.empty((0, 3)), np.empty((0, 3))).shape == (0,)
    without = np.empty((3, 0))
    np.testing.assert_array_equal(paths.optimal_coupling(without, without), [0, 1, 2])
    np.testing.assert_array_equal(paths.optimal_coupling([0.0, 5.0], [4.0, 1.0]), [1, 0])


def test_refused_couplings(monkeypatch):
    x = np.ones((3, 2))
    for y in (np.ones((2, 2)), np.ones(3)):
        with pytest.raises(ValueError, match=r"x0 and x1 must have one shape, \(batch, \.\.\.\)"):
            paths.optimal_coupling(x, y)
    with pytest.raises(ValueError, match="must have one shape"):
        paths.optimal_coupling(1.0, 2.0)
    with pytest.raises(ValueError, match="optimal_coupling: x1 must be finite"):
        paths.optimal_coupling(x, x * np.inf)
    with pytest.raises(TypeError, match="optimal_coupling: x0"):
        paths.optimal_coupling(1j * x, x)
    monkeypatch.setitem(sys.modules, "scipy", None)
    message = r"optimal_coupling needs scipy: pip install 'fastgen-numerics\[doors\]'"
    with pytest.raises(ModuleNotFoundError, match=message):
        paths.optimal_coupling(x, x)


def test_scipy_is_imported_late():
    assert "scipy" not in vars(importlib.import_module("fastgen.diffusion.paths.coupling"))
    assert EXACT
