"""Cases of `fastgen.guidance.cfg_rescale` and its statistics."""

from __future__ import annotations

from typing import Any

from fastgen.cases import case
from fastgen.cases.case import NAN, Case
from fastgen.cases.guidance.samples import (
    ROW,
    all_alike,
    dot,
    each_of,
    guided,
    of_guided,
    ratio_of,
)


def _deviations(x: list[Any]) -> list[Any]:
    mean = sum(x) / len(x)
    return [a - mean for a in x]


def _rescaled(mp: Any, u: list[Any], c: list[Any], s: Any, r: Any) -> tuple[Any, ...]:
    """The guided prediction g, deviations of g and c from their means, squares, std c / std g."""
    g = guided(u, c, s)
    of_g, of_c = _deviations(g), _deviations(c)
    squares_g, squares_c = dot(of_g, of_g), dot(of_c, of_c)
    ratio = mp.sqrt(squares_c / squares_g) if squares_g else mp.mpf(1)
    return g, of_g, of_c, squares_g, squares_c, ratio


def _cfg_rescale(mp: Any, u: list[Any], c: list[Any], s: Any, r: Any) -> list[Any]:
    g, *_, ratio = _rescaled(mp, u, c, s, r)
    return [x * (1 + r * (ratio - 1)) for x in g]


def _cfg_rescale_scale(mp: Any, u: list[Any], c: list[Any], s: Any, r: Any) -> list[Any]:
    ratio = _rescaled(mp, u, c, s, r)[-1]
    return [x * (abs(r) * (ratio + 1) + 1) for x in all_alike(of_guided(u, c, s), u)]


def _cfg_rescale_gradient(
    mp: Any, u: list[Any], c: list[Any], s: Any, r: Any, t: list[Any]
) -> tuple[Any, ...]:
    g, of_g, of_c, squares_g, squares_c, ratio = _rescaled(mp, u, c, s, r)
    along = dot(t, g)
    d_g = each_of(
        lambda t, x: t * (1 + r * (ratio - 1)) - along * r * ratio * ratio_of(x, squares_g, 0),
        t,
        of_g,
    )
    d_c = each_of(lambda d, x: s * d + along * r * ratio * ratio_of(x, squares_c, 0), d_g, of_c)
    d_s = dot(d_g, each_of(lambda u, c: c - u, u, c))
    return [(1 - s) * d for d in d_g], d_c, d_s, along * (ratio - 1)


def _cfg_rescale_gradient_scale(
    mp: Any, u: list[Any], c: list[Any], s: Any, r: Any, t: list[Any]
) -> tuple[Any, ...]:
    """Scale of errors: the terms of sums that may cancel, the largest element of means."""
    _, _, _, squares_g, squares_c, ratio = _rescaled(mp, u, c, s, r)
    n, top = len(u), max(of_guided(u, c, s))
    along = sum(abs(a) for a in t) * top
    factor = abs(r) * (ratio + 1) + 1
    of_t = max(map(abs, t)) * factor
    d_g = of_t + along * abs(r) * ratio * ratio_of(top, squares_g, 0)
    by_c = along * abs(r) * ratio * ratio_of(max(map(abs, c)), squares_c, 0)
    apart = max(abs(a - b) for a, b in zip(u, c, strict=True))
    return (
        [abs(1 - s) * d_g] * n,
        [abs(s) * d_g + by_c] * n,
        n * d_g * apart,
        along * (ratio + 1),
    )


def _deviation_ratio(mp: Any, u: list[Any], c: list[Any], s: Any) -> Any:
    return _rescaled(mp, u, c, s, 0)[-1]


def _deviation_ratio_scale(mp: Any, u: list[Any], c: list[Any], s: Any) -> Any:
    """Scale of errors: the ratio, times the size of the elements over their deviation."""
    _, _, _, squares_g, squares_c, ratio = _rescaled(mp, u, c, s, 0)
    if not squares_g or not squares_c:
        return ratio or mp.mpf(1)
    size_g, size_c = max(of_guided(u, c, s)), max(map(abs, c))
    n = len(u)
    return ratio * (1 + size_g * mp.sqrt(n / squares_g) + size_c * mp.sqrt(n / squares_c))


def _deviation_ratio_gradient(
    mp: Any, u: list[Any], c: list[Any], s: Any, t: Any = 1
) -> tuple[Any, ...]:
    _, of_g, of_c, squares_g, squares_c, ratio = _rescaled(mp, u, c, s, 0)
    d_g = [-t * ratio * ratio_of(x, squares_g, 0) for x in of_g]
    own = [t * ratio * ratio_of(x, squares_c, 0) if squares_g else mp.mpf(0) for x in of_c]
    d_c = each_of(lambda d, x: s * d + x, d_g, own)
    d_s = dot(d_g, each_of(lambda u, c: c - u, u, c))
    return [(1 - s) * d for d in d_g], d_c, d_s


def _deviation_ratio_gradient_scale(
    mp: Any, u: list[Any], c: list[Any], s: Any, t: Any = 1
) -> tuple[Any, ...]:
    """Scale of errors: unit deviations over their length, times the size over the deviation."""
    _, _, _, squares_g, squares_c, _ = _rescaled(mp, u, c, s, 0)
    whole = abs(t) * _deviation_ratio_scale(mp, u, c, s)
    d_g = ratio_of(whole, mp.sqrt(squares_g), 0)
    d_c = abs(s) * d_g + ratio_of(whole, mp.sqrt(squares_c), 0)
    n, apart = len(u), max(abs(a - b) for a, b in zip(u, c, strict=True))
    return [abs(1 - s) * d_g] * n, [d_c] * n, n * d_g * apart


CASES = {
    "guidance.deviation_ratio": Case(
        call=lambda f, u, c, s: f(u, c, s, axis=-1),
        sample=case.normal,
        dims=ROW,
        exact=_deviation_ratio,
        scale=_deviation_ratio_scale,
        gradient=_deviation_ratio_gradient,
        gradient_scale=_deviation_ratio_gradient_scale,
        gradient_ulp=4,
        ulp=4,
        known=(
            (((0.0, 0.0, 0.0), (0.5, -0.5, 1.0), 7.5), "0.13333333333333333333333333"),
            (((1.0, 2.0), (1.5, 1.0), 3.0), "0.14285714285714285714285714"),
            (((0.5, -1.0, 0.25, 2.0), (1.0, 0.0, -0.5, 2.5), 7.5), "0.23976548703258951156427319"),
        ),
        edges=(
            (((2.0, 2.0), (3.0, 3.0), 2.0), 1.0),
            (((1.0, 2.0), (3.0, 3.0), 2.0), 0.0),
            (((5.0,), (6.0,), 2.0), 1.0),
            (((NAN, 0.0), (1.0, 2.0), 2.0), NAN),
            (((1.0, 0.0), (1.0, NAN), 2.0), NAN),
        ),
        bits=("e8b747eda10ddcef", "94393c036c89a153"),
    ),
    "guidance.cfg_rescale": Case(
        call=lambda f, u, c, s, r: f(u, c, s, rescale=r, axis=-1),
        sample=case.normal,
        dims=ROW,
        exact=_cfg_rescale,
        scale=_cfg_rescale_scale,
        gradient=_cfg_rescale_gradient,
        gradient_scale=_cfg_rescale_gradient_scale,
        ulp=4,
        gradient_ulp=8,
        known=(
            (
                ((0.0, 0.0, 0.0), (0.5, -0.5, 1.0), 7.5, 1.0),
                (
                    "0.50000000000000000000000000",
                    "-0.50000000000000000000000000",
                    "1.0000000000000000000000000",
                ),
            ),
            (
                ((1.0, 2.0), (1.5, 1.0), 3.0, 0.75),
                ("0.89285714285714285714285714", "-0.35714285714285714285714286"),
            ),
            (
                ((0.5, -1.0, 0.25, 2.0), (1.0, 0.0, -0.5, 2.5), 7.5, 0.5),
                (
                    "2.6345016599442527120740805",
                    "4.0292378328559159125838879",
                    "-3.3318697464000843123289842",
                    "3.5643257752186948457472854",
                ),
            ),
        ),
        edges=(
            (((2.0, 2.0), (3.0, 3.0), 2.0, 0.75), (4.0, 4.0)),
            (((0.0, 0.0), (0.0, 0.0), 7.5, 1.0), (0.0, 0.0)),
            (((5.0,), (6.0,), 2.0, 1.0), (7.0,)),
            (((NAN, 0.0), (1.0, 2.0), 2.0, 1.0), (NAN, NAN)),
            (((1.0, 0.0), (1.0, 2.0), 2.0, NAN), (NAN, NAN)),
        ),
        bits=("81d4c987da87c0f0", "e5c4158aea2dbb43"),
    ),
}
