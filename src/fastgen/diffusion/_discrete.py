"""Schedules from tables of betas, or of alpha_bar."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal, localcontext
from functools import partial
from typing import Any, Self

import numpy as np

from fastgen._arrays import array_of
from fastgen.diffusion._tables import STEP, VARIANCE_PRESERVING, Array, Path, Tables, previous

DIGITS = 50  # enough that 1 - (product of alphas) keeps all digits of a double


def number_of_steps(function: str, num_steps: Any) -> int:
    """Return `num_steps`, or raise."""
    if isinstance(num_steps, bool) or not isinstance(num_steps, (int, np.integer)):
        raise TypeError(f"{function}: num_steps must be an int, got {num_steps!r}")
    if num_steps < 1:
        raise ValueError(f"{function}: num_steps must be at least 1, got {num_steps}")
    return int(num_steps)


def steps_in_time(num_steps: int) -> Array:
    """Return the times (i + 1) / N of the steps i. Clean data are at 0, the last step at 1."""
    return np.arange(1, num_steps + 1) / num_steps


def as_table(function: str, name: str, table: Any) -> Array:
    """Return a copy in float64, of one dimension, or raise."""
    array: Array = np.array(array_of(table, np.float64, f"{function}: {name}"))
    if array.ndim != 1 or array.size == 0:
        raise ValueError(f"{function}: {name} must have the shape (steps,), got {array.shape}")
    return array


def refuse(function: str, name: str, expected: str, table: Array, wrong: Any) -> None:
    """Raise if an entry is wrong, and name the first such entry."""
    if np.any(wrong):
        k = int(np.argmax(wrong))
        raise ValueError(f"{function}: {name} must {expected}; {name}[{k}] is {table[k]}")


def products(betas: Array) -> tuple[Array, Array]:
    """Return the running product of 1 - beta, and 1 minus it, both correctly rounded."""
    alpha_bar, rest = np.empty_like(betas), np.empty_like(betas)
    with localcontext() as context:
        context.prec = DIGITS
        product = Decimal(1)
        for i, beta in enumerate(betas.tolist()):
            product *= 1 - Decimal(beta)
            alpha_bar[i], rest[i] = product, 1 - product
    return alpha_bar, rest


def cosine_variances(t: Array, s: float) -> tuple[Array, Array]:
    """alpha_bar = cos^2 u / cos^2 u0 and 1 - alpha_bar, u = pi/2 (t + s) / (1 + s), u0 = u(0)."""
    quarter = np.pi / 2 / (1 + s)
    clean = np.cos(quarter * s) ** 2
    rest = np.sin(quarter * t) * np.sin(quarter * (t + 2 * s)) / clean
    return np.sin(quarter * (1 - t)) ** 2 / clean, rest


def cosine_betas(num_steps: int, s: float) -> Array:
    """1 - cos^2 u_t / cos^2 u_{t-1} = sin(u_t - u_{t-1}) sin(u_t + u_{t-1}) / cos^2 u_{t-1}."""
    quarter = np.pi / 2 / (1 + s)
    step = np.arange(num_steps)
    left = 2 * (num_steps - step) - 1  # sin u = sin(pi - u): take the smaller angle
    total = quarter * np.minimum((2 * step + 1) / num_steps + 2 * s, left / num_steps)
    before = np.sin(quarter * (num_steps - step) / num_steps) ** 2
    betas: Array = np.sin(quarter / num_steps) * np.sin(total) / before
    betas[-1] = 1.0
    return betas


def cosine_path(t: Array, s: float) -> tuple[Array, Array]:
    """Return the coefficients of the cosine schedule at any time."""
    alpha_bar, rest = cosine_variances(t, s)
    return np.sqrt(alpha_bar), np.sqrt(rest)


class DiscreteSchedules(Tables):
    """The constructors of variance-preserving schedules of discrete steps."""

    @classmethod
    def _of_variances(
        cls,
        description: str,
        alpha_bar: Array,
        rest: Array,
        betas: Array,
        path: Path | None = None,
        unit: str = STEP,
        unit_is_chosen: bool = False,
    ) -> Self:
        times = steps_in_time(len(betas))
        return cls(
            *(description, VARIANCE_PRESERVING, times, np.sqrt(alpha_bar), np.sqrt(rest)),
            *(alpha_bar, rest, betas),
            path=path,
            unit=unit,
            unit_is_chosen=unit_is_chosen,
        )

    @classmethod
    def from_betas(cls, betas: Any, *, description: str | None = None) -> Self:
        r"""Make the schedule with :math:`\bar\alpha_t = \prod_{s \le t} (1 - \beta_s)`.

        Each beta must lie in (0, 1]; 1, which leaves no signal, only at the last step.
        `alpha_bar` and `one_minus_alpha_bar` are correctly rounded.

        >>> from fastgen.diffusion import Schedule
        >>> Schedule.from_betas([0.25, 0.5]).alpha_bar
        array([0.75 , 0.375])
        """
        betas = as_table("from_betas", "betas", betas)
        refuse("from_betas", "betas", "lie in (0, 1]", betas, ~((betas > 0) & (betas <= 1)))
        refuse("from_betas", "betas", "be 1 at the last step only", betas, betas[:-1] == 1)
        return cls._of_variances(
            description or f"from_betas({len(betas)})", *products(betas), betas
        )

    @classmethod
    def linear(
        cls, num_steps: int = 1000, *, beta_start: float = 1e-4, beta_end: float = 0.02
    ) -> Self:
        """Betas evenly spaced (Ho et al., 2020)."""
        num_steps = number_of_steps("linear", num_steps)
        betas = np.linspace(beta_start, beta_end, num_steps)
        description = f"linear({num_steps}, beta_start={beta_start:g}, beta_end={beta_end:g})"
        return cls.from_betas(betas, description=description)

    @classmethod
    def scaled_linear(
        cls, num_steps: int = 1000, *, beta_start: float = 0.00085, beta_end: float = 0.012
    ) -> Self:
        """Square roots of betas evenly spaced (Rombach et al., 2022: Stable Diffusion)."""
        num_steps = number_of_steps("scaled_linear", num_steps)
        betas = np.linspace(beta_start**0.5, beta_end**0.5, num_steps) ** 2
        description = (
            f"scaled_linear({num_steps}, beta_start={beta_start:g}, beta_end={beta_end:g})"
        )
        return cls.from_betas(betas, description=description)

    @classmethod
    def sigmoid(
        cls, num_steps: int = 1000, *, beta_start: float = 1e-4, beta_end: float = 0.02
    ) -> Self:
        """Betas on a logistic curve from -6 to 6 (Xu et al., 2022: GeoDiff)."""
        num_steps = number_of_steps("sigmoid", num_steps)
        curve = 1 / (1 + np.exp(-np.linspace(-6, 6, num_steps)))
        description = f"sigmoid({num_steps}, beta_start={beta_start:g}, beta_end={beta_end:g})"
        return cls.from_betas(beta_start + (beta_end - beta_start) * curve, description=description)

    @classmethod
    def cosine(cls, num_steps: int = 1000, *, s: float = 0.008, max_beta: float = 0.999) -> Self:
        r"""Make the schedule of :math:`\bar\alpha \propto \cos^2(\frac\pi2 \frac{t + s}{1 + s})`.

        From Nichol and Dhariwal (2021), who cap the betas; ``max_beta=1`` lets the last step have
        no signal at all. Computed as products of sines, which do not cancel.
        """
        num_steps = number_of_steps("cosine", num_steps)
        if not (s > 0 and 0 < max_beta <= 1):
            raise ValueError(
                f"cosine: s must be > 0 and max_beta in (0, 1], got s={s}, max_beta={max_beta}"
            )
        t = steps_in_time(num_steps)
        alpha_bar, rest = cosine_variances(t, s)
        betas = cosine_betas(num_steps, s)
        capped = betas > max_beta
        if np.any(capped):
            first = int(np.argmax(capped))
            betas = np.minimum(betas, max_beta)
            clean = alpha_bar[first - 1] if first else 1.0
            alpha_bar[first:] = clean * np.cumprod(1 - betas[first:])
            rest[first:] = 1 - alpha_bar[first:]
        description = f"cosine({num_steps}, s={s:g}, max_beta={max_beta:g})"
        path = None if np.any(capped) else partial(cosine_path, s=s)
        return cls._of_variances(description, alpha_bar, rest, betas, path)

    @classmethod
    def from_alpha_bar(
        cls,
        alpha_bar: Any,
        *,
        num_steps: int | None = None,
        max_beta: float = 0.999,
    ) -> Self:
        r"""Make the schedule with a given :math:`\bar\alpha`.

        Parameters
        ----------
        alpha_bar : array_like or function
            A decreasing table in [0, 1]: 1 only at step 0, 0 only at the last. Or a function of
            time in [0, 1], of which `num_steps` betas are made.
        num_steps, max_beta : optional
            Of a function: the number of steps, and the largest beta.

        Returns
        -------
        Schedule
        """
        if callable(alpha_bar):
            return cls.from_betas(
                betas_of(alpha_bar, number_of_steps("from_alpha_bar", num_steps), max_beta),
                description=f"from_alpha_bar(<function>, num_steps={num_steps})",
            )
        table = as_table("from_alpha_bar", "alpha_bar", alpha_bar)
        wrong = ~((table >= 0) & (table <= 1))
        refuse("from_alpha_bar", "alpha_bar", "lie in [0, 1]", table, wrong)
        wrong = np.append(False, ~(np.diff(table) < 0))
        refuse("from_alpha_bar", "alpha_bar", "decrease", table, wrong)
        before = previous(table, 1.0)
        description = f"from_alpha_bar({len(table)})"
        return cls._of_variances(description, table, 1 - table, (before - table) / before)

    @classmethod
    def from_log_snr(cls, log_snr: Any) -> Self:
        r"""Make the variance-preserving schedule :math:`\bar\alpha = \mathrm{sigmoid}(\lambda)`.

        `log_snr` decreases; it may start at inf (clean data) and end at -inf (noise).
        """
        table = as_table("from_log_snr", "log_snr", log_snr)
        wrong = np.append(np.isnan(table[:1]), ~(np.diff(table) < 0))
        refuse("from_log_snr", "log_snr", "decrease", table, wrong)
        with np.errstate(over="ignore"):
            alpha_bar, rest = 1 / (1 + np.exp(-table)), 1 / (1 + np.exp(table))
        betas = -np.expm1(np.append(-np.inf, np.diff(table))) * rest
        return cls._of_variances(f"from_log_snr({len(table)})", alpha_bar, rest, betas)


def betas_of(alpha_bar: Callable[[float], float], num_steps: int, max_beta: float) -> Array:
    """Return betas from a function of time, by the method of Nichol and Dhariwal."""
    if not 0 < max_beta <= 1:
        raise ValueError(f"from_alpha_bar: max_beta must lie in (0, 1], got {max_beta}")
    values = np.array([float(alpha_bar(i / num_steps)) for i in range(num_steps + 1)])
    betas: Array = np.minimum((values[:-1] - values[1:]) / values[:-1], max_beta)
    return betas
