"""The types in public signatures: arrays, axes, sources of noise, and the words of each option.

Types speak of NumPy arrays. A result without dimensions is a NumPy scalar, but most signatures call
it an array: the shapes of the inputs decide, and a scalar has the attributes and operators of an
array. Dask arrays give dask arrays, whatever the signature says.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Literal, Protocol, TypeAlias

import numpy as np


class SupportsArray(Protocol):
    """An array of any library, or a NumPy scalar."""

    def __array__(self) -> np.ndarray[Any, Any]:
        """Return it as a NumPy array."""
        ...


Array: TypeAlias = np.ndarray[Any, np.dtype[Any]]
# numpy.typing.ArrayLike takes strings and complex numbers too. No function here takes them. Lists
# end at a depth of four. Without an end, the type of lists would take strings, because each element
# of a string is a string.
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
else:  # numpy.random would take 10 ms of every import
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
