"""Which tensors are plain: fastgen reads their memory, and nothing else has to see the call."""

from __future__ import annotations

from typing import Any

import torch

TENSORS = (torch.Tensor, torch.nn.Parameter)
"""The types of plain tensors. A subclass may do something else."""
WIDE = (torch.float32, torch.float64)
DENSE = torch.strided
CPU = torch.device("cpu")

interpreter: Any = torch._C._functorch.peek_interpreter_stack
"""Returns the transform of `torch.func` that runs, or None."""
modes: Any = torch._C._len_torch_dispatch_stack
"""Returns the number of dispatch modes, such as that of fake tensors."""
