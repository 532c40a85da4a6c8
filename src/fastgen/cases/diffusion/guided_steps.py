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
        gradient=None,
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
        ("0f46a0fa48154db1", "fe4e55f6d223fb88"),
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
        ("42c9dead0c3b72e8", "510354948c57e653"),
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
        ("c3f5dbaef878c9c5", "54dd86efa28b0136"),
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
        ("1b8b9cea284fa7e9", "ff478be3c841b0e9"),
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
        ("d38ace61c2f45c2b", "c7f08e94d0404325"),
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
