"""The log-probability of a step that adds noise, as policy gradients need it."""

from __future__ import annotations

from typing import Any

from fastgen._abstract import is_dask
from fastgen._arrays import array_of
from fastgen.diffusion.samplers import _lazy_densities, _transition
from fastgen.diffusion.samplers._method import Array, Method
from fastgen.diffusion.samplers._state import State
from fastgen.diffusion.samplers._transition import Density, Transition


class Densities(Method):
    """The distribution of the next sample: its moments, and its density."""

    def mean_and_std(
        self, x: Any, prediction: Any, i: Any, *, state: State | None = None
    ) -> tuple[Array, Any]:
        """Return the mean and the deviation of the next sample, which a step draws.

        ``mean + std * noise`` is the result of `step`, to rounding.

        Parameters
        ----------
        x, prediction, i
            As in `step`.
        state : State, optional
            The state before the step. It is not changed.

        Returns
        -------
        mean : ndarray
            The mean, in float64 if an input is, and otherwise in float32.
        std : float or ndarray
            The deviation. It is 0 if the step adds no noise. It is an array, which broadcasts to
            `mean`, if the steps are several, or the model predicts variances.

        Raises
        ------
        ValueError
            As in `step`.
        """
        if any(map(is_dask, (x, prediction, i))):
            given = {"x": x, "prediction": prediction, "i": i}
            found: tuple[Array, Any] = _lazy_densities.of(
                self, "mean_and_std", given, {"state": state}
            )
            return found
        transition = self._transition(x, prediction, i, state)
        return transition.mean(), transition.std

    def log_prob(
        self,
        x: Any,
        prediction: Any,
        next_x: Any,
        i: Any,
        *,
        axis: Any = None,
        reduction: str = "sum",
        state: State | None = None,
    ) -> Any:
        r"""Return the log-probability that step i goes from `x` to `next_x`.

        .. math:: \log N(x_{i+1}; \mu, s^2) = -\sum \left( \frac{(x_{i+1} - \mu)^2}{2 s^2}
                  + \log s + \tfrac12 \log 2 \pi \right)

        with the mean and the deviation of `mean_and_std`. Policy gradients (DDPO, Flow-GRPO) need
        it.

        Parameters
        ----------
        x, prediction, i
            As in `step`.
        next_x : ndarray
            The next samples, as `step` returned them, of the shape of `x`.
        axis : int, tuple of int or None, default None
            The axes of the sum: by default all but the first.
        reduction : {"sum", "mean"}, default "sum"
            With "mean", the sum is divided by its number of elements, as in the code of DDPO, TRL
            and Flow-GRPO. It is no log-probability then, and ratios of it are nearer to 1.
        state : State, optional
            The state before the step, for multistep samplers. It is not changed.

        Returns
        -------
        ndarray or scalar
            The log-probabilities, ``(batch,)``, in float64. Their differences would be lost in
            float32.

        Raises
        ------
        ValueError
            If the step adds no noise, and as in `step`.

        References
        ----------
        .. [1] Black et al., "Training Diffusion Models with Reinforcement Learning", ICLR 2024.
        .. [2] Liu et al., "Flow-GRPO: Training Flow Matching Models via Online RL", 2025.

        Examples
        --------
        >>> import numpy as np
        >>> from fastgen.diffusion import Schedule
        >>> from fastgen.diffusion.samplers import DDIM
        >>> sampler = DDIM(Schedule.linear(), 10, eta=1)
        >>> x, prediction = np.ones((2, 3)), np.full((2, 3), 0.5)
        >>> next_x = sampler.step(x, prediction, 4, key=0)
        >>> sampler.log_prob(x, prediction, next_x, 4).shape
        (2,)
        """
        if any(map(is_dask, (x, prediction, next_x, i))):
            given = {"x": x, "prediction": prediction, "next_x": next_x, "i": i}
            options = {"axis": axis, "reduction": reduction, "state": state}
            return _lazy_densities.of(self, "log_prob", given, options, axis)
        _transition.check_noisy(self, i)
        transition = self._transition(x, prediction, i, state)
        return Density(self, transition, next_x, axis, reduction).value()

    def log_prob_and_grad(
        self,
        x: Any,
        prediction: Any,
        next_x: Any,
        i: Any,
        *,
        cotangent: Any = 1.0,
        axis: Any = None,
        reduction: str = "sum",
        state: State | None = None,
    ) -> tuple[Any, Array]:
        """Return `log_prob`, and its gradient by the prediction.

        Parameters
        ----------
        x, prediction, next_x, i, axis, reduction, state
            As in `log_prob`.
        cotangent : array_like, default 1.0
            The factors of the log-probabilities, such as advantages.

        Returns
        -------
        log_prob : ndarray or scalar
            As of `log_prob`.
        gradient : ndarray
            The gradient of ``sum(cotangent * log_prob)``, of the shape and type of `prediction`.
            The derivative of an x0 that is clipped is 0.

        Raises
        ------
        ValueError
            As in `log_prob`, if `cotangent` does not broadcast to it, and if x0 has a threshold.
        """
        if self.threshold is not None:
            raise ValueError(
                f"{type(self).__name__}: log_prob_and_grad takes no threshold, because its limit "
                "depends on the prediction too; use clip"
            )
        if any(map(is_dask, (x, prediction, next_x, i, cotangent))):
            given = {"x": x, "prediction": prediction, "next_x": next_x, "i": i}
            options = {"axis": axis, "reduction": reduction, "state": state}
            given["cotangent"] = cotangent
            both: tuple[Any, Array]
            both = _lazy_densities.of(self, "log_prob_and_grad", given, options, axis)
            return both
        _transition.check_noisy(self, i)
        transition = self._transition(x, prediction, i, state)
        density = Density(self, transition, next_x, axis, reduction)
        gradient = self._gradient(transition, density, prediction, i, cotangent)
        return density.value(), gradient.astype(array_of(prediction).dtype, copy=False)

    def _transition(self, x: Any, prediction: Any, i: Any, state: State | None) -> Transition:
        """Return the distribution of the next sample."""
        return _transition.of_step(self, x, prediction, i, state)

    def _gradient(
        self, transition: Transition, density: Density, prediction: Any, i: Any, cotangent: Any
    ) -> Array:
        """Return the gradient of the log-probability by the prediction."""
        return transition.pulled_back(density.of_mean(cotangent))
