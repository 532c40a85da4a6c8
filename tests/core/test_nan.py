"""NaN in, NaN out: every input of every row, beside ordinary and extreme values of the others."""

import itertools

import numpy as np
import pytest

from fastgen import cases
from fastgen._ops import OPS

VALUES = [-np.inf, -1e30, -50.0, -1.0, -0.0, 0.0, 1e-30, 0.5, 1.0, 50.0, 1e30, np.inf]
MASKED = {(0, 1), (1, 0), (1, 1), (2, 0), (2, 1), (3, 0), (3, 1)}
"""A mask keeps elements as they are, and a coupling's log-determinant is that of its scale."""
IGNORED = {
    "diffusion.linear_interpolation": {(2, 1)},  # the velocity is x1 - x0
    "diffusion.noised": {(0, 1), (2, 1), (3, 1)},  # the second result is the noise
    "flow.leaky_relu": {(1, 0), (1, 1)},  # the slope of negative numbers
    "flow.leaky_relu_inverse": {(1, 0), (1, 1)},
    "flow.power": {(0, 1)},  # the exponent 1
    "flow.power_inverse": {(0, 1)},
    "guidance.cfg": {(0, 0)},  # the scale 1 gives cond
    # Equal points have distance 0 at any scale; so a scale of NaN beside one of 0 is not seen.
    "vae.kl_diag_normal_sigma": {(3, 0)},
    "vae.kl_laplace": {(3, 0)},
    "vae.squared_mahalanobis": {(2, 0)},
    "vae.discretized_gaussian_nll": {(2, 0)},
    "vae.sample_diag_normal_with_log_prob": {(0, 1)},  # the density is that of the noise
} | {name: MASKED for name in OPS if "_coupling" in name}
"""Pairs of an input and a result that need not depend on it."""
NAMES = [
    name
    for name in OPS
    if not cases.CASES[name].dims
    and len(cases.signature(name).inputs) <= 4
    and all(len(core) <= 1 for core in cases.signature(name).inputs)
]


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("name", NAMES)
def test_nan_in_nan_out(name, dtype):
    cores = cases.signature(name).inputs
    others = np.array([*itertools.product(VALUES, repeat=len(cores) - 1)])
    for k in range(len(cores)):
        columns = np.insert(others, k, np.nan, axis=1).astype(dtype).T
        inputs = [x[:, None] if core else x for x, core in zip(columns, cores, strict=True)]
        for j, result in enumerate(cases.each(OPS[name](tuple(inputs)))):
            missed = ~np.isnan(result.reshape(len(others), -1)).all(axis=1)
            expected = (k, j) in IGNORED.get(name, ())
            assert expected or not missed.any(), (k, j, columns.T[missed][0].tolist())
