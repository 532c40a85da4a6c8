"""Samplers: each step turns predictions into the next sample, in one pass over memory."""

from fastgen.diffusion.samplers._config import from_config
from fastgen.diffusion.samplers._shift import calculate_shift
from fastgen.diffusion.samplers.adaptive import sample_adaptive
from fastgen.diffusion.samplers.consistency import LCM, TCD, ConsistencyModel
from fastgen.diffusion.samplers.ddim import DDIM
from fastgen.diffusion.samplers.ddpm import DDPM
from fastgen.diffusion.samplers.deis import DEIS
from fastgen.diffusion.samplers.dpm2_ancestral import DPM2Ancestral
from fastgen.diffusion.samplers.dpmsolver_multistep import DPMSolverMultistep
from fastgen.diffusion.samplers.dpmsolver_sde import DPMSolver2SAncestral, DPMSolverSDE
from fastgen.diffusion.samplers.dpmsolver_singlestep import DPMSolverSinglestep
from fastgen.diffusion.samplers.edm import EDMEuler
from fastgen.diffusion.samplers.ersde import ERSDE
from fastgen.diffusion.samplers.euler import Euler, EulerAncestral
from fastgen.diffusion.samplers.flow import FlowMatchEuler, FlowMatchHeun
from fastgen.diffusion.samplers.heun import DPM2, Heun
from fastgen.diffusion.samplers.ipndm import IPNDM
from fastgen.diffusion.samplers.linear_multistep import LMS, PNDM
from fastgen.diffusion.samplers.loop import sample
from fastgen.diffusion.samplers.sasolver import SASolver
from fastgen.diffusion.samplers.scm import SCM
from fastgen.diffusion.samplers.unipc import UniPC

__all__ = [
    "DDIM",
    "DDPM",
    "DEIS",
    "DPM2",
    "ERSDE",
    "IPNDM",
    "LCM",
    "LMS",
    "PNDM",
    "SCM",
    "TCD",
    "ConsistencyModel",
    "DPM2Ancestral",
    "DPMSolver2SAncestral",
    "DPMSolverMultistep",
    "DPMSolverSDE",
    "DPMSolverSinglestep",
    "EDMEuler",
    "Euler",
    "EulerAncestral",
    "FlowMatchEuler",
    "FlowMatchHeun",
    "Heun",
    "SASolver",
    "UniPC",
    "calculate_shift",
    "from_config",
    "sample",
    "sample_adaptive",
]
