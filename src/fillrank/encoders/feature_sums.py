"""``FeatureSums``: a user's, or an item's, vector is the sum of its own and those of its features."""

from __future__ import annotations

from typing import Any, ClassVar, Literal

import torch
from torch import Tensor, nn

from fillrank.arguments import checked
from fillrank.data import Interactions
from fillrank.data.features import FeatureCoding, Features
from fillrank.encoders.base import Similarity, TableEncoder, Tables, check_tables, rows_of
from fillrank.encoders.feature_rows import FeatureRows
from fillrank.encoders.feature_start import explained
from fillrank.encoders.registry import ENCODERS
from fillrank.errors import SettingsError
from fillrank.factors import Factors
from fillrank.factors.feature_vectors import FeatureVectors, SideFeatures
from fillrank.factors.fold_in import Folding

__all__ = ["FeatureSums", "OwnVectors"]

OwnVectors = Literal["both", "users", "items", "none"]


@ENCODERS.own("features")
@checked
class FeatureSums(TableEncoder):
    """``q_i = e_i + Σ_f x_if · v_f``: own vectors e, and vectors v of the features; users likewise.

    The model of LightFM (Kula 2015), here with any contrastive loss, cosines as well, and without its biases. x are the
    numbers of :class:`~fillrank.data.features.FeatureCoding`. A row without a positive has no own vector, during the
    training and after it: its features speak alone. So does a new one, :meth:`fillrank.Recommender.add_items`. A side
    without features is as in :class:`~fillrank.encoders.MF`.

    It starts at the vectors that it is given: the vectors of the features explain of them what they can (a ridge
    regression), and the own vectors are what is left.

    Args:
        users, items: the initial vectors, ``[n_users, d]`` and ``[n_items, d]``: of the sums.
        interactions: the positives, with the features of items, of users or of both.
        own_vectors: which sides have own vectors beside their features: ``"both"``, ``"users"``, ``"items"`` or
            ``"none"``. A side that has no features has own vectors in any case.
        own_dropout: in each step, the share of the rows of the batch whose own vectors are left out, so that their
            features learn to do without (the idea of DropoutNet: Volkovs, Yu & Poutanen 2017).
        similarity: of the sums.

    Raises:
        DataError: the tables do not fit the log.
        SettingsError: ``own_dropout`` is not from 0 to below 1.

    Example:
        >>> import polars as pl
        >>> films = pl.DataFrame({"film": [7, 9], "genre": ["War", "Drama"]})
        >>> log = Interactions.from_arrays(["ann", "bob"], [7, 9]).with_features(items=films)
        >>> encoder = FeatureSums(torch.eye(2), torch.eye(2), log)
        >>> encoder.tables()[1].detach().round(decimals=3)  # where it starts
        tensor([[1., 0.],
                [0., 1.]])
    """

    free_vectors: ClassVar[bool] = True
    users: nn.Parameter
    items: nn.Parameter
    has_users: Tensor
    has_items: Tensor

    def __init__(
        self,
        users: Tensor,
        items: Tensor,
        interactions: Interactions,
        *,
        own_vectors: OwnVectors = "both",
        own_dropout: float = 0.0,
        similarity: Similarity = "cosine",
    ) -> None:
        super().__init__(similarity)
        check_tables(users, items, (interactions.n_users, interactions.n_items))
        if not 0 <= own_dropout < 1:
            raise SettingsError(
                f"own_dropout must be from 0 to below 1, got {own_dropout}; own_vectors='none' leaves all out"
            )
        self.own_vectors, self.own_dropout = own_vectors, own_dropout
        self._set_side("users", users, interactions.user_features, interactions.user_counts)
        self._set_side("items", items, interactions.item_features, interactions.item_counts)

    def _set_side(self, what: str, start: Tensor, features: Features | None, counts: object) -> None:
        has_own = torch.as_tensor(counts) > 0
        of_features = None
        self.add_module(f"{what}_rows", None)
        coding = None if features is None else FeatureCoding.of(features)
        if features is None or coding is None or not len(coding):
            has_own, own, coding = torch.ones_like(has_own), start.detach().clone(), None
        else:
            if self.own_vectors not in {"both", what}:
                has_own = torch.zeros_like(has_own)
            rows = FeatureRows.of(features, coding).to(start.device, start.dtype)
            of_features = explained(rows, start.detach(), has_rows=torch.as_tensor(counts) > 0)
            own = (start.detach() - rows.product(of_features, transposed=False)) * has_own[:, None]
            self.add_module(f"{what}_rows", rows)
        setattr(self, what, nn.Parameter(own))
        self.register_parameter(f"{what}_features", None if of_features is None else nn.Parameter(of_features))
        self.register_buffer(f"has_{what}", has_own[:, None].to(start.dtype), persistent=False)
        setattr(self, f"_{what}_coding", coding)

    def tables(self) -> Tables:
        """The sums."""
        return self._sums("users", None), self._sums("items", None)

    def tables_in_training(self, generator: torch.Generator) -> Tables:
        """The same with some of the own vectors left out: see ``own_dropout``."""
        if self.own_dropout == 0:
            return self.tables()
        return self._sums("users", generator), self._sums("items", generator)

    def _sums(self, what: str, generator: torch.Generator | None) -> Tensor:
        own, features = getattr(self, what), getattr(self, f"{what}_features")
        if features is None:
            table: Tensor = own
            return table
        kept = getattr(self, f"has_{what}")
        if generator is not None:
            kept = kept * own_kept(len(own), self.own_dropout, generator).to(kept)
        sums: Tensor = own * kept + getattr(self, f"{what}_rows").times(features)
        return sums

    @checked
    def touched_rows(self, users: Tensor, items: Tensor) -> list[Tensor]:
        """The rows of the parameters that some users and items use, each once: what a penalty is on."""
        found = []
        for what, rows in (("users", users), ("items", items)):
            found.append(rows_of(getattr(self, what), rows, what))
            if (features := getattr(self, f"{what}_features")) is not None:
                found.append(features[torch.unique(getattr(self, f"{what}_rows").parts(rows).features)])
        return found

    def factors(self, folding: Folding | None = None) -> Factors:
        """The learned sums, and the vectors of features for rows that come later."""
        made = super().factors(folding)
        sides: dict[str, Any] = {}
        for what in ("items", "users"):
            coding, features = getattr(self, f"_{what}_coding"), getattr(self, f"{what}_features")
            if features is not None:
                sides[what] = SideFeatures(coding, features.detach().cpu().clone())
        if not sides:
            return made
        return Factors(
            made.users, made.items, similarity=made.similarity, folding=folding, features=FeatureVectors(**sides)
        )


def own_kept(n_rows: int, rate: float, generator: torch.Generator) -> Tensor:
    """Which rows keep their own vectors in a step: ``[n_rows, 1]`` of zeros and ones."""
    return (torch.rand(n_rows, 1, generator=generator, device=generator.device) >= rate).float()
