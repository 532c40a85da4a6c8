"""Cases of `fastgen.diffusion.guided_step` and `guided_combination`."""

from __future__ import annotations

from typing import Any

import numpy as np

from fastgen.cases import case
from fastgen.cases.case import INF, NAN, Array, Case

Numbers = tuple[Any, ...]


def _split(terms: int, inputs: Numbers) -> tuple[Numbers, Numbers, Numbers, Numbers]:
    """x with the predictions, the terms, scale with 7 coefficients, the coefficients of terms."""
    return inputs[:3], inputs[3 : 3 + terms], inputs[3 + terms : 11 + terms], inputs[11 + terms :]


def _exact(terms: int, *inputs: Any) -> Numbers:
    (x, n, p), t, (s, a, b, limit, u, v, w, k), c = _split(terms, inputs)
    guided = n + s * (p - n)
    denoised = max(-limit, min(limit, a * x + b * guided))
    added = sum(y * z for y, z in zip(c, t, strict=True))
    return u * x + v * guided + w * n + k * denoised + added, denoised


def _scale(terms: int, *inputs: Any) -> Numbers:
    (x, n, p), t, (s, a, b, _, u, v, w, k), c = _split(terms, inputs)
    guided = max(abs(n), abs(s * (p - n)))
    free = max(abs(a * x), abs(b) * guided)
    products = [abs(y * z) for y, z in zip(c, t, strict=True)]
    return max(abs(u * x), abs(v) * guided, abs(w * n), abs(k) * free, *products), free


def _added(*terms: Any) -> Any:
    return sum(terms)


def _larger(*terms: Any) -> Any:
    return max(map(abs, terms))


def _step_gradient(terms: int, of_sums: Any, *along: Any) -> Numbers:
    """The gradient with `_added` as `of_sums`, or its scale with `_larger`."""
    *inputs, c_next, c_denoised = along
    (x, n, p), t, (s, a, b, limit, u, v, w, k), c = _split(terms, tuple(inputs))
    free = a * x + b * (n + s * (p - n))
    clipped = abs(free) > limit
    both = of_sums(k * c_next, c_denoised)
    inside, outside = (0, both) if clipped else (both, 0)
    d_guided = of_sums(b * inside, v * c_next)
    guided, denoised = n + s * (p - n), max(-limit, min(limit, free))
    rest, apart = 1 - s, p - n
    if of_sums is _larger:
        guided, rest, apart = max(abs(n), abs(s * (p - n))), max(1, abs(s)), max(abs(p), abs(n))
        denoised = max(abs(a * x), abs(b * guided))
    sign = 1 if free > 0 else -1
    return (
        of_sums(a * inside, u * c_next),
        of_sums(rest * d_guided, w * c_next),
        s * d_guided,
        *(z * c_next for z in c),
        apart * d_guided,
        x * inside,
        guided * inside,
        sign * outside,
        x * c_next,
        guided * c_next,
        n * c_next,
        denoised * c_next,
        *(y * c_next for y in t),
    )


def _sample(terms: int, draws: Any) -> tuple[Array, ...]:
    """Sample inputs. The limit is positive, and clips some of the points."""
    return tuple(np.abs(z) + 0.5 if k == 6 + terms else z for k, z in enumerate(draws))


def _call(terms: int, f: Any, *inputs: Any) -> Any:
    arrays, t, (scale, *coefficients), c = _split(terms, inputs)
    return f(*arrays, scale, (*coefficients, *c), t)


def _case(terms: int, bits: tuple[str, str], known: tuple[tuple[Numbers, Numbers], ...]) -> Case:
    t, c = (0.5, -1.0, 2.0, 0.25)[:terms], (2.0, 1.0, -0.5, 3.0)[:terms]
    added = sum(w * y for w, y in zip(c, t, strict=True))
    no_limit = (0.5, 1.0, INF, 0.25, 0.5, 0.0, 1.0, *c)
    limited = (0.5, 1.0, 1.0, 0.25, 0.5, 0.0, 1.0, *c)
    plus_plus = (0.5, 1.0, INF, 0.25, 0.5, -0.5, 1.0, *c)
    return Case(
        call=lambda f, *inputs: _call(terms, f, *inputs),
        sample=lambda draws: _sample(terms, draws),
        exact=lambda mp, *inputs: _exact(terms, *inputs),
        scale=lambda mp, *inputs: _scale(terms, *inputs),
        gradient=lambda mp, *along: _step_gradient(terms, _added, *along),
        gradient_scale=lambda mp, *along: _step_gradient(terms, _larger, *along),
        gradient_ulp=6,
        ulp=(5 if terms < 4 else 6, 3),
        known=known,
        edges=(
            ((1.0, 1.0, 2.0, *t, 1.0, *no_limit), (3.75 + added, 2.5)),
            ((1.0, 1.0, 1.5, *t, 2.0, *limited), (2.25 + added, 1.0)),
            ((1.0, 1.0, 1.5, *t, 2.0, *plus_plus), (3.25 + added, 2.5)),
            ((INF, 1.0, 2.0, *t, 1.0, *limited), (INF, 1.0)),
            ((1.0, 1.0, -INF, *t, 2.0, *no_limit), (-INF, -INF)),
            ((NAN, 1.0, 2.0, *t, 1.0, *limited), (NAN, NAN)),
            ((1.0, NAN, 2.0, *t, 2.0, *no_limit), (NAN, NAN)),
            ((1.0, 1.0, NAN, *t, 0.0, *no_limit), (NAN, NAN)),
        ),
        bits=bits,
    )


def _gradient(mp: Any, x: Any, n: Any, p: Any, s: Any, u: Any, v: Any, w: Any) -> Numbers:
    return u, v * (1 - s) + w, v * s, v * (p - n), x, n + s * (p - n), n


def _gradient_scale(mp: Any, x: Any, n: Any, p: Any, s: Any, u: Any, v: Any, w: Any) -> Numbers:
    of_uncond, guided = max(abs(v), abs(v * s), abs(w)), max(abs(n), abs(s * (p - n)))
    return u, of_uncond, v * s, abs(v) * max(abs(p), abs(n)), x, guided, n


CASES = {
    "diffusion.guided_combination": Case(
        sample=case.normal,
        exact=lambda mp, x, n, p, s, u, v, w: u * x + v * (n + s * (p - n)) + w * n,
        scale=lambda mp, x, n, p, s, u, v, w: max(
            abs(u * x), abs(v * n), abs(v * s * (p - n)), abs(w * n)
        ),
        gradient=_gradient,
        gradient_scale=_gradient_scale,
        ulp=4,
        known=(
            ((-1.125, 0.5, -0.625, 1.75, -0.5, -1.75, 1.25), "3.7578125"),
            ((1.625, 0.75, 1.0, -1.5, -0.375, -0.125, 0.875), "0"),
            ((-2.0, 0.75, 1.125, 0.125, 1.25, -1.125, 0.875), "-2.740234375"),
        ),
        edges=(
            ((1.0, 1.0, 2.0, 1.0, 0.5, 0.25, 0.0), 1.0),
            ((1.0, 1.0, 2.0, 4.0, 0.5, 0.25, 0.5), 2.25),
            ((INF, 1.0, 2.0, 4.0, 0.5, 0.25, 0.5), INF),
            ((1.0, 1.0, -INF, 4.0, 0.5, 0.25, 0.5), -INF),
            ((1.0, NAN, 2.0, 1.0, 0.5, 0.25, 0.0), NAN),
            ((1.0, 1.0, NAN, 0.0, 0.5, 0.25, 0.0), NAN),
        ),
        bits=("73a74d5824cdd380", "205db7bc27f4585e"),
    ),
    "diffusion.guided_step_0": _case(
        0,
        ("69626827f174a1bf", "d1af55f58458755d"),
        (
            (
                (0.0, 0.75, -1.875, 1.625, -0.125, -1.625, 8.0, -0.75, -1.125, 0.875, 1.75),
                ("14.60888671875", "5.712890625"),
            ),
            (
                (-0.125, 1.0, -1.25, -0.125, -2.0, -0.375, 0.25, 1.25, 0.125, -0.625, 1.0),
                ("-0.8515625", "-0.23046875"),
            ),
            ((-0.75, -1.5, -1.0, 1.5, -1.0, -1.0, INF, -2.0, -2.0, -0.375, -0.375), ("3.0", "1.5")),
        ),
    ),
    "diffusion.guided_step_1": _case(
        1,
        ("122ef66ddfbbc1c2", "75c51232d5a16ca7"),
        (
            (
                (
                    -0.75,
                    -0.75,
                    0.25,
                    0.5,
                    -0.5,
                    -0.375,
                    -0.625,
                    8.0,
                    -0.5,
                    1.0,
                    0.375,
                    -1.875,
                    0.875,
                ),
                ("-2.7109375", "1.0625"),
            ),
            (
                (
                    1.25,
                    -0.75,
                    -0.875,
                    0.0,
                    -1.5,
                    0.625,
                    0.375,
                    0.25,
                    -2.0,
                    0.625,
                    -1.5,
                    0.375,
                    0.75,
                ),
                ("-1.6328125", "0.25"),
            ),
            (
                (
                    0.375,
                    1.75,
                    0.5,
                    -0.625,
                    1.75,
                    1.75,
                    -0.625,
                    INF,
                    -1.625,
                    0.0,
                    -1.875,
                    0.75,
                    1.125,
                ),
                ("-3.896484375", "0.9296875"),
            ),
        ),
    ),
    "diffusion.guided_step_2": _case(
        2,
        ("dcf4e9ace8ea2caf", "621991660993ef01"),
        (
            (
                (
                    -1.875,
                    1.25,
                    0.875,
                    1.0,
                    -2.0,
                    1.5,
                    -1.75,
                    -0.625,
                    8.0,
                    -0.5,
                    -1.125,
                    -0.125,
                    1.625,
                    0.75,
                    2.0,
                ),
                ("1.3916015625", "2.8515625"),
            ),
            (
                (
                    0.75,
                    0.0,
                    1.625,
                    -1.25,
                    0.875,
                    0.25,
                    -1.75,
                    1.375,
                    0.25,
                    -1.375,
                    -0.375,
                    0.625,
                    2.0,
                    0.875,
                    -0.875,
                ),
                ("-3.54296875", "-0.25"),
            ),
            (
                (
                    0.625,
                    0.125,
                    -1.375,
                    0.375,
                    0.5,
                    0.375,
                    -0.625,
                    -1.375,
                    INF,
                    -0.875,
                    0.375,
                    1.75,
                    -0.75,
                    -1.625,
                    -1.375,
                ),
                ("-1.947265625", "0.2109375"),
            ),
        ),
    ),
    "diffusion.guided_step_3": _case(
        3,
        ("f02d898380547578", "cb2f5bf6e0219afe"),
        (
            (
                (
                    1.125,
                    -1.75,
                    -0.125,
                    0.75,
                    0.0,
                    1.625,
                    1.25,
                    -0.875,
                    -1.625,
                    8.0,
                    -1.75,
                    1.875,
                    0.625,
                    -0.375,
                    -1.0,
                    -1.0,
                    1.25,
                ),
                ("-0.71337890625", "-1.44140625"),
            ),
            (
                (
                    -1.25,
                    -0.75,
                    1.375,
                    0.875,
                    -0.875,
                    -1.625,
                    1.25,
                    0.25,
                    -0.875,
                    0.25,
                    1.625,
                    -0.75,
                    1.625,
                    1.875,
                    0.5,
                    1.75,
                    0.125,
                ),
                ("-6.4453125", "-0.25"),
            ),
            (
                (
                    0.25,
                    1.75,
                    1.125,
                    -0.875,
                    -1.125,
                    1.0,
                    -0.625,
                    1.875,
                    0.625,
                    INF,
                    -0.625,
                    -1.375,
                    1.875,
                    0.125,
                    2.0,
                    2.0,
                    0.875,
                ),
                ("-2.717529296875", "1.806640625"),
            ),
        ),
    ),
    "diffusion.guided_step_4": _case(
        4,
        ("7ffa59503bb8c8af", "9a5bace6f9c0d848"),
        (
            (
                (
                    -1.5,
                    0.75,
                    -1.75,
                    0.375,
                    0.875,
                    0.125,
                    1.875,
                    0.0,
                    0.25,
                    0.625,
                    8.0,
                    -0.625,
                    -2.0,
                    1.75,
                    0.0,
                    0.5,
                    0.125,
                    1.625,
                    0.25,
                ),
                ("1.71875", "0.09375"),
            ),
            (
                (
                    2.0,
                    0.75,
                    0.75,
                    0.125,
                    0.75,
                    1.25,
                    0.75,
                    -0.625,
                    1.5,
                    0.875,
                    0.25,
                    0.625,
                    -0.875,
                    -0.75,
                    -0.5,
                    0.875,
                    1.75,
                    0.25,
                    -1.375,
                ),
                ("0.609375", "0.25"),
            ),
            (
                (
                    1.25,
                    -0.75,
                    1.25,
                    0.375,
                    0.125,
                    -1.875,
                    -0.5,
                    -0.75,
                    1.5,
                    -0.625,
                    INF,
                    -0.25,
                    -0.625,
                    -1.75,
                    1.75,
                    -0.25,
                    -0.75,
                    -1.625,
                    -1.0,
                ),
                ("11.5078125", "3.28125"),
            ),
        ),
    ),
}
