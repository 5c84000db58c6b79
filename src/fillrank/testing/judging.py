"""The common part of the contract tests: errors that name the broken rule, and checks of global state."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, NoReturn, TypeVar

import numpy as np
import torch
from torch import Tensor

from fillrank.errors import ContractError
from fillrank.factors.serialization import scorer_from_parts

__all__ = ["Judge", "threads"]

Found = TypeVar("Found")


class Judge:
    """Checks one part.

    Args:
        what: the part, for messages: ``"the sampler 'uniform'"``.
    """

    def __init__(self, what: str) -> None:
        self.what = what

    def fail(self, where: str, what: str) -> NoReturn:
        """Raise the error that names the part, the place and what is wrong."""
        raise ContractError(f"{self.what} {where.removesuffix(',')}: {what}")

    def that(self, holds: bool, where: str, what: str) -> None:
        """Fail unless the condition is true."""
        if not holds:
            self.fail(where, what)

    def finite(self, where: str, *tensors: Tensor) -> None:
        """Fail if a number is NaN or infinite."""
        for tensor in tensors:
            if not bool(tensor.isfinite().all()):
                self.fail(where, f"is not finite: {tensor.detach().flatten()[:8].tolist()}")

    def close(self, where: str, got: Tensor, wanted: Tensor, *, rtol: float = 1e-4, atol: float = 1e-5) -> None:
        """Fail if two tensors differ by more than rounding errors."""
        self.that(got.shape == wanted.shape, where, f"has the shape {list(got.shape)}, not {list(wanted.shape)}")
        got, wanted = got.detach().double(), wanted.detach().double()
        if not torch.allclose(got, wanted, rtol=rtol, atol=atol):
            self.fail(where, f"differs by up to {float((got - wanted).abs().max()):.3g}")

    def equal(self, where: str, one: Mapping[str, Tensor], other: Mapping[str, Tensor]) -> None:
        """Fail if two results do not have the same bits."""
        for name, tensor in one.items():
            if name not in other or tensor.shape != other[name].shape or not torch.equal(tensor, other[name]):
                self.fail(where, f"does not give the same {name}, bit by bit")

    def repeats(self, make: Callable[[], Mapping[str, Tensor]]) -> None:
        """Fail where a call with the same seed gives other bits, alone or with another number of threads, or where it
        draws from a generator that belongs to everybody.
        """
        with self.apart():
            first = make()
        self.equal("twice with the same seed", first, make())
        with threads(1):
            alone = make()
        with threads(2):
            self.equal("with 2 threads in place of 1", alone, make())

    @contextmanager
    def apart(self) -> Iterator[None]:
        """Inside the block, fail if the global random generators of PyTorch, NumPy or Python are used."""
        before = _everybodys()
        yield
        if before != _everybodys():
            self.fail(
                "when it draws",
                "uses a generator that belongs to everybody (torch.rand without generator=, numpy.random, random): "
                "take all from the one that is handed in",
            )

    def saves(self, where: str, scorer: Any, score: Callable[[Any], Tensor]) -> None:
        """Fail if a scorer gives other scores after it was saved and loaded."""
        tensors = {name: tensor.clone() for name, tensor in scorer.tensors().items()}
        again = scorer_from_parts(tensors, scorer.settings())
        self.equal(f"{where}, saved and loaded", {"scores": score(scorer)}, {"scores": score(again)})


@contextmanager
def threads(n: int) -> Iterator[None]:
    """Set the number of PyTorch's threads inside the block."""
    before = torch.get_num_threads()
    torch.set_num_threads(n)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def _everybodys() -> tuple[Any, ...]:
    kind, keys, *rest = np.random.get_state(legacy=True)  # noqa: NPY002 -- it is looked at, and not used
    return torch.get_rng_state().numpy().tobytes(), kind, np.asarray(keys).tobytes(), tuple(rest), random.getstate()
