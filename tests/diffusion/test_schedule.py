"""`fastgen.diffusion.Schedule`: against mpmath and diffusers, and at its limits."""

import itertools
import pickle

import numpy as np
import pytest

from fastgen.diffusion import Schedule, samplers

BETAS = ["linear", "scaled_linear", "sigmoid"]
SCHEDULES = {
    "linear": Schedule.linear(),
    "linear of one step": Schedule.linear(1),
    "scaled_linear": Schedule.scaled_linear(),
    "sigmoid": Schedule.sigmoid(),
    "cosine": Schedule.cosine(),
    "cosine to the end": Schedule.cosine(1000, max_beta=1),
    "vp": Schedule.vp(),
    "trigflow": Schedule.trigflow(),
    "zero terminal": Schedule.scaled_linear().rescale_zero_terminal_snr(),
    "zero terminal cosine": Schedule.cosine(50).rescale_zero_terminal_snr(),
    "flow": Schedule.flow(),
    "shifted flow": Schedule.flow(50, shift=3.0),
    "karras": Schedule.karras(40),
    "exponential": Schedule.exponential(40),
    "polyexponential": Schedule.polyexponential(40, rho=0.7),
    "edm": Schedule.edm(),
    "from clean data to noise": Schedule.from_alpha_bar([1, 0.75, 0.5, 0]),
    "from a function": Schedule.from_alpha_bar(lambda t: np.exp(-12 * t), num_steps=100),
    "from log SNR": Schedule.from_log_snr([np.inf, 5, 0, -5, -np.inf]),
}
NAMES = sorted(SCHEDULES)


def ulps(table, exact):
    """Return the largest error, in units of the last place."""
    mp = pytest.importorskip("mpmath")
    pairs = zip(table.tolist(), exact, strict=True)
    return max(float(abs(mp.mpf(x) - y)) / np.spacing(abs(x)) for x, y in pairs)


def check_tables(mp, s, alpha_bar, ulp):
    """Compare every table with its value from exact alpha_bar."""
    before = [mp.mpf(1), *alpha_bar[:-1]]
    betas = [1 - a / b for a, b in zip(alpha_bar, before, strict=True)]
    steps = list(zip(alpha_bar, before, betas, strict=True))
    assert ulps(s.alpha_bar, alpha_bar) <= ulp
    assert ulps(s.one_minus_alpha_bar, [1 - a for a in alpha_bar]) <= ulp
    assert ulps(s.signal, [mp.sqrt(a) for a in alpha_bar]) <= ulp
    assert ulps(s.sigma, [mp.sqrt(1 - a) for a in alpha_bar]) <= ulp
    assert ulps(s.betas, betas) <= ulp
    assert ulps(s.posterior_variance, [b * (1 - p) / (1 - a) for a, p, b in steps]) <= 2 * ulp + 4
    of_x0, of_xt = s.posterior_mean_coefficients
    assert ulps(of_x0, [b * mp.sqrt(p) / (1 - a) for a, p, b in steps]) <= 2 * ulp + 4
    assert ulps(of_xt, [(1 - p) * mp.sqrt(a / p) / (1 - a) for a, p, b in steps]) <= 2 * ulp + 4
    log_snr = [mp.log(a / (1 - a)) for a in alpha_bar if a > 0]
    np.testing.assert_allclose(
        s.log_snr[: len(log_snr)], [float(x) for x in log_snr], rtol=2e-15, atol=2e-15
    )


@pytest.mark.parametrize("num_steps", [10, 1000])
@pytest.mark.parametrize("name", BETAS)
def test_tables_of_betas_are_correctly_rounded(name, num_steps):
    mp = pytest.importorskip("mpmath")
    with mp.workdps(60):
        s = getattr(Schedule, name)(num_steps)
        alpha_bar = list(itertools.accumulate((1 - mp.mpf(b) for b in s.betas.tolist()), mp.fmul))
        check_tables(mp, s, alpha_bar, 1)
        assert ulps(s.alpha_bar, alpha_bar) <= 0.5
        assert ulps(s.one_minus_alpha_bar, [1 - a for a in alpha_bar]) <= 0.5


@pytest.mark.parametrize("num_steps", [10, 1000])
def test_cosine_does_not_cancel(num_steps):
    mp = pytest.importorskip("mpmath")
    with mp.workdps(60):

        def f(i):
            t = mp.mpf(i) / num_steps
            return mp.cos((t + mp.mpf(0.008)) / (1 + mp.mpf(0.008)) * mp.pi / 2) ** 2

        alpha_bar = [f(i + 1) / f(0) for i in range(num_steps)]
        alpha_bar[-1] = alpha_bar[-2] * (1 - mp.mpf(0.999))
        check_tables(mp, Schedule.cosine(num_steps), alpha_bar, 16)
        alpha_bar[-1] = mp.mpf(0)
        check_tables(mp, Schedule.cosine(num_steps, max_beta=1), alpha_bar, 16)


@pytest.mark.parametrize("num_steps", [10, 1000])
def test_vp_does_not_cancel(num_steps):
    mp = pytest.importorskip("mpmath")
    with mp.workdps(60):
        times = [mp.mpf(i + 1) / num_steps for i in range(num_steps)]
        alpha_bar = [mp.exp(-t * (mp.mpf(0.1) + t * (20 - mp.mpf(0.1)) / 2)) for t in times]
        check_tables(mp, Schedule.vp(num_steps), alpha_bar, 32)  # |log alpha_bar| is up to 10


@pytest.mark.parametrize("num_steps", [10, 1000])
def test_trigflow_does_not_cancel(num_steps):
    mp = pytest.importorskip("mpmath")
    with mp.workdps(60):
        s = Schedule.trigflow(num_steps)
        alpha_bar = [mp.cos(mp.pi / 2 * mp.mpf(t)) ** 2 for t in s.times[:-1].tolist()]
        alpha_bar.append(mp.mpf(0))
        assert ulps(s.alpha_bar, alpha_bar) <= 4 and ulps(s.signal, map(mp.sqrt, alpha_bar)) <= 4
        rest = [1 - a for a in alpha_bar]
        assert ulps(s.one_minus_alpha_bar, rest) <= 4 and ulps(s.sigma, map(mp.sqrt, rest)) <= 4
        ratios = [mp.cos(mp.pi / 2 * i / num_steps) for i in range(num_steps + 1)]
        betas = [1 - (b / a) ** 2 for a, b in itertools.pairwise(ratios[:-1])]
        assert ulps(s.betas, [*betas, mp.mpf(1)]) <= 8


@pytest.mark.parametrize("name", ["shifted flow", "karras", "edm", "polyexponential"])
def test_other_forms_have_the_tables_of_their_coefficients(name):
    mp = pytest.importorskip("mpmath")
    s = SCHEDULES[name]
    with mp.workdps(60):
        squares = [(mp.mpf(a) ** 2, mp.mpf(b) ** 2) for a, b in zip(s.signal, s.sigma, strict=True)]
        alpha_bar = [a / (a + b) for a, b in squares]
        rest = [b / (a + b) for a, b in squares]
        assert ulps(s.alpha_bar, alpha_bar) <= 4
        assert ulps(s.one_minus_alpha_bar, rest) <= 4
        before = [mp.mpf(1), *alpha_bar[:-1]]
        betas = [float(1 - a / b) for a, b in zip(alpha_bar, before, strict=True)]
        np.testing.assert_allclose(s.betas, betas, rtol=1e-13)  # computed from rounded coefficients


@pytest.mark.parametrize("name", NAMES)
def test_identities(name):
    s = SCHEDULES[name]
    np.testing.assert_allclose(s.alpha_bar + s.one_minus_alpha_bar, 1, rtol=1e-15)
    if s.form == "variance preserving":
        np.testing.assert_allclose(s.signal**2 + s.sigma**2, 1, rtol=1e-15)
    elif s.form == "flow":
        np.testing.assert_allclose(s.signal + s.sigma, 1, rtol=1e-15)
    else:
        assert np.all(s.signal == 1)
    np.testing.assert_allclose(np.cumprod(s.alphas), s.alpha_bar, rtol=1e-11, atol=1e-16)
    finite = np.isfinite(s.log_snr)
    np.testing.assert_allclose(np.exp(s.log_snr[finite]), s.snr[finite], rtol=1e-13)
    assert np.all(np.diff(s.log_snr[finite]) < 0)
    assert np.all((s.betas > 0) | (s.alpha_bar == 1)) and np.all(s.betas <= 1)
    # The posterior mean at x0 and x_t = x0 + noise has the coefficients of the previous step.
    of_x0, of_xt = s.posterior_mean_coefficients
    np.testing.assert_allclose((of_x0 + of_xt * s.signal)[1:], s.signal[:-1], rtol=1e-12)
    variance = of_xt**2 * s.sigma**2 + s.posterior_variance
    np.testing.assert_allclose(variance[1:], s.sigma[:-1] ** 2, rtol=1e-12)


@pytest.mark.parametrize("name", NAMES)
def test_nothing_is_nan_and_nothing_can_be_written(name):
    s = SCHEDULES[name]
    tables = [
        *(s.times, s.signal, s.sigma, s.alpha_bar, s.one_minus_alpha_bar, s.betas, s.alphas),
        *(s.snr, s.log_snr, s.sigma_over_signal, s.posterior_variance),
        *(s.posterior_log_variance_clipped, *s.posterior_mean_coefficients),
    ]
    for table in tables:
        assert table.dtype == np.float64 and table.shape == (len(s),)
        assert not np.isnan(table).any()
        with pytest.raises(ValueError, match="read-only"):
            table[0] = 0.5
    with pytest.raises(AttributeError):
        s.betas = s.alphas


@pytest.mark.parametrize("name", NAMES)
def test_pickle(name):
    s = SCHEDULES[name]
    again = pickle.loads(pickle.dumps(s))
    assert repr(again) == repr(s) and "log SNR" in str(s)
    assert not again.betas.flags.writeable
    t = np.linspace(*s.time_range, 7) if name != "edm" else np.linspace(0, 80, 7)
    assert again.unit == s.unit
    again, s = again.in_time(), s.in_time()
    np.testing.assert_array_equal(again.coefficients(t), s.coefficients(t))
    assert pickle.loads(pickle.dumps(s)).unit == "time"


@pytest.mark.parametrize("name", NAMES)
def test_continuous_times_pass_through_the_steps(name):
    s = SCHEDULES[name].in_time()
    np.testing.assert_array_equal(s.coefficients(s.times), (s.signal, s.sigma))
    between = np.linspace(s.times[0], s.times[-1], 5001)
    signal, sigma = s.coefficients(between)
    assert np.all(np.diff(signal) <= 0) and np.all(np.diff(sigma) >= 0)
    if s.form == "variance preserving":
        np.testing.assert_allclose(signal**2 + sigma**2, 1, rtol=1e-14)
    if s.form != "variance exploding":
        assert s.coefficients(0.0) == (1.0, 0.0)
        before = s.coefficients(s.times[0] / 2)
        assert s.signal[0] <= before[0] <= 1 and 0 <= before[1] <= s.sigma[0]


def test_interpolation_is_linear_in_log_snr():
    s = Schedule.linear(100).in_time()
    t = (s.times[:-1] + s.times[1:]) / 2
    signal, sigma = s.coefficients(t)
    middle = (s.log_snr[:-1] + s.log_snr[1:]) / 2
    np.testing.assert_allclose(2 * np.log(signal / sigma), middle, rtol=1e-12, atol=1e-13)


def test_limits():
    end = Schedule.linear().rescale_zero_terminal_snr()
    assert (end.signal[-1], end.sigma[-1], end.snr[-1], end.betas[-1]) == (0, 1, 0, 1)
    assert end.log_snr[-1] == -np.inf and end.sigma_over_signal[-1] == np.inf
    np.testing.assert_allclose(end.signal[0], Schedule.linear().signal[0], rtol=1e-15)
    start = SCHEDULES["from clean data to noise"]
    assert (start.signal[0], start.sigma[0], start.snr[0], start.betas[0]) == (1, 0, np.inf, 0)
    assert [c[0] for c in start.posterior_mean_coefficients] == [1, 0]
    assert start.posterior_variance[0] == 0
    np.testing.assert_array_equal(SCHEDULES["from log SNR"].snr[[0, -1]], [np.inf, 0])


def test_small_noise_survives():
    s = Schedule.linear(1000, beta_start=1e-12, beta_end=1e-6)
    np.testing.assert_allclose(s.one_minus_alpha_bar[:5], np.cumsum(s.betas)[:5], rtol=1e-8)
    assert 0 < s.sigma[0] < 1.01e-6


@pytest.mark.parametrize("name", [*BETAS, "cosine"])
def test_diffusers_has_the_same_tables(name):
    diffusers = pytest.importorskip("diffusers", reason="diffusers is not installed")
    theirs = "squaredcos_cap_v2" if name == "cosine" else name
    ends = {} if name == "cosine" else {"beta_start": 0.00085, "beta_end": 0.012}
    scheduler = diffusers.DDPMScheduler(1000, beta_schedule=theirs, **ends)
    s = getattr(Schedule, name)(1000, **ends)
    np.testing.assert_allclose(s.betas, scheduler.betas, rtol=2e-3)  # diffusers cancels
    np.testing.assert_allclose(s.alpha_bar[:-1], scheduler.alphas_cumprod[:-1], rtol=2e-4)
    if name != "cosine":
        zero = diffusers.DDPMScheduler(
            1000, beta_schedule=theirs, rescale_betas_zero_snr=True, **ends
        )
        rescaled = s.rescale_zero_terminal_snr()
        np.testing.assert_allclose(rescaled.betas, zero.betas, rtol=1e-2)
        np.testing.assert_allclose(rescaled.alpha_bar, zero.alphas_cumprod, rtol=1e-3)


def test_diffusers_has_the_same_sigmas():
    diffusers = pytest.importorskip("diffusers", reason="diffusers is not installed")
    for kind in ("karras", "exponential"):
        scheduler = diffusers.EDMEulerScheduler(sigma_schedule=kind)
        scheduler.set_timesteps(20)
        s = getattr(Schedule, kind)(20)
        np.testing.assert_allclose(s.sigma[::-1], scheduler.sigmas[:-1], rtol=1e-5)
    for shift in (1.0, 3.0):
        scheduler = diffusers.FlowMatchEulerDiscreteScheduler(1000, shift=shift)
        s = Schedule.flow(1000, shift=shift)
        np.testing.assert_allclose(s.sigma[::-1], scheduler.sigmas, rtol=1e-6)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Schedule.from_betas([0.1, 0.0]), r"betas must lie in \(0, 1\]; betas\[1\] is 0.0"),
        (lambda: Schedule.from_betas([0.1, 1.5]), r"betas\[1\] is 1.5"),
        (lambda: Schedule.from_betas([np.nan]), r"betas\[0\] is nan"),
        (lambda: Schedule.from_betas([1.0, 0.5]), r"be 1 at the last step only; betas\[0\]"),
        (lambda: Schedule.from_betas([[0.1]]), r"shape \(steps,\), got \(1, 1\)"),
        (lambda: Schedule.from_betas([]), r"shape \(steps,\), got \(0,\)"),
        (lambda: Schedule.linear(0), "num_steps must be at least 1, got 0"),
        (lambda: Schedule.linear(10, beta_start=-1), r"betas\[0\] is -1"),
        (lambda: Schedule.cosine(10, max_beta=2), "max_beta=2"),
        (lambda: Schedule.from_alpha_bar([0.5, 0.6]), r"decrease; alpha_bar\[1\] is 0.6"),
        (lambda: Schedule.from_alpha_bar([0.5, 0.0, 0.0]), r"decrease; alpha_bar\[2\] is 0"),
        (lambda: Schedule.from_alpha_bar([1.5]), r"lie in \[0, 1\]; alpha_bar\[0\] is 1.5"),
        (lambda: Schedule.from_alpha_bar(lambda t: 1 - t, num_steps=9, max_beta=0), "max_beta"),
        (lambda: Schedule.from_log_snr([1.0, 1.0]), r"decrease; log_snr\[1\]"),
        (lambda: Schedule.from_log_snr([np.nan]), r"log_snr\[0\] is nan"),
        (lambda: Schedule.vp(10, beta_min=0), "beta_min=0"),
        (lambda: Schedule.flow(10, shift=0), "shift must be > 0, got 0"),
        (lambda: Schedule.karras(10, sigma_min=2, sigma_max=1), "sigma_min=2, sigma_max=1"),
        (lambda: Schedule.polyexponential(10, rho=-1), "rho=-1"),
        (lambda: Schedule.karras(9).rescale_zero_terminal_snr(), "variance-preserving"),
        (lambda: Schedule.linear(1).rescale_zero_terminal_snr(), "at least 2 steps"),
        (lambda: Schedule.linear().coefficients(1000), "between 0 and 999 .* step .* got 1000"),
        (lambda: Schedule.linear().coefficients([3, -1]), "got -1"),
        (lambda: Schedule.linear().coefficients([1.5, np.nan]), "between 0 and 999 .* got nan"),
        (lambda: Schedule.flow().coefficients(1.5), "time .* got 1.5"),
        (lambda: Schedule.edm().coefficients(-0.5), "got -0.5"),
    ],
)
def test_refused(make, message):
    with pytest.raises(ValueError, match=message):
        make()


def test_refused_types():
    for t in ([True], ["a"], [1j]):
        with pytest.raises(TypeError, match="t must hold integers"):
            Schedule.linear().coefficients(t)
    for num_steps in (2.5, True, None):
        with pytest.raises(TypeError, match="num_steps must be an int"):
            Schedule.linear(num_steps)
    with pytest.raises(TypeError, match="num_steps must be an int, got None"):
        Schedule.from_alpha_bar(lambda t: 1 - t)


def test_plot():
    pytest.importorskip("matplotlib", reason="matplotlib is not installed")
    figure = SCHEDULES["zero terminal"].plot()
    assert [axis.get_title() for axis in figure.axes] == ["alpha_bar", "log SNR", "betas"]
    figure.canvas.draw()


def test_shift_by_the_number_of_tokens():
    assert samplers.calculate_shift(256) == 0.5
    assert samplers.calculate_shift(4096) == pytest.approx(1.15)
    assert samplers.calculate_shift(8192) == pytest.approx(0.5 + 0.65 * 7936 / 3840)
    assert samplers.calculate_shift(
        10, base_tokens=1, max_tokens=19, base_shift=-1, max_shift=3
    ) == pytest.approx(1)
    t = np.array([0.1, 0.5, 0.9])
    _, sigma = Schedule.flow(mu=1.15).coefficients(t)
    np.testing.assert_allclose(sigma, np.exp(1.15) / (np.exp(1.15) + (1 / t - 1)))
    np.testing.assert_array_equal(Schedule.flow(mu=0.0).sigma, Schedule.flow().sigma)


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: samplers.calculate_shift(0), ValueError, "tokens must be at least 1, got 0"),
        (lambda: samplers.calculate_shift(2.5), TypeError, "tokens must be an int, got 2.5"),
        (
            lambda: samplers.calculate_shift(9, max_tokens=256),
            ValueError,
            "larger than base_tokens",
        ),
        (lambda: samplers.calculate_shift(9, max_shift=np.nan), ValueError, "max_shift must lie"),
        (lambda: Schedule.flow(mu=np.inf), ValueError, "mu must lie between -700 and 700"),
        (lambda: Schedule.flow(mu=1.0, shift=3.0), ValueError, "give shift or mu, not both"),
    ],
)
def test_wrong_shifts(call, error, message):
    with pytest.raises(error, match=message):
        call()
