"""The case of `fastgen.vae.kl_tril_normal`."""

from __future__ import annotations

import operator
from typing import Any

import numpy as np

from fastgen.cases.case import INF, NAN, Case


def _tril_distributions(z: Any) -> tuple[Any, ...]:
    """Return means, and lower triangles with diagonals >= 1. The upper parts are never read."""
    triangles = [np.where(np.eye(x.shape[-1]) > 0, 1 + np.abs(x) / 8, x / 4) for x in z[1::2]]
    return z[0], triangles[0], z[2], triangles[1]


def _times(a: Any, b: Any) -> list[Any]:
    """Return the product of a matrix and a matrix or vector, as lists."""
    if not isinstance(b[0], list):
        return [sum(x * y for x, y in zip(row, b, strict=True)) for row in a]
    return _transposed([_times(a, column) for column in _transposed(b)])


def _transposed(a: Any) -> list[Any]:
    return [list(column) for column in zip(*a, strict=True)]


def _inverse(p: Any) -> list[Any]:
    """Return the inverse of a lower triangular matrix, by forward substitution."""
    d = range(len(p))
    columns = []
    for k in d:
        x: list[Any] = []
        for i in d:
            x.append(((i == k) - sum(p[i][j] * x[j] for j in range(i))) / p[i][i])
        columns.append(x)
    return _transposed(columns)


class _TrilKL:
    """The divergence of normal distributions of covariance Q Q^T and P P^T.

    With `size`, the absolute values of all terms are summed. That is the scale of errors, because
    solving with P may amplify an error that much."""

    def __init__(
        self, mp: Any, mu_q: Any, q: Any, mu_p: Any, p: Any, *, size: bool = False
    ) -> None:
        self.d, use = range(len(mu_q)), abs if size else operator.pos
        difference = [[use(q[i][j] - p[i][j]) if j <= i else 0 for j in self.d] for i in self.d]
        inverse = [[use(x) for x in row] for row in _inverse(p)]
        self.w = _times(inverse, [use(a - b) for a, b in zip(mu_q, mu_p, strict=True)])
        self.e, self.transposed = _times(inverse, difference), _transposed(inverse)
        ratios = [q[i][i] / p[i][i] for i in self.d]
        self.value = sum(x**2 for row in [*self.e, self.w] for x in row) / 2
        self.value += sum(t - 1 - mp.log(t) for t in ratios)
        self.slope = [row.copy() for row in self.e]
        for i in self.d:
            self.slope[i][i] = use(ratios[i] - 1 / ratios[i])

    def gradient(self) -> tuple[Any, ...]:
        """Return the gradient by each input."""
        m = [[x + (i == j) for j, x in enumerate(row)] for i, row in enumerate(self.e)]
        g, d_q = _times(self.transposed, self.w), _times(self.transposed, self.slope)
        d_p = _times(self.transposed, _times(self.slope, _transposed(m)))
        for i in self.d:
            for j in self.d:
                d_q[i][j] = d_q[i][j] if j <= i else 0
                d_p[i][j] = -d_p[i][j] - g[i] * self.w[j] if j <= i else 0
        return g, d_q, [-x for x in g], d_p


_EYE = ((1.0, 0.0), (0.0, 1.0))
_TRIL = ((1.5, NAN), (-0.25, 0.75))


CASES = {
    "vae.kl_tril_normal": Case(
        dims={"d": 2},
        sample=_tril_distributions,
        exact=lambda mp, *inputs: _TrilKL(mp, *inputs).value,
        scale=lambda mp, *inputs: _TrilKL(mp, *inputs, size=True).value,
        gradient=lambda mp, *inputs: _TrilKL(mp, *inputs).gradient(),
        gradient_scale=lambda mp, *inputs: _TrilKL(mp, *inputs, size=True).gradient(),
        ulp=7,
        gradient_ulp=6,
        known=(
            (
                ((0.5, -1.0), ((1.5, 0.0), (-0.25, 0.75)), (0.25, 0.75), _EYE),
                "1.882216964343616545461206",
            ),
            (
                ((0.0, 0.5), _EYE, (-1.0, 2.0), ((0.5, 0.0), (3.0, 0.25))),
                "746.9205584583201640717483",
            ),
            (
                (
                    (1.0, 1.0),
                    ((1.0, 0.0), (0.0009765625, 2.0)),
                    (1.0, 1.0009765625),
                    ((1.0, 0.0), (0.0, 2.0)),
                ),
                "0.0000002384185791015625",
            ),
            (
                ((0.0, 0.0), ((4.0, 0.0), (-2.0, 0.125)), (0.0, 0.0), ((1.0, 0.0), (0.5, 1.0))),
                "15.70095968055994530941723",
            ),
        ),
        edges=(
            (((0.5, -1.0), _TRIL, (0.5, -1.0), _TRIL), 0.0),
            (((0.0, 0.0), ((1.0, 0.0), (0.0, 0.0)), (0.0, 0.0), _EYE), INF),
            (((0.0, 0.0), _EYE, (0.0, 0.0), ((1.0, 0.0), (0.0, 0.0))), INF),
            (((0.0, 0.0), ((1.0, 0.0), (0.0, -1.0)), (0.0, 0.0), _EYE), NAN),
            (((0.0, 0.0), _EYE, (0.0, 0.0), ((-1.0, 0.0), (0.0, 1.0))), NAN),
            (((0.0, INF), _EYE, (0.0, 0.0), _EYE), INF),
            (((NAN, 0.0), _EYE, (0.0, 0.0), _EYE), NAN),
            (((0.0, 0.0), _EYE, (0.0, 0.0), ((1.0, 0.0), (NAN, 1.0))), NAN),
        ),
        bits=("18390500ac1447f0", "893af588146f4fe5"),
    ),
}
