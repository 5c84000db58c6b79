"""Take a part of a split: fewer users, for quick trials; or fewer rows to learn from, to study sparsity."""

from __future__ import annotations

import numpy as np

from fillrank.arguments import checked
from fillrank.data.parts import Split
from fillrank.errors import SettingsError
from fillrank.runtime.rng import numpy_stream

__all__ = ["subsample"]


@checked
def subsample(split: Split, *, users: float = 1.0, rows: float = 1.0, seed: int = 0) -> Split:
    """Keep some of the users with all their rows, or some of the rows of train.

    The id maps stay as they are, so users that are left out are users without rows.

    Args:
        split: any split.
        users: share of the users to keep, in every part of the split.
        rows: share of the (remaining) rows of train to keep. Validation and test keep all rows, so that metrics of
            different shares can be compared.
        seed: the same seed keeps the same rows. A larger share keeps all rows that a smaller one keeps.

    Raises:
        SettingsError: a share is not above 0 and at most 1, or nothing is left to learn from.

    Example:
        >>> from fillrank.data import split, synthetic
        >>> whole = split.random(synthetic(50, 20, 400, seed=1).interactions)
        >>> part = subsample(whole, rows=0.5)
        >>> len(whole.train), len(part.train), len(part.test) == len(whole.test)
        (320, 160, True)
    """
    for name, share in (("users", users), ("rows", rows)):
        if not 0 < share <= 1:
            raise SettingsError(f"{name} must be a share above 0 and at most 1, got {share!r}")
    if users == rows == 1:
        return split
    train, valid, test = split.train, split.valid, split.test
    if users < 1:
        kept = np.zeros(train.n_users, dtype=np.bool_)
        kept[numpy_stream(seed, "thinned users").permutation(train.n_users)[: round(users * train.n_users)]] = True
        train, test = (part.select(kept[part.users]) for part in (train, test))
        valid = None if valid is None else valid.select(kept[valid.users])
    if rows < 1:
        order = numpy_stream(seed, "thinned rows").permutation(len(train))
        train = train.select(np.sort(order[: round(rows * len(order))]))
    if not len(train):
        raise SettingsError(f"users={users:g} and rows={rows:g} leave nothing to learn from; keep more")
    shares = {name: share for name, share in (("users", users), ("rows", rows)) if share < 1}
    return Split(train, valid, test, {**split.protocol, "kept": {**shares, "seed": seed}})
