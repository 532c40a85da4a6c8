"""Cases of `fastgen.guidance`: combinations of predictions, element by element."""

from __future__ import annotations

import numpy as np

from fastgen.cases import case
from fastgen.cases.case import INF, NAN, Array, Case


def _limit(z: list[Array]) -> tuple[Array, ...]:
    return 2 * z[0], np.abs(z[1]) + 0.5


CASES = {
    "guidance.cfg": Case(
        call=lambda f, u, c, s: f(u, c, s, axis=-1),
        sample=case.normal,
        exact=lambda mp, u, c, s: u + s * (c - u),
        scale=lambda mp, u, c, s: abs(u) + abs(s * (c - u)),
        gradient=lambda mp, u, c, s: (1 - s, s, c - u),
        gradient_scale=lambda mp, u, c, s: (max(1, abs(s)), s, max(abs(c), abs(u))),
        ulp=2,
        known=(
            ((0.5, -1.0, 7.5), "-10.750000000000000000000000"),
            ((1.25, 1.25048828125, 30.0), "1.2646484375000000000000000"),
            ((-3.0, 2.0, 0.25), "-1.7500000000000000000000000"),
        ),
        edges=(
            ((0.5, -1.0, 1.0), -1.0),
            ((0.5, -1.0, 0.0), 0.5),
            ((2.0, 2.0, 7.5), 2.0),
            ((INF, 1.0, 2.0), NAN),
            ((1.0, INF, 2.0), INF),
            ((NAN, 1.0, 2.0), NAN),
            ((1.0, NAN, 2.0), NAN),
            ((1.0, 2.0, NAN), NAN),
        ),
        bits=("d56593d7d1e580a8", "db82185b826640ee"),
    ),
    "guidance.combine_2": Case(
        call=lambda f, b, p, q, s, t: f(b, (p, q), (s, t), axis=-1),
        sample=case.normal,
        exact=lambda mp, b, p, q, s, t: b + s * (p - b) + t * (q - b),
        scale=lambda mp, b, p, q, s, t: abs(b) + abs(s * (p - b)) + abs(t * (q - b)),
        gradient=lambda mp, b, p, q, s, t: (1 - s - t, s, t, p - b, q - b),
        gradient_scale=lambda mp, b, p, q, s, t: (
            max(1, abs(s), abs(t)),
            s,
            t,
            max(abs(p), abs(b)),
            max(abs(q), abs(b)),
        ),
        ulp=2,
        known=(
            ((0.5, -1.0, 2.0, 7.5, -1.5), "-13.000000000000000000000000"),
            ((1.0, 1.25, 1.5, 2.0, 3.0), "3.0000000000000000000000000"),
            ((-2.0, 0.0, 4.0, 0.125, 0.5), "1.2500000000000000000000000"),
        ),
        edges=(
            ((2.0, 2.0, 2.0, 5.0, 7.0), 2.0),
            ((1.0, 2.0, 3.0, 0.0, 0.0), 1.0),
            ((1.0, INF, 3.0, 1.0, 1.0), INF),
            ((NAN, 1.0, 2.0, 1.0, 1.0), NAN),
            ((1.0, 1.0, NAN, 1.0, 1.0), NAN),
        ),
        bits=("f30690b5ad6ecb6a", "0cc0827c45305682"),
    ),
    "guidance.combine_3": Case(
        call=lambda f, b, p, q, r, s, t, v: f(b, (p, q, r), (s, t, v), axis=-1),
        sample=case.normal,
        exact=lambda mp, b, p, q, r, s, t, v: b + s * (p - b) + t * (q - b) + v * (r - b),
        scale=lambda mp, b, p, q, r, s, t, v: (
            abs(b) + abs(s * (p - b)) + abs(t * (q - b)) + abs(v * (r - b))
        ),
        gradient=lambda mp, b, p, q, r, s, t, v: (1 - s - t - v, s, t, v, p - b, q - b, r - b),
        gradient_scale=lambda mp, b, p, q, r, s, t, v: (
            max(1, abs(s), abs(t), abs(v)),
            s,
            t,
            v,
            max(abs(p), abs(b)),
            max(abs(q), abs(b)),
            max(abs(r), abs(b)),
        ),
        ulp=3,
        known=(
            ((0.5, -1.0, 2.0, 1.0, 7.5, -1.5, 2.0), "-12.000000000000000000000000"),
            ((1.0, 1.25, 1.5, 0.0, 2.0, 3.0, 0.5), "2.5000000000000000000000000"),
            ((-2.0, 0.0, 4.0, 1.0, 0.125, 0.5, -1.0), "-1.7500000000000000000000000"),
        ),
        edges=(
            ((2.0, 2.0, 2.0, 2.0, 5.0, 7.0, 1.0), 2.0),
            ((1.0, 2.0, 3.0, 4.0, 0.0, 0.0, 0.0), 1.0),
            ((NAN, 1.0, 2.0, 3.0, 1.0, 1.0, 1.0), NAN),
        ),
        bits=("366b8279b8757d84", "fed13b414a6b171a"),
    ),
    "guidance.combine_more": Case(
        call=lambda f, total, b, p, s: f(b, (p,), (s,), start=total, axis=-1),
        sample=case.normal,
        exact=lambda mp, total, b, p, s: total + s * (p - b),
        scale=lambda mp, total, b, p, s: abs(total) + abs(s * (p - b)),
        gradient=lambda mp, total, b, p, s: (mp.mpf(1), -s, s, p - b),
        gradient_scale=lambda mp, total, b, p, s: (1, s, s, max(abs(p), abs(b))),
        ulp=2,
        known=(
            ((0.5, -1.0, 2.0, 7.5), "23.000000000000000000000000"),
            ((1.0, 1.25, 1.5, 2.0), "1.5000000000000000000000000"),
            ((-2.0, 0.0, 4.0, 0.125), "-1.5000000000000000000000000"),
        ),
        edges=(
            ((2.0, 3.0, 3.0, 5.0), 2.0),
            ((1.0, 2.0, 3.0, 0.0), 1.0),
            ((1.0, NAN, 3.0, 1.0), NAN),
        ),
        bits=("6f37ad26f7709235", "6011b4d41a8614c5"),
    ),
    "guidance.classifier_mean": Case(
        call=lambda f, m, v, g, s: f(m, v, g, scale=s, axis=-1),
        sample=case.normal,
        exact=lambda mp, m, v, g, s: m + s * v * g,
        scale=lambda mp, m, v, g, s: abs(m) + abs(s * v * g),
        gradient=lambda mp, m, v, g, s: (mp.mpf(1), s * g, s * v, v * g),
        ulp=2,
        known=(
            ((0.5, 0.25, -1.0, 2.0), "0.0"),
            ((1.0, 0.0009765625, 3.0, 1.0), "1.0029296875000000000000000"),
            ((-2.0, 1.5, 4.0, 0.5), "1.0000000000000000000000000"),
        ),
        edges=(
            ((1.0, 0.0, 5.0, 1.0), 1.0),
            ((1.0, 2.0, 0.0, 1.0), 1.0),
            ((1.0, 2.0, NAN, 1.0), NAN),
        ),
        bits=("2baf4a02ec1a0f8a", "a92173144a9093f6"),
    ),
    "guidance.classifier_epsilon": Case(
        call=lambda f, e, g, sigma, s: f(e, g, sigma, scale=s, axis=-1),
        sample=case.normal,
        exact=lambda mp, e, g, sigma, s: e - s * sigma * g,
        scale=lambda mp, e, g, sigma, s: abs(e) + abs(s * sigma * g),
        gradient=lambda mp, e, g, sigma, s: (mp.mpf(1), -s * sigma, -s * g, -sigma * g),
        ulp=2,
        known=(
            ((0.5, 0.25, 0.75, 2.0), "0.12500000000000000000000000"),
            ((1.0, -3.0, 0.0009765625, 1.0), "1.0029296875000000000000000"),
            ((-2.0, 1.5, 1.0, 0.5), "-2.7500000000000000000000000"),
        ),
        edges=(
            ((1.0, 5.0, 0.0, 1.0), 1.0),
            ((1.0, 0.0, 0.5, 1.0), 1.0),
            ((1.0, NAN, 0.5, 1.0), NAN),
        ),
        bits=("92a5bb2cd096af3a", "667a64b8e8b8c2d2"),
    ),
    "guidance.scale_to_limit": Case(
        call=lambda f, x, m: f(x, m, axis=-1),
        sample=_limit,
        exact=lambda mp, x, m: max(-m, min(m, x)) / m,
        gradient=lambda mp, x, m: (1 / m, -x / m**2) if abs(x) <= m else (mp.mpf(0), mp.mpf(0)),
        ulp=0.5,
        known=(
            ((0.5, 1.5), "0.33333333333333333333333333"),
            ((-2.0, 3.0), "-0.66666666666666666666666667"),
            ((5.0, 3.0), "1.0000000000000000000000000"),
        ),
        edges=(
            ((2.0, 2.0), 1.0),
            ((-9.0, 2.0), -1.0),
            ((INF, 2.0), 1.0),
            ((-INF, 2.0), -1.0),
            ((NAN, 2.0), NAN),
            ((1.0, NAN), NAN),
        ),
        bits=("2ae923e50248c647", "6a0528b9f091baca"),
    ),
}
