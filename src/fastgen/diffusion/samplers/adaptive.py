"""DPM-Solver++ with steps as long as a tolerance allows."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np

from fastgen.diffusion.samplers import _checks, _grid
from fastgen.diffusion.samplers._coefficients import PREDICTIONS
from fastgen.diffusion.samplers._embedded import Denoiser, Levels, combined, pair
from fastgen.diffusion.samplers._spacing import FINAL_SIGMAS
from fastgen.diffusion.samplers.loop import start_noise
from fastgen.diffusion.schedule import Schedule
from fastgen.elementary import squared_norm

__all__ = ["AdaptiveRun", "sample_adaptive"]

Array = np.ndarray[Any, np.dtype[Any]]
NAME = "sample_adaptive"
LITTLE_SIGNAL = 2.0**12  # sigma / alpha after the first step of a run from no signal


class AdaptiveRun(NamedTuple):
    """The samples, and how many evaluations and steps they took."""

    samples: Array
    """The samples, ``(batch, ...)``."""
    evaluations: int
    """The number of calls of the model."""
    accepted: Array
    """The number of steps of each sample, int64 of shape ``(batch,)``."""
    rejected: Array
    """The number of tries of each sample that were not accurate enough, ``(batch,)``."""


def sample_adaptive(
    model: Callable[[Array, Array], Any],
    schedule: Schedule,
    shape: tuple[int, ...],
    *,
    key: int,
    prediction: str = "epsilon",
    order: int = 3,
    rtol: float = 0.05,
    atol: float = 0.0078,
    first_step: float = 0.05,
    pid: Sequence[float] = (0.0, 1.0, 0.0),
    safety: float = 0.81,
    final_sigma: str = "zero",
    clip: float | None = None,
    max_evaluations: int = 1000,
    dtype: Any = np.float32,
    first: int = 0,
) -> AdaptiveRun:
    r"""Draw samples by DPM-Solver++ with adaptive steps: their error is kept below a tolerance.

    .. math:: E^2 = \frac1n \sum_k \left( \frac{y_k - \tilde y_k}{\max(a, r |x_k|, r |y_k|)}
              \right)^2

    where y and its estimate of one order less, from the same evaluations, are the ends of a step
    from x, with :math:`r` = `rtol` and :math:`a` = `atol`. A step with a large E is tried again and
    is shorter. A PID controller chooses the next step. Each sample has its own steps, so it does
    not depend on the others of the batch.

    Parameters
    ----------
    model : function
        ``model(x, t)`` gives the prediction for all samples ``x``, ``(batch, ...)``, at the
        timesteps ``t``, float64 of shape ``(batch,)``. These are as those of a sampler: steps of a
        variance-preserving schedule, which may lie between two; else functions of sigma. A model
        under guidance gives the guided prediction.
    schedule : Schedule
        The schedule that the model was trained on.
    shape : tuple of int
        ``(batch, ...)``.
    key : int
        The key of the start's noise, as in `sample`.
    prediction : {"epsilon", "x0", "v", "score", "flow"}, default "epsilon"
        What the model predicts.
    order : {2, 3}, default 3
        The order, and the number of evaluations in a try.
    rtol, atol : float, default 0.05 and 0.0078
        The relative and the absolute tolerance of a step. The defaults are for pixels from -1 to 1.
    first_step : float, default 0.05
        The length of the first try, in log(alpha / sigma).
    pid : (float, float, float), default (0, 1, 0)
        The coefficients of the controller: proportional, integral, derivative. They are divided by
        the order.
    safety : float, default 0.81
        A try is accepted if the controller would shorten it to no less than this share.
    final_sigma : {"zero", "min"}, default "zero"
        Where to end: at clean data, by one evaluation more, or at the first step of the schedule
        with noise.
    clip : float, optional
        Clip the predicted x0 to [-clip, clip].
    max_evaluations : int, default 1000
        The number of calls of the model at which the run is given up.
    dtype : {float32, float64}, default float32
        The type of the samples. Half precision is too coarse for estimates of the error.
    first : int, default 0
        The number of the batch's first sample, as in `sample`.

    Returns
    -------
    AdaptiveRun
        `samples`; `evaluations`, the calls of the model; `accepted` and `rejected`, the numbers of
        tries of each sample.

    Raises
    ------
    ValueError
        If an option is out of range; if a prediction is not finite, has another shape, or does not
        determine x0; or if `max_evaluations` do not suffice.

    Notes
    -----
    There is no noise besides that of the start. On a schedule that starts without signal, the
    first step goes to sigma / alpha = 4096, without an estimate of its error, which is of the order
    of 1 / 4096^2.

    The model is called with the whole batch until all samples have ended. Those that have ended
    stay at the last timestep.

    It has no derivative: a run calls the user's model.

    References
    ----------
    .. [1] Lu et al., "DPM-Solver: A Fast ODE Solver for Diffusion Probabilistic Model Sampling in
       Around 10 Steps", NeurIPS 2022: DPM-Solver-12 and DPM-Solver-23, here with predictions of x0.
    .. [2] Jolicoeur-Martineau et al., "Gotta Go Fast When Generating Data with Score-Based Models",
       2021: steps of each sample, and the mixed tolerance.
    .. [3] Soderlind, "Digital Filters in Adaptive Time-Stepping", ACM Transactions on Mathematical
       Software 29, 2003; Crowson, "k-diffusion", 2022, `sample_dpm_adaptive`, whose limiter and
       defaults these are.

    Examples
    --------
    >>> import numpy as np
    >>> from fastgen.diffusion import Schedule
    >>> from fastgen.diffusion.samplers import sample_adaptive
    >>> schedule = Schedule.vp().in_steps()
    >>> def model(x, t):  # exact where the data are normal with mean 3 and deviation 2
    ...     alpha, sigma = (c[:, None] for c in schedule.coefficients(t))
    ...     return sigma * (x - 3 * alpha) / (4 * alpha**2 + sigma**2)
    >>> run = sample_adaptive(model, schedule, (4000, 2), key=0, rtol=1e-3, atol=1e-3)
    >>> round(float(run.samples.mean()), 1), round(float(run.samples.std()), 1)
    (3.0, 2.0)
    """
    _check(schedule, prediction, final_sigma, clip)
    order = _checks.check_order(NAME, (2, 3), order)
    rtol = _checks.check_number(NAME, "rtol", rtol)
    atol = _checks.check_positive(NAME, "atol", atol)
    controller = _Controller(order, pid, _checks.check_number(NAME, "safety", safety, 0.01, 1))
    most = _checks.check_int(NAME, "max_evaluations", max_evaluations)
    h = np.full(shape[:1], _checks.check_positive(NAME, "first_step", first_step))
    if np.dtype(dtype) not in (np.float32, np.float64):
        raise ValueError(f"{NAME}: dtype must be float32 or float64, got {np.dtype(dtype)}")
    denoise = Denoiser(model, prediction, math.inf if clip is None else float(clip))
    x, log_rho, end = _begin(denoise, schedule, start_noise(NAME, shape, key, dtype, first))
    x0: Array | None = None
    accepted, rejected = np.zeros((2, len(x)), np.int64)
    while np.any(active := log_rho > end):
        x0 = denoise(x, Levels(schedule, log_rho)) if x0 is None else x0
        last = log_rho - h <= end
        tried = np.where(last, log_rho - end, h)
        low, high = pair(denoise, schedule, order, x, log_rho, tried, x0)
        good, factor = controller(_error(x, low, high, rtol, atol), active)
        moved = good & active
        x = np.where(_spread(moved, x), high, x)
        log_rho = np.where(moved, np.where(last, end, log_rho - h), log_rho)
        h = np.where(active, np.where(good & last, h, tried * factor), h)
        x0 = None if moved.any() else x0
        accepted += moved
        rejected += active & ~good
        if denoise.calls >= most and np.any(log_rho > end):
            raise ValueError(
                f"{NAME}: max_evaluations={most} must suffice, but {np.sum(log_rho > end)} of "
                f"{len(x)} samples have not ended; use a larger rtol, atol or max_evaluations"
            )
    if final_sigma == "zero":
        x = denoise(x, Levels(schedule, log_rho))
    return AdaptiveRun(x, denoise.calls, accepted, rejected)


def _check(schedule: Any, prediction: str, final_sigma: str, clip: float | None) -> None:
    """Raise if an option of the path is wrong."""
    if not isinstance(schedule, Schedule):
        raise TypeError(f"{NAME}: schedule must be a fastgen.diffusion.Schedule, got {schedule!r}")
    _checks.check_choice(NAME, "prediction", PREDICTIONS, prediction)
    _checks.check_choice(NAME, "final_sigma", FINAL_SIGMAS, final_sigma)
    _checks.check_limits(NAME, clip, None, math.inf)
    low, high = _grid.usable(schedule)
    silent, ratio = schedule.signal[high] == 0, schedule.sigma_over_signal[low]
    if high == low or ratio >= LITTLE_SIGNAL:
        raise ValueError(
            f"{NAME}: schedule must have 2 steps with noise, and signal at the first of these; got "
            f"{schedule!r}"
        )
    if silent and prediction in ("epsilon", "score"):
        raise ValueError(
            f"{NAME}: the schedule starts without signal, where {prediction} does not determine "
            'x0; use a model with prediction="v", "flow" or "x0"'
        )


def _begin(denoise: Denoiser, schedule: Schedule, z: Array) -> tuple[Array, Array, float]:
    """Return the samples and their log(sigma / alpha) at the start, and that of the end."""
    low, high = _grid.usable(schedule)
    alpha, sigma = float(schedule.signal[high]), float(schedule.sigma[high])
    preserving = schedule.form == _grid.VARIANCE_PRESERVING
    x = np.multiply(z, math.hypot(alpha, sigma) if preserving else sigma, dtype=z.dtype)
    ratio = LITTLE_SIGNAL if alpha == 0 else sigma / alpha
    log_rho = np.full(len(x), math.log(ratio))
    if alpha == 0:
        told = len(schedule) * sigma if schedule.form == _grid.FLOW else float(high)
        x0 = denoise.at(x, *(np.full(len(x), c) for c in (alpha, sigma, told)))
        after = Levels(schedule, log_rho)
        x = combined(x, x0, x0, (after.sigma / sigma, after.alpha, 0.0))
    return x, log_rho, math.log(schedule.sigma_over_signal[low])


def _error(x: Array, low: Array, high: Array, rtol: float, atol: float) -> Array:
    """Return E of each sample. It is infinite where a sample overflows."""
    size = np.maximum(atol, rtol * np.maximum(np.abs(x), np.abs(high)))
    with np.errstate(invalid="ignore", over="ignore"):
        ratio = ((high - low) / size).reshape(len(x), -1)
        error = np.sqrt(np.asarray(squared_norm(ratio), np.float64) / max(ratio.shape[1], 1))
    return np.where(np.isfinite(error), error, np.inf)


def _spread(of_each: Array, x: Array) -> Array:
    """Return an array of one entry per sample that broadcasts to x."""
    return of_each.reshape(-1, *[1] * (x.ndim - 1))


class _Controller:
    """The PID controller of the lengths of steps, with the latest errors of each sample."""

    def __init__(self, order: int, pid: Sequence[float], safety: float) -> None:
        if len(pid) != 3:
            raise ValueError(f"{NAME}: pid must hold 3 numbers, got {pid!r}")
        p, i, d = (_checks.check_number(NAME, "pid", c) for c in pid)
        if p + i + d == 0:
            raise ValueError(f"{NAME}: pid must hold a positive number, got {pid!r}")
        self.powers = (p + i + d) / order, -(p + 2 * d) / order, d / order
        self.safety = safety
        self.inverses: Array | None = None

    def __call__(self, error: Array, active: Array) -> tuple[Array, Array]:
        """Return which tries are accepted, and the factors of the next lengths."""
        inverse = 1 / (error + 1e-8)
        if self.inverses is None:
            self.inverses = np.stack([inverse] * 3)
        latest = np.stack([inverse, *self.inverses[1:]])
        with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
            power = np.prod([e**b for e, b in zip(latest, self.powers, strict=True) if b], axis=0)
        factor = 1 + np.arctan(np.where(error < np.inf, power, 0.0) - 1)
        good: Array = factor >= self.safety
        shifted = np.stack([inverse, inverse, latest[1]])
        self.inverses = np.where(good & active, shifted, self.inverses)
        return good, factor
