"""Data by name or by path, split as a run asks.

Nothing here imports NumPy or PyTorch at module level: the command line takes :data:`SplitName` from here.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from fillrank.errors import SettingsError

if TYPE_CHECKING:
    from fillrank.data import Interactions, Split

__all__ = ["SplitName", "is_known", "named_or_read", "open_log", "open_split", "open_to_fit"]

SplitName = Literal["auto", "random", "per-user", "leave-last-out", "by-time"]
"""``auto``: the published split of a data set that has one (or is named ``DATA/SPLIT``), else random."""


def is_known(data: str) -> bool:
    """Whether ``data`` is the name of a known data set, or ``NAME/SPLIT``, and no path that exists.

    Example:
        >>> is_known("ml-100k/u1"), is_known("log.csv")
        (True, False)
    """
    from fillrank.data import list_datasets

    name, slash, _ = data.partition("/")
    return name in list_datasets() and not (slash and Path(data).exists())


def named_or_read(data: str, read: Mapping[str, Any]) -> str | Interactions:
    """The name of a known data set as it came, or the log in the file of that path.

    Args:
        data: a name or a path.
        read: options of :func:`fillrank.read`, for a file.

    Raises:
        SettingsError: options came for a data set that is known by name.
        DataError: there is no such data set or file, or it cannot be read.
    """
    from fillrank.data import read as read_log

    if not is_known(data):
        return read_log(data, **read)
    if read:
        raise SettingsError(
            f"{data!r} is a data set known by name; leave the options of reading ({', '.join(read)}) out"
        )
    return data


def open_log(data: str, read: Mapping[str, Any]) -> Interactions:
    """The whole log of a data set or a file; errors as in :func:`named_or_read`."""
    from fillrank.data import load

    log = named_or_read(data, read)
    return load(log.partition("/")[0]) if isinstance(log, str) else log


def open_split(data: str, read: Mapping[str, Any], how: SplitName, test: float, valid: float, seed: int) -> Split:
    """The data set or the file, split in the way called ``how``.

    Args:
        data, read: see :func:`named_or_read`.
        how: see :data:`SplitName`.
        test, valid: fractions of the rows; of a published split, ``valid`` is a fraction of its train part.
        seed: of the rows drawn.

    Raises:
        DataError: as :func:`named_or_read`, or the log cannot be split so.
        SettingsError: a fraction is out of range.
    """
    if how == "auto":
        from fillrank.experiments.compare import default_split

        return default_split(named_or_read(data, read), test=test, valid=valid, seed=seed)
    from fillrank.data import split

    log = open_log(data, read)
    if how == "per-user":
        return split.per_user(log, test=test, valid=valid, seed=seed)
    if how == "leave-last-out":
        return split.leave_last_out(log, valid=int(valid > 0))
    if how == "by-time":
        return split.by_time(log, test=test, valid=valid)
    return split.random(log, test=test, valid=valid, seed=seed)


def open_to_fit(data: str, read: Mapping[str, Any], how: SplitName, test: float, valid: float, seed: int) -> Split:
    """As :func:`open_split`, but ``test=0`` keeps nothing back: for a model that goes to work.

    Raises:
        SettingsError: ``test=0`` with a way to split that lives by its test part.
    """
    if test:
        return open_split(data, read, how, test, valid, seed)
    if how not in {"auto", "random"}:
        raise SettingsError(f"test = 0 keeps nothing back, and that goes with split 'random', not {how!r}")
    import numpy as np

    from fillrank.data import Split, split

    log = open_log(data, read)
    nothing = log.select(np.zeros(len(log), dtype=bool))
    if valid == 0:
        return Split(log, None, nothing, {"split": "none"})
    cut = split.random(log, test=valid, valid=0, seed=seed)
    return Split(cut.train, cut.test, nothing, {**cut.protocol, "test": 0, "valid": valid})
