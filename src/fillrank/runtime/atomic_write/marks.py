"""Recognise saved models, and refuse to write into them or over the inputs of a command."""

from __future__ import annotations

import glob
import os
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from fillrank.errors import DataError, FillrankError, ModelFileError
from fillrank.runtime.strict_json import read_json

__all__ = ["CONFIG", "LARGEST", "MARK", "is_ours", "refuse_inputs", "refuse_inside_model"]

CONFIG = "config.json"
MARK = "fillrank model"
LARGEST = 1 << 26
"""The largest size of ``config.json`` in bytes."""


def is_ours(folder: Path) -> bool:
    """Whether fillrank wrote ``folder``: its ``config.json`` has our mark, or the form of version 0.1."""
    try:
        config = read_json(folder / CONFIG, ModelFileError, largest=LARGEST)
    except ModelFileError:
        return False
    if not isinstance(config, dict):
        return False
    if config.get("format") == 1 and config.get("type") is None:
        written, digests = config.get("written_by"), config.get("sha256")
        return (
            isinstance(written, dict)
            and isinstance(digests, dict)
            and "fillrank" in written
            and {"model.safetensors", "users.parquet", "items.parquet", "history.jsonl"} <= digests.keys()
        )
    return config.get("type") == MARK


def refuse_inside_model(path: Path, what: str, error: type[FillrankError] = DataError) -> None:
    """Refuse a path inside the folder of a saved model, because a foreign file there would damage the model.

    Raises:
        FillrankError: of the class ``error``: a folder around ``path`` is a saved model.
    """
    for folder in Path(os.path.realpath(path)).parents:
        if os.path.lexists(folder / CONFIG) and is_ours(folder):
            raise error(f"{what} {path} is inside the saved model {folder}, which it would damage; give another place")


def refuse_inputs(path: Path, inputs: Iterable[Any], what: str, error: type[FillrankError] = DataError) -> None:
    """Refuse to write over a file that the same command reads.

    Args:
        path: of the file to write.
        inputs: what is read: files, folders of parts and patterns such as ``log-*.csv``. None, and names that are no
            files (such as a known data set), are ignored.
        what: what ``path`` is, for messages.
        error: the class to raise.

    Raises:
        FillrankError: of the class ``error``: ``path`` is one of the files, perhaps under another name (a link).
    """
    if not path.exists():
        return
    for given in inputs:
        if given is None:
            continue
        text = os.path.expanduser(os.fspath(given))  # noqa: PTH111 -- the text may name a data set and no path
        places = [Path(text), *(map(Path, glob.glob(text)) if glob.has_magic(text) else ())]  # noqa: PTH207
        for place in places:
            if not os.path.exists(place):  # noqa: PTH110 -- Path.exists raises where a name is too long
                continue
            if path.samefile(place) or (
                place.is_dir() and any(map(path.samefile, filter(Path.is_file, place.iterdir())))
            ):
                raise error(
                    f"{what} {path} is also an input of this command; give another name, it is not written over"
                )
