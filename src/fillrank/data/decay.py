"""Weights that fade with age: what was met long ago counts less than what was met last week."""

from __future__ import annotations

from dataclasses import replace

from fillrank.arguments import checked
from fillrank.data.moments import Moment, seconds_of
from fillrank.data.parts import Split

__all__ = ["decay"]


@checked
def decay(split: Split, *, half_life: float, now: Moment | None = None) -> Split:
    """The split with weights of train and validation that fade with the age of a row; test stays as it is.

    ``now`` is by default the last moment of train and validation together: what a model is given to learn from. The
    moments of the test rows are never looked at.

    Args:
        split: whose parts have times.
        half_life: days after which a row counts half of what it did.
        now: the moment at which a row would count in full; later ones do too.

    Raises:
        SettingsError: ``half_life`` is not a number above 0, or ``now`` is no moment.
        DataError: the parts have no times.

    Example:
        >>> from fillrank.data import Interactions, split
        >>> log = Interactions.from_arrays([1, 1, 1], [1, 2, 3], times=["2024-01-01", "2024-01-11", "2024-03-01"])
        >>> decay(split.by_time(log, test="2024-02-01", valid=0), half_life=10).train.weights.tolist()
        [0.5, 1.0]
    """
    given = [split.train] if split.valid is None else [split.train, split.valid]
    if now is None:
        last = [int(part.times.max()) for part in given if part.times is not None and len(part)]
        moment = float(max(last, default=0))
    else:
        moment = seconds_of("now", now)
    train, *valid = (part.faded(half_life=half_life, now=moment) for part in given)
    protocol = {**split.protocol, "half_life": half_life, "now": moment}
    return replace(split, train=train, valid=valid[0] if valid else None, protocol=protocol)
