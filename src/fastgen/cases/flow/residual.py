"""Cases of `fastgen.flow`: planar and radial flows of three dimensions."""

from __future__ import annotations

from typing import Any

import numpy as np

from fastgen.cases.case import NAN, Array, Case


def _dot(a: Any, b: Any) -> Any:
    return sum(p * q for p, q in zip(a, b, strict=True))


def _planar(mp: Any, x: Any, w: Any, u: Any, b: Any) -> Any:
    wu, ww = _dot(w, u), _dot(w, w)
    m = mp.log1p(mp.exp(wu)) - 1
    k = (m - wu) / ww
    h = mp.tanh(_dot(w, x) + b)
    y = [p + (q + k * r) * h for p, q, r in zip(x, u, w, strict=True)]
    return y, mp.log1p(m * (1 - h**2))


def _planar_sample(z: list[Array]) -> tuple[Array, ...]:
    """Sample inputs. `w` is away from 0, and small in long rows, so that tanh is rarely flat."""
    n = max(z[1].shape[-1:], default=1)
    scale = 2.0 ** -(max(n.bit_length() - 1, 0) // 2)
    return z[0], scale * np.where(z[1] < 0, -1, 1) * (np.abs(z[1]) + 0.5), z[2], z[3]


def _planar_gradient(mp: Any, *given: Any, size: Any = None) -> Any:
    """The vector-Jacobian product; with `size=abs`, the sums of the sizes of all terms."""
    x, w, u, b, c, d = given
    wx, wu, ww = _dot(w, x), _dot(w, u), _dot(w, w)
    m = mp.log1p(mp.exp(wu)) - 1
    h, g, rise = mp.tanh(wx + b), 1 / mp.cosh(wx + b) ** 2, 1 / (1 + mp.exp(-wu))
    f, k, fall = g / (1 + m * g), (m - wu) / ww, -1 / (1 + mp.exp(wu))
    two, one = mp.mpf(-2), mp.mpf(-1)
    if size is abs:  # also of the terms that cancel in a, m and k
        x, w, u, c = ([abs(v) for v in vector] for vector in (x, w, u, c))
        h, m, k = abs(h) + g, abs(m) + rise, (abs(m) + rise + abs(wu)) / ww
        d, fall, two, one = abs(d), -fall, -two, -one
    hcw = h * _dot(c, w)
    by_a = (_dot(c, u) + k * _dot(c, w)) * g + two * h * d * m * f
    by_wu = hcw * fall / ww + rise * d * f
    by_ww = one * k * hcw / ww
    return (
        [p + by_a * q for p, q in zip(c, w, strict=True)],
        [
            by_a * p + k * h * q + by_wu * r + 2 * by_ww * s
            for p, q, r, s in zip(x, c, u, w, strict=True)
        ],
        [h * p + by_wu * q for p, q in zip(c, w, strict=True)],
        by_a,
    )


def _radial(mp: Any, x: Any, x0: Any, log_alpha: Any, beta: Any) -> Any:
    alpha, s = mp.exp(log_alpha), mp.log1p(mp.exp(beta))
    offset = [p - q for p, q in zip(x, x0, strict=True)]
    r = mp.sqrt(_dot(offset, offset))
    k = (s - alpha) / (alpha + r)
    logabsdet = (len(x) - 1) * mp.log1p(k) + mp.log1p(alpha * k / (alpha + r))
    return [p + k * q for p, q in zip(x, offset, strict=True)], logabsdet


def _radial_gradient(mp: Any, x: Any, x0: Any, log_alpha: Any, beta: Any, c: Any, d: Any) -> Any:
    alpha, s, n = mp.exp(log_alpha), mp.log1p(mp.exp(beta)), len(x)
    offset = [p - q for p, q in zip(x, x0, strict=True)]
    r, dot = mp.sqrt(_dot(offset, offset)), _dot(c, offset)
    reach, product = alpha + r, r**2 + 2 * alpha * r + alpha * s
    k = (s - alpha) / reach
    by_r = (n - 1) * (1 / (r + s) - 1 / reach) + 2 * reach / product - 2 / reach
    by_alpha = (2 * r + s) / product - (n + 1) / reach
    by_s = (n - 1) / (r + s) + alpha / product
    pull = (d * by_r - dot * k / reach) / r if r else 0
    moved = [k * p + pull * q for p, q in zip(c, offset, strict=True)]
    return (
        [p + q for p, q in zip(c, moved, strict=True)],
        [-p for p in moved],
        alpha * (d * by_alpha - dot * (1 + k) / reach),
        (d * by_s + dot / reach) / (1 + mp.exp(-beta)),
    )


# The inner products have rounding errors of their sizes. Every result contains some of them.


def _largest(*parts: Any) -> Any:
    return max(abs(v) for part in parts for v in (part if isinstance(part, list) else [part]))


def _steepness(x: Any, w: Any, u: Any, b: Any) -> Any:
    return 1 + abs(b) + _largest(w) * (_largest(x) + _largest(u))


def _planar_scale(mp: Any, x: Any, w: Any, u: Any, b: Any) -> Any:
    y, logabsdet = _planar(mp, x, w, u, b)
    steep = _steepness(x, w, u, b)
    return [_largest(y, x) + 4 * (1 + _largest(u)) * steep] * len(x), max(abs(logabsdet), steep)


def _planar_gradient_scale(mp: Any, *given: Any) -> Any:
    steep = _steepness(*given[:4])
    x, w, u, b = _planar_gradient(mp, *given, size=abs)
    return (*([_largest(v) * steep] * len(v) for v in (x, w, u)), b * steep)


def _radial_scale(mp: Any, x: Any, x0: Any, log_alpha: Any, beta: Any) -> Any:
    y, logabsdet = _radial(mp, x, x0, log_alpha, beta)
    alpha, s = mp.exp(log_alpha), mp.log1p(mp.exp(beta))
    k = max(s, alpha) / alpha
    size = _largest(y, x, x0) * (1 + k) * (1 + abs(log_alpha))
    return [size] * len(x), max(abs(logabsdet), (1 + k) * (1 + abs(log_alpha)))


def _radial_gradient_scale(mp: Any, *given: Any) -> Any:
    x, x0, log_alpha, beta, c, d = given
    alpha, s, n = mp.exp(log_alpha), mp.log1p(mp.exp(beta)), len(x)
    offset = [abs(p - q) for p, q in zip(x, x0, strict=True)]
    r, dot = mp.sqrt(_dot(offset, offset)), _dot(map(abs, c), offset)
    reach, product = alpha + r, r**2 + 2 * alpha * r + alpha * s
    k = max(s, alpha) / reach
    by_r = n * (1 / (r + s) + 1 / reach) + 2 * reach / product
    by_alpha = (2 * r + s) / product + (n + 1) / reach
    by_s = (n - 1) / (r + s) + alpha / product
    pull = (abs(d) * by_r + dot * k / reach) / r if r else 0
    wider = 1 + abs(log_alpha) + (_largest(x, x0) / r if r else 0)
    moved = wider * ((1 + k) * _largest(c) + pull * r)
    return (
        [moved] * n,
        [moved] * n,
        wider * alpha * (abs(d) * by_alpha + dot * (1 + k) / reach),
        wider * (abs(d) * by_s + dot / reach) / (1 + mp.exp(-beta)),
    )


CASES = {
    "flow.planar": Case(
        dims={"n": 3},
        sample=_planar_sample,
        exact=_planar,
        gradient=_planar_gradient,
        scale=_planar_scale,
        gradient_scale=_planar_gradient_scale,
        ulp=(4, 4),
        gradient_ulp=8,
        known=(
            (
                ([0.5, -1.25, 2.0], [1.0, 0.75, -0.5], [0.25, 1.5, -2.0], 0.375),
                (
                    [
                        "0.69874245858784286100656034",
                        "-2.1333803469517834776330658",
                        "3.3755390434098866029081285",
                    ],
                    "0.44346641053564637674158249",
                ),
            ),
            (
                ([0.0, 1.0, -3.0], [0.5, -0.75, 0.125], [-4.0, 1.0, 0.5], -1.5),
                (
                    [
                        "2.9106736548862516245735999",
                        "1.5817882607350385921076856",
                        "-3.7566712091977619025470257",
                    ],
                    "-0.019594733578506044712663487",
                ),
            ),
            (
                ([1.0, 1.0, 1.0], [2.0, 1.0, 3.0], [0.0, 0.0, 0.0], 0.0),
                (
                    [
                        "0.95616442161064927893465074",
                        "0.97808221080532463946732537",
                        "0.93424663241597391840197611",
                    ],
                    "-0.0000075414112997992128599632123",
                ),
            ),
        ),
        edges=(
            (([1.0, 2.0], [0.0, 0.0], [1.0, 1.0], 0.0), ([1.0, 2.0], 0.0)),
            (([NAN, 2.0], [1.0, 0.0], [1.0, 0.0], 0.0), ([NAN, NAN], NAN)),
            (([0.0, 2.0], [1.0, 0.0], [0.0, 0.0], NAN), ([NAN, NAN], NAN)),
        ),
        bits=("5d5a8c7bd0bfc0d4", "60a59582032c9b9d"),
    ),
    "flow.radial": Case(
        dims={"n": 3},
        sample=tuple,
        exact=_radial,
        gradient=_radial_gradient,
        scale=_radial_scale,
        gradient_scale=_radial_gradient_scale,
        ulp=(4, 4),
        gradient_ulp=16,
        known=(
            (
                ([0.5, -1.25, 2.0], [1.0, 0.75, -0.5], 0.375, 1.0),
                (
                    [
                        "0.51509252473281284242047804",
                        "-1.1896299010687486303180878",
                        "1.9245373763359357878976098",
                    ],
                    "-0.070697713464575418000934868",
                ),
            ),
            (
                ([0.0, 1.0, -3.0], [0.5, -0.75, 0.125], -1.5, -2.0),
                (
                    [
                        "0.012527955366898900475534908",
                        "0.95615215621585384833562782",
                        "-2.9217002789568818720279068",
                    ],
                    "-0.052207478109325730372556139",
                ),
            ),
            (
                ([1.0, 1.0, 1.0], [2.0, 1.0, 3.0], 0.0, 3.0),
                (
                    [
                        "0.36695169390214850914983141",
                        "1.0000000000000000000000000",
                        "-0.26609661219570298170033718",
                    ],
                    "1.1595639143541174633294991",
                ),
            ),
        ),
        edges=(
            (([NAN, 2.0], [1.0, 0.0], 0.0, 0.0), ([NAN, NAN], NAN)),
            (([1.0, 2.0], [1.0, 0.0], NAN, 0.0), ([NAN, NAN], NAN)),
            (([1.0, 2.0], [1.0, 0.0], 0.0, NAN), ([NAN, NAN], NAN)),
        ),
        bits=("320e105e0b614680", "5eabcb0e9792ca8d"),
    ),
}
