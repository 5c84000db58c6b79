"""Tensors and arrays of the kinds and shapes that fit together, by a line in the words of the docstrings."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

from fillrank.arguments.showing import shown
from fillrank.errors import DataError

__all__ = ["check_places", "fitting"]

_KINDS = {"float": "floating point", "int": "whole numbers", "bool": "truth values"}


def fitting(wanted: dict[str, str], **tensors: Any) -> None:
    """Refuse tensors that are not of the kind and shape wanted, or do not fit one another.

    Args:
        wanted: for each name a kind (``float``, ``int``, ``bool``) and a shape in letters, such as ``"float B d"``; a
            letter stands for one size throughout. What is wanted of more than one shape has them apart by ``|``.
        tensors: by name; None is let through where what is wanted ends in ``?``.

    Raises:
        DataError: the message names the tensor, what is wanted and what came.

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


def check_places(name: str, places: Any, n: int) -> None:
    """Refuse indices that are not among 0 … n-1; on a GPU, where looking would make it wait, they are let through.

    Raises:
        DataError: the message names the smallest and the largest.
    """
    if places.device.type == "cpu" and places.numel():
        low, high = int(places.min()), int(places.max())
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
