"""Samplers: from a model's predictions to the next sample, in one pass over memory per step."""

from fastgen.diffusion.samplers.ddim import DDIM
from fastgen.diffusion.samplers.ddpm import DDPM
from fastgen.diffusion.samplers.dpmsolver_multistep import DPMSolverMultistep
from fastgen.diffusion.samplers.euler import Euler, EulerAncestral
from fastgen.diffusion.samplers.flow import FlowMatchEuler

__all__ = ["DDIM", "DDPM", "DPMSolverMultistep", "Euler", "EulerAncestral", "FlowMatchEuler"]
