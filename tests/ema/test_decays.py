"""Decays, and EDM2's averages after the training, against the definitions and the peers."""

import numpy as np
import pytest

import fastgen
from fastgen import ema, reference


@pytest.mark.parametrize("name", ["warmup_decay", "inverse_power_decay"])
@pytest.mark.parametrize(
    "options", [{}, {"max_decay": 0.9, "min_decay": 0.3}, {"update_after_step": 7}]
)
def test_decays_of_diffusers(name, options):
    steps = np.array([0, 1, 2, 6, 7, 8, 9, 50, 1000, 10**7])
    found = getattr(ema, name)(steps, **options)
    np.testing.assert_allclose(found, getattr(reference.ema, name)(steps, **options), rtol=1e-12)
    assert found[0] == 0 and isinstance(getattr(ema, name)(3), float)
    torch = pytest.importorskip("torch")
    training = pytest.importorskip("diffusers.training_utils")
    model = training.EMAModel(
        [torch.nn.Parameter(torch.zeros(1))],
        decay=options.get("max_decay", 0.9999),
        min_decay=options.get("min_decay", 0.0),
        update_after_step=options.get("update_after_step", 0),
        use_ema_warmup=name == "inverse_power_decay",
    )
    theirs = [model.get_decay(int(step) + 1) for step in steps]
    np.testing.assert_allclose(found, theirs, rtol=1e-12)


def test_widths_and_exponents():
    gamma = np.array([0.0, 1e-9, 0.5, 6.94, 16.97, 1e3, 1e6])
    width = ema.sigma_rel_of_gamma(gamma)
    np.testing.assert_allclose(width, reference.ema.sigma_rel_of_gamma(gamma), rtol=1e-14)
    np.testing.assert_allclose(ema.gamma_of_sigma_rel(width), gamma, rtol=1e-9, atol=1e-14)
    for w in (0.01, 0.05, 0.1, 0.2, 12**-0.5):
        theirs = reference.ema.gamma_of_sigma_rel(w)
        np.testing.assert_allclose(ema.gamma_of_sigma_rel(w), theirs, rtol=1e-9, atol=1e-9)
    for bad in (0.0, -0.1, 0.3):
        with pytest.raises(ValueError, match="sigma_rel must lie above 0"):
            ema.gamma_of_sigma_rel([0.1, bad])


def test_power_function_decay_gives_the_profile_of_a_power():
    """The weights of update t count as t ** gamma, up to the difference of sum and integral."""
    count, gamma = 400, 3.0
    averages, weights = [np.zeros(count)], np.eye(count)
    for step in range(count):
        ema.update(averages, [weights[step]], ema.power_function_decay(step, gamma=gamma))
    edges = np.arange(count + 1) / count
    np.testing.assert_allclose(averages[0], np.diff(edges ** (gamma + 1)), rtol=1e-9, atol=1e-12)
    by_width = ema.power_function_decay(9, sigma_rel=ema.sigma_rel_of_gamma(gamma))
    np.testing.assert_allclose(by_width, 0.9**4, rtol=1e-9)
    with pytest.raises(ValueError, match="give sigma_rel or gamma"):
        ema.power_function_decay(3)
    with pytest.raises(ValueError, match="more than -1"):
        ema.power_function_decay(3, gamma=-2.0)


def test_coefficients_after_the_training():
    times, widths = np.repeat([0.25, 0.5, 0.75, 1.0], 2), np.tile([0.05, 0.1], 4)
    for time, width in ((1.0, 0.03), (1.0, 0.15), (0.6, 0.08)):
        found = ema.posthoc_coefficients(times, widths, time, width)
        wanted = reference.ema.posthoc_coefficients(times, widths, time, width)
        np.testing.assert_allclose(found, wanted, rtol=1e-8, atol=1e-9)
    exact = ema.posthoc_coefficients(times, widths, 0.75, 0.1)
    np.testing.assert_allclose(exact, np.eye(8)[5], atol=1e-9)
    # Snapshots that repeat each other are no error.
    twice = ema.posthoc_coefficients([1.0, 1.0], [0.1, 0.1], 1.0, 0.1)
    np.testing.assert_allclose(twice, [0.5, 0.5], rtol=1e-12)
    with pytest.raises(ValueError, match="times above 0"):
        ema.posthoc_coefficients([0.0], [0.1], 1.0, 0.1)


def test_an_average_is_reconstructed():
    """Two averages with snapshots give a third one, of another width, as in EDM2."""
    count, rng = 512, np.random.default_rng(0)
    weights = np.cumsum(rng.normal(size=(count, 5)), axis=0)
    kept = {w: [np.zeros(5)] for w in (0.05, 0.1, 0.07)}
    snapshots, times, widths = [], [], []
    for step in range(count):
        for width, average in kept.items():
            ema.update(average, [weights[step]], ema.power_function_decay(step, sigma_rel=width))
            if width != 0.07 and (step + 1) % 32 == 0:
                snapshots.append([average[0].copy()])
                times.append(step + 1)
                widths.append(width)
    c = ema.posthoc_coefficients(times, widths, count, 0.07)
    (found,) = fastgen.ema.combine(snapshots, c)
    error = np.abs(found - kept[0.07][0]).max()
    assert error < 0.02 * np.abs(found).max()
    assert error < 0.05 * np.abs(kept[0.1][0] - kept[0.07][0]).max()
