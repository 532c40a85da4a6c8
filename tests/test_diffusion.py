"""The forward process, conversions, losses and scores: properties, peers, and what is refused."""

import itertools

import ml_dtypes
import numpy as np
import pytest

import fastgen
from fastgen import diffusion
from fastgen.diffusion import Schedule
from fastgen.reference import diffusion as reference

KINDS = ["epsilon", "x0", "v", "score", "flow"]
SCHEDULES = [
    Schedule.linear(100),
    Schedule.cosine(100, max_beta=1),
    Schedule.vp(100),
    Schedule.flow(100, shift=3.0),
    Schedule.karras(100),
    Schedule.edm(100),
]
HALVES = [np.float16, ml_dtypes.bfloat16]


def draw(rng, shape, dtype=np.float64):
    return rng.standard_normal(shape).astype(dtype), rng.standard_normal(shape).astype(dtype)


def some_times(schedule, n, rng):
    low, high = schedule.times[0], schedule.times[-1]
    return rng.uniform(low, high, n)


# ---- Noising


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("schedule", SCHEDULES, ids=repr)
def test_add_noise_is_its_formula(schedule, dtype, rng):
    for shape in [(5,), (5, 7), (5, 3, 4), (5, 2, 4, 4)]:
        x0, noise = draw(rng, shape, dtype)
        scale = np.abs(x0) + schedule.sigma.max() * np.abs(noise)
        for t in [
            *(3, 99, np.int64(7), np.float64(schedule.times[5])),
            *(rng.integers(0, 100, 5), rng.integers(0, 100, 5).astype(np.uint8)),
            *([0, 1, 2, 3, 99], np.full(5, 7), some_times(schedule, 5, rng)),
        ]:
            got = diffusion.add_noise(x0, t, schedule, noise=noise)
            wanted = reference.add_noise(x0.astype(float), t, schedule, noise=noise.astype(float))
            assert got.dtype == dtype and got.shape == shape
            assert np.all(np.abs(got - wanted) <= 3 * np.finfo(dtype).eps * scale)


def test_times_along_several_axes_and_one_for_all(rng):
    schedule = Schedule.linear(50)
    x0, noise = draw(rng, (3, 4, 5))
    t = rng.integers(0, 50, (3, 4))
    whole = diffusion.add_noise(x0, t, schedule, noise=noise)
    for i, j in itertools.product(range(3), range(4)):
        one = diffusion.add_noise(x0[i, j], t[i, j], schedule, noise=noise[i, j])
        np.testing.assert_array_equal(whole[i, j], one)
    for t in (7, np.array(7), np.int32(7), np.full(3, 7), [7, 7, 7], np.full((3, 4, 5), 7)):
        got = diffusion.add_noise(x0, t, schedule, noise=noise)
        np.testing.assert_array_equal(got, diffusion.add_noise(x0, 7, schedule, noise=noise))
    assert diffusion.add_noise(2.0, 7, schedule, noise=1.0) == diffusion.linear_combination(
        2.0, 1.0, float(schedule.signal[7]), float(schedule.sigma[7])
    )
    assert diffusion.add_noise(
        np.empty((0, 3)), np.empty(0, int), schedule, noise=np.empty((0, 3))
    ).shape == (0, 3)
    assert diffusion.add_noise(
        np.empty((2, 0)), [1, 2], schedule, noise=np.empty((2, 0))
    ).shape == (2, 0)


def test_bits_depend_on_neither_layout_nor_batch_nor_way_in(rng):
    schedule = Schedule.cosine(1000)
    x0, noise = draw(rng, (40, 3, 17), np.float32)
    t = rng.integers(0, 1000, 40)
    wanted = diffusion.add_noise(x0, t, schedule, noise=noise)
    for i in range(40):
        one = diffusion.add_noise(x0[i : i + 1], t[i : i + 1], schedule, noise=noise[i : i + 1])
        np.testing.assert_array_equal(one[0], wanted[i])
    fortran = np.asfortranarray(x0), np.asfortranarray(noise)
    np.testing.assert_array_equal(
        diffusion.add_noise(fortran[0], t, schedule, noise=fortran[1]), wanted
    )
    few = diffusion.add_noise(x0[:9], t[:9].tolist(), schedule, noise=noise[:9])
    np.testing.assert_array_equal(few, wanted[:9])
    np.testing.assert_array_equal(
        diffusion.add_noise(x0, schedule.times[t], schedule, noise=noise), wanted
    )
    for k in range(2):  # in place
        copies = [x0.copy(), noise.copy()]
        got = diffusion.add_noise(copies[0], t, schedule, noise=copies[1], out=copies[k])
        assert got is copies[k]
        np.testing.assert_array_equal(got, wanted)


@pytest.mark.parametrize("half", HALVES)
def test_half_precision_has_noise_at_every_step(half, rng):
    schedule = Schedule.linear()
    noise = rng.standard_normal((1000, 8)).astype(half)
    zeros = np.zeros_like(noise)
    t = np.arange(1000)
    got = diffusion.add_noise(zeros, t, schedule, noise=noise)
    assert got.dtype == half
    wanted = schedule.sigma.astype(np.float32)[:, None] * noise.astype(np.float32)
    np.testing.assert_array_equal(got, wanted.astype(half))
    assert np.all(got[:10][noise[:10] != 0] != 0)
    rounded = (1 - schedule.alpha_bar.astype(half)).astype(float)
    assert np.count_nonzero(rounded == 0) >= 2  # what casting the table first would have given
    for f in (diffusion.velocity, lambda *a: diffusion.convert(*a, source="v", target="x0")):
        assert f(noise, noise, t, schedule).dtype == half


def test_coefficients_do_not_upcast_and_mixed_types_promote(rng):
    schedule, t = Schedule.linear(), np.array([1, 2, 3])
    x0, noise = draw(rng, (3, 4), np.float32)
    assert diffusion.add_noise(x0, t, schedule, noise=noise).dtype == np.float32
    assert diffusion.add_noise(x0, 1, schedule, noise=noise).dtype == np.float32
    assert diffusion.add_noise(x0, t, schedule, noise=noise.astype(float)).dtype == np.float64
    assert diffusion.add_noise(x0, t, schedule, noise=noise.astype("e")).dtype == np.float32
    assert diffusion.add_noise(x0 > 0, t, schedule, noise=noise).dtype == np.float64
    assert diffusion.add_noise([[1, 2]], [5], schedule, noise=[[0, 1]]).dtype == np.float64


def test_diffusers_adds_the_same_noise(rng):
    diffusers = pytest.importorskip("diffusers", reason="diffusers is not installed")
    torch = pytest.importorskip("torch", reason="torch is not installed")
    theirs = diffusers.DDPMScheduler(1000, beta_schedule="scaled_linear")
    ours = Schedule.scaled_linear(1000, beta_start=1e-4, beta_end=0.02)
    x0, noise = draw(rng, (8, 3, 4, 4), np.float32)
    t = rng.integers(0, 1000, 8)
    tensors = [torch.from_numpy(a) for a in (x0, noise, t)]
    np.testing.assert_allclose(
        diffusion.add_noise(x0, t, ours, noise=noise), theirs.add_noise(*tensors), atol=2e-5
    )
    np.testing.assert_allclose(
        diffusion.velocity(x0, noise, t, ours), theirs.get_velocity(*tensors), atol=2e-5
    )


# ---- Noise by key and counter


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_noise_by_key_is_the_noise_drawn(dtype, rng):
    schedule = Schedule.cosine(100)
    for shape in [(5,), (5, 7), (5, 3, 400), (1, 20)]:
        x0 = draw(rng, shape, dtype)[0]
        noise = fastgen.noise.normal(shape, key=7, counter=11, dtype=dtype)
        for t in (3, 0.5, rng.integers(0, 100, shape[0]), rng.uniform(0, 1, shape[0])):
            wanted = diffusion.add_noise(x0, t, schedule, noise=noise)
            got = diffusion.add_noise(x0, t, schedule, key=7, counter=11)
            np.testing.assert_array_equal(got, wanted)
            both = diffusion.add_noise(x0, t, schedule, key=7, counter=11, return_noise=True)
            np.testing.assert_array_equal(both, (wanted, noise))
            stream = fastgen.noise.Stream(7, 11)
            both = diffusion.add_noise(x0, t, schedule, noise=stream, return_noise=True)
            np.testing.assert_array_equal(both, (wanted, noise))
            given = diffusion.add_noise(x0, t, schedule, noise=noise, return_noise=True)
            assert given[1] is noise
            np.testing.assert_array_equal(given[0], wanted)
            out = np.empty(shape, dtype), np.empty(shape, dtype)
            got = diffusion.add_noise(
                x0, t, schedule, key=7, counter=11, return_noise=True, out=out
            )
            assert got[0] is out[0] and got[1] is out[1]
            np.testing.assert_array_equal(got, both)
            np.testing.assert_array_equal(
                diffusion.velocity(x0, stream, t, schedule),
                diffusion.velocity(x0, noise, t, schedule),
            )
            np.testing.assert_array_equal(
                diffusion.denoising_loss(x0, stream), diffusion.denoising_loss(x0, noise)
            )
            np.testing.assert_array_equal(
                diffusion.langevin_step(x0, -x0, 0.1, key=7, counter=11),
                diffusion.langevin_step(x0, -x0, 0.1, noise=noise),
            )
            if np.asarray(t).dtype == float:
                for a, b in zip(
                    diffusion.interpolate(stream, x0, t),
                    diffusion.interpolate(noise, x0, t),
                    strict=True,
                ):
                    np.testing.assert_array_equal(a, b)


def test_noise_depends_on_the_place_in_the_batch_alone(rng):
    schedule, x0 = Schedule.linear(), draw(rng, (8, 3, 5), np.float32)[0]
    t = rng.integers(0, 1000, 8)
    whole = diffusion.add_noise(x0, t, schedule, key=1)
    for i in range(8):
        one = diffusion.add_noise(x0[i : i + 1], t[i : i + 1], schedule, key=1, counter=15 * i)
        np.testing.assert_array_equal(one[0], whole[i])
    moved = np.moveaxis(np.ascontiguousarray(np.moveaxis(x0, 2, 0)), 0, 2)
    np.testing.assert_array_equal(diffusion.add_noise(moved, t, schedule, key=1), whole)


def test_noise_by_rng(rng):
    schedule, zeros = Schedule.flow(), np.zeros((50, 40), np.float32)
    first = diffusion.add_noise(zeros, 1.0, schedule, rng=5)
    np.testing.assert_array_equal(first, diffusion.add_noise(zeros, 1.0, schedule, rng=5))
    generator = np.random.default_rng(5)
    np.testing.assert_array_equal(first, diffusion.add_noise(zeros, 1.0, schedule, rng=generator))
    second = diffusion.add_noise(zeros, 1.0, schedule, rng=generator)
    fresh = diffusion.add_noise(zeros, 1.0, schedule)
    for other in (second, fresh):
        assert np.count_nonzero(first == other) < 10
    assert 0.9 < fresh.std() < 1.1
    half = diffusion.add_noise(zeros.astype("e"), 1.0, schedule, rng=5)
    np.testing.assert_array_equal(half, first.astype("e"))


# ---- Velocity and conversions


def kinds_of(x0, noise, t, schedule):
    """Every kind of prediction, of the truth."""
    a, s = (
        np.reshape(c, np.shape(c) + (1,) * (x0.ndim - np.ndim(c))) for c in schedule.coefficients(t)
    )
    with np.errstate(divide="ignore", invalid="ignore"):
        return {
            "x0": x0,
            "epsilon": noise,
            "v": a * noise - s * x0,
            "flow": noise - x0,
            "score": -noise / s,
        }


@pytest.mark.parametrize(("source", "target"), [*itertools.product(KINDS, KINDS)])
@pytest.mark.parametrize("schedule", SCHEDULES, ids=repr)
def test_every_conversion_of_the_truth_is_the_truth(schedule, source, target, rng):
    x0, noise = draw(rng, (60, 5))
    for t in (np.arange(15, 75), some_times(schedule, 60, rng), 40):
        x_t = diffusion.add_noise(x0, t, schedule, noise=noise)
        kinds = kinds_of(x0, noise, t, schedule)
        got = diffusion.convert(x_t, kinds[source], t, schedule, source=source, target=target)
        ratio = np.max(np.divide(*schedule.coefficients(np.max(t)))[()] + 1e-3)
        np.testing.assert_allclose(got, kinds[target], rtol=1e-9, atol=1e-6 / min(ratio, 1))
        wanted = reference.convert(x_t, kinds[source], t, schedule, source=source, target=target)
        np.testing.assert_allclose(got, wanted, rtol=1e-9, atol=1e-6 / min(ratio, 1))


def test_coefficients_of_conversions_are_right(rng):
    mp = pytest.importorskip("mpmath")
    from fastgen.diffusion.predictions import conversion

    for schedule, source, target in itertools.product(SCHEDULES, KINDS, KINDS):
        t = np.array([0, 1, 50, 98])
        got = np.array(conversion(source, target, t, schedule))
        for k, step in enumerate(t):
            with mp.workdps(50):
                a, s = mp.mpf(schedule.signal[step]), mp.mpf(schedule.sigma[step])
                power = a**2 + s**2
                x0, epsilon = {  # of (x_t, prediction)
                    "x0": ((0, 1), (1 / s, -a / s)),
                    "epsilon": ((1 / a, -s / a), (0, 1)),
                    "score": ((1 / a, s**2 / a), (0, -s)),
                    "v": ((a / power, -s / power), (s / power, a / power)),
                    "flow": ((1 / (a + s), -s / (a + s)), (1 / (a + s), a / (a + s))),
                }[source]
                for i in range(2):
                    wanted = {
                        "x0": x0[i],
                        "epsilon": epsilon[i],
                        "score": -epsilon[i] / s,
                        "v": a * epsilon[i] - s * x0[i],
                        "flow": epsilon[i] - x0[i],
                    }[target]
                    scale = max(abs(a * epsilon[i]), abs(s * x0[i]), abs(wanted))
                    assert abs(got[i, k] - wanted) <= 8 * 2**-53 * scale, (source, target, step)


def test_limits_of_conversions():
    zero_snr = Schedule.linear(10).rescale_zero_terminal_snr()
    x_t, p = np.full((1, 2), 0.5), np.full((1, 2), 3.0)
    for last in (9, 1.0, np.array([9])):
        ends = (x_t, p, last, zero_snr)

        def convert(a, b, ends=ends):
            return diffusion.convert(*ends, source=a, target=b)

        np.testing.assert_array_equal(convert("v", "x0"), -p)
        np.testing.assert_array_equal(convert("v", "epsilon"), x_t)
        np.testing.assert_array_equal(convert("flow", "x0"), x_t - p)
        np.testing.assert_array_equal(convert("epsilon", "score"), -p)
        np.testing.assert_array_equal(convert("x0", "v"), -p)
        for source, target in itertools.product(["epsilon", "score"], ["x0", "v", "flow"]):
            with pytest.raises(ValueError, match=r"at (step 9|time 1.0) of .*there is no signal"):
                convert(source, target)
    start = Schedule.from_alpha_bar([1, 0.5])
    for source, target in [("x0", "epsilon"), ("x0", "v"), ("epsilon", "score"), ("v", "score")]:
        with pytest.raises(ValueError, match=r"step 0 of .*there is no noise"):
            diffusion.convert(x_t, p, [0], start, source=source, target=target)
    np.testing.assert_array_equal(
        diffusion.convert(x_t, p, 0, start, source="epsilon", target="x0"), x_t
    )
    out = np.full((2, 2), 7.0)
    two = np.full((2, 2), 1.0)
    with pytest.raises(ValueError, match="step 9"):
        diffusion.convert(two, two, [0, 9], zero_snr, source="epsilon", target="x0", out=out)
    assert np.all(out == 7)


def test_velocity_is_a_derivative():
    x0, noise = np.array([[0.5, -1.0]]), np.array([[2.0, 0.25]])
    for schedule in (Schedule.vp(), Schedule.flow()):
        t, h = 0.3, 1e-6
        low, high = (diffusion.add_noise(x0, t + d, schedule, noise=noise) for d in (-h / 2, h / 2))
        change = h
        if schedule.form == "variance preserving":  # of the angle
            angles = [np.arctan2(*schedule.coefficients(t + d)[::-1]) for d in (-h / 2, h / 2)]
            change = angles[1] - angles[0]
        got = diffusion.velocity(x0, noise, t, schedule)
        np.testing.assert_allclose(got, (high - low) / change, rtol=1e-7)
    with pytest.raises(ValueError, match="velocity: expected a variance-preserving or flow"):
        diffusion.velocity(x0, noise, 0, Schedule.karras(5))


def test_posterior_is_that_of_ho_et_al(rng):
    s = Schedule.linear(1000)
    x0, x_t = draw(rng, (50, 4))
    t = np.concatenate([[0, 1, 999], rng.integers(0, 1000, 47)])
    mean, variance, log_variance = diffusion.posterior_mean_variance(x0, x_t, t, s)
    before = np.append(1.0, s.alpha_bar)[t]
    of_x0 = np.sqrt(before) * s.betas[t] / (1 - s.alpha_bar[t])
    of_xt = np.sqrt(s.alphas[t]) * (1 - before) / (1 - s.alpha_bar[t])
    np.testing.assert_allclose(mean, of_x0[:, None] * x0 + of_xt[:, None] * x_t, rtol=1e-8)
    wanted = s.betas[t] * (1 - before) / (1 - s.alpha_bar[t])
    np.testing.assert_allclose(variance, wanted, rtol=1e-8)
    assert variance[0] == 0 and log_variance[0] == log_variance[1]
    np.testing.assert_array_equal(mean[0], x0[0])
    for k in (0, 3):
        one = diffusion.posterior_mean_variance(x0[k], x_t[k], int(t[k]), s)
        np.testing.assert_array_equal(one[0], mean[k])
    with pytest.raises(TypeError, match="t must hold integers"):
        diffusion.posterior_mean_variance(x0, x_t, 0.5, s)


def test_interpolate(rng):
    noise, data = draw(rng, (6, 2, 3), np.float32)
    t = np.array([0, 0.25, 0.5, 0.75, 1, 0.1])
    x_t, velocity = diffusion.interpolate(noise, data, t)
    assert x_t.dtype == velocity.dtype == np.float32
    wanted = reference.interpolate(noise.astype(float), data.astype(float), t)
    np.testing.assert_allclose(x_t, wanted[0], rtol=1e-5, atol=1e-6)
    np.testing.assert_array_equal(velocity, data - noise)
    np.testing.assert_array_equal(x_t[[0, 4]], [noise[0], data[4]])
    # The flow schedule counts time the other way.
    back = diffusion.add_noise(data, 1 - t, Schedule.flow(), noise=noise)
    np.testing.assert_allclose(x_t, back, rtol=1e-5, atol=1e-6)
    half = diffusion.interpolate(noise.astype("e"), data.astype("e"), 0.5)
    assert half[0].dtype == half[1].dtype == np.float16


# ---- Preconditioning and weights


def test_edm_preconditioning(rng):
    sigma, sigma_data = np.geomspace(1e-3, 1e3, 12), 0.5
    c = diffusion.edm_coefficients(sigma, sigma_data=sigma_data)
    power = sigma**2 + sigma_data**2
    np.testing.assert_allclose(c.c_skip, sigma_data**2 / power, rtol=1e-14)
    np.testing.assert_allclose(c.c_out, sigma * sigma_data / np.sqrt(power), rtol=1e-14)
    np.testing.assert_allclose(c.c_in, 1 / np.sqrt(power), rtol=1e-14)
    np.testing.assert_allclose(c.c_noise, np.log(sigma) / 4, rtol=1e-14)
    assert diffusion.edm_coefficients(0.0)[:3] == (1, 0, 2)
    x, output = draw(rng, (12, 3, 5), np.float32)
    got = diffusion.edm_denoised(x, output, sigma, sigma_data=sigma_data)
    spread = [v[:, None, None] for v in c]
    np.testing.assert_allclose(got, spread[0] * x + spread[1] * output, rtol=1e-5, atol=1e-5)
    scaled = diffusion.edm_input(x, sigma, sigma_data=sigma_data)
    np.testing.assert_array_equal(scaled, spread[2].astype(np.float32) * x)
    half = diffusion.edm_input(x.astype("e"), sigma)
    wanted = spread[2].astype(np.float32) * x.astype("e").astype(np.float32)
    np.testing.assert_array_equal(half, wanted.astype("e"))
    # The weight makes the loss of the network's own output the mean squared error.
    np.testing.assert_allclose(diffusion.edm_weight(sigma) * c.c_out**2, 1, rtol=1e-13)


def test_weights_are_finite_without_signal():
    zero_snr = Schedule.scaled_linear().rescale_zero_terminal_snr()
    t = np.arange(1000)
    snr = zero_snr.snr
    inner = slice(0, 999)
    for gamma in (1.0, 5.0):
        weights = {
            kind: diffusion.min_snr_weight(t, zero_snr, gamma=gamma, prediction=kind)
            for kind in ("epsilon", "x0", "v")
        }
        least = np.minimum(snr, gamma)
        np.testing.assert_allclose(
            weights["epsilon"][inner], (least / np.where(snr, snr, 1))[inner]
        )
        np.testing.assert_allclose(weights["x0"], least, rtol=1e-12)
        np.testing.assert_allclose(weights["v"], least / (snr + 1), rtol=1e-12)
        assert [w[-1] for w in weights.values()] == [1, 0, 0]
    np.testing.assert_allclose(diffusion.p2_weight(t, zero_snr, k=2, gamma=0.5), (2 + snr) ** -0.5)
    assert diffusion.inverse_variance_weight(999, zero_snr) == 1
    start = Schedule.from_alpha_bar([1, 0.5])
    assert [diffusion.min_snr_weight(0, start, prediction=k) for k in ("epsilon", "x0", "v")] == [
        0,
        5,
        0,
    ]
    assert diffusion.p2_weight(0, start) == 0
    with pytest.raises(ValueError, match="no noise at t = 0"):
        diffusion.inverse_variance_weight([1, 0], start)


def test_logit_normal_and_cosmap_are_densities():
    t = (np.arange(200_000) + 0.5) / 200_000
    for mean, std in [(0, 1), (-1.2, 0.7), (2, 2)]:
        weight = diffusion.logit_normal_weight(t, mean=mean, std=std)
        np.testing.assert_allclose(np.mean(weight), 1, rtol=1e-4)
        ends = diffusion.logit_normal_weight([0, 5e-324, 1], mean=mean, std=std)
        assert np.all(np.isfinite(ends)) and ends[0] == ends[2] == 0
    np.testing.assert_allclose(np.mean(diffusion.cosmap_weight(t)), 1, rtol=1e-9)


# ---- Losses


def slope(f, x, direction):
    return (f(x + 1e-6 * direction) - f(x - 1e-6 * direction)) / 2e-6


@pytest.mark.parametrize("shape", [(6, 5), (6, 2, 3), (6,), (6, 1500)])
def test_denoising_loss_and_its_gradient(shape, rng):
    prediction, target = draw(rng, shape)
    for weight in (None, 2.0, rng.uniform(0, 3, 6), [1, 2, 3, 4, 5, 6]):
        loss = diffusion.denoising_loss(prediction, target, weight=weight)
        wanted = reference.denoising_loss(
            prediction, target, weight=None if weight is None else np.array(weight)
        )
        assert loss.shape == (6,)
        np.testing.assert_allclose(loss, wanted, rtol=1e-13)
        cotangent = rng.standard_normal(6)
        value, (d_prediction, d_target) = fastgen.value_and_grad(diffusion.denoising_loss)(
            prediction, target, cotangent=cotangent, weight=weight
        )
        np.testing.assert_array_equal(value, loss)
        direction = rng.standard_normal(shape)
        by_difference = slope(
            lambda p, w=weight, c=cotangent: np.sum(
                c * diffusion.denoising_loss(p, target, weight=w)
            ),
            prediction,
            direction,
        )
        np.testing.assert_allclose(np.sum(d_prediction * direction), by_difference, rtol=1e-7)
        np.testing.assert_array_equal(d_target, -d_prediction)


@pytest.mark.parametrize("dtype", [np.float32, *HALVES])
def test_denoising_loss_is_rounded_once(dtype, rng):
    prediction, target = draw(rng, (4, 3, 16), dtype)
    exact = np.mean((prediction.astype(float) - target.astype(float)) ** 2, axis=(1, 2))
    got = diffusion.denoising_loss(prediction, target)
    assert got.dtype == dtype
    np.testing.assert_allclose(
        got.astype(float), exact, rtol=1.1 * float(ml_dtypes.finfo(dtype).eps) / 2 + 2e-7
    )
    value, gradients = fastgen.value_and_grad(diffusion.denoising_loss)(prediction, target)
    np.testing.assert_array_equal(value, got)
    assert all(g.dtype == dtype and g.shape == target.shape for g in gradients)
    single = diffusion.denoising_loss(prediction[0, 0], target[0, 0])
    assert single.shape == (16,)


@pytest.mark.parametrize("function", ["convert", "edm_denoised"])
def test_linear_functions_have_derivatives(function, rng):
    x, p = draw(rng, (4, 2, 3), np.float32)
    t = np.array([1, 20, 50, 98])
    if function == "convert":
        call, options = (t, SCHEDULES[0]), {"source": "v", "target": "x0"}
        a, s = (c[:, None, None] for c in SCHEDULES[0].coefficients(t))
        slopes = a, -s
    else:
        call, options = (np.array([0.1, 1.0, 2.0, 80.0]),), {"sigma_data": 1.0}
        c = diffusion.edm_coefficients(*call, sigma_data=1.0)
        slopes = c.c_skip[:, None, None], c.c_out[:, None, None]
    f = getattr(diffusion, function)
    value, pullback = fastgen.vjp(f, x, p, *call, **options)
    cotangent = rng.standard_normal(x.shape).astype(np.float32)
    for gradient, slope_of in zip(pullback(cotangent), slopes, strict=True):
        assert gradient.dtype == np.float32
        np.testing.assert_allclose(gradient, slope_of * cotangent, rtol=1e-5)
    again, (d_p,) = fastgen.value_and_grad(f, argnums=1)(x, p, *call, **options)
    np.testing.assert_array_equal(again, value)
    np.testing.assert_allclose(d_p, np.broadcast_to(slopes[1], x.shape), rtol=1e-5)


def test_score_matching_is_the_loss_of_the_noise(rng):
    schedule, t = Schedule.vp(), rng.integers(0, 1000, 6)
    score, noise = draw(rng, (6, 8))
    sigma = schedule.sigma[t]
    got = diffusion.denoising_score_matching(score, noise, sigma, 1.0)
    epsilon = diffusion.convert(score, score, t, schedule, source="score", target="epsilon")
    np.testing.assert_allclose(got, 8 * diffusion.denoising_loss(epsilon, noise), rtol=1e-12)


def test_sliced_score_matching_is_hyvarinens_on_average(rng):
    matrix, x = rng.standard_normal((5, 5)), rng.standard_normal(5)
    v = rng.choice([-1.0, 1.0], (100_000, 5))
    mean = diffusion.sliced_score_matching(matrix @ x, v, v @ matrix.T).mean()
    wanted = 0.5 * np.sum((matrix @ x) ** 2) + np.trace(matrix)
    np.testing.assert_allclose(mean, wanted, atol=6 * 10 / np.sqrt(100_000))


def test_transition_kl_is_that_of_the_two_normals(rng):
    schedule = Schedule.cosine(100)
    t = rng.integers(1, 100, 20)
    x0, noise = draw(rng, (20, 6))
    epsilon, variance = noise + 0.1 * rng.standard_normal((20, 6)), rng.uniform(-1, 1, (20, 6))
    x_t = diffusion.add_noise(x0, t, schedule, noise=noise)
    mean, _, log_small = diffusion.posterior_mean_variance(x0, x_t, t, schedule)
    predicted = diffusion.convert(x_t, epsilon, t, schedule, source="epsilon", target="x0")
    model_mean = diffusion.posterior_mean_variance(predicted, x_t, t, schedule)[0]
    log_large = np.log(schedule.betas[t])[:, None]
    log_small = log_small[:, None]
    logvar = (variance + 1) / 2 * log_large + (1 - variance) / 2 * log_small
    wanted = fastgen.vae.kl_diag_normal(mean, log_small, model_mean, logvar)
    of_x0 = schedule.posterior_mean_coefficients[0][t]
    k = of_x0 * schedule.sigma[t] / schedule.signal[t]
    got = diffusion.transition_kl(
        epsilon,
        noise,
        variance,
        k**2 / schedule.posterior_variance[t],
        (log_large - log_small)[:, 0],
    )
    np.testing.assert_allclose(got, wanted, rtol=1e-9)
    assert np.all(diffusion.transition_kl(noise, noise, -1.0, k**2, k) == 0)


@pytest.mark.parametrize("kind", ["epsilon", "x0", "v", "flow"])
def test_vlb_terms_are_those_of_improved_ddpm(kind, rng):
    schedule = Schedule.cosine(50)
    t = np.array([0, 1, 2, 25, 48, 0])
    x0 = rng.integers(0, 256, (6, 2, 3)) / 127.5 - 1
    noise, variance = draw(rng, (6, 2, 3))
    target = kinds_of(x0, noise, t, schedule)[kind]
    prediction = target + 0.1 * rng.standard_normal(x0.shape)
    got = diffusion.vlb_terms(prediction, variance, target, x0, t, schedule, parameterization=kind)
    x_t = diffusion.add_noise(x0, t, schedule, noise=noise)
    mean, _, log_small = diffusion.posterior_mean_variance(x0, x_t, t, schedule)
    guess = diffusion.convert(x_t, prediction, t, schedule, source=kind, target="x0")
    model_mean = diffusion.posterior_mean_variance(guess, x_t, t, schedule)[0]
    log_small, log_large = (c[:, None, None] for c in (log_small, np.log(schedule.betas[t])))
    logvar = (variance + 1) / 2 * log_large + (1 - variance) / 2 * log_small
    kl = fastgen.vae.kl_diag_normal(mean, log_small, model_mean, logvar, axis=(1, 2))
    nll = fastgen.vae.discretized_gaussian_nll(x0, model_mean, logvar / 2, axis=(1, 2))
    wanted = np.where(t == 0, nll, kl) / (6 * np.log(2))
    np.testing.assert_allclose(got, wanted, rtol=1e-7)
    for dtype in (np.float32, np.float16):
        arrays = [x.astype(dtype) for x in (prediction, variance, target, x0)]
        small = diffusion.vlb_terms(*arrays, t, schedule, parameterization=kind)
        assert small.dtype == dtype
    some = slice(1, 5)  # none at step 0
    np.testing.assert_array_equal(
        diffusion.vlb_terms(
            *(x[some] for x in (prediction, variance, target, x0, t)),
            schedule,
            parameterization=kind,
        ),
        got[some],
    )


def test_vlb_terms_have_derivatives(rng):
    schedule, t = Schedule.linear(50), np.array([0, 1, 30, 0])
    x0 = rng.integers(0, 256, (4, 5)) / 127.5 - 1
    target, variance = draw(rng, (4, 5))
    prediction, cotangent = target + rng.standard_normal((4, 5)), rng.standard_normal(4)
    rest = (target, x0, t, schedule)
    value, gradients = fastgen.value_and_grad(diffusion.vlb_terms)(
        prediction, variance, *rest, cotangent=cotangent
    )
    np.testing.assert_allclose(value, diffusion.vlb_terms(prediction, variance, *rest), rtol=1e-14)
    for k, gradient in enumerate(gradients):
        direction = rng.standard_normal((4, 5))
        moved = [
            [
                x + sign * 1e-6 * direction if i == k else x
                for i, x in enumerate((prediction, variance))
            ]
            for sign in (1, -1)
        ]
        ahead, behind = (cotangent @ diffusion.vlb_terms(*m, *rest) for m in moved)
        np.testing.assert_allclose(np.sum(gradient * direction), (ahead - behind) / 2e-6, rtol=1e-6)
    number = fastgen.value_and_grad(diffusion.vlb_terms)(prediction, 0.5, *rest)[1][1]
    every = fastgen.value_and_grad(diffusion.vlb_terms)(prediction, np.full((4, 5), 0.5), *rest)
    np.testing.assert_allclose(number, every[1][1].sum(), rtol=1e-12)


# ---- Scores


def test_mixture_score_against_mpmath(rng):
    mp = pytest.importorskip("mpmath")
    means, logvars = rng.normal(0, 3, (4, 2)), rng.normal(-1, 1, (4, 2))
    logits = rng.normal(0, 2, 4)
    schedule = Schedule.cosine(50, max_beta=1)
    points = np.concatenate([rng.normal(0, 3, (6, 2)), rng.normal(0, 100, (3, 2)), means[:1]])
    for t in (0, 25, 49, 0.37):
        got = diffusion.gaussian_mixture_score(points, t, schedule, means, logvars, logits)
        a, s = map(float, schedule.coefficients(t))
        for x, score in zip(points.tolist(), got, strict=True):
            with mp.workdps(50):
                density, slopes = mp.mpf(0), [mp.mpf(0)] * 2
                for mean, logvar, logit in zip(means, logvars, logits, strict=True):
                    variance = [mp.mpf(a) ** 2 * mp.exp(v) + mp.mpf(s) ** 2 for v in logvar]
                    d = [mp.mpf(a) * m - xi for m, xi in zip(mean, x, strict=True)]
                    square = sum(di**2 / v for di, v in zip(d, variance, strict=True))
                    one = mp.exp(logit - square / 2) / mp.sqrt(variance[0] * variance[1])
                    density += one
                    slopes = [
                        g + one * di / v for g, di, v in zip(slopes, d, variance, strict=True)
                    ]
                wanted = [float(g / density) for g in slopes]
            size = np.abs(x).max() + 10
            np.testing.assert_allclose(score, wanted, rtol=1e-11, atol=1e-13 * size)


def test_mixture_score_shapes_and_limits(rng):
    schedule = Schedule.flow()
    means, logits = rng.normal(0, 2, (3, 4)), np.zeros(3)
    x = rng.normal(0, 2, (5, 6, 4))
    by_component, by_feature = np.zeros(3), np.zeros((3, 4))
    got = diffusion.gaussian_mixture_score(x, 0.5, schedule, means, by_component, logits)
    assert got.shape == x.shape and got.dtype == np.float64
    for logvars in (by_feature, by_component.astype(np.float32)):
        same = diffusion.gaussian_mixture_score(x, 0.5, schedule, means, logvars, logits)
        np.testing.assert_array_equal(same, got)
    np.testing.assert_allclose(
        got,
        reference.gaussian_mixture_score(x, 0.5, schedule, means, by_component, logits),
        rtol=1e-9,
    )
    t = rng.uniform(0, 1, (5, 6))
    each = diffusion.gaussian_mixture_score(x, t, schedule, means, by_feature, logits)
    one = diffusion.gaussian_mixture_score(x[2, 3], t[2, 3], schedule, means, by_feature, logits)
    np.testing.assert_allclose(each[2, 3], one, rtol=1e-14)
    # One component, and the end of the flow, where all there is is noise.
    single = diffusion.gaussian_mixture_score(x, 0.0, schedule, means[:1], [0.5], [3.0])
    np.testing.assert_allclose(single, diffusion.gaussian_score(x, means[0], 0.5), rtol=1e-13)
    np.testing.assert_allclose(
        diffusion.gaussian_mixture_score(x, 1.0, schedule, means, by_feature, logits),
        -x,
        rtol=1e-13,
    )
    far = diffusion.gaussian_mixture_score(1e8 * x, 0.5, schedule, means, by_feature, logits)
    assert np.all(np.isfinite(far))
    without = diffusion.gaussian_mixture_score(x, 0.5, schedule, means, by_feature, [0, 0, -np.inf])
    np.testing.assert_allclose(
        without,
        diffusion.gaussian_mixture_score(x, 0.5, schedule, means[:2], by_feature[:2], [0, 0]),
    )


def test_langevin_step_has_the_right_moments(rng):
    x, noise = draw(rng, (200_000, 1))
    h = 0.3
    got = diffusion.langevin_step(x, -x, h, noise=noise)
    np.testing.assert_allclose(got.var(), (1 - h) ** 2 + 2 * h, rtol=0.02)
    sizes = np.linspace(0, 1, len(x))
    each = diffusion.langevin_step(x, -x, sizes, noise=noise)
    np.testing.assert_allclose(
        each, reference.langevin_step(x, -x, sizes, noise=noise), rtol=1e-12, atol=1e-14
    )
    half = diffusion.langevin_step(x.astype("e"), x.astype("e"), h, noise=noise.astype("e"))
    assert half.dtype == np.float16


# ---- Timestep embeddings


def test_timestep_embedding_of_diffusers(rng):
    pytest.importorskip("diffusers", reason="diffusers is not installed")
    import torch
    from diffusers.models.embeddings import get_timestep_embedding

    t = np.array([0, 1, 17, 999])
    for dim, flip, shift in itertools.product([4, 33, 320], [False, True], [0, 1]):
        theirs = get_timestep_embedding(
            torch.from_numpy(t), dim, flip_sin_to_cos=flip, downscale_freq_shift=shift
        )
        layout = "cos_sin" if flip else "sin_cos"
        ours = diffusion.timestep_embedding(t, dim, layout=layout, downscale_freq_shift=shift)
        assert ours.dtype == np.float32
        np.testing.assert_allclose(ours, theirs, atol=2e-4)  # theirs rounds the angle


def test_timestep_embedding_is_right():
    mp = pytest.importorskip("mpmath")
    got = diffusion.timestep_embedding(999, 8, dtype=np.float64, scale=0.5)
    for i in range(4):
        angle = mp.mpf(999) / 2 * mp.mpf(10000) ** (-mp.mpf(i) / 4)
        assert abs(got[i] - mp.sin(angle)) < 1e-12 and abs(got[4 + i] - mp.cos(angle)) < 1e-12
    assert diffusion.timestep_embedding(np.zeros((2, 3)), 5).shape == (2, 3, 5)
    assert diffusion.timestep_embedding([7], 1).tolist() == [[0]]


# ---- What is refused

X, T, d = np.ones((3, 4)), np.array([1, 2, 3]), diffusion
LINEAR = Schedule.linear(10)
VALUE, TYPE = ValueError, TypeError


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (
            lambda o: d.add_noise(X, [1, 2, 10], LINEAR, noise=X, out=o),
            VALUE,
            "between 0 and 9 .*got 10",
        ),
        (lambda o: d.add_noise(X, [1, -1, 2], LINEAR, noise=X, out=o), VALUE, "got -1"),
        (lambda o: d.add_noise(X, np.array([-1]), LINEAR, noise=X, out=o), VALUE, "got -1"),
        (lambda o: d.add_noise(X, 10, LINEAR, noise=X, out=o), VALUE, "got 10"),
        (lambda o: d.add_noise(X, 1.5, LINEAR, noise=X, out=o), VALUE, "got 1.5"),
        (lambda o: d.add_noise(X, ["a"], LINEAR, noise=X, out=o), TYPE, "t must hold"),
        (
            lambda o: d.add_noise(X, [1, 2], LINEAR, noise=X, out=o),
            VALUE,
            r"add_noise: t must .*x0 \(3, 4\); got \(2,\)",
        ),
        (lambda o: d.add_noise(X, np.array([1]), LINEAR, noise=X), VALUE, r"t must .*got \(1,\)"),
        (
            lambda o: d.add_noise(X, T, LINEAR, noise=X[:2], out=o),
            VALUE,
            r"x0 \(3, 4\), noise \(2, 4\)",
        ),
        (
            lambda o: d.add_noise(X, T, LINEAR, noise=X * 1j, out=o),
            TYPE,
            "noise must hold .*complex128",
        ),
        (
            lambda o: d.add_noise(np.ma.array(X), T, LINEAR, noise=X, out=o),
            TYPE,
            "x0 .*MaskedArray",
        ),
        (lambda o: d.add_noise(X, T, LINEAR, noise=X, out=o[:2]), VALUE, "out must have the shape"),
        (lambda o: d.add_noise(X, T, LINEAR, noise=X, key=1, out=o), VALUE, "noise and key both"),
        (lambda o: d.add_noise(X, T, LINEAR, noise=X, rng=1, out=o), VALUE, "noise and rng both"),
        (lambda o: d.add_noise(X, T, LINEAR, noise=X, counter=1), VALUE, "noise and counter both"),
        (lambda o: d.add_noise(X, T, LINEAR, key=1, rng=2, out=o), VALUE, "key and rng both"),
        (lambda o: d.add_noise(X, T, LINEAR, key=-1, out=o), VALUE, "key must lie in"),
        (lambda o: d.add_noise(X, T, LINEAR, key=1.5, out=o), TYPE, "key must be an integer"),
        (lambda o: d.add_noise(X, T, LINEAR, key=1, counter=-1, out=o), VALUE, "counter must"),
        (
            lambda o: d.add_noise(X, T, LINEAR, noise=X, return_noise=True, out=(o, None)),
            TYPE,
            "out must be one array",
        ),
        (lambda o: d.langevin_step(X, X, 0.1, noise=X, key=1, out=o), VALUE, "noise and key"),
        (lambda o: d.denoising_loss(fastgen.noise.Stream(1), X), TYPE, "prediction must be an"),
        (lambda o: d.interpolate(X, fastgen.noise.Stream(1), 0.5), TYPE, "x1 must be an array"),
        (
            lambda o: d.convert(X, X, T, LINEAR, source="eps", target="v", out=o),
            VALUE,
            "source must be one of",
        ),
        (
            lambda o: d.convert(X, X, T, LINEAR, source="v", target="noise", out=o),
            VALUE,
            "target must be one of",
        ),
        (lambda o: d.interpolate(X, X, [0.1, 0.2, 1.5]), VALUE, r"t must lie in \[0, 1\]"),
        (lambda o: d.interpolate(X, X, [0.1]), VALUE, r"got \(1,\)"),
        (lambda o: d.edm_coefficients(-1.0), VALUE, "sigma must be >= 0"),
        (lambda o: d.edm_input(X, 1.0, sigma_data=0, out=o), VALUE, "sigma_data must be > 0"),
        (lambda o: d.edm_input(X, [1.0], out=o), VALUE, r"edm_input: sigma .*\(1,\)"),
        (lambda o: d.edm_denoised(X, X[:1], 1.0, out=o), VALUE, r"output \(1, 4\)"),
        (lambda o: d.edm_weight([1.0, 0.0]), VALUE, "must be > 0"),
        (lambda o: d.p2_weight(0, LINEAR, k=0), VALUE, "k must be > 0"),
        (
            lambda o: d.min_snr_weight(0, LINEAR, prediction="flow"),
            VALUE,
            "prediction must be one of",
        ),
        (lambda o: d.logit_normal_weight(2.0), VALUE, r"in \[0, 1\], got 2"),
        (lambda o: d.logit_normal_weight(0.5, std=0), VALUE, "std must be > 0"),
        (lambda o: d.cosmap_weight(np.nan), VALUE, "got nan"),
        (lambda o: d.denoising_loss(X, X[:2]), VALUE, r"prediction \(3, 4\), target \(2, 4\)"),
        (lambda o: d.denoising_loss(X, X, weight=[1, 2]), VALUE, r"weight .*\(3,\) .*got \(2,\)"),
        (lambda o: d.denoising_loss(X, X * 1j), TYPE, "target must hold"),
        (lambda o: d.vlb_terms(X, X, X, X, [1, 2, 10], LINEAR), VALUE, "between 0 and 9"),
        (lambda o: d.vlb_terms(X, X, X, X, 0.5, LINEAR), TYPE, "t must hold integers"),
        (lambda o: d.vlb_terms(X, X[:1], X, X, 1, LINEAR), VALUE, r"variance \(1, 4\)"),
        (
            lambda o: d.vlb_terms(X, X, X, X, 9, LINEAR.rescale_zero_terminal_snr()),
            VALUE,
            r"at step 9 of .*no signal; predict v",
        ),
        (
            lambda o: d.vlb_terms(X, X, X, X, 1, Schedule.from_alpha_bar([1, 0.5])),
            VALUE,
            r"the step before 1 of .*has no noise",
        ),
        (lambda o: d.langevin_step(X, X, -0.5, noise=X, out=o), VALUE, "step_size must be >= 0"),
        (lambda o: d.langevin_step(X, X, [0.1], noise=X, out=o), VALUE, r"step_size .*\(1,\)"),
        (
            lambda o: d.gaussian_mixture_score(X, 1, LINEAR, np.ones((2, 3)), [0, 0], [0, 0]),
            VALUE,
            r"x \(3, 4\), means \(2, 3\)",
        ),
        (
            lambda o: d.gaussian_mixture_score(X, 1, LINEAR, np.ones((2, 4)), [0], [0, 0]),
            VALUE,
            "logvars",
        ),
        (
            lambda o: d.gaussian_mixture_score(
                X, 0.0, Schedule.flow(), np.ones((1, 4)), [-np.inf], [0]
            ),
            VALUE,
            "no variance",
        ),
        (lambda o: d.timestep_embedding(T, 0), VALUE, "dim must be a positive int, got 0"),
        (lambda o: d.timestep_embedding(T, 8, layout="cos"), VALUE, "layout must be one of"),
        (
            lambda o: d.timestep_embedding(T, 2, downscale_freq_shift=1),
            VALUE,
            "downscale_freq_shift",
        ),
        (lambda o: d.timestep_embedding(["a"], 8), TYPE, "t must hold real numbers"),
    ],
)
def test_refused_with_nothing_written(call, error, message):
    out = np.full((3, 4), 7.0)
    with pytest.raises(error, match=message):
        call(out)
    assert np.all(out == 7)
