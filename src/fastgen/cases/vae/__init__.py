"""Cases of `fastgen.vae`."""
