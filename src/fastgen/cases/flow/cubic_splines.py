"""Cases of `fastgen.flow`: cubic splines with default options."""

from __future__ import annotations

from typing import Any

from fastgen.cases.case import INF, NAN, Array, Case

BINS = 4
LEAST = 0.001


class Spline:
    """A cubic spline on [-1, 1] at one point."""

    def __init__(
        self,
        mp: Any,
        x: Any,
        widths: Any,
        heights: Any,
        raw: Any,
        *,
        inverse: bool,
        near: Any = None,
    ) -> None:
        self.near = near
        self.mp, self.inverse, self.x, self.outside = mp, inverse, x, abs(x) > 1
        w, h = self.sizes(widths), self.sizes(heights)
        knots = [[sum(size[:k]) - 1 for k in range(BINS)] for size in (w, h)]
        point = min(max(x, -1), 1)
        k = sum(point >= knot for knot in knots[inverse][1:])
        self.x0, self.y0, self.w, self.h = knots[0][k], knots[1][k], w[k], h[k]
        slopes = self.slopes(w, h, raw)
        self.s = h[k] / w[k]
        self.p, self.q = slopes[k] / self.s, slopes[k + 1] / self.s
        self.theta = self.root((point - self.y0) / self.h) if inverse else (point - self.x0) / w[k]

    def sizes(self, raw: Any) -> list[Any]:
        """Return the widths or heights of the bins."""
        least = 1 / self.mp.mpf(1000) if hasattr(self.mp, "mpf") else LEAST
        parts = [self.mp.exp(u - max(raw)) for u in raw]
        return [2 * (least + (1 - BINS * least) * part / sum(parts)) for part in parts]

    def slopes(self, w: Any, h: Any, raw: Any) -> list[Any]:
        """Return the slopes of all knots."""
        s = [high / wide for high, wide in zip(h, w, strict=True)]
        inner = [
            min(2 * s[k], 2 * s[k + 1], (w[k + 1] * s[k] + w[k] * s[k + 1]) / (w[k] + w[k + 1]))
            for k in range(BINS - 1)
        ]
        left, right = (3 / (1 + self.mp.exp(-u)) for u in raw)
        return [left * s[0], *inner, right * s[-1]]

    def risen(self, t: Any) -> Any:
        """Return y at theta, as a share of the height of the bin."""
        o = 1 - t
        return t * (self.p * o * o + t * ((3 - self.q) * o + t))

    def rate(self, t: Any) -> Any:
        """Return the derivative of `risen`."""
        o = 1 - t
        return self.p * o * o + 2 * (3 - self.p - self.q) * t * o + self.q * t * t

    def root(self, u: Any) -> Any:
        """Solve `risen(theta) = u` to the last digit, by Newton's steps or bisection."""
        low, high, t = 0, 1, u / 2 + (1 - u) / 4 if self.near is None else self.near
        for _ in range(300 if u else 0):
            error, rate = self.risen(t) - u, self.rate(t)
            low, high = (t, high) if error < 0 else (low, t)
            last, t = t, t - error / rate if rate else 0
            t = t if low <= t <= high else (low + high) / 2
            if abs(t - last) <= 64 * t * getattr(self.mp, "eps", 1e-16):
                break
        return t if u else u

    def value(self) -> tuple[Any, Any]:
        """Return y and its log-derivative."""
        if self.outside:
            return self.x, self.mp.log(1)
        log = self.mp.log(self.s * self.rate(self.theta))
        if self.inverse:
            return self.x0 + self.w * self.theta, -log
        return self.y0 + self.h * self.risen(self.theta), log

    def bend(self) -> Any:
        """Return the largest change of the log-derivative with x, at theta and close to it."""
        largest = 0
        for t in (self.theta, max(self.theta, 0.25), min(self.theta, 0.75)):
            turn = self.p * (1 - t) + abs(3 - self.p - self.q) + self.q * t
            largest = max(largest, 2 * turn / self.rate(t) / self.w)
        return largest

    def scale(self) -> tuple[Any, Any]:
        """Return the scales of errors: the bound for y, 1 for the log-derivative, a moved knot."""
        y, log = self.value()
        if self.outside:
            return max(abs(y), 1), 1
        slope = self.s * self.rate(self.theta)
        moved = 1 + 1 / slope if self.inverse else 1 + slope
        return max(abs(y), 1, moved), max(abs(log), 1) + self.bend() * (1 + 1 / slope)


def _shaped(numbers: list[Any]) -> tuple[Any, ...]:
    """Split a list of numbers into the inputs x, widths, heights and raw slopes."""
    cut = 1 + BINS, 1 + 2 * BINS
    return numbers[0], numbers[1 : cut[0]], numbers[cut[0] : cut[1]], numbers[cut[1] :]


def _derivative(
    mp: Any, inverse: bool, inputs: tuple[Any, ...], number: int, near: Any
) -> list[Any]:
    """Return the derivatives of both results by one number, from a central difference."""
    step = mp.mpf(2) ** (-mp.prec // 3)

    def moved(by: Any) -> tuple[Any, Any]:
        numbers = [inputs[0], *inputs[1], *inputs[2], *inputs[3]]
        numbers[number] += by
        return Spline(mp, *_shaped(numbers), inverse=inverse, near=near).value()

    return [(a - b) / (2 * step) for a, b in zip(moved(step), moved(-step), strict=True)]


def _gradient(mp: Any, inverse: bool, *inputs: Any) -> tuple[Any, ...]:
    by_y, by_log = inputs[4:]
    near = Spline(mp, *inputs[:4], inverse=inverse).theta
    columns = [_derivative(mp, inverse, inputs[:4], k, near) for k in range(3 + 2 * BINS)]
    return _shaped([by_y * y + by_log * log for y, log in columns])


def _gradient_scale(mp: Any, inverse: bool, *inputs: Any) -> tuple[Any, ...]:
    """Return the sizes of the terms, times the error that a rounded theta causes in them."""
    by_y, by_log = map(abs, inputs[4:])
    spline = Spline(mp, *inputs[:4], inverse=inverse)
    if spline.outside:
        return by_y, [0] * BINS, [0] * BINS, [0, 0]
    slope, bend = spline.s * spline.rate(spline.theta), spline.bend()
    rounding = (1 + 1 / slope) * (bend + 1 / min(spline.w, spline.h, 1))
    by_x = by_y / slope + by_log * bend / slope if inverse else by_y * slope + by_log * bend
    by_size = (by_x + by_y + by_log) * rounding
    ends = [e * (3 - e) / 3 for e in (spline.p, spline.q)]
    by_end = max(ends) * (by_x + by_y + by_log / spline.rate(spline.theta)) * rounding
    return by_x * rounding, [by_size] * BINS, [by_size] * BINS, [by_end] * 2


def _sample(z: Array) -> tuple[Array, ...]:
    return tuple(x / 2 for x in z)


def _spline(known: Any, edges: Any, bits: tuple[str, str], inverse: bool = False) -> Case:
    return Case(
        dims={"k": BINS, "m": 2},
        sample=_sample,
        exact=lambda mp, *inputs: Spline(mp, *inputs, inverse=inverse).value(),
        scale=lambda mp, *inputs: Spline(mp, *inputs, inverse=inverse).scale(),
        gradient=lambda mp, *inputs: _gradient(mp, inverse, *inputs),
        gradient_scale=lambda mp, *inputs: _gradient_scale(mp, inverse, *inputs),
        ulp=4,
        gradient_ulp=4,
        known=known,
        edges=edges,
        bits=bits,
    )


_RAW = ([0.5, -1.0, 0.25, 2.0], [1.0, 0.0, -0.5, -2.0], [-1.0, 2.0])
_EDGES = (
    ((1.5, *_RAW), (1.5, 0.0)),
    ((-1.5, *_RAW), (-1.5, 0.0)),
    ((INF, *_RAW), (INF, 0.0)),
    ((-INF, *_RAW), (-INF, 0.0)),
    ((NAN, *_RAW), (NAN, NAN)),
    ((0.25, [0.0, NAN, 0.0, 0.0], *_RAW[1:]), (NAN, NAN)),
    ((0.25, _RAW[0], [0.0, 0.0, INF, 0.0], _RAW[2]), (NAN, NAN)),
    ((-0.875, *_RAW[:2], [NAN, 0.0]), (NAN, NAN)),
)

CASES = {
    "flow.cubic_spline": _spline(
        known=(
            ((0.25, *_RAW), ("0.96285832247293355446505354", "-4.2141927406520121808143923")),
            ((-0.75, *_RAW), ("-0.10034522740324573919116941", "1.5725888754887075094763630")),
            ((0.984375, *_RAW), ("0.99816445611448245113327637", "-2.1601578544848520981849110")),
        ),
        edges=_EDGES,
        bits=("2e15639a4aefe511", "1073fd612140e411"),
    ),
    "flow.cubic_spline_inverse": _spline(
        known=(
            ((0.25, *_RAW), ("-0.68534433485012583179758715", "-1.8863523900738357743103215")),
            ((-0.75, *_RAW), ("-0.92027991979961285923883639", "-1.1568742143963391805473322")),
            ((0.984375, *_RAW), ("0.84220598571618233347629651", "2.5263311319185122477765259")),
        ),
        edges=_EDGES,
        bits=("fc0c69429e449a96", "75620dea503d4f7d"),
        inverse=True,
    ),
}
