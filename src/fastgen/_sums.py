"""Weighted sums of rows: the ELBOs, and the losses of adversarial training."""

from __future__ import annotations

import functools
import math
import operator
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from fastgen import _messages
from fastgen._abstract import is_dask
from fastgen._axes import Axes, Labels, labelled
from fastgen._axes import Space as AxesOf
from fastgen._compose import Composition, Result, computed, lazy, refuse_foreign
from fastgen._composition import Adjoint
from fastgen._core import empty, overrides_ufuncs, result_dtype, shapes_and_types
from fastgen._ops import OPS
from fastgen._parts import FLOAT32, FLOAT64, Shape
from fastgen._parts import Array as Array
from fastgen._parts import Axis as Axis
from fastgen._parts import Part as Part
from fastgen._parts import Space as Space
from fastgen._pullbacks import share_of

_combination = OPS["diffusion.linear_combination"]


class Plan(NamedTuple):
    """The shapes, type and weights of a sum, for inputs of given shapes and types."""

    spaces: tuple[Space, ...]
    batch: Shape
    shape: Shape  # the shape of the result
    dtype: np.dtype[Any]
    weights: tuple[float, ...]
    kept: Shape  # the axes of the result of length 1 that stand for event axes


class Form:
    """A weighted sum of rows, without its inputs: offset + the sum of weight * part.

    Parameters
    ----------
    name : str
        The name of the function, with its family.
    parts : sequence of Part
        The terms. Their batch shapes broadcast.
    mean : bool
        Divide each part by the number of its elements.
    offset : float
        A constant that is added.
    keepdims : bool
        Keep the event axes of the first part, with length 1.
    """

    __slots__ = ("_plans", "keepdims", "mean", "name", "offset", "parts")

    def __init__(
        self,
        name: str,
        parts: Sequence[Part],
        *,
        mean: bool = False,
        offset: float = 0.0,
        keepdims: bool = False,
    ) -> None:
        self.name, self.parts = name, tuple(parts)
        self.mean, self.offset, self.keepdims = mean, offset, keepdims
        self._plans: dict[bytes, Plan] = {}

    def plan(self, inputs: tuple[Any, ...]) -> Plan | None:
        """Return the plan for these inputs, None for arrays of another library, or raise."""
        key = shapes_and_types(inputs)
        if key is None:
            return None if any(map(overrides_ufuncs, inputs)) else self.of(inputs)
        found = self._plans.get(key)
        if found is None:
            found = self.of(inputs)
            if len(self._plans) >= 64:
                self._plans.clear()
            self._plans[key] = found
        return found

    def of(self, inputs: tuple[Any, ...]) -> Plan:
        """Return the plan for inputs of any library that have a shape and a type."""
        try:
            spaces = tuple([part.space(self.name, inputs) for part in self.parts])
            batch = self._batch(spaces)
        except (TypeError, ValueError):
            self.check_types(inputs)  # a wrong type is reported before a wrong shape
            raise
        self.check_types(inputs)
        weights = tuple([part.weight for part in self.parts])
        if self.mean:
            sizes = [math.prod(space.shape) for space in spaces]
            weights = tuple([w / n if n else math.nan for w, n in zip(weights, sizes, strict=True)])
        lead = len(batch) - len(spaces[0].batch)
        kept = tuple([d + lead for d in spaces[0].events]) if self.keepdims else ()
        rest = iter(batch)
        shape = tuple([1 if d in kept else next(rest) for d in range(len(batch) + len(kept))])
        dtype = result_dtype(inputs)
        if dtype != FLOAT64:  # a part without a sum needs no more digits than its terms
            pairs = zip(self.parts, spaces, strict=True)
            spaces = tuple([s._replace(dtype=FLOAT32) if p.axis == () else s for p, s in pairs])
        return Plan(spaces, batch, shape, dtype, weights, kept)

    def _batch(self, spaces: Sequence[Space]) -> Shape:
        batches = [space.batch for space in spaces]
        try:
            return np.broadcast_shapes(*batches)
        except ValueError:
            pairs = zip(self.parts, batches, strict=True)
            named = [f"{b} of {_messages.argument(self.name, p.of[0])}" for p, b in pairs]
            raise ValueError(_messages.named_shapes(self.name, named, "batch shapes")) from None

    def check_types(self, inputs: Sequence[Any]) -> None:
        """Raise if an input does not hold real numbers."""
        for k, x in enumerate(inputs):
            _messages.check_numbers(self.name, k, x)


class Sum(Composition):
    """A form with its inputs. The sum is computed in float64, and rounded once.

    Parameters
    ----------
    form : Form
        The terms and their weights.
    inputs : tuple
        The function's inputs.
    adjoints : mapping, optional
        As in `Row`.
    """

    __slots__ = ("adjoints", "form", "inputs")

    def __init__(
        self, form: Form, inputs: tuple[Any, ...], adjoints: Mapping[int, Adjoint] | None = None
    ) -> None:
        self.form, self.inputs, self.adjoints = form, inputs, adjoints

    @property
    def name(self) -> str:  # type: ignore[override]
        """The name of the function."""
        return self.form.name

    @property
    def arrays(self) -> tuple[Any, ...]:
        """The inputs."""
        return self.inputs

    def on(self, arrays: tuple[Any, ...]) -> Composition:
        """Return the sum for other inputs."""
        return Sum(self.form, arrays)

    def axes(self) -> Axes:
        """Return the axes of each part's inputs. A part that needs the whole batch divides none."""
        form, plan = self.form, self.form.of(self.inputs)
        found: dict[int, Labels] = {}
        for part, space in zip(form.parts, plan.spaces, strict=True):
            first = len(plan.batch) - len(space.batch)
            labels = labelled(len(space.shape), space.events, first)
            for k in part.of:
                found[k] = labels[len(labels) - np.ndim(self.inputs[k]) :]
        result = labelled(len(plan.shape), plan.kept)
        operands = tuple([found[k] for k in range(len(self.inputs))])
        if any(part.whole for part in form.parts):
            none = [(None,) * len(labels) for labels in (*operands, result)]
            return Axes(tuple(none[:-1]), tuple(none[-1:]))
        return Axes(operands, (result,))

    def spaces(self) -> tuple[AxesOf, ...]:
        """Return the axes to which each input is broadcast: those of its part."""
        form, plan = self.form, self.form.of(self.inputs)
        found: dict[int, AxesOf] = {}
        for part, space in zip(form.parts, plan.spaces, strict=True):
            first = len(plan.batch) - len(space.batch)
            labels = labelled(len(space.shape), space.events, first)
            found |= dict.fromkeys(part.of, AxesOf(labels, space.shape))
        return tuple([found[k] for k in range(len(self.inputs))])

    def adjoint_of(self, k: int) -> Adjoint | None:
        """Return the adjoint of input k, or None."""
        return (self.adjoints or {}).get(k)

    def of_inputs(self, labels: tuple[Labels, ...]) -> tuple[Any, ...]:
        """Return the labels of the inputs. An input of which a diagonal is taken has two axes."""
        pairs = enumerate(labels)
        return tuple([(*b[:-1], None, None) if k in (self.adjoints or ()) else b for k, b in pairs])

    def value(self, out: Any = None) -> Any:
        """Run the rows and add their results."""
        form, inputs = self.form, self.inputs
        plan = form.plan(inputs)
        if plan is None:
            return self._lazy(out)
        if out is not None:
            _messages.check_out(form.name, out, plan.shape)
        spaces = plan.spaces
        totals = [part.total(inputs, spaces[k]) for k, part in enumerate(form.parts)]
        return self._added(totals, plan, out)

    def _added(self, totals: list[Array], plan: Plan, out: Any) -> Any:
        offset, weights = self.form.offset, plan.weights
        if not plan.shape and out is None:
            found = totals[0].item() * weights[0]
            for k in range(1, len(totals)):
                found += totals[k].item() * weights[k]
            found += offset
            if plan.dtype is FLOAT32 and 1e-37 < abs(found) < 1e38:
                return np.float32(found)
            with np.errstate(over="ignore", under="ignore"):
                return np.float64(found).astype(plan.dtype)
        kept = plan.kept
        if out is None:
            room = empty(plan.batch, plan.dtype)
        else:
            room = np.asarray(out).squeeze(kept) if kept else out
        if len(totals) == 2 and not offset:
            _combination((totals[0], totals[1], weights[0], weights[1]), -1, False, room)
        else:
            add(
                totals,
                weights,
                offset,
                lambda x, last: _combination(x, -1, False, room if last else None),
            )
        if out is not None:
            return out
        if kept:
            room = room.reshape(plan.shape)
        return room if plan.shape else room[()]

    def gradients(
        self, wanted: Sequence[int], cotangent: Any, with_value: bool
    ) -> tuple[Any, tuple[Any, ...]]:
        """Run the derivatives of the rows that hold a wanted input."""
        form, inputs = self.form, self.inputs
        plan = form.plan(inputs)
        if plan is None:
            refuse_foreign(form.name, inputs, "compute them first, or each block by itself")
            plan = form.of(inputs)
        if plan.kept and np.ndim(cotangent) > 0:
            from_end = [d - len(plan.shape) for d in plan.kept]
            axes = tuple([d for d in from_end if -d <= np.ndim(cotangent)])
            cotangent = np.squeeze(cotangent, axes)
        wide = FLOAT64 if plan.dtype == FLOAT64 else FLOAT32
        totals: list[Array] = []
        gradients: dict[int, Any] = {}
        for part, space, weight in zip(form.parts, plan.spaces, plan.weights, strict=False):
            own = [k for k in part.of if k in wanted]
            if own:
                share = share_of(cotangent, weight, plan.batch, space.batch, wide)
                total, found = part.gradients(inputs, share, own, space)
                gradients |= found
                totals.append(total)
            elif with_value:
                totals.append(part.total(inputs, space))
        value = self._added(totals, plan, None) if with_value else None
        for k, adjoint in (self.adjoints or {}).items():
            if k in gradients:
                gradients[k] = adjoint(gradients[k])
        return value, tuple([gradients[k] for k in wanted])

    def results(self) -> tuple[Result, ...]:
        """Return the shape and type of the sum."""
        plan = self.form.plan(self.inputs) or self.form.of(self.inputs)
        return (Result(plan.shape, plan.dtype),)

    def _lazy(self, out: Any) -> Any:
        form = self.form
        if any(map(is_dask, self.inputs)):
            self._refuse_reduction()
            return lazy(self, out)
        if out is not None or form.keepdims:
            raise TypeError(
                f"{form.name.partition('.')[2]}: keepdims and out are for NumPy arrays; "
                f"got {', '.join(sorted({type(x).__name__ for x in self.inputs}))}"
            )
        self._refuse_reduction()
        dtype = result_dtype(self.inputs)
        wide = np.float64 if dtype == np.float64 else np.float32
        arrays = [x if hasattr(x, "dtype") else np.asarray(x) for x in self.inputs]
        # Half precision is rounded once, at the end.
        inputs = tuple([x.astype(wide) if x.dtype.itemsize == 2 else x for x in arrays])
        found = [part.lazy(inputs, wide) * part.weight for part in form.parts]
        total = functools.reduce(operator.add, found)
        return (total + form.offset if form.offset else total).astype(dtype)

    def _refuse_reduction(self) -> None:
        """Refuse arrays of other libraries if the result depends on all elements."""
        if self.form.mean or any(part.axis is None for part in self.form.parts):
            instead = (
                "take reduction='none', or an axis that leaves the batch, and give the result to "
                "fastgen.exact_mean or exact_sum"
            )
            refuse_foreign(self.form.name, self.inputs, instead)


def add(
    totals: Sequence[Any],
    weights: tuple[float, ...],
    offset: float,
    combine: Callable[[tuple[Any, ...], bool], Any],
) -> Any:
    """Return the weighted sum, two terms at a time.

    `combine` takes two terms and their weights, and whether they are the last; it adds them.
    """
    first, others = totals[0], totals[1:-1]
    last: tuple[Any, float] = (totals[-1], weights[-1])
    if len(totals) == 1:
        last = (offset, 1.0)
    elif offset:
        others, last = totals[1:], (offset, 1.0)
    weight = weights[0]
    for k, other in enumerate(others, 1):
        first, weight = combine((first, other, weight, weights[k]), False), 1.0
    return combine((first, last[0], weight, last[1]), True)


def weighted_sum(
    form: Form, inputs: tuple[Any, ...], out: Any, adjoints: Mapping[int, Adjoint] | None = None
) -> Any:
    """Return the value of a `Sum`, write it to `out`, or describe it: see `computed`."""
    return computed(Sum(form, inputs, adjoints), out)
