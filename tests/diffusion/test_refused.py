"""Errors of `fastgen.diffusion`: wrong calls write nothing."""

import numpy as np
import pytest

import fastgen
from fastgen import diffusion
from fastgen.diffusion import Schedule

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
        (lambda o: d.add_noise(X, 9.5, LINEAR, noise=X, out=o), VALUE, "got 9.5"),
        (lambda o: d.add_noise(X, 1, "linear", noise=X, out=o), TYPE, "must be a .*got 'linear'"),
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
            lambda o: d.min_snr_weight(0, LINEAR, prediction="score"),
            VALUE,
            "prediction must be one of",
        ),
        (lambda o: d.min_snr_weight(0, LINEAR, gamma=0), VALUE, "gamma must be > 0, got 0"),
        (lambda o: d.min_snr_weight(0, LINEAR, gamma=np.nan), VALUE, "gamma must be > 0"),
        (lambda o: d.logit_normal_weight(2.0), VALUE, r"in \[0, 1\], got 2"),
        (lambda o: d.logit_normal_weight(0.5, std=0), VALUE, "std must be > 0"),
        (lambda o: d.cosmap_weight(np.nan), VALUE, "got nan"),
        (lambda o: d.denoising_loss(X, X[:2]), VALUE, r"prediction \(3, 4\), target \(2, 4\)"),
        (lambda o: d.denoising_loss(X, X, weight=[1, 2]), VALUE, r"weight .*\(3,\) .*got \(2,\)"),
        (lambda o: d.denoising_loss(X, X * 1j), TYPE, "target must hold"),
        (lambda o: d.vlb_terms(X, X, X, X, [1, 2, 10], LINEAR), VALUE, "between 0 and 9"),
        (lambda o: d.vlb_terms(X, X, X, X, 1.5, LINEAR), VALUE, "vlb_terms: t must hold whole"),
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


MASKED = np.ma.masked_array([1.0, 2.0, 3.0], mask=[True, False, False])
DDIM = d.samplers.DDIM(LINEAR, 5)


@pytest.mark.parametrize(
    "call",
    [
        lambda: fastgen.guidance.dynamic_threshold(MASKED),
        lambda: d.add_noise(X, MASKED.astype(int), LINEAR, key=1),
        lambda: d.velocity(X, X, MASKED.astype(int), LINEAR),
        lambda: d.denoising_loss(X, X, weight=MASKED),
        lambda: d.timestep_embedding(MASKED, 8),
        lambda: d.interpolate(X, X, MASKED / 4),
        lambda: d.min_snr_weight(MASKED.astype(int), LINEAR),
        lambda: d.edm_input(X, MASKED, sigma_data=0.5),
        lambda: DDIM.step(np.ma.masked_array(X), X, T),
        lambda: DDIM.step(X, np.ma.masked_array(X), T),
        lambda: DDIM.step(np.ma.masked_array(X), X, 1),
    ],
)
def test_masks_are_not_dropped(call):
    with pytest.raises(TypeError, match="mask"):
        call()


@pytest.mark.parametrize("weight", [d.min_snr_weight, d.p2_weight, d.inverse_variance_weight])
def test_weights_need_a_schedule(weight):
    with pytest.raises(TypeError, match=r"schedule must be a fastgen\.diffusion\.Sched.*None"):
        weight(1, None)


def test_noise_of_a_step_is_an_array():
    sampler = d.samplers.DDPM(LINEAR, 5)
    wanted = sampler.step(X, X, 1, noise=X)
    np.testing.assert_array_equal(sampler.step(X, X, 1, noise=X.tolist()), wanted)
    with pytest.raises(TypeError, match="DDPM: noise must be an array, got a Stream"):
        sampler.step(X, X, 1, noise=fastgen.noise.Stream(1))
