"""Views: slightly disturbed vectors of an encoder, for losses that pull two views of the same row together.

Each function returns differentiable tables, like an encoder's ``tables()``. The disturbance is drawn from the given
generator, so two calls give two different views. Views are for training; evaluation uses the encoder itself.

A training step uses a :data:`View`: an encoder with a way to disturb it, which is called with some users and some
items. :func:`view` makes one by its name in :data:`VIEWS`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, fields
from typing import Any

import torch
from torch import Tensor
from torch.nn.functional import embedding, normalize

from fillrank.arguments import checked, fitting
from fillrank.encoders.base import GraphEncoder, PairEncoder, Tables, VectorEncoder
from fillrank.errors import SettingsError

__all__ = ["VIEWS", "EdgeDropout", "Noise", "View", "edge_dropout", "layer_noise", "view", "with_noise"]

View = Callable[[Tensor, Tensor, torch.Generator], Tables]
"""``(users int64 [U], items int64 [I], generator) → (users [U, d], items [I, d])``: their vectors in a new view."""


@checked
def edge_dropout(encoder: GraphEncoder, rate: float, generator: torch.Generator) -> Tables:
    """The encoder's vectors over a graph without some of its edges: SGL-ED (Wu et al. 2021).

    Each edge is dropped independently with probability ``rate``. The remaining graph is normalised by its own counts.
    All layers use the same graph.

    Raises:
        SettingsError: ``rate`` is not from 0 to below 1.

    Example:
        >>> from fillrank.data import synthetic
        >>> from fillrank.encoders import LightGCN, normal_tables
        >>> log, generator = synthetic(30, 20, 200).interactions, torch.Generator().manual_seed(0)
        >>> encoder = LightGCN(*normal_tables(30, 20, 4, generator=generator), log)
        >>> users, items = edge_dropout(encoder, 0.1, generator)
        >>> users.shape, items.shape
        (torch.Size([30, 4]), torch.Size([20, 4]))
    """
    _check_rate(rate)
    edges = encoder.adjacency.users
    kept = _uniform(edges.shape, generator, edges.device) >= rate
    return encoder.tables_over(encoder.adjacency.select(kept))


@checked
def with_noise(tables: Tables, eps: float, generator: torch.Generator) -> Tables:
    """Add noise of length ``eps`` in a random direction to each vector, as in SimGCL (Yu et al. 2022).

    ``e' = e + eps · Δ/|Δ|`` with ``Δ = sign(e) ⊙ U(0, 1)``. The noise has the signs of the vector, so a view stays in
    the same orthant. This form works for any encoder; :func:`layer_noise` disturbs each layer of a graph encoder.

    Args:
        tables: the result of ``tables()``. If the similarity is cosine, normalise them first, so that ``eps`` means the
            same for short and long vectors.
        eps: 0 or more; 0.1 is usual for unit vectors.

    Raises:
        SettingsError: ``eps`` is negative or not finite.
    """
    _check_eps(eps)
    for place, table in enumerate(tables):
        fitting({f"tables[{place}]": "float N d"}, **{f"tables[{place}]": table})
    users, items = (table + _noise(table, eps, generator) for table in tables)
    return users, items


@checked
def layer_noise(encoder: GraphEncoder, eps: float, generator: torch.Generator) -> Tables:
    """The encoder's vectors with the noise of :func:`with_noise` after each layer: SimGCL (Yu et al. 2022).

    Each layer smooths the noise of the one before. SimGCL leaves layer 0, which has no noise, out of the mean:
    ``layer_weights=(0, 1/3, 1/3, 1/3)``.

    Raises:
        SettingsError: ``eps`` is negative or not finite.
    """
    _check_eps(eps)
    return encoder.tables_over(encoder.adjacency, lambda layer: layer + _noise(layer, eps, generator))


@dataclass(frozen=True)
class EdgeDropout:
    """:func:`edge_dropout` as a :data:`View`: SGL (Wu et al. 2021).

    Attributes:
        encoder: an encoder with a graph.
        rate: share of the edges that a view drops; the authors use 0.1 on Yelp2018.

    Raises:
        SettingsError: the encoder has no graph, or ``rate`` is not from 0 to below 1.
    """

    encoder: VectorEncoder | PairEncoder
    rate: float = 0.1

    def __post_init__(self) -> None:
        self._graph()
        _check_rate(self.rate)

    def __call__(self, users: Tensor, items: Tensor, generator: torch.Generator) -> Tables:
        """See :data:`View`."""
        return _rows(edge_dropout(self._graph(), self.rate, generator), users, items)

    def _graph(self) -> GraphEncoder:
        if isinstance(self.encoder, GraphEncoder):
            return self.encoder
        raise SettingsError(f"edge-dropout wants a graph, and {type(self.encoder).__name__} has none; take 'noise'")


@dataclass(frozen=True)
class Noise:
    """Noise as a :data:`View`: on each layer of a graph, as in SimGCL (Yu et al. 2022), else on the vectors.

    For a graph encoder it is :func:`layer_noise`. For others it is :func:`with_noise` on the rows asked for, which are
    first scaled to unit length if the similarity is cosine, so that ``eps`` means the same for short and long vectors.

    Attributes:
        encoder: the encoder whose vectors are disturbed.
        eps: length of the noise; 0.1 in the paper.

    Raises:
        SettingsError: the encoder has no vectors, or ``eps`` is negative or not finite.

    Example:
        >>> from fillrank.encoders import MF
        >>> noise, generator = Noise(MF(torch.eye(2), torch.eye(2))), torch.Generator().manual_seed(0)
        >>> users, items = noise(torch.tensor([0]), torch.tensor([0, 1]), generator)
        >>> users.detach()  # zero has no sign, so it stays zero
        tensor([[1.1000, 0.0000]])
        >>> items.shape
        torch.Size([2, 2])
    """

    encoder: VectorEncoder | PairEncoder
    eps: float = 0.1

    def __post_init__(self) -> None:
        self._vectors()
        _check_eps(self.eps)

    def __call__(self, users: Tensor, items: Tensor, generator: torch.Generator) -> Tables:
        """See :data:`View`."""
        encoder = self._vectors()
        if isinstance(encoder, GraphEncoder):
            return _rows(layer_noise(encoder, self.eps, generator), users, items)
        rows = _rows(encoder.tables(), users, items)
        if encoder.similarity == "cosine":
            rows = normalize(rows[0], dim=1), normalize(rows[1], dim=1)
        return with_noise(rows, self.eps, generator)

    def _vectors(self) -> VectorEncoder:
        if isinstance(self.encoder, VectorEncoder):
            return self.encoder
        raise SettingsError(f"noise is put on vectors, and {type(self.encoder).__name__} has none; leave views out")


VIEWS: dict[str, type[EdgeDropout | Noise]] = {"edge-dropout": EdgeDropout, "noise": Noise}
"""The views by name."""


@checked
def view(name: str, encoder: VectorEncoder | PairEncoder, **settings: Any) -> View:
    """A view of an encoder by its name in :data:`VIEWS`.

    Raises:
        SettingsError: there is no such view or setting, or it does not go with the encoder.

    Example:
        >>> from fillrank.encoders import MF
        >>> view("noise", MF(torch.eye(2), torch.eye(2)), eps=0.2).eps
        0.2
        >>> view("noise", MF(torch.eye(2), torch.eye(2)), size=0.2)
        Traceback (most recent call last):
        fillrank.errors.SettingsError: the view 'noise' has no setting 'size'; it has eps
    """
    if name not in VIEWS:
        raise SettingsError(f"there is no view {name!r}; known are {', '.join(VIEWS)}")
    known = [field.name for field in fields(VIEWS[name]) if field.name != "encoder"]
    for setting in settings:
        if setting not in known:
            raise SettingsError(f"the view {name!r} has no setting {setting!r}; it has {', '.join(known)}")
    return VIEWS[name](encoder, **settings)


def _rows(tables: Tables, users: Tensor, items: Tensor) -> Tables:
    return embedding(users, tables[0]), embedding(items, tables[1])


def _noise(table: Tensor, eps: float, generator: torch.Generator) -> Tensor:
    drawn = _uniform(table.shape, generator, table.device).to(table.dtype)
    return normalize(drawn * table.detach().sign(), dim=1) * eps


def _uniform(shape: torch.Size, generator: torch.Generator, device: torch.device) -> Tensor:
    return torch.rand(shape, generator=generator, device=generator.device).to(device)


def _check_rate(rate: float) -> None:
    if not (isinstance(rate, int | float) and 0 <= rate < 1):
        raise SettingsError(f"rate must be from 0 to below 1, got {rate!r}")


def _check_eps(eps: float) -> None:
    if not (isinstance(eps, int | float) and 0 <= eps < float("inf")):
        raise SettingsError(f"eps must be a number of 0 or more, got {eps!r}")
