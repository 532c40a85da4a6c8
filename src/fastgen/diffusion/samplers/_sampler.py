"""What all samplers share: options, noise, state, and the step itself."""

from __future__ import annotations

import abc
import functools
import math
from typing import Any, ClassVar

import numpy as np

from fastgen._core import Stream
from fastgen.diffusion.samplers import _coefficients, _grid, _per_sample
from fastgen.diffusion.samplers._coefficients import Pair
from fastgen.diffusion.samplers._grid import Grid, Way
from fastgen.diffusion.samplers._guided import GuidedSteps
from fastgen.diffusion.samplers._per_sample import NOISE_PER_STEP
from fastgen.diffusion.samplers._rule import LINEAR, NEXT_AND_DENOISED, Plan, Rule, plan
from fastgen.diffusion.samplers._state import State
from fastgen.diffusion.schedule import Schedule
from fastgen.noise.keys import key_of, noise_of

Array = np.ndarray[Any, np.dtype[Any]]
Given = tuple[Any, Any, Any]  # noise, rng and key, as in a call


class Sampler(GuidedSteps, abc.ABC):
    """Base of all samplers: a schedule, options, and one rule for each step."""

    memory: int = 0
    """How many steps before the present one it can use."""
    exploding: ClassVar[bool] = False
    """Whether its samples are x0 + sigma noise, whatever the form of the schedule."""
    spacing: str = "leading"
    rounded: ClassVar[bool] = True
    one_more: ClassVar[bool] = False

    schedule: Schedule
    prediction: str
    learned: bool = False
    """Whether the model says a variance too, behind the prediction."""
    limit: float = math.inf
    threshold: tuple[float, float] | None = None
    timesteps: Array
    """What the model is told at each step, float64 of shape (evaluations,)."""
    sigmas: Array
    """sigma / alpha at the nodes, from the start to the end; sigma itself for flow schedules."""
    init_noise_scale: float = 1.0
    """What standard normal noise is multiplied with to start from."""

    def _set_up(
        self,
        schedule: Schedule,
        steps: int,
        prediction: str,
        clip: float | None = None,
        most: int | None = None,
        threshold: float | None = None,
        threshold_max: float = math.inf,
        **options: Any,
    ) -> None:
        """Check the common options and lay the grid."""
        name = type(self).__name__
        if not isinstance(schedule, Schedule):
            raise TypeError(f"{name}: schedule must be a fastgen.diffusion.Schedule")
        _grid.check_choice(name, "prediction", _coefficients.PREDICTIONS, prediction)
        steps = _grid.check_steps(name, steps, len(schedule) if most is None else most)
        _grid.check_limits(name, clip, threshold, threshold_max)
        self.schedule, self.prediction, self.parity = schedule, prediction, options.get("parity")
        self.limit = math.inf if clip is None else float(clip)
        if threshold is not None:
            self.threshold, self.limit = (float(threshold), float(threshold_max)), 1.0
        self.spacing = options.get("spacing", self.spacing)
        way = Way(name, steps, rounded=self.rounded, one_more=self.one_more, **options)
        self._take(_grid.make(way, schedule, exploding=self.exploding))

    def _take(self, grid: Grid) -> None:
        """Use this grid."""
        self.grid, self.timesteps = grid, grid.timesteps
        flow = grid.form == _grid.FLOW
        with np.errstate(divide="ignore"):
            self.sigmas = np.divide(grid.noise, 1.0 if flow else grid.signal)
        if grid.signal[0] == 0 and self.prediction in ("epsilon", "score"):
            raise ValueError(
                f"{type(self).__name__}: step 0 has no signal (zero terminal SNR), so x0 can't be "
                f'had from {self.prediction}; use a model with prediction="v" or "x0", or another '
                "schedule or spacing"
            )
        rescaled = self.exploding and grid.form == _grid.VARIANCE_PRESERVING
        self._scales = [1 / math.hypot(1, s) if rescaled else 1.0 for s in grid.noise]
        if self.exploding:
            first = grid.noise[0]
            plain = self.spacing in ("linspace", "trailing") or not rescaled
            self.init_noise_scale = first if plain else math.hypot(1, first)

    def _make_plans(self) -> None:
        """From rules to plans, once for all steps of a run from the start."""
        self._expected: list[int] = []
        history: tuple[Any, ...] = ()
        for i in range(len(self)):
            self._expected.append(len(history))
            history = self._remembered(i, history, None) if self._keeps(i) else history
        self._plans = [self._plan(i, self._expected[i]) for i in range(len(self))]

    def __getstate__(self) -> dict[str, Any]:
        """Everything but the plans, which hold operations of this machine's instruction set."""
        return {name: value for name, value in self.__dict__.items() if name != "_plans"}

    def __setstate__(self, state: dict[str, Any]) -> None:
        """Make the plans anew."""
        self.__dict__.update(state)
        self._make_plans()

    def _plan(self, i: int, available: int) -> Plan:
        return plan(self._rule(i, available), self.limit, self._keeps(i))

    def _keeps(self, i: int) -> bool:
        """Whether step i leaves something to remember."""
        return self.memory > 0 and i + 1 < len(self)

    def _remembered(self, i: int, history: tuple[Any, ...], new: Any) -> tuple[Any, ...]:
        """What there is to remember after a step that leaves something new."""
        return (new, *history[: self.memory - 1])

    @abc.abstractmethod
    def _rule(self, i: int, available: int) -> Rule:
        """The coefficients of step i, with that many memories at hand."""

    @functools.cached_property
    def _table(self) -> Array:
        return _per_sample.table_of(self._plans)

    def _x0(self, i: int) -> Pair:
        return _coefficients.of_x0(self.grid, self.prediction, i)

    def _epsilon(self, i: int) -> Pair:
        return _coefficients.of_epsilon(self.grid, self.prediction, i)

    def __len__(self) -> int:
        """The number of steps, each with one evaluation of the model."""
        return len(self.timesteps)

    def __repr__(self) -> str:
        """Its schedule and number of steps."""
        return f"<{type(self).__name__} of {len(self)} steps on {self.schedule!r}>"

    def state(self) -> State:
        """A fresh state, for a run from the start or from any step."""
        return State()

    def adds_noise(self, i: int) -> bool:
        """Whether step i draws noise."""
        return self._plans[self._index(i)].noise

    def scale_input(self, x: Any, i: Any, *, out: Any = None) -> Any:
        """The model's input at step i: x itself, or rescaled to the variance it was trained on.

        As in `step`, `i` may be an array with a step for each sample.
        """
        if np.ndim(i):
            scales = np.array(self._scales)[self._indices(i, np.asarray(x))]
            if out is None and np.all(scales == 1):
                return x
            return _per_sample.apply(LINEAR, (np.asarray(x), 0.0), (scales, 0.0), out)
        scale = self._scales[self._index(i)]
        if scale == 1.0 and out is None:
            return x
        return LINEAR((x, 0.0, scale, 0.0), -1, False, out)

    def _index(self, i: Any) -> int:
        """A step's number, or raise."""
        if isinstance(i, (bool, float)) or not hasattr(i, "__index__"):
            raise TypeError(f"{type(self).__name__}: i must be the number of a step, got {i!r}")
        i = i.__index__()
        if not 0 <= i < len(self._plans):
            raise ValueError(
                f"{type(self).__name__}: i must lie between 0 and {len(self._plans) - 1}, got {i}"
            )
        index: int = i
        return index

    def _indices(self, i: Any, x: Array) -> Array:
        """The step of each sample, or raise."""
        name, steps = type(self).__name__, np.asarray(i)
        if steps.dtype.kind not in "iu":
            raise TypeError(f"{name}: i must hold the numbers of steps, got {steps.dtype}")
        if self.memory:
            raise ValueError(
                f"{name}: i must be one step for all samples: it remembers earlier predictions; "
                f"got an array of shape {steps.shape}"
            )
        if steps.shape != x.shape[:1]:
            raise ValueError(
                f"{name}: i must be an int or of shape {x.shape[:1]}, a step for each sample; got "
                f"{steps.shape}"
            )
        for step in steps[(steps < 0) | (steps >= len(self))][:1]:
            self._index(step)
        return steps

    def step(
        self,
        x: Any,
        prediction: Any,
        i: Any,
        *,
        state: State | None = None,
        out: Any = None,
        noise: Any = None,
        rng: np.random.Generator | None = None,
        key: int | None = None,
        first: int = 0,
    ) -> Any:
        """Go from node i to node i + 1.

        Parameters
        ----------
        x : ndarray
            The samples, ``(batch, ...)``.
        prediction : ndarray
            What the model says of ``scale_input(x, i)`` at ``timesteps[i]``, of the shape of `x`.
        i : int, or array of int of shape (batch,)
            The number of the step. Samplers that remember nothing take one for each sample too.
        state : State, optional
            What `state()` gave at the start of the run; multistep samplers need it.
        out : ndarray, optional
            Where to put the result; may be `x`.
        noise : ndarray, optional
            Standard normal noise of the shape of `x`, for samplers that add some.
        rng : numpy.random.Generator, optional
            Where to draw it from.
        key : int, optional
            Which noise is meant: element e of sample b at step i is always the same, whatever the
            batch. It is made where it is added, as by `fastgen.noise.Stream`. Without any of the
            three, noise is drawn from fresh entropy.
        first : int, default 0
            With `key`, the number of the batch's first sample.

        Returns
        -------
        ndarray
            The next samples.

        Raises
        ------
        ValueError
            If `i` is no step, shapes differ, or the state is missing or of another step.
        """
        if type(i) is not int or not 0 <= i < len(self._plans):
            if np.ndim(i):
                return self._step_each(x, prediction, i, out, (noise, rng, key), first)
            i = self._index(i)
        try:
            if x.shape != prediction.shape or self.learned:
                return self._unlike(x, prediction, i, out, (noise, rng, key), first)
        except AttributeError:
            x, prediction = np.asarray(x), np.asarray(prediction)
            given: Any = {"state": state, "out": out, "noise": noise, "rng": rng, "key": key}
            return self.step(x, prediction, i, first=first, **given)
        made, history = self._made(i, state)
        terms = self._terms(x, i, made, history, (noise, rng, key), first)
        if made.op is LINEAR:
            result = LINEAR((x, prediction, *made.coefficients), -1, False, out)
        elif self.threshold is None or made.coefficients[2] != 1:
            outs, inputs = None if out is None else (out, None), (x, prediction, *terms)
            result = made.op(inputs + made.coefficients, -1, False, outs, made.wanted)
        else:
            numbers = _per_sample.thresholded(x, prediction, made.coefficients, self.threshold)
            inputs = (x, prediction, *terms)
            result = _per_sample.apply(made.op, inputs, numbers, out, made.wanted)
        return self._next_of(result, i, made, history, state)

    def _made(self, i: int, state: State | None) -> tuple[Plan, tuple[Array, ...]]:
        """The plan of step i, and the memories that there are."""
        if not self.memory:
            return self._plans[i], ()
        history = self._history(state, i)
        made = self._plans[i]
        return made if len(history) == self._expected[i] else self._plan(i, len(history)), history

    def _terms(
        self,
        x: Any,
        i: int,
        made: Plan,
        history: tuple[Array, ...],
        given: tuple[Any, Any, Any],
        first: int,
    ) -> tuple[Any, ...]:
        """What a plan takes besides x and the prediction: memories, and noise."""
        terms, (noise, rng, key) = history[: made.history], given
        if made.noise and noise is rng is None and key is not None:
            return (*terms, Stream(key, i * NOISE_PER_STEP + first * math.prod(x.shape[1:])))
        if made.noise or noise is not None:
            drawn = self._noise(x, given, i * NOISE_PER_STEP, first)
            return (*terms, drawn) if made.noise else terms
        return terms

    def _next_of(
        self, result: Any, i: int, made: Plan, history: tuple[Array, ...], state: State | None
    ) -> Any:
        """The next sample among the results; the denoised one is remembered."""
        if state is not None:
            state.next = i + 1
            if made.wanted == NEXT_AND_DENOISED:
                state.history = self._remembered(i, history, result[1])
        return result[0] if type(result) is tuple else result

    def _unlike(self, x: Any, prediction: Any, i: Any, out: Any, given: Given, first: int) -> Any:
        """`step`, where the prediction is not as x is."""
        raise ValueError(self._shapes("prediction", prediction, x))

    def _step_each(
        self, x: Any, prediction: Any, i: Any, out: Any, given: Given, first: int
    ) -> Any:
        """`step`, where each sample is at a step of its own."""
        x, prediction = np.asarray(x), np.asarray(prediction)
        steps = self._indices(i, x)
        if x.shape != prediction.shape or self.learned:
            return self._unlike(x, prediction, steps, out, given, first)
        arrays: tuple[Array, ...] = (x, prediction)
        adds = bool(self._table[steps, -1].any())
        if given[0] is not None or adds:
            noise = self._noise_each(x, steps, given, first)
            arrays = (*arrays, noise) if adds else arrays
        return self._combined(arrays, steps, out)

    def _noise_each(self, x: Array, steps: Array, given: Given, first: int) -> Array:
        """`_noise` of samples that are each at a step of their own."""
        noise = self._noise(x, given, 0, first)
        if type(noise) is not Stream:
            return np.asarray(noise)
        dtype = np.float64 if x.dtype == np.float64 else np.float32
        return _per_sample.noise_of_each(steps, x.shape, dtype, noise.key, first)

    def _combined(self, arrays: tuple[Array, ...], steps: Array, out: Any = None) -> Any:
        """Each sample's step, of arrays in the order of `Rule`."""
        op, numbers = _per_sample.operation(self._table[steps])
        if self.threshold is not None and op is not LINEAR:
            numbers = _per_sample.thresholded(arrays[0], arrays[1], numbers, self.threshold)
        result = _per_sample.apply(op, arrays, numbers, out)
        return result if op is LINEAR else result[0]

    def _history(self, state: State | None, i: int) -> tuple[Array, ...]:
        if state is None:
            name = type(self).__name__
            raise ValueError(
                f"{name}: state is missing: it remembers earlier predictions; make one with "
                "state = sampler.state() and pass it to every step"
            )
        if state.next is not None and state.next != i:
            raise ValueError(
                f"{type(self).__name__}: state is that before step {state.next}, but i is {i}; "
                "a run from another step needs a new one"
            )
        return state.history

    def _noise(self, x: Any, given: Given, counter: int, first: int) -> Any:
        """The noise that was given, or a Stream; an error for both."""
        (noise, rng, key), name = given, type(self).__name__
        if noise is None:
            at = counter + first * math.prod(x.shape[1:])
            return Stream(key_of(name, key, rng), at)
        if noise.shape != x.shape:
            raise ValueError(self._shapes("noise", noise, x))
        return noise_of(name, noise, rng, key, 0)

    def _shapes(self, what: str, got: Any, x: Any) -> str:
        return f"{type(self).__name__}: {what} must have the shape {x.shape} of x, got {got.shape}"
