"""Cases of `fastgen.guidance`."""

from __future__ import annotations

from typing import Any

import numpy as np

from fastgen.cases import case
from fastgen.cases.case import INF, NAN, Array, Case

# Operations on whole samples speak of lists of numbers.


def _dot(x: list[Any], y: list[Any]) -> Any:
    return sum(a * b for a, b in zip(x, y, strict=True))


def _ratio(x: Any, y: Any, where_zero: Any) -> Any:
    return x / y if y else where_zero


def _each(f: Any, *lists: list[Any]) -> list[Any]:
    return [f(*numbers) for numbers in zip(*lists, strict=True)]


def _guided(u: list[Any], c: list[Any], s: Any) -> list[Any]:
    return _each(lambda u, c: u + s * (c - u), u, c)


def _largest(*lists: list[Any]) -> list[Any]:
    return _each(lambda *numbers: max(map(abs, numbers)), *lists)


def _all_alike(numbers: list[Any], like: list[Any]) -> list[Any]:
    return [max(map(abs, numbers))] * len(like)


def _of_guided(u: list[Any], c: list[Any], s: Any) -> list[Any]:
    """The largest term of the guided prediction, element by element."""
    return _largest(u, _each(lambda u, c: s * (c - u), u, c), _guided(u, c, s))


# ---- cfg_rescale


def _deviations(x: list[Any]) -> list[Any]:
    mean = sum(x) / len(x)
    return [a - mean for a in x]


def _rescaled(mp: Any, u: list[Any], c: list[Any], s: Any, r: Any) -> tuple[Any, ...]:
    """The guided prediction, its deviations and those of c, their squares, and std c / std g."""
    g = _guided(u, c, s)
    of_g, of_c = _deviations(g), _deviations(c)
    squares_g, squares_c = _dot(of_g, of_g), _dot(of_c, of_c)
    ratio = mp.sqrt(squares_c / squares_g) if squares_g else mp.mpf(1)
    return g, of_g, of_c, squares_g, squares_c, ratio


def _cfg_rescale(mp: Any, u: list[Any], c: list[Any], s: Any, r: Any) -> list[Any]:
    g, *_, ratio = _rescaled(mp, u, c, s, r)
    return [x * (1 + r * (ratio - 1)) for x in g]


def _cfg_rescale_scale(mp: Any, u: list[Any], c: list[Any], s: Any, r: Any) -> list[Any]:
    ratio = _rescaled(mp, u, c, s, r)[-1]
    return [x * (abs(r) * (ratio + 1) + 1) for x in _all_alike(_of_guided(u, c, s), u)]


def _cfg_rescale_gradient(
    mp: Any, u: list[Any], c: list[Any], s: Any, r: Any, t: list[Any]
) -> tuple[Any, ...]:
    g, of_g, of_c, squares_g, squares_c, ratio = _rescaled(mp, u, c, s, r)
    along = _dot(t, g)
    d_g = _each(
        lambda t, x: t * (1 + r * (ratio - 1)) - along * r * ratio * _ratio(x, squares_g, 0),
        t,
        of_g,
    )
    d_c = _each(lambda d, x: s * d + along * r * ratio * _ratio(x, squares_c, 0), d_g, of_c)
    d_s = _dot(d_g, _each(lambda u, c: c - u, u, c))
    return [(1 - s) * d for d in d_g], d_c, d_s, along * (ratio - 1)


def _cfg_rescale_gradient_scale(
    mp: Any, u: list[Any], c: list[Any], s: Any, r: Any, t: list[Any]
) -> tuple[Any, ...]:
    """Sums that cancel have the error of their terms, and means that of the largest element."""
    _, _, _, squares_g, squares_c, ratio = _rescaled(mp, u, c, s, r)
    n, top = len(u), max(_of_guided(u, c, s))
    along = sum(abs(a) for a in t) * top
    factor = abs(r) * (ratio + 1) + 1
    of_t = max(map(abs, t)) * factor
    d_g = of_t + along * abs(r) * ratio * _ratio(top, squares_g, 0)
    by_c = along * abs(r) * ratio * _ratio(max(map(abs, c)), squares_c, 0)
    apart = max(abs(a - b) for a, b in zip(u, c, strict=True))
    return (
        [abs(1 - s) * d_g] * n,
        [abs(s) * d_g + by_c] * n,
        n * d_g * apart,
        along * (ratio + 1),
    )


# ---- Projections


def _apg(
    mp: Any, u: list[Any], c: list[Any], s: Any, a: list[Any], m: Any, eta: Any, limit: Any
) -> tuple[list[Any], list[Any]]:
    step = _each(lambda u, c, a: c - u + m * a, u, c, a)
    length = mp.sqrt(_dot(step, step))
    k = limit / length if length > limit else 1
    along = _ratio(_dot(step, c), _dot(c, c), 0)
    return _each(lambda u, c, d: u + s * k * (d - (1 - eta) * along * c), u, c, step), step


def _apg_scale(
    mp: Any, u: list[Any], c: list[Any], s: Any, a: list[Any], m: Any, eta: Any, limit: Any
) -> tuple[list[Any], list[Any]]:
    terms = _each(lambda u, c, a: max(abs(c), abs(u), abs(m * a)), u, c, a)
    step = _apg(mp, u, c, s, a, m, eta, limit)[1]
    length = mp.sqrt(_dot(step, step))
    k = limit / length if length > limit else 1
    sizes = mp.sqrt(_dot(terms, terms))
    along = _ratio(sizes, mp.sqrt(_dot(c, c)), 0)
    whole = max(max(map(abs, u)), abs(s) * k * (max(terms) + abs(1 - eta) * along * sizes))
    return [whole] * len(u), terms


def _apg_call(
    f: Any, u: Any, c: Any, s: Any, a: Any, m: Any, eta: Any, limit: Any
) -> tuple[Any, Any]:
    """The function changes the average in place, the reference returns it."""
    a = np.array(a)
    result = f(u, c, s, average=a, momentum=m, eta=eta, norm_threshold=limit, axis=-1)
    return result if isinstance(result, tuple) else (result, a)


def _zero_star(mp: Any, u: list[Any], c: list[Any], s: Any) -> list[Any]:
    a = _ratio(_dot(c, u), _dot(u, u), 0)
    return _guided([a * x for x in u], c, s)


def _zero_star_scale(mp: Any, u: list[Any], c: list[Any], s: Any) -> list[Any]:
    """The products that a is the sum of may cancel."""
    a = _ratio(sum(abs(x * y) for x, y in zip(c, u, strict=True)), _dot(u, u), 0)
    return _all_alike([*(a * x for x in u), *(s * a * x for x in u), *(s * x for x in c)], u)


def _perp_neg(mp: Any, b: list[Any], p: list[Any], n: list[Any], s: Any, t: Any) -> list[Any]:
    p, n = _each(lambda p, b: p - b, p, b), _each(lambda n, b: n - b, n, b)
    along = _ratio(_dot(n, p), _dot(p, p), 0)
    return _each(lambda b, p, n: b + s * (p - t * (n - along * p)), b, p, n)


def _perp_neg_scale(mp: Any, b: list[Any], p: list[Any], n: list[Any], s: Any, t: Any) -> list[Any]:
    top = [max(abs(x), abs(y)) for x, y in zip(p, b, strict=True)]
    toward = mp.sqrt(sum((x - y) ** 2 for x, y in zip(p, b, strict=True)))
    away = mp.sqrt(sum((abs(x) + abs(y)) ** 2 for x, y in zip(n, b, strict=True)))
    along = _ratio(away, toward, 0)
    size = max(top) + abs(t) * (max(map(abs, n + b)) + along * max(top))
    return [max(max(map(abs, b)), abs(s) * size)] * len(b)


def _tangential(mp: Any, u: list[Any], c: list[Any], s: Any) -> list[Any]:
    x, y = (_dot(c, c) - _dot(u, u)) / 2, _dot(c, u)
    length = mp.sqrt(x * x + y * y)
    cosine, sine = (x / length, y / length) if length else (mp.mpf(0), mp.mpf(1))
    v = _each(lambda u, c: ((1 - cosine) * u + sine * c) / 2, u, c)
    return _guided(v, c, s)


def _tangential_scale(mp: Any, u: list[Any], c: list[Any], s: Any) -> list[Any]:
    """The angle is as uncertain as the products are beside their difference."""
    x, y = (_dot(c, c) - _dot(u, u)) / 2, _dot(c, u)
    size = (_dot(c, c) + _dot(u, u)) / 2
    blur = _ratio(size, mp.sqrt(x * x + y * y), 1)
    return [x * blur * (abs(s) + 1) for x in _all_alike([*u, *c], u)]


def _magnitude_aware(mp: Any, u: list[Any], c: list[Any], s: Any, k: Any) -> list[Any]:
    apart = _each(lambda u, c: c - u, u, c)
    ratio = mp.sqrt(_ratio(_dot(apart, apart), _dot(u, u), mp.inf)) if any(apart) else 0
    return _guided(u, c, 1 + (s - 1) * mp.exp(-k * ratio))


def _magnitude_aware_scale(mp: Any, u: list[Any], c: list[Any], s: Any, k: Any) -> list[Any]:
    apart = _each(lambda u, c: c - u, u, c)
    ratio = mp.sqrt(_ratio(_dot(apart, apart), _dot(u, u), 0))
    damped = 1 + abs(s - 1) * mp.exp(-k * ratio) * (1 + abs(k) * ratio)
    return _all_alike([*u, *(damped * x for x in apart)], u)


def _scales_are_positive(z: list[Array]) -> tuple[Array, ...]:
    """The inputs after the arrays, one number per sample, are scales."""
    whole = max(x.ndim for x in z)
    return tuple(np.abs(x) + 0.25 if x.ndim < whole else x for x in z)


def _magnitude(z: list[Array]) -> tuple[Array, ...]:
    u, c, s, k = z
    return u + np.copysign(1, u), c / 4 + u, s, np.abs(k)


def _limit(z: list[Array]) -> tuple[Array, ...]:
    return 2 * z[0], np.abs(z[1]) + 0.5


ROW = {"n": 4}

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
        bits=("f73885c153ce13ca", "e5c4158aea2dbb43"),
    ),
    "guidance.apg": Case(
        call=_apg_call,
        sample=_scales_are_positive,
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
        gradient=None,
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
        bits=("8898af425f9c1976", "739004c9c2e7c44c"),
    ),
    "guidance.perp_neg": Case(
        call=lambda f, b, p, n, s, t: f(b, p, n, s, negative_scale=t, axis=-1),
        sample=case.normal,
        dims=ROW,
        exact=_perp_neg,
        scale=_perp_neg_scale,
        gradient=None,
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
        bits=("ae95f88e0b142983", "66f8442446325546"),
    ),
    "guidance.tangential": Case(
        call=lambda f, u, c, s: f(u, c, s, axis=-1),
        sample=case.normal,
        dims=ROW,
        exact=_tangential,
        scale=_tangential_scale,
        gradient=None,
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
        bits=("f6efbdc978f5a5fe", "52d0eea7ebbe4f79"),
    ),
    "guidance.magnitude_aware": Case(
        call=lambda f, u, c, s, k: f(u, c, s, damping=k, axis=-1),
        sample=_magnitude,
        dims=ROW,
        exact=_magnitude_aware,
        scale=_magnitude_aware_scale,
        gradient=None,
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
        bits=("0274f1838d6c2ebc", "f0ab6f07eb2de95c"),
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
