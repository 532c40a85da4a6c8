"""Cases of `fastgen.guidance`: sums and projections over whole samples."""

from __future__ import annotations

from typing import Any

import numpy as np

from fastgen.cases import case
from fastgen.cases.case import INF, NAN, Array, Case
from fastgen.cases.guidance.samples import (
    ROW,
    all_alike,
    dot,
    each_of,
    guided,
    ratio_of,
    scales_are_positive,
)


def _apg(
    mp: Any, u: list[Any], c: list[Any], s: Any, a: list[Any], m: Any, eta: Any, limit: Any
) -> tuple[list[Any], list[Any]]:
    step = each_of(lambda u, c, a: c - u + m * a, u, c, a)
    length = mp.sqrt(dot(step, step))
    k = limit / length if length > limit else 1
    along = ratio_of(dot(step, c), dot(c, c), 0)
    return each_of(lambda u, c, d: u + s * k * (d - (1 - eta) * along * c), u, c, step), step


def _apg_scale(
    mp: Any, u: list[Any], c: list[Any], s: Any, a: list[Any], m: Any, eta: Any, limit: Any
) -> tuple[list[Any], list[Any]]:
    terms = each_of(lambda u, c, a: max(abs(c), abs(u), abs(m * a)), u, c, a)
    step = _apg(mp, u, c, s, a, m, eta, limit)[1]
    length = mp.sqrt(dot(step, step))
    k = limit / length if length > limit else 1
    sizes = mp.sqrt(dot(terms, terms))
    along = ratio_of(sizes, mp.sqrt(dot(c, c)), 0)
    whole = max(max(map(abs, u)), abs(s) * k * (max(terms) + abs(1 - eta) * along * sizes))
    return [whole] * len(u), terms


def _apg_call(
    f: Any, u: Any, c: Any, s: Any, a: Any, m: Any, eta: Any, limit: Any
) -> tuple[Any, Any]:
    """Call `apg` or its reference. The function updates the average in place.

    `apg` refuses a momentum beyond 1. A power of two is moved from such a momentum to the average.
    Their product, and so each bit of the results, is the same.
    """
    power = np.exp2(np.maximum(np.frexp(np.asarray(m, np.float64))[1], 0))
    m = (m / power).astype(np.asarray(m).dtype)
    a = (np.array(a) * power[..., None]).astype(np.asarray(a).dtype)
    result = f(u, c, s, average=a, momentum=m, eta=eta, norm_threshold=limit, axis=-1)
    return result if isinstance(result, tuple) else (result, a)


def _zero_star(mp: Any, u: list[Any], c: list[Any], s: Any) -> list[Any]:
    a = ratio_of(dot(c, u), dot(u, u), 0)
    return guided([a * x for x in u], c, s)


def _zero_star_scale(mp: Any, u: list[Any], c: list[Any], s: Any) -> list[Any]:
    """Scale of errors: the products in the sum a may cancel."""
    a = ratio_of(sum(abs(x * y) for x, y in zip(c, u, strict=True)), dot(u, u), 0)
    return all_alike([*(a * x for x in u), *(s * a * x for x in u), *(s * x for x in c)], u)


def _zero_star_gradient(
    mp: Any, u: list[Any], c: list[Any], s: Any, t: list[Any]
) -> tuple[Any, ...]:
    a, g = ratio_of(dot(c, u), dot(u, u), 0), (1 - s) * ratio_of(dot(t, u), dot(u, u), 0)
    d_u = each_of(lambda u, c, t: (1 - s) * a * t + g * (c - 2 * a * u), u, c, t)
    d_c = each_of(lambda u, t: s * t + g * u, u, t)
    return d_u, d_c, dot(t, each_of(lambda u, c: c - a * u, u, c))


def _zero_star_gradient_scale(
    mp: Any, u: list[Any], c: list[Any], s: Any, t: list[Any]
) -> tuple[Any, ...]:
    a = ratio_of(_sizes(c, u), dot(u, u), 0)
    g = abs(1 - s) * ratio_of(_sizes(t, u), dot(u, u), 0)
    u_max, c_max, t_max = (max(map(abs, x)) for x in (u, c, t))
    return (
        [abs(1 - s) * a * t_max + g * (c_max + 2 * a * u_max)] * len(u),
        [abs(s) * t_max + g * u_max] * len(u),
        _sizes(t, c) + a * _sizes(t, u),
    )


def _sizes(x: list[Any], y: list[Any]) -> Any:
    """Return the sum of the sizes of the products."""
    return sum(abs(a * b) for a, b in zip(x, y, strict=True))


def _perp_neg(mp: Any, b: list[Any], p: list[Any], n: list[Any], s: Any, t: Any) -> list[Any]:
    p, n = each_of(lambda p, b: p - b, p, b), each_of(lambda n, b: n - b, n, b)
    along = ratio_of(dot(n, p), dot(p, p), 0)
    return each_of(lambda b, p, n: b + s * (p - t * (n - along * p)), b, p, n)


def _perp_neg_scale(mp: Any, b: list[Any], p: list[Any], n: list[Any], s: Any, t: Any) -> list[Any]:
    top = [max(abs(x), abs(y)) for x, y in zip(p, b, strict=True)]
    toward = mp.sqrt(sum((x - y) ** 2 for x, y in zip(p, b, strict=True)))
    away = mp.sqrt(sum((abs(x) + abs(y)) ** 2 for x, y in zip(n, b, strict=True)))
    along = ratio_of(away, toward, 0)
    size = max(top) + abs(t) * (max(map(abs, n + b)) + along * max(top))
    return [max(max(map(abs, b)), abs(s) * size)] * len(b)


def _perp_neg_gradient(
    mp: Any, b: list[Any], p: list[Any], n: list[Any], s: Any, t: Any, w: list[Any]
) -> tuple[Any, ...]:
    p, n = each_of(lambda p, b: p - b, p, b), each_of(lambda n, b: n - b, n, b)
    along = ratio_of(dot(n, p), dot(p, p), 0)
    slope = s * t * ratio_of(dot(w, p), dot(p, p), 0)
    away = each_of(lambda n, p: n - along * p, n, p)
    d_n = each_of(lambda p, w: slope * p - s * t * w, p, w)
    d_p = each_of(lambda p, a, w: s * w * (1 + t * along) + slope * (a - along * p), p, away, w)
    d_b = each_of(lambda w, x, y: w - x - y, w, d_n, d_p)
    return d_b, d_p, d_n, dot(w, p) - t * dot(w, away), -s * dot(w, away)


def _perp_neg_gradient_scale(
    mp: Any, b: list[Any], p: list[Any], n: list[Any], s: Any, t: Any, w: list[Any]
) -> tuple[Any, ...]:
    p, n = each_of(lambda p, b: p - b, p, b), each_of(lambda n, b: n - b, n, b)
    along = ratio_of(_sizes(n, p), dot(p, p), 0)
    slope = abs(s * t) * ratio_of(_sizes(w, p), dot(p, p), 0)
    p_max, n_max, w_max = (max(map(abs, x)) for x in (p, n, w))
    d_n = slope * p_max + abs(s * t) * w_max
    d_p = slope * (n_max + 2 * along * p_max) + abs(s) * w_max * (1 + abs(t) * along)
    away = _sizes(w, n) + along * _sizes(w, p)
    each = [[x] * len(b) for x in (w_max + d_n + d_p, d_p, d_n)]
    return *each, _sizes(w, p) + abs(t) * away, abs(s) * away


def _tangential(mp: Any, u: list[Any], c: list[Any], s: Any) -> list[Any]:
    x, y = (dot(c, c) - dot(u, u)) / 2, dot(c, u)
    length = mp.sqrt(x * x + y * y)
    cosine, sine = (x / length, y / length) if length else (mp.mpf(0), mp.mpf(1))
    v = each_of(lambda u, c: ((1 - cosine) * u + sine * c) / 2, u, c)
    return guided(v, c, s)


def _tangential_scale(mp: Any, u: list[Any], c: list[Any], s: Any) -> list[Any]:
    """Scale of errors: the error of the angle is that of the products over their difference."""
    x, y = (dot(c, c) - dot(u, u)) / 2, dot(c, u)
    size = (dot(c, c) + dot(u, u)) / 2
    blur = ratio_of(size, mp.sqrt(x * x + y * y), 1)
    return [x * blur * (abs(s) + 1) for x in all_alike([*u, *c], u)]


def _tangential_gradient(
    mp: Any, u: list[Any], c: list[Any], s: Any, w: list[Any]
) -> tuple[Any, ...]:
    x, y = (dot(c, c) - dot(u, u)) / 2, dot(c, u)
    length = mp.sqrt(x * x + y * y)
    cosine, sine = (x / length, y / length) if length else (mp.mpf(0), mp.mpf(1))
    turn = ratio_of((1 - s) * (sine * dot(w, u) + cosine * dot(w, c)), 2 * length, 0)
    d = [(1 - s) * x for x in w]
    d_u = each_of(lambda u, c, d: (1 - cosine) / 2 * d + turn * (cosine * c + sine * u), u, c, d)
    d_c = each_of(
        lambda u, c, d, w: s * w + sine / 2 * d + turn * (cosine * u - sine * c), u, c, d, w
    )
    rest = each_of(lambda u, c: c - ((1 - cosine) * u + sine * c) / 2, u, c)
    return d_u, d_c, dot(w, rest)


def _tangential_gradient_scale(
    mp: Any, u: list[Any], c: list[Any], s: Any, w: list[Any]
) -> tuple[Any, ...]:
    x, y = (dot(c, c) - dot(u, u)) / 2, dot(c, u)
    length = mp.sqrt(x * x + y * y)
    blur = ratio_of((dot(c, c) + dot(u, u)) / 2, length, 1)
    turn = ratio_of(abs(1 - s) * (_sizes(w, u) + _sizes(w, c)), 2 * length, 0)
    w_max, both = max(map(abs, w)), max(map(abs, u + c))
    whole = blur * (abs(1 - s) * w_max + 2 * turn * both)
    each = [[x] * len(u) for x in (whole, whole + abs(s) * w_max)]
    return *each, blur * (_sizes(w, c) + _sizes(w, u))


def _magnitude_aware(mp: Any, u: list[Any], c: list[Any], s: Any, k: Any) -> list[Any]:
    apart = each_of(lambda u, c: c - u, u, c)
    ratio = mp.sqrt(ratio_of(dot(apart, apart), dot(u, u), mp.inf)) if any(apart) else 0
    return guided(u, c, 1 + (s - 1) * mp.exp(-k * ratio))


def _magnitude_aware_scale(mp: Any, u: list[Any], c: list[Any], s: Any, k: Any) -> list[Any]:
    apart = each_of(lambda u, c: c - u, u, c)
    ratio = mp.sqrt(ratio_of(dot(apart, apart), dot(u, u), 0))
    damped = 1 + abs(s - 1) * mp.exp(-k * ratio) * (1 + abs(k) * ratio)
    return all_alike([*u, *(damped * x for x in apart)], u)


def _magnitude_aware_gradient(
    mp: Any, u: list[Any], c: list[Any], s: Any, k: Any, w: list[Any]
) -> tuple[Any, ...]:
    apart = each_of(lambda u, c: c - u, u, c)
    square, along = dot(u, u), dot(w, apart)
    ratio = mp.sqrt(ratio_of(dot(apart, apart), square, mp.inf)) if any(apart) else mp.mpf(0)
    fall = mp.exp(-k * ratio)
    damped, slope = 1 + (s - 1) * fall, (s - 1) * k * fall * along
    across = slope / mp.sqrt(dot(apart, apart) * square) if square and any(apart) else 0
    inward = slope * ratio / square if square else 0
    d_c = each_of(lambda w, a: damped * w - across * a, w, apart)
    d_u = each_of(lambda w, a, u: (1 - damped) * w + across * a + inward * u, w, apart, u)
    return d_u, d_c, along * fall, -(s - 1) * ratio * fall * along if fall else mp.mpf(0)


def _magnitude_aware_gradient_scale(
    mp: Any, u: list[Any], c: list[Any], s: Any, k: Any, w: list[Any]
) -> tuple[Any, ...]:
    apart = each_of(lambda u, c: c - u, u, c)
    square, along = dot(u, u), _sizes(w, apart)
    ratio = mp.sqrt(ratio_of(dot(apart, apart), square, 0))
    blurred = mp.exp(-k * ratio) * (1 + abs(k) * ratio)
    u_max, w_max, a_max = (max(map(abs, x)) for x in (u, w, apart))
    slope = abs((s - 1) * k) * blurred * along
    across = slope / mp.sqrt(dot(apart, apart) * square) * a_max if square and any(apart) else 0
    inward = slope * ratio / square * u_max if square else 0
    of_w = (1 + abs(s - 1) * blurred) * w_max
    each = [[x] * len(u) for x in (of_w + across + inward, of_w + across)]
    return *each, along * blurred, abs(s - 1) * ratio * along * blurred


def _magnitude(z: list[Array]) -> tuple[Array, ...]:
    u, c, s, k = z
    return u + np.copysign(1, u), c / 4 + u, s, np.abs(k)


CASES = {
    "guidance.apg": Case(
        call=_apg_call,
        sample=scales_are_positive,
        dims=ROW,
        exact=_apg,
        scale=_apg_scale,
        gradient=None,
        ulp=8,
        known=(
            (
                ((0.0, 0.0), (3.0, 4.0), 2.0, (0.0, 0.0), 0.0, 1.0, 1.0),
                (
                    ("1.2000000000000000000000000", "1.6000000000000000000000000"),
                    ("3.0000000000000000000000000", "4.0000000000000000000000000"),
                ),
            ),
            (
                ((0.5, -1.0), (1.0, 2.0), 5.0, (0.25, 0.5), -0.5, 0.0, 16.0),
                (
                    ("-3.5000000000000000000000000", "1.0000000000000000000000000"),
                    ("0.37500000000000000000000000", "2.7500000000000000000000000"),
                ),
            ),
            (
                ((1.0, 2.0), (2.0, 1.0), 3.0, (0.0, 1.0), 0.5, 0.5, 0.75),
                (
                    ("2.4087228258248675087377794", "0.69190023316262302760063340"),
                    ("1.0000000000000000000000000", "-0.50000000000000000000000000"),
                ),
            ),
        ),
        edges=(
            (((0.0, 0.0), (3.0, 4.0), 2.0, (0.0, 0.0), 0.0, 0.0, INF), ((0.0, 0.0), (3.0, 4.0))),
            (((1.0, 2.0), (0.0, 0.0), 1.0, (0.0, 0.0), 0.0, 0.0, INF), ((0.0, 0.0), (-1.0, -2.0))),
            (((1.0, 2.0), (1.0, 2.0), 9.0, (0.0, 0.0), 0.0, 0.0, 1.0), ((1.0, 2.0), (0.0, 0.0))),
            (((NAN, 2.0), (1.0, 2.0), 9.0, (0.0, 0.0), 0.0, 0.0, 1.0), ((NAN, NAN), (NAN, 0.0))),
        ),
        bits=("157f61c1bae22604", "3fa793de79551da2"),
    ),
    "guidance.cfg_zero_star": Case(
        call=lambda f, u, c, s: f(u, c, s, axis=-1),
        sample=case.normal,
        dims=ROW,
        exact=_zero_star,
        scale=_zero_star_scale,
        gradient=_zero_star_gradient,
        gradient_scale=_zero_star_gradient_scale,
        gradient_ulp=6,
        ulp=4,
        known=(
            (
                ((1.0, 0.0), (2.0, 2.0), 3.0),
                ("2.0000000000000000000000000", "6.0000000000000000000000000"),
            ),
            (
                ((0.5, -1.0, 2.0), (1.0, 0.25, 0.5), 7.5),
                (
                    "6.7261904761904761904761905",
                    "3.4226190476190476190476190",
                    "0.65476190476190476190476190",
                ),
            ),
            (((1.5,), (-0.5,), 2.0), ("-0.50000000000000000000000000",)),
        ),
        edges=(
            (((0.0, 0.0), (1.0, -2.0), 2.0), (2.0, -4.0)),
            (((1.0, 0.0), (0.0, 1.0), 2.0), (0.0, 2.0)),
            (((2.0, 2.0), (1.0, 1.0), 5.0), (1.0, 1.0)),
            (((NAN, 1.0), (1.0, 1.0), 5.0), (NAN, NAN)),
        ),
        bits=("43a171f39c148d13", "7887b14b484893b7"),
    ),
    "guidance.perp_neg": Case(
        call=lambda f, b, p, n, s, t: f(b, p, n, s, negative_scale=t, axis=-1),
        sample=case.normal,
        dims=ROW,
        exact=_perp_neg,
        scale=_perp_neg_scale,
        gradient=_perp_neg_gradient,
        gradient_scale=_perp_neg_gradient_scale,
        gradient_ulp=4,
        ulp=6,
        known=(
            (
                ((0.0, 0.0), (1.0, 0.0), (1.0, 1.0), 2.0, 1.0),
                ("2.0000000000000000000000000", "-2.0000000000000000000000000"),
            ),
            (
                ((0.5, -1.0, 2.0), (1.0, 0.25, 0.5), (0.0, 1.0, 1.0), 7.5, 0.5),
                (
                    "7.8557692307692307692307692",
                    "5.2019230769230769230769231",
                    "-10.692307692307692307692308",
                ),
            ),
            (
                ((0.5, 1.0), (1.0, 3.0), (2.0, -1.0), 3.0, 2.0),
                ("-9.2941176470588235294117647", "9.8235294117647058823529412"),
            ),
        ),
        edges=(
            (((1.0, 1.0), (1.0, 1.0), (2.0, 3.0), 2.0, 1.0), (-1.0, -3.0)),
            (((0.0, 0.0), (1.0, 2.0), (2.0, 4.0), 3.0, 5.0), (3.0, 6.0)),
            (((0.0, 0.0), (1.0, 2.0), (0.0, 0.0), 3.0, 5.0), (3.0, 6.0)),
            (((NAN, 0.0), (1.0, 2.0), (0.0, 0.0), 3.0, 5.0), (NAN, NAN)),
        ),
        bits=("a71327571324597a", "b3fe51a59ea696fc"),
    ),
    "guidance.tangential": Case(
        call=lambda f, u, c, s: f(u, c, s, axis=-1),
        sample=case.normal,
        dims=ROW,
        exact=_tangential,
        scale=_tangential_scale,
        gradient=_tangential_gradient,
        gradient_scale=_tangential_gradient_scale,
        gradient_ulp=6,
        ulp=6,
        known=(
            (
                ((1.0, 1.0), (2.0, 2.0), 3.0),
                ("4.0000000000000000000000000", "4.0000000000000000000000000"),
            ),
            (
                ((0.5, -1.0, 2.0), (1.0, 0.25, 0.5), 7.5),
                (
                    "2.7611277310601835172635392",
                    "7.4331850385148290011892646",
                    "-9.1083965211917930976157102",
                ),
            ),
            (
                ((1.0, 0.0), (3.0, 1.0), 2.0),
                ("5.0839748528310781584862437", "1.7226499018873854389908291"),
            ),
        ),
        edges=(
            (((0.0, 0.0), (1.0, -2.0), 2.0), (2.0, -4.0)),
            (((1.0, 0.0), (0.0, 0.0), 2.0), (-1.0, 0.0)),
            (((2.0, 0.0), (0.0, 1.0), 1.0), (0.0, 1.0)),
            (((NAN, 1.0), (1.0, 1.0), 5.0), (NAN, NAN)),
        ),
        bits=("54091d5fd1133ba4", "0e81ad21ce30e2e2"),
    ),
    "guidance.magnitude_aware": Case(
        call=lambda f, u, c, s, k: f(u, c, s, damping=k, axis=-1),
        sample=_magnitude,
        dims=ROW,
        exact=_magnitude_aware,
        scale=_magnitude_aware_scale,
        gradient=_magnitude_aware_gradient,
        gradient_scale=_magnitude_aware_gradient_scale,
        gradient_ulp=6,
        ulp=6,
        known=(
            (
                ((1.0, 0.0), (1.0, 0.25), 5.0, 8.0),
                ("1.0000000000000000000000000", "0.38533528323661269189399949"),
            ),
            (
                ((0.5, -1.0, 2.0), (1.0, -0.75, 1.5), 7.5, 4.0),
                (
                    "1.8775227964893603157173841",
                    "-0.31123860175531984214130795",
                    "0.62247720351063968428261589",
                ),
            ),
            (((1.5,), (1.25,), 2.0, 1.0), ("1.0383795687773464814887707",)),
        ),
        edges=(
            (((1.0, 2.0), (1.0, 2.0), 7.5, 8.0), (1.0, 2.0)),
            (((0.0, 0.0), (3.0, -1.0), 7.5, 8.0), (3.0, -1.0)),
            (((0.0, 0.0), (0.0, 0.0), 7.5, 8.0), (0.0, 0.0)),
            (((NAN, 0.0), (3.0, -1.0), 7.5, 8.0), (NAN, NAN)),
        ),
        bits=("ce98dfeb8323ba1d", "32acafb40edced47"),
    ),
}
