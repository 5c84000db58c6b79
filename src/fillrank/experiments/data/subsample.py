"""``Subsample``: the part of the data that an experiment uses."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pydantic import BaseModel, ConfigDict, Field

if TYPE_CHECKING:
    from fillrank.data import Split

__all__ = ["Subsample"]


class Subsample(BaseModel):
    """Shares of users and of rows, in TOML ``subsample = { rows = 0.5 }``; see :func:`fillrank.data.subsample`.

    Attributes:
        users: share of the users, in every part of the split.
        rows: share of their rows of train; validation and test keep theirs.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    users: float = Field(default=1.0, gt=0, le=1)
    rows: float = Field(default=1.0, gt=0, le=1)

    def of(self, split: Split, seed: int) -> Split:
        """The part of a split."""
        from fillrank.data import subsample

        return subsample(split, users=self.users, rows=self.rows, seed=seed)
