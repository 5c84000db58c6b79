"""``strong``: a split by users, for how well a model serves those whom it has never met."""

from __future__ import annotations

import logging
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from fillrank.arguments import checked
from fillrank.data.held_out_users import HeldOutUsers, columns_of
from fillrank.data.interactions import Interactions
from fillrank.data.parts import Split, check_filled, check_fractions
from fillrank.errors import SettingsError
from fillrank.runtime.rng import numpy_stream

__all__ = ["strong"]

logger = logging.getLogger("fillrank")


@checked
def strong(data: Interactions, *, test: float = 0.1, valid: float = 0.1, known: float = 0.8, seed: int = 0) -> Split:
    """Hold out whole users: strong generalisation (Marlin 2004), by the protocol of Liang et al. (2018).

    Train has all rows of the other users. Of each held-out user a share of the rows, drawn at random, is known when
    their list is asked for; the rest is to be found. A user of one row is never held out. Rows of held-out users with
    items that nobody in train has met are left out, as no model can know these; how many is logged, and stands in the
    protocol as ``left_out``.

    ``valid`` and ``test`` are :class:`~fillrank.data.held_out_users.HeldOutUsers`. ``fit``, ``evaluate``, ``compare``
    and the rest take them as any other part: a model is given the known rows by its ``fold_in``, and one that cannot
    take in new users (NeuMF) says so. After the choices, a fit learns from train and from all rows of the users of
    validation.

    Liang et al. report Recall@20 and @50 divided by ``min(k, R)``, here ``recall_capped``, and nDCG@100.

    Args:
        data: the log.
        test, valid: fractions of the users, rounded to whole users; ``valid=0`` gives no validation part.
        known: share of a held-out user's rows that is known, rounded so that at least one row is on each side.
        seed: the same seed gives the same split.

    Raises:
        SettingsError: a fraction is out of range, or the two leave nothing to train on.
        DataError: a part that was asked for would be empty.

    Example:
        >>> from fillrank.data import synthetic
        >>> split = strong(synthetic(50, 20, 400, seed=1).interactions)
        >>> held_out = set(split.test.users.tolist())
        >>> len(held_out), held_out & set(split.train.users.tolist())
        (5, set())
    """
    check_fractions(test, valid)
    if not 0 < known < 1:
        raise SettingsError(f"known must be a fraction above 0 and below 1, got {known!r}")
    able = np.flatnonzero(data.user_counts > 1)
    random = numpy_stream(seed, "split")
    order = random.permutation(able)
    met = int((data.user_counts > 0).sum())
    n_test, n_valid = (round(share * met) for share in (test, valid))
    testers, watched = order[:n_test], order[n_test : n_test + n_valid]
    train = data.select(~np.isin(data.users, np.concatenate([testers, watched])))
    draws = _HeldOutRows(data, train.item_counts > 0, known, random.permutation(len(data)))
    parts = {"test": draws.part(testers)} | ({"valid": draws.part(watched)} if valid else {})
    if draws.left_out:
        logger.warning("%s rows of held-out users are left out: nobody in train has met their items", draws.left_out)
    protocol = {"split": "strong", "test": test, "valid": valid, "known": known, "seed": seed}
    protocol |= {"left_out": draws.left_out} if draws.left_out else {}
    check_filled(protocol, train=train, **parts)
    return Split(train, parts.get("valid"), parts["test"], protocol)


@dataclass
class _HeldOutRows:
    """What is known of held-out users, and what is to be found.

    Attributes:
        data: the whole log.
        in_train: bool ``[n_items]``: which items have a row in train.
        known: share of the rows of a user.
        rank: a random number for each row, in whose order rows are drawn.
        left_out: rows of the parts so far that are in neither, as their items are not in train or their users have
            nothing else.
    """

    data: Interactions
    in_train: NDArray[np.bool_]
    known: float
    rank: NDArray[np.int64]
    left_out: int = 0

    def part(self, users: NDArray[np.int64]) -> HeldOutUsers:
        """The part of some users."""
        data, of_them = self.data, np.isin(self.data.users, users)
        usable = of_them & self.in_train[data.items]
        counts = np.bincount(data.users[usable], minlength=data.n_users)
        usable &= counts[data.users] > 1
        self.left_out += int(of_them.sum() - usable.sum())
        rows = np.flatnonzero(usable)
        rows = rows[np.lexsort((self.rank[rows], data.users[rows]))]
        own = data.users[rows]
        counts = np.bincount(own, minlength=data.n_users)
        place = np.arange(len(rows)) - (np.cumsum(counts) - counts)[own]
        n_known = np.clip(np.floor(self.known * counts + 0.5), 1, np.maximum(counts - 1, 1))
        given = place < n_known[own]
        wanted = data.select(np.sort(rows[~given]))
        return HeldOutUsers(**columns_of(wanted), known=data.select(np.sort(rows[given])))
