"""Cases of `fastgen.guidance`."""
