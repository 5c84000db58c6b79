"""Is a new model better than the one at work? Both make lists for the newest day, as they would have been served."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from math import sqrt

import numpy as np
from numpy.typing import NDArray

from fillrank.evaluation.metrics import ndcg
from fillrank.server.profile import profile_of, stranger
from fillrank.server.rules import Allowed, best_items
from fillrank.server.served import Served
from fillrank.store import Store
from fillrank.store.checks import digest_of
from fillrank.store.meaning import EventMeaning

__all__ = ["DAY", "Verdict", "judged"]

DAY = 24 * 3600 * 1000
_K, _USERS, _EVENTS, _LEAST = 10, 2_000, 50_000, 20
_SURE = 1.645  # standard errors


@dataclass(frozen=True)
class Verdict:
    """What the comparison found.

    Attributes:
        users: on whom it was made.
        new, running: the mean nDCG@10 of the two models over them.
        error: the standard error of the mean difference.
        popular: what the lists of the most popular items come to, for the same users.
    """

    users: int
    new: float
    running: float
    error: float
    popular: float = 0.0

    @property
    def worse(self) -> bool:
        """Whether the new model is worse beyond chance (one-sided, 5 %), on at least 20 users."""
        return self.judged and self.new - self.running < -_SURE * self.error

    @property
    def judged(self) -> bool:
        """Whether there were enough users to judge by."""
        return self.users >= _LEAST

    def __str__(self) -> str:
        if not self.judged:
            return (
                f"not judged: {self.users} user{'s' * (self.users != 1)} took up something new on the newest day, "
                f"which are too few (at least {_LEAST})"
            )
        return (
            f"nDCG@{_K} {self.new:.4f}, the one at work {self.running:.4f} (standard error of the difference "
            f"{self.error:.4f}, {self.users} users); popularity {self.popular:.4f}"
        )


def judged(new: Served, running: Served, store: Store, meaning: EventMeaning, *, span: int = DAY) -> Verdict:
    """Compare two models on what users took up on the newest day.

    For each user both make the list that they would have been shown at the beginning of that day: from the model, and
    from the events before it. What counts as a hit is an item that the user took up on that day and that neither their
    earlier events nor either of the models knew of. An item that a model does not know is a miss of that model: it
    would not have been listed.

    Args:
        new: has learnt from nothing of that day.
        running: the model at work.
        store: with the events.
        meaning: of their types.
        span: milliseconds of the day.
    """
    events, start = store.newest_day(span, limit=_EVENTS)
    by_user = defaultdict(list)
    for event in events:
        by_user[event.user].append(event)
    gone = store.deleted("user")
    results: list[tuple[float, float, float]] = []
    for user, of_day in by_user.items():
        if len(results) >= _USERS:
            break
        past = store.history(user, before=start)
        before = meaning.tastes(past)
        targets = {item for item, taste in meaning.tastes(reversed(of_day)).items() if taste.wanted} - before.keys()
        for served in (new, running):
            index = served.user(user)
            if index >= 0:
                targets -= {served.ids[place] for place in served.met_by(index).tolist()}
        if not targets:
            continue
        scores = []
        for served in (new, running):
            forgotten = digest_of("user", user) in gone and served is running
            profile, unwanted = profile_of(served, user, past, meaning, forgotten=forgotten)
            listed = np.ones(len(served.ids), dtype=bool)
            listed[profile.met] = False
            listed[unwanted] = False
            scores.append(_ndcg(served, best_items(served, profile, _K, Allowed(listed))[0], targets))
        scores.append(_ndcg(running, best_items(running, stranger(), _K, Allowed(listed))[0], targets))
        results.append((scores[0], scores[1], scores[2]))
    if not results:
        return Verdict(0, 0.0, 0.0, 0.0)
    both = np.array(results)
    difference = both[:, 0] - both[:, 1]
    error = float(difference.std(ddof=1)) / sqrt(len(both)) if len(both) > 1 else 0.0
    means = both.mean(0).tolist()
    return Verdict(len(both), means[0], means[1], error, means[2])


def _ndcg(served: Served, items: NDArray[np.int64], targets: set[str]) -> float:
    hits = np.zeros((1, _K), dtype=bool)
    hits[0, : len(items)] = [served.ids[place] in targets for place in items.tolist()]
    return float(ndcg(hits, np.array([len(targets)]))[0])
