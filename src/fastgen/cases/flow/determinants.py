"""Cases of `fastgen.flow`: log-determinants of diagonals, and densities."""

from __future__ import annotations

import numpy as np

from fastgen.cases import case
from fastgen.cases.case import INF, NAN, Case

CASES = {
    "flow.logabsdet_diagonal": Case(
        sample=case.normal,
        exact=lambda mp, x: mp.log(abs(x)) if x else mp.mpf("-inf"),
        gradient=lambda mp, x: (1 / x if x else mp.inf,),
        ulp=1.5,
        known=(
            ((0.5,), "-0.69314718055994530941723212"),
            ((-1.25,), "0.22314355131420975576629509"),
            ((0.99951171875,), "-0.00048840049810887446498496356"),
            ((30000000000.0,), "24.124463218608566531575160"),
            ((1.0009765625,), "0.00097608597305545889596082491"),
        ),
        edges=(
            ((0.0,), -INF),
            ((-0.0,), -INF),
            ((INF,), INF),
            ((-INF,), INF),
            ((1.0,), 0.0),
            ((-1.0,), 0.0),
            ((NAN,), NAN),
        ),
        bits=("9b58a2224c5707d5", "1f787618efcb340f"),
    ),
    "flow.additive_coupling": Case(
        sample=lambda z: (z[0], z[1], np.where(z[2] > 0.5, 1.0, 0.0)),
        exact=lambda mp, x, shift, mask: (x if mask > 0.5 else x + shift, mp.mpf(0)),
        gradient=lambda mp, x, shift, mask, c, d: (c, 0 if mask > 0.5 else c, 0),
        ulp=(0.5, 0),
        gradient_ulp=0,
        known=(
            ((0.5, -0.75, 0.0), ("-0.25000000000000000000000000", "0.0")),
            ((-1.25, 2.0, 1.0), ("-1.2500000000000000000000000", "0.0")),
            ((3.0, 0.0009765625, 0.0), ("3.0009765625000000000000000", "0.0")),
        ),
        edges=(
            ((1.0, NAN, 1.0), (1.0, 0.0)),
            ((1.0, NAN, 0.0), (NAN, 0.0)),
            ((1.0, INF, 0.0), (INF, 0.0)),
        ),
        bits=("ee68ed5a65fdba38", "1bec804ee0ce907d"),
    ),
    "flow.additive_coupling_inverse": Case(
        sample=lambda z: (z[0], z[1], np.where(z[2] > 0.5, 1.0, 0.0)),
        exact=lambda mp, y, shift, mask: (y if mask > 0.5 else y - shift, mp.mpf(0)),
        gradient=lambda mp, y, shift, mask, c, d: (c, 0 if mask > 0.5 else -c, 0),
        ulp=(0.5, 0),
        gradient_ulp=0,
        known=(
            ((0.5, -0.75, 0.0), ("1.2500000000000000000000000", "0.0")),
            ((-1.25, 2.0, 1.0), ("-1.2500000000000000000000000", "0.0")),
            ((3.0, 0.0009765625, 0.0), ("2.9990234375000000000000000", "0.0")),
        ),
        edges=(
            ((1.0, NAN, 1.0), (1.0, 0.0)),
            ((1.0, NAN, 0.0), (NAN, 0.0)),
            ((1.0, INF, 0.0), (-INF, 0.0)),
        ),
        bits=("f35e021ccbf885e2", "4037dbb935bbdfcc"),
    ),
    "flow.log_prob": Case(
        sample=lambda z: (z[0], 5 * z[1]),
        exact=lambda mp, z, logabsdet: logabsdet - (z**2 + mp.log(2 * mp.pi)) / 2,
        gradient=lambda mp, z, logabsdet: (-z, 1),
        scale=lambda mp, z, logabsdet: max(abs(logabsdet), z**2 / 2, mp.log(2 * mp.pi) / 2),
        ulp=3,
        known=(
            ((0.5, 2.0), "0.95606146679532725821967026"),
            ((-3.25, -10.0), "-16.200188533204672741780330"),
            ((0.0, 0.9375), "0.018561466795327258219670264"),
        ),
        edges=(
            ((INF, 0.0), -INF),
            ((0.0, -INF), -INF),
            ((0.0, INF), INF),
            ((NAN, 0.0), NAN),
            ((0.0, NAN), NAN),
        ),
        bits=("67be2ea5c0164fde", "3cea861c432104c4"),
    ),
    "flow.slogdet_diagonal": Case(
        sample=case.normal,
        exact=lambda mp, x: (mp.sign(x), mp.log(abs(x)) if x else mp.mpf("-inf")),
        gradient=lambda mp, x, c, d: (d / x if x else mp.inf,),
        ulp=(0, 1.5),
        known=(
            ((0.5,), ("1.0000000000000000000000000", "-0.69314718055994530941723212")),
            ((-1.25,), ("-1.0000000000000000000000000", "0.22314355131420975576629509")),
            ((0.99951171875,), ("1.0000000000000000000000000", "-0.00048840049810887446498496356")),
        ),
        edges=(
            ((0.0,), (0.0, -INF)),
            ((-INF,), (-1.0, INF)),
            ((-1.0,), (-1.0, 0.0)),
            ((NAN,), (NAN, NAN)),
        ),
        bits=("108d380eb6302809", "ddb59ae6b5c9e6fe"),
    ),
}
