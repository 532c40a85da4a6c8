"""Churn: noise that is added before a step, as in algorithm 2 of Karras et al. (2022)."""

from __future__ import annotations

import math

from fastgen.diffusion._tables import FLOW
from fastgen.diffusion.samplers._checks import check_number

MOST = math.sqrt(2) - 1


class Churn:
    """How much noise is added in each step."""

    def __init__(
        self, sampler: str, churn: float, churn_min: float, churn_max: float, churn_noise: float
    ) -> None:
        """Check the options."""
        self.total = check_number(sampler, "churn", churn)
        self.scale = check_number(sampler, "churn_noise", churn_noise)
        for option, got in (("churn_min", churn_min), ("churn_max", churn_max)):
            if not (isinstance(got, (int, float)) and got >= 0):
                raise ValueError(f"{sampler}: {option} must be a number >= 0, got {got!r}")
        self.low, self.high = float(churn_min), float(churn_max)

    def check_form(self, sampler: str, form: str) -> None:
        """Raise if there is churn on a flow schedule."""
        if self.total and form == FLOW:
            raise ValueError(
                f"{sampler}: churn={self.total!r} adds noise at constant signal, which a flow "
                "schedule does not have; use churn=0, or EulerAncestral"
            )

    def gamma(self, sigma: float, steps: int) -> float:
        """Return the share by which sigma grows before a step."""
        return min(self.total / steps, MOST) if self.low <= sigma <= self.high else 0.0

    def noise(self, sigma: float, gamma: float) -> float:
        """Return the deviation of the noise that raises sigma by this share."""
        return self.scale * sigma * math.sqrt(gamma * (2 + gamma))

    def check_limits(self, sampler: str, limit: float, parity: str | None) -> None:
        """Raise if x0 is limited where it depends on the noise that is added."""
        if self.total and parity and math.isfinite(limit):
            raise ValueError(
                f"{sampler}: clip and threshold with churn need parity=None, because diffusers "
                "adds the noise to the x0 that is limited"
            )

    def raised(self, sigmas: list[float]) -> list[float]:
        """Return the sigma at which each step begins. It is at most the first of these."""
        steps, most = len(sigmas) - 1, sigmas[0]
        grown = [min(s * (1 + self.gamma(s, steps)), most) for s in sigmas[:-1]]
        return [*grown, sigmas[-1]]
