"""Importance resampling: steps with a larger loss are drawn more often."""

from __future__ import annotations

from typing import Any

import numpy as np

from fastgen._arrays import array_of
from fastgen._typing import Array, ArrayLike, Rng
from fastgen.diffusion.times._draws import _index
from fastgen.diffusion.times.steps import weighted_steps

__all__ = ["LossSecondMoment"]


class LossSecondMoment:
    r"""Draws steps by the second moment of their last losses.

    .. math:: p_t = (1 - \lambda) \frac{\sqrt{E[L_t^2]}}{\sum_s \sqrt{E[L_s^2]}}
              + \frac{\lambda}{T}

    Until each step has `history` losses, all steps are equally probable. The state is in NumPy
    arrays: it pickles, and copies.

    Parameters
    ----------
    num_steps : int
        The number T of steps.
    history : int, default 10
        How many of the last losses of each step are kept.
    uniform_share : float, default 0.001
        The share :math:`\lambda` of uniform steps.

    Raises
    ------
    TypeError
        If `num_steps` or `history` is no integer.
    ValueError
        If one of them is not positive, or `uniform_share` lies outside [0, 1].

    References
    ----------
    .. [1] Nichol and Dhariwal, "Improved Denoising Diffusion Probabilistic Models", ICML 2021,
       section 3.3.

    Examples
    --------
    >>> from fastgen.diffusion import times
    >>> by_loss = times.LossSecondMoment(2, history=1, uniform_share=0.0)
    >>> by_loss.update([0, 1], [1.0, 3.0])
    >>> by_loss.probabilities
    array([0.25, 0.75])
    >>> t, weight = by_loss.sample(4, strata=4, key=0)
    >>> t, weight.round(3)
    (array([0, 1, 1, 1]), array([2.   , 0.667, 0.667, 0.667]))
    """

    def __init__(self, num_steps: int, *, history: int = 10, uniform_share: float = 0.001) -> None:
        """Begin without losses."""
        name = "LossSecondMoment"
        self.num_steps = _index(name, "num_steps", num_steps, 1, 2**31)
        self.history = _index(name, "history", history, 1, 2**31)
        if not 0 <= uniform_share <= 1:
            raise ValueError(f"{name}: uniform_share must lie in [0, 1], got {uniform_share!r}")
        self.uniform_share = float(uniform_share)
        self._losses = np.zeros((self.num_steps, self.history))
        self._counts = np.zeros(self.num_steps, np.int64)

    def __repr__(self) -> str:
        """Return the call that makes it, and how many steps have their losses."""
        known = int(np.sum(self._counts >= self.history))
        return (
            f"LossSecondMoment({self.num_steps}, history={self.history}, "
            f"uniform_share={self.uniform_share}): {known} steps of {self.num_steps} have "
            f"{self.history} losses"
        )

    @property
    def probabilities(self) -> Array:
        """The probability of each step, of shape (T,)."""
        largest = self._losses.max(axis=1)
        top = largest.max()
        if not np.all(self._counts >= self.history) or top == 0:
            return np.full(self.num_steps, 1 / self.num_steps)
        roots = np.sqrt(np.mean(np.square(self._losses / top), axis=1))
        share = self.uniform_share
        found: Array = (1 - share) * (roots / roots.sum()) + share / self.num_steps
        return found

    def sample(
        self,
        shape: int | tuple[int, ...],
        *,
        strata: int | None = None,
        key: int | None = None,
        rng: Rng = None,
        counter: int = 0,
    ) -> tuple[Array, Array]:
        """Return steps, and the weights of their losses: see `weighted_steps`."""
        options: dict[str, Any] = {"strata": strata, "key": key, "rng": rng, "counter": counter}
        return weighted_steps(shape, self.probabilities, **options)

    def update(self, t: ArrayLike, losses: ArrayLike) -> None:
        """Add losses, without their weights. The oldest of the same step go.

        With data-parallel training, give every worker the steps and losses of all of them.

        Parameters
        ----------
        t : array_like of int
            Steps.
        losses : array_like
            The loss of each, of the same shape.

        Raises
        ------
        TypeError
            If `t` is not integer.
        ValueError
            If shapes differ, a step lies outside of the schedule, or a loss is not finite. Nothing
            is added then.
        """
        name = "LossSecondMoment.update"
        steps = array_of(t, None, f"{name}: t")
        found = array_of(losses, np.float64, f"{name}: losses")
        if steps.dtype.kind not in "iu" and steps.size:
            raise TypeError(f"{name}: t must hold integers, got {steps.dtype}")
        if steps.shape != found.shape:
            raise ValueError(
                f"{name}: t and losses must have one shape, got {steps.shape} and {found.shape}"
            )
        if steps.size and not (steps.min() >= 0 and steps.max() < self.num_steps):
            raise ValueError(f"{name}: t must lie between 0 and {self.num_steps - 1}, got {steps}")
        if not np.all(np.isfinite(found)):
            raise ValueError(f"{name}: losses must be finite, got {found}")
        for step, loss in zip(steps.ravel().tolist(), np.abs(found).ravel().tolist(), strict=True):
            self._losses[step, self._counts[step] % self.history] = loss
            self._counts[step] += 1
