"""Cases of `fastgen.flow`: couplings and normalization."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from fastgen.cases.case import INF, NAN, Array, Case

Formula = Callable[..., Any]


def _sigmoid(mp: Any, x: Any) -> Any:
    return 1 / (1 + mp.exp(-x))


def _scale(mp: Any, u: Any) -> Any:
    return _sigmoid(mp, u + 2) + 1 / mp.mpf(1000)


def _clamped(mp: Any, u: Any, limit: Any) -> Any:
    return min(mp.log1p(mp.exp(u)) + 1 / mp.mpf(1000), limit)


def _clamped_slopes(mp: Any, u: Any, limit: Any) -> tuple[Any, Any]:
    scale = _clamped(mp, u, limit)
    return (_sigmoid(mp, u) / scale, 0) if scale < limit else (0, 1 / scale)


# For each scale map: log s, and its derivatives by u and, if it has one, by the limit.
LOG_SCALES: dict[str, tuple[Formula, Formula]] = {
    "exp": (lambda mp, u: u, lambda mp, u: (1,)),
    "sigmoid": (
        lambda mp, u: mp.log(_scale(mp, u)),
        lambda mp, u: (_sigmoid(mp, u + 2) * _sigmoid(mp, -u - 2) / _scale(mp, u),),
    ),
    "softplus": (
        lambda mp, u, limit: mp.log(_clamped(mp, u, limit)),
        _clamped_slopes,
    ),
    "tanh": (
        lambda mp, u, limit: limit * mp.tanh(u),
        lambda mp, u, limit: (limit / mp.cosh(u) ** 2, mp.tanh(u)),
    ),
    "soft_clip": (
        lambda mp, u, limit: u * limit / (limit + abs(u)),
        lambda mp, u, limit: ((limit / (limit + abs(u))) ** 2, u * abs(u) / (limit + abs(u)) ** 2),
    ),
}


def _sample(z: Array) -> tuple[Array, ...]:
    """Return x, log_scale, shift, a mask with a third of its elements set, and a limit > 1/2."""
    limits = [np.abs(x) + 0.5 for x in z[4:]]
    return z[0], 2 * z[1], z[2], np.where(z[3] > 0.5, 1.0, 0.0), *limits


def _coupling(
    scale_map: str,
    known: tuple[Any, ...],
    edges: tuple[Any, ...],
    bits: tuple[str, str],
    inverse: bool = False,
) -> Case:
    log_scale, slopes = LOG_SCALES[scale_map]
    stretches = scale_map in ("tanh", "soft_clip")  # the error of log s grows in s = e^(log s)
    sign = -1 if inverse else 1

    def terms(mp: Any, x: Any, u: Any, shift: Any, *limit: Any) -> tuple[Any, Any, Any]:
        """The two terms of y, and log s."""
        log_s = log_scale(mp, u, *limit)
        if inverse:
            return x * mp.exp(-log_s), -shift * mp.exp(-log_s), log_s
        return x * mp.exp(log_s), shift, log_s

    def exact(mp: Any, x: Any, u: Any, shift: Any, mask: Any, *limit: Any) -> Any:
        if mask > 0.5:
            return x, mp.mpf(0)
        moved, added, log_s = terms(mp, x, u, shift, *limit)
        return moved + added, sign * log_s

    def scale(mp: Any, x: Any, u: Any, shift: Any, mask: Any, *limit: Any) -> Any:
        if mask > 0.5:
            return x, mp.mpf(1)
        moved, added, log_s = terms(mp, x, u, shift, *limit)
        largest = max(abs(moved), abs(added), abs(moved + added)) * (
            1 + abs(log_s) if stretches else 1
        )
        return largest, log_s if stretches or scale_map == "exp" else max(abs(log_s), 1)

    def gradient_terms(mp: Any, *given: Any) -> tuple[tuple[Any, ...], ...]:
        """The terms of each gradient."""
        x, u, shift, mask, *limit, c, d = given
        if mask > 0.5:
            return ((c,), *(((0,),) * (3 + len(limit))))
        moved, added, log_s = terms(mp, x, u, shift, *limit)
        factor = mp.exp(sign * log_s)
        by_log_s = (sign * c * moved, sign * d, *((-c * added,) if inverse else ()))
        by_maps = [tuple(t * slope for t in by_log_s) for slope in slopes(mp, u, *limit)]
        by_u, *by_limit = by_maps
        return ((c * factor,), by_u, (-c * factor if inverse else c,), (0,), *by_limit)

    def gradient(mp: Any, *given: Any) -> tuple[Any, ...]:
        return tuple(map(sum, gradient_terms(mp, *given)))

    def gradient_scale(mp: Any, *given: Any) -> tuple[Any, ...]:
        _, u, _, _, *limit, _, _ = given
        wider = 1 + abs(log_scale(mp, u, *limit)) if stretches else 1
        if scale_map == "sigmoid":  # u + 2 is rounded
            wider = 1 + abs(u + 2)
        return tuple(wider * max(map(abs, t)) for t in gradient_terms(mp, *given))

    return Case(
        sample=_sample,
        exact=exact,
        gradient=gradient,
        gradient_scale=gradient_scale,
        ulp=(3, 3),
        gradient_ulp=10,
        scale=scale,
        known=known,
        edges=edges,
        bits=bits,
    )


_MASKED = (
    ((2.0, NAN, NAN, 1.0), (2.0, 0.0)),
    ((INF, 0.0, 0.0, 1.0), (INF, 0.0)),
    ((NAN, 0.0, 0.0, 1.0), (NAN, 0.0)),
    ((1.0, NAN, 0.0, 0.0), (NAN, NAN)),
)
_LIMITED_MASKED = (
    ((2.0, NAN, NAN, 1.0, 1.0), (2.0, 0.0)),
    ((1.0, NAN, 0.0, 0.0, 1.0), (NAN, NAN)),
)
_LIMITED = (
    *_LIMITED_MASKED,
    ((2.0, 0.0, 1.0, 0.0, 1.5), (3.0, 0.0)),
    ((0.0, INF, 2.0, 0.0, 1.5), (2.0, 1.5)),
    ((0.0, -INF, 2.0, 0.0, 1.5), (2.0, -1.5)),
)
_LIMITED_INVERSE = (
    *_LIMITED_MASKED,
    ((3.0, 0.0, 1.0, 0.0, 1.5), (2.0, 0.0)),
    ((2.0, INF, 2.0, 0.0, 1.5), (0.0, -1.5)),
    ((2.0, -INF, 2.0, 0.0, 1.5), (0.0, 1.5)),
)


CASES = {
    "flow.affine_coupling_exp": _coupling(
        "exp",
        known=(
            (
                (0.5, -0.75, 0.25, 0.0),
                ("0.48618327637050735356902328", "-0.75000000000000000000000000"),
            ),
            (
                (-1.25, 2.0, 3.0, 0.0),
                ("-6.2363201236633127840380343", "2.0000000000000000000000000"),
            ),
            (
                (3.0, 0.0009765625, -2.0, 0.0),
                ("1.0029311184772496057285359", "0.00097656250000000000000000000"),
            ),
            (
                (3.0, -6.5, -2.0, 0.0),
                ("-1.9954896824210672826578513", "-6.5000000000000000000000000"),
            ),
        ),
        edges=(
            *_MASKED,
            ((1.0, -INF, 2.0, 0.0), (2.0, -INF)),
            ((1.0, INF, 0.0, 0.0), (INF, INF)),
            ((2.0, 0.0, 1.0, 0.0), (3.0, 0.0)),
        ),
        bits=("31f33319f8e8d8b6", "aac4f66b2c772bae"),
    ),
    "flow.affine_coupling_sigmoid": _coupling(
        "sigmoid",
        known=(
            (
                (0.5, -0.75, 0.25, 0.0),
                ("0.63914993058734557349975977", "-0.25064340338673062400438961"),
            ),
            (
                (-1.25, 2.0, 3.0, 0.0),
                ("1.7712327624526144475334914", "-0.017132130410573332131262224"),
            ),
            (
                (3.0, 0.0009765625, -2.0, 0.0),
                ("0.64569871795920294686306111", "-0.12567709266339132624498666"),
            ),
            (
                (3.0, -6.5, -2.0, 0.0),
                ("-1.9640391721082204598840939", "-4.4239373357373281568903680"),
            ),
        ),
        edges=_MASKED,
        bits=("cc38faa18c8c902b", "b4d36a1b930db424"),
    ),
    "flow.affine_coupling_softplus": _coupling(
        "softplus",
        known=(
            (
                (0.5, -0.75, 0.25, 0.0, 3.0),
                ("0.44393550305744997183492013", "-0.94708245310218417286770787"),
            ),
            (
                (-1.25, 4.0, 3.0, 0.0, INF),
                ("-2.0239374098972621754437291", "1.3910704195529971654014212"),
            ),
            (
                (3.0, 0.0009765625, -2.0, 0.0, 0.5),
                ("-0.50000000000000000000000000", "-0.69314718055994530941723212"),
            ),
            (
                (3.0, -6.5, -2.0, 0.0, 3.0),
                ("-1.9924930695207371485591861", "-5.9905409098904802660493850"),
            ),
        ),
        edges=(
            *_LIMITED_MASKED,
            ((3.0, INF, 2.0, 0.0, 1.0), (5.0, 0.0)),
            ((1.0, INF, 0.0, 0.0, INF), (INF, INF)),
        ),
        bits=("f4b04764b561ccec", "87853a6646c6aa80"),
    ),
    "flow.affine_coupling_tanh": _coupling(
        "tanh",
        known=(
            (
                (0.5, -0.75, 0.25, 0.0, 1.0),
                ("0.51492827951998670530117809", "-0.63514895238728731921443436"),
            ),
            (
                (-1.25, 2.0, 3.0, 0.0, 6.5),
                ("-655.07757650963631075428301", "6.2661792704928097456516892"),
            ),
            (
                (3.0, 0.0009765625, -2.0, 0.0, 2.0),
                ("1.0058650989067224655847018", "0.0019531243791185204371681505"),
            ),
            (
                (3.0, -6.5, -2.0, 0.0, 0.5),
                ("-0.18040390798948880214141263", "-0.49999773967570209642553947"),
            ),
        ),
        edges=_LIMITED,
        bits=("c87cf38854eb7ba7", "2113aac9c058a5da"),
    ),
    "flow.affine_coupling_soft_clip": _coupling(
        "soft_clip",
        known=(
            (
                (0.5, -0.75, 0.25, 0.0, 1.0),
                ("0.57571952876552779500149359", "-0.42857142857142857142857143"),
            ),
            (
                (-1.25, 2.0, 3.0, 0.0, 6.5),
                ("-2.7693263081678945510702009", "1.5294117647058823529411765"),
            ),
            (
                (3.0, 0.0009765625, -2.0, 0.0, 2.0),
                ("1.0029296872672830098807784", "0.00097608589555880917520741825"),
            ),
            (
                (3.0, -6.5, -2.0, 0.0, 0.5),
                ("-0.11424819980412434122262499", "-0.46428571428571428571428571"),
            ),
        ),
        edges=_LIMITED,
        bits=("62c7303bdf152dac", "0e37439974e53bc7"),
    ),
    "flow.affine_coupling_inverse_exp": _coupling(
        "exp",
        known=(
            (
                (0.5, -0.75, 0.25, 0.0),
                ("0.52925000415316866713634245", "0.75000000000000000000000000"),
            ),
            (
                (-1.25, 2.0, 3.0, 0.0),
                ("-0.57517495375560394054949785", "-2.0000000000000000000000000"),
            ),
            (
                (3.0, 0.0009765625, -2.0, 0.0),
                ("4.9951195709098783111735589", "-0.00097656250000000000000000000"),
            ),
            (
                (3.0, -6.5, -2.0, 0.0),
                ("3325.7081652218092034698075", "6.5000000000000000000000000"),
            ),
        ),
        edges=(
            *_MASKED,
            ((2.0, -INF, 1.0, 0.0), (INF, INF)),
            ((1.0, INF, 0.0, 0.0), (0.0, -INF)),
            ((3.0, 0.0, 1.0, 0.0), (2.0, 0.0)),
        ),
        bits=("090d664aa6abac11", "376989a3ba51bdcc"),
        inverse=True,
    ),
    "flow.affine_coupling_inverse_sigmoid": _coupling(
        "sigmoid",
        known=(
            (
                (0.5, -0.75, 0.25, 0.0),
                ("0.32121295720478991589436718", "0.25064340338673062400438961"),
            ),
            (
                (-1.25, 2.0, 3.0, 0.0),
                ("-4.3234388398926785855295271", "0.017132130410573332131262224"),
            ),
            (
                (3.0, 0.0009765625, -2.0, 0.0),
                ("5.6695797968902754513251602", "0.12567709266339132624498666"),
            ),
            (
                (3.0, -6.5, -2.0, 0.0),
                ("417.12054141637052459364505", "4.4239373357373281568903680"),
            ),
        ),
        edges=_MASKED,
        bits=("f9501716f40cf816", "af32c764ccaeecd9"),
        inverse=True,
    ),
    "flow.affine_coupling_inverse_softplus": _coupling(
        "softplus",
        known=(
            (
                (0.5, -0.75, 0.25, 0.0, 3.0),
                ("0.64454418107741188033395321", "0.94708245310218417286770787"),
            ),
            (
                (-1.25, 4.0, 3.0, 0.0, INF),
                ("-1.0574375368479438982779643", "-1.3910704195529971654014212"),
            ),
            (
                (3.0, 0.0009765625, -2.0, 0.0, 0.5),
                ("10.000000000000000000000000", "0.69314718055994530941723212"),
            ),
            (
                (3.0, -6.5, -2.0, 0.0, 3.0),
                ("1998.1535784081133559872910", "5.9905409098904802660493850"),
            ),
        ),
        edges=(
            *_LIMITED_MASKED,
            ((5.0, INF, 2.0, 0.0, 1.0), (3.0, 0.0)),
            ((1.0, INF, 0.0, 0.0, INF), (0.0, -INF)),
        ),
        bits=("c40cdfcabe26d3e8", "d0df67aabdac392e"),
        inverse=True,
    ),
    "flow.affine_coupling_inverse_tanh": _coupling(
        "tanh",
        known=(
            (
                (0.5, -0.75, 0.25, 0.0, 1.0),
                ("0.47182580971152895207552178", "0.63514895238728731921443436"),
            ),
            (
                (-1.25, 2.0, 3.0, 0.0, 6.5),
                ("-0.0080727564494399824155223346", "-6.2661792704928097456516892"),
            ),
            (
                (3.0, 0.0009765625, -2.0, 0.0, 2.0),
                ("4.9902439086357273839615187", "-0.0019531243791185204371681505"),
            ),
            (
                (3.0, -6.5, -2.0, 0.0, 0.5),
                ("8.2435877202979561127829280", "0.49999773967570209642553947"),
            ),
        ),
        edges=_LIMITED_INVERSE,
        bits=("3c32b6b77a7a6213", "b71e809ec82e1bd4"),
        inverse=True,
    ),
    "flow.affine_coupling_inverse_soft_clip": _coupling(
        "soft_clip",
        known=(
            (
                (0.5, -0.75, 0.25, 0.0, 1.0),
                ("0.38376575231380247436108729", "0.42857142857142857142857143"),
            ),
            (
                (-1.25, 2.0, 3.0, 0.0, 6.5),
                ("-0.92081808450994615870562062", "-1.5294117647058823529411765"),
            ),
            (
                (3.0, 0.0009765625, -2.0, 0.0, 2.0),
                ("4.9951219516066174113030557", "-0.00097608589555880917520741825"),
            ),
            (
                (3.0, -6.5, -2.0, 0.0, 0.5),
                ("7.9543872096221407107472666", "0.46428571428571428571428571"),
            ),
        ),
        edges=_LIMITED_INVERSE,
        bits=("f00649c8c8f75631", "14c897090dd11e46"),
        inverse=True,
    ),
}
