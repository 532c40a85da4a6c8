"""The shift of flow schedules for images of different sizes."""

from __future__ import annotations

from fastgen.diffusion.samplers import _checks

__all__ = ["calculate_shift"]


def calculate_shift(
    tokens: int,
    *,
    base_tokens: int = 256,
    max_tokens: int = 4096,
    base_shift: float = 0.5,
    max_shift: float = 1.15,
) -> float:
    r"""Return mu, the logarithm of the shift of a flow schedule, for a number of tokens.

    .. math:: \mu = \mu_0 + (\mu_1 - \mu_0) \frac{n - n_0}{n_1 - n_0}

    The shift is :math:`e^\mu`: larger images need more noise for the same loss of information.

    Parameters
    ----------
    tokens : int
        The number of tokens of an image, n: for Flux, height times width in units of 16 pixels.
    base_tokens, max_tokens : int
        n_0 and n_1. By default those of Flux: images of 256 and of 1024 pixels in square.
    base_shift, max_shift : float
        mu at these two.

    Returns
    -------
    float
        mu, also beyond the two ends. ``Schedule.flow(mu=mu)`` takes it.

    Raises
    ------
    ValueError
        If a number is out of range.

    References
    ----------
    .. [1] Esser et al., "Scaling Rectified Flow Transformers for High-Resolution Image Synthesis",
       ICML 2024, section 5.3.2; Black Forest Labs, "flux", 2024, `get_lin_function`.

    Examples
    --------
    >>> from fastgen.diffusion import Schedule
    >>> from fastgen.diffusion.samplers import calculate_shift
    >>> mu = calculate_shift(64 * 64)  # 1024 x 1024 pixels
    >>> round(mu, 2)
    1.15
    >>> Schedule.flow(mu=mu)
    Schedule.flow(1000, shift=3.15819)
    """
    name = "calculate_shift"
    for option, count in (("tokens", tokens), ("base_tokens", base_tokens)):
        if _checks.check_int(name, option, count) < 1:
            raise ValueError(f"{name}: {option} must be at least 1, got {count}")
    if _checks.check_int(name, "max_tokens", max_tokens) <= base_tokens:
        raise ValueError(
            f"{name}: max_tokens must be larger than base_tokens={base_tokens}, got {max_tokens}"
        )
    ends = []
    for option, shift in (("base_shift", base_shift), ("max_shift", max_shift)):
        ends.append(_checks.check_number(name, option, shift, -700, 700))
    slope = (ends[1] - ends[0]) / (max_tokens - base_tokens)
    return ends[0] + slope * (tokens - base_tokens)
