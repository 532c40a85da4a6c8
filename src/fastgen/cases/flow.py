"""Cases of `fastgen.flow`."""

from __future__ import annotations

from fastgen.cases import case
from fastgen.cases.case import INF, NAN, Case

CASES = {
    "flow.logabsdet_diagonal": Case(
        sample=case.normal,
        exact=lambda mp, x: mp.log(abs(x)) if x else mp.mpf("-inf"),
        gradient=lambda mp, x: (1 / x if x else mp.inf,),
        ulp=1,
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
        bits=("9b58a2224c5707d5", "8a36554ec6829da0"),
    ),
}
