"""The meaning of every function of fastgen, in plain NumPy.

Each module has the public functions of its namesake, as a reader of the papers would write them:
short, and as fast as NumPy lets them be. They keep the formulas that cancel, because that is what
people write; where that costs the right answer, the tests turn to mpmath.
"""

from fastgen.reference import diffusion, elementary, flow, gan, guidance, noise, vae

__all__ = ["diffusion", "elementary", "flow", "gan", "guidance", "noise", "vae"]
