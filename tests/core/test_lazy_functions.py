"""Functions that are no rows, and steps of samplers, on dask arrays: layouts and schedulers."""

import functools
import pickle

import cloudpickle
import dask
import dask.array as da
import numpy as np
import pytest

from fastgen import diffusion, flow, gan, guidance
from fastgen.cases import each
from fastgen.diffusion import Schedule, paths, samplers

L, FLOW, EDM = Schedule.linear(100), Schedule.flow(), Schedule.edm(20)
VP = paths.VariancePreserving()
CHANGE = paths.PathChange(paths.Linear(), VP)
BROWNIAN = {"sigma": 0.5, "kind": "brownian", "key": 1}
STEPS, TIMES = np.arange(6) + 3, np.linspace(0.1, 0.9, 6)


def normals(*shape):
    return np.random.default_rng(len(shape)).normal(size=shape)


Y, Z = normals(6, 2, 4), normals(6, 4)
MIXTURE = normals(3, 4), normals(3, 4) / 9, normals(3)


def step(sampler, x, prediction, i=0, **options):
    return sampler.step(x, prediction, i, state=sampler.state(), **options)


def guided_step(sampler, x, uncond, cond, i=0, **options):
    return sampler.guided_step(x, uncond, cond, i, state=sampler.state(), **options)


# The name of a call: the function, its inputs, its options.
CALLS = {
    "min_snr_weight": (diffusion.min_snr_weight, (STEPS, L), {}),
    "soft_min_snr_weight": (diffusion.soft_min_snr_weight, (STEPS, L), {"prediction": "v"}),
    "p2_weight": (diffusion.p2_weight, (STEPS, L), {}),
    "edm_weight": (diffusion.edm_weight, (TIMES,), {}),
    "inverse_variance_weight": (diffusion.inverse_variance_weight, (TIMES, FLOW), {}),
    "logit_normal_weight": (diffusion.logit_normal_weight, (TIMES,), {}),
    "cosmap_weight": (diffusion.cosmap_weight, (TIMES,), {}),
    "timestep_embedding": (diffusion.timestep_embedding, (STEPS, 8), {"layout": "cos_sin"}),
    "edm_coefficients": (diffusion.edm_coefficients, (TIMES,), {}),
    "coefficients": (FLOW.coefficients, (TIMES,), {}),
    "time_of": (FLOW.time_of, (TIMES,), {}),
    "add_noise": (diffusion.add_noise, (Y, STEPS, L), {"key": 1, "return_noise": True}),
    "velocity": (diffusion.velocity, (Y, Y + 1, TIMES, FLOW), {}),
    "posterior": (diffusion.posterior_mean_variance, (Y, Y, STEPS, L), {}),
    "convert": (diffusion.convert, (Y, Y, STEPS, L), {"source": "epsilon", "target": "v"}),
    "interpolate": (diffusion.interpolate, (Y, Y + 1, TIMES), {}),
    "paths.coefficients": (VP.coefficients, (TIMES,), {}),
    "paths.sample": (paths.sample, (Y, TIMES, VP), {"key": 1}),
    "paths.bridge": (paths.bridge, (Y, Y + 1, TIMES, VP), {"sigma": 0.5, "key": 1}),
    "paths.brownian": (paths.bridge, (Y, Y + 1, TIMES, VP), BROWNIAN),
    "paths.convert": (paths.convert, (Y, Y, TIMES, VP), {"source": "velocity", "target": "x1"}),
    "paths.matching_time": (paths.matching_time, (TIMES, CHANGE), {}),
    "paths.change_velocity": (paths.change_velocity, (Y, Y + 1, TIMES, CHANGE), {}),
    "edm_input": (diffusion.edm_input, (Y, TIMES), {}),
    "edm_denoised": (diffusion.edm_denoised, (Y, Y + 1, TIMES), {}),
    "langevin_step": (diffusion.langevin_step, (Y, Y, TIMES), {"key": 3}),
    "denoising_loss": (lambda p, t, w: diffusion.denoising_loss(p, t, weight=w), (Y, Z, TIMES), {}),
    "vlb_terms": (diffusion.vlb_terms, (Y, Y, Y + 0.1, Y, STEPS - 3, L), {"parameterization": "v"}),
    "mixture_score": (diffusion.gaussian_mixture_score, (Z, TIMES, FLOW, *MIXTURE), {}),
    "dynamic_threshold": (guidance.dynamic_threshold, (Y,), {"quantile": 0.9}),
    "cfg_rescale": (guidance.cfg_rescale, (Y, Y + 1, TIMES), {}),
    "apg": (guidance.apg, (Y, Y + 1, TIMES), {"norm_threshold": 2.0}),
    "gradient_penalty": (gan.gradient_penalty, (Y,), {"kind": "dragan"}),
    "split_parameters": (flow.split_parameters, (Z,), {"layout": "shift_scale_pairs"}),
    "slogdet": (flow.slogdet, (normals(6, 40, 40),), {}),
    "spline": (flow.linear_spline, (normals(6, 2) % 1, normals(6, 2, 5)), {"tails": None}),
}
CALLS["denoising_loss"] = (CALLS["denoising_loss"][0], (Y, Y + 1, TIMES), {})
for name, sampler in {
    "DDIM": samplers.DDIM(L, 10, eta=1.0),
    "DDPM-threshold": samplers.DDPM(L, 10, threshold=0.9),
    "Euler": samplers.Euler(EDM, 10, churn=20.0, parity=None),
    "UniPC-threshold": samplers.UniPC(L, 10, threshold=0.9),
}.items():
    of_sampler = functools.partial(step, sampler)
    guided = functools.partial(guided_step, sampler)
    CALLS[f"{name} step"] = (of_sampler, (Y, Y), {"key": 3, "first": 5})
    CALLS[f"{name} guided"] = (guided, (Y, Y, Y + 1), {"key": 3, "scale": 3.0, "rescale": 0.5})
    CALLS[f"{name} renoise"] = (sampler.renoise, (Y, 5, 2), {"key": 3})
EACH = samplers.DDIM(L, 10, eta=1.0)
CALLS["scale_input"] = (samplers.Euler(L, 10).scale_input, (Y, STEPS), {})
CALLS["step each"] = (EACH.step, (Y, Y, STEPS), {"key": 3, "first": 2})
CALLS["step each brownian"] = (EACH.step, (Y, Y, STEPS), {"key": 3, "noise": "brownian"})
PLUS = {"i": STEPS, "key": 3, "scale": 0.5, "cfg_pp": True}
CALLS["guided each"] = (EACH.guided_step, (Y, Y, Y + 1), PLUS)
LEARNED = samplers.DDPM(L, 10, variance="learned_range")
CALLS["learned"] = (LEARNED.step, (Y, normals(6, 4, 4), 3), {"key": 4, "first": 2})


def by_blocks(x, layout):
    if not isinstance(x, np.ndarray):
        return x
    if len(x) != 6:  # a mixture
        return x
    if layout == "batch":
        return da.from_array(x, chunks=((1, 3, 2), *x.shape[1:]))
    return da.from_array(x, chunks=(6, *[-(-n // 2) for n in x.shape[1:]]))


def layouts(inputs):
    """Yield the names of layouts of chunks, and the inputs in them."""
    for layout in ("batch", "inner"):
        yield layout, [by_blocks(x, layout) for x in inputs]
    first = next(k for k, x in enumerate(inputs) if isinstance(x, np.ndarray))
    yield "mixed", [by_blocks(x, "batch") if k == first else x for k, x in enumerate(inputs)]


@pytest.fixture(autouse=True)
def nothing_is_computed_at_once(monkeypatch):
    """`compute` may run only where a test asks for it, by name of the scheduler."""
    original = dask.base.get_scheduler

    def named(*args, scheduler=None, **kwargs):
        assert scheduler is not None, "an array was computed at once"
        return original(*args, scheduler=scheduler, **kwargs)

    monkeypatch.setattr(dask.base, "get_scheduler", named)


@pytest.mark.parametrize("name", CALLS)
def test_layouts(name):
    f, inputs, options = CALLS[name]
    wanted = each(f(*inputs, **options))
    for layout, lazy in layouts(inputs):
        try:
            found = each(f(*lazy, **options))
        except ValueError as error:
            if layout != "inner" or "rechunk({" not in str(error):
                raise
            continue
        for got, expected in zip(found, wanted, strict=True):
            if layout == "mixed" and not isinstance(got, da.Array):
                np.testing.assert_array_equal(got, expected)  # numbers of a schedule
                continue
            assert (got.shape, got.dtype) == (np.shape(expected), np.asarray(expected).dtype)
            for library in (pickle, cloudpickle):
                copied = library.loads(library.dumps(got))
                value = copied.compute(scheduler="synchronous")
                np.testing.assert_array_equal(value, expected)


@pytest.mark.parametrize("name", CALLS)
def test_unknown_shapes(name):
    """Whatever is left after a selection: nobody knows how many samples."""
    f, inputs, options = CALLS[name]
    some = da.from_array(np.arange(6) < 4, chunks=3)
    lazy = [
        da.from_array(x, chunks=(3, *x.shape[1:]))[some]
        if isinstance(x, np.ndarray) and len(x) == 6
        else x
        for x in inputs
    ]
    with pytest.raises(ValueError, match=r"must have a known shape; call compute_chunk_sizes\(\)"):
        f(*lazy, **options)


def test_processes():
    """All calls in one graph, computed by two processes."""
    wanted, lazy = [], []
    for f, inputs, options in CALLS.values():
        wanted += each(f(*inputs, **options))
        lazy += each(f(*[by_blocks(x, "batch") for x in inputs], **options))
    found = dask.compute(*lazy, scheduler="processes", num_workers=2)
    for got, expected in zip(found, wanted, strict=True):
        np.testing.assert_array_equal(got, expected)


def test_errors_come_with_the_blocks():
    for call, message in (
        (lambda: diffusion.min_snr_weight(da.arange(98, 103), L), "t must lie between 0 and 99"),
        (lambda: diffusion.edm_weight(da.zeros(3)), "edm_weight: sigma and sigma_data must be > 0"),
        (
            lambda: diffusion.interpolate(da.ones(3), da.ones(3), da.ones(3) * 2),
            r"t must lie in \[0, 1\]",
        ),
        (
            lambda: flow.linear_spline(da.ones(3) * 2, da.ones((3, 4)), tails=None)[0],
            "linear_spline: x must be within the bound 1.0 where tails is None",
        ),
        (
            lambda: diffusion.convert(
                da.ones(1),
                da.ones(1),
                da.ones(1, dtype=int) * 99,
                L.rescale_zero_terminal_snr(),
                source="epsilon",
                target="x0",
            ),
            "convert: epsilon does not determine x0",
        ),
    ):
        with pytest.raises(ValueError, match=message):
            each(call())[0].compute(scheduler="synchronous")


def test_what_is_refused():
    y = da.from_array(Y, chunks=(3, 2, 4))
    for call, message in (
        (lambda: guidance.apg(y, y, 2.0, average=y), "apg: average is changed in place"),
        (
            lambda: guidance.dynamic_threshold(y, out=Y),
            "dynamic_threshold: out is for NumPy arrays",
        ),
        (lambda: EACH.step(y, y, STEPS, key=1, out=Y), "step: out is for NumPy arrays"),
        (lambda: EACH.guided_step(y, y, y, da.arange(6), scale=0.5, cfg_pp=True), "DDIM: i is"),
        (lambda: Schedule.from_betas(da.ones(3) / 2), r"is a dask array.*compute\(\)"),
    ):
        with pytest.raises(TypeError, match=message):
            call()
    with pytest.raises(ValueError, match=r"dynamic_threshold: x0 .*rechunk\(\{2: -1\}\)"):
        guidance.dynamic_threshold(y.rechunk((3, 2, 1)))
