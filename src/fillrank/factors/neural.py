"""``NeuralScorer``: scores by a small neural network over each pair of a user and an item.

Shapes: ``B`` users, ``N`` items, ``d`` dimensions of the product, ``h`` width of the first hidden layer.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any, NamedTuple, NoReturn, Self

import torch
from torch import Tensor
from torch.nn.functional import linear
from torch.utils.checkpoint import checkpoint

from fillrank.arguments import shown
from fillrank.data.interactions import Interactions
from fillrank.errors import DataError
from fillrank.factors.checks import check_floats
from fillrank.factors.growth import Growth

__all__ = ["MLP", "Dropout", "NeuralScorer", "PairInputs", "block_scores", "pair_scores"]

_PAIRS = 1 << 15
"""Number of pairs whose hidden layers are in memory at a time: 4 MiB for 32 numbers each. 2¹² to 2¹⁸ were measured."""


class PairInputs(NamedTuple):
    """The inputs of the network from the users, or from the items.

    Attributes:
        product: ``[n, d]``: one factor of the element-wise product; that of the users contains the output weights.
        hidden: ``[n, h]``: this side's part of the first hidden layer. A layer over ``[p; q]`` is ``W_p p + W_q q``, so
            each part is computed once for each user and each item, and not for each pair.
    """

    product: Tensor
    hidden: Tensor

    def at(self, indices: Tensor) -> PairInputs:
        """The rows at ``indices``, int64 of any shape."""
        return PairInputs(self.product[indices], self.hidden[indices])

    def split(self, n: int) -> list[PairInputs]:
        """Parts of at most ``n`` rows."""
        return [
            PairInputs(*part) for part in zip(torch.split(self.product, n), torch.split(self.hidden, n), strict=True)
        ]


@dataclass(frozen=True)
class Dropout:
    """Dropout that can be repeated: the same seed sets the same entries to zero."""

    rate: float
    seed: int

    def begin(self, device: torch.device) -> Callable[[Tensor], Tensor]:
        """Return a function that applies dropout to one layer after the other."""
        generator = torch.Generator(device).manual_seed(self.seed)

        def thin(layer: Tensor) -> Tensor:
            kept = torch.rand(layer.shape, generator=generator, device=device) >= self.rate
            return layer * kept / (1 - self.rate)

        return thin


class MLP(NamedTuple):
    """The network after the first hidden layer: ``offset + <output, ReLU(… ReLU(hidden) …)>``.

    Attributes:
        layers: the further hidden layers, each ``(weight [out, in], bias [out])``.
        output: ``[width of the last layer]``.
        offset: a scalar.
    """

    layers: tuple[tuple[Tensor, Tensor], ...]
    output: Tensor
    offset: Tensor

    def __call__(self, hidden: Tensor, dropout: Dropout | None = None) -> Tensor:
        """Apply the network: ``[…, h]`` (before ReLU) → ``[…]``. Dropout is applied to the output of each layer."""
        thin = (lambda layer: layer) if dropout is None else dropout.begin(hidden.device)
        active = thin(hidden.relu())
        for weight, bias in self.layers:
            active = thin(linear(active, weight, bias).relu())
        return active @ self.output + self.offset


def pair_scores(users: PairInputs, items: PairInputs, mlp: MLP, dropout: Dropout | None = None) -> Tensor:
    """Scores of single pairs: sides of ``B`` rows each → ``[B]``."""
    return (users.product * items.product).sum(-1) + mlp(users.hidden + items.hidden, dropout)


def block_scores(
    users: PairInputs, items: PairInputs, mlp: MLP, *, indices: Tensor | None = None, dropout: Dropout | None = None
) -> Tensor:
    """Scores of each user with each of ``N`` items: ``[B, N]``.

    The hidden layers of the whole block would need ``B · N · h`` numbers. So they are computed for a few users at a
    time, and, for gradients, computed again in the backward pass.

    Args:
        users: ``B`` rows.
        items: ``N`` rows that all users share; or any number of rows, of which each user has their own ``indices``.
        mlp: see :class:`MLP`.
        indices: int64 ``[B, N]``, rows of ``items``; None if the users share them.
        dropout: each part of the block gets a seed of its own, counted up from this one's.
    """
    n_items = len(items.hidden) if indices is None else indices.shape[1]
    step = max(1, _PAIRS // max(n_items, 1))
    spans = users.split(step)
    nears: Sequence[Tensor | None] = [None] * len(spans) if indices is None else torch.split(indices, step)
    parts = []
    for number, (span, near) in enumerate(zip(spans, nears, strict=True)):
        thin = None if dropout is None else replace(dropout, seed=dropout.seed + number)
        if torch.is_grad_enabled() and len(spans) > 1:
            parts.append(checkpoint(_part, span, items, mlp, near, thin, use_reentrant=False))
        else:
            parts.append(_part(span, items, mlp, near, thin))
    return torch.cat(parts)


def _part(users: PairInputs, items: PairInputs, mlp: MLP, indices: Tensor | None, dropout: Dropout | None) -> Tensor:
    if indices is None:
        products, hidden = users.product @ items.product.T, users.hidden[:, None] + items.hidden
    else:
        near = items.at(indices)
        products, hidden = torch.einsum("bd,bnd->bn", users.product, near.product), users.hidden[:, None] + near.hidden
    return products + mlp(hidden, dropout)


@dataclass(frozen=True, eq=False)
class NeuralScorer:
    """A :class:`~fillrank.factors.Scorer` that applies a small network to each pair: the result of NeuMF.

    Attributes:
        users: ``n_users`` rows.
        items: ``n_items`` rows.
        mlp: from the first hidden layer on.

    Raises:
        DataError: the shapes do not fit together.
        TrainingError: a number is NaN or infinite.

    Example:
        >>> users = PairInputs(torch.tensor([[2.0]]), torch.zeros(1, 1))
        >>> items = PairInputs(torch.tensor([[1.0], [0.0]]), torch.tensor([[0.0], [1.0]]))
        >>> scorer = NeuralScorer(users, items, MLP((), torch.tensor([3.0]), torch.tensor(0.5)))
        >>> scorer.score(torch.tensor([0]))  # 2·1 + 3·ReLU(0) + .5, 2·0 + 3·ReLU(1) + .5
        tensor([[2.5000, 3.5000]])
    """

    users: PairInputs
    items: PairInputs
    mlp: MLP

    def __post_init__(self) -> None:
        if any(part.dim() != 2 for side in (self.users, self.items) for part in side):
            raise DataError(f"both parts of a side must be matrices, got {_shapes(self.users, self.items)}")
        widths = [self.users.product.shape[1:], self.users.hidden.shape[1:]]
        if widths != [self.items.product.shape[1:], self.items.hidden.shape[1:]]:
            raise DataError(f"users and items must have the same widths, got {_shapes(self.users, self.items)}")
        for side in (self.users, self.items):
            if len(side.product) != len(side.hidden):
                raise DataError(f"both parts of a side must have the same rows, got {_shapes(side)}")
        width = self.users.hidden.shape[1]
        for weight, bias in self.mlp.layers:
            if bias.dim() != 1 or weight.shape != (len(bias), width):
                raise DataError(f"a layer over {width} numbers cannot be {list(weight.shape)} and {list(bias.shape)}")
            width = len(bias)
        if self.mlp.output.shape != (width,):
            raise DataError(f"output must have shape [{width}], got {list(self.mlp.output.shape)}")
        if self.mlp.offset.dim():
            raise DataError(f"offset must be a single number, got shape {list(self.mlp.offset.shape)}")
        check_floats(self.tensors(), "the network", "lower the learning rate")
        if len(kinds := {tensor.dtype for tensor in self.tensors().values()}) > 1:
            raise DataError(f"all parts of the network must be of one type, got {', '.join(sorted(map(str, kinds)))}")

    @property
    def n_users(self) -> int:
        return len(self.users.product)

    @property
    def n_items(self) -> int:
        return len(self.items.product)

    @property
    def largest_score(self) -> float:
        """Nobody knows without going through the network: infinite."""
        return math.inf

    @property
    def foldings(self) -> tuple[()]:
        """None: see :meth:`fold_in`."""
        return ()

    @torch.no_grad()
    def score(self, users: Tensor) -> Tensor:
        """Scores of all items: int64 ``[B]`` → ``[B, n_items]``."""
        return block_scores(self.users.at(users), self.items, self.mlp)

    @torch.no_grad()
    def score_pairs(self, users: Tensor, items: Tensor) -> Tensor:
        """Scores of single pairs: int64 ``[B]``, int64 ``[B]`` → ``[B]``."""
        return pair_scores(self.users.at(users), self.items.at(items), self.mlp)

    def fold_in(self, interactions: Interactions) -> NoReturn:
        """Refuse new users: there is no closed form for their vectors in a network.

        Raises:
            DataError: always.
        """
        raise DataError(
            f"a network over pairs cannot fold {interactions.n_users} new users in; "
            "fit again with their rows, or use a model of vectors (MF, LightGCN, HistoryUsers)"
        )

    def contributions(self, user: int, item: int, history: Interactions) -> NoReturn:  # noqa: ARG002
        """A network's score is no sum over a history.

        Raises:
            DataError: always.
        """
        raise DataError(
            "a network over pairs scores by no sum over the items of a history, so there is nothing to explain it by; "
            "use a model of vectors (MF, LightGCN, HistoryUsers)"
        )

    def grown(self, growth: Growth) -> NoReturn:
        """There is no closed form for what is new to a network.

        Raises:
            DataError: always.
        """
        raise DataError(
            f"a network over pairs cannot take in new rows ({len(growth.after):,} are there now); fit again with them, "
            "or use a model of vectors (MF, LightGCN, HistoryUsers)"
        )

    def to(self, device: str | torch.device) -> Self:
        """The same scorer on another device."""
        return type(self).from_parts({name: t.to(device) for name, t in self.tensors().items()}, self.settings())

    def tensors(self) -> dict[str, Tensor]:
        """Every tensor, by name: what a saved model keeps beside :meth:`settings`."""
        sides = {f"{who}.{part}": t for who in _SIDES for part, t in getattr(self, who)._asdict().items()}
        layers = {
            f"layers.{n}.{part}": t
            for n, layer in enumerate(self.mlp.layers)
            for part, t in zip(_LAYER, layer, strict=True)
        }
        return sides | layers | {"output": self.mlp.output, "offset": self.mlp.offset}

    def settings(self) -> dict[str, Any]:
        """The parts that are not tensors, as plain data."""
        return {"kind": "neural-scorer", "n_layers": len(self.mlp.layers)}

    @classmethod
    def from_parts(cls, tensors: dict[str, Tensor], settings: dict[str, Any]) -> Self:
        """The inverse of :meth:`tensors` and :meth:`settings`."""
        n_layers = settings["n_layers"]
        if isinstance(n_layers, bool) or not isinstance(n_layers, int) or not 0 <= n_layers <= len(tensors):
            raise DataError(f"n_layers has to be the number of layers, it is {shown(n_layers)}")
        users, items = (PairInputs(*(tensors[f"{who}.{part}"] for part in PairInputs._fields)) for who in _SIDES)
        layers = tuple((tensors[f"layers.{n}.weight"], tensors[f"layers.{n}.bias"]) for n in range(n_layers))
        return cls(users, items, MLP(layers, tensors["output"], tensors["offset"]))


_SIDES, _LAYER = ("users", "items"), ("weight", "bias")


def _shapes(*sides: PairInputs) -> str:
    return " and ".join(str([list(part.shape) for part in side]) for side in sides)
