"""Properties of noising, and of conversions between predictions."""

import itertools

import numpy as np
import pytest
from diffusion_draws import HALVES, KINDS, SCHEDULES, draw, in_both_units, kinds_of

import fastgen
from fastgen import diffusion
from fastgen.diffusion import Schedule
from fastgen.reference import diffusion as reference

# Noising.


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("schedule", SCHEDULES, ids=repr)
def test_add_noise_is_its_formula(schedule, dtype, rng):
    for shape in [(5,), (5, 7), (5, 3, 4), (5, 2, 4, 4)]:
        x0, noise = draw(rng, shape, dtype)
        scale = np.abs(x0) + schedule.sigma.max() * np.abs(noise)
        in_steps = schedule.in_steps()
        for t, own in [
            *((t, in_steps) for t in (99, np.int64(7), np.float64(7), [0, 1, 2, 3, 99])),
            *((t, in_steps) for t in (np.full(5, 7), rng.integers(0, 100, 5).astype(np.uint8))),
            (np.float64(schedule.times[5]), schedule.in_time()),
            *in_both_units(schedule, rng.integers(0, 100, 5), rng),
        ]:
            got = diffusion.add_noise(x0, t, own, noise=noise)
            wanted = reference.add_noise(x0.astype(float), t, own, noise=noise.astype(float))
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
        diffusion.add_noise(x0, schedule.times[t], schedule.in_time(), noise=noise), wanted
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
    assert np.count_nonzero(rounded == 0) >= 2  # a table cast first would give 0 there
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


# Noise by key and counter.


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_noise_by_key_is_the_noise_drawn(dtype, rng):
    in_steps = Schedule.cosine(100)
    for shape in [(5,), (5, 7), (5, 3, 400), (1, 20)]:
        x0 = draw(rng, shape, dtype)[0]
        noise = fastgen.noise.normal(shape, key=7, counter=11, dtype=dtype)
        for t in (3, 0.5, rng.integers(0, 100, shape[0]), rng.uniform(0, 1, shape[0])):
            schedule = in_steps if np.asarray(t).dtype.kind == "i" else in_steps.in_time()
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


# Velocity and conversions.


@pytest.mark.parametrize(("source", "target"), [*itertools.product(KINDS, KINDS)])
@pytest.mark.parametrize("given", SCHEDULES, ids=repr)
def test_every_conversion_of_the_truth_is_the_truth(given, source, target, rng):
    x0, noise = draw(rng, (60, 5))
    for t, schedule in (
        *in_both_units(given, np.arange(15, 75), rng),
        (40, given.in_steps()),
    ):
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
        got = np.array(conversion(source, target, t, schedule.in_steps()))
        for k, step in enumerate(t):
            with mp.workdps(50):
                a, s = mp.mpf(schedule.signal[step]), mp.mpf(schedule.sigma[step])
                power = a**2 + s**2
                x0, epsilon = {  # as functions of (x_t, prediction)
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
    in_time = zero_snr.in_time()
    for last, own in ((9, zero_snr), (9.0, zero_snr), (1.0, in_time), (np.array([9]), zero_snr)):
        ends = (x_t, p, last, own)

        def convert(a, b, ends=ends):
            return diffusion.convert(*ends, source=a, target=b)

        np.testing.assert_array_equal(convert("v", "x0"), -p)
        np.testing.assert_array_equal(convert("v", "epsilon"), x_t)
        np.testing.assert_array_equal(convert("flow", "x0"), x_t - p)
        np.testing.assert_array_equal(convert("epsilon", "score"), -p)
        np.testing.assert_array_equal(convert("x0", "v"), -p)
        for source, target in itertools.product(["epsilon", "score"], ["x0", "v", "flow"]):
            with pytest.raises(
                ValueError, match=r"at (step 9|step 9.0|time 1.0) of .*there is no signal"
            ):
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
        if schedule.form == "variance preserving":  # derivative by the angle
            angles = [np.arctan2(*schedule.coefficients(t + d)[::-1]) for d in (-h / 2, h / 2)]
            change = angles[1] - angles[0]
        got = diffusion.velocity(x0, noise, t, schedule)
        np.testing.assert_allclose(got, (high - low) / change, rtol=1e-7)
    with pytest.raises(ValueError, match="velocity: expected a variance-preserving or flow"):
        diffusion.velocity(x0, noise, 0.0, Schedule.karras(5))


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
    with pytest.raises(ValueError, match=r"posterior_mean_variance: t must hold whole .* 1\.5"):
        diffusion.posterior_mean_variance(x0, x_t, 1.5, s)


def test_interpolate(rng):
    noise, data = draw(rng, (6, 2, 3), np.float32)
    t = np.array([0, 0.25, 0.5, 0.75, 1, 0.1])
    x_t, velocity = diffusion.interpolate(noise, data, t)
    assert x_t.dtype == velocity.dtype == np.float32
    wanted = reference.interpolate(noise.astype(float), data.astype(float), t)
    np.testing.assert_allclose(x_t, wanted[0], rtol=1e-5, atol=1e-6)
    np.testing.assert_array_equal(velocity, data - noise)
    np.testing.assert_array_equal(x_t[[0, 4]], [noise[0], data[4]])
    # `interpolate` goes from noise to data, the flow schedule from data to noise.
    back = diffusion.add_noise(data, 1 - t, Schedule.flow(), noise=noise)
    np.testing.assert_allclose(x_t, back, rtol=1e-5, atol=1e-6)
    half = diffusion.interpolate(noise.astype("e"), data.astype("e"), 0.5)
    assert half[0].dtype == half[1].dtype == np.float16
