"""Cases of `fastgen.flow`: normalization."""

from __future__ import annotations

from typing import Any

import numpy as np

from fastgen.cases.case import INF, NAN, Array, Case


def _normalized(z: Array) -> tuple[Array, ...]:
    """Return x, log_gamma, beta, mean, a variance above 1/8, and an eps of at most 1."""
    return z[0], z[1], z[2], z[3], np.abs(z[4]) + 0.125, np.minimum(np.abs(z[5]) / 8, 1)


def _batch_norm_terms(
    mp: Any, x: Any, lg: Any, beta: Any, mean: Any, var: Any, eps: Any, c: Any, d: Any
) -> tuple[tuple[Any, ...], ...]:
    s, spread = mp.exp(lg) / mp.sqrt(var + eps), 2 * (var + eps)
    by_lg = (c * (x - mean) * s, d)
    by_var = tuple(-t / spread for t in by_lg)
    return (c * s,), by_lg, (c,), (-c * s,), by_var, by_var


def _batch_norm_inverse_terms(
    mp: Any, y: Any, lg: Any, beta: Any, mean: Any, var: Any, eps: Any, c: Any, d: Any
) -> tuple[tuple[Any, ...], ...]:
    s, spread = mp.sqrt(var + eps) * mp.exp(-lg), 2 * (var + eps)
    by_lg = (-c * (y - beta) * s, -d)
    by_var = tuple(-t / spread for t in by_lg)
    return (c * s,), by_lg, (-c * s,), (c,), by_var, by_var


CASES = {
    "flow.batch_norm": Case(
        sample=_normalized,
        exact=lambda mp, x, lg, beta, mean, var, eps: (
            (x - mean) / mp.sqrt(var + eps) * mp.exp(lg) + beta,
            lg - mp.log(var + eps) / 2,
        ),
        scale=lambda mp, x, lg, beta, mean, var, eps: (
            max(abs(x - mean) / mp.sqrt(var + eps) * mp.exp(lg), abs(beta)),
            max(abs(lg), abs(mp.log(var + eps)) / 2, 1 / mp.mpf(2)),
        ),
        gradient=lambda mp, *given: tuple(map(sum, _batch_norm_terms(mp, *given))),
        gradient_scale=lambda mp, *given: tuple(
            max(map(abs, t)) for t in _batch_norm_terms(mp, *given)
        ),
        ulp=(6, 3),
        gradient_ulp=8,
        known=(
            (
                (0.5, -0.75, 0.25, 0.125, 2.0, 0.0),
                ("0.37525509724333166772311462", "-1.0965735902799726547086161"),
            ),
            (
                (-1.25, 2.0, 3.0, 1.0, 0.25, 0.0009765625),
                ("-30.185999214416020959062084", "2.6911978603521166479102634"),
            ),
            (
                (3.0, 0.0009765625, -2.0, 4.0, 9.0, 0.5),
                ("-2.3247598357314464547987700", "-1.1246693368032475752958977"),
            ),
        ),
        edges=(
            ((3.0, 0.0, 1.0, 1.0, 3.0, 1.0), (2.0, -0.6931471805599453)),
            ((3.0, 0.0, 1.0, 1.0, 0.0, 0.0), (INF, INF)),
            ((NAN, 0.0, 1.0, 1.0, 1.0, 0.0), (NAN, 0.0)),
            ((3.0, 0.0, 1.0, 1.0, -3.0, 1.0), (NAN, NAN)),
        ),
        bits=("9df4d9833b79adca", "78965c47254bacc9"),
    ),
    "flow.batch_norm_inverse": Case(
        sample=_normalized,
        exact=lambda mp, y, lg, beta, mean, var, eps: (
            (y - beta) * mp.sqrt(var + eps) * mp.exp(-lg) + mean,
            mp.log(var + eps) / 2 - lg,
        ),
        scale=lambda mp, y, lg, beta, mean, var, eps: (
            max(abs(y - beta) * mp.sqrt(var + eps) * mp.exp(-lg), abs(mean)),
            max(abs(lg), abs(mp.log(var + eps)) / 2, 1 / mp.mpf(2)),
        ),
        gradient=lambda mp, *given: tuple(map(sum, _batch_norm_inverse_terms(mp, *given))),
        gradient_scale=lambda mp, *given: tuple(
            max(map(abs, t)) for t in _batch_norm_inverse_terms(mp, *given)
        ),
        ulp=(6, 3),
        gradient_ulp=8,
        known=(
            (
                (0.5, -0.75, 0.25, 0.125, 2.0, 0.0),
                ("0.87347253375942801046549963", "1.0965735902799726547086161"),
            ),
            (
                (-1.25, 2.0, 3.0, 1.0, 0.25, 0.0009765625),
                ("0.71185137629226353379456547", "-2.6911978603521166479102634"),
            ),
            (
                (3.0, 0.0009765625, -2.0, 4.0, 9.0, 0.5),
                ("19.395992514710619485954959", "1.1246693368032475752958977"),
            ),
        ),
        edges=(
            ((2.0, 0.0, 1.0, 1.0, 3.0, 1.0), (3.0, 0.6931471805599453)),
            ((2.0, 0.0, 1.0, 1.0, 0.0, 0.0), (1.0, -INF)),
            ((NAN, 0.0, 1.0, 1.0, 1.0, 0.0), (NAN, 0.0)),
            ((3.0, 0.0, 1.0, 1.0, -3.0, 1.0), (NAN, NAN)),
        ),
        bits=("e355b4e0c5e5df0c", "a88ab4d55bba44db"),
    ),
}
