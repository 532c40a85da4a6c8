"""A sampler from the configuration of a scheduler of diffusers."""

from __future__ import annotations

from typing import Any

from fastgen.diffusion.samplers._sampler import Sampler

__all__ = ["from_config"]


def from_config(config: Any, steps: int, **changes: Any) -> Sampler:
    r"""Make the sampler that a configuration of diffusers describes.

    Its run is that of ``from_config(config)``, ``set_timesteps(steps)`` and ``step`` in diffusers:
    the nodes, the timesteps, the scale of the start's noise, and the samples.

    Parameters
    ----------
    config : str, path, dict or object
        A file ``scheduler_config.json``; a folder that holds it, or holds it in ``scheduler/``; its
        dictionary; or an object with a `config`, such as a scheduler of diffusers. Its
        ``_class_name`` says which scheduler.
    steps : int
        What diffusers calls ``num_inference_steps``. Methods with two evaluations per step evaluate
        the model more often.
    **changes
        Options of the configuration, by their names in diffusers, in place of those in `config`;
        ``_class_name`` takes another scheduler.

        Also what ``set_timesteps`` takes: `mu`, or `image_seq_len`, the number of tokens that
        `calculate_shift` takes, where ``use_dynamic_shifting`` is on; `sigmas`, before the shift
        and without the last 0; and `timesteps`, those of ``SCMScheduler`` with the last 0.

        Also arguments of the sampler that no configuration has: `eta`, `clip_epsilon`, `churn`,
        `churn_min`, `churn_max`, `churn_noise`, and the `order` of `LMS` and `IPNDM`.

    Returns
    -------
    Sampler
        One of `fastgen.diffusion.samplers`, with ``parity="diffusers"`` if it has that option.

    Raises
    ------
    ValueError
        If fastgen has no sampler for the scheduler, if an option is unknown, has a value that
        fastgen has no form for, or contradicts another.
    TypeError
        If `config` is none of the above.
    FileNotFoundError
        If there is no such file.

    Notes
    -----
    Files hold options of other schedulers, which diffusers ignores. In `config` they are ignored
    here too; in `changes` they are an error. Options that no scheduler below has are an error.

    The schedulers, of diffusers 0.42, are ``CMStochasticIterativeScheduler``,
    ``CogVideoXDDIMScheduler``, ``DDIMInverseScheduler``, ``DDIMParallelScheduler``,
    ``DDIMScheduler``, ``DDPMParallelScheduler``, ``DDPMScheduler``, ``DEISMultistepScheduler``,
    ``DPMSolverMultistepInverseScheduler``, ``DPMSolverMultistepScheduler``,
    ``DPMSolverSDEScheduler``, ``DPMSolverSinglestepScheduler``, ``EDMEulerScheduler``,
    ``EulerAncestralDiscreteScheduler``, ``EulerDiscreteScheduler``,
    ``FlowMapEulerDiscreteScheduler``, ``FlowMatchEulerDiscreteScheduler``,
    ``FlowMatchHeunDiscreteScheduler``, ``FlowMatchLCMScheduler``, ``HeunDiscreteScheduler``,
    ``IPNDMScheduler``, ``KDPM2AncestralDiscreteScheduler``, ``KDPM2DiscreteScheduler``,
    ``LCMScheduler``, ``LMSDiscreteScheduler``, ``PNDMScheduler``, ``SASolverScheduler``,
    ``SCMScheduler``, ``TCDScheduler``, ``UnCLIPScheduler`` and ``UniPCMultistepScheduler``.

    For `SCM`, diffusers has default timesteps for 2 steps alone. Other numbers of steps are at even
    angles here. The first angle is pi / 2, where diffusers has 1.5708. The steps of UnCLIP are
    those of its pipelines, which tell each step the next timestep. A flow map takes the next
    timestep too, which is 0 at the end.

    Examples
    --------
    >>> from fastgen.diffusion.samplers import from_config
    >>> config = {"_class_name": "EulerDiscreteScheduler", "beta_schedule": "scaled_linear",
    ...           "beta_start": 0.00085, "beta_end": 0.012, "timestep_spacing": "leading"}
    >>> sampler = from_config(config, 4, use_karras_sigmas=True)
    >>> sampler
    <Euler of 4 steps on Schedule.scaled_linear(1000, beta_start=0.00085, beta_end=0.012)>
    >>> sampler.sigmas.round(2)
    array([4.1 , 1.12, 0.23, 0.03, 0.  ])
    """
    from fastgen.diffusion.samplers._config import making  # its tables would slow down every import

    return making.sampler_of(config, steps, changes)
