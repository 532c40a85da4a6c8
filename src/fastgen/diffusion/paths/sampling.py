"""Points on paths and their velocities: the inputs and targets of flow matching."""

from __future__ import annotations

import math
from functools import partial
from typing import Any, Literal

import numpy as np

from fastgen._compose import composed
from fastgen._core import Stream
from fastgen._messages import check_real
from fastgen._ops import OPS, chosen
from fastgen._typing import Array, ArrayLike, OutPair, Rng
from fastgen.diffusion import _rows
from fastgen.diffusion.paths.path import Path, at, refuse_infinite, with_velocity
from fastgen.noise.keys import noise_of

__all__ = ["bridge", "sample"]

_sample = OPS["diffusion.path_point"].called("diffusion.paths.sample")
_bridge = OPS["diffusion.bridge_point"].called("diffusion.paths.bridge")
KINDS = dict.fromkeys(["constant", "brownian"])


@composed(inputs=1, operands=("x1", "noise", "t", "t", "t", "t"))
def sample(
    x1: ArrayLike,
    t: ArrayLike,
    path: Path,
    *,
    noise: ArrayLike | Stream | None = None,
    rng: Rng = None,
    key: int | None = None,
    counter: int = 0,
    out: OutPair = None,
) -> tuple[Array, Array]:
    r"""Points on a path from noise to data, and their velocities: flow matching.

    .. math:: x_t = \alpha_t x_1 + \sigma_t x_0, \qquad
              \dot x_t = \dot\alpha_t x_1 + \dot\sigma_t x_0

    Parameters
    ----------
    x1 : array_like
        Data, such as ``(batch, channels, height, width)``.
    t : float or array_like
        Times from 0, the noise, to 1, the data: one for all samples, or one each, of shape
        ``(batch,)`` or that of any number of leading axes.
    path : Path
        The path, such as ``Linear()``.
    noise : array_like or fastgen.noise.Stream, optional
        The start :math:`x_0` of the paths, of the shape of `x1`: standard normal noise, or anything
        else. By default it is noise, drawn by key and counter.
    {rng_or_noise}
    {key_and_counter_of_noise}
    {outs}

    Returns
    -------
    x_t, velocity : ndarray
        Of the shape of `x1`, in the type of `x1` and `noise`.

    Raises
    ------
    ValueError
        If shapes do not fit, a time lies outside [0, 1] or has an infinite velocity, or the noise
        is given twice.
    TypeError
        If an input is complex, longdouble, object or masked, or `path` is no path.

    Notes
    -----
    One pass over memory gives both. The coefficients are in float64. For float32, float16 and
    bfloat16 data, they are rounded to float32, and the results are computed in float32 and rounded
    once. The error of each is within 2 ULP of the larger of its two terms. `x1` has a derivative;
    `path_point` has those of all its inputs.

    Drawn noise is that of `add_noise`: element `j` of `x1` takes element ``counter + j`` of the
    stream, and ``Stream(key, counter)`` is the same noise again.

    References
    ----------
    .. [1] Lipman et al., "Flow Matching for Generative Modeling", ICLR 2023, eq. 10-11.

    Examples
    --------
    >>> import numpy as np
    >>> from fastgen.diffusion import paths
    >>> data, noise = np.ones((2, 2)), np.zeros((2, 2))
    >>> x_t, velocity = paths.sample(data, np.array([0.25, 0.5]), paths.Linear(), noise=noise)
    >>> x_t, velocity
    (array([[0.25, 0.25],
           [0.5 , 0.5 ]]), array([[1., 1.],
           [1., 1.]]))
    """
    noise = noise_of("paths.sample", noise, rng, key, counter)
    coefficients = at("paths.sample", path, t, with_velocity, 4)
    call = ("paths.sample", ("x1", "noise"), (x1, noise), ("t", t), coefficients)
    return _rows.along_leading(_sample, *call, out)


def _of_bridge(
    t: Any, function: str, path: Path, sigma: float, kind: str
) -> tuple[Any, Any, Any, Any, Any, Any]:
    """Return the coefficients of x0, x1 and the noise, and their derivatives."""
    alpha, of_x0, d_alpha, d_of_x0 = with_velocity(t, function, path)
    if kind == "constant" or sigma == 0:
        s, ds = np.full_like(t, sigma), np.zeros_like(t)
    else:
        root = np.sqrt(t * (1 - t))
        with np.errstate(divide="ignore"):
            s, ds = sigma * root, sigma * (0.5 - t) / root
        refuse_infinite(function, t, (ds,), "the velocity of a Brownian bridge")
    return of_x0, alpha, s, d_of_x0, d_alpha, ds


@composed(inputs=2, operands=("x0", "x1", "noise", "t", "t", "t", "t", "t", "t"))
def bridge(
    x0: ArrayLike,
    x1: ArrayLike,
    t: ArrayLike,
    path: Path,
    *,
    sigma: float,
    kind: Literal["constant", "brownian"] = "constant",
    noise: ArrayLike | Stream | None = None,
    rng: Rng = None,
    key: int | None = None,
    counter: int = 0,
    out: OutPair = None,
) -> tuple[Array, Array]:
    r"""Noisy points on paths between two samples, and their velocities: conditional flow matching.

    .. math:: x_t = \alpha_t x_1 + \sigma_t x_0 + s_t \epsilon, \qquad
              \dot x_t = \dot\alpha_t x_1 + \dot\sigma_t x_0 + \dot s_t \epsilon

    ============== ================================== ==========================================
    ``"constant"`` :math:`s_t = \sigma`               I-CFM, and OT-CFM with `optimal_coupling`
    ``"brownian"`` :math:`s_t = \sigma\sqrt{t(1-t)}`  SB-CFM, the Schrödinger bridge
    ============== ================================== ==========================================

    Parameters
    ----------
    x0, x1 : array_like
        The starts and the ends of the paths, of one shape, such as
        ``(batch, channels, height, width)``.
    t : float or array_like
        Times from 0, where `x0` is, to 1: one for all samples, or one each, of shape ``(batch,)``
        or that of any number of leading axes.
    path : Path
        The path of the mean, such as ``Linear()``.
    sigma : float
        The size :math:`\sigma \ge 0` of the noise.
    kind : {"constant", "brownian"}, default "constant"
        The noise, of the table above.
    noise : array_like or fastgen.noise.Stream, optional
        Standard normal noise :math:`\epsilon`, of the shape of `x1`. By default it is drawn by key
        and counter.
    {rng_or_noise}
    {key_and_counter_of_noise}
    {outs}

    Returns
    -------
    x_t, velocity : ndarray
        Of the shape of `x1`, in the type of `x0`, `x1` and `noise`.

    Raises
    ------
    ValueError
        If shapes do not fit, a time lies outside [0, 1] or has an infinite velocity, `sigma` is
        negative or not finite, `kind` is unknown, or the noise is given twice.
    TypeError
        If an input is complex, longdouble, object or masked, or `path` is no path.

    Notes
    -----
    The velocity of a Brownian bridge is
    :math:`\frac{1 - 2t}{2t(1-t)} (x_t - \mu_t) + \dot\mu_t` with the mean :math:`\mu_t`. It grows
    as :math:`1/\sqrt{t}` and :math:`1/\sqrt{1 - t}`, and has no limit at 0 and 1, which are
    refused. The mean of its square over uniform t is infinite: take times that keep away from the
    ends, or weigh the loss by :math:`t(1-t)`.

    One pass over memory gives both results. The error of each is within 3 ULP of the largest of its
    three terms. `x0` and `x1` have derivatives.

    References
    ----------
    .. [1] Tong et al., "Improving and Generalizing Flow-Based Generative Models with Minibatch
       Optimal Transport", TMLR 2024.

    Examples
    --------
    >>> import numpy as np
    >>> from fastgen.diffusion import paths
    >>> x0, x1 = np.zeros(2), np.ones(2)
    >>> x_t, velocity = paths.bridge(x0, x1, 0.5, paths.Linear(), sigma=0.5, key=1)
    >>> x_t.round(3), velocity
    (array([0.378, 0.702]), array([1., 1.]))
    """
    check_real("bridge", sigma=sigma)
    chosen("bridge", "kind", KINDS, kind)
    if not 0 <= sigma < math.inf:
        raise ValueError(f"bridge: sigma must be >= 0 and finite, got {sigma!r}")
    noise = noise_of("paths.bridge", noise, rng, key, counter)
    found = partial(_of_bridge, sigma=float(sigma), kind=kind)
    coefficients = at("paths.bridge", path, t, found, 6)
    names, inputs = ("x0", "x1", "noise"), (x0, x1, noise)
    call = ("paths.bridge", names, inputs, ("t", t), coefficients)
    return _rows.along_leading(_bridge, *call, out)
