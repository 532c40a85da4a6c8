"""`Op.shapes` and `Op.dtype` say what a result will be, without computing it."""

import ml_dtypes
import numpy as np
import pytest

from fastgen import cases, noise
from fastgen._ops import OPS
from fastgen.cases import each

NAMES = sorted(OPS)
ROWS = [name for name in NAMES if cases.signature(name).has_rows]


def assert_said(op, inputs, **options):
    """What is said of arrays, of their shapes alone, and what comes."""
    results = [np.asarray(result) for result in each(op(inputs, **options))]
    shapes = tuple(result.shape for result in results)
    assert op.shapes(inputs, **options) == shapes
    assert op.shapes(tuple(map(np.shape, inputs)), **options) == shapes
    assert {op.dtype(inputs)} == {result.dtype for result in results}


@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.float16, ml_dtypes.bfloat16])
@pytest.mark.parametrize("name", NAMES)
def test_of_every_operation_and_its_derivative(name, dtype):
    inputs = tuple(cases.inputs(name, (4, 3), dtype))
    assert_said(OPS[name], inputs)
    if OPS[name].derivative:
        cotangents = [np.ones(shape) for shape in OPS[name].shapes(inputs)]
        assert_said(OPS[name].derivative, (*inputs, *cotangents))
        if OPS[name].shapes(inputs)[0]:  # a number does not decide the dtype, nor the shape
            numbers = [1.0] * len(cotangents)
            assert_said(OPS[name].derivative, (*inputs, *numbers))


@pytest.mark.parametrize("name", ROWS)
def test_of_other_axes(name):
    op, inputs = OPS[name], [np.ones((2, 3, 4))] * OPS[name].nin
    for k, core in enumerate(op.signature.partition("->")[0].split("),(")):
        if "n" not in core:
            inputs[k] = 1.0
    for axis in [0, 1, -1, (0, 2), (2, 1, 0), None, ()]:
        for keepdims in [False, True]:
            assert_said(op, tuple(inputs), axis=axis, keepdims=keepdims)


def test_wrong_shapes_are_refused_as_in_a_call():
    kl, slogdet = OPS["vae.kl_standard_normal"], OPS["flow.slogdet"]
    for op, shapes, options in [
        (kl, ((2, 3), (4,)), {}),
        (kl, ((2, 3), (2, 3)), {"axis": 2}),
        (kl, ((2, 3), (2, 3)), {"axis": (1, -1)}),
        (kl, ((2, 3), (2, 3)), {"axis": "0"}),
        (kl, ((2, 3),), {}),
        (OPS["vae.mixture_log_prob"], ((3,), (2, 4), (2, 4)), {}),
        (slogdet, ((2, 3),), {}),
        (slogdet.derivative, ((2, 3, 3), (4,), (2,)), {}),
    ]:
        errors = []
        for inputs in (shapes, tuple(map(np.ones, shapes))):
            with pytest.raises((ValueError, TypeError)) as error:
                (op.shapes if inputs is shapes else op)(inputs, **options)
            errors.append((type(error.value), str(error.value)))
        assert errors[0] == errors[1]


def test_a_stream_takes_the_shape_of_the_others():
    op, stream = OPS["vae.gaussian_nll"], noise.Stream(1)
    inputs = (stream, np.ones((2, 3), np.float32), 0.0)
    assert op.shapes(inputs) == ((2,),) and op.dtype(inputs) == np.float32
    assert op.shapes((stream, (2, 3), ()), axis=0) == ((3,),)


def test_the_dtype_of_what_only_has_a_dtype():
    class Abstract:
        dtype, ndim, shape = np.dtype(np.float32), 2, (2, 3)

    op = OPS["vae.kl_standard_normal"]
    assert op.dtype((Abstract(), 1.0)) == np.float32
    assert op.shapes((Abstract(), ()), axis=0) == ((3,),)
