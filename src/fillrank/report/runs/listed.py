"""What the lists of a model are made of, and how well they do for users of whom little or much is known."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from fillrank.data import Split
from fillrank.evaluation.report import Report
from fillrank.recommend import Recommender
from fillrank.retrieval import rank

__all__ = ["ActivityGroup", "Listing", "listing_of"]

_USERS, _TENTHS, _GROUPS = 2_000, 10, 4


@dataclass(frozen=True)
class ActivityGroup:
    """Users of whom about as much is known.

    Attributes:
        least, most: rows of the train part of a user of the group.
        users: how many have a relevant test item.
        means: of the per-user metrics of lists, by name.
    """

    least: int
    most: int
    users: int
    means: dict[str, float]


@dataclass(frozen=True, eq=False)
class Listing:
    """What is on lists of ``k``.

    Attributes:
        k: their length.
        users: for how many they were made.
        listed, met, liked: shares by tenths of the catalogue, the most popular first: of what is listed, of the rows of
            the train part, and of the relevant rows of the test part.
        groups: users by how much is known of them, in four groups of about one size.
    """

    k: int
    users: int
    listed: tuple[float, ...]
    met: tuple[float, ...]
    liked: tuple[float, ...]
    groups: tuple[ActivityGroup, ...]


def listing_of(model: Recommender, parts: Split, report: Report, k: int) -> Listing:
    """Look at the lists of up to 2,000 of the users of a report.

    Args:
        model: whose lists.
        parts: train and validation are what the users have seen.
        report: of the same model and parts.
        k: length of a list.
    """
    users = report.users[np.linspace(0, len(report.users) - 1, min(_USERS, len(report.users))).astype(int)]
    users = np.unique(users)
    seen = parts.train.without_values().csr
    if parts.valid is not None and len(parts.valid):
        seen = (seen + parts.valid.without_values().csr).tocsr()
    lists = rank(model.scorer, users, k, seen=seen)
    counts = np.asarray(parts.train.item_counts)
    order = np.argsort(-counts, kind="stable")
    tenths = np.array_split(order, min(_TENTHS, max(len(order), 1)))

    def shares(items: NDArray[np.integer]) -> tuple[float, ...]:
        found = np.bincount(items, minlength=len(counts))
        return tuple(float(found[tenth].sum() / max(found.sum(), 1)) for tenth in tenths)

    relevant = parts.test.relevant()
    return Listing(
        k,
        len(users),
        shares(lists.items),
        shares(parts.train.items),
        shares(relevant.items),
        tuple(_groups(report, np.asarray(parts.train.user_counts)[report.users])),
    )


def _groups(report: Report, known: NDArray[np.int64]) -> list[ActivityGroup]:
    names = [name for name in report.per_user if "@" in name]
    found = []
    for places in np.array_split(np.argsort(known, kind="stable"), min(_GROUPS, max(len(known), 1))):
        if len(places):
            means = {name: float(np.nanmean(report.per_user[name][places])) for name in names}
            found.append(ActivityGroup(int(known[places].min()), int(known[places].max()), len(places), means))
    return found
