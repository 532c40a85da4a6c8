"""The case of the normal distribution over bins."""

from __future__ import annotations

from typing import Any

import numpy as np

from fastgen.cases.case import INF, NAN, Case


def _pixel(z: Any) -> tuple[Any, ...]:
    """Return data in [-1, 1], means, logarithms of sigma, and numbers of bins of at least 3."""
    x, mu, log_sigma, bins = z
    return np.clip(x / 2, -1, 1), mu / 2, 2 * log_sigma, 3 + np.round(32 * np.abs(bins))


class _Bin:
    """The edges of the bin of x in standard deviations, and its probability and densities."""

    def __init__(self, mp: Any, x: Any, mu: Any, log_sigma: Any, bins: Any):
        delta = 1 / (bins - 1)
        self.outer = x > 1 - delta or x < delta - 1
        self.side = (1 if x > 0 else -1) if self.outer else (-1 if x < mu else 1)
        self.a = self.side * (x - mu) * mp.exp(-log_sigma)
        self.h = delta * mp.exp(-log_sigma)
        self.near, self.far = self.a - self.h, self.a + self.h
        upper = _upper_tail(mp, self.near)
        beyond = mp.mpf(0) if self.outer else _upper_tail(mp, self.far)
        below = _upper_tail(mp, -self.near)
        self.nll = -mp.log(upper - beyond) if self.near > 0 else -mp.log1p(-below - beyond)
        self.at_near = mp.npdf(self.near) / (upper - beyond)
        self.at_far = mp.mpf(0) if self.outer else mp.npdf(self.far) / (upper - beyond)
        self.scale = self.nll * (1 + self.near**2) if self.near < 0 else self.nll
        self.terms = (
            (self.near * self.at_near, self.far * self.at_far)
            if self.outer or self.h > 0.5 or self.a * self.h > 0.25
            else (self.a * (self.at_near - self.at_far), self.h * (self.at_near + self.at_far))
        )


def _upper_tail(mp: Any, x: Any) -> Any:
    return mp.erfc(x / mp.sqrt(2)) / 2


def _discretized_gradient(mp: Any, *inputs: Any) -> tuple[Any, ...]:
    b, sigma, bins = _Bin(mp, *inputs), mp.exp(inputs[2]), inputs[3]
    slope = b.side * (b.at_near - b.at_far) / sigma
    d_log_sigma = b.far * b.at_far - b.near * b.at_near
    return slope, -slope, d_log_sigma, b.h * (b.at_near + b.at_far) / (bins - 1)


def _discretized_scale(mp: Any, *inputs: Any) -> tuple[Any, ...]:
    b, (slope, _, _, d_bins) = _Bin(mp, *inputs), _discretized_gradient(mp, *inputs)
    more = 1 + b.near**2 if b.near < 0 else 1
    return slope * more, slope * more, max(map(abs, b.terms)) * more, d_bins * more


CASES = {
    "vae.discretized_gaussian_nll": Case(
        sample=_pixel,
        exact=lambda mp, *inputs: _Bin(mp, *inputs).nll,
        scale=lambda mp, *inputs: _Bin(mp, *inputs).scale,
        gradient=_discretized_gradient,
        gradient_scale=_discretized_scale,
        ulp=5,
        gradient_ulp=8,
        known=(
            ((0.5, 0.0, -2.0, 256.0), "10.590054392506222346674081"),
            ((-1.0, 0.25, -1.0, 4.0), "5.0584151188460160562776063"),
            ((0.25, 0.25, -6.0, 256.0), "0.12062390720887683764116293"),
            ((0.75, -0.5, 3.0, 65536.0), "14.318067507836489788104785"),
            ((0.0, 0.5, 0.5, 3.0), "1.4787659182255673287483179"),
        ),
        edges=(
            ((0.0, 0.0, -INF, 256.0), 0.0),
            ((0.0, 0.5, -INF, 256.0), INF),
            ((0.0, 0.5, INF, 256.0), INF),
            ((1.0, 0.75, -INF, 3.0), 0.0),
            ((1.0, INF, 0.0, 256.0), 0.0),
            ((-1.0, INF, 0.0, 256.0), INF),
            ((0.0, -INF, 0.0, 256.0), INF),
            ((INF, 0.0, 0.0, 256.0), INF),
            ((0.0, 0.0, 0.0, 1.0), NAN),
            ((0.0, 0.0, 0.0, NAN), NAN),
            ((0.0, 0.0, 0.0, INF), NAN),
            ((NAN, 0.0, 0.0, 256.0), NAN),
            ((0.0, NAN, 0.0, 256.0), NAN),
            ((0.0, 0.0, NAN, 256.0), NAN),
        ),
        bits=("343f32c9f695b34f", "8dd4824291e9ed7e"),
    ),
}
