"""Cases of `fastgen.flow`."""
