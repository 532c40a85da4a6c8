"""One step of any sampler: its formula, and the cheapest row that computes it."""

from __future__ import annotations

import math
from typing import Any, NamedTuple

from fastgen._core import Op
from fastgen._ops import OPS
from fastgen.diffusion import guided_steps, solver_steps

LINEAR = OPS["diffusion.linear_combination"]
GUIDED_LINEAR = OPS["diffusion.guided_combination"]
NEXT, NEXT_AND_DENOISED = 1, 3  # the wanted results of a row, as bits


class StepFormula(NamedTuple):
    """m = clip(a x + b p), next = u x + v p + k m + sum_j history_j m_j + noise n.

    x is the sample, p the prediction, m_j the m of j + 1 steps before, and n standard normal noise.
    """

    a: float = 0.0
    b: float = 0.0
    u: float = 0.0
    v: float = 0.0
    k: float = 0.0
    history: tuple[float, ...] = ()
    noise: float = 0.0


class BoundStep(NamedTuple):
    """The row that computes a step, and its coefficients."""

    op: Op
    """The row of x and one prediction."""
    guided_op: Op
    """The row of x and two predictions, under classifier-free guidance."""
    coefficients: tuple[float, ...]
    """The coefficients of `op`: u, v for `LINEAR`; else a, b, limit, u, v, k and one per term."""
    history: int
    """The number of memories that the row takes. They are its first terms."""
    noise: bool
    """Whether the row takes noise, as its last term."""
    wanted: int
    """The results that are computed, as bits."""

    def places(self, out: Any) -> Any:
        """Return `out` in the form that the row takes: one array, or a tuple of two."""
        return out if self.op is LINEAR else (out, None)

    @property
    def clips(self) -> bool:
        """Whether the row clips the denoised sample."""
        return self.op is not LINEAR and self.coefficients[2] < math.inf

    @property
    def of_sample(self) -> tuple[float, float]:
        """u and v: the coefficients of x and of the prediction in the next sample."""
        u, v = self.coefficients if self.op is LINEAR else self.coefficients[3:5]
        return u, v


def bind(formula: StepFormula, limit: float, keep: bool) -> BoundStep:
    """Bind a formula to its cheapest row. With `keep`, m is a second result, for later steps."""
    if math.isfinite(limit) and formula.k != 0:
        weights = formula[2:5]
    else:
        weights = (*_without_m(formula), 0.0)
    terms = formula.history + ((formula.noise,) if formula.noise else ())
    if not (keep or terms or weights[2]):
        return BoundStep(LINEAR, GUIDED_LINEAR, weights[:2], 0, False, NEXT)
    of_m = (formula.a, formula.b, limit) if keep or weights[2] else (0.0, 0.0, math.inf)
    return BoundStep(
        solver_steps.ROWS[len(terms)],
        guided_steps.ROWS[len(terms)],
        of_m + weights + terms,
        len(formula.history),
        formula.noise != 0,
        NEXT_AND_DENOISED if keep else NEXT,
    )


def _without_m(formula: StepFormula) -> tuple[float, float]:
    """Return u and v of a step without clip, where k m = k (a x + b p) is part of u x + v p.

    k (a x) and u x can be much larger than their sum. Here double precision adds the coefficients.
    The rows of shorter types would round the two products, and m.
    """
    return formula.u + formula.k * formula.a, formula.v + formula.k * formula.b
