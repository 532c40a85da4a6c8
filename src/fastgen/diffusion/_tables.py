"""The tables of a noise schedule, derived tables, and the coefficients at any time."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from dataclasses import dataclass, fields, replace
from functools import cached_property
from typing import Any, Self

import numpy as np

from fastgen._abstract import is_dask
from fastgen._arrays import array_of
from fastgen._plain import of_elements
from fastgen.diffusion._of_time import OfTime

Array = np.ndarray[Any, np.dtype[np.float64]]
Path = Callable[[Array], tuple[Array, Array]]  # from times to the two coefficients

VARIANCE_PRESERVING = "variance preserving"
VARIANCE_EXPLODING = "variance exploding"
FLOW = "flow"
STEP, TIME = "step", "time"  # the units of t
BISECTIONS = 64  # more than the 53 bits of a double


def previous(table: Array, clean: float) -> Array:
    """Return the table shifted by one step. Its first entry is `clean`, the value of clean data."""
    return np.concatenate([[clean], table[:-1]])


def _numbers(t: Any) -> np.ndarray[Any, Any]:
    """Return steps or times as an array. All floats become float64."""
    found = array_of(t)
    wide = found.dtype.kind == "f" or found.dtype.name == "bfloat16"
    return found.astype(np.float64) if wide else found


@dataclass(frozen=True, eq=False, repr=False)
class Tables(OfTime):
    r"""Float64 tables of :math:`x_t = \alpha_t x_0 + \sigma_t \epsilon`, one entry per step."""

    coefficient_count = 2

    description: str
    """Return the constructor call that made the schedule."""
    form: str
    """"variance preserving", "variance exploding" or "flow"."""
    times: Array
    """The continuous time of each step."""
    signal: Array
    """:math:`\\alpha_t`, the coefficient of the data."""
    sigma: Array
    """:math:`\\sigma_t`, the coefficient of the noise."""
    alpha_bar: Array
    """:math:`\\bar\\alpha_t = \\alpha_t^2 / (\\alpha_t^2 + \\sigma_t^2)`."""
    one_minus_alpha_bar: Array
    """:math:`1 - \\bar\\alpha_t`, computed without the subtraction."""
    betas: Array
    """:math:`\\beta_t = 1 - \\bar\\alpha_t / \\bar\\alpha_{t-1}`."""
    time_range: tuple[float, float] = (0.0, 1.0)
    """The first and the last continuous time."""
    path: Path | None = None
    """The coefficients as an exact function of time, where there is one."""
    unit: str = STEP
    """What t counts: "step" or "time"."""
    unit_is_chosen: bool = False
    """Whether `in_steps` or `in_time` said so."""

    def __post_init__(self) -> None:
        """Make the tables immutable."""
        for field in fields(self):
            table = getattr(self, field.name)
            if isinstance(table, np.ndarray):
                table.flags.writeable = False

    def __reduce__(self) -> tuple[Any, ...]:
        """Pickle by the fields, so that an unpickled schedule is immutable too."""
        return type(self), tuple(getattr(self, field.name) for field in fields(self))

    def __len__(self) -> int:
        """Return the number of steps."""
        return len(self.times)

    def __repr__(self) -> str:
        """Return the constructor call that made the schedule."""
        return f"Schedule.{self.description}"

    def __str__(self) -> str:
        """Return the constructor call, and the range of the signal-to-noise ratio."""
        ends = f"log SNR {self.log_snr[0]:.3g} to {self.log_snr[-1]:.3g}"
        return f"{self!r}\n  {self.form}, {len(self)} steps, {ends}"

    def _frozen(self, table: Array) -> Array:
        table.flags.writeable = False
        return table

    @cached_property
    def lists(self) -> tuple[list[float], list[float]]:
        """The two coefficients as lists. Single entries of lists are read faster than of arrays."""
        return self.signal.tolist(), self.sigma.tolist()

    @cached_property
    def alphas(self) -> Array:
        """:math:`1 - \\beta_t`."""
        return self._frozen(1 - self.betas)

    @cached_property
    def sigma_over_signal(self) -> Array:
        """:math:`\\sigma_t / \\alpha_t`, which is Karras' sigma; inf without signal."""
        with np.errstate(divide="ignore"):
            return self._frozen(self.sigma / self.signal)

    @cached_property
    def snr(self) -> Array:
        """Signal-to-noise ratio :math:`\\alpha_t^2 / \\sigma_t^2`."""
        with np.errstate(divide="ignore"):
            return self._frozen(self.alpha_bar / self.one_minus_alpha_bar)

    @cached_property
    def log_snr(self) -> Array:
        """:math:`\\log(\\alpha_t^2 / \\sigma_t^2)`; -inf where no signal is left."""
        with np.errstate(divide="ignore"):
            return self._frozen(2 * np.log(self.signal / self.sigma))

    @cached_property
    def _innovation(self) -> Array:
        """1 - SNR_t / SNR_{t-1}: the share of the noise that is new; 0 where there is no noise."""
        new = np.zeros_like(self.betas)
        rest = self.one_minus_alpha_bar
        return np.divide(self.betas, rest, out=new, where=rest > 0)

    @cached_property
    def posterior_variance(self) -> Array:
        """Variance of :math:`q(x_{t-1} | x_t, x_0)`; 0 at step 0."""
        return self._frozen(previous(self.sigma, 0.0) ** 2 * self._innovation)

    @cached_property
    def posterior_log_variance_clipped(self) -> Array:
        """The logarithm of `posterior_variance`. Entry 0 is that of step 1, not -inf."""
        first = self.posterior_variance[1:2] if len(self) > 1 else self.betas
        with np.errstate(divide="ignore"):  # the second entry is 0 if the first step has no noise
            return self._frozen(np.log(np.concatenate([first, self.posterior_variance[1:]])))

    @cached_property
    def posterior_mean_coefficients(self) -> tuple[Array, Array]:
        """Coefficients of :math:`x_0`, :math:`x_t` in the mean of :math:`q(x_{t-1} | x_t, x_0)`."""
        of_x0 = previous(self.signal, 1.0) * self._innovation
        ratio = np.zeros_like(self.sigma)
        np.divide(previous(self.sigma, 0.0), self.sigma, out=ratio, where=self.sigma > 0)
        with np.errstate(invalid="ignore"):  # 0 / 0: no signal at two steps
            kept = np.nan_to_num(self.signal / previous(self.signal, 1.0))
        of_x0[self.sigma == 0] = 1.0
        return self._frozen(of_x0), self._frozen(kept * ratio**2)

    def in_steps(self) -> Self:
        """Return the same schedule, where t counts steps."""
        return self._in(STEP)

    def in_time(self) -> Self:
        """Return the same schedule, where t is a time."""
        return self._in(TIME)

    def _in(self, unit: str) -> Self:
        made = self.description.removesuffix(".in_steps()").removesuffix(".in_time()")
        view = "in_steps" if unit == STEP else "in_time"
        return replace(self, description=f"{made}.{view}()", unit=unit, unit_is_chosen=True)

    def coefficients(self, t: Any) -> tuple[Any, Any]:
        r"""Return :math:`\alpha_t` and :math:`\sigma_t` of :math:`x_t = \alpha_t x_0 + \sigma_t
        \epsilon`.

        Parameters
        ----------
        t : int, float or array_like of either
            Steps or times, by the unit of the schedule: see `Schedule`.

        Returns
        -------
        alpha_t, sigma_t : ndarray or scalar
            In float64, of the shape of `t`.

        Raises
        ------
        ValueError
            If a step or time lies outside the schedule, or integers are given for times.
        TypeError
            If `t` holds neither integers nor floats.

        Warns
        -----
        UserWarning
            If a float lies between steps 0 and 1 of a schedule in steps, and the unit was not
            chosen by `in_steps`. It may be meant as a time.

        Notes
        -----
        Between steps and at times the coefficients are an exact function where the schedule is one:
        `vp`, `trigflow`, `flow`, `cosine` without a cap, and the variance-exploding ones. Between
        the steps of the others, the log-SNR is linear; where it is infinite at one of the two, and
        before step 0, `alpha_bar` is.

        Examples
        --------
        >>> from fastgen.diffusion import Schedule
        >>> alpha_t, sigma_t = Schedule.flow(4).coefficients([0.25, 0.5])
        >>> alpha_t, sigma_t
        (array([0.75, 0.5 ]), array([0.25, 0.5 ]))
        """
        if is_dask(t):
            return of_elements(self.coefficients, "diffusion.coefficients", "t", t, 2)
        t = self._checked(t)
        if t.dtype.kind in "iu":
            return self.signal[t], self.sigma[t]
        signal, sigma = self._at_times(t) if self.unit == TIME else self._at_steps(t)
        return signal[()], sigma[()]

    def time_of(self, ratio: Any) -> Any:
        r"""Return the time at which :math:`\sigma_t / \alpha_t` has a given value.

        Parameters
        ----------
        ratio : float or array_like
            From 0 to infinity. Beyond the last step, the time is that of the last step. On a flow
            schedule, it is :math:`\sigma_t / (1 - \sigma_t)`.

        Returns
        -------
        ndarray or scalar
            Times for ``schedule.in_time()``, in float64.

        Raises
        ------
        ValueError
            If a ratio is negative or NaN.

        Examples
        --------
        >>> from fastgen.diffusion import Schedule
        >>> float(Schedule.flow().time_of(1.0))
        0.5
        """
        if is_dask(ratio):
            return of_elements(self.time_of, "diffusion.time_of", "ratio", ratio)
        wanted = array_of(ratio, np.float64, "time_of: ratio")
        if not np.all(wanted >= 0):
            raise ValueError(f"time_of: ratio must be >= 0, got {wanted[~(wanted >= 0)].flat[0]!s}")
        right = np.minimum(np.searchsorted(self.sigma_over_signal, wanted), len(self) - 1)
        low, high = previous(self.times, self.time_range[0])[right], self.times[right]
        at_step = wanted >= self.sigma_over_signal[right]
        for _ in range(BISECTIONS):
            middle = low + (high - low) / 2
            signal, sigma = self._at_times(middle)
            with np.errstate(invalid="ignore"):  # infinity times 0, at the last step
                less = sigma < wanted * signal
            low, high = np.where(less, middle, low), np.where(less, high, middle)
        found = np.where(wanted == 0, self.time_range[0], high)
        return np.where(at_step, self.times[right], found)[()]

    def whole_steps(self, t: Any) -> np.ndarray[Any, np.dtype[np.intp]]:
        """Return `t` as integers, for functions of steps alone, or raise.

        These functions take an integer as a step in either unit. They take a float only if the unit
        is "step" and the float is whole.
        """
        t = _numbers(t)
        if t.dtype.kind in "iu" and self.unit == TIME:
            self._refuse_outside(t, (0, len(self) - 1), STEP)
        elif t.dtype.kind == "f" and self.unit == TIME:
            raise TypeError(
                "t must hold integers, the steps of the schedule; got floats, the times of "
                f"{self.description}"
            )
        else:
            t = self._checked(t)
            between = t[t != np.floor(t)]
            if between.size:
                raise ValueError(f"t must hold whole steps, got {between.flat[0]!s}")
        steps: np.ndarray[Any, np.dtype[np.intp]] = t.astype(np.intp)
        return steps

    def _checked(self, t: Any) -> np.ndarray[Any, Any]:
        """Return steps in integers, or steps or times in float64, within the schedule, or raise."""
        t = _numbers(t)
        if t.dtype.kind not in "iuf":
            raise TypeError(
                f"t must hold integers (steps) or floats (steps or times); got {t.dtype}"
            )
        if self.unit == STEP:
            self._refuse_outside(t, (0, len(self) - 1), STEP)
            if t.dtype.kind == "f" and not self.unit_is_chosen:
                self._warn_of_times(t)
        elif t.dtype.kind == "f":
            self._refuse_outside(t, self.time_range, TIME)
        else:
            first = f"t={t.flat[0]!s}" if t.size else "t"
            raise ValueError(
                f"{first} is an integer, but t must be a float, a time of {self.description}. For "
                "steps, use schedule.in_steps(), or the time schedule.times[step]"
            )
        return t

    def _refuse_outside(self, t: Any, ends: tuple[float, float], unit: str) -> None:
        """Refuse a step or time outside the schedule, or NaN."""
        outside = ~((t >= ends[0]) & (t <= ends[1]))
        if np.any(outside):
            other = ""
            if unit == TIME:
                other = ". For steps, use schedule.in_steps(); for a sampler, its times"
            raise ValueError(
                f"t must lie between {ends[0]} and {ends[1]} where it is a {unit} of "
                f"{self.description}; got {np.asarray(t)[outside].flat[0]!s}{other}"
            )

    def _warn_of_times(self, t: Array) -> None:
        """Warn of floats that may be meant as times."""
        between = t[(t > 0) & (t < 1)]
        if between.size:
            warnings.warn(
                f"t={between.flat[0]!s} lies between steps 0 and 1 of {self.description}, where t "
                "counts steps. If it is a time, use schedule.in_time(). If it is a step, use "
                "schedule.in_steps(), which does not warn",
                stacklevel=4,
            )

    def _at_steps(self, t: Array) -> tuple[Array, Array]:
        """Return the coefficients at steps and between them."""
        right = np.ceil(t).astype(np.intp)
        part = t - (right - 1)  # in (0, 1]
        if self.path is None:
            return self._between(right, part)
        after, before = self.times[right], previous(self.times, 0.0)[right]
        signal, sigma = self.path(before + part * (after - before))
        whole = part == 1  # whole steps have the bits of the tables
        return np.where(whole, self.signal[right], signal), np.where(
            whole, self.sigma[right], sigma
        )

    def _at_times(self, t: Array) -> tuple[Array, Array]:
        """Return the coefficients at any times."""
        if self.path is not None:
            return self.path(t)
        times = np.concatenate([[0.0], self.times])
        right = np.clip(np.searchsorted(times, t), 1, len(times) - 1)
        part = (t - times[right - 1]) / (times[right] - times[right - 1])
        return self._between(right - 1, part)

    def _between(self, right: Any, part: Array) -> tuple[Array, Array]:
        """Return the coefficients between the step before `right` (part 0) and `right` (part 1).

        The log-SNR is interpolated linearly. If it is infinite at an end, alpha_bar is instead.
        """

        def between(table: Array, clean: float) -> Array:
            before, after = previous(table, clean)[right], table[right]
            value: Array = before + part * (after - before)
            return np.where(part == 1, after, value)

        with np.errstate(invalid="ignore", over="ignore"):
            log_snr = between(self.log_snr, np.inf)
            inside = np.isfinite(self.log_snr[right])
            inside &= np.isfinite(previous(self.log_snr, np.inf)[right])
            alpha_bar = np.where(inside, 1 / (1 + np.exp(-log_snr)), between(self.alpha_bar, 1.0))
            rest = np.where(
                inside, 1 / (1 + np.exp(log_snr)), between(self.one_minus_alpha_bar, 0.0)
            )
        whole = part == 1  # whole steps have the bits of the tables
        signal = np.where(whole, self.signal[right], np.sqrt(alpha_bar))
        return signal, np.where(whole, self.sigma[right], np.sqrt(rest))
