"""Ancestral sampling of denoising diffusion probabilistic models."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from fastgen._abstract import is_dask
from fastgen._core import result_dtype
from fastgen.diffusion.samplers import _checks, _lazily
from fastgen.diffusion.samplers._bound_step import LINEAR, StepFormula
from fastgen.diffusion.samplers._method import Array, Given
from fastgen.diffusion.samplers._sampler import Sampler
from fastgen.diffusion.samplers._state import State
from fastgen.diffusion.samplers._transition import Density, Transition
from fastgen.diffusion.schedule import Schedule
from fastgen.vae import reparameterize

__all__ = ["DDPM"]

VARIANCES = ("small", "large", "learned", "learned_range")
LEAST_VARIANCE = 1e-20  # its logarithm is used in place of log 0


class DDPM(Sampler):
    r"""Ancestral sampling: draw from the posterior at the predicted x0. Of weak order one.

    .. math:: x_{i+1} = \frac{\alpha_{i+1} \tau^2}{\sigma_i^2} \hat x_0
              + \frac{\alpha_i}{\alpha_{i+1}} \frac{\sigma_{i+1}^2}{\sigma_i^2} x_i + s z,
              \quad \tau^2 = \sigma_i^2 \left(1 - \frac{\mathrm{SNR}_i}{\mathrm{SNR}_{i+1}}\right)

    Parameters
    ----------
    schedule : Schedule
        The schedule that the model was trained on.
    steps : int, default 1000
        The number of evaluations of the model.
    prediction : {"epsilon", "x0", "v", "score", "flow"}, default "epsilon"
        What the model predicts.
    spacing, offset, timesteps, sigmas
        As in `DDIM`.
    variance : {"small", "large", "learned", "learned_range"}, default "small"
        :math:`s^2 = \tau^2 \sigma_{i+1}^2 / \sigma_i^2`, right for data at one point, or
        :math:`s^2 = \tau^2`, right for data that are standard normal. The last step, to clean
        data, adds no noise. With "learned" the model predicts :math:`\log s^2` too. With
        "learned_range" it predicts a number from -1 to 1, the place between the logarithms of these
        two. Then `step` takes a prediction with twice the channels of `x`,
        (batch, 2 channels, ...), variances last.
    clip : float, optional
        Clip the predicted x0 to [-clip, clip].
    threshold, threshold_max
        As in `DDIM`.
    parity : {None, "diffusers"}, default None
        With "diffusers", all but the small variance add noise in the last step too, unless its
        timestep is 0; "learned" is the variance itself; and the stride of leading spacing is
        T // steps.

    Raises
    ------
    ValueError
        If an option is out of range, or the prediction does not determine x0.

    References
    ----------
    .. [1] Ho, Jain and Abbeel, "Denoising Diffusion Probabilistic Models", NeurIPS 2020,
       algorithm 2.
    .. [2] Nichol and Dhariwal, "Improved Denoising Diffusion Probabilistic Models", ICML 2021,
       eq. 15.

    Examples
    --------
    >>> import numpy as np
    >>> from fastgen.diffusion import Schedule
    >>> from fastgen.diffusion.samplers import DDPM
    >>> sampler = DDPM(Schedule.linear(), steps=4)
    >>> x, rng = np.ones((2, 3), np.float32), np.random.default_rng(0)
    >>> for i, t in enumerate(sampler.timesteps):
    ...     x = sampler.step(x, 0.5 * x, i, rng=rng)
    >>> x.shape
    (2, 3)
    """

    def __init__(
        self,
        schedule: Schedule,
        steps: int = 1000,
        *,
        prediction: str = "epsilon",
        spacing: str = "trailing",
        offset: int = 0,
        timesteps: Sequence[float] | None = None,
        sigmas: str | Sequence[float] | None = None,
        variance: str = "small",
        clip: float | None = None,
        threshold: float | None = None,
        threshold_max: float = math.inf,
        parity: str | None = None,
    ) -> None:
        """Lay the grid and bind the steps."""
        _checks.check_choice("DDPM", "variance", VARIANCES, variance)
        self.variance, self.learned = variance, variance.startswith("learned")
        options: dict[str, Any] = {"spacing": spacing, "offset": offset, "parity": parity}
        options |= {"timesteps": timesteps, "sigmas": sigmas}
        options |= {"threshold": threshold, "threshold_max": threshold_max}
        self._set_up(schedule, steps, prediction, clip, **options)
        self._bind_steps()

    def _new(self, i: int) -> float:
        """Return 1 - SNR_i / SNR_{i+1}."""
        signal, noise = self.grid.signal, self.grid.noise
        return 1 - (signal[i] / signal[i + 1] * noise[i + 1] / noise[i]) ** 2

    def _is_last(self, i: int) -> bool:
        """Return whether step i is the last one, which adds no noise."""
        return i + 1 == len(self) and not (self.parity and self.timesteps[i] > 0)

    def _formula(self, i: int, available: int) -> StepFormula:
        signal, noise = self.grid.signal, self.grid.noise
        (a, b), new = self._x0(i), self._new(i)
        spread = math.sqrt(max(new, 0.0)) * (noise[i + 1] if self.variance == "small" else noise[i])
        if self.learned or self._is_last(i):
            spread = 0.0
        kept = signal[i] / signal[i + 1] * (noise[i + 1] / noise[i]) ** 2
        return StepFormula(a, b, kept, 0.0, signal[i + 1] * new, (), spread)

    def adds_noise(self, i: int) -> bool:
        """Return whether step i draws noise."""
        return super().adds_noise(i) or (self.learned and not self._is_last(i))

    def _log_variance(self, steps: Array, said: Array) -> Array:
        """Return the log-variance of the noise, (batch, channels, ...), from the predicted one."""
        if self.variance == "learned":
            with np.errstate(divide="ignore", invalid="ignore"):
                found = np.log(said) if self.parity else said
        else:
            low, high = self._log_variances(steps, said)
            part = (said + 1) / 2
            found = part * high + (1 - part) * low
        silent = np.array([self._is_last(i) for i in steps.tolist()])
        return np.where(_column(silent, said), said.dtype.type(-np.inf), found)

    def _log_variances(self, steps: Array, said: Array) -> tuple[Array, Array]:
        """Return the least and the largest log-variance, which broadcast to the predicted one."""
        sizes = np.array([(self.grid.noise[i + 1], self.grid.noise[i]) for i in steps.tolist()])
        new = np.array([self._new(i) for i in steps.tolist()])[:, None]
        low, high = np.log(np.maximum(new * sizes**2, LEAST_VARIANCE)).astype(said.dtype).T
        return _column(low, said), _column(high, said)

    def _step_unlike(
        self, x: Any, prediction: Any, i: Any, out: Any, given: Given, first: int
    ) -> Any:
        """Do a step with learned variances: the second half of the channels of the prediction."""
        if not self.learned:
            return super()._step_unlike(x, prediction, i, out, given, first)
        if any(map(is_dask, (x, prediction, i))):
            return _lazily.step(self, x, prediction, i, out, given, first)
        stored = result_dtype((np.asarray(x), np.asarray(prediction)))
        x, said, variance, steps = self._split(x, prediction, i)
        mean, log_variance = self._combined((x, said), steps), self._log_variance(steps, variance)
        if np.ndim(i):
            noise = self._noise_each(x, stored, steps, given, first)
        else:
            noise = self._step_noise(x, given, i, first)
        result = reparameterize(mean, log_variance, noise=noise)
        if out is None:
            return result.astype(stored, copy=False)
        return LINEAR((result, 0.0, 1.0, 0.0), -1, False, out)

    def _split(self, x: Any, prediction: Any, i: Any) -> tuple[Array, Array, Array, Array]:
        """Return x, the prediction, what is said of variances, and the step of each sample."""
        x, prediction = np.asarray(x), np.asarray(prediction)
        twice = (*x.shape[:1], *(2 * n for n in x.shape[1:2]), *x.shape[2:])
        if x.ndim < 2 or prediction.shape != twice:
            raise ValueError(
                f"{self._shapes('prediction', prediction, x)}, and as many variances behind, "
                f"{twice}"
            )
        steps = self._indices(i, x) if np.ndim(i) else np.full(len(x), self._index(i))
        if steps.ndim > 1:
            raise ValueError(
                f"DDPM: i must be an int or of shape {x.shape[:1]} with learned variances, whose "
                f"channels are axis 1; got {steps.shape}"
            )
        computed = np.float64 if result_dtype((x, prediction)) == np.float64 else np.float32
        x, prediction = (y.astype(computed, copy=False) for y in (x, prediction))
        return x, *np.split(prediction, 2, axis=1), steps

    def _transition(self, x: Any, prediction: Any, i: Any, state: State | None) -> Transition:
        """Return the distribution of the next sample. The model may predict its variance."""
        if not self.learned:
            return super()._transition(x, prediction, i, state)
        x, said, variance, steps = self._split(x, prediction, i)
        found = super()._transition(x, said, i, state)
        return found._replace(std=np.exp(self._log_variance(steps, variance) / 2))

    def _gradient(
        self, transition: Transition, density: Density, prediction: Any, i: Any, cotangent: Any
    ) -> Array:
        """Return the gradient of the log-probability by the prediction, variances last."""
        of_said = super()._gradient(transition, density, prediction, i, cotangent)
        if not self.learned:
            return of_said
        _, _, variance, steps = self._split(transition.arrays[0], prediction, i)
        slope: Any = 1 / variance if self.parity else 1.0
        if self.variance == "learned_range":
            low, high = self._log_variances(steps, variance)
            slope = (high - low) / 2
        return np.concatenate([of_said, density.of_log_variance(cotangent) * slope], axis=1)


def _column(numbers: Array, like: Array) -> Array:
    """Return one number per sample, in a shape that broadcasts to the array."""
    return numbers.reshape(len(numbers), *[1] * (like.ndim - 1))
