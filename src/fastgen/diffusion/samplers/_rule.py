"""One step of any sampler as coefficients, and the operation that carries it out."""

from __future__ import annotations

import math
from typing import NamedTuple

from fastgen._core import Op
from fastgen._ops import OPS

STEPS = tuple(OPS[f"diffusion.solver_step_{terms}"] for terms in range(5))
LINEAR = OPS["diffusion.linear_combination"]
NEXT, NEXT_AND_DENOISED = 1, 3  # which results of an operation are wanted


class Rule(NamedTuple):
    """m = clip(a x + b p), next = u x + v p + k m + sum_j history_j m_j + noise n.

    x is the sample, p the prediction, m_j the m of j + 1 steps before, n standard normal noise.
    """

    a: float = 0.0
    b: float = 0.0
    u: float = 0.0
    v: float = 0.0
    k: float = 0.0
    history: tuple[float, ...] = ()
    noise: float = 0.0


class Plan(NamedTuple):
    """An operation, and its inputs behind the arrays."""

    op: Op
    coefficients: tuple[float, ...]
    history: int
    """How many memories it takes."""
    noise: bool
    wanted: int


def plan(rule: Rule, limit: float, keep: bool) -> Plan:
    """The cheapest operation for a rule. `keep`: m is wanted, for the steps to come."""
    if keep or rule.history or (math.isfinite(limit) and rule.k != 0):
        terms = rule.history + ((rule.noise,) if rule.noise else ())
        first = (rule.a, rule.b, limit, rule.u, rule.v, rule.k)
        wanted = NEXT_AND_DENOISED if keep else NEXT
        return Plan(STEPS[len(terms)], first + terms, len(rule.history), rule.noise != 0, wanted)
    u, v = rule.u + rule.k * rule.a, rule.v + rule.k * rule.b
    if rule.noise:
        coefficients = (0.0, 0.0, math.inf, u, v, 0.0, rule.noise)
        return Plan(STEPS[1], coefficients, 0, True, NEXT)
    return Plan(LINEAR, (u, v), 0, False, NEXT)
