"""Save and load models: one folder of plain files, which is written completely or not at all."""

from __future__ import annotations

import hashlib
import json
import logging
import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import torch
from numpy.typing import NDArray
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor

from fillrank._version import __version__
from fillrank.arguments import shown
from fillrank.data import Interactions
from fillrank.errors import DataError, FillrankError, ModelFileError
from fillrank.factors import scorer_from_parts
from fillrank.recommend.column_parts import features_settings, log_features, log_tensors
from fillrank.recommend.config import FORMAT, read_config
from fillrank.recommend.contents import Contents
from fillrank.recommend.id_files import read_ids, write_ids
from fillrank.recommend.item_table_parts import table_from_parts, table_settings, table_tensors
from fillrank.recommend.model_card import card
from fillrank.registry import is_record
from fillrank.renames import tensor_name
from fillrank.runtime.atomic_write import (
    UNSEALED,
    beside,
    check_folder,
    old_folder,
    put_folder,
    seal,
    sync,
    sync_folder,
)
from fillrank.runtime.atomic_write.marks import CONFIG, MARK, is_ours
from fillrank.runtime.paths import expanded
from fillrank.runtime.strict_json import parse_json
from fillrank.training.options import without_run_words

__all__ = ["FORMAT", "check_target", "holds_a_model", "load", "save"]

logger = logging.getLogger("fillrank")

_TENSORS, _USERS, _ITEMS, _HISTORY, _CARD = (
    "model.safetensors",
    "users.parquet",
    "items.parquet",
    "history.jsonl",
    "README.md",
)
_OURS = {
    _TENSORS,
    _USERS,
    _ITEMS,
    _HISTORY,
    _CARD,
    CONFIG,
    "run.toml",
    "learnt.json",
    ".DS_Store",
    "Thumbs.db",
    "desktop.ini",
}
"""What a folder may hold and be saved over: our files, and those that file managers put into any folder."""

_KEPT = {"values": torch.float32, "times": torch.int64, "weights": torch.float32}
"""Columns of the log that are kept where it has them."""
_TRIES = 5
_UNREADABLE = (
    SafetensorError,
    FillrankError,
    OSError,
    pl.exceptions.PolarsError,
    pl.exceptions.PanicException,
    LookupError,
    TypeError,
    ValueError,
    AttributeError,
    ArithmeticError,
    RuntimeError,
)
"""Exceptions that reading damaged files can raise. Each of them means that the model is damaged."""


def save(model: Contents, path: str | os.PathLike[str], *, beside_it: Mapping[str, str] | None = None) -> None:
    """Write ``model`` to the folder ``path``, over a model that is there.

    ``config.json`` names the format, the recipe and its settings, and holds a SHA-256 of every file, itself included;
    ``model.safetensors`` holds the factors and the log's rows, with values, times and weights (what a scorer has in
    common with these is there once); ``users.parquet`` and ``items.parquet`` the ids in order; ``history.jsonl`` one
    line per epoch; ``README.md`` is a card for people. Everything is written to a temporary folder beside the target,
    brought to the disk, and then takes the target's place in one step: at any moment there is the old model or the new
    one, whole. What a killed save has left is removed by the next.

    Args:
        model: the model.
        path: the folder.
        beside_it: further text files for the folder, by name, such as ``run.toml``.

    Raises:
        ModelFileError: see :func:`check_target`.
        DiskFullError: the disk is full; an old model stays as it was.
    """
    target = check_target(path)
    _say_what_has_no_name(model)
    with beside(target) as folder:
        fresh = folder / "model"
        fresh.mkdir()
        _write(model, fresh, dict(beside_it or {}))
        _finish(fresh)
        put_folder(fresh, target)


def _say_what_has_no_name(model: Contents) -> None:
    """Warn of parts that were passed as objects: the saved model is complete, but cannot be fitted again by name."""
    for name, record in _records("", model.settings):
        what = record.get("class") or record.get("function")
        logger.warning(
            "%s of %s was an object, %s, which no name makes again: the saved model ranks and loads as it is, but its "
            "settings fit no other; to have it named, register its class (docs/how-to/your-own-parts.md) and fit again",
            name,
            model.name or "the model",
            what,
        )


def _records(name: str, value: Any) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """The records of objects in settings, with their dotted names."""
    if is_record(value):
        yield name, value
    elif isinstance(value, Mapping | list):
        each = value.items() if isinstance(value, Mapping) else enumerate(value)
        for key, one in each:
            yield from _records(f"{name}.{key}" if name else str(key), one)


def check_target(path: str | os.PathLike[str]) -> Path:
    """Return the folder ``path`` if a model can be saved there: it is new, is empty, or contains only a saved model.

    Raises:
        ModelFileError: the target is a file, a link, a mount point or the current folder; it contains other files than
            those of a saved model (recognised by its ``config.json``); or it cannot be written.
        DiskFullError: the disk is full.
    """
    return check_folder(path, "the model", ModelFileError, foreign=_foreign)


def holds_a_model(folder: Path) -> bool:
    """Whether ``folder`` contains a saved model and nothing else."""
    return folder.is_dir() and _foreign(folder) is None


def load(path: str | os.PathLike[str]) -> dict[str, Any]:
    """Read a saved model as the arguments of :class:`fillrank.recommend.Recommender`.

    If another process saves over the model meanwhile, the result is the complete old or the complete new one.

    Raises:
        ModelFileError: there is no model, a file is missing or changed, a part has the wrong type, or the format is
            newer.
    """
    folder = expanded(path, "the model", ModelFileError)
    for _ in range(_TRIES):
        place = old_folder(folder) or folder
        before = _identity(place)
        try:
            parts = _load(place)
        except ModelFileError:
            if _identity(old_folder(folder) or folder) == before:
                raise
        else:
            if _identity(place) == before:
                return parts
    return _load(folder)


def _load(folder: Path) -> dict[str, Any]:
    config = read_config(folder)
    for name in dict.fromkeys((_TENSORS, _USERS, _ITEMS, _HISTORY, *config["sha256"])):
        _check_digest(folder / name, config["sha256"].get(name))
    try:
        return _parts(folder, config)
    except _UNREADABLE as error:
        raise ModelFileError(f"{folder} does not hold a whole model ({error}); save the model again") from error


def _check_digest(file: Path, digest: str | None) -> None:
    if file.name == _CARD:  # people may edit the card
        if not file.is_file() or _digest(file) != digest:
            logger.warning("%s is not as it was written; the model beside it is", file)
        return
    if digest is None:
        raise ModelFileError(f"{file.parent} is torn: {CONFIG} has no digest of {file.name}; save the model again")
    if not file.is_file():
        raise ModelFileError(f"{file.parent} is torn: {file.name} is missing; save the model again")
    if _digest(file) != digest:
        raise ModelFileError(f"{file.parent} is torn: {file.name} is not as it was written; save the model again")


def _write(model: Contents, folder: Path, texts: Mapping[str, str]) -> None:
    tensors: dict[str, Tensor] = {f"scorer/{name}": tensor for name, tensor in model.scorer.tensors().items()}
    if model.predictor is not None:
        tensors |= {f"predictor/{name}": tensor for name, tensor in model.predictor.tensors().items()}
    tensors["seen/users"] = torch.from_numpy(model.interactions.users.copy())
    tensors["seen/items"] = torch.from_numpy(model.interactions.items.copy())
    for column in _KEPT:
        if (kept := getattr(model.interactions, column)) is not None:
            tensors[f"seen/{column}"] = torch.from_numpy(kept.copy())
    same = _stored_already(tensors)
    tensors |= table_tensors(model.item_table) | log_tensors(model.interactions)
    tensors["popularity"] = torch.from_numpy(np.array(model.popularity, dtype=np.int64))
    written = {name: tensor for name, tensor in tensors.items() if name not in same}
    save_file({name: tensor.detach().cpu().contiguous().clone() for name, tensor in written.items()}, folder / _TENSORS)
    for name, ids in ((_USERS, model.user_ids), (_ITEMS, model.item_ids)):
        write_ids(ids, folder / name)
    history = "".join(json.dumps(dict(epoch)) + "\n" for epoch in model.history)
    for name, text in {_HISTORY: history, _CARD: card(model), **texts}.items():
        (folder / name).write_text(text, encoding="utf-8")
    config = {
        "format": FORMAT,
        "type": MARK,
        "digest": UNSEALED,
        "written_by": {"fillrank": __version__, "torch": torch.__version__, "numpy": np.__version__},
        "name": model.name,
        "data": model.interactions.name,
        "relevant_from": model.interactions.relevant_from,
        "settings": dict(model.settings),
        "value_range": model.value_range,
        "refit": model.refit,
        "item_table": table_settings(model.item_table),
        **features_settings(model.interactions),
        "scorer": model.scorer.settings(),
        "predictor": None if model.predictor is None else model.predictor.settings(),
        **({"same": same} if same else {}),
        "sha256": {name: _digest(folder / name) for name in (_TENSORS, _USERS, _ITEMS, _HISTORY, _CARD, *texts)},
    }
    (folder / CONFIG).write_text(json.dumps(config, indent=2) + "\n", encoding="utf-8")
    seal(folder / CONFIG)


def _stored_already(tensors: Mapping[str, Tensor]) -> dict[str, str]:
    """Tensors that are the users or the items seen, to the bit: the histories of a scorer that adds them up."""
    seen = {name: tensor for name, tensor in tensors.items() if name.startswith("seen/")}
    return {
        name: other
        for name, tensor in tensors.items()
        for other, one in seen.items()
        if not name.startswith("seen/") and tensor.dtype == one.dtype and torch.equal(tensor, one)
    }


def _finish(folder: Path) -> None:
    """Give all files the usual permissions, and sync them to the disk."""
    mode = (folder / CONFIG).stat().st_mode & 0o777
    for file in folder.iterdir():
        file.chmod(mode)
        sync(file)
    sync_folder(folder)


def _parts(folder: Path, config: Mapping[str, Any]) -> dict[str, Any]:
    tensors = {tensor_name(name): tensor for name, tensor in load_file(folder / _TENSORS).items()}
    tensors |= {name: tensors[other] for name, other in config["same"].items()}
    user_ids, item_ids = (read_ids(folder / name) for name in (_USERS, _ITEMS))
    interactions = Interactions(
        users=_numbers(tensors, "seen/users", torch.int32),
        items=_numbers(tensors, "seen/items", torch.int32),
        values=_column(tensors, "values"),
        times=_column(tensors, "times"),
        weights=_column(tensors, "weights"),
        user_ids=user_ids,
        item_ids=item_ids,
        relevant_from=config.get("relevant_from"),
        name=config["data"],
        **log_features(tensors, config, user_ids, item_ids),
    )
    popularity = _numbers(tensors, "popularity", torch.int64)
    if len(popularity) != len(item_ids) or (popularity < 0).any():
        raise DataError(f"popularity has to be {len(item_ids)} counts, one for each item")
    predictor = config["predictor"]
    return {
        "scorer": scorer_from_parts(_below("scorer/", tensors), config["scorer"]),
        "predictor": None if predictor is None else scorer_from_parts(_below("predictor/", tensors), predictor),
        "interactions": interactions,
        "value_range": None if config["value_range"] is None else tuple(config["value_range"]),
        "name": config["name"],
        "settings": without_run_words(config["settings"]),
        "history": _read_history(folder / _HISTORY),
        "popularity": popularity,
        "refit": config["refit"],
        "item_table": table_from_parts(tensors, config.get("item_table"), len(item_ids)),
    }


def _column(tensors: Mapping[str, Tensor], column: str) -> NDArray[Any] | None:
    """What the log had beside who met what; None where it had no such column, or fillrank 0.1 kept none."""
    name = f"seen/{column}"
    return _numbers(tensors, name, _KEPT[column]) if name in tensors else None


def _numbers(tensors: Mapping[str, Tensor], name: str, dtype: torch.dtype) -> NDArray[Any]:
    tensor = tensors[name]
    if tensor.dtype != dtype or tensor.dim() != 1:
        raise DataError(f"{name} has to be a list of {dtype}, it is {tensor.dtype} {list(tensor.shape)}")
    return tensor.numpy()


def _read_history(file: Path) -> list[dict[str, Any]]:
    epochs = [parse_json(line) for line in file.read_text(encoding="utf-8").splitlines()]
    for number, epoch in enumerate(epochs, start=1):
        if not isinstance(epoch, dict):
            raise DataError(f"{file.name}, line {number}, has to be a table, it is {shown(epoch)}")
    return epochs


def _below(prefix: str, tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    return {name.removeprefix(prefix): tensor for name, tensor in tensors.items() if name.startswith(prefix)}


def _digest(file: Path) -> str:
    with file.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def _identity(folder: Path) -> tuple[int, int] | None:
    """The identity of a folder on the disk, because another folder can get its name."""
    try:
        found = folder.stat()
    except OSError:
        return None
    return found.st_dev, found.st_ino


def _foreign(folder: Path) -> str | None:
    """Why a folder with files is not (only) a saved model; None if it is one."""
    if not is_ours(folder):
        return "exists and is no saved model"
    others = sorted({file.name for file in folder.iterdir()} - _OURS)
    if not others:
        return None
    return f"holds what is no part of a saved model ({', '.join(others[:3])}{', …' if len(others) > 3 else ''})"
