"""A fault that is seeded, and the tests that should notice it."""

from typing import NamedTuple


class Mutant(NamedTuple):
    """A fault: in this file, the only place that reads `old` reads `new`."""

    name: str
    file: str
    old: str
    new: str
    tests: tuple[str, ...]


MUTANTS: list[Mutant] = []


def mutants(file: str, *tests: str, faults: list[tuple[str, str, str]]) -> None:
    """Add the faults (name, old, new) of one file, and the tests that guard it."""
    MUTANTS.extend(Mutant(name, file, old, new, tests) for name, old, new in faults)


OPERATIONS, LAYOUTS, RUNTIME = (
    f"tests/core/test_{x}.py" for x in ("operations", "layouts", "runtime")
)
BITS = "bits_do_not or every_length or overlapping or view"
KL = f"({BITS}) and (kl_standard_normal or view or control)"
