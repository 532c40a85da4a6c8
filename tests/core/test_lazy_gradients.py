"""Gradients of dask arrays: lazy, and of the bits that NumPy arrays give."""

import pickle

import dask.array as da
import numpy as np
import pytest
from composed_calls import CALLS, IDS, WHOLE_BATCH, logits

import fastgen
from fastgen import cases, gan, guidance, vae
from fastgen._ops import OPS

DIFFERENTIABLE = sorted(name for name, op in OPS.items() if op.derivative)


def by_blocks(x, chunks):
    if isinstance(x, list):
        return [by_blocks(y, chunks) for y in x]
    if not isinstance(x, np.ndarray) or x.dtype.kind != "f" or x.ndim == 0:
        return x
    return da.from_array(x, chunks=(*chunks, *x.shape[len(chunks) :])[: x.ndim])


def flat(found):
    return [y for x in found for y in flat(x)] if isinstance(found, tuple) else [found]


def agree(lazy, wanted):
    for got, expected in zip(flat(lazy), flat(wanted), strict=True):
        if not isinstance(got, da.Array):  # None, or a result that needs no computation
            np.testing.assert_array_equal(got, expected)
            continue
        assert (got.shape, got.dtype) == (np.shape(expected), np.asarray(expected).dtype)
        copied = pickle.loads(pickle.dumps(got))
        np.testing.assert_array_equal(copied.compute(scheduler="synchronous"), expected)


@pytest.mark.parametrize("name", DIFFERENTIABLE)
def test_rows(name):
    function, inputs = cases.function(name), cases.inputs(name, (6, 2, 5), np.float32)
    with_gradients = fastgen.value_and_grad(function)
    found = with_gradients(*[by_blocks(x, (4, 1)) for x in inputs])
    assert all(isinstance(g, da.Array) for g in flat(found))
    agree(found, with_gradients(*inputs))


@pytest.mark.parametrize("call", CALLS, ids=IDS)
def test_composed_functions(call):
    f, inputs, options = call
    with_gradients = fastgen.value_and_grad(f)
    try:
        wanted = with_gradients(*inputs, **options)
    except TypeError:
        return  # combine of more than three predictions has no derivative
    lazy = [by_blocks(x, (1,)) for x in inputs]
    named = {k: by_blocks(v, (1,)) if k in ("real", "noise") else v for k, v in options.items()}
    if of_whole_batch(f, options):
        with pytest.raises((TypeError, ValueError), match=r"rechunk|expected NumPy|free_bits"):
            with_gradients(*lazy, **named)
    else:
        agree(with_gradients(*lazy, **named), wanted)


def of_whole_batch(f, options):
    """Whether the first axis, which has several chunks, is no batch axis."""
    if f in (gan.js_estimate, *WHOLE_BATCH) or "free_bits" in options:
        return True
    axes = options.get("axis", -1), options.get("latent_axis", -1)
    return options.get("reduction") in ("mean", "sum") or None in axes or (0, 1) in axes


def test_shared_inputs_have_the_exact_sum():
    x, shift, scale = logits(60, 8), logits(8), logits(60)
    for chunks in (7, 60, (31, 29)):
        lazy = da.from_array(x, chunks=(chunks, 8))
        for argument in (shift, da.from_array(shift, chunks=8)):
            value, (by_mu, by_logvar) = fastgen.value_and_grad(vae.kl_standard_normal)(
                lazy, argument
            )
            each = fastgen.vjp(vae.kl_standard_normal, x, np.broadcast_to(shift, x.shape))[1](1.0)
            agree((value, by_mu), (vae.kl_standard_normal(x, shift), each[0]))
            agree(by_logvar, fastgen.exact_sum(each[1], axis=0))
        with_scale = fastgen.value_and_grad(guidance.cfg)
        agree(with_scale(lazy, lazy + 1, scale), with_scale(x, x + 1, scale))
        by_number = with_scale(lazy, lazy + 1, 7.5)[1][2].compute(scheduler="synchronous")
        assert abs(by_number - x.size) < 1e-9


def test_pullbacks_and_cotangents():
    x, c = logits(6, 8), logits(6)
    lazy = da.from_array(x, chunks=(4, 8))
    value, pullback = fastgen.vjp(vae.kl_standard_normal, lazy, lazy)
    wanted, back = fastgen.vjp(vae.kl_standard_normal, x, x)
    agree(value, wanted)
    for cotangent in (1 / 6, c, da.from_array(c, chunks=2)):
        agree(pullback(cotangent), back(np.asarray(cotangent)))
    agree(fastgen.vjp(vae.kl_standard_normal, x, x)[1](da.from_array(c, chunks=2)), back(c))
    with pytest.raises(ValueError, match=r"cotangent must broadcast to the shape \(6,\)"):
        pullback(da.ones(5))
    with pytest.raises(ValueError, match=r"gaussian_elbo: mu has no axis of the batch"):
        fastgen.value_and_grad(vae.gaussian_elbo)(lazy, lazy, lazy, x[0], x[0])
