"""The same bits in any floating-point environment of the caller, and for any number of threads."""

import contextlib
import ctypes
import platform
import sys

import numpy as np
import pytest

from fastgen import cases
from fastgen._ops import OPS
from fastgen.cases import each

DEFAULT, FLUSH_TO_ZERO, DENORMALS_ARE_ZERO = 0x1F80, 0x8000, 0x40
ENVIRONMENTS = {
    "flush": DEFAULT | FLUSH_TO_ZERO | DENORMALS_ARE_ZERO,
    "down": DEFAULT | 0x2000,
    "up": DEFAULT | 0x4000,
    "to zero": DEFAULT | 0x6000,
}
MXCSR = 28  # its place in fenv_t of x86-64, in bytes


@contextlib.contextmanager
def environment(control):
    """Set the control register of SSE, as other libraries do, and restore it."""
    libm, before = ctypes.CDLL(None), ctypes.create_string_buffer(64)
    assert libm.fegetenv(before) == 0
    changed = ctypes.create_string_buffer(before.raw, 64)
    changed[MXCSR : MXCSR + 4] = control.to_bytes(4, "little")
    try:
        assert libm.fesetenv(changed) == 0
        yield
        left = ctypes.create_string_buffer(64)
        libm.fegetenv(left)
    finally:
        libm.fesetenv(before)
    control_bits = int.from_bytes(left.raw[MXCSR : MXCSR + 4], "little") & 0xFFC0
    assert control_bits == control & 0xFFC0


def bits(op, arrays):
    """Return the bytes of all results and gradients. All NaNs are equal."""
    found = each(op(arrays))
    if op.derivative is not None:
        found = (*found, *op.derivative((*arrays, *(0.75,) * op.nout)))
    return [np.where(np.isnan(x), np.nan, x).tobytes() for x in found]


def with_subnormals(name, shape, dtype):
    """Return inputs some of whose elements are subnormal, or have subnormal products."""
    inputs, tiny = cases.inputs(name, shape, dtype), np.finfo(dtype).tiny
    for x in inputs:
        flat = x.reshape(-1)
        flat[::7] *= tiny
        flat[::11] *= np.sqrt(tiny)
    return inputs


@pytest.mark.skipif(platform.machine() != "x86_64" or sys.platform != "linux", reason="fenv_t")
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("name", sorted(OPS))
def test_bits_do_not_depend_on_the_environment_of_the_caller(name, dtype):
    with np.errstate(all="ignore"):
        for shape in [(3, 20), (2, 1500)]:
            arrays = with_subnormals(name, shape, dtype)
            wanted = bits(OPS[name], arrays)
            for label, control in ENVIRONMENTS.items():
                with environment(control):
                    got = bits(OPS[name], arrays)
                assert got == wanted, (shape, label)


ONE_OF_EACH_WAY = [
    "elementary.exp",  # plain
    "diffusion.noised",  # plain, with coefficients
    "elementary.norm",  # stages, with a short cut
    "elementary.logsumexp",
    "vae.kl_standard_normal",
    "flow.logabsdet_diagonal",  # logarithms of products
    "guidance.cfg_rescale",
    "flow.slogdet",  # lanes
]


@pytest.mark.parametrize("name", ONE_OF_EACH_WAY)
def test_bits_do_not_depend_on_the_number_of_threads(name, threads):
    for shape in [(9000, 20), (1, 200_001)]:
        arrays = cases.inputs(name, shape, np.float32)
        threads(1)
        wanted = bits(OPS[name], arrays)
        for count in (2, 3, 4, 5, 6, 7, 8, 13, 64):
            threads(count)
            assert bits(OPS[name], arrays) == wanted, (shape, count)
