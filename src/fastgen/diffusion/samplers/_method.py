"""The common part of all methods: options, grid, bound steps, memory and noise."""

from __future__ import annotations

import abc
import functools
import math
from typing import Any, ClassVar

import numpy as np

from fastgen._arrays import array_of
from fastgen._core import Stream
from fastgen._messages import unknown_shape
from fastgen.diffusion._conversions import Scales, epsilon_of, x0_of
from fastgen.diffusion.samplers import _brownian, _checks, _coefficients, _grid, _per_sample
from fastgen.diffusion.samplers._bound_step import BoundStep, StepFormula, bind
from fastgen.diffusion.samplers._coefficients import Pair
from fastgen.diffusion.samplers._grid import FORMS, Grid, Way
from fastgen.diffusion.samplers._per_sample import NOISE_PER_STEP, element_of
from fastgen.diffusion.samplers._state import State
from fastgen.diffusion.schedule import Schedule
from fastgen.noise.keys import key_of, noise_of

Array = np.ndarray[Any, np.dtype[Any]]
Given = tuple[Any, Any, Any]  # the arguments noise, rng and key of a call


class Method(abc.ABC):
    """A schedule, options, and a formula for each step, which a subclass defines."""

    memory: int = 0
    """The number of earlier steps that a step can use."""
    supports_cfg_pp: bool = True
    """Whether CFG++ is defined: churn, if there is any, changes no prediction."""
    exploding: ClassVar[bool] = False
    """Whether the samples are x0 + sigma noise for every form of schedule."""
    forms: ClassVar[tuple[str, ...]] = FORMS
    """The forms of schedules that the method is for."""
    afresh: bool = False
    """Whether each step draws all noise of the next sample anew."""
    spacing: str = "trailing"
    rounded: ClassVar[bool] = True
    one_more: ClassVar[bool] = False

    schedule: Schedule
    prediction: str
    learned: bool = False
    """Whether the model predicts variances too, in channels after the prediction."""
    limit: float = math.inf
    threshold: tuple[float, float] | None = None
    timesteps: Array
    """The model's time input at each step, float64 of shape (evaluations,).

    On a variance-preserving schedule these are steps, or lie between steps. Where its `unit` is
    "step", `Schedule.coefficients`, `add_noise`, `convert` and the like take them as `t`. On a
    variance-exploding schedule they are sigmas, and on a flow schedule sigmas times its length."""
    sigmas: Array
    """sigma / alpha at the nodes, from start to end. For flow schedules: sigma."""
    init_noise_scale: float = 1.0
    """The factor of standard normal noise at the start of a run.

    It is sigma at node 0. On a variance-preserving schedule it is the deviation of the samples
    there, for data of variance 1: 1, or hypot(1, sigma) for samplers of x0 + sigma noise."""

    def _set_up(
        self,
        schedule: Schedule,
        steps: int,
        prediction: str,
        clip: float | None = None,
        threshold: float | None = None,
        threshold_max: float = math.inf,
        **options: Any,
    ) -> None:
        """Check the common options and lay the grid."""
        name = type(self).__name__
        self._check(schedule, prediction)
        _checks.check_limits(name, clip, threshold, threshold_max)
        self.schedule, self.prediction, self.parity = schedule, prediction, options.get("parity")
        self.limit = math.inf if clip is None else float(clip)
        if threshold is not None:
            self.threshold, self.limit = (float(threshold), float(threshold_max)), 1.0
        self.spacing = options.setdefault("spacing", self.spacing)
        steps = self._number_of_steps(steps, options)
        way = Way(name, steps, rounded=self.rounded, one_more=self.one_more, **options)
        self._take(_grid.make(way, schedule, exploding=self.exploding))

    def _check(self, schedule: Schedule, prediction: str) -> None:
        """Raise if the schedule is none, or not of a form that the method is for."""
        name = type(self).__name__
        if not isinstance(schedule, Schedule):
            raise TypeError(
                f"{name}: schedule must be a fastgen.diffusion.Schedule, got {schedule!r}"
            )
        if schedule.form not in self.forms:
            wanted = " or ".join(self.forms)
            raise ValueError(
                f"{name}: schedule must be {wanted}, got {schedule!r}, which is {schedule.form}"
            )
        _checks.check_choice(name, "prediction", _coefficients.PREDICTIONS, prediction)

    def _number_of_steps(self, steps: Any, options: dict[str, Any]) -> int:
        """Return the number of steps that are spaced. A list of the user has its own length."""
        sigmas = options.get("sigmas")
        if options.get("timesteps") is not None or not (sigmas is None or isinstance(sigmas, str)):
            return _checks.check_int(type(self).__name__, "steps", steps)
        most, which = len(self.schedule), "the length of the schedule"
        if options.get("parity") is None:
            low, high = _grid.usable(self.schedule)
            usable = high - low + 1 - (options.get("final_sigma") == "min")
            if usable < most:
                most, which = max(usable, 1), "the number of its steps with noise before the last"
        return _checks.check_steps(type(self).__name__, steps, most, which)

    def _take(self, grid: Grid) -> None:
        """Use this grid, and compute the scales of the samples."""
        self.grid, self.timesteps, self.sigmas = grid, grid.timesteps, grid.levels()
        if grid.signal[0] == 0 and self.prediction in ("epsilon", "score"):
            raise ValueError(
                f"{type(self).__name__}: step 0 has no signal (zero terminal SNR), where "
                f'{self.prediction} does not determine x0; use a model with prediction="v" or '
                '"x0", or another schedule or spacing'
            )
        preserving = grid.form == _grid.VARIANCE_PRESERVING
        rescaled = self.exploding and preserving
        self._scales = [1 / math.hypot(1, s) if rescaled else 1.0 for s in grid.noise]
        first = grid.noise[0]
        self.init_noise_scale = math.hypot(grid.signal[0], first) if preserving else first
        if self.parity and rescaled and self.spacing != "leading":
            self.init_noise_scale = first
        if self.parity and grid.form == _grid.FLOW:
            self.init_noise_scale = 1.0

    def _bind_steps(self) -> None:
        """Bind the steps of a run from the start."""
        self._expected: list[int] = []
        history: tuple[Any, ...] = ()
        for i in range(len(self)):
            self._expected.append(len(history))
            history = self._remembered(i, history, None) if self._keeps(i) else history
        self._bound_steps = [self._bind(i, self._expected[i]) for i in range(len(self))]

    def __getstate__(self) -> dict[str, Any]:
        """Return all but the bound steps, whose rows belong to the instruction set here."""
        return {name: value for name, value in self.__dict__.items() if name != "_bound_steps"}

    def __setstate__(self, state: dict[str, Any]) -> None:
        """Bind the steps again."""
        self.__dict__.update(state)
        self._bind_steps()

    def _bind(self, i: int, available: int) -> BoundStep:
        return bind(self._formula(i, available), self.limit, self._keeps(i))

    @abc.abstractmethod
    def _formula(self, i: int, available: int) -> StepFormula:
        """Return the formula of step i, with `available` memories."""

    def _keeps(self, i: int) -> bool:
        """Return whether step i adds to the memory."""
        return self.memory > 0 and i + 1 < len(self)

    def _remembered(self, i: int, history: tuple[Any, ...], new: Any) -> tuple[Any, ...]:
        """Return the memories after step i, which adds `new`."""
        return (new, *history[: self.memory - 1])

    def _x0(self, i: int) -> Pair:
        """Return the coefficients of x and of the prediction in x0."""
        alpha, sigma = self.grid.signal[i], self.grid.noise[i]
        return x0_of(self.prediction, alpha, sigma, self._prediction_scales(i))

    def _epsilon(self, i: int) -> Pair:
        """Return the coefficients of x and of the prediction in epsilon."""
        alpha, sigma = self.grid.signal[i], self.grid.noise[i]
        return epsilon_of(self.prediction, alpha, sigma, self._prediction_scales(i))

    def _prediction_scales(self, i: int) -> Scales:
        """Return the scales of v and score at node i."""
        rescaled = self.parity is not None and self.grid.form == _grid.VARIANCE_EXPLODING
        return _coefficients.scales(self.grid, i, rescaled_v=rescaled)

    def _slope(self, i: int) -> Pair:
        """Return the coefficients of x and of the prediction in the slope (x - x0) / sigma.

        That is the derivative of x by sigma where x = x0 + sigma epsilon, and on flows: there it
        is epsilon - x0.
        """
        if self.grid.form != _grid.FLOW:
            return self._epsilon(i)
        if self.prediction == "flow":
            return 0.0, 1.0
        (a, b), (e, f) = self._x0(i), self._epsilon(i)
        return e - a, f - b

    def _ddim(self, i: int, after: Pair, eta: float) -> StepFormula:
        """Return the step to x0 and the predicted noise, a part of which is new.

        It goes from node i to `after`, an alpha and a sigma. The new noise is `eta` times as much
        as the posterior has. The step is bounded at any length.
        """
        (a, b), (e, f), alpha = self._x0(i), self._epsilon(i), after[0]
        here = self.grid.signal[i], self.grid.noise[i]
        along, noise = _coefficients.split_noise(here, after, eta)
        return StepFormula(u=alpha * a + along * e, v=alpha * b + along * f, noise=noise)

    def _leap(self, i: int, m: Pair, eta: float) -> StepFormula:
        """Return the step of a method that remembers m, where the step leaps: see `Grid.leaps`."""
        step = self._ddim(i, (self.grid.signal[i + 1], self.grid.noise[i + 1]), eta)
        return step._replace(a=m[0], b=m[1])

    @functools.cached_property
    def _table(self) -> Array:
        return _per_sample.table_of(self._bound_steps)

    def __len__(self) -> int:
        """Return the number of steps. Each has one evaluation of the model."""
        return len(self.timesteps)

    def __repr__(self) -> str:
        """Return the number of steps and the schedule."""
        return f"<{type(self).__name__} of {len(self)} steps on {self.schedule!r}>"

    @property
    def steps(self) -> np.ndarray[Any, np.dtype[np.int64]]:
        """The timesteps as integers, if all are steps of the schedule.

        Otherwise an AttributeError: the timesteps lie between steps, or the schedule has the flow
        or variance-exploding form, whose timesteps are functions of sigma. `times` always exist.
        """
        whole = self.timesteps.astype(np.int64)
        if self.grid.form == _grid.VARIANCE_PRESERVING and np.all(whole == self.timesteps):
            return whole
        name = type(self).__name__
        why = "lie between the schedule's steps"
        if self.grid.form != _grid.VARIANCE_PRESERVING:
            why = f"are functions of sigma on a schedule that is {self.grid.form}"
        raise AttributeError(f"{name}: there are no steps, because its timesteps {why}")

    @property
    def times(self) -> Array:
        """The time of the schedule with the noise level of the samples before each step.

        ``schedule.in_time()`` takes these times as `t` in `Schedule.coefficients`, `add_noise`,
        `convert` and the like. For a sampler of x0 + sigma noise, such as `Euler`, the results of
        `scale_input` are the samples at these times.
        """
        with np.errstate(divide="ignore"):
            ratio = np.divide(self.grid.noise, self.grid.signal)
        times: Array = self.schedule.time_of(ratio[: len(self)])
        return times

    def _bound_step(self, i: int, state: State | None) -> tuple[BoundStep, tuple[Array, ...]]:
        """Return step i bound to a row, and the memories in the state."""
        bound = self._bound_steps[i]
        if not self.memory:
            return bound, ()
        history = self._history(state, i)
        if len(history) != self._expected[i]:  # the run began at a later step
            bound = self._bind(i, len(history))
        return bound, history

    def _history(self, state: State | None, i: int) -> tuple[Array, ...]:
        """Return the memories in the state, or raise if the state is not for step i."""
        if state is None:
            name = type(self).__name__
            raise ValueError(
                f"{name}: state is missing. The sampler remembers earlier predictions: make a "
                "state with state = sampler.state(), and pass it to every step"
            )
        if state.next is not None and state.next != i:
            raise ValueError(
                f"{type(self).__name__}: state belongs to step {state.next}, but i is {i}. "
                "A run from another step needs a new state"
            )
        return state.history

    def _terms(
        self,
        x: Any,
        i: int,
        bound: BoundStep,
        history: tuple[Array, ...],
        given: Given,
        first: int,
    ) -> tuple[Any, ...]:
        """Return the terms of a bound step: memories, and then noise."""
        terms, (noise, rng, key) = history[: bound.history], given
        if bound.noise and noise is rng is None and key is not None:
            return (*terms, Stream(key, i * NOISE_PER_STEP + self._element(first, x)))
        if bound.noise or noise is not None:
            drawn = self._step_noise(x, given, i, first)
            return (*terms, drawn) if bound.noise else terms
        return terms

    def _step_noise(self, x: Any, given: Given, i: int, first: int) -> Any:
        """Return the noise of step i: what is given, or a Stream; raise for both."""
        noise, rng, key = given
        if isinstance(noise, str):
            _brownian.check(self, noise, rng, key)
            return self._stream(i, key, self._element(first, x), noise)
        return self._noise(x, given, i * NOISE_PER_STEP, first)

    def _noise(self, x: Any, given: Given, counter: int, first: int) -> Any:
        """Return the given noise, or a Stream; raise for both."""
        (noise, rng, key), name = given, type(self).__name__
        if noise is None:
            return Stream(key_of(name, key, rng), counter + self._element(first, x))
        if isinstance(noise, str):
            raise ValueError(f"{name}: noise must be an array here, got {noise!r}; or give a key")
        if type(noise) is Stream:
            raise TypeError(f"{name}: noise must be an array, got a Stream; give its key instead")
        if not hasattr(noise, "shape"):
            noise = array_of(noise, name=f"{name}: noise")
        if noise.shape != x.shape:
            raise ValueError(self._shapes("noise", noise, x))
        return noise_of(name, noise, rng, key, 0)

    def _element(self, first: int, x: Any) -> int:
        """Return the first element of a batch in the noise of a step."""
        return element_of(type(self).__name__, first, x.shape)

    def _stream(self, i: int, key: Any, element: int, noise: str | None) -> Stream:
        """Return the noise of step i by key, from this element on."""
        if noise is None or not self.adds_noise(i):
            return Stream(key, i * NOISE_PER_STEP + element)
        return Stream(key, element, increment=_brownian.of_step(self, i))

    def adds_noise(self, i: int) -> bool:
        """Return whether step i draws noise."""
        return self._bound_steps[self._index(i)].noise

    def _span(self, i: int) -> tuple[int, int]:
        """Return the nodes between which the noise of step i drives the samples."""
        return i, i + 1

    def _index(self, i: Any) -> int:
        """Return the number of a step, or raise."""
        if isinstance(i, (bool, float)) or not hasattr(i, "__index__"):
            raise TypeError(f"{type(self).__name__}: i must be the number of a step, got {i!r}")
        i = i.__index__()
        if not 0 <= i < len(self):
            raise ValueError(
                f"{type(self).__name__}: i must lie between 0 and {len(self) - 1}, got {i}"
            )
        index: int = i
        return index

    def _indices(self, i: Any, x: Array) -> Array:
        """Return the step of each sample or token, or raise."""
        name = type(self).__name__
        steps = array_of(i, None, f"{name}: i")
        if steps.dtype.kind not in "iu":
            raise TypeError(f"{name}: i must hold the numbers of steps, got {steps.dtype}")
        if self.memory:
            raise ValueError(
                f"{name}: i must be one step for all samples: it remembers earlier predictions; "
                f"got an array of shape {steps.shape}"
            )
        leading = x.shape[: steps.ndim]
        if len(leading) < steps.ndim or any(
            n not in (1, m) for n, m in zip(steps.shape, leading, strict=True)
        ):
            raise ValueError(
                f"{name}: i must be an int or of shape {x.shape[:1]}, a step for each sample, or "
                f"have more leading axes of x, {x.shape}; got {steps.shape}"
            )
        for step in steps[(steps < 0) | (steps >= len(self))][:1]:
            self._index(step)
        return np.broadcast_to(steps, leading)

    def _shapes(self, what: str, got: Any, x: Any) -> str:
        """Say that an array has another shape than x, or that a shape is unknown."""
        for name, array in (("x", x), (what, got)):
            if unknown := unknown_shape(f"{type(self).__name__}: {name}", array):
                return unknown
        return f"{type(self).__name__}: {what} must have the shape {x.shape} of x, got {got.shape}"
