"""Cases of the draws of `fastgen.vae`."""

from __future__ import annotations

from typing import Any

from fastgen.cases import case
from fastgen.cases.case import INF, NAN, Case


def _draw(mp: Any, mu: Any, logvar: Any, noise: Any) -> Any:
    return mu + mp.exp(logvar / 2) * noise


def _larger(mp: Any, mu: Any, logvar: Any, noise: Any) -> Any:
    return max(abs(mu), abs(mp.exp(logvar / 2) * noise))


CASES = {
    "vae.sample_diag_normal": Case(
        sample=case.normal,
        exact=_draw,
        scale=_larger,
        gradient=lambda mp, mu, logvar, noise: (
            1,
            noise * mp.exp(logvar / 2) / 2,
            mp.exp(logvar / 2),
        ),
        ulp=3,
        gradient_ulp=4,
        known=(
            ((0.5, -1.0, 0.25), "0.65163266492815835590094988"),
            ((3.0, 2.5, -4.0), "-10.961371829847365504522184"),
            ((-2.0, -12.0, 1.5), "-1.9962818717350004623654322"),
            ((1.0, 0.0009765625, -0.75), "0.24963369964097914515536978"),
        ),
        edges=(
            ((1.5, -INF, 2.0), 1.5),
            ((1.5, INF, 2.0), INF),
            ((1.5, INF, -2.0), -INF),
            ((1.5, 3.0, 0.0), 1.5),
            ((NAN, 0.0, 1.0), NAN),
            ((0.0, NAN, 1.0), NAN),
            ((0.0, 0.0, NAN), NAN),
        ),
        bits=("7b248d02e063d0de", "d3a87c5f63ae4a35"),
    ),
    "vae.sample_diag_normal_with_log_prob": Case(
        sample=case.normal,
        exact=lambda mp, mu, logvar, noise: (
            _draw(mp, mu, logvar, noise),
            -(mp.log(2 * mp.pi) + logvar + noise**2) / 2,
        ),
        scale=lambda mp, mu, logvar, noise: (
            _larger(mp, mu, logvar, noise),
            max(mp.log(2 * mp.pi), abs(logvar), noise**2) / 2,
        ),
        gradient=lambda mp, mu, logvar, noise, c, d: (
            c,
            (c * mp.exp(logvar / 2) * noise - d) / 2,
            c * mp.exp(logvar / 2) - d * noise,
        ),
        gradient_scale=lambda mp, mu, logvar, noise, c, d: (
            c,
            max(abs(c * mp.exp(logvar / 2) * noise), abs(d)) / 2,
            max(abs(c * mp.exp(logvar / 2)), abs(d * noise)),
        ),
        ulp=3,
        gradient_ulp=4,
        known=(
            ((0.5, -1.0, 0.25), ("0.65163266492815835590094988", "-0.45018853320467274178032974")),
            ((3.0, 2.5, -4.0), ("-10.961371829847365504522184", "-10.168938533204672741780330")),
            ((-2.0, -12.0, 1.5), ("-1.9962818717350004623654322", "3.9560614667953272582196703")),
            (
                (1.0, 0.0009765625, -0.75),
                ("0.24963369964097914515536978", "-1.2006768144546727417803297"),
            ),
        ),
        edges=(
            ((1.5, -INF, 2.0), (1.5, INF)),
            ((1.5, INF, 2.0), (INF, -INF)),
            ((1.5, 0.0, INF), (INF, -INF)),
            ((NAN, 0.0, 1.0), (NAN, -1.4189385332046727)),
            ((0.0, NAN, 1.0), (NAN, NAN)),
            ((0.0, 0.0, NAN), (NAN, NAN)),
        ),
        bits=("2a4610fd2753552a", "2764c5299fd6e849"),
    ),
}
