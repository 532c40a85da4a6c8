"""float16 and bfloat16 as input and output: every bit pattern, and every rounding boundary."""

import ml_dtypes
import numpy as np
import pytest

from fastgen import _core
from fastgen.diffusion import linear_combination
from fastgen.elementary import exp, total

HALVES = [np.float16, ml_dtypes.bfloat16]


def as_sum(x, dtype):
    """Return x after a sum over no axis, stored as dtype: it is rounded from double."""
    return total(x, axis=(), out=np.empty(x.shape, dtype))


def as_elements(x, dtype):
    """Return x after x + 0, stored as dtype: groups of 16 elements, and a remainder."""
    return linear_combination(x, 0.0, 1.0, 0.0, out=np.empty(x.shape, dtype))


WAYS = pytest.mark.parametrize("identity", [as_sum, as_elements])


def patterns(half):
    return np.arange(2**16, dtype=np.uint16).view(half)


@np.errstate(invalid="ignore")  # from casts of NaN by ml_dtypes
@WAYS
@pytest.mark.parametrize("half", HALVES)
def test_every_pattern_is_read_exactly_and_written_back(half, identity):
    x = patterns(half)
    for wide in (np.float32, np.float64):
        got = identity(x, wide)
        wanted = x.astype(wide)
        number = ~np.isnan(wanted)
        assert np.array_equal(np.isnan(got), ~number)
        assert np.array_equal(got[number], wanted[number] + 0.0)  # -0.0 + 0.0 is +0.0
    back = identity(x, half)
    number = ~np.isnan(x.astype(np.float32))
    nonzero = number & (x.astype(np.float32) != 0)
    assert np.array_equal(back[nonzero].view(np.uint16), x[nonzero].view(np.uint16))
    assert np.isnan(back[~number].astype(np.float32)).all()


@np.errstate(over="ignore", invalid="ignore")
@pytest.mark.parametrize("wide", [np.float32, np.float64])
@WAYS
@pytest.mark.parametrize("half", HALVES)
def test_rounding_turns_where_it_should(half, wide, identity):
    x = patterns(half).astype(np.float64)
    x = np.unique(x[np.isfinite(x)])
    middle = ((x[1:] + x[:-1]) / 2).astype(wide)  # exact
    largest = x[-1] + (x[-1] - x[-2]) / 2  # ties go to even: to infinity
    around = [
        f(m)
        for m in (middle, np.array([largest, -largest], wide))
        for f in (
            np.array,
            lambda m: np.nextafter(m, wide(np.inf)),
            lambda m: np.nextafter(m, wide(-np.inf)),
        )
    ]
    numbers = np.concatenate(
        [*around, np.array([np.inf, -np.inf, 1e300, 1e-300, 3e38, 1e-40]).astype(wide)]
    )
    got = identity(numbers, half).astype(np.float64)
    # Round by counting: the nearest of all numbers of the type, with ties to the even pattern.
    steps = np.append(x, np.copysign(2 * largest - x[-1], 1))
    steps = np.insert(steps, 0, -steps[-1])
    exact = numbers.astype(np.float64)
    at = np.clip(np.searchsorted(steps, exact), 1, len(steps) - 1)
    low, high = steps[at - 1], steps[at]
    with np.errstate(invalid="ignore"):
        below, above = exact - low, high - exact
    even_high = (np.where(np.abs(high) > x[-1], 0, high.astype(half).view(np.uint16)) & 1) == 0
    wanted = np.where((above < below) | ((above == below) & even_high), high, low)
    wanted = np.where(np.abs(wanted) > x[-1], np.copysign(np.inf, wanted), wanted)
    wanted = np.where(np.abs(exact) > 2 * largest, np.copysign(np.inf, exact), wanted)
    assert np.array_equal(got, wanted)


@WAYS
def test_double_is_rounded_to_float16_once(identity):
    assert identity(np.array([1 + 2**-11 + 2**-40]), np.float16)[0] == np.float16(1 + 2**-10)


@pytest.mark.parametrize("count", [2**16, 2**16 - 5, 3])
def test_every_instruction_set_converts_to_the_same_bits(count):
    """CPU instructions and integer arithmetic agree. A quiet NaN becomes one NaN of its sign."""
    halves = patterns(np.float16)[-count:]
    singles = np.arange(count, dtype=np.uint32) * np.uint32(65521)  # all exponents
    quiet = np.isnan(singles.view(np.float32)) * np.uint32(1 << 22)
    results = []
    for isa in [name for name, supported in _core.isas() if supported]:
        op = _core.bind(isa)["diffusion.linear_combination"]
        for x in (halves, (singles | quiet).view(np.float32)):
            out = np.empty(x.shape, np.float16)
            results.append(op((x, 0.0, 1.0, 0.0), out=out).view(np.uint16))
    for got, wanted in zip(results[2:], results[:2] * len(results), strict=False):
        np.testing.assert_array_equal(got, wanted)


@WAYS
@pytest.mark.parametrize("half", HALVES)
def test_nan_with_a_full_payload_stays_nan(half, identity):
    payloads = np.array([0x7FFFFFFF, 0xFFFFFFFF, 0x7F800001, 0x7FC00000], np.uint32).view(
        np.float32
    )
    for function in (lambda x: identity(x, half), lambda x: exp(x, out=np.empty(4, half))):
        assert np.isnan(function(payloads).astype(np.float32)).all()
