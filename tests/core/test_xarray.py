"""Arrays of xarray: labels are kept, or an error names `xarray.apply_ufunc`."""

import pickle

import dask.array as da
import numpy as np
import pytest
import xarray as xr

from fastgen import diffusion, elementary, flow, gan, guidance, vae
from fastgen._ops import OPS
from fastgen.diffusion import Schedule

LINEAR = Schedule.linear()
X = np.random.default_rng(0).normal(size=(6, 4))
COORDS = {"image": np.arange(6) * 10}
LABELLED = xr.DataArray(X, dims=("image", "latent"), coords=COORDS, attrs={"unit": "nats"})
LAZY = LABELLED.copy(data=da.from_array(X, chunks=(4, 2)))


@pytest.mark.parametrize("array", [LABELLED, LAZY], ids=["numpy", "dask"])
def test_elementwise_functions_keep_labels(array):
    found = elementary.exp(array)
    assert found.dims == array.dims and found.attrs == array.attrs
    assert found.chunks == array.chunks
    copied = pickle.loads(pickle.dumps(found))
    np.testing.assert_array_equal(copied.compute(scheduler="synchronous"), elementary.exp(X))
    np.testing.assert_array_equal(copied["image"], COORDS["image"])


@pytest.mark.parametrize("array", [LABELLED, LAZY.chunk({"latent": -1})], ids=["numpy", "dask"])
def test_apply_ufunc(array):
    core = {"input_core_dims": [["latent"], ["latent"]], "dask": "allowed"}
    kl = xr.apply_ufunc(vae.kl_standard_normal, array, array, **core)
    assert kl.dims == ("image",)
    np.testing.assert_array_equal(kl.compute(scheduler="synchronous"), vae.kl_standard_normal(X, X))
    noisy = xr.apply_ufunc(diffusion.add_noise, array, 5, LINEAR, kwargs={"key": 1}, dask="allowed")
    assert noisy.dims == array.dims and noisy.chunks == array.chunks
    wanted = diffusion.add_noise(X, 5, LINEAR, key=1)
    np.testing.assert_array_equal(noisy.compute(scheduler="synchronous"), wanted)


@pytest.mark.parametrize("array", [LABELLED, LAZY], ids=["numpy", "dask"])
def test_lost_labels_are_an_error(array):
    square = array[:4]
    for call in (
        lambda: diffusion.add_noise(array, 5, LINEAR, key=1),
        lambda: diffusion.denoising_loss(array, array),
        lambda: diffusion.timestep_embedding(array[:, 0], 4),
        lambda: guidance.dynamic_threshold(array),
        lambda: gan.gradient_penalty(array),
        lambda: vae.kl_standard_normal(array, array),
        lambda: vae.reparameterize(array, array, key=1),
        lambda: vae.total_correlation(array, array, array, dataset_size=6),
        lambda: flow.logdet_triangular(square),
        lambda: elementary.exp(array, out=np.empty(X.shape)),
    ):
        with pytest.raises(TypeError, match=r"xarray\.apply_ufunc"):
            call()


def test_ufuncs_pickle():
    for name in ("elementary.exp", "vae.kl_standard_normal", "flow.slogdet"):
        for op in (OPS[name], OPS[name].derivative):
            assert pickle.loads(pickle.dumps(op.ufunc)) is op.ufunc
