"""What must hold for a combination. Each check returns the faults that it finds, as pairs of a kind
and a detail."""

from __future__ import annotations

import math
import warnings

import numpy as np

from fastgen.diffusion import samplers

from . import bounds, levels, refusals
from .models import DATA, DEVIATION, MEAN, spread
from .propagate import run
from .schedules import FLOW, SCHEDULES, VP

LEVEL = 1e-6
"""The largest relative difference between the level told and the level of the sample."""
ROUNDING = 1e-6
"""The largest relative error of a mean, and difference between predictions, in float64."""

SAME = 1e-13
"""The largest difference of the angles of two nodes at the same level."""

ROUNDINGS = 512
"""How many roundings of the largest sample a run of a shorter type may be off."""


class Refused(Exception):
    """A sampler refused a combination for a known reason."""


def make(case):
    """Return the sampler, or raise Refused, or return faults."""
    schedule, method = SCHEDULES[case.schedule], case.method
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            sampler = getattr(samplers, method.name)(schedule, case.steps, **case.options())
    except Exception as error:
        bad = refusals.badly_put(method, error)
        if bad:
            return None, [("bare error", f"{bad}: {type(error).__name__}: {error}")]
        allowed = refusals.reasons(case, schedule)
        if not allowed:
            return None, [("refused without a known reason", str(error))]
        raise Refused(allowed[0]) from error
    return sampler, []


class Made:
    """A sampler that was made, and the levels of its nodes."""

    def __init__(self, case, sampler):
        """Read nodes and levels through the public attributes."""
        self.case, self.sampler, self.schedule = case, sampler, SCHEDULES[case.schedule]
        self.scales = levels.scales(sampler)
        self.preconditioned = levels.preconditioned(sampler)
        rescaled = not self.preconditioned and bool(np.any(self.scales != 1))
        self.alpha, self.sigma = levels.own(sampler, self.schedule, rescaled)
        self.at = levels.nodes(case.method.layout, len(self.sigma))
        clean = case.method.name == "LCM" and sampler.timesteps[-1] == 0  # LCM returns x there
        if clean or case.method.name == "TCD":  # TCD ends at the first step of the schedule
            self.alpha[-1], self.sigma[-1] = self.schedule.signal[0], self.schedule.sigma[0]

    def nodes(self):
        """Return alpha and sigma at the nodes."""
        return self.alpha[self.at], self.sigma[self.at]

    def bound(self):
        """Return the bound of the relative error of the deviation."""
        method = self.case.method
        up = 1 + min(method.options.get("churn", 0.0) / self.case.steps, math.sqrt(2) - 1)
        lowers = self.case.options().get("lower_order_final", True)
        how = {"explicit": method.explicit, "growing": method.growing, "to_end": not lowers}
        how["reach"] = method.reach
        return bounds.relative(self.nodes(), method.order, up=up, **how)


def nodes_fall(made):
    """The nodes go strictly from more noise to less."""
    alpha, sigma = made.nodes()
    if made.case.method.name in ("LCM", "TCD") and made.sampler.timesteps[-1] == 0:
        return []  # the last step stays at the first step of the schedule
    angle = np.arctan2(sigma, alpha)
    if not np.all(np.isfinite(angle)):
        return [("a node is not finite", f"{made.sampler.sigmas}")]
    rises = np.flatnonzero(~(np.diff(angle) < -SAME))
    if rises.size:
        k = rises[0]
        shown = made.sampler.sigmas[max(made.at[k] - 1, 0) :][:4]
        kind = "a node twice" if np.all(np.diff(angle) < SAME) else "nodes rise"
        return [(kind, f"at node {k} of {len(angle)}: {shown}")]
    return []


def starts_at_most_noise(made):
    """The first node has the most noise. With leading spacing it may be one stride before."""
    case, table = made.case, levels.noisy_table(made.schedule)
    if case.method.name in ("LCM", "TCD", "EDMEuler", "ConsistencyModel"):
        return []
    ratio = made.sigma[0] / made.alpha[0] if made.alpha[0] else math.inf
    wanted = math.inf if made.schedule.form == FLOW else table[-1]
    spacing = case.spacing or getattr(made.sampler, "spacing", "leading")
    if spacing == "leading" and made.schedule.form != FLOW and case.steps > 1:
        wanted = table[max(len(table) - math.ceil(len(table) / case.steps) - 1, 0)]
    if ratio < wanted * (1 - 1e-9):
        return [
            ("the grid starts in the middle", f"at sigma / alpha {ratio:.4g}, not {wanted:.4g}")
        ]
    return []


def ends_where_told(made):
    """The last node has no noise, or the level of the first step with noise."""
    case, table = made.case, levels.noisy_table(made.schedule)
    final = case.final_sigma
    if final is None or "terminal" in case.method.options:
        return []
    wanted = 0.0 if final == "zero" else float(table[0])
    got = made.sigma[-1] / made.alpha[-1]
    if not math.isclose(got, wanted, rel_tol=1e-9):
        return [("another end than told", f"sigma / alpha {got:.4g} at the end, not {wanted:.4g}")]
    return []


def start_noise(made):
    """`init_noise_scale` is the deviation of the marginal in the sampler's own scale."""
    got = float(made.sampler.init_noise_scale)
    wanted = 1 / made.scales[0] if made.schedule.form == VP else float(made.sigma[0])
    if not math.isclose(got, wanted, rel_tol=1e-9):
        return [("start noise", f"init_noise_scale is {got:.6g}, not {wanted:.6g}")]
    return []


def told_levels(made):
    """The timestep has the level of noise of the model's input."""
    try:
        alpha, sigma = levels.told(made.sampler, made.schedule)
    except (ValueError, UserWarning) as error:
        return [("timestep outside the schedule", str(error)[:120])]
    scale = 1.0 if made.preconditioned else made.scales
    of_alpha, of_sigma = made.alpha[:-1] * scale, made.sigma[:-1] * scale
    if made.preconditioned:
        made_scale = made.scales * np.hypot(sigma, DATA)
        if np.abs(made_scale - 1).max() > LEVEL:
            return [("scale of the input", f"{made.scales}")]
    off = np.abs(alpha * of_sigma - sigma * of_alpha)
    allowed = LEVEL * np.maximum(alpha * of_sigma, sigma * of_alpha) + 1e-15
    size = np.abs(np.hypot(alpha, sigma) / np.hypot(of_alpha, of_sigma) - 1)
    wrong = np.flatnonzero((off > allowed) | (size > LEVEL) | ~np.isfinite(off + size))
    if wrong.size:
        i = wrong[0]
        return [
            (
                "timestep of another level",
                f"step {i} of {len(off)} tells t={made.sampler.timesteps[i]:.6g}, "
                f"({alpha[i]:.6g}, {sigma[i]:.6g}); its input has "
                f"({of_alpha[i]:.6g}, {of_sigma[i]:.6g})",
            )
        ]
    return []


def told_times(made):
    """`times` has the level of noise of the model's input."""
    alpha, sigma = made.schedule.in_time().coefficients(made.sampler.times)
    of_alpha, of_sigma = made.alpha[:-1], made.sigma[:-1]
    beyond = of_sigma * made.schedule.signal[-1] > of_alpha * made.schedule.sigma[-1]
    off = np.abs(alpha * of_sigma - sigma * of_alpha) * ~beyond
    if np.any(off > LEVEL * np.maximum(alpha * of_sigma, sigma * of_alpha) + 1e-12):
        i = int(np.argmax(off))
        return [("times of another level", f"step {i}: {made.sampler.times[i]:.6g}")]
    return []


def error_of_law(made, ends):
    """Return the errors of mean and deviation, divided by the right deviation."""
    alpha, sigma = made.nodes()
    start, wanted = spread(alpha[0], sigma[0]), spread(alpha[-1], sigma[-1])
    mean, deviation = ends.law(alpha[0] * MEAN, start)
    return np.abs(mean - alpha[-1] * MEAN) / wanted, np.abs(deviation / wanted - 1)


def moments(made, ends):
    """The mean is exact, and the error of the deviation is within the bound of the order."""
    off, error = error_of_law(made, ends)
    found = []
    if not np.all(off <= ROUNDING):
        found.append(("mean", f"off by {off.max():.3g} deviations"))
    allowed = ROUNDING + (0 * error if made.case.method.exact else made.bound())
    if not np.all(error <= allowed):
        k = int(np.argmax(error / allowed))
        text = f"off by {error[k]:.3g} for data of deviation {DEVIATION[k]}, "
        found.append(("deviation", f"{text}allowed {allowed[k]:.3g}"))
    return found


def agree(base, other, made):
    """The samples do not depend on what the model predicts."""
    if base.ends.shape != other.ends.shape:
        return [
            ("predictions differ", f"{len(base.ends) - 2} or {len(other.ends) - 2} noisy steps")
        ]
    size = np.maximum(np.abs(base.ends), 1e-3 * spread(made.alpha[-1], made.sigma[-1]))
    off = float(np.max(np.abs(other.ends - base.ends) / size.max(axis=0)))
    if not off <= ROUNDING:
        return [("predictions differ", f"by {off:.3g}")]
    return []


def of_type(made, ends, dtype):
    """The samples of a shorter type are those of float64 up to rounding."""
    case = made.case
    short = run(made.sampler, made.schedule, case.kind, case.method.options, dtype)
    if not np.all(np.isfinite(short.ends)):
        return [("not finite", np.dtype(dtype).name)]
    if error_of_law(made, ends)[1].max() > 1:  # so few steps that errors grow, of rounding too
        return []
    off = float(np.abs(ends.ends - short.ends).max())
    rounded = run(made.sampler, made.schedule, case.kind, case.method.options, rounded_to=dtype)
    inherent = float(np.abs(ends.ends - rounded.ends).max())
    allowed = 10 * inherent + ROUNDINGS * float(np.finfo(dtype).eps) * max(ends.most, 1.0)
    if off > allowed:
        return [(f"rounding in {np.dtype(dtype).name}", f"{off:.3g}, allowed {allowed:.3g}")]
    return []


def batches(made, rng):
    """Steps per sample and parts of a batch give the same bits."""
    sampler, found = made.sampler, []
    for dtype in (np.float16, np.float32, np.float64):
        x, prediction = rng.standard_normal((2, 5, 3)).astype(dtype)
        states = [sampler.state() for _ in range(3)]
        parts = [x, x[:2], x[2:]]
        for i in range(min(len(sampler), 6)):
            each = [(0, 5), (0, 2), (2, 5)]
            parts = [
                sampler.step(part, prediction[a:b], i, state=state, key=3, first=a)
                for part, state, (a, b) in zip(parts, states, each, strict=True)
            ]
            if not np.array_equal(parts[0], np.concatenate(parts[1:]), equal_nan=True):
                found.append(("batch splits differ", f"step {i} in {np.dtype(dtype).name}"))
                break
        found += steps_of_each(sampler, x, prediction)
    return found[:1]


def steps_of_each(sampler, x, prediction):
    """A step per sample gives the bits of a step for all."""
    steps = np.arange(len(x)) % len(sampler)
    try:
        got = sampler.step(x, prediction, steps, key=3)
    except ValueError as error:  # the sampler remembers
        return [] if "remembers" in str(error) else [("steps per sample", str(error))]
    for b, i in enumerate(steps.tolist()):
        alone = sampler.step(x[b : b + 1], prediction[b : b + 1], i, key=3, first=b)
        if not np.array_equal(alone[0], got[b], equal_nan=True):
            return [("steps per sample differ", f"step {i} in {x.dtype}")]
    return []


OF_GRID = (
    nodes_fall,
    starts_at_most_noise,
    ends_where_told,
    start_noise,
    told_levels,
    told_times,
)


def check(case, base=None):
    """Return the faults of a combination, and its run."""
    sampler, found = make(case)
    if sampler is None:
        return found, None, None
    try:
        with warnings.catch_warnings(), np.errstate(all="ignore"):
            warnings.simplefilter("error")
            made = Made(case, sampler)
            for one in OF_GRID:
                found += one(made)
            ends = run(sampler, made.schedule, case.kind, case.method.options)
            if not np.all(np.isfinite(ends.ends)):
                return [*found, ("not finite", "")], made, None
            found += moments(made, ends)
            if base is not None:
                found += agree(base, ends, made)
    except Exception as error:
        return [*found, ("error in the run", f"{type(error).__name__}: {error}")], None, None
    return found, made, ends
