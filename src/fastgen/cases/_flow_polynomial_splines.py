"""Cases of `fastgen.flow`: linear and quadratic splines, with the options they have by default."""

from __future__ import annotations

from typing import Any

from fastgen.cases.case import INF, NAN, Array, Case

BINS = 4


def softmax(mp: Any, raw: Any) -> list[Any]:
    """Return shares of 1."""
    parts = [mp.exp(u - max(raw)) for u in raw]
    return [part / sum(parts) for part in parts]


class Linear:
    """A linear spline on [-1, 1] at one point, and what it is sensitive to."""

    def __init__(self, mp: Any, x: Any, heights: Any, inverse: bool) -> None:
        self.mp, self.point, self.inverse, self.raw = mp, x, inverse, heights
        self.shares = softmax(mp, heights)
        self.outside = abs(x) > 1
        knots_y = [2 * sum(self.shares[:k]) - 1 for k in range(BINS)]
        knots_x = [x - x + (2 * k - BINS) / BINS for k in range(BINS)]
        self.bin = k = sum(x >= knot for knot in (knots_y if inverse else knots_x)[1:])
        self.x0, self.y0, self.share = knots_x[k], knots_y[k], self.shares[k]
        self.slope = BINS * self.share
        inside = min(max(x, -1), 1)
        self.theta = (inside - self.y0) / (2 * self.share)
        if not inverse:
            self.theta = (inside - self.x0) * BINS / 2

    def value(self) -> tuple[Any, Any]:
        """Return y and its log-derivative."""
        if self.outside:
            return self.point, 0
        log = self.mp.log(self.slope)
        if self.inverse:
            return self.x0 + self.theta * 2 / BINS, -log
        return self.y0 + self.theta * 2 * self.share, log

    def scale(self) -> tuple[Any, Any]:
        """Return what errors are measured by: the bound, over the slope; 1 and the raw span."""
        y, log = self.value()
        if self.outside:
            return max(abs(y), 1), 1
        steep = 1 / self.slope if self.inverse else 0
        return max(abs(y), 1, steep), max(abs(log), 1, max(self.raw) - min(self.raw))

    def gradient(self, by_y: Any, by_log: Any) -> Any:
        """Return the vector-Jacobian product by both inputs."""
        if self.outside:
            return by_y, [0] * BINS
        by = -by_y / self.slope if self.inverse else by_y
        by_l = -by_log if self.inverse else by_log
        by_size = [by if i < self.bin else 0 for i in range(BINS)]
        by_size[self.bin] = by * self.theta
        mean = sum(p * b for p, b in zip(self.shares, by_size, strict=True))
        d_raw = [p * (2 * (b - mean) - by_l) for p, b in zip(self.shares, by_size, strict=True)]
        d_raw[self.bin] += by_l
        return (-by if self.inverse else by * self.slope), d_raw

    def gradient_scale(self, by_y: Any, by_log: Any) -> Any:
        """Return sizes of terms, by what exponentials of the raw span and knots are off by."""
        if self.outside:
            return abs(by_y), [1] * BINS
        off = 1 + max(self.raw) - min(self.raw)
        by = abs(by_y / self.slope) + abs(by_y) / self.share if self.inverse else abs(by_y)
        return abs(self.gradient(by_y, 0)[0]) * off, [
            off * (2 * p * by + abs(by_log) * (p + (i == self.bin)))
            for i, p in enumerate(self.shares)
        ]


def _half(z: Array) -> tuple[Array, ...]:
    return tuple(x / 2 for x in z)


def _linear(known: Any, bits: tuple[str, str], inverse: bool = False) -> Case:
    def of(mp: Any, x: Any, heights: Any) -> Linear:
        return Linear(mp, x, heights, inverse)

    return Case(
        dims={"k": BINS},
        sample=_half,
        exact=lambda mp, *inputs: of(mp, *inputs).value(),
        scale=lambda mp, *inputs: of(mp, *inputs).scale(),
        gradient=lambda mp, *i: of(mp, *i[:2]).gradient(*i[2:]),
        gradient_scale=lambda mp, *i: of(mp, *i[:2]).gradient_scale(*i[2:]),
        ulp=(4, 2),
        gradient_ulp=8,
        known=known,
        edges=_LINEAR_EDGES,
        bits=bits,
    )


_HEIGHTS = [0.5, -1.0, 0.25, 2.0]
_LINEAR_EDGES = (
    ((1.5, _HEIGHTS), (1.5, 0.0)),
    ((-1.5, _HEIGHTS), (-1.5, 0.0)),
    ((INF, _HEIGHTS), (INF, 0.0)),
    ((-INF, _HEIGHTS), (-INF, 0.0)),
    ((NAN, _HEIGHTS), (NAN, NAN)),
    ((0.25, [0.0, NAN, 0.0, 0.0]), (NAN, NAN)),
    ((0.25, [0.0, 0.0, 0.0, INF]), (NAN, NAN)),
    ((0.25, [1.0, 1.0, 1.0, 1.0]), (0.25, 0.0)),
)

CASES = {
    "flow.linear_spline": _linear(
        known=(
            ((0.25, _HEIGHTS), ("-0.50258326419124834543673592", "-0.73298463732836281072620435")),
            ((-0.75, _HEIGHTS), ("-0.84576517471583779796681067", "-0.48298463732836281072620435")),
            ((0.984375, _HEIGHTS), ("0.95679796682865432788699839", "1.0170153626716371892737957")),
        ),
        bits=("1275fc3366ce3997", "67097e8b799bc5b6"),
    ),
    "flow.linear_spline_inverse": _linear(
        known=(
            ((0.25, _HEIGHTS), ("0.72874540525623645651374872", "-1.0170153626716371892737957")),
            ((-0.75, _HEIGHTS), ("-0.59477374915263128001371836", "0.48298463732836281072620435")),
            (
                (0.984375, _HEIGHTS),
                ("0.99434886260950492617736977", "-1.0170153626716371892737957"),
            ),
        ),
        bits=("9b99c403a29a25cc", "afc93ab9771170b3"),
        inverse=True,
    ),
}
