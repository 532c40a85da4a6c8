"""Cases of `fastgen.flow`: linear and quadratic splines with default options."""

from __future__ import annotations

from typing import Any

from fastgen.cases.case import INF, NAN, Array, Case

BINS = 4


def softmax(mp: Any, raw: Any) -> list[Any]:
    """Return the softmax of raw numbers."""
    parts = [mp.exp(u - max(raw)) for u in raw]
    return [part / sum(parts) for part in parts]


class Linear:
    """A linear spline on [-1, 1] at one point, with its gradients and scales of errors."""

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
        """Return the scales of errors: the bound or 1 / slope for y, the raw span for the log."""
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
        """Return the sizes of terms, times the errors of the softmax of the raw heights."""
        if self.outside:
            return abs(by_y), [1] * BINS
        off = 1 + max(self.raw) - min(self.raw)
        by = abs(by_y / self.slope) + abs(by_y) / self.share if self.inverse else abs(by_y)
        return abs(self.gradient(by_y, 0)[0]) * off, [
            off * (2 * p * by + abs(by_log) * (p + (i == self.bin)))
            for i, p in enumerate(self.shares)
        ]


class Quadratic:
    """A quadratic spline on [-1, 1], of density 1 at both ends, at one point."""

    def __init__(self, mp: Any, x: Any, widths: Any, heights: Any, inverse: bool) -> None:
        self.mp, self.point, self.inverse = mp, x, inverse
        least = 1 / mp.mpf(1000) if hasattr(mp, "mpf") else 0.001
        shares = softmax(mp, widths)
        self.widths = [2 * (least + (1 - BINS * least) * p) for p in shares]
        raw = [0, *(mp.log(1 + mp.exp(u)) + least for u in heights), 0]
        inner = sum((a + b) * w / 2 for a, b, w in zip(raw, raw[1:], self.widths, strict=False))
        self.rate = (1 - least) * (2 - (self.widths[0] + self.widths[-1]) / 2) / inner
        self.densities = [1, *(least + self.rate * s for s in raw[1:-1]), 1]
        pairs = zip(self.densities, self.densities[1:], self.widths, strict=False)
        self.sizes = [(a + b) * w / 2 for a, b, w in pairs]
        self.outside = abs(x) > 1
        along = self.sizes if inverse else self.widths
        self.bin = k = sum(x >= sum(along[: i + 1]) - 1 for i in range(BINS - 1))
        self.x0, self.y0 = sum(self.widths[:k]) - 1, sum(self.sizes[:k]) - 1
        self.w, (self.d0, self.d1) = self.widths[k], self.densities[k : k + 2]
        inside = min(max(x, -1), 1)
        self.theta = (inside - self.x0) / self.w
        if inverse:
            self.theta = self.root((inside - self.y0) / self.w)
        self.slope = self.d0 + (self.d1 - self.d0) * self.theta

    def root(self, rise: Any) -> Any:
        """Solve y = y0 + w rise for theta."""
        square = self.d0 * self.d0 + 2 * (self.d1 - self.d0) * rise
        return 2 * rise / (self.d0 + self.mp.sqrt(square))

    def value(self) -> tuple[Any, Any]:
        """Return y and its log-derivative."""
        if self.outside:
            return self.point, 0
        log, t = self.mp.log(self.slope), self.theta
        if self.inverse:
            return self.x0 + self.w * t, -log
        return self.y0 + self.w * t * (self.d0 + (self.d1 - self.d0) * t / 2), log

    def bend(self) -> Any:
        """Return the change of the log-derivative with x."""
        return abs(self.d1 - self.d0) / (self.w * self.slope)

    def scale(self) -> tuple[Any, Any]:
        """Return the scales of errors: the bound for y, 1 for the log-derivative, a moved knot."""
        y, log = self.value()
        if self.outside:
            return max(abs(y), 1), 1
        moved = 1 + 1 / self.slope
        return max(abs(y), moved if self.inverse else 1), max(abs(log), 1) + self.bend() * moved

    def gradient_scale(self, by_y: Any, by_log: Any) -> Any:
        """Return the sizes of the terms, times the error that a rounded theta causes in them."""
        if self.outside:
            return abs(by_y), 1, 1
        by, by_density = abs(by_y), abs(by_log) / self.slope
        bent = by_density * (self.d0 + self.d1) / self.w  # it cancels if the densities are equal
        if self.inverse:
            by = (by + bent) / self.slope
        small = min(self.w, self.sizes[self.bin], 1)
        rounding = (1 + 1 / self.slope) * (self.bend() + 1 / small)
        normal = by + by_density * self.slope
        by_x = by if self.inverse else by * self.slope + bent
        by_widths = max(self.densities) * normal + by * self.slope + bent
        by_heights = max(self.densities) * (normal + by_density)
        return by_x * rounding, by_widths * rounding, by_heights * rounding


def _difference(mp: Any, function: Any, inputs: Any, cotangents: Any) -> Any:
    """Return the vector-Jacobian product from central differences of high precision."""
    step = mp.mpf(2) ** -90

    def along(k: int, i: int | None) -> Any:
        values = []
        for side in (step, -step):
            moved = [list(x) if isinstance(x, list) else x for x in inputs]
            if i is None:
                moved[k] += side
            else:
                moved[k][i] += side
            values.append(function(*moved))
        pairs = zip(*values, cotangents, strict=True)
        return sum((ahead - behind) * c for ahead, behind, c in pairs) / (2 * step)

    return tuple(
        [along(k, i) for i in range(len(x))] if isinstance(x, list) else along(k, None)
        for k, x in enumerate(inputs)
    )


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


def _quadratic(known: Any, bits: tuple[str, str], inverse: bool = False) -> Case:
    def of(mp: Any, x: Any, widths: Any, heights: Any) -> Quadratic:
        return Quadratic(mp, x, widths, heights, inverse)

    def gradient(mp: Any, *inputs: Any) -> Any:
        return _difference(mp, lambda *i: of(mp, *i).value(), inputs[:3], inputs[3:])

    def gradient_scale(mp: Any, *inputs: Any) -> Any:
        by_x, by_widths, by_heights = of(mp, *inputs[:3]).gradient_scale(*inputs[3:])
        return by_x, [by_widths] * BINS, [by_heights] * (BINS - 1)

    return Case(
        dims={"k": BINS, "m": BINS - 1},
        sample=_half,
        exact=lambda mp, *inputs: of(mp, *inputs).value(),
        scale=lambda mp, *inputs: of(mp, *inputs).scale(),
        gradient=gradient,
        gradient_scale=gradient_scale,
        ulp=8,
        gradient_ulp=4,
        known=known,
        edges=_QUADRATIC_EDGES,
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

_RAW = ([0.5, -1.0, 0.25, 2.0], [-1.0, 0.75, 2.0])
_QUADRATIC_EDGES = (
    ((1.5, *_RAW), (1.5, 0.0)),
    ((-1.5, *_RAW), (-1.5, 0.0)),
    ((INF, *_RAW), (INF, 0.0)),
    ((-INF, *_RAW), (-INF, 0.0)),
    ((NAN, *_RAW), (NAN, NAN)),
    ((0.25, [0.0, NAN, 0.0, 0.0], _RAW[1]), (NAN, NAN)),
    ((0.25, _RAW[0], [0.0, NAN, 0.0]), (NAN, NAN)),
    ((0.25, _RAW[0], [0.0, INF, 0.0]), (NAN, NAN)),
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
    "flow.quadratic_spline": _quadratic(
        known=(
            ((0.25, *_RAW), ("0.19817353768029471142686709", "0.12945149322144468719980680")),
            ((-0.75, *_RAW), ("-0.83225286282688850172606117", "-1.0730115108727443359844388")),
            ((0.984375, *_RAW), ("0.98435250587572929457961236", "0.0028751108116419563036707720")),
        ),
        bits=("ba7d56591407a93b", "3d9d2b0733c22df9"),
    ),
    "flow.quadratic_spline_inverse": _quadratic(
        known=(
            ((0.25, *_RAW), ("0.29570262801609240886847610", "-0.12202486279347394265172065")),
            ((-0.75, *_RAW), ("-0.57046039622656401156788450", "0.23409026947266093043739865")),
            (
                (0.984375, *_RAW),
                ("0.98439742959027221301331322", "-0.0028709895268719180135401702"),
            ),
        ),
        bits=("badb68bdfe605ec3", "61b53c54c6395394"),
        inverse=True,
    ),
}
