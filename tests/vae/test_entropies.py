"""Cross-entropy of labels and entropy of classes."""

import dask.array as da
import ml_dtypes
import mpmath
import numpy as np
import pytest

import fastgen
from fastgen.vae import categorical_entropy, cross_entropy

DTYPES = [np.float16, ml_dtypes.bfloat16, np.float32, np.float64]
ROWS = np.array(
    [
        [0.5, -1.25, 3.0, 0.0],
        [60.0, 0.0, -1.0, 2.0],
        [0.0, 0.0, 0.0, 0.0],
        [-200.0, 200.0, 199.5, 0.0],
        [1000.0, 1001.0, 999.0, 1000.5],
        [0.25, 0.25, -30.0, -31.0],
    ]
)


def softmax(row):
    total = mpmath.fsum(mpmath.exp(mpmath.mpf(float(v))) for v in row)
    return [mpmath.exp(mpmath.mpf(float(v))) / total for v in row]


def near(got, wanted, scale, dtype):
    """Within the rounding of the type, and 2^-49 of the size of the terms."""
    size = max(abs(wanted), scale)
    limit = float(ml_dtypes.finfo(dtype).eps) * abs(wanted) + 2.0**-49 * size
    return abs(mpmath.mpf(float(got)) - wanted) <= limit + float(ml_dtypes.finfo(dtype).tiny)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("smoothing", [0.0, 0.125, 1.0])
def test_cross_entropy(dtype, smoothing):
    logits = ROWS.astype(dtype)
    with mpmath.workprec(900):
        for label in range(4):
            labels = np.full(len(logits), label)
            call = fastgen.value_and_grad(cross_entropy)
            value, (slope,) = call(logits, labels, smoothing=smoothing, cotangent=0.5)
            assert value.dtype == slope.dtype == dtype
            for row, v, d in zip(logits, value, slope, strict=True):
                p = softmax(row)
                target = [
                    mpmath.mpf(smoothing) / 4 + (1 - smoothing) * (k == label) for k in range(4)
                ]
                wanted = -mpmath.fsum(
                    t * mpmath.log(q) for t, q in zip(target, p, strict=True) if t
                )
                apart = float(max(row) - min(row))
                scale = apart if smoothing else wanted * max(1.0, apart)
                assert near(v, wanted, scale, dtype)
                for k in range(4):
                    by = (p[k] - target[k]) / 2
                    scale = max(p[k], target[k]) if smoothing else abs(by)
                    assert near(d[k], by, scale * max(1.0, apart), dtype)


@pytest.mark.parametrize("dtype", DTYPES)
def test_entropy(dtype):
    logits = ROWS.astype(dtype)
    value, (slope,) = fastgen.value_and_grad(categorical_entropy)(logits)
    assert value.dtype == slope.dtype == dtype
    with mpmath.workprec(900):
        for row, v, d in zip(logits, value, slope, strict=True):
            p, apart = softmax(row), max(1.0, float(max(row) - min(row)))
            wanted = -mpmath.fsum(q * mpmath.log(q) for q in p)
            assert near(v, wanted, wanted * apart, dtype)
            for k in range(4):
                by = -p[k] * (mpmath.log(p[k]) + wanted)
                top = row[k] == max(row)
                scale = abs(by) if top else p[k] * apart
                assert near(d[k], by, max(scale * apart, abs(by)), dtype)


def test_special_values():
    inf, nan = np.inf, np.nan
    logits = np.array([[0, -inf, 0], [-inf, 0, -inf], [nan, 0, 0], [-inf, -inf, -inf], [0, inf, 0]])
    value, (slope,) = fastgen.value_and_grad(cross_entropy)(logits, [0, 1, 0, 0, 0])
    np.testing.assert_array_equal(value, [np.log(2), 0, nan, nan, inf])
    np.testing.assert_array_equal(slope[:2], [[-0.5, 0, 0.5], [0, 0, 0]])
    assert cross_entropy(logits[1], 0) == inf
    assert cross_entropy([[3.0], [-5.0]], [0, 0]).tolist() == [0, 0]
    value, (slope,) = fastgen.value_and_grad(cross_entropy)(logits, [9] * 5, ignored=9)
    assert not np.any(value) and not np.any(slope)
    value, (slope,) = fastgen.value_and_grad(categorical_entropy)(logits[:3])
    np.testing.assert_array_equal(value, [np.log(2), 0, nan])
    assert not np.any(slope[:2])
    assert cross_entropy(np.zeros((0, 3)), np.zeros(0, int)).shape == (0,)


def test_rows_of_any_layout_and_blocks(rng):
    logits, labels = 4 * rng.normal(size=(3, 700, 90)), rng.integers(-1, 90, size=(3, 700))
    options = {"smoothing": 0.1, "ignored": -1}
    call = fastgen.value_and_grad(cross_entropy)
    value, (slope,) = call(logits, labels, cotangent=labels * 1.0, **options)
    again, (same,) = call(np.asfortranarray(logits), labels, cotangent=labels * 1.0, **options)
    np.testing.assert_array_equal(value, again)
    np.testing.assert_array_equal(slope, same)
    np.testing.assert_array_equal(
        value[1, 5:6], cross_entropy(logits[1, 5:6], labels[1, 5:6], **options)
    )
    assert not np.any(value[labels == -1]) and not np.any(slope[labels == -1])
    lazy = da.from_array(logits, chunks=(2, 300, 90))
    given = da.from_array(labels, chunks=(2, 300))
    np.testing.assert_array_equal(cross_entropy(lazy, given, **options).compute(), value)
    np.testing.assert_array_equal(categorical_entropy(lazy).compute(), categorical_entropy(logits))


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda x: cross_entropy(x, [0]), ValueError, r"labels must have the shape \(2,\)"),
        (lambda x: cross_entropy(x, [0, 3]), ValueError, "labels must lie in 0 to 2$"),
        (lambda x: cross_entropy(x, [0, -1], ignored=-100), ValueError, "or be ignored=-100"),
        (lambda x: cross_entropy(x, [0.0, 1.0]), TypeError, "labels must be integers"),
        (lambda x: cross_entropy(x, [0, 1], smoothing=1.5), ValueError, "smoothing must lie in"),
        (lambda x: cross_entropy(x * 1j, [0, 1]), TypeError, "cross_entropy: logits must hold"),
        (lambda x: categorical_entropy(x[:, :0]), ValueError, "at least one class"),
        (lambda x: categorical_entropy(np.ma.array(x)), TypeError, "without a mask"),
    ],
)
def test_errors(call, error, message):
    with pytest.raises(error, match=message):
        call(np.zeros((2, 3)))
