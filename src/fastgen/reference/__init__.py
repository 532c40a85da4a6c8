"""The meaning of every function of fastgen, in plain NumPy.

Each module holds the public functions of the module of the same name in fastgen. They are short,
follow the papers, and are as fast as plain NumPy allows. Some formulas cancel, because people write
them so. Where cancellation makes them wrong, the tests compare with mpmath instead.
"""

from fastgen.reference import diffusion, elementary, ema, flow, gan, guidance, noise, vae

__all__ = ["diffusion", "elementary", "ema", "flow", "gan", "guidance", "noise", "vae"]
