"""A slice of the universal suite. ``python tests/samplers/universal --all`` runs it whole."""

import dataclasses
import sys
from pathlib import Path

import numpy as np
import pytest
from made_samplers import NAMES

sys.path.insert(0, str(Path(__file__).parent))

from universal import cases, checks, convergence, count, propagate, refusals
from universal.methods import METHODS, Method
from universal.schedules import SCHEDULES

PARTS = 4


def chosen():
    """Return pairs of a method and a schedule, in which every sampler and schedule occurs."""
    firsts = {method.name: label for label, method in reversed(METHODS.items())}
    labels = [*dict.fromkeys([*firsts.values(), *list(METHODS)[1::3]])]
    pairs = []
    for k, label in enumerate(labels):
        form = refusals.FORMS.get(METHODS[label].name)
        names = [name for name in SCHEDULES if form in (None, SCHEDULES[name].form)]
        pairs.append((label, names[k % len(names)]))
    return pairs


@pytest.mark.parametrize("part", range(PARTS))
def test_every_combination_is_refused_or_right(part):
    total = count.Count()
    for pair in chosen()[part::PARTS]:
        total.merge(count.count_of(*pair))
    assert total.made > 1000 and total.refused
    assert not total.wrong, dict(total.examples)


def test_slice_has_every_sampler_and_schedule():
    labels, names = zip(*chosen(), strict=True)
    assert {METHODS[label].name for label in labels} == {METHODS[label].name for label in METHODS}
    assert set(names) == set(SCHEDULES)
    assert {method.name for method in METHODS.values()} == set(NAMES)


def test_long_step_of_noise_keeps_single_precision():
    # The step multiplies the sample by 16 and subtracts 15.9 times the noise.
    case = cases.Case("UniPC of_data=False order=1", "vp 1000", 3, "v")
    found, made, ends = checks.check(case)
    assert not found
    assert not checks.of_type(made, ends, np.float32)


def test_suite_finds_a_wrong_order(monkeypatch):
    label, name = "DDIM", "linear 1000"
    assert not any(found for _, found in convergence.check(label, name))
    monkeypatch.setitem(METHODS, label, dataclasses.replace(METHODS[label], order=2))
    assert any(found for _, found in convergence.check(label, name))


@pytest.mark.parametrize(
    ("method", "change", "kind"),
    [
        (Method("DDIM"), {"init_noise_scale": 1.1}, "start noise"),
        (Method("DDIM"), {"timesteps": np.arange(7.0)}, "timestep of another level"),
        (Method("DDIM"), {"timesteps": np.arange(7.0)}, "mean"),
        (Method("DDIM"), {"sigmas": np.ones(8)}, "a node twice"),
        (Method("DDIM", {"eta": 1.0}), {"adds_noise": lambda i: True}, "deviation"),
    ],
)
def test_suite_finds_a_wrong_sampler(monkeypatch, method, change, kind):
    steps = 7 if kind != "deviation" else 50  # of few steps, the bound is wide
    case = cases.Case(method.label, "linear 50", steps, "v")
    assert not checks.check(case)[0]
    right = checks.make

    def wrong(case):
        sampler, found = right(case)
        step = sampler.step
        vars(sampler).update(change)
        if "adds_noise" in change:  # five times the noise
            sampler.step = lambda x, p, i, *, noise, **how: step(x, p, i, noise=5 * noise, **how)
        return sampler, found

    monkeypatch.setattr(checks, "make", wrong)
    assert kind in {found for found, _ in checks.check(case)[0]}


def test_probes_give_the_moments_of_draws():
    """The mean and the deviation by probing are those of many random samples."""
    case = cases.Case("DDIM eta=1.0", "linear 50", 7, "x0")
    made = checks.Made(case, checks.make(case)[0])
    sampler, rng = made.sampler, np.random.default_rng(0)
    model = propagate.Model(sampler, made.schedule, "x0", case.method.options)
    x = rng.standard_normal((100_000, 3))
    for i in range(len(sampler)):
        x = sampler.step(x, model(x, i), i, rng=rng)
    mean, deviation = propagate.run(sampler, made.schedule, "x0", case.method.options).law(0.0, 1.0)
    np.testing.assert_allclose(x.mean(axis=0), mean, atol=5 * deviation.max() / np.sqrt(len(x)))
    np.testing.assert_allclose(x.std(axis=0), deviation, rtol=5 / np.sqrt(2 * len(x)))
