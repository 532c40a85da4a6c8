"""dask arrays: every function of rows stays lazy, gives the bits of the whole, and pickles."""

import pickle

import dask
import dask.array as da
import numpy as np
import pytest
from composed_calls import CALLS, IDS, SCHEDULE, WHOLE_BATCH, T, logits

from fastgen import cases, diffusion, flow, gan, guidance, noise, vae
from fastgen._ops import OPS
from fastgen.cases import each

WHOLE = ("mean", "sum")  # reductions of the whole batch, which are refused


def by_blocks(x, size=1):
    """Return a dask array in chunks along the first axis; also the arrays in a sequence."""
    if isinstance(x, list):
        return [by_blocks(y, size) for y in x]
    if not isinstance(x, np.ndarray) or x.dtype.kind != "f" or x.ndim == 0:
        return x
    return da.from_array(x, chunks=(size, *x.shape[1:]))


def agree(lazy, wanted):
    for got, expected in zip(each(lazy), each(wanted), strict=True):
        if isinstance(got, da.Array):
            assert (got.shape, got.dtype) == (np.shape(expected), np.asarray(expected).dtype)
            copied = pickle.loads(pickle.dumps(got))
            got = copied.compute(scheduler="synchronous")
        np.testing.assert_array_equal(got, expected)


@pytest.fixture(autouse=True)
def nothing_is_computed_at_once(monkeypatch):
    """`compute` may run only where a test asks for it, by name of the scheduler."""
    original = dask.base.get_scheduler

    def named(*args, scheduler=None, **kwargs):
        assert scheduler == "synchronous", "an array was computed at once"
        return original(*args, scheduler=scheduler, **kwargs)

    monkeypatch.setattr(dask.base, "get_scheduler", named)


@pytest.mark.parametrize("name", sorted(OPS))
def test_rows(name):
    function, inputs = cases.function(name), cases.inputs(name, (6, 5), np.float32)
    lazy = function(*[by_blocks(x, 4) for x in inputs])
    assert all(isinstance(r, da.Array) for r in each(lazy))
    agree(lazy, function(*inputs))


@pytest.mark.parametrize("call", CALLS, ids=IDS)
def test_composed_functions(call):
    f, inputs, options = call
    if options.get("axis", -1) in (None, (0, 1)) or options.get("latent_axis", -1) is None:
        return  # the chunked axis would be an event axis
    # These need the whole batch.
    size = 3 if f in WHOLE_BATCH or "free_bits" in options else 1
    lazy = [by_blocks(x, size) for x in inputs]
    named = {k: by_blocks(v) if k in ("real", "noise") else v for k, v in options.items()}
    if f is gan.js_estimate or options.get("reduction") in WHOLE:
        with pytest.raises(TypeError, match=r"expected NumPy arrays, got dask.*exact_mean"):
            f(*lazy, **named)
        return
    result = f(*lazy, **named)
    assert isinstance(each(result)[0], da.Array)
    agree(result, f(*inputs, **options))


STEPS = np.arange(7)
POINTWISE = [
    lambda a: vae.reparameterize(a, a, key=5, counter=3),
    lambda a: diffusion.add_noise(a, 5, SCHEDULE, key=2),
    lambda a: diffusion.add_noise(a, STEPS, SCHEDULE, key=2, counter=7, return_noise=True),
    lambda a: diffusion.langevin_step(a, a, 0.1, key=1),
]
SUMMED = [
    lambda a: vae.reparameterize(a, a, key=5, return_log_prob=True, axis=(1, 2)),
    lambda a: diffusion.epsilon_loss(a, key=2),
    lambda a: vae.gaussian_nll(noise.Stream(3), a, 0.5, axis=(1, 2)),
]
OF_ROWS = [
    lambda a: vae.reparameterize(a, a, key=5, return_log_prob=True),
    lambda a: vae.gaussian_nll(noise.Stream(3), a, 0.5),
]


@pytest.mark.parametrize(
    ("chunks", "functions"),
    [
        ((1, 3, 4), POINTWISE + SUMMED),
        (((1, 4, 2), 3, 4), POINTWISE + SUMMED),
        ((3, 1, 4), POINTWISE + OF_ROWS),
        ((7, (1, 2), 4), POINTWISE + OF_ROWS),
        (((1, 4, 2), 2, 3), POINTWISE),
        ((7, 3, 1), POINTWISE),
    ],
)
def test_drawn_noise_is_that_of_the_whole(chunks, functions):
    x = logits(7, 3, 4).astype(np.float32)
    lazy = da.from_array(x, chunks=chunks)
    for f in functions:
        for a, b in ((lazy, x), (lazy.astype(float), x.astype(float))):
            agree(f(a), f(b))


def test_numbers_per_sample_follow_the_chunks():
    x, scale = logits(6, 2, 4), np.arange(6.0)
    lazy = da.from_array(x, chunks=(4, 2, 4))
    for c in (scale, da.from_array(scale, chunks=3)):
        agree(guidance.cfg(lazy, lazy + 1, c), guidance.cfg(x, x + 1, scale))
        agree(guidance.cfg_rescale(lazy, lazy + 1, c), guidance.cfg_rescale(x, x + 1, scale))
    agree(
        diffusion.add_noise(lazy, np.arange(6), SCHEDULE, noise=x),
        diffusion.add_noise(x, np.arange(6), SCHEDULE, noise=x),
    )
    agree(gan.gradient_penalty(lazy), gan.gradient_penalty(x))
    agree(flow.affine_coupling(lazy, lazy, x), flow.affine_coupling(x, x, x))
    mask = [True, False, True, False]
    agree(flow.affine_coupling(lazy, lazy, x, mask), flow.affine_coupling(x, x, x, mask))


def test_several_batch_axes_and_broadcasts():
    x, y = logits(6, 5, 4), logits(5, 4)
    lazy, row = da.from_array(x, chunks=(4, 2, 4)), da.from_array(y, chunks=(3, 4))
    agree(vae.kl_standard_normal(lazy, row), vae.kl_standard_normal(x, y))
    agree(
        vae.kl_standard_normal(lazy, 0.5, keepdims=True),
        vae.kl_standard_normal(x, 0.5, keepdims=True),
    )
    first = da.from_array(x, chunks=(6, 2, 4))
    agree(vae.kl_standard_normal(first, row, axis=0), vae.kl_standard_normal(x, y, axis=0))
    both = da.from_array(x, chunks=(6, 5, 1))
    agree(vae.kl_standard_normal(both, y, axis=(0, 1)), vae.kl_standard_normal(x, y, axis=(0, 1)))


def test_chunks_that_a_function_cannot_take():
    x = da.from_array(logits(6, 4), chunks=(3, 2))
    z = da.from_array(logits(6, 4), chunks=(3, 4))
    for call, name in (
        (lambda: vae.kl_standard_normal(x, z), "kl_standard_normal: mu"),
        (lambda: vae.gaussian_elbo(z, x, z, z, z), "gaussian_elbo: x_mu"),
        (lambda: gan.gradient_penalty(x), "gradient_penalty: grad"),
        (lambda: vae.kl_standard_normal(z, x), "kl_standard_normal: logvar"),
        (lambda: diffusion.denoising_loss(x, z), "denoising_loss: prediction"),
    ):
        with pytest.raises(ValueError, match=rf"^{name} must have one chunk.*rechunk\({{1: -1}}\)"):
            call()
    with pytest.raises(ValueError, match=r"gaussian_elbo: x must have one chunk.*rechunk\(\{0: -1"):
        vae.gaussian_elbo(z, z, z, z, z, free_bits=0.1)
    with pytest.raises(ValueError, match=r"gaussian_nll: with drawn noise, mu .*rechunk"):
        vae.gaussian_nll(noise.Stream(1), x.rechunk({0: -1}), 0.5, axis=0)
    with pytest.raises(ValueError, match=r"kl_standard_normal: mu .*compute_chunk_sizes"):
        vae.kl_standard_normal(z[z[:, 0] > 0], 0.0)
    with pytest.raises(TypeError, match="kl_standard_normal: mu must hold"):
        vae.kl_standard_normal(z * 1j, z)
    with pytest.raises(TypeError, match="add_noise: out is for NumPy arrays; got Array"):
        diffusion.add_noise(z, 5, SCHEDULE, key=1, out=np.empty((6, 4)))
    with pytest.raises(ValueError, match=r"t must be a number or have the shape"):
        diffusion.add_noise(z, da.from_array(T), SCHEDULE, key=1)
    with pytest.raises(ValueError, match=r"t must lie between 0 and 99"):
        diffusion.add_noise(z, da.arange(98, 104), SCHEDULE, key=1).compute(scheduler="synchronous")
