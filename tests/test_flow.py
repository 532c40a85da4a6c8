"""`fastgen.flow`: determinants, couplings and bijectors against linear algebra and the peers."""

import dask.array as da
import numpy as np
import pytest

import fastgen
from fastgen import flow
from fastgen.reference import flow as reference

# ---- Log-determinants


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("shape", [(1, 1), (5, 5), (3, 4, 4), (2, 3, 17, 17), (0, 3, 3), (2, 0, 0)])
def test_logdet_triangular_is_slogdet(shape, dtype, rng):
    tril = np.tril(rng.normal(size=shape)).astype(dtype)
    value = flow.logdet_triangular(tril)
    assert value.dtype == dtype and np.shape(value) == shape[:-2]
    wanted = np.linalg.slogdet(tril.astype(float))[1]
    np.testing.assert_allclose(value, wanted, rtol=1e-6, atol=1e-5)
    upper = np.swapaxes(tril, -1, -2)
    assert np.array_equal(flow.logdet_triangular(upper), value)
    assert np.array_equal(flow.logdet_triangular(np.asfortranarray(tril)), value)


def test_logdet_triangular_reads_only_the_diagonal():
    tril = np.full((3, 4, 4), np.nan)
    np.einsum("...ii->...i", tril)[...] = 2
    np.testing.assert_allclose(flow.logdet_triangular(tril), 4 * np.log(2))
    assert np.array_equal(flow.logdet_triangular(tril, unit_diagonal=True), np.zeros(3))
    for special, wanted in [(0.0, -np.inf), (np.nan, np.nan), (np.inf, np.inf)]:
        tril[1, 2, 2] = special
        np.testing.assert_array_equal(flow.logdet_triangular(tril)[1], wanted)


def test_logdet_lu_of_scipy(rng):
    linalg = pytest.importorskip("scipy.linalg")
    weight = rng.normal(size=(12, 12))
    value = flow.logdet_lu(linalg.lu_factor(weight)[0], height=7, width=5)
    np.testing.assert_allclose(value, 35 * np.linalg.slogdet(weight)[1])


def test_gradients_of_determinants_are_inverse_diagonals(rng):
    tril = np.tril(rng.normal(size=(3, 4, 4))).astype(np.float32)
    inverse = 1 / np.einsum("...ii->...i", tril)
    value, (gradient,) = fastgen.value_and_grad(flow.logdet_triangular)(tril)
    assert np.array_equal(value, flow.logdet_triangular(tril)) and gradient.dtype == np.float32
    assert np.array_equal(gradient, inverse[..., None] * np.eye(4, dtype=np.float32))
    value, pullback = fastgen.vjp(flow.logdet_lu, tril, height=2, width=3)
    assert np.array_equal(value, flow.logdet_lu(tril, height=2, width=3))
    weights = np.arange(3, dtype=np.float32)
    assert np.array_equal(pullback(weights)[0], 6 * (weights[:, None, None] * gradient))
    unit = fastgen.value_and_grad(flow.logdet_triangular)(tril, unit_diagonal=True)
    assert not np.any(unit[0]) and not np.any(unit[1][0])


def test_determinants_agree_with_the_reference(rng):
    matrices = rng.normal(size=(6, 5, 5))
    for name, options in [
        ("logdet_triangular", {}),
        ("logdet_triangular", {"unit_diagonal": True}),
        ("logdet_lu", {"height": 4, "width": 3}),
    ]:
        wanted = getattr(reference, name)(matrices, **options)
        np.testing.assert_allclose(getattr(flow, name)(matrices, **options), wanted, rtol=1e-13)


def test_determinants_refuse_what_is_not_square():
    for function in (flow.logdet_triangular, flow.logdet_lu):
        for bad in (np.ones(3), np.ones((2, 3, 4)), 1.0):
            with pytest.raises(ValueError, match=r"\(\.\.\., n, n\), got"):
                function(bad)
    for size in ({"height": 0}, {"width": -1}):
        with pytest.raises(ValueError, match="height and width must be at least 1"):
            flow.logdet_lu(np.eye(2), **size)
    with pytest.raises(TypeError, match="complex"):
        flow.logdet_triangular(np.eye(2) * 1j)


def test_determinants_of_dask_arrays_stay_lazy(rng):
    matrices = rng.normal(size=(6, 5, 5))
    lazy = flow.logdet_triangular(da.from_array(matrices, chunks=(2, -1, -1)))
    assert isinstance(lazy, da.Array)
    np.testing.assert_array_equal(lazy.compute(), flow.logdet_triangular(matrices))
