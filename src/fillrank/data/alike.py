"""Find ids that differ only in form, such as ``1``, ``01`` and ``1.0``. They are reported, and never merged."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import polars as pl

from fillrank.terminal import printable

if TYPE_CHECKING:
    from fillrank.data.ids import IdMap

__all__ = ["Alike", "alike", "in_one_form"]

_SHOWN = 3  # groups that are kept as examples
_WHOLE = r"^\+?(-?)0*(\d+?)(?:\.0*)?$"


@dataclass(frozen=True)
class Alike:
    """Ids of users or items that may mean the same.

    Attributes:
        kind: ``"user"`` or ``"item"``.
        n_groups: number of groups of such ids.
        n_ids: number of ids in all groups together.
        examples: the ids of the first groups.
    """

    kind: str
    n_groups: int
    n_ids: int
    examples: tuple[tuple[str, ...], ...]

    def __str__(self) -> str:
        shown = "; ".join(" and ".join(repr(one) for one in group) for group in self.examples)
        more = "; …" if self.n_groups > len(self.examples) else ""
        return printable(
            f"{self.n_ids:,} {self.kind} ids differ from another only in form (zeros, blanks, case), and are kept "
            f"apart: {shown}{more}"
        )


def alike(kind: str, ids: IdMap) -> Alike | None:
    """The ids of a map that differ only in form; None if there are none. Whole numbers never do.

    Example:
        >>> from fillrank.data import IdMap
        >>> print(alike("user", IdMap(["7", "07", "ann", "Ann ", "bob"])))
        4 user ids differ from another only in form (zeros, blanks, case), and are kept apart: '07' and '7'; 'Ann ' ...
    """
    if ids.ids.dtype != pl.String:
        return None
    table = pl.DataFrame({"id": ids.ids, "form": in_one_form(ids.ids)})
    groups = table.filter(pl.col("form").is_duplicated()).group_by("form", maintain_order=True).agg("id")["id"]
    if not len(groups):
        return None
    return Alike(kind, len(groups), int(groups.list.len().sum()), tuple(map(tuple, groups.head(_SHOWN).to_list())))


def in_one_form(ids: pl.Series) -> pl.Series:
    """Normalise ids, so that ids which differ only in form become equal.

    These differences are removed: blanks at the ends, and runs of blanks within; upper and lower case; equivalent forms
    and widths of letters in Unicode; for whole numbers leading zeros, a plus sign, and a point with zeros only.

    Example:
        >>> in_one_form(pl.Series(["007", "7.0", "Ann  Lee ", "ann lee", "1.5"])).to_list()
        ['7', '7', 'ann lee', 'ann lee', '1.5']
    """
    texts = ids.cast(pl.String).str.normalize("NFKC").str.replace_all(r"\s+", " ").str.strip_chars().str.to_lowercase()
    return texts.str.replace(_WHOLE, "$1$2")
