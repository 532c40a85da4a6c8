"""Cases of `fastgen.gan`."""

from __future__ import annotations

from typing import Any

import numpy as np

from fastgen.cases import case
from fastgen.cases.case import INF, NAN, Array, Case


def _probabilities(z: Array) -> tuple[Array, ...]:
    """Return positive numbers of up to about 1/2. One term does not need a sum of 1."""
    return tuple(np.abs(z) / 8 + 2**-10)


def _logit_and_probability(z: Array) -> tuple[Array, ...]:
    return 5 * z[0], np.minimum(np.abs(z[1]) / 4, 1)


def _x_log(mp: Any, x: Any, y: Any) -> Any:
    return x * mp.log(y) if x else mp.mpf(0)


def _softmax(mp: Any, x: list[Any]) -> list[Any]:
    powers = [mp.exp(a) for a in x]
    return [a / sum(powers) for a in powers]


def _js_terms(mp: Any, p: list[Any], q: list[Any]) -> list[Any]:
    pairs = zip(p, q, strict=True)
    return [(a * mp.log(2 * a / (a + b)) + b * mp.log(2 * b / (a + b))) / 2 for a, b in pairs]


def _js_from_logits_gradient(mp: Any, x: list[Any], y: list[Any]) -> tuple[Any, ...]:
    p, q = _softmax(mp, x), _softmax(mp, y)
    u = [mp.log(2 * a / (a + b)) / 2 for a, b in zip(p, q, strict=True)]
    v = [mp.log(2 * b / (a + b)) / 2 for a, b in zip(p, q, strict=True)]
    mean_u = sum(a * b for a, b in zip(p, u, strict=True))
    mean_v = sum(a * b for a, b in zip(q, v, strict=True))
    return (
        [a * (b - mean_u) for a, b in zip(p, u, strict=True)],
        [a * (b - mean_v) for a, b in zip(q, v, strict=True)],
    )


def _js_from_logits_gradient_scale(mp: Any, x: list[Any], y: list[Any]) -> tuple[Any, ...]:
    p, q = _softmax(mp, x), _softmax(mp, y)
    u = [mp.log(2 * a / (a + b)) / 2 for a, b in zip(p, q, strict=True)]
    v = [mp.log(2 * b / (a + b)) / 2 for a, b in zip(p, q, strict=True)]
    mean_u = sum(a * abs(b) for a, b in zip(p, u, strict=True))
    mean_v = sum(a * abs(b) for a, b in zip(q, v, strict=True))
    return (
        [a * (abs(b) + mean_u) for a, b in zip(p, u, strict=True)],
        [a * (abs(b) + mean_v) for a, b in zip(q, v, strict=True)],
    )


CASES = {
    "gan.js_divergence": Case(
        sample=_probabilities,
        exact=lambda mp, p, q: (
            (_x_log(mp, p, 2 * p / (p + q)) + _x_log(mp, q, 2 * q / (p + q))) / 2
        ),
        gradient=lambda mp, p, q: (mp.log(2 * p / (p + q)) / 2, mp.log(2 * q / (p + q)) / 2),
        ulp=4,
        gradient_ulp=3,
        known=(
            ((0.25, 0.75), "0.065406017970568479564600903"),
            ((0.5, 0.50048828125), "5.9575557513863048689138303e-8"),
            ((0.125, 0.0009765625), "0.040800810503558710612636526"),
            ((0.0, 0.5), "0.17328679513998632735430803"),
        ),
        edges=(
            ((0.0, 0.0), 0.0),
            ((0.25, 0.25), 0.0),
            ((-0.25, 0.5), NAN),
            ((-0.25, 0.25), NAN),
            ((NAN, 0.5), NAN),
            ((0.5, NAN), NAN),
            ((INF, 0.5), NAN),
        ),
        bits=("646901950c1770b4", "8f97f0b8367dc4ad"),
    ),
    "gan.f_divergence_kl": Case(
        sample=case.spread,
        exact=lambda mp, x: x * mp.exp(x) - mp.expm1(x),
        gradient=lambda mp, x: (x * mp.exp(x),),
        ulp=3,
        known=(
            ((0.5,), "0.17563936464993592657567461"),
            ((-1.25,), "0.35536420706457227426900779"),
            ((0.000244140625,), "2.9807173470222891495869303e-8"),
            ((-20.5,), "0.99999997312171337268503348"),
            ((9.0,), "64825.671420603072061679974"),
        ),
        edges=(((-INF,), 1.0), ((INF,), INF), ((0.0,), 0.0), ((-0.0,), 0.0), ((NAN,), NAN)),
        bits=("6a362ff157499f05", "ffe9b58f52887150"),
    ),
    "gan.f_divergence_reverse_kl": Case(
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
        edges=(((-INF,), INF), ((INF,), INF), ((0.0,), 0.0), ((-0.0,), 0.0), ((NAN,), NAN)),
        bits=("c4d7a8322a69fc6d", "02f9e963ec2d34d5"),
    ),
    "gan.f_divergence_jensen_shannon": Case(
        sample=case.spread,
        exact=lambda mp, x: (
            -(mp.exp(x) * mp.log((1 + mp.exp(-x)) / 2) + mp.log((1 + mp.exp(x)) / 2)) / 2
        ),
        gradient=lambda mp, x: (-mp.exp(x) * mp.log((1 + mp.exp(-x)) / 2) / 2,),
        ulp=5,
        known=(
            ((0.5,), "0.040127944463866392606965094"),
            ((-1.25,), "0.10474910251292253381922800"),
            ((0.000244140625,), "7.4514901471390111309351984e-9"),
            ((-20.5,), "0.34657357727409930796286459"),
            ((9.0,), "2803.6614318588407873662856"),
        ),
        edges=(
            ((-INF,), 0.34657359027997264),
            ((INF,), INF),
            ((0.0,), 0.0),
            ((-0.0,), 0.0),
            ((NAN,), NAN),
        ),
        bits=("f56896c7e47d54a2", "c4343b7fa944aa3e"),
    ),
    "gan.f_divergence_total_variation": Case(
        sample=case.spread,
        exact=lambda mp, x: abs(mp.expm1(x)) / 2,
        gradient=lambda mp, x: (mp.sign(x) * mp.exp(x) / 2,),
        ulp=3,
        known=(
            ((0.5,), "0.32436063535006407342432539"),
            ((-1.25,), "0.35674760156990494983755729"),
            ((0.000244140625,), "0.00012208521487392746850261696"),
            ((-20.5,), "0.49999999937492356680662869"),
            ((9.0,), "4051.0419637876920038549983"),
        ),
        edges=(((-INF,), 0.5), ((INF,), INF), ((0.0,), 0.0), ((-0.0,), 0.0), ((NAN,), NAN)),
        bits=("3a51c477490efa7f", "4244ca380b25c21e"),
    ),
    "gan.f_divergence_pearson": Case(
        sample=case.spread,
        exact=lambda mp, x: mp.expm1(x) ** 2,
        gradient=lambda mp, x: (2 * mp.exp(x) * mp.expm1(x),),
        ulp=2,
        known=(
            ((0.5,), "0.42083928705878894166298590"),
            ((-1.25,), "0.50907540490351859451975782"),
            ((0.000244140625,), "5.9619198763252163155958892e-8"),
            ((-20.5,), "0.99999999749969426878939693"),
            ((9.0,), "65643763.969475360370771083"),
        ),
        edges=(((-INF,), 1.0), ((INF,), INF), ((0.0,), 0.0), ((-0.0,), 0.0), ((NAN,), NAN)),
        bits=("49bc09315d87a6ee", "f8aac0f74c5587a9"),
    ),
    "gan.f_divergence_neyman": Case(
        sample=case.spread,
        exact=lambda mp, x: mp.expm1(x) ** 2 / mp.exp(x),
        gradient=lambda mp, x: (2 * mp.sinh(x),),
        ulp=2,
        known=(
            ((0.5,), "0.25525193041276157045245032"),
            ((-1.25,), "1.7768477543220314764554315"),
            ((0.000244140625,), "5.9604645071450098821592403e-8"),
            ((-20.5,), "799902175.47550540795475170"),
            ((9.0,), "8101.0840509851880943895462"),
        ),
        edges=(((-INF,), INF), ((INF,), INF), ((0.0,), 0.0), ((-0.0,), 0.0), ((NAN,), NAN)),
        bits=("8f248c6f333a6cf9", "3f3fe9ac0c368d23"),
    ),
    "gan.f_divergence_squared_hellinger": Case(
        sample=case.spread,
        exact=lambda mp, x: mp.expm1(x / 2) ** 2 / 2,
        gradient=lambda mp, x: (mp.exp(x / 2) * mp.expm1(x / 2) / 2,),
        ulp=2,
        known=(
            ((0.5,), "0.040335218662322589350904826"),
            ((-1.25,), "0.10799096991110480820582021"),
            ((0.000244140625,), "7.4514901563919990972916626e-9"),
            ((-20.5,), "0.49996464312422602321096673"),
            ((9.0,), "3962.0248324871701903048829"),
        ),
        edges=(((-INF,), 0.5), ((INF,), INF), ((0.0,), 0.0), ((-0.0,), 0.0), ((NAN,), NAN)),
        bits=("f25a444803dd8de0", "fe26f6be4c755161"),
    ),
    "gan.f_divergence_jeffreys": Case(
        sample=case.spread,
        exact=lambda mp, x: x * mp.expm1(x),
        gradient=lambda mp, x: (x * mp.exp(x) + mp.expm1(x),),
        ulp=2,
        known=(
            ((0.5,), "0.32436063535006407342432539"),
            ((-1.25,), "0.89186900392476237459389322"),
            ((0.000244140625,), "5.9611921325159896729793439e-8"),
            ((-20.5,), "20.499999974371866239071776"),
            ((9.0,), "72918.755348178456069389970"),
        ),
        edges=(((-INF,), INF), ((INF,), INF), ((0.0,), 0.0), ((-0.0,), 0.0), ((NAN,), NAN)),
        bits=("003d58ffa29afb0f", "1feb0f923863a7a5"),
    ),
    "gan.f_divergence_triangular": Case(
        sample=case.spread,
        exact=lambda mp, x: mp.expm1(x) * mp.tanh(x / 2),
        gradient=lambda mp, x: (mp.tanh(x / 2) * (mp.exp(x) + 2 / (1 + mp.exp(-x))),),
        ulp=3,
        known=(
            ((0.5,), "0.15888394589270988829304852"),
            ((-1.25,), "0.39570424155895468832296362"),
            ((0.000244140625,), "2.9805960514532141123801714e-8"),
            ((-20.5,), "0.99999999624954140709130086"),
            ((9.0,), "8100.0844211536879526369157"),
        ),
        edges=(((-INF,), 1.0), ((INF,), INF), ((0.0,), 0.0), ((-0.0,), 0.0), ((NAN,), NAN)),
        bits=("962ffe74629075b5", "ffe8ef893c91dfd8"),
    ),
    "gan.js_divergence_from_logits": Case(
        sample=case.normal,
        dims={"n": 5},
        exact=lambda mp, x, y: sum(_js_terms(mp, _softmax(mp, x), _softmax(mp, y))),
        gradient=_js_from_logits_gradient,
        gradient_scale=_js_from_logits_gradient_scale,
        ulp=6,
        gradient_ulp=8,
        known=(
            (((0.5, -1.25), (0.5, -1.0)), "0.0010726835078806321564756027"),
            (((20.0, 20.5, -3.0), (0.0, 0.5, 4.0)), "0.59838760802571994449820166"),
            (
                ((1.0, 2.0, 3.0, 4.0), (2.0, 3.0, 4.0, 5.0009765625)),
                "2.7329497902953117714066842e-8",
            ),
        ),
        edges=(
            (((0.5, -1.25), (0.5, -1.25)), 0.0),
            (((0.5, -1.25), (1.5, -0.25)), 0.0),
            (((-INF, 1.0), (-INF, 7.0)), 0.0),
            (((INF, 1.0), (3.0, -INF)), 0.0),
            (((INF, INF), (2.0, 2.0)), 0.0),
            (((-INF, -INF), (0.0, 0.0)), NAN),
            (((NAN, 0.0), (0.0, 0.0)), NAN),
            (((0.0, 0.0), (0.0, NAN)), NAN),
        ),
        bits=("f10300a0ae96fe44", "539d24ccc67869ef"),
    ),
    "gan.optimal_discriminator": Case(
        sample=case.spread,
        exact=lambda mp, a, b: 1 / (1 + mp.exp(b - a)),
        gradient=lambda mp, a, b: (
            1 / ((1 + mp.exp(a - b)) * (1 + mp.exp(b - a))),
            -1 / ((1 + mp.exp(a - b)) * (1 + mp.exp(b - a))),
        ),
        ulp=2,
        gradient_ulp=4,
        known=(
            ((0.5, -1.25), "0.85195280196831053029381513"),
            ((-20.5, 0.25), "9.7362003035302057651916598e-10"),
            ((1.0, 1.000244140625), "0.49993896484405316489878397"),
            ((9.0, -2.0), "0.99998329857815190481924476"),
        ),
        edges=(
            ((1.5, 1.5), 0.5),
            ((-INF, 0.0), 0.0),
            ((0.0, -INF), 1.0),
            ((INF, 0.0), 1.0),
            ((-INF, -INF), NAN),
            ((NAN, 0.0), NAN),
        ),
        bits=("397b5db02ff1b239", "01e9892a86f694c7"),
    ),
    "gan.logistic_loss": Case(
        sample=_logit_and_probability,
        exact=lambda mp, x, t: t * mp.log1p(mp.exp(-x)) + (1 - t) * mp.log1p(mp.exp(x)),
        gradient=lambda mp, x, t: (1 / (1 + mp.exp(-x)) - t, -x),
        gradient_scale=lambda mp, x, t: (
            max((1 - t) / (1 + mp.exp(-x)), t / (1 + mp.exp(x))),
            x,
        ),
        ulp=2,
        gradient_ulp=2,
        known=(
            ((0.5, 1.0), "0.47407698418010668087299736"),
            ((-1.25, 0.875), "1.3456790813453728889534187"),
            ((20.5, 1.0), "1.2501528656053015349213393e-9"),
            ((20.5, 0.0), "20.500000001250152865605302"),
        ),
        edges=(
            ((INF, 1.0), 0.0),
            ((INF, 0.5), INF),
            ((-INF, 1.0), INF),
            ((-INF, 0.0), 0.0),
            ((1e4, 0.0), 1e4),
            ((NAN, 0.0), NAN),
            ((0.0, NAN), NAN),
        ),
        bits=("6694a3a5ea4c45b2", "ffaf949b044a989b"),
    ),
    "gan.hinge_loss": Case(
        sample=case.normal,
        exact=lambda mp, x, t: max(mp.mpf(0), 1 - t * x),
        gradient=lambda mp, x, t: (-t, -x) if t * x < 1 else (mp.mpf(0), mp.mpf(0)),
        ulp=2,
        scale=lambda mp, x, t: max(1, abs(t * x)),
        known=(
            ((0.5, 1.0), "0.50000000000000000000000000"),
            ((1.25, -1.0), "2.2500000000000000000000000"),
            ((0.25, 1.0), "0.75000000000000000000000000"),
        ),
        edges=(
            ((1.0, 1.0), 0.0),
            ((INF, 1.0), 0.0),
            ((INF, -1.0), INF),
            ((NAN, 1.0), NAN),
            ((0.0, NAN), NAN),
        ),
        bits=("a7f3ab9e3e866bce", "823e6e5325c0d880"),
    ),
    "gan.squared_loss": Case(
        sample=case.normal,
        exact=lambda mp, x, t: (x - t) ** 2 / 2,
        gradient=lambda mp, x, t: (x - t, t - x),
        ulp=2,
        gradient_ulp=1,
        known=(
            ((0.5, 1.0), "0.12500000000000000000000000"),
            ((1.000244140625, 1.0), "2.9802322387695312500000000e-8"),
            ((-20.5, 0.25), "215.28125000000000000000000"),
        ),
        edges=(((1.5, 1.5), 0.0), ((-INF, 1.0), INF), ((INF, INF), NAN), ((NAN, 0.0), NAN)),
        bits=("81fb334ed97025fb", "df2057258f8909ea"),
    ),
    "gan.relativistic_loss": Case(
        sample=case.spread,
        exact=lambda mp, a, b: mp.log1p(mp.exp(b - a)),
        gradient=lambda mp, a, b: (-1 / (1 + mp.exp(a - b)), 1 / (1 + mp.exp(a - b))),
        ulp=2,
        gradient_ulp=2,
        known=(
            ((0.5, -1.25), "0.16022415043808722688694764"),
            ((-20.5, 0.25), "20.750000000973620030826989"),
            ((9.0, -12.0), "7.5825604250371455972481667e-10"),
        ),
        edges=(
            ((INF, 0.0), 0.0),
            ((-INF, 0.0), INF),
            ((INF, -INF), 0.0),
            ((INF, INF), NAN),
            ((NAN, 0.0), NAN),
        ),
        bits=("cf8ad5d78e8c81d9", "518a12bbc1dbd8b3"),
    ),
}
