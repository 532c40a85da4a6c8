"""Exact scores, Langevin steps and embeddings of time."""

import itertools

import numpy as np
import pytest
from diffusion_draws import draw

from fastgen import diffusion
from fastgen.diffusion import Schedule
from fastgen.reference import diffusion as reference

# Scores.


def test_mixture_score_against_mpmath(rng):
    mp = pytest.importorskip("mpmath")
    means, logvars = rng.normal(0, 3, (4, 2)), rng.normal(-1, 1, (4, 2))
    logits = rng.normal(0, 2, 4)
    given = Schedule.cosine(50, max_beta=1)
    points = np.concatenate([rng.normal(0, 3, (6, 2)), rng.normal(0, 100, (3, 2)), means[:1]])
    for t, schedule in ((0, given), (25, given), (49, given), (0.37, given.in_time())):
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
    # A mixture of one component, and the end of the flow, which is pure noise.
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


# Timestep embeddings.


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
        np.testing.assert_allclose(ours, theirs, atol=2e-4)  # diffusers rounds the angle


def test_timestep_embedding_is_right():
    mp = pytest.importorskip("mpmath")
    got = diffusion.timestep_embedding(999, 8, dtype=np.float64, scale=0.5)
    for i in range(4):
        angle = mp.mpf(999) / 2 * mp.mpf(10000) ** (-mp.mpf(i) / 4)
        assert abs(got[i] - mp.sin(angle)) < 1e-12 and abs(got[4 + i] - mp.cos(angle)) < 1e-12
    assert diffusion.timestep_embedding(np.zeros((2, 3)), 5).shape == (2, 3, 5)
    assert diffusion.timestep_embedding([7], 1).tolist() == [[0]]


@pytest.mark.parametrize("layout", ["sin_cos", "cos_sin"])
@pytest.mark.parametrize("dtype", ["e", "f", "d", "g", "D"])
def test_timestep_embedding_of_large_steps(layout, dtype):
    """NumPy computes those, and those of types without rows; other steps do not notice."""
    t = np.array([[3.0, 2.0**21 + 1, -(2.0**22)], [0.25, 999.0, 2.0**20]])
    ours = diffusion.timestep_embedding(t, 9, layout=layout, dtype=dtype)
    theirs = reference.timestep_embedding(t, 9, layout=layout, dtype=dtype)
    assert ours.dtype == dtype and ours.shape == (2, 3, 9)
    rounded = 2.0**22 * 4 * np.finfo("d").eps  # of the largest angle
    limit = rounded if dtype in "dgD" else np.finfo(dtype).eps
    np.testing.assert_allclose(ours, theirs, rtol=0, atol=limit)
    for i in np.ndindex(t.shape):
        alone = diffusion.timestep_embedding(t[i], 9, layout=layout, dtype=dtype)
        np.testing.assert_array_equal(alone, ours[i])
