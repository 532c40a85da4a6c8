"""Noise schedules: the share of data and of noise at each step."""

from __future__ import annotations

import math
from functools import partial
from typing import Any, Self

import numpy as np

from fastgen import _extras
from fastgen.diffusion._discrete import (
    DiscreteSchedules,
    cosine_betas,
    cosine_path,
    cosine_variances,
    number_of_steps,
    steps_in_time,
)
from fastgen.diffusion._tables import (
    FLOW,
    TIME,
    VARIANCE_EXPLODING,
    VARIANCE_PRESERVING,
    Array,
    previous,
)

__all__ = ["Schedule"]


def vp_exponent(t: Array, beta_min: float, beta_max: float) -> Array:
    """Return the integral of beta from 0 to t."""
    return t * (beta_min + t * (beta_max - beta_min) / 2)


def vp_path(t: Array, beta_min: float, beta_max: float) -> tuple[Array, Array]:
    """Return the coefficients of the variance-preserving SDE."""
    exponent = vp_exponent(t, beta_min, beta_max)
    return np.sqrt(np.exp(-exponent)), np.sqrt(-np.expm1(-exponent))


def flow_path(t: Array, shift: float) -> tuple[Array, Array]:
    """Return the coefficients of the straight path to noise, at a shifted time."""
    shifted = 1 + (shift - 1) * t
    return (1 - t) / shifted, shift * t / shifted


def karras_path(t: Array, sigma_min: float, sigma_max: float, rho: float) -> tuple[Array, Array]:
    """Return the coefficients with sigma^(1 / rho) linear in time."""
    low, high = sigma_min ** (1 / rho), sigma_max ** (1 / rho)
    sigma = np.where(t == 1, sigma_max, (low + t * (high - low)) ** rho)
    return np.ones_like(t), np.where(t == 0, sigma_min, sigma)


def exponential_path(
    t: Array, sigma_min: float, sigma_max: float, rho: float
) -> tuple[Array, Array]:
    """Return the coefficients with log sigma linear in time^rho."""
    sigma = sigma_min * np.exp(t**rho * np.log(sigma_max / sigma_min))
    return np.ones_like(t), np.where(t == 1, sigma_max, sigma)


def edm_path(t: Array) -> tuple[Array, Array]:
    """Return the coefficients with sigma = time."""
    return np.ones_like(t), t


def check_sigmas(function: str, sigma_min: float, sigma_max: float, rho: float) -> None:
    """Raise if the range of sigmas is empty."""
    if not (0 < sigma_min < sigma_max < np.inf and 0 < rho < np.inf):
        raise ValueError(
            f"{function}: expected 0 < sigma_min < sigma_max and rho > 0; "
            f"got sigma_min={sigma_min}, sigma_max={sigma_max}, rho={rho}"
        )


class Schedule(DiscreteSchedules):
    r"""A noise schedule: the two coefficients of :math:`x_t = \alpha_t x_0 + \sigma_t \epsilon`.

    Made by one of its constructors, and then immutable. Steps count from 0, the least noise, to
    ``len(schedule) - 1``, the most. All tables are float64 of shape (steps,).

    =========================  ===================================================================
    ``form``                   made by
    =========================  ===================================================================
    ``"variance preserving"``  `linear`, `scaled_linear`, `cosine`, `sigmoid`, `from_betas`,
                               `from_alpha_bar`, `from_log_snr`, `vp`, `trigflow`:
                               :math:`\alpha_t^2 + \sigma_t^2 = 1`
    ``"variance exploding"``   `karras`, `exponential`, `polyexponential`, `edm`:
                               :math:`\alpha_t = 1`
    ``"flow"``                 `flow`: :math:`\alpha_t = 1 - \sigma_t`
    =========================  ===================================================================

    `coefficients` gives :math:`\alpha_t` and :math:`\sigma_t` at any t, and `time_of` the time at
    which :math:`\sigma_t / \alpha_t` has a given value.

    **Steps and times.** Functions that take `t` and a schedule read `t` in the schedule's `unit`.

    =========================  ======================================  ==========================
    ``unit``                   ``"step"``                              ``"time"``
    =========================  ======================================  ==========================
    made by                    `linear`, `scaled_linear`, `cosine`,    `vp`, `trigflow`, `flow`,
                               `sigmoid`, `from_betas`,                `karras`, `exponential`,
                               `from_alpha_bar`, `from_log_snr`        `polyexponential`, `edm`
    an integer                 is a step                               is refused
    a float                    is the same step if it is whole, else   is a time, in `time_range`
                               lies between two steps
    another unit               ``schedule.in_time()``                  ``schedule.in_steps()``
    =========================  ======================================  ==========================

    A float may be of any type that functions take, bfloat16 too, and counts as float64. So 1 and
    1.0 are never two things. The `timesteps` of a sampler on a variance-preserving
    schedule are steps. A float between 0 and 1 on a schedule in steps gives a warning, because it
    may be meant as a time: `in_steps` and `in_time` choose. Functions of steps alone, such as
    `posterior_mean_variance`, take integers in both units.

    Attributes
    ----------
    unit : str
        ``"step"`` or ``"time"``.
    signal, sigma : ndarray
        :math:`\alpha_t` and :math:`\sigma_t`.
    betas, alphas, alpha_bar, one_minus_alpha_bar : ndarray
        :math:`\bar\alpha_t = \alpha_t^2 / (\alpha_t^2 + \sigma_t^2)`, its complement computed
        without cancellation, :math:`\beta_t = 1 - \bar\alpha_t / \bar\alpha_{t-1}`, and
        :math:`1 - \beta_t`. For the two other forms, these are of the rescaled
        :math:`x_t / \sqrt{\alpha_t^2 + \sigma_t^2}`.
    snr, log_snr, sigma_over_signal : ndarray
        :math:`\alpha_t^2 / \sigma_t^2`, its logarithm, and :math:`\sigma_t / \alpha_t`.
    posterior_variance, posterior_log_variance_clipped : ndarray
        Of :math:`q(x_{t-1} | x_t, x_0)`. Clean data come before step 0.
    posterior_mean_coefficients : (ndarray, ndarray)
        Of :math:`x_0` and :math:`x_t` in its mean.
    times, time_range : ndarray, (float, float)
        The continuous time of each step, and the range of times. Step i of N is at
        :math:`(i + 1) / N`, with clean data at 0; for the variance-exploding ones at
        :math:`i / (N - 1)`, and for `edm` at its sigma.

    Notes
    -----
    Limits are kept: a last beta of 1 gives ``log_snr=-inf`` and no NaN anywhere, and so does a
    first `alpha_bar` of 1.

    Examples
    --------
    >>> from fastgen.diffusion import Schedule
    >>> schedule = Schedule.scaled_linear()
    >>> print(schedule)
    Schedule.scaled_linear(1000, beta_start=0.00085, beta_end=0.012)
      variance preserving, 1000 steps, log SNR 7.07 to -5.36
    >>> float(schedule.rescale_zero_terminal_snr().snr[-1])
    0.0
    """

    @classmethod
    def vp(cls, num_steps: int = 1000, *, beta_min: float = 0.1, beta_max: float = 20.0) -> Self:
        """Make the variance-preserving SDE, whose beta(t) is linear (Song et al., 2021)."""
        num_steps = number_of_steps("vp", num_steps)
        if not (0 < beta_min <= beta_max < np.inf):
            raise ValueError(
                f"vp: expected 0 < beta_min <= beta_max, got beta_min={beta_min}, "
                f"beta_max={beta_max}"
            )
        path = partial(vp_path, beta_min=beta_min, beta_max=beta_max)
        t = steps_in_time(num_steps)
        exponent = vp_exponent(t, beta_min, beta_max)
        middle = t - 0.5 / num_steps
        betas = -np.expm1(-(beta_min + middle * (beta_max - beta_min)) / num_steps)
        description = f"vp({num_steps}, beta_min={beta_min:g}, beta_max={beta_max:g})"
        alpha_bar, rest = np.exp(-exponent), -np.expm1(-exponent)
        return cls._of_variances(description, alpha_bar, rest, betas, path, TIME)

    @classmethod
    def trigflow(cls, num_steps: int = 1000) -> Self:
        r"""Make the circle from data at t = 0 to noise at t = 1 (Lu and Song, 2025: TrigFlow).

        :math:`\alpha_t = \cos(\frac\pi2 t)`, :math:`\sigma_t = \sin(\frac\pi2 t)`, for data of
        variance 1. What TrigFlow predicts, the derivative by the angle, is `velocity`.
        """
        num_steps = number_of_steps("trigflow", num_steps)
        variances = cosine_variances(steps_in_time(num_steps), 0.0)
        betas, path = cosine_betas(num_steps, 0.0), partial(cosine_path, s=0.0)
        return cls._of_variances(f"trigflow({num_steps})", *variances, betas, path, TIME)

    @classmethod
    def _of_coefficients(
        cls, description: str, form: str, times: Array, path: Any, growth: Array, **options: Any
    ) -> Self:
        """Make a schedule; `growth` is sigma_t alpha_{t-1} - alpha_t sigma_{t-1}, not cancelled."""
        signal, sigma = path(times)
        power = signal**2 + sigma**2
        before, sigma_before = previous(signal, 1.0), previous(sigma, 0.0)
        betas = growth / before * (sigma * before + signal * sigma_before) / (before * power)
        return cls(
            *(description, form, times, signal, sigma, signal**2 / power, sigma**2 / power, betas),
            path=path,
            unit=TIME,
            **options,
        )

    @classmethod
    def flow(cls, num_steps: int = 1000, *, shift: float = 1.0, mu: float | None = None) -> Self:
        r"""Make the straight path from data at t = 0 to noise at t = 1 (rectified flow).

        :math:`\sigma_t = \frac{s t}{1 + (s - 1) t}`, :math:`\alpha_t = 1 - \sigma_t`, where the
        shift s > 1 spends more time at high noise (Esser et al., 2024: Stable Diffusion 3).
        `mu` in place of `shift` is its logarithm, :math:`s = e^\mu` (Flux):
        `fastgen.diffusion.samplers.calculate_shift` gives it for the size of an image.
        """
        num_steps = number_of_steps("flow", num_steps)
        if mu is not None:
            if shift != 1:
                raise ValueError(f"flow: give shift or mu, not both; got {shift!r} and {mu!r}")
            if not abs(mu) < 700:
                raise ValueError(f"flow: mu must lie between -700 and 700, got {mu!r}")
            shift = math.exp(mu)
        if not 0 < shift < np.inf:
            raise ValueError(f"flow: shift must be > 0, got {shift}")
        times = steps_in_time(num_steps)
        shifted = 1 + (shift - 1) * times
        growth = shift / num_steps / (shifted * previous(shifted, 1.0))
        path = partial(flow_path, shift=shift)
        return cls._of_coefficients(
            f"flow({num_steps}, shift={shift:g})", FLOW, times, path, growth
        )

    @classmethod
    def _exploding(cls, description: str, path: Any, times: Array, **options: Any) -> Self:
        growth = np.diff(path(times)[1], prepend=0.0)
        return cls._of_coefficients(description, VARIANCE_EXPLODING, times, path, growth, **options)

    @classmethod
    def karras(
        cls,
        num_steps: int,
        *,
        sigma_min: float = 0.002,
        sigma_max: float = 80.0,
        rho: float = 7.0,
    ) -> Self:
        r"""Make the schedule with :math:`\sigma^{1/\rho}` evenly spaced (Karras et al., 2022)."""
        num_steps = number_of_steps("karras", num_steps)
        check_sigmas("karras", sigma_min, sigma_max, rho)
        description = (
            f"karras({num_steps}, sigma_min={sigma_min:g}, sigma_max={sigma_max:g}, rho={rho:g})"
        )
        path = partial(karras_path, sigma_min=sigma_min, sigma_max=sigma_max, rho=rho)
        return cls._exploding(description, path, evenly(num_steps))

    @classmethod
    def exponential(
        cls, num_steps: int, *, sigma_min: float = 0.002, sigma_max: float = 80.0
    ) -> Self:
        r"""Make the schedule with :math:`\log \sigma` evenly spaced."""
        num_steps = number_of_steps("exponential", num_steps)
        check_sigmas("exponential", sigma_min, sigma_max, 1.0)
        description = f"exponential({num_steps}, sigma_min={sigma_min:g}, sigma_max={sigma_max:g})"
        path = partial(exponential_path, sigma_min=sigma_min, sigma_max=sigma_max, rho=1.0)
        return cls._exploding(description, path, evenly(num_steps))

    @classmethod
    def polyexponential(
        cls,
        num_steps: int,
        *,
        sigma_min: float = 0.002,
        sigma_max: float = 80.0,
        rho: float = 1.0,
    ) -> Self:
        r"""Make the schedule with :math:`\log \sigma` linear in :math:`t^\rho` (k-diffusion)."""
        num_steps = number_of_steps("polyexponential", num_steps)
        check_sigmas("polyexponential", sigma_min, sigma_max, rho)
        description = (
            f"polyexponential({num_steps}, sigma_min={sigma_min:g}, "
            f"sigma_max={sigma_max:g}, rho={rho:g})"
        )
        path = partial(exponential_path, sigma_min=sigma_min, sigma_max=sigma_max, rho=rho)
        return cls._exploding(description, path, evenly(num_steps))

    @classmethod
    def edm(
        cls,
        num_steps: int = 18,
        *,
        sigma_min: float = 0.002,
        sigma_max: float = 80.0,
        rho: float = 7.0,
    ) -> Self:
        """Make the schedule of `karras` with time = sigma, so any sigma >= 0 is a time."""
        num_steps = number_of_steps("edm", num_steps)
        check_sigmas("edm", sigma_min, sigma_max, rho)
        description = (
            f"edm({num_steps}, sigma_min={sigma_min:g}, sigma_max={sigma_max:g}, rho={rho:g})"
        )
        times = karras_path(evenly(num_steps), sigma_min, sigma_max, rho)[1]
        largest = float(np.finfo(np.float64).max)
        return cls._exploding(description, edm_path, times, time_range=(0.0, largest))

    def rescale_zero_terminal_snr(self) -> Schedule:
        r"""Shift and scale :math:`\sqrt{\bar\alpha}` so that the last step has no signal.

        Step 0 is kept (Lin et al., 2024). Only of variance-preserving schedules of two or more
        steps; the last beta becomes 1.
        """
        if self.form != VARIANCE_PRESERVING or len(self) < 2:
            raise ValueError(
                "rescale_zero_terminal_snr: expected a variance-preserving schedule of at least 2 "
                f"steps, got {self!r}"
            )
        first, last, signal = self.signal[0], self.signal[-1], self.signal
        rest, rest_first = self.one_minus_alpha_bar, self.one_minus_alpha_bar[0]
        stretch = first / (first - last)
        new = stretch * (signal - last)
        # 1 - new and the differences below do not subtract nearly equal square roots.
        lost = rest_first / (1 + first) + stretch * (rest - rest_first) / (signal + first)
        before, new_before = previous(signal, 1.0)[1:], new[:-1]
        fall = stretch * before**2 * self.betas[1:] / (signal[1:] + before)
        betas = np.append(self.betas[:1], fall * (new[1:] + new_before) / new_before**2)
        new_rest = lost * (1 + new)
        betas[-1] = new_rest[-1] = 1.0
        description = f"{self.description}.rescale_zero_terminal_snr()"
        unit = self.unit, self.unit_is_chosen
        return self._of_variances(description, new**2, new_rest, betas, None, *unit)

    def plot(self) -> Any:
        """Return a matplotlib Figure of alpha_bar, log-SNR and betas over the steps."""
        try:
            from matplotlib.figure import Figure
        except ImportError as error:
            how = _extras.how_to_install("matplotlib")
            raise ImportError(f"{error}; plot needs: {how}") from None
        figure = Figure(figsize=(10, 3), layout="constrained")
        tables = {"alpha_bar": self.alpha_bar, "log SNR": self.log_snr, "betas": self.betas}
        for axis, (title, table) in zip(figure.subplots(1, 3), tables.items(), strict=True):
            axis.plot(np.where(np.isfinite(table), table, np.nan))  # infinite ends leave a gap
            axis.set(title=title, xlabel="step t")
        figure.suptitle(f"Schedule.{self.description}")
        return figure


def evenly(num_steps: int) -> Array:
    """Return evenly spaced times from 0 to 1. A single step is at 1."""
    return np.linspace(0, 1, num_steps) if num_steps > 1 else np.ones(1)
