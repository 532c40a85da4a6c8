"""The types in public signatures: arrays, axes, sources of noise, and the choices of each option.

Signatures name NumPy arrays. A result without dimensions is a NumPy scalar. Most signatures call it
an array, because the shapes of the inputs decide, and because a scalar has the attributes and
operators of an array. Dask arrays give dask arrays, although the signature says NumPy arrays.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Literal, Protocol, TypeAlias

import numpy as np


class SupportsArray(Protocol):
    """An array of any library, or a NumPy scalar."""

    def __array__(self) -> np.ndarray[Any, Any]:
        """Return a NumPy array of the same elements."""
        ...


Array: TypeAlias = np.ndarray[Any, np.dtype[Any]]
# numpy.typing.ArrayLike also allows strings and complex numbers. No function here takes them. Lists
# nest to a depth of four. A recursive type would allow strings, because each element of a string is
# a string.
_Number: TypeAlias = float | SupportsArray
_List: TypeAlias = Sequence[_Number | Sequence[_Number | Sequence[_Number | Sequence[_Number]]]]
ArrayLike: TypeAlias = _Number | _List
Axis: TypeAlias = int | tuple[int, ...] | None
OutPair: TypeAlias = tuple[Array | None, Array | None] | None

if TYPE_CHECKING:
    Rng: TypeAlias = (
        np.random.Generator
        | np.random.BitGenerator
        | np.random.SeedSequence
        | np.random.RandomState
        | int
        | Sequence[int]
        | None
    )
else:  # an import of numpy.random would take 10 ms
    Rng: TypeAlias = Any

FDivergence: TypeAlias = Literal[
    "kl",
    "reverse_kl",
    "jensen_shannon",
    "total_variation",
    "pearson",
    "neyman",
    "squared_hellinger",
    "jeffreys",
    "triangular",
]
AdversarialLoss: TypeAlias = Literal[
    "minimax",
    "non_saturating",
    "saturating",
    "hinge",
    "least_squares",
    "wasserstein",
    "relativistic",
]
Reduction: TypeAlias = Literal["mean", "sum", "none"]
Penalty: TypeAlias = Literal["wgan_gp", "dragan", "r1"]
ScaleMap: TypeAlias = Literal["exp", "sigmoid", "softplus", "tanh", "soft_clip"]
ParameterLayout: TypeAlias = Literal[
    "shift_then_scale", "scale_then_shift", "shift_scale_pairs", "scale_shift_pairs"
]
SplineConvention: TypeAlias = Literal["nflows", "zuko", "distrax", "tfp"]
EmbeddingLayout: TypeAlias = Literal["sin_cos", "cos_sin"]
Prediction: TypeAlias = Literal["epsilon", "x0", "v", "score", "flow"]
