"""Cases of `fastgen.diffusion`: noising, losses and scores."""

from __future__ import annotations

from typing import Any

import numpy as np

from fastgen.cases import case
from fastgen.cases.case import INF, NAN, Array, Case


def _last_is_positive(z: Any) -> tuple[Array, ...]:
    return (*z[:-1], np.abs(z[-1]) + 2**-10)


def _transition(z: Any) -> tuple[Array, ...]:
    weight, log_ratio = np.abs(z[3]) + 2**-10, np.abs(z[4]) + 2**-10
    return z[0], z[1], np.clip(z[2], -1.5, 1.5), weight, log_ratio


def _squared_scale(mp: Any, score: Any, noise: Any, sigma: Any, weight: Any) -> Any:
    """Scale of errors of the square: sigma * score is rounded without fused multiply-add."""
    return abs(weight * (sigma * score + noise)) * max(abs(sigma * score), abs(noise))


def _kl_exponent(variance: Any, log_ratio: Any) -> Any:
    return -(variance + 1) / 2 * log_ratio


def _kl_terms(mp: Any, p: Any, q: Any, variance: Any, weight: Any, log_ratio: Any) -> Any:
    """The terms of the variance and of the error, and the factor 1 + |exponent| of its error."""
    d = _kl_exponent(variance, log_ratio)
    return mp.expm1(d) - d, weight * (p - q) ** 2 * mp.exp(d), 1 + abs(d)


def _kl_gradient(mp: Any, p: Any, q: Any, variance: Any, weight: Any, log_ratio: Any) -> Any:
    d = _kl_exponent(variance, log_ratio)
    by_d = (weight * (p - q) ** 2 * mp.exp(d) + mp.expm1(d)) / 2
    by_p = weight * (p - q) * mp.exp(d)
    by_weight = (p - q) ** 2 * mp.exp(d) / 2
    return by_p, -by_p, -log_ratio / 2 * by_d, by_weight, -(variance + 1) / 2 * by_d


def _kl_gradient_scale(mp: Any, p: Any, q: Any, variance: Any, weight: Any, log_ratio: Any) -> Any:
    d = _kl_exponent(variance, log_ratio)
    grown = 1 + abs(d)
    by_d = max(weight * (p - q) ** 2 * mp.exp(d) * grown, abs(mp.expm1(d)) * grown) / 2
    by_p = weight * abs(p - q) * mp.exp(d) * grown
    by_weight = (p - q) ** 2 * mp.exp(d) / 2 * grown
    return by_p, by_p, log_ratio / 2 * by_d, by_weight, (variance + 1) / 2 * by_d


CASES = {
    "diffusion.linear_combination": Case(
        sample=tuple,
        exact=lambda mp, x, y, a, b: a * x + b * y,
        gradient=lambda mp, x, y, a, b: (a, b, x, y),
        ulp=2,
        scale=lambda mp, x, y, a, b: max(abs(a * x), abs(b * y)),
        known=(
            ((0.5, -1.25, 0.75, 0.5), "-0.2500000000000000000000000"),
            ((3.0, 0.0009765625, 0.99951171875, 0.03125), "2.998565673828125000000000"),
            ((1.0, 1.0, 1.0, -1.0), "0"),
        ),
        edges=(
            ((1.5, -2.0, 1.0, 0.0), 1.5),
            ((1.5, -2.0, 0.0, 1.0), -2.0),
            ((INF, 1.0, 1.0, 1.0), INF),
            ((INF, INF, 1.0, -1.0), NAN),
            ((INF, 1.0, 0.0, 1.0), NAN),
            ((NAN, 1.0, 1.0, 1.0), NAN),
            ((1.0, 1.0, 1.0, NAN), NAN),
        ),
        bits=("32aabc7f620764e8", "f9358eae46712ee1"),
    ),
    "diffusion.linear_interpolation": Case(
        sample=tuple,
        exact=lambda mp, x0, x1, t: ((1 - t) * x0 + t * x1, x1 - x0),
        gradient=lambda mp, x0, x1, t, c, d: (c * (1 - t) - d, c * t + d, c * (x1 - x0)),
        ulp=(3, 1),  # 2 with fused multiply-add
        scale=lambda mp, x0, x1, t: (max(abs(x0), abs(t * x0), abs(t * x1)), abs(x1 - x0)),
        gradient_scale=lambda mp, x0, x1, t, c, d: (
            max(abs(c), abs(c * t), abs(d)),
            max(abs(c * t), abs(d)),
            abs(c * (x1 - x0)),
        ),
        known=(
            ((0.5, -1.25, 0.75), ("-0.8125000000000000000000000", "-1.750000000000000000000000")),
            (
                (3.0, 0.0009765625, 0.03125),
                ("2.906280517578125000000000", "-2.999023437500000000000000"),
            ),
            ((-2.0, 2.0, 0.5), ("0", "4.000000000000000000000000")),
        ),
        edges=(
            ((1.5, -2.0, 0.0), (1.5, -3.5)),
            ((1.5, -2.0, 1.0), (-2.0, -3.5)),
            ((1.0, INF, 0.5), (INF, INF)),
            ((NAN, 1.0, 0.5), (NAN, NAN)),
            ((1.0, 3.0, NAN), (NAN, 2.0)),
        ),
        bits=("3882934a31946fa0", "ef0ae7dcece84647"),
    ),
    "diffusion.noised": Case(
        sample=tuple,
        exact=lambda mp, x0, noise, alpha, sigma: (alpha * x0 + sigma * noise, noise),
        gradient=lambda mp, x0, noise, alpha, sigma, c, d: (
            c * alpha,
            c * sigma + d,
            c * x0,
            c * noise,
        ),
        ulp=(2, 0),
        scale=lambda mp, x0, noise, alpha, sigma: (
            max(abs(alpha * x0), abs(sigma * noise)),
            abs(noise),
        ),
        gradient_scale=lambda mp, x0, noise, alpha, sigma, c, d: (
            c * alpha,
            max(abs(c * sigma), abs(d)),
            c * x0,
            c * noise,
        ),
        known=(
            (
                (0.5, -1.25, 0.75, 0.5),
                ("-0.2500000000000000000000000", "-1.250000000000000000000000"),
            ),
            (
                (3.0, 0.0009765625, 0.99951171875, 0.03125),
                ("2.998565673828125000000000", "0.0009765625000000000000000000"),
            ),
            ((1.0, 1.0, 1.0, -1.0), ("0", "1.000000000000000000000000")),
        ),
        edges=(
            ((1.5, -2.0, 1.0, 0.0), (1.5, -2.0)),
            ((1.5, INF, 0.0, 1.0), (INF, INF)),
            ((INF, 1.0, 0.0, 1.0), (NAN, 1.0)),
            ((1.0, NAN, 1.0, 1.0), (NAN, NAN)),
            ((1.0, 1.0, 1.0, NAN), (NAN, 1.0)),
        ),
        bits=("f399829b1532367b", "096370a6f4f02b02"),
    ),
    "diffusion.denoising_score_matching": Case(
        sample=tuple,
        exact=lambda mp, score, noise, sigma, weight: weight * (sigma * score + noise) ** 2,
        gradient=lambda mp, score, noise, sigma, weight: (
            2 * weight * sigma * (sigma * score + noise),
            2 * weight * (sigma * score + noise),
            2 * weight * score * (sigma * score + noise),
            (sigma * score + noise) ** 2,
        ),
        ulp=5,  # 4 with fused multiply-add
        scale=_squared_scale,
        gradient_scale=lambda mp, score, noise, sigma, weight: (
            2 * weight * sigma * max(abs(sigma * score), abs(noise)),
            2 * weight * max(abs(sigma * score), abs(noise)),
            2 * weight * score * max(abs(sigma * score), abs(noise)),
            _squared_scale(mp, score, noise, sigma, 1),
        ),
        known=(
            ((0.5, -1.25, 0.75, 0.5), "0.3828125000000000000000000"),
            ((3.0, -2.9990234375, 1.0, 2.0), "0.000001907348632812500000000000"),
            ((1.25, 0.5, -1.0, 0.25), "0.1406250000000000000000000"),
        ),
        edges=(
            ((1.5, 1.5, -1.0, 1.0), 0.0),
            ((1.5, 2.0, 0.0, 1.0), 4.0),
            ((INF, 1.0, 1.0, 1.0), INF),
            ((INF, INF, -1.0, 1.0), NAN),
            ((NAN, 1.0, 1.0, 1.0), NAN),
            ((1.0, 1.0, 1.0, NAN), NAN),
        ),
        bits=("fa77969a2258815d", "c1a0c246aefe82db"),
    ),
    "diffusion.sliced_score_matching": Case(
        sample=case.normal,
        exact=lambda mp, score, direction, jvp: score**2 / 2 + direction * jvp,
        gradient=lambda mp, score, direction, jvp: (score, jvp, direction),
        ulp=2,
        scale=lambda mp, score, direction, jvp: max(score**2 / 2, abs(direction * jvp)),
        known=(
            ((0.5, -1.25, 0.75), "-0.8125000000000000000000000"),
            ((3.0, 1.0, -4.4990234375), "0.0009765625000000000000000000"),
            ((-1.5, 0.5, 2.0), "2.125000000000000000000000"),
        ),
        edges=(
            ((2.0, 1.0, -2.0), 0.0),
            ((INF, 1.0, 1.0), INF),
            ((INF, 1.0, -INF), NAN),
            ((NAN, 1.0, 1.0), NAN),
            ((1.0, NAN, 1.0), NAN),
        ),
        bits=("e738412c6f026588", "5c289d4dcfce505c"),
    ),
    "diffusion.transition_kl": Case(
        sample=_transition,
        exact=lambda mp, *x: sum(_kl_terms(mp, *x)[:2]) / 2,
        gradient=_kl_gradient,
        ulp=6,
        gradient_ulp=8,
        scale=lambda mp, *x: (
            max(_kl_terms(mp, *x)[0], _kl_terms(mp, *x)[1]) * _kl_terms(mp, *x)[2] / 2
        ),
        gradient_scale=_kl_gradient_scale,
        known=(
            ((0.5, -1.25, 0.5, 0.75, 0.25), "0.9603526870005036904382047"),
            ((3.0, 2.9990234375, -0.5, 2.0, 0.0009765625), "0.0000009683414627902492840995646"),
            ((1.0, 1.0, 1.0, 8.0, 2.0), "0.5676676416183063459469997"),
        ),
        edges=(
            ((1.5, 1.5, -1.0, 2.0, 0.5), 0.0),
            ((1.5, 1.5, 0.5, 2.0, 0.0), 0.0),
            ((2.0, 1.0, -1.0, 2.0, 0.5), 1.0),
            ((INF, 1.0, 0.0, 1.0, 1.0), INF),
            ((NAN, 1.0, 0.0, 1.0, 1.0), NAN),
            ((1.0, 1.0, NAN, 1.0, 1.0), NAN),
            ((1.0, 2.0, 0.0, 1.0, NAN), NAN),
        ),
        bits=("f2f5a46d7ae11b98", "ef22a9cb0fae5ea8"),
    ),
    "diffusion.gaussian_score": Case(
        sample=case.normal,
        exact=lambda mp, x, mu, logvar: (mu - x) * mp.exp(-logvar),
        gradient=lambda mp, x, mu, logvar: (
            -mp.exp(-logvar),
            mp.exp(-logvar),
            (x - mu) * mp.exp(-logvar),
        ),
        ulp=2,
        known=(
            ((0.5, -1.25, 0.75), "-0.8266414672967757374915815"),
            ((3.0, 2.9990234375, -2.0), "-0.007215875096611963112529714"),
            ((-1.0, 4.0, 5.0), "0.03368973499542733548318024"),
        ),
        edges=(
            ((1.5, 1.5, 0.0), 0.0),
            ((0.0, 1.0, INF), 0.0),
            ((0.0, 1.0, -INF), INF),
            ((2.0, 1.0, -INF), -INF),
            ((1.0, 1.0, -INF), NAN),
            ((NAN, 1.0, 0.0), NAN),
            ((0.0, 1.0, NAN), NAN),
        ),
        bits=("859d65ffd5c83151", "ab2757855ef56924"),
    ),
    "diffusion.langevin_update": Case(
        sample=_last_is_positive,
        exact=lambda mp, x, score, noise, h: x + h * score + mp.sqrt(2 * h) * noise,
        gradient=lambda mp, x, score, noise, h: (
            mp.mpf(1),
            h,
            mp.sqrt(2 * h),
            score + noise / mp.sqrt(2 * h),
        ),
        ulp=3,
        scale=lambda mp, x, score, noise, h: max(
            abs(x), abs(h * score), abs(mp.sqrt(2 * h) * noise)
        ),
        gradient_scale=lambda mp, x, score, noise, h: (
            mp.mpf(1),
            h,
            mp.sqrt(2 * h),
            max(abs(score), abs(noise) / mp.sqrt(2 * h)),
        ),
        known=(
            ((0.5, -1.25, 0.75, 0.25), "0.7178300858899106433006333"),
            ((3.0, -2.0, -0.5, 0.0009765625), "2.975949788087920389862474"),
            ((-1.0, 4.0, 1.0, 2.0), "9.000000000000000000000000"),
        ),
        edges=(
            ((1.5, 3.0, -2.0, 0.0), 1.5),
            ((1.0, 2.0, 3.0, 0.5), 5.0),
            ((INF, 1.0, 1.0, 1.0), INF),
            ((0.0, 1.0, 1.0, -1.0), NAN),
            ((NAN, 1.0, 1.0, 1.0), NAN),
            ((1.0, 1.0, NAN, 1.0), NAN),
        ),
        bits=("5e7c27e27faf3ee3", "93454d0dbd7b94bd"),
    ),
}
