"""`solver_step` and `guided_step`: the parts that are not in their rows."""

import functools
import re

import numpy as np
import pytest

import fastgen
from fastgen import diffusion
from fastgen._ops import OPS
from fastgen.diffusion import guided_step, solver_step


def inputs(terms, rng, shape=(3, 4)):
    """Return x, prediction, coefficients (in turn a scalar and one per row) and terms."""
    x, prediction, *others = rng.standard_normal((2 + terms, *shape))
    numbers = [rng.standard_normal() if k % 2 else rng.standard_normal(3) for k in range(6 + terms)]
    numbers[2] = 0.75
    return x, prediction, tuple(numbers), tuple(others)


@pytest.mark.parametrize("terms", range(4))
def test_gradients_of_coefficients_and_terms_are_tuples(terms, rng):
    x, prediction, numbers, others = inputs(terms, rng)
    cotangents = tuple(rng.standard_normal((2, 3, 4)))
    value, pullback = fastgen.vjp(solver_step, x, prediction, numbers, others)
    row = OPS[f"diffusion.solver_step_{terms}"]
    spread = [np.broadcast_to(c, 3).copy() for c in numbers]
    results = row.derivative((x, prediction, *others, *spread, *cotangents))
    np.testing.assert_array_equal(value, results[:2])
    d_x, d_prediction, d_numbers, d_terms = pullback(cotangents)
    np.testing.assert_array_equal(d_x, results[2])
    np.testing.assert_array_equal(d_prediction, results[3])
    assert type(d_numbers) is type(d_terms) is tuple
    assert len(d_numbers) == 6 + terms and len(d_terms) == terms
    for got, wanted in zip(d_terms, results[4 : 4 + terms], strict=True):
        np.testing.assert_array_equal(got, wanted)
    for got, wanted, given in zip(d_numbers, results[4 + terms :], numbers, strict=True):
        assert np.shape(got) == np.shape(given)
        np.testing.assert_allclose(got, wanted if np.ndim(given) else wanted.sum(), rtol=1e-12)


def test_gradients_of_some_inputs(rng):
    x, prediction, numbers, others = inputs(2, rng)
    full = fastgen.value_and_grad(solver_step)(x, prediction, numbers, others)[1]
    for argnums in ([3, 0], [2], [1, 2, 3], [0]):
        f = fastgen.value_and_grad(solver_step, argnums=argnums)
        value, got = f(x, prediction, numbers, others)
        np.testing.assert_array_equal(value, solver_step(x, prediction, numbers, others))
        assert len(got) == len(argnums)
        for k, gradient in zip(argnums, got, strict=True):
            for ours, wanted in zip(gradient, full[k], strict=True):
                np.testing.assert_array_equal(ours, wanted)
    x, prediction, numbers, _ = inputs(0, rng)
    gradients = fastgen.value_and_grad(solver_step)(x, prediction, numbers)[1]
    assert len(gradients) == 3 and len(gradients[2]) == 6


def test_options_reach_the_derivative(rng):
    x, prediction, numbers, others = inputs(1, rng)
    numbers = tuple(np.reshape(c, (3, 1)) if np.ndim(c) else c for c in numbers)
    call = functools.partial(solver_step, keepdims=True)
    value, gradients = fastgen.value_and_grad(call)(x, prediction, numbers, others)
    np.testing.assert_array_equal(value, call(x, prediction, numbers, others))
    assert gradients[2][0].shape == (3, 1) and np.shape(gradients[2][1]) == ()


@pytest.mark.parametrize("terms", range(5))
def test_a_guided_step_has_the_gradients_of_its_two_functions(terms, rng):
    x, cond, numbers, others = inputs(terms, rng)
    uncond, scale = rng.standard_normal(x.shape), 2.5
    guided, guide_back = fastgen.vjp(fastgen.guidance.cfg, uncond, cond, scale)
    wanted, back = fastgen.vjp(solver_step, x, guided, numbers, others)
    cotangents = tuple(rng.standard_normal((2, *x.shape)))
    d_x, d_guided, d_numbers, d_others = back(cotangents)
    d_uncond, d_cond, d_scale = guide_back(d_guided)
    numbers = (*numbers[:5], 0.0, *numbers[5:])
    call = fastgen.value_and_grad(guided_step)
    value, found = call(x, uncond, cond, scale, numbers, others, cotangent=cotangents)
    np.testing.assert_array_equal(value, wanted)
    d_w = np.sum(uncond * cotangents[0])
    d_numbers = (*d_numbers[:5], d_w, *d_numbers[5:])
    flat = (d_x, d_uncond, d_cond, d_scale, *d_numbers, *d_others)
    for got, expected in zip((*found[:4], *found[4], *found[5]), flat, strict=True):
        np.testing.assert_allclose(got, expected, rtol=1e-12, atol=1e-12)


def test_results_can_replace_the_inputs(rng):
    x, prediction, numbers, others = inputs(2, rng)
    wanted = solver_step(x, prediction, numbers, others)
    got = solver_step(x, prediction, numbers, others, out=(x, others[0]))
    assert got[0] is x and got[1] is others[0]
    np.testing.assert_array_equal(got, wanted)


@pytest.mark.parametrize(("function", "arrays"), [(solver_step, 2), (guided_step, 3)])
def test_counts_that_do_not_fit(function, arrays):
    x, name, own = np.ones(3), function.__name__, 4 + arrays
    first = [x] * arrays + [1.0] * (arrays - 2)
    with pytest.raises(ValueError, match=f"{name}: terms must hold at most 4 arrays, got 5"):
        function(*first, [1.0] * (own + 5), [x] * 5)
    letters = "a, b, limit, u, v, k" if arrays == 2 else "a, b, limit, u, v, w, k"
    for count, terms in ((own - 1, 0), (own + 1, 0), (own, 1)):
        message = f"{name}: coefficients must hold {letters} and one for each of {terms} terms, got"
        with pytest.raises(ValueError, match=re.escape(f"{message} {count} numbers")):
            function(*first, [1.0] * count, [x] * terms)
    with pytest.raises(TypeError, match=rf"{name}: terms\[0\] must hold float16"):
        function(*first, [1.0] * (own + 1), [x * 1j])
    with pytest.raises(TypeError, match=rf"{name}: coefficients\[1\] must hold float16"):
        function(*first, [1.0, 1j, *[1.0] * (own - 2)])


def test_there_is_one_public_function():
    assert not [name for name in dir(diffusion) if re.fullmatch(r"(solver|guided)_step_\d", name)]
