"""A saved model: one folder of plain files, written whole or not at all."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl
import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor

from fillrank._version import __version__
from fillrank.data import IdMap, Interactions
from fillrank.errors import FillrankError, ModelFileError
from fillrank.factors import scorer_from_parts
from fillrank.paths import expanded
from fillrank.recommend.card import card

if TYPE_CHECKING:
    from fillrank.recommend.recommender import Recommender

__all__ = ["FORMAT", "check_target", "load", "save"]

FORMAT = 1
"""Version of the folder's layout. A reader refuses a newer one."""

_TENSORS, _USERS, _ITEMS, _HISTORY, _CARD = (
    "model.safetensors",
    "users.parquet",
    "items.parquet",
    "history.jsonl",
    "README.md",
)
_CONFIG = "config.json"


def save(model: Recommender, path: str | os.PathLike[str]) -> None:
    """Write ``model`` to the folder ``path``, in place of a model that is there.

    ``config.json`` names the format, the recipe and its settings, and holds a SHA-256 of every file that matters;
    ``model.safetensors`` holds the factors and the seen items; ``users.parquet`` and ``items.parquet`` the ids in
    order; ``history.jsonl`` one line per epoch; ``README.md`` is a card for people. Everything is written to a
    temporary folder beside the target, then renamed: an interrupted save leaves the old model as it was.

    Raises:
        ModelFileError: the target is a file, or a folder that holds something else than a model.
    """
    target = check_target(path)
    target.parent.mkdir(parents=True, exist_ok=True)
    fresh = Path(tempfile.mkdtemp(prefix=f".{target.name}-", dir=target.parent))
    try:
        _write(model, fresh)
        fresh.chmod(0o755)
        if target.exists():
            old = Path(tempfile.mkdtemp(prefix=f".{target.name}-old-", dir=target.parent)) / "model"
            target.replace(old)
            fresh.replace(target)
            shutil.rmtree(old.parent)
        else:
            fresh.replace(target)
    finally:
        shutil.rmtree(fresh, ignore_errors=True)


def check_target(path: str | os.PathLike[str]) -> Path:
    """The folder ``path``, if a model may be saved there: it is not there yet, is empty, or holds a model.

    Raises:
        ModelFileError: the target is a file, or a folder that holds something else than a model.
    """
    target = expanded(path, "the model", ModelFileError)
    if target.exists() and not _is_model(target):
        raise ModelFileError(f"{target} exists and is no saved model; give a new folder, it is not written over")
    return target


def load(path: str | os.PathLike[str]) -> dict[str, Any]:
    """The parts of a saved model, as the arguments of :class:`fillrank.recommend.Recommender`.

    Raises:
        ModelFileError: there is no model, a file is missing or not as it was written, or the format is newer.
    """
    folder = expanded(path, "the model", ModelFileError)
    config = _read_config(folder)
    for name, digest in config["sha256"].items():
        if not (folder / name).is_file():
            raise ModelFileError(f"{folder} is torn: {name} is missing; save the model again")
        if _digest(folder / name) != digest:
            raise ModelFileError(f"{folder} is torn: {name} is not as it was written; save the model again")
    try:
        return _parts(folder, config)
    except (SafetensorError, KeyError, OSError, FillrankError, pl.exceptions.PolarsError) as error:
        raise ModelFileError(f"{folder} does not hold a whole model ({error}); save the model again") from error


def _write(model: Recommender, folder: Path) -> None:
    tensors: dict[str, Tensor] = {f"scorer/{name}": tensor for name, tensor in model.scorer.tensors().items()}
    if model.rater is not None:
        tensors |= {f"rater/{name}": tensor for name, tensor in model.rater.tensors().items()}
    tensors["seen/users"] = torch.from_numpy(model.log.users.copy())
    tensors["seen/items"] = torch.from_numpy(model.log.items.copy())
    tensors["popularity"] = torch.from_numpy(np.array(model.popularity, dtype=np.int64))
    save_file({name: tensor.detach().cpu().contiguous().clone() for name, tensor in tensors.items()}, folder / _TENSORS)
    for name, ids in ((_USERS, model.user_ids), (_ITEMS, model.item_ids)):
        columns = [ids.ids] if ids.labels is None else [ids.ids, ids.labels.alias("label")]
        pl.DataFrame(columns).write_parquet(folder / name)
    (folder / _HISTORY).write_text("".join(json.dumps(dict(epoch)) + "\n" for epoch in model.history))
    (folder / _CARD).write_text(card(model), encoding="utf-8")
    config = {
        "format": FORMAT,
        "written_by": {"fillrank": __version__, "torch": torch.__version__, "numpy": np.__version__},
        "name": model.name,
        "data": model.log.name,
        "settings": dict(model.settings),
        "scale": model.scale,
        "refit": model.refit,
        "scorer": model.scorer.settings(),
        "rater": None if model.rater is None else model.rater.settings(),
        "sha256": {name: _digest(folder / name) for name in (_TENSORS, _USERS, _ITEMS, _HISTORY)},
    }
    (folder / _CONFIG).write_text(json.dumps(config, indent=2) + "\n", encoding="utf-8")


def _parts(folder: Path, config: Mapping[str, Any]) -> dict[str, Any]:
    tensors = load_file(folder / _TENSORS)
    user_ids, item_ids = (_read_ids(folder / name) for name in (_USERS, _ITEMS))
    log = Interactions(
        users=tensors["seen/users"].numpy(),
        items=tensors["seen/items"].numpy(),
        values=None,
        times=None,
        user_ids=user_ids,
        item_ids=item_ids,
        name=config["data"],
    )
    rater = config["rater"]
    return {
        "scorer": scorer_from_parts(_below("scorer/", tensors), config["scorer"]),
        "rater": None if rater is None else scorer_from_parts(_below("rater/", tensors), rater),
        "log": log,
        "scale": None if config["scale"] is None else tuple(config["scale"]),
        "name": config["name"],
        "settings": config["settings"],
        "history": [json.loads(line) for line in (folder / _HISTORY).read_text().splitlines()],
        "popularity": tensors["popularity"].numpy(),
        "refit": config.get("refit"),
    }


def _read_config(folder: Path) -> dict[str, Any]:
    file = folder / _CONFIG
    if not file.is_file():
        raise ModelFileError(f"there is no saved model in {folder} (no {_CONFIG}); give the folder that save() wrote")
    try:
        config = json.loads(file.read_text(encoding="utf-8"))
        found = config["format"]
    except (json.JSONDecodeError, UnicodeDecodeError, KeyError, TypeError) as error:
        raise ModelFileError(f"{file} is torn or foreign ({error}); save the model again") from error
    if not isinstance(found, int) or found > FORMAT:
        raise ModelFileError(
            f"{folder} is of format {found!r}, this fillrank {__version__} reads up to {FORMAT}; upgrade fillrank"
        )
    if not isinstance(config, dict) or "sha256" not in config:
        raise ModelFileError(f"{file} is torn or foreign; save the model again")
    return config


def _read_ids(file: Path) -> IdMap:
    frame = pl.read_parquet(file)
    return IdMap(frame["id"], labels=frame["label"] if "label" in frame.columns else None)


def _below(prefix: str, tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    return {name.removeprefix(prefix): tensor for name, tensor in tensors.items() if name.startswith(prefix)}


def _digest(file: Path) -> str:
    with file.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def _is_model(folder: Path) -> bool:
    return folder.is_dir() and ((folder / _CONFIG).is_file() or not any(folder.iterdir()))
