"""The case of `fastgen.flow.slogdet`."""

from __future__ import annotations

from typing import Any

from fastgen.cases.case import INF, NAN, Case

Matrix = list[list[Any]]


def _solved(a: Any) -> tuple[Any, Matrix]:
    """Determinant and inverse, by elimination, of a matrix of mpmath's numbers or floats."""
    n = len(a)
    rows = [[*row, *(int(i == j) for j in range(n))] for i, row in enumerate(a)]
    determinant: Any = 1
    for k in range(n):
        pivot = max(range(k, n), key=lambda i: abs(rows[i][k]))
        if pivot != k:
            rows[k], rows[pivot] = rows[pivot], rows[k]
            determinant = -determinant
        determinant = determinant * rows[k][k]
        rows[k] = [x / rows[k][k] for x in rows[k]]
        for i in range(n):
            if i != k:
                rows[i] = [x - rows[i][k] * y for x, y in zip(rows[i], rows[k], strict=True)]
    return determinant, [row[n:] for row in rows]


def _norm(mp: Any, a: Any) -> Any:
    return mp.sqrt(sum(x * x for row in a for x in row))


def _slogdet(mp: Any, a: Any) -> tuple[Any, Any]:
    determinant = _solved(a)[0]
    return mp.sign(determinant), mp.log(abs(determinant))


def _condition(mp: Any, a: Any) -> Any:
    """Condition number: how much a rounded element may change the log-determinant."""
    return _norm(mp, a) * _norm(mp, _solved(a)[1])


def _gradient(mp: Any, a: Any, c: Any, d: Any) -> tuple[Any]:
    return ([[d * x for x in column] for column in zip(*_solved(a)[1], strict=True)],)


def _gradient_scale(mp: Any, a: Any, c: Any, d: Any) -> tuple[Any]:
    size = abs(d) * _condition(mp, a) * _norm(mp, _solved(a)[1])
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
