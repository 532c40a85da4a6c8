"""When to guide."""

from __future__ import annotations

__all__ = ["interval"]


def interval(step: int, steps: int, *, start: float = 0.0, stop: float = 1.0) -> bool:
    """Whether guidance is on at a step: from one fraction of the way to another.

    Parameters
    ----------
    step : int
        The step, counted from 0.
    steps : int
        How many there are.
    start, stop : float, default 0 and 1
        On where ``int(start * steps) <= step < int(stop * steps)``.

    Returns
    -------
    bool
        True where guidance is on.

    Raises
    ------
    ValueError
        If `step` is no step, or not ``0 <= start <= stop <= 1``.

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
