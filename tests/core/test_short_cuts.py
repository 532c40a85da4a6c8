"""A short cut gives the bits of the stages that it saves, and rows that it can't serve take those.

The norm of rows that are powers of 2 apart: their norms are so too, to the last bit, whether the
short cut serves a row, its neighbours, both or none.
"""

import numpy as np
import pytest

import fastgen
from fastgen.cases import inputs


@pytest.mark.parametrize("axis", [-1, 0])
@pytest.mark.parametrize("n", [20, 384, 2500])
@pytest.mark.parametrize(("dtype", "most"), [("float32", 100), ("float64", 900)])
def test_norms_of_rows_that_are_powers_of_2_apart(dtype, most, n, axis):
    (x,) = inputs("elementary.norm", (1, n), dtype)
    power = 2.0 ** np.array([*range(-most, most + 1, 10), *range(-70, 71)], dtype)[:, None]
    norm, (unit,) = fastgen.value_and_grad(fastgen.elementary.norm)(x)
    for powers in (power, np.ones_like(power), np.sort(power, axis=0)):
        rows = np.ascontiguousarray(np.moveaxis(x * powers, -1, axis))
        found, (gradient,) = fastgen.value_and_grad(fastgen.elementary.norm)(rows, axis=axis)
        assert np.array_equal(found, norm * powers[:, 0])
        assert np.array_equal(
            np.moveaxis(gradient, axis, -1), np.broadcast_to(unit, x.shape) * np.ones_like(powers)
        )
        assert np.array_equal(fastgen.elementary.norm(rows, axis=axis), found)


@pytest.mark.parametrize("n", [20, 384, 2500])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_a_row_of_log_weights_has_its_bits_beside_others(dtype, n):
    """The short cut of iwae_bound serves a tile, or not: a row of small spread decides for all."""
    (w,) = inputs("vae.iwae_bound", (1, n), dtype)
    spread = np.array([0.01, 5, 0, 1, 0.5, 20], dtype)[:, None]
    both = fastgen.value_and_grad(fastgen.vae.iwae_bound)
    value, (gradient,) = both(spread * w)
    for k in range(len(spread)):
        alone, (of_alone,) = both(spread[k : k + 1] * w)
        assert np.array_equal(value[k : k + 1], alone)
        assert np.array_equal(gradient[k : k + 1], of_alone)
