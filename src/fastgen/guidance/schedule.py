"""The steps at which guidance is on."""

from __future__ import annotations

__all__ = ["interval"]


def interval(step: int, steps: int, *, start: float = 0.0, stop: float = 1.0) -> bool:
    """Whether guidance is on at a step, in an interval of the steps.

    Parameters
    ----------
    step : int
        The step, counted from 0.
    steps : int
        The number of steps.
    start, stop : float, default 0 and 1
        The ends of the interval, as fractions of the steps. Guidance is on where ``int(start *
        steps) <= step < int(stop * steps)``.

    Returns
    -------
    bool
        True where guidance is on.

    Raises
    ------
    ValueError
        If `step` is out of range, or ``0 <= start <= stop <= 1`` does not hold.

    Notes
    -----
    Source: Kynkäänniemi et al., "Applying Guidance in a Limited Interval Improves Sample and
    Distribution Quality in Diffusion Models" (2024).

    Examples
    --------
    >>> import fastgen
    >>> [fastgen.guidance.interval(i, 5, start=0.2, stop=0.8) for i in range(5)]
    [False, True, True, True, False]
    """
    if not 0 <= step < steps:
        raise ValueError(f"interval: step must lie between 0 and {steps - 1}, got {step}")
    if not 0 <= start <= stop <= 1:
        raise ValueError(
            f"interval: expected 0 <= start <= stop <= 1, got start={start}, stop={stop}"
        )
    return int(start * steps) <= step < int(stop * steps)
