"""Cases of `fastgen.flow`: elementwise bijectors."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from fastgen.cases.case import INF, NAN, Array, Case

Formula = Callable[..., Any]


def _unit(z: Array) -> Array:
    """Numbers in (0, 1)."""
    return np.minimum(np.abs(z) / 8 + 2.0**-10, 1 - 2.0**-10)


def _positive(z: Array) -> Array:
    return np.abs(z) + 2.0**-10


def _bijector(
    exact: Formula,
    slopes: Formula,
    known: tuple[Any, ...],
    edges: tuple[Any, ...],
    bits: tuple[str, str],
    sample: Callable[[Array], tuple[Array, ...]] = tuple,
    scale: Formula | None = None,
    ulp: tuple[float, float] = (3, 3),
    stretch: Formula | None = None,
) -> Case:
    """Make a case from the derivatives of y and of the log-determinant by each input.

    `slopes` returns a list per input: the derivative of y, and then the terms of the derivative of
    the log-determinant. These terms may cancel. `stretch` is the factor by which an exponential
    multiplies errors.
    """

    def terms(mp: Any, *given: Any) -> list[list[Any]]:
        *inputs, c, d = given
        return [[c * by_y, *(d * t for t in rest)] for by_y, *rest in slopes(mp, *inputs)]

    def gradient_scale(mp: Any, *given: Any) -> tuple[Any, ...]:
        factor = stretch(mp, *given[:-2]) if stretch else 1
        return tuple(factor * max(map(abs, t)) for t in terms(mp, *given))

    return Case(
        sample=sample,
        exact=exact,
        gradient=lambda mp, *given: tuple(map(sum, terms(mp, *given))),
        gradient_scale=gradient_scale,
        ulp=ulp,
        gradient_ulp=8,
        scale=scale,
        known=known,
        edges=edges,
        bits=bits,
    )


def _sigmoid(mp: Any, x: Any) -> Any:
    return 1 / (1 + mp.exp(-x))


def _log_density(mp: Any, x: Any) -> Any:
    return -abs(x) - 2 * mp.log1p(mp.exp(-abs(x)))


def _spread(x: Any, a: Any) -> Any:
    """p (1 - p) with p = a + (1 - 2a) x."""
    return (a + (1 - 2 * a) * x) * (1 - a - (1 - 2 * a) * x)


CASES = {
    "flow.exp": _bijector(
        lambda mp, x: (mp.exp(x), x),
        lambda mp, x: ((mp.exp(x), 1),),
        known=(
            ((0.5,), ("1.6487212707001281468486508", "0.50000000000000000000000000")),
            ((-3.25,), ("0.038774207831722009886899835", "-3.2500000000000000000000000")),
            ((0.0009765625,), ("1.0009770394924165352428453", "0.00097656250000000000000000000")),
        ),
        edges=(
            ((0.0,), (1.0, 0.0)),
            ((-INF,), (0.0, -INF)),
            ((INF,), (INF, INF)),
            ((NAN,), (NAN, NAN)),
        ),
        bits=("83fa75ed0b727179", "35ad82a369682940"),
        ulp=(1, 0),
    ),
    "flow.exp_inverse": _bijector(
        lambda mp, y: (mp.log(y), -mp.log(y)),
        lambda mp, y: ((1 / y, -1 / y),),
        sample=lambda z: (_positive(z[0]),),
        known=(
            ((0.5,), ("-0.69314718055994530941723212", "0.69314718055994530941723212")),
            ((3.25,), ("1.1786549963416461172190232", "-1.1786549963416461172190232")),
            ((0.0009765625,), ("-6.9314718055994530941723212", "6.9314718055994530941723212")),
        ),
        edges=(
            ((1.0,), (0.0, 0.0)),
            ((0.0,), (-INF, INF)),
            ((INF,), (INF, -INF)),
            ((-1.0,), (NAN, NAN)),
        ),
        bits=("ada034a6c0cb72ee", "a8bf9ac12cca1113"),
        ulp=(1, 1),
    ),
    "flow.sigmoid": _bijector(
        lambda mp, x: (_sigmoid(mp, x), _log_density(mp, x)),
        lambda mp, x: ((_sigmoid(mp, x) * _sigmoid(mp, -x), -mp.tanh(x / 2)),),
        sample=lambda z: (5 * z[0],),
        known=(
            ((0.5,), ("0.62245933120185456463890057", "-1.4481539683602133617459947")),
            ((-3.25,), ("0.037326887344129460197714166", "-3.3260827433755662571224171")),
            ((80.0,), ("1.0000000000000000000000000", "-80.000000000000000000000000")),
            ((-80.0,), ("1.8048513878454151723121284e-35", "-80.000000000000000000000000")),
        ),
        edges=(
            ((-INF,), (0.0, -INF)),
            ((INF,), (1.0, -INF)),
            ((NAN,), (NAN, NAN)),
            ((1000.0,), (1.0, -1000.0)),
        ),
        bits=("760fada59450b94c", "c7da1910cf4044e1"),
        ulp=(2, 2),
    ),
    "flow.sigmoid_inverse": _bijector(
        lambda mp, p: (mp.log(p / (1 - p)), -mp.log(p * (1 - p))),
        lambda mp, p: ((1 / (p * (1 - p)), (2 * p - 1) / (p * (1 - p))),),
        sample=lambda z: (_unit(z[0]),),
        known=(
            ((0.5009765625,), ("0.0039062549670650999973015418", "1.3862981758244322199524177")),
            ((0.0009765625,), ("-6.9304947659516264813863531", "6.9324488452472797069582893")),
            ((0.9375,), ("2.7080502011022100659960046", "2.8371272433773524093418524")),
            ((0.3125,), ("-0.78845736036427016946118424", "1.5378442592470915566751541")),
        ),
        edges=(
            ((0.0,), (-INF, INF)),
            ((1.0,), (INF, INF)),
            ((1.5,), (NAN, NAN)),
            ((-0.5,), (NAN, NAN)),
            ((NAN,), (NAN, NAN)),
        ),
        bits=("258c0a006536ae11", "534907fc38d71b01"),
        ulp=(4, 4),
    ),
    "flow.logit": _bijector(
        lambda mp, x, a: (
            mp.log((a + (1 - 2 * a) * x) / (1 - a - (1 - 2 * a) * x)),
            mp.log(1 - 2 * a) - mp.log((a + (1 - 2 * a) * x) * (1 - a - (1 - 2 * a) * x)),
        ),
        lambda mp, x, a: (
            (
                (1 - 2 * a) / _spread(x, a),
                (1 - 2 * a) ** 2 * (2 * x - 1) / _spread(x, a),
            ),
            (
                (1 - 2 * x) / _spread(x, a),
                -2 / (1 - 2 * a) - (1 - 2 * a) * (2 * x - 1) ** 2 / _spread(x, a),
            ),
        ),
        sample=lambda z: (_unit(z[0]), np.minimum(np.abs(z[1]) / 16, 0.25)),
        scale=lambda mp, x, a: (
            mp.log((a + (1 - 2 * a) * x) / (1 - a - (1 - 2 * a) * x)),
            max(abs(mp.log(1 - 2 * a)), abs(mp.log(_spread(x, a)))),
        ),
        known=(
            (
                (0.5009765625, 0.0625),
                ("0.0034179720775437799982102440", "1.2527658891272270309045454"),
            ),
            ((0.0, 0.03125), ("-3.4339872044851462459291643", "3.4329460799767356765702330")),
            ((0.9375, 0.0), ("2.7080502011022100659960046", "2.8371272433773524093418524")),
            ((0.3125, 0.125), ("-0.57807785077515811306001054", "1.1810178116341052908940502")),
        ),
        edges=(
            ((0.0, 0.0), (-INF, INF)),
            ((1.0, 0.0), (INF, INF)),
            ((2.0, 0.125), (NAN, NAN)),
            ((NAN, 0.0), (NAN, NAN)),
        ),
        bits=("a2cd8f9479915a29", "af413cdee3899c46"),
        ulp=(4, 4),
    ),
    "flow.logit_inverse": _bijector(
        lambda mp, y, a: (
            (_sigmoid(mp, y) - a) / (1 - 2 * a),
            _log_density(mp, y) - mp.log(1 - 2 * a),
        ),
        lambda mp, y, a: (
            (_sigmoid(mp, y) * _sigmoid(mp, -y) / (1 - 2 * a), -mp.tanh(y / 2)),
            (mp.tanh(y / 2) / (1 - 2 * a) ** 2, 2 / (1 - 2 * a)),
        ),
        sample=lambda z: (5 * z[0], np.minimum(np.abs(z[1]) / 16, 0.25)),
        scale=lambda mp, y, a: (
            max(_sigmoid(mp, y), a) / (1 - 2 * a),
            max(abs(_log_density(mp, y)), abs(mp.log(1 - 2 * a))),
        ),
        known=(
            ((0.5, 0.0625), ("0.63995352137354807387302922", "-1.3146225757356907385996511")),
            ((-3.25, 0.03125), ("0.0064820131670714242108951104", "-3.2615442222379950854494932")),
            ((20.0, 0.0), ("0.99999999793884638180979642", "-20.000000004122307240628761")),
            ((-20.0, 0.125), ("-0.16666666391846184241306189", "-19.712317931670526313189542")),
        ),
        edges=(((-INF, 0.0), (0.0, -INF)), ((INF, 0.0), (1.0, -INF)), ((NAN, 0.0), (NAN, NAN))),
        bits=("0d3ec7a1f065e880", "9657cf715f131b9a"),
        ulp=(4, 3),
    ),
    "flow.tanh": _bijector(
        lambda mp, x: (mp.tanh(x), -2 * mp.log(mp.cosh(x))),
        lambda mp, x: ((1 / mp.cosh(x) ** 2, -2 * mp.tanh(x)),),
        sample=lambda z: (3 * z[0],),
        known=(
            ((0.5,), ("0.46211715726000975850231848", "-0.24022901391655504926352675")),
            ((-3.25,), ("-0.99699763548652601693227593", "-5.1167102591996179487927450")),
            (
                (0.0009765625,),
                ("0.00097656218955926021858407527", "-0.00000095367416482383825391137724"),
            ),
            ((10.0,), ("0.99999999587769276361959284", "-18.613705643002416621794297")),
            ((-40.0,), ("-1.0000000000000000000000000", "-78.613705638880109381165536")),
        ),
        edges=(
            ((-INF,), (-1.0, -INF)),
            ((INF,), (1.0, -INF)),
            ((0.0,), (0.0, 0.0)),
            ((NAN,), (NAN, NAN)),
        ),
        bits=("341ea54d4f6b3c45", "c37edd104df4d944"),
        ulp=(2, 5),
    ),
    "flow.tanh_inverse": _bijector(
        lambda mp, y: (mp.atanh(y), -mp.log(1 - y**2)),
        lambda mp, y: ((1 / (1 - y**2), 2 * y / (1 - y**2)),),
        sample=lambda z: (np.where(z[0] < 0, -1, 1) * _unit(2 * z[0]),),
        known=(
            ((0.5,), ("0.54930614433405484569762262", "0.28768207245178092743921901")),
            ((-0.875,), ("-1.3540251005511050329980023", "1.4508328822574617905073882")),
            (
                (0.0009765625,),
                ("0.00097656281044103584096445003", "0.00000095367477115389000725024374"),
            ),
            ((0.9990234375,), ("3.8120652928306447645622842", "6.2388130255376166592200741")),
        ),
        edges=(
            ((-1.0,), (-INF, INF)),
            ((1.0,), (INF, INF)),
            ((-2.0,), (NAN, NAN)),
            ((NAN,), (NAN, NAN)),
        ),
        bits=("581cb2d27b2e2a05", "1dc0a9cd304eb583"),
        ulp=(3, 5),
    ),
    "flow.softplus": _bijector(
        lambda mp, x: (mp.log1p(mp.exp(x)), -mp.log1p(mp.exp(-x))),
        lambda mp, x: ((_sigmoid(mp, x), _sigmoid(mp, -x)),),
        sample=lambda z: (5 * z[0],),
        known=(
            ((0.5,), ("0.97407698418010668087299736", "-0.47407698418010668087299736")),
            ((-3.25,), ("0.038041371687783128561208562", "-3.2880413716877831285612086")),
            ((40.0,), ("40.000000000000000004248354", "-4.2483542552915889863049778e-18")),
            ((-40.0,), ("4.2483542552915889863049778e-18", "-40.000000000000000004248354")),
        ),
        edges=(((-INF,), (0.0, -INF)), ((INF,), (INF, 0.0)), ((NAN,), (NAN, NAN))),
        bits=("3870c7f29df711d2", "7d409eec3e61b4d9"),
        ulp=(2, 2),
    ),
    "flow.softplus_inverse": _bijector(
        lambda mp, y: (mp.log(mp.expm1(y)), -mp.log(-mp.expm1(-y))),
        lambda mp, y: ((-1 / mp.expm1(-y), -1 / mp.expm1(y)),),
        sample=lambda z: (_positive(5 * z[0]),),
        scale=lambda mp, y: (max(y, abs(mp.log(-mp.expm1(-y)))), mp.log(-mp.expm1(-y))),
        known=(
            ((0.5,), ("-0.43275212956718857189464100", "0.93275212956718857189464100")),
            ((0.6875,), ("-0.011326432969408958928531565", "0.69882643296940895892853157")),
            ((0.0009765625,), ("-6.9309834846130235597086712", "6.9319600471130235597086712")),
            ((30.0,), ("29.999999999999906423770312", "9.3576229688406124304539671e-14")),
        ),
        edges=(
            ((0.0,), (-INF, INF)),
            ((INF,), (INF, 0.0)),
            ((-1.0,), (NAN, NAN)),
            ((NAN,), (NAN, NAN)),
        ),
        bits=("f223020197e76e91", "f043937820461317"),
        ulp=(4, 4),
    ),
    "flow.leaky_relu": _bijector(
        lambda mp, x, a: (a * x, mp.log(a)) if x < 0 else (x, mp.mpf(0)),
        lambda mp, x, a: ((a, 0), (x, 1 / a)) if x < 0 else ((1, 0), (0, 0)),
        sample=lambda z: (z[0], _positive(z[1])),
        known=(
            ((0.5, 0.25), ("0.50000000000000000000000000", "0.0")),
            ((-3.25, 0.375), ("-1.2187500000000000000000000", "-0.98082925301172623685645113")),
            ((-1.0, 5.0), ("-5.0000000000000000000000000", "1.6094379124341003746007593")),
        ),
        edges=(
            ((0.0, 0.5), (0.0, 0.0)),
            ((-INF, 1.0), (-INF, 0.0)),
            ((-1.0, -1.0), (NAN, NAN)),
            ((NAN, 1.0), (NAN, NAN)),
        ),
        bits=("944a025e96a154b3", "50a7f9058931b1c5"),
        ulp=(1, 1),
    ),
    "flow.leaky_relu_inverse": _bijector(
        lambda mp, y, a: (y / a, -mp.log(a)) if y < 0 else (y, mp.mpf(0)),
        lambda mp, y, a: ((1 / a, 0), (-y / a**2, -1 / a)) if y < 0 else ((1, 0), (0, 0)),
        sample=lambda z: (z[0], _positive(z[1])),
        known=(
            ((0.5, 0.25), ("0.50000000000000000000000000", "0.0")),
            ((-3.25, 0.375), ("-8.6666666666666666666666667", "0.98082925301172623685645113")),
            ((-1.0, 5.0), ("-0.20000000000000000000000000", "-1.6094379124341003746007593")),
        ),
        edges=(
            ((0.0, 0.5), (0.0, 0.0)),
            ((-INF, 1.0), (-INF, 0.0)),
            ((-1.0, -1.0), (NAN, NAN)),
            ((NAN, 1.0), (NAN, NAN)),
        ),
        bits=("211b8669ed533f73", "09cbfce104b63a42"),
        ulp=(1, 1),
    ),
    "flow.power": _bijector(
        lambda mp, x, p: (mp.sign(x) * abs(x) ** p, mp.log(p) + (p - 1) * mp.log(abs(x))),
        lambda mp, x, p: (
            (p * abs(x) ** (p - 1), (p - 1) / x),
            (mp.sign(x) * abs(x) ** p * mp.log(abs(x)), 1 / p, mp.log(abs(x))),
        ),
        sample=lambda z: (np.where(z[0] < 0, -1, 1) * _positive(z[0]), _positive(z[1]) + 0.25),
        scale=lambda mp, x, p: (
            abs(x) ** p * (1 + abs(p * mp.log(abs(x)))),
            max(abs(mp.log(p)), abs((p - 1) * mp.log(abs(x)))),
        ),
        known=(
            ((0.5, 2.0), ("0.25000000000000000000000000", "0.0")),
            ((-3.25, 0.375), ("-1.5558089316207454337257787", "-1.7174886257252550601183406")),
            ((1.0009765625, 5.0), ("1.0048923585609381703420695", "1.6133422563263222101846026")),
        ),
        edges=(
            ((0.0, 1.0), (0.0, 0.0)),
            ((-INF, 1.0), (-INF, 0.0)),
            ((1.0, 1.0), (1.0, 0.0)),
            ((0.0, 2.0), (0.0, -INF)),
            ((NAN, 2.0), (NAN, NAN)),
        ),
        bits=("e429e21290c37fe1", "576695f195840500"),
        stretch=lambda mp, x, p: 1 + abs(p * mp.log(abs(x))),
    ),
    "flow.power_inverse": _bijector(
        lambda mp, y, p: (
            mp.sign(y) * abs(y) ** (1 / p),
            -mp.log(p) + (1 / p - 1) * mp.log(abs(y)),
        ),
        lambda mp, y, p: (
            (abs(y) ** (1 / p - 1) / p, (1 / p - 1) / y),
            (
                -mp.sign(y) * abs(y) ** (1 / p) * mp.log(abs(y)) / p**2,
                -1 / p,
                -mp.log(abs(y)) / p**2,
            ),
        ),
        sample=lambda z: (np.where(z[0] < 0, -1, 1) * _positive(z[0]), _positive(z[1]) + 0.25),
        scale=lambda mp, y, p: (
            abs(y) ** (1 / p) * (1 + abs(mp.log(abs(y)) / p)),
            max(abs(mp.log(p)), abs((1 / p - 1) * mp.log(abs(y)))),
        ),
        known=(
            ((0.5, 2.0), ("0.70710678118654752440084436", "-0.34657359027997265470861606")),
            ((-3.25, 0.375), ("-23.175136241415977791862121", "2.9452542469144697655548231")),
            ((1.0009765625, 5.0), ("1.0001952362507276347223827", "-1.6102187812125447417175280")),
        ),
        edges=(
            ((0.0, 1.0), (0.0, 0.0)),
            ((-INF, 1.0), (-INF, 0.0)),
            ((1.0, 1.0), (1.0, 0.0)),
            ((0.0, 2.0), (0.0, INF)),
            ((NAN, 2.0), (NAN, NAN)),
        ),
        bits=("e5333b29cef4f599", "77c47f807e5fde27"),
        stretch=lambda mp, y, p: 1 + abs(mp.log(abs(y)) / p),
    ),
    "flow.soft_clip": _bijector(
        lambda mp, x, b: (x / (1 + abs(x) / b), -2 * mp.log1p(abs(x) / b)),
        lambda mp, x, b: (
            ((b / (b + abs(x))) ** 2, -2 * mp.sign(x) / (b + abs(x))),
            (x * abs(x) / (b + abs(x)) ** 2, 2 * abs(x) / (b * (b + abs(x)))),
        ),
        sample=lambda z: (3 * z[0], _positive(z[1]) + 0.25),
        known=(
            ((0.5, 2.0), ("0.40000000000000000000000000", "-0.44628710262841951153259018")),
            ((-3.25, 0.375), ("-0.33620689655172413793103448", "-4.5373670826367286715760536")),
            (
                (0.0009765625, 5.0),
                ("0.00097637180238234719781292716", "-0.00039058685799366999918947084"),
            ),
        ),
        edges=(((0.0, 1.0), (0.0, 0.0)), ((-INF, 2.0), (-2.0, -INF)), ((NAN, 2.0), (NAN, NAN))),
        bits=("a0398b11bc94c16b", "e10f133c976eb334"),
    ),
    "flow.soft_clip_inverse": _bijector(
        lambda mp, y, b: (y / (1 - abs(y) / b), -2 * mp.log1p(-abs(y) / b)),
        lambda mp, y, b: (
            ((b / (b - abs(y))) ** 2, 2 * mp.sign(y) / (b - abs(y))),
            (-y * abs(y) / (b - abs(y)) ** 2, -2 * abs(y) / (b * (b - abs(y)))),
        ),
        sample=lambda z: (np.where(z[0] < 0, -1, 1) * _unit(4 * z[0]), _positive(z[1]) + 1),
        known=(
            ((0.5, 2.0), ("0.66666666666666666666666667", "0.57536414490356185487843801")),
            ((-0.25, 0.375), ("-0.75000000000000000000000000", "2.1972245773362193827904905")),
            (
                (0.0009765625, 5.0),
                ("0.00097675327212346161359640555", "0.00039066315194043769074931496"),
            ),
            ((1.9990234375, 2.0), ("4094.0000000000000000000000", "15.249237972318796807179107")),
        ),
        edges=(
            ((0.0, 1.0), (0.0, 0.0)),
            ((-2.0, 2.0), (-INF, INF)),
            ((3.0, 2.0), (NAN, NAN)),
            ((NAN, 2.0), (NAN, NAN)),
        ),
        bits=("9a90336079316997", "ce536a922b9bffcd"),
    ),
}
