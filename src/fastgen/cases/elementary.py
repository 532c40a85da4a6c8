"""Cases of `fastgen.elementary`."""

from __future__ import annotations

from typing import Any

import numpy as np

from fastgen.cases import case
from fastgen.cases.case import INF, NAN, Case


def _mills_ratio(mp: Any, x: Any) -> Any:
    """Return the upper tail of the standard normal, divided by its density."""
    if x > 1e4:
        return mp.fsum((-1) ** k * mp.fac2(2 * k - 1) / x ** (2 * k + 1) for k in range(12))
    return _tail(mp, x) / mp.npdf(x)


def _tail(mp: Any, x: Any) -> Any:
    """Return the upper tail of the standard normal; 0 for large x, where mpmath overflows."""
    return mp.erfc(x / mp.sqrt(2)) / 2 if x < 1e4 else mp.mpf(0)


def _norm(mp: Any, x: Any) -> Any:
    return mp.sqrt(mp.fsum(a * a for a in x))


def _ends_and_weight(z: Any) -> tuple[Any, ...]:
    return z[0], z[1], np.minimum(np.abs(z[2]) / 2, 1)


def _log_ndtr(mp: Any, x: Any) -> Any:
    if x > 0:
        return mp.log1p(-_tail(mp, x))
    return -(x**2) / 2 + mp.log(_mills_ratio(mp, -x) / mp.sqrt(2 * mp.pi))


def _log_ndtr_gradient(mp: Any, x: Any) -> Any:
    return mp.npdf(x) / _tail(mp, -x) if x > 0 else 1 / _mills_ratio(mp, -x)


CASES = {
    "elementary.exp": Case(
        sample=case.spread,
        exact=lambda mp, x: mp.exp(x),
        gradient=lambda mp, x: (mp.exp(x),),
        ulp=1,
        known=(
            ((0.5,), "1.6487212707001281468486508"),
            ((-1.25,), "0.28650479686019010032488543"),
            ((0.000244140625,), "1.0002441704297478549370052"),
            ((-20.5,), "1.2501528663867426289375531e-9"),
            ((9.0,), "8103.0839275753840077099967"),
        ),
        edges=(((-INF,), 0.0), ((INF,), INF), ((0.0,), 1.0), ((NAN,), NAN), ((1e4,), INF)),
        bits=("900b11d0b7040e24", "352048db05dcba2d"),
    ),
    "elementary.expm1": Case(
        sample=case.spread,
        exact=lambda mp, x: mp.expm1(x),
        gradient=lambda mp, x: (mp.exp(x),),
        ulp=1,
        known=(
            ((0.5,), "0.64872127070012814684865079"),
            ((-1.25,), "-0.71349520313980989967511457"),
            ((0.000244140625,), "0.00024417042974785493700523392"),
            ((-20.5,), "-0.99999999874984713361325737"),
            ((9.0,), "8102.0839275753840077099967"),
        ),
        edges=(((-INF,), -1.0), ((INF,), INF), ((-0.0,), -0.0), ((NAN,), NAN)),
        bits=("bb50636cf6082376", "d72752ae66532d5a"),
    ),
    "elementary.expm1_minus_x": Case(
        sample=case.spread,
        exact=lambda mp, x: mp.expm1(x) - x,
        gradient=lambda mp, x: (mp.expm1(x),),
        ulp=2,
        known=(
            ((0.5,), "0.14872127070012814684865079"),
            ((-1.25,), "0.53650479686019010032488543"),
            ((0.000244140625,), "2.9804747854937005233924136e-8"),
            ((-20.5,), "19.500000001250152866386743"),
            ((9.0,), "8093.0839275753840077099967"),
        ),
        edges=(((-INF,), INF), ((INF,), INF), ((-0.0,), 0.0), ((NAN,), NAN)),
        bits=("ca348c899a0d1a1d", "5504f75bad94ca27"),
    ),
    "elementary.log": Case(
        sample=case.positive,
        exact=lambda mp, x: mp.log(x),
        gradient=lambda mp, x: (1 / x,),
        ulp=1,
        known=(
            ((0.5,), "-0.69314718055994530941723212"),
            ((1.25,), "0.22314355131420975576629509"),
            ((0.000244140625,), "-8.3177661667193437130067855"),
            ((20.5,), "3.0204248861443624944495313"),
            ((9.0,), "2.1972245773362193827904905"),
        ),
        edges=(((0.0,), -INF), ((-0.0,), -INF), ((-1.0,), NAN), ((INF,), INF), ((1.0,), 0.0)),
        bits=("82cad53e75c0c896", "276b19c72b39bac3"),
    ),
    "elementary.log1p": Case(
        sample=case.above_minus_one,
        exact=lambda mp, x: mp.log1p(x),
        gradient=lambda mp, x: (1 / (1 + x),),
        ulp=1,
        known=(
            ((0.5,), "0.40546510810816438197801312"),
            ((0.5,), "0.40546510810816438197801312"),
            ((0.000244140625,), "0.00024411082752736270916047909"),
            ((19.75,), "3.0325462466767073046410080"),
            ((9.0,), "2.3025850929940456840179915"),
        ),
        edges=(((-1.0,), -INF), ((-0.0,), -0.0), ((-2.0,), NAN), ((INF,), INF)),
        bits=("7110e11861835f7d", "fe7a7f9715c14597"),
    ),
    "elementary.ndtr": Case(
        sample=case.normal,
        exact=lambda mp, x: _tail(mp, -x),
        gradient=lambda mp, x: (mp.npdf(min(abs(x), 1e4)),),
        ulp=5,
        known=(
            ((0.5,), "0.69146246127401310363770461"),
            ((-1.25,), "0.10564977366685525768877276"),
            ((0.000244140625,), "0.50009739801670856865930286"),
            ((-12.5,), "3.7325642988777133772258363e-36"),
            ((4.0,), "0.99996832875816688007874623"),
        ),
        edges=(((-INF,), 0.0), ((INF,), 1.0), ((0.0,), 0.5), ((NAN,), NAN), ((-1e4,), 0.0)),
        bits=("2b1013abc0b31288", "f38b5eb0c67ed555"),
    ),
    "elementary.log_ndtr": Case(
        sample=case.spread,
        exact=_log_ndtr,
        gradient=lambda mp, x: (_log_ndtr_gradient(mp, x),),
        ulp=5,
        gradient_ulp=6,
        known=(
            ((0.5,), "-0.36894641528865639306561564"),
            ((-1.25,), "-2.2476256772143181847047408"),
            ((0.000244140625,), "-0.69295240349681197225260022"),
            ((-200.5,), "-20106.344777653871706625374"),
            ((9.0,), "-1.1285884059538406477991877e-19"),
        ),
        edges=(((-INF,), -INF), ((INF,), -0.0), ((NAN,), NAN), ((1e4,), -0.0)),
        bits=("f72f3223a81855f3", "f812b23b4aac34d3"),
    ),
    "elementary.sigmoid": Case(
        sample=case.spread,
        exact=lambda mp, x: 1 / (1 + mp.exp(-x)),
        gradient=lambda mp, x: (1 / ((1 + mp.exp(-x)) * (1 + mp.exp(x))),),
        ulp=2,
        known=(
            ((0.5,), "0.62245933120185456463890057"),
            ((-1.25,), "0.22270013882530885300048045"),
            ((0.000244140625,), "0.50006103515594683510121603"),
            ((-20.5,), "1.2501528648238604415564060e-9"),
            ((9.0,), "0.99987660542401376827025309"),
        ),
        edges=(((-INF,), 0.0), ((INF,), 1.0), ((0.0,), 0.5), ((NAN,), NAN)),
        bits=("c940f8a77249762b", "56d2f0d52b0e1dde"),
        gradient_ulp=5,
    ),
    "elementary.softplus": Case(
        sample=case.spread,
        exact=lambda mp, x: mp.log1p(mp.exp(x)),
        gradient=lambda mp, x: (1 / (1 + mp.exp(-x)),),
        ulp=2,
        known=(
            ((0.5,), "0.97407698418010668087299736"),
            ((-1.25,), "0.25192908134537288895341873"),
            ((0.000244140625,), "0.69326925832302588783734324"),
            ((-20.5,), "1.2501528656053015349213393e-9"),
            ((9.0,), "9.0001234021897232588163501"),
        ),
        edges=(((-INF,), 0.0), ((INF,), INF), ((NAN,), NAN), ((800.0,), 800.0)),
        bits=("1a8d989e2a9db185", "c53aae64ade09c0b"),
    ),
    "elementary.tanh": Case(
        sample=case.normal,
        exact=lambda mp, x: mp.tanh(x),
        gradient=lambda mp, x: (mp.sech(x) ** 2,),
        ulp=2,
        known=(
            ((0.5,), "0.46211715726000975850231848"),
            ((-1.25,), "-0.84828363995751289761338765"),
            ((0.000244140625,), "0.00024414062014936170619261167"),
            ((-20.5,), "-0.99999999999999999687423562"),
            ((9.0,), "0.99999996954004097447930211"),
        ),
        edges=(((-INF,), -1.0), ((INF,), 1.0), ((-0.0,), -0.0), ((NAN,), NAN)),
        bits=("60c762584d989cd5", "9a46abf09279f0be"),
        gradient_ulp=5,
    ),
    "elementary.x_minus_log1p": Case(
        sample=case.above_minus_one,
        exact=lambda mp, x: x - mp.log1p(x),
        gradient=lambda mp, x: (x / (1 + x),),
        ulp=2.5,
        known=(
            ((0.5,), "0.094534891891835618021986885"),
            ((-0.75,), "0.63629436111989061883446424"),
            ((0.000244140625,), "2.9797472637290839520914177e-8"),
            ((19.75,), "16.717453753323292695358992"),
            ((-0.0009765625,), "0.00000047714782661278596807515175"),
        ),
        edges=(((-1.0,), INF), ((-0.0,), 0.0), ((-2.0,), NAN), ((INF,), INF), ((NAN,), NAN)),
        bits=("fdc208a38e40af83", "0809dd2d2cec0f4a"),
    ),
    "elementary.lerp": Case(
        sample=_ends_and_weight,
        exact=lambda mp, x, y, t: x + t * (y - x),
        scale=lambda mp, x, y, t: max(abs(x), abs(y)),
        gradient=lambda mp, x, y, t: (1 - t, t, y - x),
        ulp=1.5,
        gradient_ulp=1,
        known=(
            ((0.5, -1.25, 0.75), "-0.8125000000000000000000000"),
            ((3.0, 0.0009765625, 0.03125), "2.906280517578125000000000"),
            ((-2.0, 2.0, 0.5), "0"),
        ),
        edges=(
            ((1.5, -2.0, 0.0), 1.5),
            ((1.5, -2.0, 1.0), -2.0),
            ((0.1, 0.1, 0.3), 0.1),
            ((1.0, INF, 0.5), INF),
            ((-INF, 1.0, 0.25), -INF),
            ((INF, INF, 0.25), INF),
            ((INF, -INF, 0.25), NAN),
            ((NAN, 1.0, 0.5), NAN),
            ((1.0, NAN, 0.5), NAN),
            ((1.0, 3.0, NAN), NAN),
        ),
        bits=("515643c41561fc20", "e6af4e2bb35c1b91"),
    ),
    "elementary.squared_norm": Case(
        sample=case.normal,
        exact=lambda mp, x: x**2,
        gradient=lambda mp, x: (2 * x,),
        ulp=0.5,
        known=(
            ((0.5,), "0.25000000000000000000000000"),
            ((-1.25,), "1.5625000000000000000000000"),
            ((-20.5,), "420.25000000000000000000000"),
        ),
        edges=(((-0.0,), 0.0), ((-INF,), INF), ((NAN,), NAN)),
        bits=("67942359a3719d3f", "f4815266a888804e"),
    ),
    "elementary.logsumexp": Case(
        sample=case.spread,
        dims={"n": 5},
        exact=lambda mp, x: mp.log(sum(mp.exp(a) for a in x)),
        scale=lambda mp, x: max(1, *map(abs, x)),
        gradient=lambda mp, x: ([mp.exp(a) / sum(mp.exp(b) for b in x) for a in x],),
        ulp=2,
        known=(
            (((0.5, -1.25),), "0.66022415043808722688694764"),
            (((20.0, 20.0, -3.0),), "20.693147180611254707574425"),
            (((-100.0, -90.5, -91.0, -300.0),), "-90.025876424685305953452133"),
        ),
        edges=(
            (((2.5,),), 2.5),
            (((INF, 1.0),), INF),
            (((INF, INF),), INF),
            (((-INF, -INF),), -INF),
            (((-INF, 0.5),), 0.5),
            (((NAN, 1.0),), NAN),
            (((INF, NAN),), NAN),
        ),
        bits=("3104a69011de5d13", "42f74fd12fc35ff9"),
    ),
    "elementary.norm": Case(
        sample=case.spread,
        dims={"n": 5},
        exact=_norm,
        gradient=lambda mp, x: ([a / _norm(mp, x) if any(x) else a for a in x],),
        ulp=1.5,
        gradient_ulp=2,
        known=(
            (((3.0, -4.0),), "5.0000000000000000000000000"),
            (((0.5, -1.25, 20.0),), "20.045261285401096013322411"),
            (((0.000244140625, 9.0),), "9.0000000033113691535791922"),
        ),
        edges=(
            (((0.0, -0.0),), 0.0),
            (((-2.5,),), 2.5),
            (((INF, 1.0),), INF),
            (((1.0, -INF),), INF),
            (((NAN, 1.0),), NAN),
            (((INF, NAN),), NAN),
        ),
        bits=("46d044996df53fae", "e553bf419731ce3f"),
    ),
    "elementary.total": Case(
        sample=case.normal,
        exact=lambda mp, x: x,
        gradient=lambda mp, x: (mp.mpf(1),),
        ulp=0.5,
        known=(
            ((0.5,), "0.50000000000000000000000000"),
            ((-1.25,), "-1.2500000000000000000000000"),
            ((0.000244140625,), "0.00024414062500000000000000000"),
            ((-20.5,), "-20.500000000000000000000000"),
            ((9.0,), "9.0000000000000000000000000"),
        ),
        edges=(((-0.0,), 0.0), ((INF,), INF), ((NAN,), NAN)),
        bits=("0bc14aa7c56b00e2", "f68d0d113bfa7f7b"),
    ),
}
