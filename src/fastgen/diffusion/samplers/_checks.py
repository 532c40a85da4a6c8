"""Checks of the options of a sampler. Each error names the sampler and the option."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from fastgen import _messages


def check_int(sampler: str, option: str, got: Any) -> int:
    """Return the value of an option that is an integer, or raise."""
    if isinstance(got, bool) or not isinstance(got, (int, np.integer)):
        raise TypeError(f"{sampler}: {option} must be an int, got {got!r}")
    return int(got)


def check_steps(
    sampler: str, steps: Any, most: int, which: str = "the length of the schedule"
) -> int:
    """Return `steps`, or raise."""
    count = check_int(sampler, "steps", steps)
    if not 1 <= count <= most:
        raise ValueError(f"{sampler}: steps must lie between 1 and {most}, {which}; got {steps}")
    return count


def check_order(sampler: str, orders: tuple[int, ...], got: Any, option: str = "order") -> int:
    """Return the order of a method, or raise."""
    if isinstance(got, bool) or not isinstance(got, (int, np.integer)) or got not in orders:
        allowed = ", ".join(map(str, orders[:-1]))
        raise ValueError(f"{sampler}: {option} must be {allowed} or {orders[-1]}, got {got!r}")
    return int(got)


def check_number(
    sampler: str, option: str, got: Any, low: float = 0.0, high: float = math.inf
) -> float:
    """Return the value of an option that is a finite number from low to high, or raise."""
    real = isinstance(got, (int, float, np.integer, np.floating)) and not isinstance(got, bool)
    if not real:
        raise TypeError(f"{sampler}: {option} must be a number, got {got!r}")
    if not (low <= got <= high and math.isfinite(got)):
        bounds = f"lie between {low:g} and {high:g}" if high < math.inf else f"be >= {low:g}"
        raise ValueError(f"{sampler}: {option} must {bounds}, and be finite; got {got!r}")
    return float(got)


def check_positive(sampler: str, option: str, got: Any) -> float:
    """Return the value of an option that is a finite number above 0, or raise."""
    if check_number(sampler, option, got) == 0:
        raise ValueError(f"{sampler}: {option} must be > 0, got {got!r}")
    return float(got)


def check_choice(sampler: str, option: str, choices: tuple[Any, ...], got: Any) -> None:
    """Raise if the value of the option is none of its choices."""
    if not any(got is choice or (isinstance(got, str) and got == choice) for choice in choices):
        raise ValueError(_messages.choice(sampler, option, choices, got))


def check_limits(
    sampler: str, clip: float | None, threshold: float | None, threshold_max: float
) -> None:
    """Raise if a limit of x0 is out of range, or two limits are given."""
    if clip is not None and not 0 < clip < math.inf:
        raise ValueError(f"{sampler}: clip must be a positive number or None, got {clip!r}")
    if threshold is not None and not 0 <= threshold <= 1:
        raise ValueError(f"{sampler}: threshold must lie between 0 and 1, got {threshold!r}")
    if not threshold_max >= 1:
        raise ValueError(f"{sampler}: threshold_max must be at least 1, got {threshold_max!r}")
    if clip is not None and threshold is not None:
        raise ValueError(f"{sampler}: clip and threshold both limit x0; give one of them")


def check_of_data(sampler: str, needed: str, **limits: float | None) -> None:
    """Raise if x0 is limited. A method that combines predictions of the noise can't do that."""
    for option, limit in limits.items():
        if limit is not None:
            raise ValueError(f"{sampler}: {option} needs {needed}")


def falling(sampler: str, option: str, given: Any) -> np.ndarray[Any, np.dtype[np.float64]]:
    """Return a list of numbers that the user gives, as float64 of shape (steps,), or raise."""
    try:
        numbers = np.array(given, np.float64)
    except (TypeError, ValueError):
        raise TypeError(f"{sampler}: {option} must be a list of numbers, got {given!r}") from None
    if numbers.ndim != 1 or not numbers.size:
        raise ValueError(f"{sampler}: {option} must have the shape (steps,), got {numbers.shape}")
    if not np.all(np.isfinite(numbers)) or not np.all(np.diff(numbers) < 0):
        raise ValueError(f"{sampler}: {option} must be finite and strictly fall, got {given!r}")
    return numbers
