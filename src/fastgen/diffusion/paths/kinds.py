"""The probability paths of the literature."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from fastgen._typing import Array
from fastgen.diffusion.paths.path import Path

__all__ = [
    "Cosine",
    "Linear",
    "LinearVariancePreserving",
    "Polynomial",
    "VarianceExploding",
    "VariancePreserving",
]

Four = tuple[Any, Any, Any, Any]


@dataclass(frozen=True)
class Linear(Path):
    r"""The straight path of optimal transport: flow matching and rectified flow.

    .. math:: \alpha_t = t, \quad \sigma_t = 1 - (1 - \sigma_{\min}) t, \quad
              \dot\alpha_t = 1, \quad \dot\sigma_t = -(1 - \sigma_{\min})

    Parameters
    ----------
    sigma_min : float, default 0.0
        The noise that is left at t = 1, :math:`0 \le \sigma_{\min} < 1`.

    Raises
    ------
    ValueError
        If `sigma_min` is out of range.

    References
    ----------
    .. [1] Lipman et al., "Flow Matching for Generative Modeling", ICLR 2023, eq. 20-23.

    Examples
    --------
    >>> from fastgen.diffusion.paths import Linear
    >>> Linear(sigma_min=0.5).sigma([0.0, 0.5, 1.0])
    array([1.  , 0.75, 0.5 ])
    """

    sigma_min: float = 0.0

    def __post_init__(self) -> None:
        """Check the parameter."""
        if not 0 <= self.sigma_min < 1:
            raise ValueError(f"Linear: expected 0 <= sigma_min < 1, got {self.sigma_min!r}")

    def formula(self, t: Array) -> Four:
        """Return the coefficients and their derivatives."""
        return t, (1 - t) + self.sigma_min * t, np.ones_like(t), np.full_like(t, self.sigma_min - 1)

    def inverse(self, alpha: Array, sigma: Array) -> Any:
        """Return the times of a ratio."""
        return alpha / (sigma + (1 - self.sigma_min) * alpha)


@dataclass(frozen=True)
class Cosine(Path):
    r"""The circle: variance is kept, and the speed is even.

    .. math:: \alpha_t = \sin\frac{\pi t}{2}, \quad \sigma_t = \cos\frac{\pi t}{2}, \quad
              \dot\alpha_t = \frac\pi2 \sigma_t, \quad \dot\sigma_t = -\frac\pi2 \alpha_t

    References
    ----------
    .. [1] Albergo and Vanden-Eijnden, "Building Normalizing Flows with Stochastic Interpolants",
       ICLR 2023.

    Examples
    --------
    >>> from fastgen.diffusion.paths import Cosine
    >>> round(float(Cosine().alpha(1 / 3)), 6)
    0.5
    """

    def formula(self, t: Array) -> Four:
        """Return the coefficients and their derivatives."""
        alpha, sigma = np.sin(math.pi / 2 * t), np.sin(math.pi / 2 * (1 - t))
        return alpha, sigma, math.pi / 2 * sigma, -math.pi / 2 * alpha

    def inverse(self, alpha: Array, sigma: Array) -> Any:
        """Return the times of a ratio."""
        return np.arctan2(alpha, sigma) / (math.pi / 2)


@dataclass(frozen=True)
class Polynomial(Path):
    r"""The straight path at another speed: it starts slowly for n > 1.

    .. math:: \alpha_t = t^n, \quad \sigma_t = 1 - t^n, \quad
              \dot\alpha_t = n t^{n-1}, \quad \dot\sigma_t = -n t^{n-1}

    Parameters
    ----------
    n : float
        The exponent, n > 0. For n < 1 the velocity is infinite at t = 0.

    Raises
    ------
    ValueError
        If `n` is not positive and finite.

    Examples
    --------
    >>> from fastgen.diffusion.paths import Polynomial
    >>> [float(c) for c in Polynomial(2).coefficients(0.5)]
    [0.25, 0.75, 1.0, -1.0]
    """

    n: float

    def __post_init__(self) -> None:
        """Check the parameter."""
        if not 0 < self.n < math.inf:
            raise ValueError(f"Polynomial: n must be > 0 and finite, got {self.n!r}")

    def formula(self, t: Array) -> Four:
        """Return the coefficients and their derivatives."""
        slope = self.n * t ** (self.n - 1)
        return t**self.n, -np.expm1(self.n * np.log(t)), slope, -slope

    def inverse(self, alpha: Array, sigma: Array) -> Any:
        """Return the times of a ratio."""
        return (alpha / (alpha + sigma)) ** (1 / self.n)


@dataclass(frozen=True)
class VariancePreserving(Path):
    r"""The variance-preserving SDE, whose noise rate is linear in time.

    .. math:: \alpha_t = e^{-T/2}, \quad \sigma_t = \sqrt{1 - e^{-T}}, \quad
              T = s \beta_{\min} + \frac{s^2}{2} (\beta_{\max} - \beta_{\min}), \quad s = 1 - t

    Parameters
    ----------
    beta_min, beta_max : float
        The noise rate at the data and at the noise. At t = 1 the velocity is infinite.

    Raises
    ------
    ValueError
        If not :math:`0 < \beta_{\min} \le \beta_{\max} < \infty`.

    References
    ----------
    .. [1] Song et al., "Score-Based Generative Modeling through Stochastic Differential Equations",
       ICLR 2021, appendix C.

    Examples
    --------
    >>> from fastgen.diffusion.paths import VariancePreserving
    >>> round(float(VariancePreserving().alpha(0.5)), 4)
    0.2812
    """

    beta_min: float = 0.1
    beta_max: float = 20.0

    def __post_init__(self) -> None:
        """Check the parameters."""
        if not 0 < self.beta_min <= self.beta_max < math.inf:
            raise ValueError(
                "VariancePreserving: expected 0 < beta_min <= beta_max < inf, got "
                f"{self.beta_min!r} and {self.beta_max!r}"
            )

    def formula(self, t: Array) -> Four:
        """Return the coefficients and their derivatives."""
        s, growth = 1 - t, self.beta_max - self.beta_min
        exponent, rate = s * (self.beta_min + s * growth / 2), self.beta_min + s * growth
        alpha, sigma = np.exp(-exponent / 2), np.sqrt(-np.expm1(-exponent))
        return alpha, sigma, rate * alpha / 2, -rate * (alpha * alpha) / (2 * sigma)

    def inverse(self, alpha: Array, sigma: Array) -> Any:
        """Return the times of a ratio."""
        exponent = np.log1p((sigma / alpha) ** 2)
        growth = self.beta_max - self.beta_min
        root = np.sqrt(self.beta_min**2 + 2 * growth * exponent)
        return 1 - 2 * exponent / (self.beta_min + root)


@dataclass(frozen=True)
class LinearVariancePreserving(Path):
    r"""A path of constant variance with a linear signal.

    .. math:: \alpha_t = t, \quad \sigma_t = \sqrt{1 - t^2}, \quad
              \dot\alpha_t = 1, \quad \dot\sigma_t = -\frac{t}{\sqrt{1 - t^2}}

    At t = 1 the velocity is infinite.

    Examples
    --------
    >>> from fastgen.diffusion.paths import LinearVariancePreserving
    >>> round(float(LinearVariancePreserving().sigma(0.6)), 6)
    0.8
    """

    def formula(self, t: Array) -> Four:
        """Return the coefficients and their derivatives."""
        sigma = np.sqrt((1 - t) * (1 + t))
        return t, sigma, np.ones_like(t), -t / sigma

    def inverse(self, alpha: Array, sigma: Array) -> Any:
        """Return the times of a ratio."""
        return alpha / np.hypot(alpha, sigma)


@dataclass(frozen=True)
class VarianceExploding(Path):
    r"""The variance-exploding SDE: data of full size, and noise that falls evenly in its logarithm.

    .. math:: \alpha_t = 1, \quad \sigma_t = \sigma_{\max}^{1-t} \sigma_{\min}^t, \quad
              \dot\alpha_t = 0, \quad
              \dot\sigma_t = -\sigma_t \log\frac{\sigma_{\max}}{\sigma_{\min}}

    Parameters
    ----------
    sigma_min, sigma_max : float
        The noise at t = 1 and at t = 0.

    Raises
    ------
    ValueError
        If not :math:`0 < \sigma_{\min} < \sigma_{\max} < \infty`.

    References
    ----------
    .. [1] Song et al., "Score-Based Generative Modeling through Stochastic Differential Equations",
       ICLR 2021, appendix C.

    Examples
    --------
    >>> from fastgen.diffusion.paths import VarianceExploding
    >>> round(float(VarianceExploding(0.01, 100.0).sigma(0.5)), 6)
    1.0
    """

    sigma_min: float = 0.002
    sigma_max: float = 80.0

    def __post_init__(self) -> None:
        """Check the parameters."""
        if not 0 < self.sigma_min < self.sigma_max < math.inf:
            raise ValueError(
                "VarianceExploding: expected 0 < sigma_min < sigma_max < inf, got "
                f"{self.sigma_min!r} and {self.sigma_max!r}"
            )

    def formula(self, t: Array) -> Four:
        """Return the coefficients and their derivatives."""
        span = math.log(self.sigma_max) - math.log(self.sigma_min)
        sigma = self.sigma_max ** (1 - t) * self.sigma_min**t
        return np.ones_like(t), sigma, np.zeros_like(t), -span * sigma

    def inverse(self, alpha: Array, sigma: Array) -> Any:
        """Return the times of a ratio."""
        span = math.log(self.sigma_max) - math.log(self.sigma_min)
        return 1 - (np.log(sigma / alpha) - math.log(self.sigma_min)) / span
