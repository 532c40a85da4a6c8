"""The mutants of `.ci/mutants`, by the part of the sources that they change."""

from mutations import core, formulas, package
from mutations.mutant import MUTANTS, Mutant

__all__ = ["MUTANTS", "Mutant", "core", "formulas", "package"]
