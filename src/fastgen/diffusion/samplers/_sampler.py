"""The public calls of all samplers: a step, a step under guidance, and the model's input."""

from __future__ import annotations

from typing import Any

import numpy as np

from fastgen._abstract import is_dask
from fastgen._arrays import array_of
from fastgen._core import Stream, result_dtype
from fastgen.diffusion.samplers import _brownian, _guided, _lazily, _per_sample, _renoise
from fastgen.diffusion.samplers._bound_step import LINEAR, NEXT_AND_DENOISED, BoundStep
from fastgen.diffusion.samplers._log_prob import Densities
from fastgen.diffusion.samplers._method import Array, Given
from fastgen.diffusion.samplers._per_sample import NOISE_PER_STEP, element_of
from fastgen.diffusion.samplers._state import State
from fastgen.noise.keys import key_of


class Sampler(Densities):
    """The base class of all samplers."""

    def state(self) -> State:
        """Return a new state, for a run from the start or from any step."""
        return State()

    def scale_input(self, x: Any, i: Any, *, out: Any = None) -> Any:
        """Return the input of the model at step i: x, rescaled to the variance of training.

        As in `step`, `i` may be an array with one step per sample or token.
        """
        if np.ndim(i):
            if is_dask(x) or is_dask(i):
                return _lazily.scale_input(self, x, i, out)
            scales = np.array(self._scales)[self._indices(i, np.asarray(x))]
            if out is None and np.all(scales == 1):
                return x
            return _per_sample.apply(LINEAR, (np.asarray(x), 0.0), (scales, 0.0), out)
        scale = self._scales[self._index(i)]
        if scale == 1.0 and out is None:
            return x
        return LINEAR((x, 0.0, scale, 0.0), -1, False, out)

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
            The model's output for ``scale_input(x, i)`` at ``timesteps[i]``, of the shape of `x`.
        i : int or array of int
            The number of the step. Samplers that remember nothing also take a step for each sample,
            ``(batch,)``, or for each token, ``(batch, tokens)``, where `x` is ``(batch, tokens,
            ...)``: any leading axes of `x`, where 1 stands for any length. Each token then has the
            bits, noise included, of a call in which all are at its step; with a threshold, the
            limit is still one for each sample.
        state : State, optional
            The result of `state()` at the start of the run. Multistep samplers need it.
        out : ndarray, optional
            Where to put the result; may be `x`.
        noise : ndarray or "brownian", optional
            Standard normal noise of the shape of `x`, for samplers that add some. With "brownian"
            and a key, the noise of a step is an increment of `fastgen.noise.brownian`, in the time
            (alpha / sigma)^2. Each step is distributed as before. But the noise belongs to times,
            not to numbers of steps: runs of a key on different grids, such as of 20 and of 40
            steps, follow the same path.
        rng : numpy.random.Generator, optional
            The source of the noise's key.
        key : int, optional
            The key of the noise. Element e of sample b at step i is the same in every batch. The
            noise is made where it is added, as by `fastgen.noise.Stream`. Without `noise`, `rng`
            and `key`, the key is fresh entropy.
        first : int, default 0
            With `key`, the number of the batch's first sample.

        Returns
        -------
        ndarray
            The next samples.

        Raises
        ------
        ValueError
            If `i` is no step, shapes differ, the state is missing or of another step, or noise is
            "brownian" and there is no key, or no path because each step draws all noise anew.
        """
        if type(i) is not int or not 0 <= i < len(self._bound_steps):
            if np.ndim(i):
                return self._step_each(x, prediction, i, out, (noise, rng, key), first)
            i = self._index(i)
        if not (type(x) is type(prediction) is np.ndarray):
            x, prediction = with_shape(x), with_shape(prediction)
        if x.shape != prediction.shape or self.learned:
            return self._step_unlike(x, prediction, i, out, (noise, rng, key), first)
        bound, history = self._bound_step(i, state) if self.memory else (self._bound_steps[i], ())
        arrays, numbers = (x, prediction), bound.coefficients
        if bound.history or bound.noise or noise is not None:
            arrays += self._terms(x, i, bound, history, (noise, rng, key), first)
        if self.threshold is not None and bound.clips:
            numbers = _per_sample.thresholded(x, prediction, numbers, self.threshold)
            result = _per_sample.apply(bound.op, arrays, numbers, out, bound.wanted)
        elif noise is not None and _per_sample.differ_in_type(arrays):
            result = _per_sample.apply(bound.op, arrays, numbers, out, bound.wanted)
        else:
            outs = None if out is None else bound.places(out)
            result = bound.op(arrays + numbers, -1, False, outs, bound.wanted)
        return self._next_of(result, i, bound, history, state)

    def _step_unlike(
        self, x: Any, prediction: Any, i: Any, out: Any, given: Given, first: int
    ) -> Any:
        """Raise for a prediction of another shape. `DDPM` overrides this for learned variances."""
        raise ValueError(self._shapes("prediction", prediction, x))

    def guided_step(
        self,
        x: Any,
        uncond: Any,
        cond: Any,
        i: Any,
        *,
        scale: Any,
        rescale: Any = 0.0,
        cfg_pp: bool = False,
        state: State | None = None,
        out: Any = None,
        noise: Any = None,
        rng: np.random.Generator | None = None,
        key: int | None = None,
        first: int = 0,
    ) -> Any:
        """`step` with the prediction of classifier-free guidance, in one pass over memory.

        Parameters
        ----------
        x : ndarray
            The samples, ``(batch, ...)``.
        uncond, cond : ndarray
            The model's predictions without and with the condition.
        i : int or array of int
            As in `step`.
        scale, rescale : float or ndarray of shape (batch,)
            As in `fastgen.guidance.cfg` and `fastgen.guidance.cfg_rescale`. Rescaling takes two
            passes over the predictions before.
        cfg_pp : bool, default False
            CFG++: take x0 from guidance, and the noise from the unconditional prediction. Scales
            are then between 0 and 1. Each evaluation moves x to that x0 and that noise, and then
            makes the plain step, also where a method remembers noise or slopes: these steps, and
            those with thresholds or several `i`, take three passes. With churn, it needs
            ``parity=None``.
        state, out, noise, rng, key, first
            As in `step`.

        Returns
        -------
        ndarray
            The next samples, as of guidance and then `step`; but a guided prediction in half
            precision is not rounded.

        Raises
        ------
        ValueError
            As in `step`, if the predictions differ in shape, if CFG++ is not defined, and if the
            sampler takes learned variances.
        """
        if self.learned:
            raise ValueError(
                f"{type(self).__name__}: guided_step takes no learned variances; guide the "
                "predictions by fastgen.guidance, put the variances behind them, and call step"
            )
        if not (type(x) is type(uncond) is type(cond) is np.ndarray):
            x, uncond, cond = with_shape(x), with_shape(uncond), with_shape(cond)
        if not x.shape == uncond.shape == cond.shape:
            name, given = ("cond", cond) if uncond.shape == x.shape else ("uncond", uncond)
            raise ValueError(self._shapes(name, given, x))
        if cfg_pp:
            _guided.check_cfg_pp(self)
        options: Any = {"state": state, "out": out, "noise": noise, "rng": rng, "key": key}
        if self.threshold is not None or (type(i) is not int and np.ndim(i)):
            if cfg_pp:
                i = i if np.ndim(i) else self._index(i)
                x, guided = _guided.paired(self, (x, uncond, cond), i, scale, rescale)
            else:
                guided = _guided.prediction(uncond, cond, scale, rescale)
            return self.step(x, guided, i, first=first, **options)
        if type(i) is not int or not 0 <= i < len(self._bound_steps):
            i = self._index(i)
        bound, history = self._bound_step(i, state) if self.memory else (self._bound_steps[i], ())
        if cfg_pp and not _guided.in_one_pass(self, i, bound):
            x, guided = _guided.paired(self, (x, uncond, cond), i, scale, rescale)
            return self.step(x, guided, i, first=first, **options)
        moved = _guided.moved_noise(self, i, bound) if cfg_pp else 0.0
        numbers = _guided.numbers_of(bound, uncond, cond, (scale, rescale, moved))
        arrays = (x, uncond, cond)
        if bound.history or bound.noise or noise is not None:
            arrays += self._terms(x, i, bound, history, (noise, rng, key), first)
        alike = noise is None or not _per_sample.differ_in_type(arrays)
        if alike and _guided.of_all_samples(numbers):
            outs = None if out is None else bound.places(out)
            result = bound.guided_op(arrays + numbers, -1, False, outs, bound.wanted)
        else:
            call = (bound.guided_op, arrays, numbers, out, bound.wanted)
            result = _per_sample.apply(*call, predictions=2)
        return self._next_of(result, i, bound, history, state)

    def renoise(
        self,
        x: Any,
        j: int,
        i: int,
        *,
        out: Any = None,
        noise: Any = None,
        rng: np.random.Generator | None = None,
        key: int | None = None,
        first: int = 0,
    ) -> Any:
        r"""Go back from node j to node i, which has more noise, by the forward process.

        .. math:: x_i = \frac{\alpha_i}{\alpha_j} x_j
                  + \sqrt{\sigma_i^2 - \frac{\alpha_i^2}{\alpha_j^2} \sigma_j^2} \; z

        where x = alpha x0 + sigma noise are the samples of this sampler. From the last node,
        ``j = len(sampler)``, it adds the noise of node i to data. Inpainting (RePaint [1]_) needs
        both: the known part at each node, and steps back, which let the unknown part adapt to it.

        Parameters
        ----------
        x : ndarray
            The samples at node j, ``(batch, ...)``: those before step j.
        j, i : int
            The nodes, ``0 <= i <= j <= len(sampler)``. A multistep sampler goes on from node i with
            a new state.
        out, noise, rng, first
            As in `step`.
        key : int, optional
            As in `step`. The noise of a key depends on i, and differs from that of all steps. A
            second visit of the same nodes needs another key, for `renoise` and for `step`.

        Returns
        -------
        ndarray
            The samples at node i. If i is j, they are `x`.

        Raises
        ------
        TypeError
            If `i` or `j` is no int.
        ValueError
            If `i` or `j` is no such node, or node i has less noise; if `noise` is not of the shape
            of `x`, is given with `rng` or `key`, or is "brownian": a path leads to less noise.

        References
        ----------
        .. [1] Lugmayr et al., "RePaint: Inpainting using Denoising Diffusion Probabilistic Models",
           CVPR 2022, algorithm 1.

        Examples
        --------
        >>> import numpy as np
        >>> from fastgen.diffusion import Schedule
        >>> from fastgen.diffusion.samplers import DDPM
        >>> sampler, x0 = DDPM(Schedule.linear(), 10), np.ones((2, 3))
        >>> x = sampler.renoise(x0, len(sampler), 4, key=0)  # data with the noise of node 4
        >>> x = sampler.step(x, 0.5 * x, 4, key=0)
        >>> sampler.renoise(x, 5, 4, key=1).shape
        (2, 3)
        """
        kept, spread = _renoise.coefficients(self, j, i)
        x = with_shape(x)
        drawn = self._noise(x, (noise, rng, key), _renoise.NOISE + i * NOISE_PER_STEP, first)
        if noise is not None and _per_sample.differ_in_type((x, drawn)):
            return _per_sample.apply(LINEAR, (x, drawn), (kept, spread), out, predictions=0)
        return LINEAR((x, drawn, kept, spread), -1, False, out)

    def _next_of(
        self, result: Any, i: int, bound: BoundStep, history: tuple[Array, ...], state: State | None
    ) -> Any:
        """Return the next sample. Put the denoised sample, if there is one, into the state."""
        if state is not None:
            state.next = i + 1
            if bound.wanted == NEXT_AND_DENOISED:
                state.history = self._remembered(i, history, result[1])
        return result[0] if type(result) is tuple else result

    def _step_each(
        self, x: Any, prediction: Any, i: Any, out: Any, given: Given, first: int
    ) -> Any:
        """Do a `step` for samples or tokens at different steps."""
        if any(map(is_dask, (x, prediction, i))):
            return _lazily.step(self, x, prediction, i, out, given, first)
        x, prediction = array_of(x, name="x"), array_of(prediction, name="prediction")
        steps = self._indices(i, x)
        if x.shape != prediction.shape or self.learned:
            return self._step_unlike(x, prediction, steps, out, given, first)
        arrays: tuple[Array, ...] = (x, prediction)
        adds = bool(self._table[steps, -1].any())
        if given[0] is not None or adds:
            noise = self._noise_each(x, result_dtype(arrays), steps, given, first)
            arrays = (*arrays, noise) if adds else arrays
        return self._combined(arrays, steps, out)

    def _noise_each(self, x: Array, stored: Any, steps: Array, given: Given, first: int) -> Array:
        """Return `_noise` for samples or tokens at different steps.

        `stored` is the type of the result, which says in which precision noise is drawn.
        """
        noise, rng, key = given
        if isinstance(noise, str):
            _brownian.check(self, noise, rng, key)
        elif noise is not None:
            return array_of(self._noise(x, given, 0, first), name="noise")
        else:
            key = key_of(type(self).__name__, key, rng)
        dtype = np.float64 if stored == np.float64 else np.float32
        before = element_of(type(self).__name__, first, x.shape)

        def stream(step: int, element: int) -> Stream:
            return self._stream(step, key, before + element, noise)

        return _per_sample.noise_of_each(steps, x.shape, dtype, stream)

    def _combined(self, arrays: tuple[Array, ...], steps: Array, out: Any = None) -> Any:
        """Combine x, the prediction and noise, with the coefficients of each step."""
        op, numbers = _per_sample.operation(self._table[steps])
        if self.threshold is not None and op is not LINEAR:
            numbers = _per_sample.thresholded(arrays[0], arrays[1], numbers, self.threshold)
        result = _per_sample.apply(op, arrays, numbers, out)
        return result if op is LINEAR else result[0]


def with_shape(x: Any) -> Any:
    """Return an array of any library unchanged, and anything else as a NumPy array."""
    return x if hasattr(x, "shape") else np.asarray(x)
