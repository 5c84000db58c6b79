"""The results of the demonstration: a comparison, lists for two users, the effect of the temperature."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import polars as pl
from rich.console import Console, Group, RenderableType
from rich.table import Table

from fillrank.experiments.compare.table import ComparisonTable
from fillrank.terminal import shown

__all__ = ["Demonstration"]

_NEXT = 'next: pip install "fillrank[serve]" and fillrank serve --data movielens-small, a page that learns your taste'


@dataclass(frozen=True)
class Demonstration:
    """The result of :func:`fillrank.report.demo`. ``print`` shows it.

    Attributes:
        table: the comparison.
        user_id: whom the lists below are for.
        liked: what that user rated highest in train: ``item_id, label, value``.
        recommended: ten films for that user.
        favourites: three films that a new user likes.
        for_new_user: ten films for the new user.
        temperatures: one mapping per temperature: the metrics of CMC at it.
        files: what was written.
    """

    table: ComparisonTable
    user_id: Any
    liked: pl.DataFrame
    recommended: pl.DataFrame
    favourites: Mapping[str, float]
    for_new_user: pl.DataFrame
    temperatures: Sequence[Mapping[str, Any]]
    files: Sequence[Path]

    def to_dict(self) -> dict[str, Any]:
        """Plain data for JSON."""
        return {
            **self.table.to_dict(),
            "user": {
                "user_id": self.user_id,
                "liked": self.liked.to_dicts(),
                "recommended": self.recommended.to_dicts(),
            },
            "new_user": {"likes": dict(self.favourites), "recommended": self.for_new_user.to_dicts()},
            "temperatures": [dict(point) for point in self.temperatures],
            "files": [str(file) for file in self.files],
        }

    def __rich__(self) -> RenderableType:
        beside = Table(title=shown(f"user {self.user_id}: what they liked, and what CMC recommends"))
        for name in ("liked (their rating)", "recommended"):
            beside.add_column(name)
        liked = [f"{row['label']} ({row['value']:g})" for row in self.liked.to_dicts()]
        for left, right in zip(liked, self.recommended["label"].to_list(), strict=False):
            beside.add_row(shown(left), shown(right))
        new = Table(title=shown(f"a new user who likes {', '.join(self.favourites)}"))
        new.add_column("recommended")
        for label in self.for_new_user["label"]:
            new.add_row(shown(label))
        return Group(self.table, "", beside, new, shown(f"report: {self.files[0]}"), shown(_NEXT))

    def __str__(self) -> str:
        console = Console(width=150, no_color=True, markup=False, emoji=False, legacy_windows=False)
        with console.capture() as capture:
            console.print(self)
        return capture.get().rstrip()
