"""Codes that the caller gives, with the gradient of the identity."""

from __future__ import annotations

from typing import Any

from fastgen._abstract import as_array
from fastgen._compose import DESCRIBE, Composition, composed, computed
from fastgen._typing import Array, ArrayLike
from fastgen.vae._passed import Passed

__all__ = ["straight_through"]


class _Given(Passed):
    """Codes that the caller gives."""

    name = "vae.straight_through"

    def __init__(self, inputs: tuple[Any, ...]) -> None:
        super().__init__(inputs)
        shapes = [as_array(x).shape for x in inputs]
        if shapes[0] != shapes[1]:
            raise ValueError(
                f"straight_through: x and codes must have one shape, got {shapes[0]} and "
                f"{shapes[1]}"
            )

    def on(self, arrays: tuple[Any, ...]) -> Composition:
        """Return the same of other arrays."""
        return _Given(arrays)

    def codes(self) -> Any:
        """Return the second input."""
        return self.inputs[1]


@composed(inputs=2)
def straight_through(x: ArrayLike, codes: ArrayLike) -> Array:
    r"""Codes whose gradient passes to the vectors as it is: the straight-through estimator.

    .. math:: x + \mathrm{sg}(c - x)

    where :math:`\mathrm{sg}` stops the gradient.

    Parameters
    ----------
    x : array_like
        What was quantised: the output of an encoder.
    codes : array_like
        Its codes, of the same shape, such as ``codebook[nearest_code(x, codebook)]``.

    Returns
    -------
    ndarray or scalar
        The values of `codes`, in the float type of both inputs.

    Raises
    ------
    ValueError
        If the shapes differ.
    {type_error}

    Notes
    -----
    The values are those of `codes`, to the bit: nothing is added and subtracted. The derivative by
    `x` is the identity, that by `codes` is 0. The codebook learns from `quantization_loss`, or from
    averages (`code_sums`).

    References
    ----------
    .. [1] Bengio, Leonard, Courville, "Estimating or Propagating Gradients Through Stochastic
       Neurons for Conditional Computation", 2013.
    .. [2] van den Oord, Vinyals, Kavukcuoglu, "Neural Discrete Representation Learning", NeurIPS
       2017, section 3.2.

    Examples
    --------
    >>> import numpy as np, fastgen
    >>> x, codes = np.array([0.3, 0.8]), np.array([0.0, 1.0])
    >>> fastgen.value_and_grad(fastgen.vae.straight_through)(x, codes, cotangent=2.0)
    (array([0., 1.]), (array([2., 2.]), array([0., 0.])))
    """
    return computed(_Given((x, codes)), DESCRIBE)
