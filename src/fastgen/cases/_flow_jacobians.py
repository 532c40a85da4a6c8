"""The case of `fastgen.flow.slogdet`."""

from __future__ import annotations

from typing import Any

from fastgen.cases.case import INF, NAN, Case


def _inverse(mp: Any, a: Any) -> Any:
    return mp.inverse(mp.matrix(a))


def _slogdet(mp: Any, a: Any) -> tuple[Any, Any]:
    determinant = mp.det(mp.matrix(a))
    return mp.sign(determinant), mp.log(abs(determinant))


def _condition(mp: Any, a: Any) -> Any:
    """What rounding an element may change of the log-determinant, if of the size of the largest."""
    return mp.norm(mp.matrix(a), 2) * mp.norm(_inverse(mp, a), 2)


def _gradient(mp: Any, a: Any, c: Any, d: Any) -> tuple[Any]:
    return (((d * _inverse(mp, a)).T).tolist(),)


def _gradient_scale(mp: Any, a: Any, c: Any, d: Any) -> tuple[Any]:
    size = abs(d) * _condition(mp, a) * mp.norm(_inverse(mp, a), 2)
    return ([[size] * len(a)] * len(a),)


CASES = {
    "flow.slogdet": Case(
        dims={"d": 3},
        sample=tuple,
        exact=_slogdet,
        scale=lambda mp, a: (1, max(_condition(mp, a), abs(_slogdet(mp, a)[1]))),
        gradient=_gradient,
        gradient_scale=_gradient_scale,
        ulp=(0, 2),
        gradient_ulp=2,
        known=(
            (
                (((0.0, 2.0), (-0.25, 5.0)),),
                ("1.0000000000000000000000000", "-0.69314718055994530941723212"),
            ),
            (
                (((1.0, 1.0009765625), (0.9990234375, 1.0)),),
                ("1.0000000000000000000000000", "-13.862943611198906188344642"),
            ),
            (
                (((1.0, 2.0, 3.0), (-4.0, 5.0, 6.5), (7.0, -8.25, 9.0)),),
                ("1.0000000000000000000000000", "5.5437115267970661920625852"),
            ),
            (
                (((-30000000000.0,),),),
                ("-1.0000000000000000000000000", "24.124463218608566531575160"),
            ),
        ),
        edges=(
            ((((1.0, 2.0), (2.0, 4.0)),), (0.0, -INF)),
            ((((0.1, 0.7, 1.0), (3.0, 5.0, 7.0), (0.1, 0.7, 1.0)),), (0.0, -INF)),
            ((((0.0, 0.0), (0.0, 1.0)),), (0.0, -INF)),
            ((((0.0, 1.0), (1.0, 0.0)),), (-1.0, 0.0)),
            ((((INF, 0.0), (0.0, -1.0)),), (-1.0, INF)),
            ((((1.0, 2.0), (NAN, 1.0)),), (NAN, NAN)),
            ((((NAN, 0.0), (0.0, 0.0)),), (NAN, NAN)),
        ),
        bits=("4fbcdb259599be98", "2195649288f6fd7e"),
    ),
}
