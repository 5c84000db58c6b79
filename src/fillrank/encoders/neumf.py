"""``NeuMF``: neural matrix factorisation, a product of vectors together with a network."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn.functional import embedding, linear

from fillrank.arguments import checked, fitting
from fillrank.encoders.base import rows_of
from fillrank.encoders.registry import ENCODERS
from fillrank.encoders.start import normal_tables, xavier
from fillrank.errors import SettingsError
from fillrank.factors.neural import MLP, Dropout, NeuralScorer, PairInputs, block_scores, pair_scores

__all__ = ["NeuMF"]


@ENCODERS.own("neumf")
@checked
class NeuMF(nn.Module):
    """Neural collaborative filtering (He et al. 2017): a product (GMF) and an MLP under one last layer.

    ``s_ui = offset + <w, p_u ⊙ q_i> + <v, h_L>`` with ``h_1 = ReLU(W_1 [x_u; y_i] + c_1)`` and
    ``h_l = ReLU(W_l h_(l-1) + c_l)``. The score is the number before the sigmoid, so any loss of scores can be used.
    The two parts have separate vectors. Unlike in the original, they are not trained separately first.

    Args:
        n_users, n_items: sizes.
        dim: length of the product's vectors p and q.
        layers: widths of the MLP: the first is that of ``[x; y]``, half for each; the others are those of the hidden
            layers ``h_1 … h_L``, at least one.
        dropout: share of the numbers of each hidden layer that are set to zero, if a batch comes with a generator.
        generator: for the initial values: vectors are normal with standard deviation 0.01, as in the original; layers
            as in Glorot & Bengio (2010), with offsets 0.

    Raises:
        SettingsError: ``dim``, ``layers`` or ``dropout`` is out of range.

    Example:
        >>> encoder = NeuMF(3, 4, dim=2, layers=(8, 4), generator=torch.Generator().manual_seed(0))
        >>> users, items = torch.tensor([0, 2]), torch.tensor([3, 1])
        >>> block = encoder.score_block(users, items)
        >>> bool(torch.allclose(block.diagonal(), encoder.score_pairs(users, items)))
        True
    """

    def __init__(
        self,
        n_users: int,
        n_items: int,
        *,
        dim: int = 16,
        layers: Sequence[int] = (64, 32, 16),
        dropout: float = 0.0,
        generator: torch.Generator,
    ) -> None:
        super().__init__()
        _check_layers(layers)
        if not 0 <= dropout < 1:
            raise SettingsError(f"dropout must be from 0 to below 1, got {dropout}")
        self.dropout = dropout
        half = layers[0] // 2
        tables = (normal_tables(n_users, n_items, d, generator=generator, std=0.01) for d in (dim, half))
        (self.users, self.items), (self.network_users, self.network_items) = map(_parameters, tables)
        shapes = pairwise(layers)
        self.weights = nn.ParameterList([xavier(n_out, n_in, generator) for n_in, n_out in shapes])
        self.offsets = nn.ParameterList([torch.zeros(n_out) for n_out in layers[1:]])
        last = xavier(1, dim + layers[-1], generator)[0]
        self.product_weights, self.network_weights = _parameters((last[:dim], last[dim:]))
        self.offset = nn.Parameter(torch.zeros(()))

    @checked
    def check_sharing(self, n_processes: int) -> None:
        """Refuse several processes if there is dropout.

        Raises:
            SettingsError: dropout is drawn for the rows of each process, so they would not learn the same as one.
        """
        if n_processes > 1 and self.dropout > 0:
            raise SettingsError(
                f"NeuMF's dropout={self.dropout:g} is drawn for the rows of a process, so {n_processes} processes "
                "would not learn what one does; set it to 0, or use one process"
            )

    @checked
    def score_pairs(self, users: Tensor, items: Tensor, *, generator: torch.Generator | None = None) -> Tensor:
        """Scores of single pairs: int64 ``[B]``, int64 ``[B]`` → ``[B]``; with dropout if there is a generator."""
        return pair_scores(self._user_side(users), self._item_side(items), self._mlp(), self._drawn(generator))

    @checked
    def score_block(self, users: Tensor, items: Tensor, *, generator: torch.Generator | None = None) -> Tensor:
        """Scores of each user with several items, a few users at a time; see :func:`block_scores`.

        Args:
            users: int64 ``[B]``.
            items: int64 ``[N]``, the same for all users, or ``[B, N]``, different for each user.
            generator: for the dropout; None: no dropout.

        Returns:
            ``[B, N]``.

        Raises:
            DataError: ``items`` has another shape.
        """
        fitting({"users": "int B", "items": "int N|B N"}, users=users, items=items)
        wanted, indices = items, None
        if items.dim() == 2:  # compute the first layer once for an item that is in many rows
            wanted, indices = torch.unique(items, return_inverse=True)
        sides = self._user_side(users), self._item_side(wanted)
        return block_scores(*sides, self._mlp(), indices=indices, dropout=self._drawn(generator))

    def scorer(self) -> NeuralScorer:
        """The learned result, detached from training, with the first layer already computed."""
        with torch.no_grad():
            users, items = (torch.arange(len(table), device=table.device) for table in (self.users, self.items))
            learnt = NeuralScorer(self._user_side(users), self._item_side(items), self._mlp())
            parts = {name: tensor.detach().cpu().clone() for name, tensor in learnt.tensors().items()}
        return NeuralScorer.from_parts(parts, learnt.settings())

    def _user_side(self, users: Tensor) -> PairInputs:
        own = rows_of(self.users, users, "users")
        first = self.weights[0][:, : self.network_users.shape[1]]
        hidden = linear(embedding(users, self.network_users), first, self.offsets[0])
        return PairInputs(own * self.product_weights, hidden)

    def _item_side(self, items: Tensor) -> PairInputs:
        own = rows_of(self.items, items, "items")
        first = self.weights[0][:, self.network_users.shape[1] :]
        return PairInputs(own, linear(embedding(items, self.network_items), first))

    def _mlp(self) -> MLP:
        return MLP(tuple(zip(self.weights, self.offsets, strict=True))[1:], self.network_weights, self.offset)

    def _drawn(self, generator: torch.Generator | None) -> Dropout | None:
        if generator is None or self.dropout == 0:
            return None
        seed = torch.randint(1 << 62, (), generator=generator, device=generator.device)
        return Dropout(self.dropout, int(seed))


def _parameters(tables: tuple[Tensor, Tensor]) -> tuple[nn.Parameter, nn.Parameter]:
    return nn.Parameter(tables[0].clone()), nn.Parameter(tables[1].clone())


def _check_layers(layers: Sequence[int]) -> None:
    if len(layers) < 2 or min(layers) < 1 or layers[0] % 2:
        raise SettingsError(
            f"layers must be two or more positive widths, the first even, such as (64, 32, 16); got {list(layers)}"
        )
