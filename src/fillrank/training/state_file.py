"""``StateFile``: what an iterative method needs to go on after a stop, kept in a file after its rounds."""

from __future__ import annotations

import hashlib
import logging
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
from torch import Tensor

from fillrank.data import Interactions
from fillrank.errors import DataError, FillrankError
from fillrank.training.checkpoint import Checkpoint, Saved
from fillrank.training.rounds import Rounds

__all__ = ["StateFile", "fingerprint", "prefixed"]

logger = logging.getLogger("fillrank")
Kept = TypeVar("Kept")
_BLOCK = 1 << 20
_SHARE = 0.05
"""The largest share of the time that goes into writing: a method with short rounds does not write after each."""

_OF_OTHER_KINDS = (LookupError, TypeError, ValueError, RuntimeError, AttributeError)
"""Exceptions that are raised if a file has another content."""


@dataclass
class StateFile:
    """The checkpoint of one training: the trainer, a solver, a sampler.

    A state belongs to a training with the same ``identity``: data, settings, sizes. It is written whole after a round,
    if that takes no more than a twentieth of the time, and always after the last round, the user's stop or a
    callback's. Random streams are not written where they follow from the seed and the number of the round.

    Attributes:
        place: of the file; None: nothing is kept.
        identity: what must be equal, as plain data.
        often: write after every round, whatever it takes.
    """

    place: str | Path | None
    identity: Mapping[str, Any]
    often: bool = False
    _written: float = field(default=-float("inf"), init=False)
    _cost: float = field(default=0.0, init=False)

    def read(self) -> Saved | None:
        """The state that was kept; None: there is none.

        Raises:
            DataError: the file is torn, or of another training.
        """
        saved = None if self.place is None else self._checkpoint.read()
        if saved is None:
            return None
        if saved.facts.get("training") != self.identity:
            raise DataError(
                f"{self.place} belongs to another training ({saved.facts.get('training')}, not {dict(self.identity)}); "
                "remove it to begin anew, or name another file"
            )
        return saved

    def go_on(
        self, saved: Saved | None, rounds: Rounds[Kept], restore: Callable[[Saved], Kept], *, judged: bool
    ) -> None:
        """Go on from a state: its history and best round go to ``rounds``.

        Args:
            saved: from :meth:`read`; None: nothing is done.
            rounds: that have not begun.
            restore: takes the state itself, and returns what was kept of the best round.
            judged: whether rounds are judged by a score.

        Raises:
            DataError: the file holds something else than such a state.
        """
        if saved is None:
            return
        try:
            past, (score, best_epoch) = saved.facts["past"], saved.facts["best"]
            if not all(isinstance(epoch, dict) and epoch.get("epoch") == n for n, epoch in enumerate(past, start=1)):
                raise ValueError("its record of the epochs is not whole")
            if not isinstance(score, float) or not isinstance(best_epoch, int) or not 0 <= best_epoch <= len(past):
                raise ValueError("its record of the best epoch is not whole")
            best = restore(saved)
        except FillrankError:
            raise
        except _OF_OTHER_KINDS as error:
            raise self._checkpoint.torn(error) from error
        rounds.go_on_from(past, best, best_epoch, score if judged else None)
        logger.info("going on after %s %d of %s", rounds.unit, len(past), self.place)

    def round_ended(
        self, rounds: Rounds[Any], state: Callable[[], Saved], *, judged: bool, writes: bool = True
    ) -> None:
        """Call after :meth:`Rounds.epoch_end`: keeps the state, if it is time for that.

        Args:
            rounds: which have ended one.
            state: makes it: tensors, and facts beside those that every state has. Called in all processes.
            judged: whether rounds are judged by a score.
            writes: whether this process writes.
        """
        if self.place is None or not (self.often or rounds.over or rounds.ended or self.is_due()):
            return
        own = state()
        if writes:
            score = rounds.best_score if judged else float(rounds.best_epoch)
            self.write(own, rounds.history, (score, rounds.best_epoch))

    def write(self, own: Saved, past: Sequence[Mapping[str, float]], best: tuple[float, int]) -> None:
        """Replace what is in the file.

        Args:
            own: tensors and facts of the method itself.
            past: the history up to that state.
            best: score and number of the best round.
        """
        facts = {"training": dict(self.identity), "past": list(past), "best": list(best)}
        began = time.perf_counter()
        self._checkpoint.write(Saved(own.tensors, {**own.facts, **facts}))
        self._written = time.perf_counter()
        self._cost = self._written - began

    def is_due(self) -> bool:
        """Whether writing now would take no more than its share of the time."""
        return time.perf_counter() - self._written >= self.pause

    @property
    def pause(self) -> float:
        """Seconds between two writings that keep to that share."""
        return self._cost / _SHARE

    @property
    def _checkpoint(self) -> Checkpoint:
        return Checkpoint(Path(str(self.place)))


def fingerprint(*logs: Interactions | None) -> str:
    """A short digest of all columns of the logs.

    Example:
        >>> one, other = (Interactions.from_arrays(["a"], ["x"], values=[value]) for value in (1, 2))
        >>> fingerprint(one) == fingerprint(one), fingerprint(one) == fingerprint(other), len(fingerprint(one, None))
        (True, False, 16)
    """
    digest = hashlib.blake2b(digest_size=8)
    for one in logs:
        columns = () if one is None else (one.users, one.items, one.values, one.times, one.weights)
        digest.update(b"log" if one is None else f"{one.n_users} {one.n_items} {len(one)}".encode())
        for column in columns:
            digest.update(b"column")
            for first in range(0, 0 if column is None else len(column), _BLOCK):
                digest.update(np.ascontiguousarray(column[first : first + _BLOCK]).tobytes())  # type: ignore[index]
    return digest.hexdigest()


def prefixed(prefix: str, tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The tensors with a prefix before their names.

    Example:
        >>> import torch
        >>> list(prefixed("best/", {"users": torch.zeros(1)}))
        ['best/users']
    """
    return {prefix + name: tensor for name, tensor in tensors.items()}
