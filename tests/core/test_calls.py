"""Every public function: the types, shapes and options that a call takes, and its errors."""

import re
from functools import partial

import dask.array as da
import ml_dtypes
import numpy as np
import pytest
import xarray as xr

import fastgen
from fastgen import cases, flow, gan, vae
from fastgen._ops import OPS, operands, public
from fastgen.cases import each
from fastgen.elementary import softplus, total

NAMES = sorted(OPS)
ROWS = [name for name in NAMES if cases.signature(name).has_rows]


def call(name, arrays, **options):
    return cases.function(name)(*arrays, **options)


@pytest.mark.parametrize("name", [name for name in NAMES if cases.CASES[name].call])
def test_a_function_of_another_form_is_its_operation(name):
    arrays = cases.inputs(name, (3, 5), np.float32)
    function = cases.in_its_own_form(name, public(name)[0])
    for result, wanted in zip(each(function(*arrays)), each(OPS[name](arrays)), strict=True):
        assert result.dtype == np.float32
        np.testing.assert_array_equal(result, wanted)


# Types.


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("dtype", ["i1", "u1", "i4", "u8", "?"])
def test_integers_and_bool_become_float64(name, dtype):
    x = np.array([[0, 1, 1], [1, 0, 1]]).astype(dtype)
    arrays = [np.resize(x, shape) for shape in cases.shapes(name, (2, 3))[0]]
    wanted = each(call(name, [x.astype(float) for x in arrays]))
    for result, value in zip(each(call(name, arrays)), wanted, strict=True):
        assert result.dtype == np.float64
        np.testing.assert_array_equal(result, value)


def assert_native(results, wanted):
    for result, value in zip(each(results), each(wanted), strict=True):
        assert result.dtype == value.dtype and result.dtype.isnative
        np.testing.assert_array_equal(result, value)


@pytest.mark.parametrize("name", NAMES)
def test_tensors_are_taken_as_arrays(name):
    torch = pytest.importorskip("torch")
    arrays = cases.inputs(name, (4, 3), np.float32)
    tensors = [torch.from_numpy(x) for x in arrays]
    assert_native(call(name, tensors), call(name, arrays))
    if OPS[name].derivative:
        f = cases.function(name)
        wanted = fastgen.value_and_grad(f)(*arrays)[1]
        assert_native(fastgen.value_and_grad(f)(*tensors)[1], wanted)
        assert_native(fastgen.vjp(f, *tensors)[1](torch.tensor(1.0)), wanted)


@pytest.mark.parametrize("name", NAMES)
def test_results_have_the_byte_order_of_the_machine(name):
    arrays = cases.inputs(name, (4, 3), np.float64)
    foreign = [x.astype(">f8") for x in arrays]
    assert_native(call(name, foreign), call(name, arrays))
    if OPS[name].derivative:
        f = fastgen.value_and_grad(cases.function(name))
        assert_native(f(*foreign)[1], f(*arrays)[1])


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize(
    "bad",
    [np.array([1j]), np.array([1], "g"), np.array([None]), np.array(["a"]), np.ma.array([1.0])],
)
def test_what_holds_no_real_numbers_is_refused(name, bad):
    good = cases.inputs(name, (1,), np.float64)
    names = operands(name)
    for k in range(OPS[name].nin):
        arrays = [*good[:k], bad, *good[k + 1 :]]
        with pytest.raises(TypeError) as error:
            call(name, arrays)
        assert names[k] in str(error.value)
        assert ("Masked" if isinstance(bad, np.ma.MaskedArray) else str(bad.dtype)) in str(
            error.value
        )


def test_scalars_do_not_upcast_a_batch():
    x = np.ones((3, 4), np.float32)
    for scalar in [1, 1.0, True, np.float64(1), np.array(1.0), np.int64(1), np.float32(1)]:
        assert vae.kl_diag_normal(x, scalar, x, scalar).dtype == np.float32
        assert vae.kl_standard_normal(x.astype(np.float16), scalar).dtype == np.float16
    assert vae.kl_standard_normal(x, x.astype(float)).dtype == np.float64
    assert vae.kl_standard_normal(x, x.astype(np.float16)).dtype == np.float32
    assert (
        vae.kl_standard_normal(x.astype(ml_dtypes.bfloat16), x.astype(np.float16)).dtype
        == np.float32
    )
    assert vae.kl_standard_normal(np.float32(1), 1.0).dtype == np.float32
    assert vae.kl_standard_normal(1.0, 2.0).dtype == np.float64


def test_lists_and_subclasses_are_taken_as_arrays():
    assert vae.kl_standard_normal([1.0, 2.0], [0, 0]) == 2.5
    matrix = np.ones((2, 2)).view(type("Sub", (np.ndarray,), {}))
    assert type(vae.kl_standard_normal(matrix, matrix)) is np.ndarray


# Shapes, axes and out.


@pytest.mark.parametrize("name", [n for n in NAMES if OPS[n].nin > 1])
def test_shapes_that_do_not_broadcast(name):
    arrays = list(map(np.zeros, cases.shapes(name, (2, 3))[0]))
    for k in range(1, OPS[name].nin):
        wrong = np.zeros((5, *arrays[k].shape[1:]))
        with pytest.raises(ValueError, match="shape.*" + re.escape(str(wrong.shape))):
            call(name, [*arrays[:k], wrong, *arrays[k + 1 :]])


@pytest.mark.parametrize("name", ROWS)
def test_axis_out_of_range_or_repeated(name):
    arrays = cases.inputs(name, (2, 3), np.float64)
    for axis in [2, -3, (0, 2), (1, -4)]:
        with pytest.raises(
            ValueError, match=r"axis.*-2 and 1.*got " + str(axis).replace("(", r"\(")[:2]
        ):
            call(name, arrays, axis=axis)
    for axis in [(0, 0), (1, -1)]:
        with pytest.raises(ValueError, match="axis must name each axis once"):
            call(name, arrays, axis=axis)
    for axis in ["0", 1.0, True, [0]]:
        with pytest.raises((TypeError, ValueError), match="axis"):
            call(name, arrays, axis=axis)


def among(outputs, j, out):
    """Return `out` for output j alone."""
    return tuple(out if i == j else None for i in range(outputs)) if outputs > 1 else out


@pytest.mark.parametrize("name", NAMES)
def test_out_that_does_not_fit_is_refused_untouched(name):
    arrays = cases.inputs(name, (2, 3), np.float64)
    shapes = cases.shapes(name, (2, 3))[1]
    for j, shape in enumerate(shapes):
        read_only = np.full(shape, 7.0)
        read_only.flags.writeable = False
        for out, error, said in [
            (np.full((5, *shape), 7.0), ValueError, "shape"),
            (read_only, ValueError, "read-only"),
            (np.full(shape, 7), TypeError, "int64"),
            (np.full(shape, 7j), TypeError, "complex128"),
            (np.ma.array(np.full(shape, 7.0)), TypeError, "MaskedArray"),
            ([7.0] * 2, TypeError, "list"),
            (da.ones(shape), TypeError, "NumPy array"),
        ]:
            with pytest.raises(error, match="out.*" + said):
                call(name, arrays, out=among(len(shapes), j, out))
            assert np.all(np.asarray(out) == np.asarray(out).flat[0])
        good, bad = np.full(shape, 7.0), arrays[0].astype(complex)
        with pytest.raises(TypeError, match="complex"):  # a wrong input leaves `out` unchanged
            call(name, [bad, *arrays[1:]], out=among(len(shapes), j, good))
        assert np.all(good == 7)
    if len(shapes) > 1:
        with pytest.raises(TypeError, match=f"out must be a tuple of {len(shapes)} arrays or None"):
            call(name, arrays, out=np.empty(shapes[0]))


@np.errstate(over="ignore")  # from NumPy's casts
@pytest.mark.parametrize("name", NAMES)
def test_out_of_every_kind_that_fits(name):
    arrays = cases.inputs(name, (4, 3), np.float64)
    results = each(call(name, arrays))
    for j, wanted in enumerate(results):
        for out in [
            np.empty(wanted.shape),
            np.empty(wanted.shape, ">f8"),
            np.empty([2 * n for n in wanted.shape])[(slice(None, None, 2),) * wanted.ndim],
            np.empty(wanted.shape[::-1]).T,
        ]:
            assert each(call(name, arrays, out=among(len(results), j, out)))[j] is out
            np.testing.assert_array_equal(out, wanted)
        for dtype in [np.float32, np.float16, ml_dtypes.bfloat16]:
            out = np.empty(wanted.shape, dtype)
            call(name, arrays, out=among(len(results), j, out))
            np.testing.assert_array_equal(out, wanted.astype(dtype))


def test_outputs_that_share_memory_are_refused():
    x = np.ones((2, 3))
    out = np.empty((2, 3))
    with pytest.raises(ValueError, match="share memory"):
        OPS["vae.kl_standard_normal"].derivative((x, x, 1.0), out=(None, out, out))
    # Two float64 values beside float32 inputs take 16 bytes, of which the gradient shares 8.
    x, memory = np.ones((2, 3), np.float32), np.zeros(32, np.uint8)
    value, gradient = memory[:16].view(np.float64), memory[8:].view(np.float32).reshape(2, 3)
    with pytest.raises(ValueError, match="share memory"):
        OPS["vae.kl_standard_normal"].derivative((x, x, 1.0), out=(value, gradient, None))


def test_wrong_counts():
    with pytest.raises(TypeError):
        vae.kl_standard_normal(np.ones(3))
    with pytest.raises(TypeError, match="expected 2 inputs, got 1"):
        OPS["vae.kl_standard_normal"]((np.ones(3),))


@pytest.mark.parametrize(
    ("f", "count", "said"),
    [
        (vae.kl_standard_normal, 1, "kl_standard_normal: missing a required argument: 'logvar'"),
        (vae.kl_standard_normal, 3, "kl_standard_normal: too many positional arguments, got 3"),
        (flow.affine_coupling, 2, "affine_coupling: missing a required argument: 'shift'"),
        (flow.affine_coupling, 6, "affine_coupling: too many positional arguments, got 6"),
        (flow.actnorm, 1, "actnorm: missing a required argument: 'log_scale'"),
        (partial(flow.exp, inverse=True), 0, "exp: missing a required argument: 'x', got 0"),
        (gan.f_divergence, 1, "f_divergence: missing a required argument: 'kind'"),
    ],
)
def test_wrong_counts_for_a_gradient(f, count, said):
    with pytest.raises(TypeError, match=said):
        fastgen.value_and_grad(f)(*[np.ones(3)] * count)


# Arrays of other libraries.


@pytest.mark.parametrize("name", NAMES)
def test_dask_arrays_stay_lazy_and_agree(name):
    def lazy(arrays):
        return [da.from_array(x, chunks=(2, *x.shape[1:])) for x in arrays]

    arrays = cases.inputs(name, (6, 40), np.float32)
    for result, wanted in zip(
        each(call(name, lazy(arrays))), each(call(name, arrays)), strict=True
    ):
        assert isinstance(result, da.Array)
        np.testing.assert_array_equal(result.compute(), wanted)
    for result in each(call(name, lazy(x.astype(ml_dtypes.bfloat16) for x in arrays))):
        assert result.compute().dtype == ml_dtypes.bfloat16
    for result in each(call(name, lazy(np.ones_like(x, "i1") for x in arrays))):
        assert result.compute().dtype == np.float64
    with pytest.raises(TypeError, match=r"out is for NumPy arrays; got Array of dask"):
        call(name, lazy(arrays), out=among(OPS[name].nout, 0, da.ones(3)))
    if name in ROWS:
        # Or a number for each of the rows, which are now one row.
        message = r"one chunk along axis 0.*rechunk\({0: -1}\)|must broadcast to the shape \(\)"
        with pytest.raises(ValueError, match=message):
            call(name, lazy(arrays), axis=(0, 1))


def test_xarray_needs_apply_ufunc_and_it_is_one_line():
    x = xr.DataArray(np.ones((2, 3)), dims=("batch", "latent"))
    kl = xr.apply_ufunc(vae.kl_standard_normal, x, x * 0, input_core_dims=[["latent"]] * 2)
    np.testing.assert_array_equal(kl, [1.5, 1.5])
    assert isinstance(softplus(x), xr.DataArray)


def test_ufunc_in_place_and_of_any_length():
    ufunc = OPS["elementary.exp"].ufunc
    x = np.linspace(-1, 1, 5000)
    wanted = ufunc(x)
    assert np.array_equal(ufunc(x, out=x), wanted)
    assert np.array_equal(OPS["elementary.total"].ufunc(np.ones((3, 0))), np.zeros(3))
    assert np.array_equal(OPS["elementary.total"].ufunc(np.ones((3, 1))), np.ones(3))


# Derivatives.


def test_gradients_have_the_shape_and_type_of_their_inputs():
    mu, logvar = np.ones((5, 3), np.float32), np.float64(0.5)
    for axis, keepdims in [(-1, False), (0, True), (None, False)]:
        value, pullback = fastgen.vjp(
            vae.kl_standard_normal, mu, logvar, axis=axis, keepdims=keepdims
        )
        for cotangent in [2.0, np.full(np.shape(value), 2.0)]:
            d_mu, d_logvar = pullback(cotangent)
            assert d_mu.dtype == np.float32 and np.array_equal(d_mu, 2 * mu)
            assert d_logvar.dtype == np.float64 and d_logvar.shape == ()
            np.testing.assert_allclose(d_logvar, 15 * np.expm1(0.5), rtol=1e-6)
    row = np.zeros((1, 3))
    d_row = fastgen.value_and_grad(vae.kl_standard_normal, argnums=1)(np.ones((5, 3)), row)[1][0]
    assert d_row.shape == (1, 3)


def test_value_and_grad_computes_what_is_asked_for():
    x = np.ones((2, 3))
    value, (d_logvar,) = fastgen.value_and_grad(vae.kl_standard_normal, argnums=[np.int64(1)])(x, x)
    assert d_logvar.shape == (2, 3) and value.shape == (2,)
    scaled = fastgen.value_and_grad(vae.kl_standard_normal)(x, x, cotangent=np.array([1.0, 3.0]))
    np.testing.assert_array_equal(scaled[1][0], [[1, 1, 1], [3, 3, 3]])
    for bad in [2, -1, (0, 5), "0"]:
        with pytest.raises(ValueError, match="argnums"):
            fastgen.value_and_grad(vae.kl_standard_normal, argnums=bad)
    with pytest.raises(TypeError, match="fastgen function"):
        fastgen.value_and_grad(np.exp)
    with pytest.raises(TypeError, match="fastgen function"):
        fastgen.vjp(lambda x: x, x)
    with pytest.raises(ValueError, match=r"cotangent.*\(4,\)"):
        fastgen.vjp(vae.kl_standard_normal, x, x)[1](np.ones(4))


def test_a_large_sum_is_right_in_float32():
    x = np.full(3_000_000, 0.1, np.float32)
    assert total(x) == np.float32(3_000_000 * float(np.float32(0.1)))
    spread = np.concatenate([x, [1e8, -1e8]]).astype(np.float32)
    assert total(spread) == total(x)


def test_totals_of_blocks_are_added_with_compensation():
    for blocks in [51, 1001]:  # one chunk of a row, and several chunks
        x = np.zeros(blocks * 1024)
        x[::1024] = 1  # each alone would be lost when added to 2^53
        x[0] = 2.0**53
        assert total(x) == 2.0**53 + (blocks - 1)
