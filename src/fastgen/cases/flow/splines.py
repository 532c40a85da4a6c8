"""Cases of `fastgen.flow`: rational-quadratic splines with default options."""

from __future__ import annotations

from typing import Any

from fastgen.cases.case import INF, NAN, Array, Case

BINS = 4
LEAST = 0.001


class Spline:
    """A rational-quadratic spline on [-1, 1] at one point, with its gradients and scales of errors.

    With ``use=abs``, a method adds the absolute values of all terms, and the effect of a rounded
    knot. That is the scale of errors for results whose terms may cancel.
    """

    def __init__(self, mp: Any, x: Any, widths: Any, heights: Any, raw: Any, inverse: bool) -> None:
        self.mp, self.inverse = mp, inverse
        least = 1 / mp.mpf(1000) if hasattr(mp, "mpf") else LEAST
        self.shares = [self.softmax(widths), self.softmax(heights)]
        sizes = [[2 * (least + (1 - BINS * least) * p) for p in shares] for shares in self.shares]
        knots = [[sum(size[:k]) - 1 for k in range(BINS)] + [1] for size in sizes]
        slopes = [1, *(mp.log(1 + mp.exp(u)) + least for u in raw), 1]
        self.outside = abs(x) > 1
        k = sum(x >= knot for knot in knots[inverse][1:-1])
        self.bin, (self.x0, self.y0) = k, (knot[k] for knot in knots)
        self.w, self.h = (knot[k + 1] - knot[k] for knot in knots)
        self.d, self.s = slopes[k : k + 2], self.h / self.w
        self.point = x
        point = min(max(x, -1), 1)
        self.theta = self.root(point - self.y0) if inverse else (point - self.x0) / self.w

    def softmax(self, raw: Any) -> list[Any]:
        """Return the softmax of raw numbers."""
        parts = [self.mp.exp(u - max(raw)) for u in raw]
        return [part / sum(parts) for part in parts]

    def root(self, u: Any) -> Any:
        """Solve y = y0 + u for theta."""
        twist = u * (sum(self.d) - 2 * self.s)
        a, b, c = self.h * (self.s - self.d[0]) + twist, self.h * self.d[0] - twist, -self.s * u
        return 2 * c / (-b - self.mp.sqrt(b * b - 4 * a * c))

    def parts(self, use: Any = lambda t: t) -> dict[str, Any]:
        """Return phi and L = log dy/dx, and their derivatives by theta, s and both slopes."""
        here = self.parts_at(self.theta, 1 - self.theta, use)
        if use is not abs:
            return here
        # At least the values close to theta, because a rounded knot moves theta.
        near = self.parts_at(max(self.theta, 0.25), max(1 - self.theta, 0.25), use)
        return {name: max(here[name], near[name]) for name in here}

    def parts_at(self, t: Any, o: Any, use: Any) -> dict[str, Any]:
        """Return the numbers of `parts` at t = theta and o = 1 - theta."""
        s, (d0, d1), both = self.s, self.d, t * o
        below = s * (t * t + o * o) + (d0 + d1) * both
        curve = d1 * t * t + 2 * s * both + d0 * o * o
        across, square = use(o - t), below**2
        return {
            "phi": t * (s * t + d0 * o) / below,
            "slope": s * s * curve / square,
            "phi_t": s * curve / square,
            "phi_s": both * use(d1 * t * t) / square + use(-both * d0 * o * o) / square,
            "phi_d0": both * o * (s * o + d1 * t) / square,
            "phi_d1": use(-both * t * (s * t + d0 * o)) / square,
            "l_t": 2 * (d1 * t + use(-d0 * o) + s * across) / curve
            + 2 * (use(-d0 * across) + use(-d1 * across) + use(2 * s * across)) / below,
            "l_s": 2 / s + 2 * both / curve + use(-2 * (t * t + o * o) / below),
            "l_d0": o * o / curve + use(-2 * both / below),
            "l_d1": t * t / curve + use(-2 * both / below),
        }

    def value(self) -> tuple[Any, Any]:
        """Return y and its log-derivative."""
        if self.outside:
            return self.point, self.mp.log(1)
        p = self.parts()
        log = self.mp.log(p["slope"])
        if self.inverse:
            return self.x0 + self.w * self.theta, -log
        return self.y0 + self.h * p["phi"], log

    def scale(self) -> tuple[Any, Any]:
        """Return the scales of errors: the bound for y, 1 for the log-derivative, a moved knot."""
        y, log = self.value()
        if self.outside:
            return max(abs(y), 1), 1
        slope = self.parts()["slope"]
        moved = 1 + 1 / slope if self.inverse else 1 + slope
        return max(abs(y), 1, moved), max(abs(log), 1) + self.bend() * (1 + 1 / slope)

    def bend(self) -> Any:
        """Return the largest change of L with x, at theta and close to it."""
        return self.parts(abs)["l_t"] / self.w

    def gradient(self, raw: Any, by_y: Any, by_log: Any, use: Any = lambda t: t) -> Any:
        """Return the vector-Jacobian product by the four inputs."""
        m, none = len(raw), [0] * BINS
        if self.outside:
            return use(by_y), none, none, [0] * m
        p = self.parts(use)
        by, by_l, w = use(by_y), use(-by_log if self.inverse else by_log), self.w
        if self.inverse:
            by = use(-(by + by_l * p["l_t"] / w) if use is not abs else by + by_l * p["l_t"] / w)
            by = by / self.parts()["slope"]
        by_t = by * self.h * p["phi_t"] + by_l * p["l_t"]
        by_s = by * self.h * p["phi_s"] + by_l * p["l_s"]
        by_d = [by * self.h * p[f"phi_d{i}"] + by_l * p[f"l_d{i}"] for i in (0, 1)]
        widths = use(-by_t / w), use(-self.theta * by_t / w) + use(-self.s * by_s / w)
        heights = by, by * p["phi"] + by_s / w
        d_raw = [0] * m
        for knot, slope in zip((self.bin - 1, self.bin), by_d, strict=True):
            if 0 <= knot < m:
                d_raw[knot] += slope / (1 + self.mp.exp(-raw[knot]))
        return (
            use(-by) if self.inverse else by_t / w,
            self.by_raw(0, *widths, use),
            self.by_raw(1, *heights, use),
            d_raw,
        )

    def by_raw(self, axis: int, below: Any, here: Any, use: Any) -> list[Any]:
        """Turn the gradient by the sizes of bins into that by the raw parameters."""
        shares, free = self.shares[axis], 2 * (1 - BINS * LEAST)
        by = [below if i < self.bin else here if i == self.bin else 0 for i in range(BINS)]
        mean = sum(p * g for p, g in zip(shares, by, strict=True))
        return [free * p * (g + use(-mean)) for p, g in zip(shares, by, strict=True)]


def gradient_scale(spline: Spline, raw: Any, by_y: Any, by_log: Any) -> Any:
    """Return the sizes of the terms, times the error that a rounded theta causes in them."""
    slope = 1 if spline.outside else spline.parts()["slope"]
    rounding = (1 + 1 / slope) * (spline.bend() + 1 / min(spline.w, spline.h, 1))
    by_x, *others = spline.gradient(raw, by_y, by_log, abs)
    largest = [max(0, *values) * rounding for values in others]
    return by_x * rounding, [largest[0]] * BINS, [largest[1]] * BINS, [largest[2]] * len(raw)


def _sample(z: Array) -> tuple[Array, ...]:
    return tuple(x / 2 for x in z)


def _spline(known: Any, edges: Any, bits: tuple[str, str], inverse: bool = False) -> Case:
    def of(mp: Any, x: Any, widths: Any, heights: Any, raw: Any) -> Spline:
        return Spline(mp, x, widths, heights, raw, inverse)

    return Case(
        dims={"k": BINS, "m": BINS - 1},
        sample=_sample,
        exact=lambda mp, *inputs: of(mp, *inputs).value(),
        scale=lambda mp, *inputs: of(mp, *inputs).scale(),
        gradient=lambda mp, *i: of(mp, *i[:4]).gradient(*i[3:]),
        gradient_scale=lambda mp, *i: gradient_scale(of(mp, *i[:4]), *i[3:]),
        ulp=8,  # float32: see tests/flow/test_splines.py
        gradient_ulp=128 if inverse else 32,
        known=known,
        edges=edges,
        bits=bits,
    )


_RAW = ([0.5, -1.0, 0.25, 2.0], [1.0, 0.0, -0.5, -2.0], [-1.0, 0.75, 2.0])
_EDGES = (
    ((1.5, *_RAW), (1.5, 0.0)),
    ((-1.5, *_RAW), (-1.5, 0.0)),
    ((INF, *_RAW), (INF, 0.0)),
    ((-INF, *_RAW), (-INF, 0.0)),
    ((NAN, *_RAW), (NAN, NAN)),
    ((0.25, [0.0, NAN, 0.0, 0.0], *_RAW[1:]), (NAN, NAN)),
    ((0.25, _RAW[0], [0.0, 0.0, INF, 0.0], _RAW[2]), (NAN, NAN)),
)

CASES = {
    "flow.rational_quadratic_spline": _spline(
        known=(
            ((0.25, *_RAW), ("0.979559719661216365891137", "-5.891074166797157903453219")),
            ((-0.75, *_RAW), ("0.1356294928597613446405053", "0.9751961646649584960500424")),
            ((0.984375, *_RAW), ("0.9911751415186084310451559", "-1.142320339363995099615952")),
        ),
        edges=_EDGES,
        bits=("e89ffa25a2b22061", "d32fadc16070c7b3"),
    ),
    "flow.rational_quadratic_spline_inverse": _spline(
        known=(
            ((0.25, *_RAW), ("-0.6757952382321053866053498", "-1.56604143706128573124353")),
            ((-0.75, *_RAW), ("-0.9108386402462079763290641", "-1.600332273521261370769439")),
            ((0.984375, *_RAW), ("0.9321833028327235607131517", "2.930227412896577867892163")),
        ),
        edges=_EDGES,
        bits=("cf17d5b2e19cb7d5", "48a4ba9d45fb2b41"),
        inverse=True,
    ),
}
