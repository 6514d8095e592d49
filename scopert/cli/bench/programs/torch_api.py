"""What the PyTorch programs have in common; imported where there is PyTorch."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from .registry import Data, Program


def parameters(torch: Any, params: Data) -> Data:
    """Trainable tensors of the arrays."""
    return {name: torch.from_numpy(array.copy()).requires_grad_() for name, array in params.items()}


def whole(torch: Any, function: Callable[..., Any], *arrays: Any) -> Program:
    """A function of arrays, without gradients; gives NumPy arrays."""
    held = [torch.from_numpy(array) for array in arrays]

    def step() -> Any:
        with torch.no_grad():
            return [value.numpy() for value in function(*held)]

    return Program(step)


def indices(torch: Any, array: Any) -> Any:
    """Labels as PyTorch takes them."""
    return torch.from_numpy(array).long()


def training(torch: Any, loss: Callable[..., Any], params: Data, *inputs: Any) -> Program:
    """A step of Adam; ``loss(weights, *inputs)``."""
    held = parameters(torch, params)
    optimizer = torch.optim.Adam(list(held.values()), lr=1e-3, eps=1e-7, fused=True)

    def step() -> Any:
        optimizer.zero_grad(set_to_none=True)
        value = loss(held, *[torch.from_numpy(array) for array in inputs])
        value.backward()
        optimizer.step()
        return [value.detach().numpy()]

    return Program(step)


def forward(torch: Any, function: Callable[..., Any], params: Data, *inputs: Any) -> Program:
    """``function(weights, *inputs)`` without gradients."""
    held = {name: torch.from_numpy(array.copy()) for name, array in params.items()}

    def step() -> Any:
        with torch.no_grad():
            return [value.numpy() for value in function(held, *[torch.from_numpy(array) for array in inputs])]

    return Program(step)
