"""Cases of `fastgen.diffusion`."""
