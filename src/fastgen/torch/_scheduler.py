"""A scheduler for the pipelines of diffusers."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch

from fastgen.diffusion.samplers._grid import FLOW
from fastgen.diffusion.samplers._sampler import Sampler
from fastgen.torch import _scheduler_step, _threads
from fastgen.torch._scheduler_output import Output
from fastgen.torch._scheduler_run import Run
from fastgen.torch._scheduler_source import Configured, Made
from fastgen.torch._tensors import FLOATS, HALVES, check

_DENSE = torch.strided


class Scheduler(Run):
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
            others: ``DPMSolverSDEScheduler``, ``FlowMapEulerDiscreteScheduler``, ``SCMScheduler``
            and ``UnCLIPScheduler``.
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
        if self._step_index is None:
            self._begin(timestep, "scale_model_input")
        i = self._index_of(timestep, "scale_model_input")
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
        if not (_simple(sample) and _simple(model_output) and sample.shape == model_output.shape):
            _check(model_output, sample, self.sampler.learned)
        self.sampler  # noqa: B018  raises before set_timesteps
        if (eta, use_clipped_model_output) != self._options:
            self._change(eta, use_clipped_model_output)
        if self._step_index is None:
            self._begin(timestep, "step")
        i = self._index_of(timestep, "step")
        sampler: Any = self._sampler
        state = self._state
        if i != self._step_index and sampler.memory:
            state = self._state = sampler.state()  # a new run
        noise = None
        if self._draws[i]:
            noise = self._noise(variance_noise, sample, model_output, generator)
        plain = sample.is_cpu and model_output.is_cpu
        if plain and torch.is_grad_enabled():
            plain = not (sample.requires_grad or model_output.requires_grad)
        if plain and not (state.history and type(state.history[0]) is torch.Tensor):
            if _threads.shared:
                _threads.follow()
            found = _scheduler_step.on_arrays(sampler, state, i, sample, model_output, noise)
        else:
            found = _scheduler_step.in_torch(sampler, state, i, sample, model_output, noise)
        self._step_index = i + 1
        return Output(found, sampler, self._habits.second, (i, sample, model_output))

    def _noise(self, given: Any, x: torch.Tensor, prediction: torch.Tensor, generator: Any) -> Any:
        """Return the noise of a step: the given one, or as diffusers draws it."""
        if given is not None:
            if generator is not None:
                raise ValueError("Scheduler.step: give either generator or variance_noise")
            if not isinstance(given, torch.Tensor) or given.shape != x.shape:
                what = tuple(given.shape) if hasattr(given, "shape") else type(given).__name__
                raise ValueError(
                    f"Scheduler.step: variance_noise must be a tensor of the shape "
                    f"{tuple(x.shape)} of sample, got {what}"
                )
            return given.to(x.device)
        kind = x.dtype if self.sampler.grid.form == FLOW else prediction.dtype
        if self._habits.in_full and kind in HALVES:
            kind = torch.float32
        return _scheduler_step.randn(x.shape, generator, prediction.device, kind)

    def add_noise(
        self, original_samples: torch.Tensor, noise: torch.Tensor, timesteps: Any
    ) -> torch.Tensor:
        """Return samples with as much noise as they have at timesteps.

        Parameters
        ----------
        original_samples, noise : Tensor
            Clean samples, ``(batch, ...)``, and standard normal noise.
        timesteps : Tensor
            One for each sample, or one for all. As in diffusers, schedulers of integer timesteps
            without sigmas (DDPM, DDIM, LCM, TCD) take any step of the training, and the others one
            of the run: after `set_begin_index`, the first step, and during the run, the next one.

        Returns
        -------
        Tensor
            The noisy samples, of the type of `original_samples`.

        Raises
        ------
        ValueError
            If shapes differ, or a timestep is not in the run or not in the schedule.
        """
        alpha, sigma = self._levels("add_noise", timesteps, original_samples)
        return _combined("add_noise", (alpha, original_samples), (sigma, noise))

    def scale_noise(
        self, sample: torch.Tensor, timestep: Any, noise: torch.Tensor | None = None
    ) -> torch.Tensor:
        """`add_noise`, as schedulers of flows in diffusers call it."""
        if noise is None:
            raise ValueError("Scheduler.scale_noise: noise must be given, got None")
        alpha, sigma = self._levels("scale_noise", timestep, sample)
        return _combined("scale_noise", (alpha, sample), (sigma, noise))

    def get_velocity(
        self, sample: torch.Tensor, noise: torch.Tensor, timesteps: Any
    ) -> torch.Tensor:
        """Return alpha * noise - sigma * sample, the target of models that predict v."""
        alpha, sigma = self._levels("get_velocity", timesteps, sample)
        return _combined("get_velocity", (-sigma, sample), (alpha, noise))

    @property
    def alphas_cumprod(self) -> torch.Tensor:
        """The squared alphas of the schedule, in float32."""
        return torch.tensor(self._schedule().alpha_bar, dtype=torch.float32)

    def _schedule(self) -> Any:
        """Return the schedule, also before the steps are laid."""
        return self._source.schedule if self._sampler is None else self._sampler.schedule

    def _levels(self, where: str, timesteps: Any, x: Any) -> tuple[torch.Tensor, torch.Tensor]:
        """Return alpha and sigma at timesteps, in the shape of one number per sample."""
        if not isinstance(x, torch.Tensor):
            raise TypeError(
                f"Scheduler.{where}: the samples must be a tensor, got {type(x).__name__}"
            )
        t = torch.as_tensor(timesteps).reshape(-1)
        if x.dim() and len(t) not in (1, len(x)):
            raise ValueError(
                f"Scheduler.{where}: timesteps must be one for all samples or {len(x)}, one for "
                f"each; got {len(t)}"
            )
        if self._habits.by_table:
            found = self._schedule().coefficients(t.cpu().numpy())
            pairs = [torch.as_tensor(column) for column in found]
        else:
            grid, first = self.sampler.grid, self._step_index
            first = self._begin_index if first is None else first
            if self._begin_index is None or first is None:
                nodes = [self._find(value, where) for value in t.tolist()]
            else:
                nodes = [first]
            levels = [[column[i] for i in nodes] for column in (grid.signal, grid.noise)]
            pairs = [torch.tensor(column, dtype=torch.float64) for column in levels]
        shape = (-1, *[1] * (x.dim() - 1))
        alpha, sigma = [column.reshape(shape).to(x.device) for column in pairs]
        return alpha, sigma


def _combined(where: str, first: Any, second: Any) -> torch.Tensor:
    """Return a sum of two tensors times numbers per sample, in float32 at least."""
    (a, x), (b, y) = first, second
    if not isinstance(y, torch.Tensor) or x.shape != y.shape:
        got = tuple(y.shape) if isinstance(y, torch.Tensor) else type(y).__name__
        raise ValueError(
            f"Scheduler.{where}: noise must be a tensor of the shape {tuple(x.shape)} of the "
            f"samples, got {got}"
        )
    kind = torch.float64 if x.dtype is torch.float64 else torch.float32
    return (a.to(kind) * x + b.to(kind) * y).to(x.dtype)


def _simple(x: Any) -> bool:
    """Whether this is a dense tensor of floats."""
    return type(x) is torch.Tensor and x.layout is _DENSE and x.dtype in FLOATS


def _check(model_output: Any, sample: Any, learned: bool) -> None:
    """Raise if these are no tensors, or of other shapes."""
    for name, x in (("model_output", model_output), ("sample", sample)):
        if not isinstance(x, torch.Tensor):
            raise TypeError(
                f"Scheduler.step: {name} must be a tensor, got {type(x).__name__}; samplers of "
                "fastgen.diffusion.samplers take arrays"
            )
        check(f"Scheduler.step: {name}", x)
    if sample.shape != model_output.shape and not learned:
        raise ValueError(
            f"Scheduler.step: model_output must have the shape {tuple(sample.shape)} of sample, "
            f"got {tuple(model_output.shape)}"
        )
