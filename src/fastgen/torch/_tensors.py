"""Between tensors and arrays. Both sides share the memory; nothing is copied."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import torch

Array = np.ndarray[Any, np.dtype[Any]]

HALVES = (torch.float16, torch.bfloat16)
FLOATS = (torch.float32, torch.float64, *HALVES)
_TYPES: dict[Any, np.dtype[Any]] = {
    torch.float16: np.dtype(np.float16),
    torch.float32: np.dtype(np.float32),
    torch.float64: np.dtype(np.float64),
    torch.bool: np.dtype(np.bool_),
    torch.uint8: np.dtype(np.uint8),
    torch.uint16: np.dtype(np.uint16),
    torch.uint32: np.dtype(np.uint32),
    torch.uint64: np.dtype(np.uint64),
    torch.int8: np.dtype(np.int8),
    torch.int16: np.dtype(np.int16),
    torch.int32: np.dtype(np.int32),
    torch.int64: np.dtype(np.int64),
}
_TORCH = {dtype: kind for kind, dtype in _TYPES.items()}


def _refuses_zeros() -> bool:
    """Return whether PyTorch refuses an array on a zero without memory. Old versions do not."""
    try:
        torch._efficientzerotensor((1,), device="cpu").numpy()
    except RuntimeError:
        return True
    return False


def _on_memory(tensor: torch.Tensor) -> Array:
    if tensor._is_zerotensor():
        raise RuntimeError("a zero without memory")
    return tensor.numpy()


on_memory: Callable[[torch.Tensor], Array] = torch.Tensor.numpy if _refuses_zeros() else _on_memory
"""Returns an array on the memory of a tensor. Raises RuntimeError if the memory is no array."""


def bfloat16() -> np.dtype[Any]:
    """Return NumPy's bfloat16, which the package ml_dtypes has."""
    try:
        import ml_dtypes
    except ImportError:
        raise TypeError(
            "a tensor is bfloat16, which needs ml_dtypes: pip install 'fastgen-numerics[bf16]'"
        ) from None
    return np.dtype(ml_dtypes.bfloat16)


def numpy_type(name: str, dtype: torch.dtype) -> np.dtype[Any]:
    """Return NumPy's type for a tensor's, or raise for the argument `name`."""
    if dtype is torch.bfloat16:
        return bfloat16()
    found: np.dtype[Any] | None = _TYPES.get(dtype)
    if found is None:
        raise TypeError(f"{name} must be a tensor of real numbers, got {dtype}")
    return found


def torch_type(dtype: np.dtype[Any]) -> torch.dtype:
    """Return the type of a tensor for NumPy's type."""
    return _TORCH.get(dtype) or torch.bfloat16


def to_array(tensor: torch.Tensor) -> Array:
    """Return an array on the memory of a tensor on the CPU."""
    if tensor.requires_grad:
        tensor = tensor.detach()
    try:
        if tensor.dtype is torch.bfloat16:
            return on_memory(tensor.view(torch.uint16)).view(bfloat16())
        return on_memory(tensor)
    except RuntimeError:  # a negative view, or a zero without memory
        check("a tensor", tensor)
        if tensor._is_zerotensor():
            return np.zeros(tensor.shape, numpy_type("a tensor", tensor.dtype))
        return to_array(tensor.resolve_neg())


def to_tensor(array: Any) -> torch.Tensor:
    """Return a tensor on the memory of an array, or of a scalar."""
    if type(array) is not np.ndarray:
        array = np.asarray(array)
    if array.dtype.kind == "V":  # bfloat16
        return torch.from_numpy(array.view(np.uint16)).view(torch.bfloat16)
    if not array.flags.writeable:
        array = array.copy()
    return torch.from_numpy(array)


def check(name: str, tensor: torch.Tensor) -> None:
    """Raise if a tensor has no plain memory, or no type that arrays have."""
    if tensor.is_nested:
        raise TypeError(f"{name} must not be a nested tensor; give its to_padded_tensor(0.0)")
    if tensor.layout is not torch.strided:
        raise TypeError(
            f"{name} must be a dense tensor, got the layout {tensor.layout}; give its to_dense()"
        )
    if tensor.is_quantized:
        raise TypeError(f"{name} must not be quantized; give its dequantize()")
    numpy_type(name, tensor.dtype)


def check_writable(name: str, tensor: torch.Tensor) -> None:
    """Raise if a result can't be written to a tensor."""
    if torch._debug_has_internal_overlap(tensor) == 1:
        raise ValueError(f"{name} must not have elements that share memory; give its clone()")
    if tensor.is_neg():
        raise ValueError(f"{name} must not be a negative view; give its resolve_neg()")
