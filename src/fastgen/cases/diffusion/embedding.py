"""The case of `fastgen.diffusion.fourier_features`."""

from __future__ import annotations

from typing import Any

from fastgen.cases.case import INF, NAN, Case


def _features(mp: Any, t: Any, f: Any) -> tuple[Any, Any]:
    return mp.sin(t * f), mp.cos(t * f)


def _gradient(mp: Any, t: Any, f: Any, c: Any, d: Any) -> tuple[Any, Any]:
    d_angle = c * mp.cos(t * f) - d * mp.sin(t * f)
    return f * d_angle, t * d_angle


def _gradient_scale(mp: Any, t: Any, f: Any, c: Any, d: Any) -> tuple[Any, Any]:
    size = abs(c * mp.cos(t * f)) + abs(d * mp.sin(t * f))
    return abs(f) * size, abs(t) * size


CASES = {
    "diffusion.fourier_features": Case(
        sample=lambda z: (100 * z[0], 3 * z[1]),
        exact=_features,
        scale=lambda mp, t, f: tuple(max(abs(y), 2.0**-47) for y in _features(mp, t, f)),
        gradient=_gradient,
        gradient_scale=_gradient_scale,
        ulp=1,
        gradient_ulp=2,
        known=(
            (
                (999.0, 1.0),
                ("-0.02646075273706412688985126", "0.9996498529808264586004551"),
            ),
            (
                (0.5, -1.25),
                ("-0.5850972729404621548053993", "0.8109631195052179021895348"),
            ),
            (
                (1000.0, 1000.0),
                ("-0.3499935021712929521176525", "0.9367521275331447869385325"),
            ),
        ),
        edges=(
            ((0.0, -3.0), (0.0, 1.0)),
            ((3.0, INF), (NAN, NAN)),
            ((0.0, INF), (NAN, NAN)),
            ((1024.0, 1536.0), (NAN, NAN)),
            ((NAN, 1.0), (NAN, NAN)),
        ),
        bits=("b635925cb89925bb", "bfde3e1525fdba14"),
    ),
}
