"""The loop from noise to data."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Iterable
from typing import Any

import numpy as np

from fastgen.diffusion.samplers import _brownian
from fastgen.diffusion.samplers._per_sample import element_of
from fastgen.diffusion.samplers._sampler import Sampler
from fastgen.noise import normal

__all__ = ["sample"]

Array = np.ndarray[Any, np.dtype[Any]]
INITIAL_NOISE = 2**127  # the counter of the initial noise of a run, in the stream of a key


def sample(
    model: Callable[[Array, Any], Any],
    sampler: Sampler,
    shape: tuple[int, ...],
    *,
    key: int,
    guidance: float | dict[str, Any] | None = None,
    callback: Callable[[int, Array], Any] | None = None,
    progress: bool = True,
    dtype: Any = np.float32,
    first: int = 0,
    noise: str | None = None,
) -> Array:
    r"""Draw samples: from noise, step by step, to data.

    .. math:: x_0 = s z, \quad x_{i+1} = \mathrm{step}(x_i, \mathrm{model}(x_i, t_i), i)

    Parameters
    ----------
    model : function
        ``model(x, t)`` gives the prediction for samples ``x`` at the timestep ``t``, a float. With
        `guidance` it gives two: without and with the condition.
    sampler : Sampler
        The sampler.
    shape : tuple of int
        ``(batch, ...)``.
    key : int
        The key of the noise, as in `fastgen.noise.normal`. Sample b of a key is the same in every
        batch.
    guidance : float or dict, optional
        The scale of classifier-free guidance, or the keywords of `Sampler.guided_step`.
    callback : function, optional
        ``callback(i, x)`` is called after every step; if it returns True, that was the last.
    progress : bool, default True
        Show a bar on standard error, where tqdm is installed.
    dtype : data-type, default float32
        The type of the samples.
    first : int, default 0
        The number of the batch's first sample: ``first=k`` draws what follows a batch of k.
    noise : {None, "brownian"}, default None
        With "brownian", the noise of each element is a function of time, as in `Sampler.step`. So
        runs with the same key and different steps give similar samples.

    Returns
    -------
    ndarray
        The samples.

    Raises
    ------
    TypeError
        If `sampler` is no sampler.
    ValueError
        If the shape is empty, or the model's prediction has another one; or noise is "brownian",
        and the sampler draws all noise anew in each step.

    Notes
    -----
    The noise of sample b, step i and element e depends on the key and these three alone. So the
    first k samples of a batch of n are, to the bit, those of a batch of k, if the model treats its
    samples one by one.

    It has no derivative: a run calls the user's model; differentiate its steps, such as
    `solver_step`.

    Examples
    --------
    >>> import numpy as np, fastgen
    >>> from fastgen.diffusion import Schedule
    >>> from fastgen.diffusion.samplers import DPMSolverMultistep, sample
    >>> schedule = Schedule.linear()
    >>> def model(x, t):  # exact where the data are normal with mean 3 and deviation 2
    ...     alpha, sigma = schedule.coefficients(t)
    ...     return sigma * (x - 3 * alpha) / (4 * alpha**2 + sigma**2)
    >>> sampler = DPMSolverMultistep(schedule, 50, spacing="trailing")
    >>> x = sample(model, sampler, (4000, 2), key=0, progress=False)
    >>> round(float(x.mean()), 1), round(float(x.std()), 1)
    (3.0, 2.0)
    """
    if not isinstance(sampler, Sampler):
        raise TypeError(f"sample: sampler must be one of fastgen's, got {type(sampler).__name__}")
    if noise is not None:
        _brownian.check_run(sampler, noise, key)
    x = start_noise("sample", shape, key, dtype, first)
    x = np.multiply(x, sampler.init_noise_scale, dtype=x.dtype)
    state = sampler.state()
    guided: dict[str, Any] = guidance if isinstance(guidance, dict) else {"scale": guidance}
    for i in _bar(range(len(sampler)), progress):
        prediction = model(sampler.scale_input(x, i), float(sampler.timesteps[i]))
        given: dict[str, Any] = {"state": state, "key": key, "first": first, "noise": noise}
        if guidance is None:
            x = sampler.step(x, prediction, i, **given)
        else:
            uncond, cond = prediction
            x = sampler.guided_step(x, uncond, cond, i, **guided, **given)
        if callback is not None and callback(i, x) is True:
            break
    return x


def start_noise(function: str, shape: Any, key: int, dtype: Any, first: int) -> Array:
    """Return the standard normal noise of the start of a run."""
    shape = tuple(shape)
    if not shape:
        raise ValueError(f"{function}: shape must be (batch, ...), got ()")
    start = INITIAL_NOISE + element_of(function, first, shape)
    x: Array = normal(shape, key=key, counter=start, dtype=dtype)
    return x


def _bar(steps: Iterable[int], progress: bool) -> Iterable[int]:
    """Return the steps, with a progress bar if tqdm is installed."""
    if not progress:
        return steps
    try:
        tqdm: Callable[[Iterable[int]], Iterable[int]] = importlib.import_module("tqdm").tqdm
    except ImportError:
        return steps
    return tqdm(steps)
