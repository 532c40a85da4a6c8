"""The distribution of a step for dask arrays: lazy, the results of the whole, and pickled."""

import itertools
import pickle

import dask.array as da
import numpy as np
import pytest

from fastgen.cases import each
from fastgen.diffusion import Schedule, samplers

L = Schedule.linear(100)
SAMPLERS = {
    "DDIM": samplers.DDIM(L, 10, eta=1.0),
    "learned": samplers.DDPM(L, 10, variance="learned_range"),
    "threshold": samplers.DDPM(L, 10, threshold=0.9),
    "EulerAncestral": samplers.EulerAncestral(L, 10),
}
STEPS = np.array([1, 4, 3, 1, 2, 2, 5])
CHUNKS = (3, 1, 2, 1)


def normals(seed, *shape):
    return np.random.default_rng(seed).normal(size=shape).astype(np.float32)


X, NEXT, WEIGHTS = normals(1, 7, 2, 3), normals(2, 7, 2, 3), normals(3, 7)


def in_chunks(x):
    return da.from_array(x, chunks=(CHUNKS, *x.shape[1:])) if np.ndim(x) else x


def arrays(name):
    return X, normals(4, 7, 4, 3) if name == "learned" else normals(4, 7, 2, 3)


def agree(lazy, wanted):
    for got, expected in zip(each(lazy), each(wanted), strict=True):
        if not isinstance(got, da.Array):
            assert np.ndim(expected) == 0  # a deviation, which is known at once
            assert got == expected
            continue
        assert (got.shape, got.dtype) == (np.shape(expected), np.asarray(expected).dtype)
        copied = pickle.loads(pickle.dumps(got))
        np.testing.assert_array_equal(copied.compute(scheduler="synchronous"), expected)


@pytest.mark.parametrize("name", SAMPLERS)
@pytest.mark.parametrize("i", [3, STEPS, in_chunks(STEPS)], ids=["one", "each", "lazy"])
def test_it_is_that_of_the_whole(name, i):
    sampler, (x, prediction) = SAMPLERS[name], arrays(name)
    whole = STEPS if np.ndim(i) else i
    lazy = in_chunks(x), in_chunks(prediction)
    agree(sampler.mean_and_std(*lazy, i), sampler.mean_and_std(x, prediction, whole))
    for reduction, axis in itertools.product(("sum", "mean"), (None, 2)):
        options = {"reduction": reduction, "axis": axis}
        agree(
            sampler.log_prob(*lazy, NEXT, i, **options),
            sampler.log_prob(x, prediction, NEXT, whole, **options),
        )
        if name == "threshold" or axis == 2:
            continue
        for c in (1.5, WEIGHTS):
            agree(
                sampler.log_prob_and_grad(*lazy, NEXT, i, cotangent=in_chunks(c), **options),
                sampler.log_prob_and_grad(x, prediction, NEXT, whole, cotangent=c, **options),
            )


def test_which_array_is_lazy_makes_no_difference():
    sampler = SAMPLERS["DDIM"]
    wanted = sampler.log_prob_and_grad(X, X, NEXT, STEPS, cotangent=WEIGHTS)
    given = [X, X, NEXT, STEPS, WEIGHTS]
    for k in range(5):
        *others, c = [in_chunks(a) if j == k else a for j, a in enumerate(given)]
        agree(sampler.log_prob_and_grad(*others, cotangent=c), wanted)
    summed = sampler.log_prob(X, X, NEXT, 3, axis=(0, 1, 2))
    agree(sampler.log_prob(da.from_array(X, chunks=-1), X, NEXT, 3, axis=(0, 1, 2)), summed)


def test_states_and_errors():
    sampler, x = SAMPLERS["DDIM"], in_chunks(X)
    agree(sampler.log_prob(x, x, NEXT, 3, state=sampler.state()), sampler.log_prob(X, X, NEXT, 3))
    full = sampler.state()
    full.history = (X,)
    for error, message, call in (
        (TypeError, "a state with memories", lambda: sampler.log_prob(x, x, x, 3, state=full)),
        (ValueError, "prediction must have the shape", lambda: sampler.log_prob(x, x[:3], x, 3)),
        (
            ValueError,
            "prediction must have the shape",
            lambda: sampler.mean_and_std(x, x[:, 1:], 3),
        ),
        (ValueError, "next_x must have the shape", lambda: sampler.log_prob(x, x, NEXT[:3], 3)),
        (ValueError, "step 9 adds no noise", lambda: sampler.log_prob(x, x, x, 9)),
        (ValueError, "i must be an int or of shape", lambda: sampler.log_prob(x, x, x, STEPS[:3])),
        (ValueError, "i must lie between", lambda: sampler.mean_and_std(x, x, 10)),
        (TypeError, "i must be the number", lambda: sampler.mean_and_std(x, x, 0.5)),
        (ValueError, r"rechunk\({0: -1}\)", lambda: sampler.log_prob(x, x, x, 3, axis=0)),
        (ValueError, r"rechunk\({1: -1}\)", lambda: sampler.mean_and_std(x.rechunk(1), x, 3)),
        (ValueError, "axis must lie", lambda: sampler.log_prob(x, x, x, 3, axis=3)),
        (ValueError, "reduction", lambda: sampler.log_prob(x, x, x, 3, reduction="none")),
        (ValueError, "compute_chunk_sizes", lambda: sampler.mean_and_std(x[x[:, 0, 0] > 0], X, 3)),
        (
            ValueError,
            "cotangent must broadcast",
            lambda: sampler.log_prob_and_grad(x, x, x, 3, cotangent=WEIGHTS[:3]),
        ),
        (
            ValueError,
            "no threshold",
            lambda: SAMPLERS["threshold"].log_prob_and_grad(x, x, x, 3),
        ),
    ):
        with pytest.raises(error, match=message):
            call()
    late = sampler.log_prob(x, x, NEXT, da.from_array(STEPS + 4, chunks=(CHUNKS,)))
    with pytest.raises(ValueError, match="step 9 adds no noise"):
        late.compute(scheduler="synchronous")
