"""Check that tensors have the expected types and shapes, and that their sizes agree."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

from fillrank.arguments.showing import shown
from fillrank.errors import DataError

__all__ = ["check_indices", "fitting"]

_KINDS = {"float": "floating point", "int": "whole numbers", "bool": "truth values"}


def fitting(wanted: dict[str, str], **tensors: Any) -> None:
    """Refuse tensors of the wrong type or shape, and tensors whose sizes do not agree.

    Args:
        wanted: for each name a kind (``float``, ``int``, ``bool``) and a shape in letters, such as ``"float B d"``. A
            letter stands for the same size in all tensors. Alternatives are separated by ``|``.
        tensors: by name. None is accepted if the entry in ``wanted`` ends in ``?``.

    Raises:
        DataError: a tensor does not fit; the message names it, what is expected and what was given.

    Example:
        >>> import torch
        >>> fitting({"first": "float B d", "second": "float B d"}, first=torch.rand(3, 2), second=torch.rand(4, 2))
        Traceback (most recent call last):
        fillrank.errors.DataError: second must be a Tensor of floating point [B, d] with B=3, d=2, got float32 [4, 2]
    """
    sizes: dict[str, int] = {}
    device = None
    for name, tensor in tensors.items():
        line = wanted[name]
        if tensor is None and line.endswith("?"):
            continue
        kind, shapes = _parsed(line.removesuffix("?"))
        if not hasattr(tensor, "is_floating_point"):
            raise DataError(
                f"{name} must be a Tensor of {_KINDS[kind]}, got {shown(tensor)}; torch.as_tensor makes one"
            )
        device = tensor.device if device is None else device
        fits = next((shape for shape in shapes if _fits(tensor, shape, sizes)), None)
        if _kind_of(tensor) != kind or fits is None or tensor.device != device:
            known = ", ".join(f"{letter}={size}" for letter, size in sizes.items() if any(letter in s for s in shapes))
            came = f"{str(tensor.dtype).removeprefix('torch.')} {list(tensor.shape)}"
            where = f" on {tensor.device} beside others on {device}" if tensor.device != device else ""
            forms = " or ".join("[" + ", ".join(shape) + "]" for shape in shapes)
            given = f" with {known}" if known else ""
            raise DataError(f"{name} must be a Tensor of {_KINDS[kind]} {forms}{given}, got {came}{where}")
        sizes |= dict(zip(fits, tensor.shape, strict=True))


def check_indices(name: str, indices: Any, n: int) -> None:
    """Refuse indices that are not in 0 … n-1. On a GPU they are not checked, because reading them would stall it.

    Raises:
        DataError: the message names the smallest and the largest.
    """
    if indices.device.type == "cpu" and indices.numel():
        low, high = int(indices.min()), int(indices.max())
        if low < 0 or high >= n:
            raise DataError(f"{name} run from {low} to {high}, and there are {n}: 0 to {n - 1}")


@lru_cache(maxsize=256)
def _parsed(line: str) -> tuple[str, tuple[tuple[str, ...], ...]]:
    kind, _, rest = line.partition(" ")
    return kind, tuple(tuple(shape.split()) for shape in rest.split("|"))


def _fits(tensor: Any, shape: tuple[str, ...], sizes: dict[str, int]) -> bool:
    return len(shape) == tensor.dim() and all(
        sizes.get(letter, size) == size for letter, size in zip(shape, tensor.shape, strict=True)
    )


def _kind_of(tensor: Any) -> str:
    if tensor.is_floating_point():
        return "float"
    name = str(tensor.dtype)
    return "bool" if name == "torch.bool" else "int" if "int" in name else name
