"""`fastgen.torch`: the values are those of fastgen, to the bit, for every function."""

import ml_dtypes
import numpy as np
import pytest

torch = pytest.importorskip("torch")

from torch_calls import CALLS, IDS, each  # noqa: E402

import fastgen  # noqa: E402
import fastgen.torch  # noqa: E402

kl = fastgen.torch.vae.kl_standard_normal
TYPES = [
    (torch.float64, np.float64),
    (torch.float32, np.float32),
    (torch.float16, np.float16),
    (torch.bfloat16, ml_dtypes.bfloat16),
]


def bits(x):
    """Return a result of either library as integers, and its type."""
    if isinstance(x, torch.Tensor):
        name = str(x.dtype).removeprefix("torch.")
        x = x.detach().contiguous()
        size = x.element_size()
        return name, x.view({2: torch.int16, 4: torch.int32, 8: torch.int64}[size]).numpy()
    x = np.ascontiguousarray(x).reshape(np.shape(x))
    return x.dtype.name, x.view(f"i{x.dtype.itemsize}")


def assert_same(found, wanted):
    assert len(each(found)) == len(each(wanted))
    for a, b in zip(each(found), each(wanted), strict=True):
        (type_a, bits_a), (type_b, bits_b) = bits(a), bits(b)
        assert type_a == type_b
        np.testing.assert_array_equal(bits_a, bits_b)


@pytest.mark.parametrize("types", TYPES, ids=[t[0].__repr__()[6:] for t in TYPES])
@pytest.mark.parametrize("call", CALLS, ids=IDS)
def test_values(call, types):
    of_torch, of_numpy = types
    wanted = call.on_arrays(*call.arrays(of_numpy))
    found = call.on_tensors(*call.tensors(of_torch))
    assert isinstance(found, tuple) == isinstance(wanted, tuple)
    assert_same(found, wanted)
