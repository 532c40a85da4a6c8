"""Terms of the variational bound on the likelihood, with a learned variance."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, Literal, NamedTuple

import numpy as np

from fastgen._abstract import Abstract, has_no_values, is_dask
from fastgen._axes import Axes, Labels
from fastgen._compose import DESCRIBE, Composition, Result, composed, computed, lazy
from fastgen._core import empty
from fastgen._messages import check_real
from fastgen._ops import OPS, chosen
from fastgen._pullbacks import as_input, gradients_of
from fastgen._typing import Array, ArrayLike
from fastgen.diffusion import _rows
from fastgen.diffusion.schedule import Schedule

__all__ = ["vlb_terms"]

_transition_kl = OPS["diffusion.transition_kl"]
_decoder_nll = OPS["vae.discretized_gaussian_nll"]

NAMES = ("prediction", "variance", "target", "x0")


class Terms(NamedTuple):
    """The arrays of a call, of one shape, and the numbers of the schedule per sample."""

    arrays: tuple[Any, ...]
    steps: Any
    of_x0: Any  # the error of x0 divided by that of the prediction
    weight: Any
    log_ratio: Any
    log_variance: Any  # of beta_tilde, the smaller variance, clipped
    bits: float  # bits per dimension in one nat per sample


def _terms(inputs: tuple[Any, ...], parameterization: str) -> Terms:
    *given, t, schedule = inputs
    kinds = dict.fromkeys(["epsilon", "x0", "v", "flow"])
    chosen("vlb_terms", "parameterization", kinds, parameterization)
    if np.ndim(given[1]) == 0 and has_no_values(given[1]):
        given[1] = Abstract(np.shape(given[0]), _dtype_of(given[0]))
    elif np.ndim(given[1]) == 0:
        given[1] = np.broadcast_to(np.asarray(given[1], _dtype_of(given[0])), np.shape(given[0]))
    arrays = _rows.common("vlb_terms", NAMES, tuple(given))
    if arrays[0].ndim == 0:
        raise ValueError("vlb_terms: prediction must have the shape (batch, ...), got ()")
    batch = arrays[0].shape[:1]
    if any(map(has_no_values, (*arrays, t))):
        return Terms(arrays, Abstract(batch, np.intp), None, None, None, None, 0.0)
    steps = np.broadcast_to(_rows.steps("vlb_terms", t, schedule), batch)
    a, s = schedule.signal[steps], schedule.sigma[steps]
    if parameterization == "epsilon" and np.any(a == 0):
        raise ValueError(
            f"vlb_terms: epsilon does not determine the data at step {steps[a == 0][0]} of "
            f"{schedule!r}, where there is no signal; predict v"
        )
    of_x0 = {
        "epsilon": lambda: -s / a,
        "x0": lambda: np.ones_like(s),
        "v": lambda: -s / (a * a + s * s),
        "flow": lambda: -s / (a + s),
    }[parameterization]()
    variance = schedule.posterior_variance[steps]
    lacking = (variance == 0) & (steps > 0)
    if np.any(lacking):
        raise ValueError(
            f"vlb_terms: the step before {steps[lacking][0]} of {schedule!r} has no noise"
        )
    weight = (schedule.posterior_mean_coefficients[0][steps] * of_x0) ** 2
    weight /= np.where(steps > 0, variance, 1.0)
    log_variance = schedule.posterior_log_variance_clipped[steps]
    log_ratio = np.log(schedule.betas[steps]) - log_variance
    bits = 1 / (max(1, math.prod(arrays[0].shape[1:])) * math.log(2))
    return Terms(arrays, steps, of_x0, weight, log_ratio, log_variance, bits)


def _dtype_of(x: Any) -> Any:
    dtype = getattr(x, "dtype", np.dtype(np.float64))
    return np.float64 if dtype.kind in "biu" else dtype


def _axes(x: Any) -> tuple[int, ...]:
    return tuple(range(1, x.ndim))


def _spread(c: Any, x: Any) -> Any:
    return c.astype(x.dtype).reshape(c.shape + (1,) * (x.ndim - 1))


def _transition(terms: Terms, rows: Any) -> tuple[Any, ...]:
    """Return the inputs of the divergence, for some samples."""
    prediction, variance, target, _ = (x[rows] for x in terms.arrays)
    computed = _rows.arithmetic(*terms.arrays)[1]
    per_sample = (terms.weight[rows].astype(computed), terms.log_ratio[rows].astype(computed))
    return (prediction, target, variance, *per_sample)


def _decoder(terms: Terms, rows: Any, bins: int) -> tuple[Any, ...]:
    """Return the inputs of the likelihood of the data at step 0, in the type of arithmetic."""
    computed = _rows.arithmetic(*terms.arrays)[1]
    prediction, variance, target, x0 = (x[rows].astype(computed) for x in terms.arrays)
    mean = x0 + _spread(terms.of_x0[rows], x0) * (prediction - target)
    half = 0.5 * _spread(terms.log_variance[rows], x0)
    log_sigma = half + 0.25 * (variance + 1) * _spread(terms.log_ratio[rows], x0)
    return x0, mean, log_sigma, float(bins)


class _Bound(Composition):
    """The terms: the row of the decoder for samples at step 0, else that of the divergence."""

    name = "diffusion.vlb_terms"

    def __init__(
        self, inputs: tuple[Any, ...], schedule: Schedule, parameterization: str, bins: int
    ) -> None:
        self.inputs, self.terms = inputs, _terms((*inputs, schedule), parameterization)
        self.options = (schedule, parameterization, bins)
        self.bins = bins
        self.stored, self.computed = _rows.arithmetic(*self.terms.arrays)
        self.events = _axes(self.terms.arrays[0])

    @property
    def arrays(self) -> tuple[Any, ...]:
        """The inputs: the arrays and the steps."""
        return self.inputs

    def on(self, arrays: tuple[Any, ...]) -> Composition:
        """Return the terms of other arrays and steps."""
        return _Bound(arrays, *self.options)

    def axes(self) -> Axes:
        """Return the axes. Each sample is a part of its own."""
        full: Labels = (0, *[None for _ in self.events])
        *arrays, t = self.inputs
        labels = [full if np.ndim(x) else () for x in arrays]
        labels.append((0,) * np.ndim(t))
        return Axes(tuple(labels), ((0,),))

    def value(self, out: Any = None) -> Any:
        """Return the terms."""
        if any(map(is_dask, self.inputs)):
            return lazy(self, out)
        terms = self.terms
        value, first = np.empty(terms.steps.shape, self.computed), terms.steps == 0
        if not np.any(first):
            _transition_kl(_transition(terms, slice(None)), self.events, False, value)
        else:
            value[first] = _decoder_nll(_decoder(terms, first, self.bins), self.events)
            value[~first] = _transition_kl(_transition(terms, ~first), self.events)
        value *= self.computed.type(terms.bits)
        return value.astype(self.stored, copy=False)

    def gradients(
        self, wanted: Sequence[int], cotangent: Any, with_value: bool
    ) -> tuple[Any, tuple[Any, ...]]:
        """Return the terms, or None without `with_value`, and the gradients of the inputs."""
        terms, computed = self.terms, self.computed
        shape = terms.arrays[0].shape
        value = np.empty(shape[:1], computed)
        gradients = [empty(shape, computed) for _ in range(2)]
        bits = computed.type(terms.bits)
        weights = np.broadcast_to(np.asarray(cotangent, computed) * bits, shape[:1])
        for first in (False, True):
            rows = np.flatnonzero((terms.steps == 0) == first)
            if not rows.size:
                continue
            if first:
                operands = _decoder(terms, rows, self.bins)
                call = (_decoder_nll, [1, 2], operands, weights[rows], True, self.events)
                nats, (by_mean, by_log_sigma) = gradients_of(*call)
                gradients[0][rows] = by_mean * _spread(terms.of_x0[rows], by_mean)
                gradients[1][rows] = by_log_sigma * _spread(0.25 * terms.log_ratio[rows], by_mean)
            else:
                operands = tuple(x.astype(computed, copy=False) for x in _transition(terms, rows))
                call = (_transition_kl, [0, 2], operands, weights[rows], True, self.events)
                nats, (gradients[0][rows], gradients[1][rows]) = gradients_of(*call)
            value[rows] = nats * bits
        found = [
            as_input(gradients[k].astype(self.stored, copy=False), self.inputs[k]) for k in wanted
        ]
        return value.astype(self.stored, copy=False) if with_value else None, tuple(found)

    def results(self) -> tuple[Result, ...]:
        """Return the shape and type of the terms."""
        return (Result(self.terms.steps.shape, self.stored),)


@composed(inputs=2)
def vlb_terms(
    prediction: ArrayLike,
    variance: ArrayLike,
    target: ArrayLike,
    x0: ArrayLike,
    t: ArrayLike,
    schedule: Schedule,
    *,
    parameterization: Literal["epsilon", "x0", "v", "flow"] = "epsilon",
    bins: int = 256,
) -> Array:
    r"""Terms of the variational bound at given steps, in bits per dimension.

    .. math:: L_t = \mathrm{KL}(q(x_{t-1} | x_t, x_0) \,\|\, p_\theta(x_{t-1} | x_t)), \quad
              L_0 = -\log p_\theta(x_0 | x_1)

    where :math:`p_\theta` has the variance
    :math:`\exp(\frac{v + 1}{2} \log \beta_t + \frac{1 - v}{2} \log \tilde\beta_t)`.

    Parameters
    ----------
    prediction : array_like
        The prediction of the network, of shape ``(batch, ...)``.
    variance : array_like or float
        The network's output v for the variance, from -1 for :math:`\tilde\beta_t` to 1 for
        :math:`\beta_t`. A number, such as -1.0 or 1.0, is a fixed variance.
    target : array_like
        The target of the prediction: the noise, the data, or the velocity.
    x0 : array_like
        The data, scaled to [-1, 1].
    t : int or array_like of int
        Steps of the schedule: one for all samples, or one each.
    schedule : Schedule
        The steps.
    parameterization : {"epsilon", "x0", "v", "flow"}, default "epsilon"
        The kind of the prediction, as in `convert`.
    bins : int, default 256
        The number of values that the data can take, for the term of step 0.

    Returns
    -------
    ndarray
        Of shape ``(batch,)``, in bits per dimension.

    Raises
    ------
    ValueError
        If shapes do not fit, `t` lies outside the schedule, or a step has no term, as with epsilon
        where there is no signal.
    TypeError
        If an input is complex, longdouble, object or masked, or `t` is not integer.

    Notes
    -----
    :math:`x_t` has the same coefficient in the means of both transitions, so it cancels, and the
    function does not need it. Divergences come from `transition_kl`. The term of step 0 comes from
    `fastgen.vae.discretized_gaussian_nll`, without approximation. Errors are as there. At step 0
    :math:`\tilde\beta` is that of step 1 instead of 0, as in the code of the paper. `prediction`
    and `variance` have derivatives.

    References
    ----------
    .. [1] Nichol and Dhariwal, "Improved Denoising Diffusion Probabilistic Models", ICML 2021,
       sections 2 and 3.1.

    Examples
    --------
    >>> import numpy as np
    >>> from fastgen.diffusion import Schedule, vlb_terms
    >>> epsilon = noise = x0 = np.zeros((2, 8))
    >>> vlb_terms(epsilon, -1.0, noise, x0, [500, 999], Schedule.linear())
    array([0., 0.])
    """
    check_real("vlb_terms", bins=bins)
    if isinstance(variance, (complex, np.complexfloating)):
        check_real("vlb_terms", variance=variance)
    inputs = (prediction, variance, target, x0, t)
    return computed(_Bound(inputs, schedule, parameterization, bins), DESCRIBE)
