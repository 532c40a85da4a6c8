"""Cases of `fastgen.vae` with rows of classes, samples or components."""

from __future__ import annotations

from typing import Any

from fastgen.cases import case
from fastgen.cases.case import INF, NAN, Case

_LOWEST = 2.0**-118  # smaller shares are subnormal in float32, at least in a product


def _softmax(mp: Any, x: Any) -> list[Any]:
    exps = [mp.exp(v) for v in x]
    return [e / mp.fsum(exps) for e in exps]


def _log_mean(mp: Any, x: Any) -> Any:
    top = max(x)  # so that floats do not overflow
    return top + mp.log(mp.fsum(mp.exp(v - top) for v in x) / len(x))


def _kl(mp: Any, a: Any, b: Any) -> tuple[Any, list[Any], list[Any], list[Any]]:
    """The divergence, q, p and log p - log q."""
    with mp.workprec(900):  # for tiny probabilities and nearly equal ones
        q, p = _softmax(mp, a), _softmax(mp, b)
        d = [mp.log(y / x) for x, y in zip(q, p, strict=True)]
        return -mp.fsum(x * t for x, t in zip(q, d, strict=True)), q, p, d


def _kl_gradient(mp: Any, a: Any, b: Any) -> Any:
    kl, q, p, d = _kl(mp, a, b)
    by_a = [-x * (t + kl) for x, t in zip(q, d, strict=True)]
    return by_a, [y - x for x, y in zip(q, p, strict=True)]


def _kl_gradient_scale(mp: Any, a: Any, b: Any) -> Any:
    kl, q, p, d = _kl(mp, a, b)
    largest = max(map(abs, d))  # every gradient is a difference of d and its mean
    by_a = [max(x, _LOWEST) * max(largest, kl) for x in q]
    return by_a, [max(x, y, _LOWEST) * min(1, largest) for x, y in zip(q, p, strict=True)]


def _components(mp: Any, z: Any, mu: Any, logvar: Any) -> list[tuple[Any, Any, Any]]:
    """Per component: log-density, (z - mu) / variance and (z - mu)^2 / variance."""
    return [
        (
            -(mp.log(2 * mp.pi) + v + (z - m) ** 2 * mp.exp(-v)) / 2,
            (z - m) * mp.exp(-v),
            (z - m) ** 2 * mp.exp(-v),
        )
        for m, v in zip(mu, logvar, strict=True)
    ]


def _mixture_gradient(mp: Any, z: Any, mu: Any, logvar: Any) -> Any:
    logs, slopes, squares = zip(*_components(mp, z, mu, logvar), strict=True)
    shares = _softmax(mp, logs)
    d_mu = [w * s for w, s in zip(shares, slopes, strict=True)]
    return -mp.fsum(d_mu), d_mu, [w * (s - 1) / 2 for w, s in zip(shares, squares, strict=True)]


def _mixture_size(mp: Any, z: Any, mu: Any, logvar: Any) -> Any:
    """Return the largest term of any component."""
    terms = _components(mp, z, mu, logvar)
    return max(1, *map(abs, logvar), *(t[2] for t in terms))


def _mixture_gradient_scale(mp: Any, z: Any, mu: Any, logvar: Any) -> Any:
    d_z, d_mu, d_logvar = _mixture_gradient(mp, z, mu, logvar)
    size = _mixture_size(mp, z, mu, logvar)
    slopes = [abs(t[1]) for t in _components(mp, z, mu, logvar)]
    shares = [abs(d / s) if s else mp.mpf(1) for d, s in zip(d_mu, slopes, strict=True)]
    d_logvar = [max(abs(d), w, _LOWEST) * size for d, w in zip(d_logvar, shares, strict=True)]
    return (
        max(abs(d_z), *map(abs, d_mu)) * size,
        [max(abs(d), _LOWEST) * size for d in d_mu],
        d_logvar,
    )


def _scaled(mp: Any, z: Any, mu: Any, s: Any, w: Any) -> list[Any]:
    """Return the exponents of the components."""
    return [h - ((z - m) * r) ** 2 / 2 for m, r, h in zip(mu, s, w, strict=True)]


def _scaled_gradient(mp: Any, z: Any, mu: Any, s: Any, w: Any) -> Any:
    shares = _softmax(mp, _scaled(mp, z, mu, s, w))
    d_mu = [p * (z - m) * r**2 for p, m, r in zip(shares, mu, s, strict=True)]
    d_s = [-p * (z - m) ** 2 * r for p, m, r in zip(shares, mu, s, strict=True)]
    return -mp.fsum(d_mu), d_mu, d_s, shares


def _scaled_size(mp: Any, z: Any, mu: Any, s: Any, w: Any) -> Any:
    """Return the largest term of any component."""
    return max(1, *map(abs, w), *(((z - m) * r) ** 2 for m, r in zip(mu, s, strict=True)))


def _scaled_gradient_scale(mp: Any, *inputs: Any) -> Any:
    d_z, *others = _scaled_gradient(mp, *inputs)
    size = _scaled_size(mp, *inputs)
    largest = max(abs(d_z), *map(abs, others[0]))
    return (largest * size, *([max(abs(d), _LOWEST) * size for d in part] for part in others))


CASES = {
    "vae.kl_categorical": Case(
        dims={"n": 3},
        sample=case.spread,
        exact=lambda mp, a, b: _kl(mp, a, b)[0],
        scale=lambda mp, a, b: max(_kl(mp, a, b)[0], _LOWEST),
        gradient=_kl_gradient,
        gradient_scale=_kl_gradient_scale,
        ulp=4,
        gradient_ulp=8,
        known=(
            (((0.5, -1.25), (0.25, 3.0)), "1.9855310474225087840117061"),
            (((3.0, 0.0, 1.0), (3.0009765625, 0.0, 1.0)), "6.2835541477282248902652236e-8"),
            (((-20.0, 4.0, 0.0, 1.0), (4.0, -20.0, 1.0, 0.0)), "22.499214040425108456105884"),
            (((1.0, 2.0), (9.0, 10.0009765625)), "9.3737771199339203924329673e-8"),
        ),
        edges=(
            (((1.5, 0.25, -2.0), (1.5, 0.25, -2.0)), 0.0),
            (((1.5, 0.25, -2.0), (17.5, 16.25, 14.0)), 0.0),
            (((1.5,), (-8.0,)), 0.0),
            (((0.0, -INF), (0.0, -INF)), 0.0),
            (((-INF, 0.0), (-INF, 5.0)), 0.0),
            (((0.0, 0.0), (0.0, -INF)), INF),
            (((-INF, 0.0), (0.0, -INF)), INF),
            (((-INF, -INF), (0.0, 0.0)), NAN),
            (((-INF, -INF), (0.0, 0.0)), NAN),
            (((INF, 0.0), (0.0, 0.0)), NAN),
            (((0.0, NAN), (0.0, 0.0)), NAN),
            (((0.0, 0.0), (0.0, NAN)), NAN),
        ),
        bits=("0c4cac5a5831e9f7", "73b6eff978916ff0"),
    ),
    "vae.iwae_bound": Case(
        dims={"n": 3},
        sample=case.spread,
        exact=_log_mean,
        scale=lambda mp, x: max(abs(_log_mean(mp, x)), abs(max(x))),
        gradient=lambda mp, x: (_softmax(mp, x),),
        ulp=3,
        known=(
            (((0.5, -1.25),), "-0.032923030121858082530284483"),
            (((-800.0, -801.5, -799.0),), "-799.72707325681542679832993"),
            (((3.0,),), "3.0000000000000000000000000"),
            (((100.0, 0.0, 99.0, 98.5),), "99.078074422988054222785642"),
        ),
        edges=(
            (((1.5, 1.5, 1.5),), 1.5),
            (((-INF, -INF),), -INF),
            (((-INF, 0.0, INF),), INF),
            (((0.0, NAN),), NAN),
        ),
        bits=("1ce1b8a801de199b", "2510752f07989dd7"),
    ),
    "vae.mixture_log_prob": Case(
        dims={"n": 3},
        sample=case.normal,
        exact=lambda mp, z, mu, logvar: _log_mean(
            mp, [t[0] for t in _components(mp, z, mu, logvar)]
        ),
        scale=_mixture_size,
        gradient=_mixture_gradient,
        gradient_scale=_mixture_gradient_scale,
        ulp=4,
        gradient_ulp=8,
        known=(
            ((0.5, (-1.0, 0.25), (0.0, -2.0)), "-0.70283629917470796572843228"),
            ((-300.0, (0.0, 1.0, 2.0), (0.0, 1.0, -1.0)), "-16667.640175608795671871200"),
            ((0.0, (0.0,), (3.0,)), "-2.4189385332046727417803297"),
        ),
        edges=(
            ((0.0, (0.0, 0.0), (INF, INF)), -INF),
            ((INF, (0.0, 0.0), (0.0, 0.0)), -INF),
            ((NAN, (0.0, 0.0), (0.0, 0.0)), NAN),
            ((0.0, (0.0, NAN), (0.0, 0.0)), NAN),
            ((0.0, (0.0, 0.0), (NAN, 0.0)), NAN),
        ),
        bits=("136165c34cf63e13", "b43870435fac6560"),
    ),
    "vae.scaled_mixture_log_prob": Case(
        dims={"n": 3},
        sample=case.normal,
        exact=lambda mp, *inputs: _log_mean(mp, _scaled(mp, *inputs)) + mp.log(len(inputs[1])),
        scale=_scaled_size,
        gradient=_scaled_gradient,
        gradient_scale=_scaled_gradient_scale,
        ulp=4,
        gradient_ulp=8,
        known=(
            ((0.5, (-1.0, 0.25), (1.0, 4.0), (0.0, -2.0)), "-0.89958734839835207314350528"),
            (
                (-300.0, (0.0, 1.0, 2.0), (1.0, 0.5, 2.0), (0.0, 1.0, -1.0)),
                "-11324.125000000000000000000",
            ),
            ((0.0, (0.0,), (3.0,), (0.75,)), "0.75000000000000000000000000"),
        ),
        edges=(
            ((0.0, (0.0, 0.0), (1.0, 1.0), (-INF, -INF)), -INF),
            ((INF, (0.0, 0.0), (1.0, 1.0), (0.0, 0.0)), -INF),
            ((1.0, (1.0, 0.0), (INF, 1.0), (INF, 0.0)), INF),
            ((1.0, (0.0,), (INF,), (INF,)), -INF),
            ((NAN, (0.0, 0.0), (1.0, 1.0), (0.0, 0.0)), NAN),
            ((0.0, (0.0, NAN), (1.0, 1.0), (0.0, 0.0)), NAN),
            ((0.0, (0.0, 1.0), (1.0, NAN), (0.0, 0.0)), NAN),
            ((0.0, (0.0, 0.0), (1.0, 1.0), (NAN, 0.0)), NAN),
        ),
        bits=("cb41eea8a6bba679", "5cd9c8527e0d02e2"),
    ),
    "vae.squared_mahalanobis": Case(
        sample=case.normal,
        exact=lambda mp, x, mu, s: ((x - mu) * s) ** 2,
        gradient=lambda mp, x, mu, s: (
            2 * (x - mu) * s**2,
            -2 * (x - mu) * s**2,
            2 * (x - mu) ** 2 * s,
        ),
        ulp=4,
        known=(
            ((1.5, 0.25, 0.75), "0.87890625000000000000000000"),
            ((-9.0, 3.0, 1.125), "182.25000000000000000000000"),
            ((1.0, 1.0009765625, 8.0), "0.000061035156250000000000000000"),
        ),
        edges=(
            ((1.0, 1.0, INF), 0.0),
            ((1.0, 2.0, INF), INF),
            ((INF, 2.0, 1.0), INF),
            ((NAN, 2.0, 1.0), NAN),
            ((1.0, 2.0, NAN), NAN),
        ),
        bits=("1e5e0af92eb67420", "3ef0a163b991d795"),
    ),
}
