"""A scheduler for the pipelines of diffusers."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch

from fastgen.diffusion.samplers._grid import FLOW
from fastgen.diffusion.samplers._sampler import Sampler
from fastgen.torch._scheduler_drawing import given_noise, randn
from fastgen.torch._scheduler_noising import Noising
from fastgen.torch._scheduler_output import Output
from fastgen.torch._scheduler_source import Configured, Made
from fastgen.torch._scheduler_step import check_both, next_sample
from fastgen.torch._tensors import HALVES


class Scheduler(Noising):
    r"""A sampler of fastgen in the place of a scheduler of diffusers.

    Pipelines call it as they call their own. A step takes one pass over memory. With the same seed,
    the images are those of diffusers up to rounding.

    Parameters
    ----------
    sampler : Sampler or callable
        One of `fastgen.diffusion.samplers`, or a function of the number of steps that returns one,
        such as ``lambda steps: samplers.Euler(schedule, steps)``. `from_diffusers` makes the
        scheduler from one of diffusers.

    Attributes
    ----------
    config : dict
        The configuration, whose options are attributes too. Without one of diffusers, it has the
        length of the schedule and the prediction, if a sampler is given.
    order : int
        The number of evaluations of the model in a step: 1, or 2 for Heun's and similar methods.
    num_inference_steps : int or None
        What `set_timesteps` was given, or None before.
    timesteps : Tensor
        The model's time input at each evaluation. As in diffusers, these are integers for methods
        on the steps of a schedule, and float32 for methods on sigmas.
    sigmas : Tensor
        The sigmas of the nodes, in float32, with that of the end.
    init_noise_sigma : float
        The factor of the noise that a run starts with.
    sampler : Sampler
        The sampler of the run.
    step_index, begin_index : int or None
        The number of the next step, and that of the first one.

    Raises
    ------
    TypeError
        If `sampler` is neither a sampler nor a function.

    Notes
    -----
    Tensors on the CPU take fastgen's rows. Tensors on other devices, and those that require a
    gradient, take the same formula in PyTorch's operations; a threshold and learned variances need
    the CPU and no gradients.

    Pipelines save the schedulers of diffusers only. Put one back before ``save_pretrained``:
    ``pipe.scheduler = type_of_scheduler.from_config(pipe.scheduler.config)``. `DDIMPipeline` does
    so when it is made, so assign ``pipe.scheduler`` afterwards.

    Examples
    --------
    >>> import torch
    >>> from fastgen.torch import Scheduler
    >>> scheduler = Scheduler.from_diffusers({"_class_name": "DDIMScheduler"})
    >>> scheduler.set_timesteps(4)
    >>> scheduler.timesteps
    tensor([750, 500, 250,   0])
    >>> x = torch.randn(2, 3, 8, 8) * scheduler.init_noise_sigma
    >>> for t in scheduler.timesteps:
    ...     x = scheduler.step(0.1 * x, t, x).prev_sample
    """

    def __init__(self, sampler: Sampler | Callable[[int], Sampler]) -> None:
        self._take(Made(sampler))

    @classmethod
    def from_diffusers(cls, scheduler: Any, **changes: Any) -> Scheduler:
        """Make the scheduler that does what one of diffusers does.

        Parameters
        ----------
        scheduler : object, dict, str or path
            A scheduler of diffusers, such as ``pipe.scheduler``, or its configuration, as
            `fastgen.diffusion.samplers.from_config` takes it.
        **changes
            As in `from_config`: other values of options, such as ``use_karras_sigmas=True``, and
            arguments of the sampler, such as `churn`.

        Returns
        -------
        Scheduler
            Its `config` is that of `scheduler`, with the changes.

        Raises
        ------
        ValueError
            As in `from_config`, and for classes whose steps or noise pipelines don't ask for as for
            others: ``DPMSolverSDEScheduler``, ``FlowMapEulerDiscreteScheduler`` and
            ``SCMScheduler``.
        TypeError
            If `scheduler` has no configuration.
        """
        made = cls.__new__(cls)
        made._take(Configured(scheduler, changes))
        return made

    def scale_model_input(self, sample: torch.Tensor, timestep: Any = None) -> torch.Tensor:
        """Return the input of the model at a timestep.

        Parameters
        ----------
        sample : Tensor
            The sample.
        timestep : int, float or Tensor
            The timestep. It is only needed for samplers that rescale.

        Returns
        -------
        Tensor
            The sample, rescaled to the variance that the model was trained with.
        """
        scales = self.sampler._scales
        if timestep is None:
            if any(scale != 1 for scale in scales):
                raise ValueError("Scheduler.scale_model_input: timestep must be given, got None")
            return sample
        i = self._index_of(timestep, "scale_model_input")
        if self._step_index is None:
            self._step_index = i
        return sample if scales[i] == 1 else sample * scales[i]

    def step(
        self,
        model_output: torch.Tensor,
        timestep: Any,
        sample: torch.Tensor,
        eta: float | None = None,
        generator: Any = None,
        return_dict: bool = True,
        *,
        variance_noise: torch.Tensor | None = None,
        use_clipped_model_output: bool | None = None,
        prev_timestep: Any = None,
    ) -> Output:
        """Go one step towards data.

        Parameters
        ----------
        model_output : Tensor
            The model's output for ``scale_model_input(sample, timestep)``, of the shape of
            `sample`, or with variances behind if the model predicts them.
        timestep : int, float or Tensor
            The timestep, one of `timesteps`. Methods that remember steps take them in order.
        sample : Tensor
            The sample.
        eta : float, optional
            How much noise DDIM and TCD add. Others add what they were made with; 0, which pipelines
            give to all, is no error.
        generator : torch.Generator or list of them, optional
            The source of noise: one, or one for each sample.
        return_dict : bool, default True
            Without effect: the result has names, and it has indices and unpacks as a tuple does.
        variance_noise : Tensor, optional
            The noise, in place of noise from `generator`.
        use_clipped_model_output : bool, optional
            Whether DDIM takes the noise of the clipped x0.
        prev_timestep : int or Tensor, optional
            The timestep after this one, or None after the last. A scheduler of UnCLIP needs it, as
            in diffusers. It must be the one of the run.

        Returns
        -------
        Output
            With `prev_sample`, and `pred_original_sample`, the x0 that `sample` and `model_output`
            say, within the limits of the sampler. It is computed when it is read. Of a scheduler of
            LCM the second result is `denoised`, and of TCD `pred_noised_sample`. It is left out of
            ``tuple(output)`` where diffusers has none.

        Raises
        ------
        TypeError
            If an argument is no tensor of the right kind.
        ValueError
            If shapes differ, `timestep` is not in the run or not the next one, or an option is not
            one of the sampler.
        """
        if (eta, use_clipped_model_output) != self._options:
            self._change(eta, use_clipped_model_output)
        i = self._index_of(timestep, "step")
        if prev_timestep is not None or self._habits.told_next:
            self._check_next(i, prev_timestep)
        sampler: Any = self._sampler
        if i != self._step_index and sampler.memory:
            self._state = sampler.state()  # a new run
        noise = None
        if self._draws[i]:
            noise = self._noise(variance_noise, sample, model_output, generator)
        found = next_sample(sampler, self._state, i, sample, model_output, noise)
        self._step_index = i + 1
        return Output(found, self._habits.second, sampler, i, sample, model_output)

    def _noise(self, given: Any, x: torch.Tensor, prediction: torch.Tensor, generator: Any) -> Any:
        """Return the noise of a step: the given one, or as diffusers draws it."""
        if not (type(x) is type(prediction) is torch.Tensor and x.shape == prediction.shape):
            check_both(prediction, x, self.sampler.learned)
        if given is not None:
            return given_noise(given, x, generator)
        kind = x.dtype if self.sampler.grid.form == FLOW else prediction.dtype
        if self._habits.in_full and kind in HALVES:
            kind = torch.float32
        return randn(x.shape, generator, prediction.device, kind)
