"""Cases of the rows of `fastgen.diffusion.solver_step`, one for each number of terms."""

from __future__ import annotations

from typing import Any

import numpy as np

from fastgen.cases.case import INF, NAN, Array, Case

Numbers = tuple[Any, ...]


def _split(terms: int, inputs: Numbers) -> tuple[Numbers, Numbers, Numbers, Numbers]:
    """x with the prediction, the terms, the six common coefficients, those of the terms."""
    return inputs[:2], inputs[2 : 2 + terms], inputs[2 + terms : 8 + terms], inputs[8 + terms :]


def _products(terms: int, inputs: Numbers) -> tuple[Any, list[Any], list[Any]]:
    """The limit, the products in the denoised sample, and those added to it in the next."""
    (x, p), t, (a, b, limit, u, v, _k), c = _split(terms, inputs)
    return limit, [a * x, b * p], [u * x, v * p, *(w * y for w, y in zip(c, t, strict=True))]


def _exact(terms: int, *inputs: Any) -> Numbers:
    limit, free, others = _products(terms, inputs)
    denoised = max(-limit, min(limit, sum(free)))
    return sum(others) + inputs[7 + terms] * denoised, denoised


def _scale(terms: int, *inputs: Any) -> Numbers:
    _, free, others = _products(terms, inputs)
    k, largest = inputs[7 + terms], max(map(abs, free))
    return max(largest * abs(k), *map(abs, others)), largest


def _gradient(terms: int, of_sums: Any, *along: Any) -> Numbers:
    """The gradient with `_added` as `of_sums`, or its scale with `_larger`."""
    *inputs, c_next, c_denoised = along
    (x, p), t, (a, b, limit, u, v, k), c = _split(terms, tuple(inputs))
    free = a * x + b * p
    clipped = abs(free) > limit
    both = of_sums(k * c_next, c_denoised)
    inside, outside = (0, both) if clipped else (both, 0)
    d_x, d_p = of_sums(a * inside, u * c_next), of_sums(b * inside, v * c_next)
    denoised = max(-limit, min(limit, free))
    if of_sums is _larger:
        denoised = max(abs(a * x), abs(b * p))
    sign = 1 if free > 0 else -1
    of_all = x * inside, p * inside, sign * outside, x * c_next, p * c_next, denoised * c_next
    return d_x, d_p, *(w * c_next for w in c), *of_all, *(y * c_next for y in t)


def _added(a: Any, b: Any) -> Any:
    return a + b


def _larger(a: Any, b: Any) -> Any:
    return max(abs(a), abs(b))


def _sample(terms: int, draws: Any) -> tuple[Array, ...]:
    """Sample inputs. The limit is positive, and clips some of the points."""
    return tuple(np.abs(z) + 0.5 if k == 4 + terms else z for k, z in enumerate(draws))


def _call(terms: int, f: Any, *inputs: Any) -> Any:
    arrays, t, coefficients, c = _split(terms, inputs)
    return f(*arrays, (*coefficients, *c), t)


def _case(terms: int, bits: tuple[str, str], known: tuple[tuple[Numbers, Numbers], ...]) -> Case:
    t, c = (0.5, -1.0, 2.0, 0.25)[:terms], (2.0, 1.0, -0.5, 3.0)[:terms]
    added, ones = sum(w * y for w, y in zip(c, t, strict=True)), (1.0,) * terms

    def gradient(mp: Any, *inputs: Any) -> Numbers:
        return _gradient(terms, _added, *inputs)

    def gradient_scale(mp: Any, *inputs: Any) -> Numbers:
        return _gradient(terms, _larger, *inputs)

    return Case(
        call=lambda f, *inputs: _call(terms, f, *inputs),
        sample=lambda draws: _sample(terms, draws),
        exact=lambda mp, *inputs: _exact(terms, *inputs),
        scale=lambda mp, *inputs: _scale(terms, *inputs),
        gradient=gradient,
        gradient_scale=gradient_scale,
        ulp=(4 if terms < 4 else 7, 2),
        known=known,
        edges=(
            ((1.0, 2.0, *t, 0.5, 1.0, INF, 0.25, 0.5, 1.0, *c), (3.75 + added, 2.5)),
            ((1.0, 2.0, *t, 0.5, 1.0, 1.0, 0.25, 0.5, 1.0, *c), (2.25 + added, 1.0)),
            ((1.0, -2.0, *t, 0.5, 1.0, 0.0, 0.25, 0.5, 1.0, *c), (-0.75 + added, -0.0)),
            ((INF, 2.0, *t, 0.5, 1.0, 1.0, 0.25, 0.5, 1.0, *c), (INF, 1.0)),
            ((1.0, -INF, *t, 0.5, 1.0, 4.0, 0.25, 0.5, 1.0, *c), (-INF, -4.0)),
            ((1.0, -INF, *t, 0.5, 1.0, INF, 0.25, 0.5, 1.0, *c), (-INF, -INF)),
            ((NAN, 2.0, *t, 0.5, 1.0, 1.0, 0.25, 0.5, 1.0, *ones), (NAN, NAN)),
            ((1.0, NAN, *t, 0.5, 1.0, INF, 0.25, 0.5, 1.0, *ones), (NAN, NAN)),
        ),
        bits=bits,
    )


CASES = {
    "diffusion.solver_step_0": _case(
        0,
        ("56f2e1c95566aac5", "2476ca32b6b1dd58"),
        (
            (
                (-0.796875, -1.328125, -0.25, 0.421875, 8.0, 0.109375, -0.546875, -0.78125),
                ("0.92125701904296875", "-0.361083984375"),
            ),
            (
                (0.75, 1.640625, 0.265625, -1.234375, 0.25, 1.59375, 0.203125, -1.734375),
                ("1.962158203125", "-0.25"),
            ),
            (
                (-0.078125, -1.15625, -0.625, -0.484375, INF, 0.546875, -0.0625, -0.59375),
                ("-0.3319854736328125", "0.60888671875"),
            ),
        ),
    ),
    "diffusion.solver_step_1": _case(
        1,
        ("ec6860e7eb059964", "b82414b113fb9623"),
        (
            (
                (
                    0.40625,
                    0.828125,
                    -1.640625,
                    -0.25,
                    -0.984375,
                    8.0,
                    -1.296875,
                    0.015625,
                    -0.03125,
                    -0.296875,
                ),
                ("0.00179290771484375", "-0.916748046875"),
            ),
            (
                (
                    -1.046875,
                    -0.390625,
                    -1.09375,
                    -1.359375,
                    0.21875,
                    0.25,
                    1.171875,
                    0.71875,
                    -2.0,
                    0.265625,
                ),
                ("-2.298095703125", "0.25"),
            ),
            (
                (
                    -1.109375,
                    0.03125,
                    0.046875,
                    -1.984375,
                    -0.234375,
                    INF,
                    0.96875,
                    -1.1875,
                    0.734375,
                    -1.09375,
                ),
                ("0.448200225830078125", "2.194091796875"),
            ),
        ),
    ),
    "diffusion.solver_step_2": _case(
        2,
        ("0f135c6b0c5862ec", "a22ca728d4ca0312"),
        (
            (
                (
                    -0.328125,
                    -0.84375,
                    1.453125,
                    0.5625,
                    2.4375,
                    0.640625,
                    8.0,
                    0.84375,
                    -0.609375,
                    -0.0625,
                    1.34375,
                    -0.390625,
                ),
                ("2.053985595703125", "-1.34033203125"),
            ),
            (
                (
                    0.1875,
                    -0.015625,
                    0.609375,
                    -0.359375,
                    -0.15625,
                    0.25,
                    0.25,
                    -0.859375,
                    0.890625,
                    -1.296875,
                    -1.203125,
                    -1.28125,
                ),
                ("-0.404693603515625", "-0.033203125"),
            ),
            (
                (
                    0.96875,
                    -0.359375,
                    -0.96875,
                    -1.140625,
                    0.421875,
                    -1.0625,
                    INF,
                    0.609375,
                    -1.203125,
                    -0.328125,
                    -0.0,
                    -0.453125,
                ),
                ("1.28015899658203125", "0.79052734375"),
            ),
        ),
    ),
    "diffusion.solver_step_3": _case(
        3,
        ("73f0dafd3ea522ef", "0a6c716efa215a6f"),
        (
            (
                (
                    -0.046875,
                    1.34375,
                    -0.515625,
                    -1.265625,
                    -1.84375,
                    -0.203125,
                    -0.359375,
                    8.0,
                    -0.46875,
                    -0.484375,
                    -0.71875,
                    -0.515625,
                    0.15625,
                    -0.375,
                ),
                ("0.47086334228515625", "-0.473388671875"),
            ),
            (
                (
                    0.09375,
                    1.90625,
                    0.484375,
                    -1.578125,
                    1.734375,
                    0.34375,
                    -0.9375,
                    0.25,
                    0.015625,
                    -0.609375,
                    -0.640625,
                    -1.0,
                    0.046875,
                    1.0625,
                ),
                ("0.284423828125", "-0.25"),
            ),
            (
                (
                    -0.328125,
                    0.421875,
                    1.875,
                    -1.21875,
                    0.25,
                    -0.3125,
                    -1.0625,
                    INF,
                    -0.015625,
                    0.4375,
                    -0.53125,
                    0.046875,
                    0.71875,
                    0.296875,
                ),
                ("-0.34051513671875", "-0.345703125"),
            ),
        ),
    ),
    "diffusion.solver_step_4": _case(
        4,
        ("05d087bf6a65684b", "d81cac95053b2aff"),
        (
            (
                (
                    0.046875,
                    0.46875,
                    -0.453125,
                    0.359375,
                    0.921875,
                    0.40625,
                    1.5625,
                    -0.890625,
                    8.0,
                    -0.703125,
                    -0.78125,
                    -0.1875,
                    0.21875,
                    0.421875,
                    0.515625,
                    2.234375,
                ),
                ("1.100921630859375", "-0.34423828125"),
            ),
            (
                (
                    0.859375,
                    -1.59375,
                    0.203125,
                    -0.625,
                    -0.515625,
                    1.3125,
                    -0.21875,
                    -1.953125,
                    0.25,
                    -0.296875,
                    -1.171875,
                    -0.921875,
                    -0.625,
                    -0.015625,
                    -0.421875,
                    0.078125,
                ),
                ("1.5849609375", "0.25"),
            ),
            (
                (
                    1.84375,
                    -0.796875,
                    -0.8125,
                    -0.25,
                    1.09375,
                    -0.703125,
                    1.4375,
                    -1.3125,
                    INF,
                    -0.046875,
                    -0.859375,
                    -0.625,
                    0.453125,
                    0.71875,
                    0.109375,
                    -0.28125,
                ),
                ("-1.9422607421875", "3.6962890625"),
            ),
        ),
    ),
}
