"""Views: the same vectors seen through a little disturbance, for losses that ask two of them to agree.

Each gives tables as an encoder's ``tables()`` does, differentiable. What is drawn comes from the generator that is
handed in, so two calls with one generator give two different views. A view is for training; evaluate what the encoder
itself gives.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn.functional import normalize

from fillrank.encoders.base import Tables
from fillrank.encoders.lightgcn import LightGCN
from fillrank.errors import SettingsError

__all__ = ["edge_dropout", "layer_noise", "with_noise"]


def edge_dropout(encoder: LightGCN, rate: float, generator: torch.Generator) -> Tables:
    """The encoder's vectors over a graph that has lost some of its edges: SGL-ED (Wu et al. 2021).

    Each edge is dropped with probability ``rate``, by itself; what is left is normalised by its own counts. All layers
    see the same graph.

    Raises:
        SettingsError: ``rate`` is not from 0 to below 1.

    Example:
        >>> from fillrank.data import synthetic
        >>> from fillrank.encoders import normal_tables
        >>> log, generator = synthetic(30, 20, 200).interactions, torch.Generator().manual_seed(0)
        >>> encoder = LightGCN(*normal_tables(30, 20, 4, generator=generator), log)
        >>> users, items = edge_dropout(encoder, 0.1, generator)
        >>> users.shape, items.shape
        (torch.Size([30, 4]), torch.Size([20, 4]))
    """
    if not 0 <= rate < 1:
        raise SettingsError(f"rate must be from 0 to below 1, got {rate}")
    edges = encoder.adjacency.users
    kept = _uniform(edges.shape, generator, edges.device) >= rate
    return encoder.tables_over(encoder.adjacency.thinned(kept))


def with_noise(tables: Tables, eps: float, generator: torch.Generator) -> Tables:
    """Each vector moved by a step of length ``eps`` in a random direction: the noise of SimGCL (Yu et al. 2022).

    ``e' = e + eps · Δ/|Δ|`` with ``Δ = sign(e) ⊙ U(0, 1)``: the noise has the signs of the vector, so that a view stays
    in its orthant. This form is for any encoder; :func:`layer_noise` disturbs a graph encoder at each layer.

    Args:
        tables: as ``tables()`` gives them. Where the similarity is cosine, normalise them first if ``eps`` is to mean
            the same for short and long vectors.
        eps: 0 or more; 0.1 is usual for unit vectors.

    Raises:
        SettingsError: ``eps`` is negative or not finite.
    """
    _check_eps(eps)
    users, items = (table + _noise(table, eps, generator) for table in tables)
    return users, items


def layer_noise(encoder: LightGCN, eps: float, generator: torch.Generator) -> Tables:
    """The encoder's vectors with the noise of :func:`with_noise` put on after each layer: SimGCL (Yu et al. 2022).

    The next layer smooths the noise of the last one. SimGCL leaves layer 0, which has no noise, out of the mean:
    ``layer_weights=(0, 1/3, 1/3, 1/3)``.

    Raises:
        SettingsError: ``eps`` is negative or not finite.
    """
    _check_eps(eps)
    return encoder.tables_over(encoder.adjacency, lambda layer: layer + _noise(layer, eps, generator))


def _noise(table: Tensor, eps: float, generator: torch.Generator) -> Tensor:
    drawn = _uniform(table.shape, generator, table.device).to(table.dtype)
    return normalize(drawn * table.detach().sign(), dim=1) * eps


def _uniform(shape: torch.Size, generator: torch.Generator, device: torch.device) -> Tensor:
    return torch.rand(shape, generator=generator, device=generator.device).to(device)


def _check_eps(eps: float) -> None:
    if not 0 <= eps < float("inf"):
        raise SettingsError(f"eps must be a number of 0 or more, got {eps}")
