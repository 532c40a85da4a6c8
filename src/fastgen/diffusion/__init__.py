"""Diffusion, score and flow matching: noise schedules."""

from fastgen.diffusion.schedule import Schedule

__all__ = ["Schedule"]
