"""``HistoryUsers``: a user's vector is computed from the vectors of their items."""

from __future__ import annotations

from typing import Any, Self

import torch
from torch import Tensor, nn

from fillrank.arguments import checked, fitting
from fillrank.data import Interactions
from fillrank.encoders.base import Similarity, TableEncoder, Tables, check_tables
from fillrank.encoders.inputs import EncoderInputs
from fillrank.encoders.registry import ENCODERS
from fillrank.encoders.sparse import histories_of
from fillrank.errors import SettingsError
from fillrank.factors import Factors
from fillrank.factors.fold_in import Folding, Projection

__all__ = ["HistoryUsers"]


@ENCODERS.own("history")
@checked
class HistoryUsers(TableEncoder):
    """``p_u = g · e_u + (1-g) · n_u^-power · Σ W q_i`` over the ``n_u`` items of a user's history: SimpleX's users.

    q are the item vectors, which are also ranked, and e the users' own vectors (Mao et al. 2021, with the mean and
    without attention). With ``g = 0`` users have no parameters. Then a new user gets exactly the vector that training
    would have given them. As in SimpleX, the history contains the positive that a step trains on.

    Args:
        items: the initial item vectors, ``[n_items, d]``; copied.
        interactions: the histories; every interaction counts as 1, whatever its value.
        users: the initial own vectors of the users, ``[n_users, d]``; copied. None if ``own_share`` is 0.
        own_share: g, from 0 to below 1; 1 would be :class:`~fillrank.encoders.MF`.
        power: 1 takes the mean over a history, 0.5 divides the sum by ``√n_u``, 0 takes the sum. It makes no difference
            if the similarity is cosine and ``own_share`` is 0.
        mapped: whether to learn W, ``[d, d]``, which begins as the identity; if False, W is the identity.
        similarity: of the vectors.

    Raises:
        DataError: the tables do not fit the log.
        SettingsError: ``own_share`` or ``power`` is out of range, or ``users`` does not go with ``own_share``.

    Example:
        >>> log = Interactions.from_arrays(["ann", "ann", "bob"], [7, 9, 7])
        >>> encoder = HistoryUsers(torch.eye(2), log, similarity="dot")
        >>> encoder.user_vectors(torch.tensor([0, 1])).detach()
        tensor([[0.5000, 0.5000],
                [1.0000, 0.0000]])
    """

    def __init__(
        self,
        items: Tensor,
        interactions: Interactions,
        *,
        users: Tensor | None = None,
        own_share: float = 0.0,
        power: float = 1.0,
        mapped: bool = False,
        similarity: Similarity = "cosine",
    ) -> None:
        super().__init__(similarity)
        _check_share(own_share, users)
        fitting({"items": "float N d"}, items=items)
        dim = items.shape[-1]
        check_tables(
            items.new_zeros(interactions.n_users, dim) if users is None else users,
            items,
            (interactions.n_users, interactions.n_items),
        )
        self.own_share, self.power = own_share, power
        self.histories = histories_of(interactions, power=power, dtype=items.dtype).to(items.device)
        self.items = nn.Parameter(items.detach().clone())
        self.users = None if users is None else nn.Parameter(users.detach().clone())
        self.map = nn.Parameter(torch.eye(dim, dtype=items.dtype, device=items.device)) if mapped else None

    @classmethod
    def from_inputs(cls, inputs: EncoderInputs, **settings: Any) -> Self:
        """Make the encoder for a recipe; users get initial vectors only if ``own_share`` is above 0."""
        users, items = inputs.tables()
        own = users if settings.get("own_share", 0.0) > 0 else None
        return cls(items, inputs.interactions, users=own, similarity=inputs.similarity, **settings)

    @property
    def own_folding(self) -> bool:  # type: ignore[override]
        """Whether training itself defines the vectors of new users: if users have no vectors of their own."""
        return self.users is None

    def tables(self) -> Tables:
        """The user vectors, computed from their items, and the item vectors."""
        met = self.histories.times(self._mapped_items())
        if self.users is None:
            return met, self.items
        return torch.lerp(met, self.users, self.own_share), self.items

    def factors(self, folding: Folding | None = None) -> Factors:
        """The learned result, with training's own way to fold new users in, if there is one.

        There is one if users have no vectors of their own, and the similarity is cosine (a sum has the same direction
        as the mean) or ``power`` is 0.
        """
        if folding is None and self.users is None and (self.similarity == "cosine" or self.power == 0):
            folding = Projection(self._mapped_items().detach().cpu().clone())
        return super().factors(folding)

    def _mapped_items(self) -> Tensor:
        return self.items if self.map is None else self.items @ self.map.T


def _check_share(own_share: float, users: Tensor | None) -> None:
    if not 0 <= own_share < 1:
        raise SettingsError(f"own_share must be from 0 to below 1 (1 would be MF), got {own_share}")
    if users is None and own_share > 0:
        raise SettingsError(f"own_share={own_share:g} asks for the users' own vectors; give users, [n_users, d]")
    if users is not None and own_share == 0:
        raise SettingsError("users are given, but own_share=0 leaves no room for them; raise it, or leave them out")
