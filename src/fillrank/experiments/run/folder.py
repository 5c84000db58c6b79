"""Where a run is saved: one process at a time, room for it, and what an interrupted one has learnt beside it."""

from __future__ import annotations

import logging
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from fillrank.data import Interactions
from fillrank.errors import FillrankError, ModelFileError
from fillrank.models import Recipe
from fillrank.recommend import Recommender
from fillrank.recommend.saved import check_target, holds_a_model, save
from fillrank.runtime.atomic_write import only_one, remove_leftovers
from fillrank.runtime.interrupt import Interrupt
from fillrank.training import World

__all__ = ["RUN", "alone", "check_out", "least_bytes", "remove_partial", "save_partial", "save_run"]

logger = logging.getLogger("fillrank")

RUN = "run.toml"
"""What a run is written into, in the folder of its model."""
_LONGEST = 200  # of a name: ".checkpoint" or ".interrupted" follows it, and most file systems take 255 bytes


@contextmanager
def alone(out: Path, world: World) -> Iterator[None]:
    """No other fit into the same folder meanwhile."""
    if world.rank > 0:
        yield
        return
    with only_one(out, "is fitting a model into", ModelFileError):
        yield


def check_out(path: str) -> Path:
    """As :func:`~fillrank.recommend.saved.check_target`, and what stands beside the folder can be named after it.

    Raises:
        ModelFileError: the name is too long, or the folder cannot be saved to.
    """
    out = check_target(path)
    if len(os.fsencode(out.name)) > _LONGEST:
        raise ModelFileError(f"the name {out.name} is longer than {_LONGEST} bytes; give a shorter one")
    return out


def least_bytes(maker: Recipe, train: Interactions) -> int:
    """What the saved model is not smaller than: the rows it was trained on, and its vectors where their size is set."""
    size = max((n for name in ("dim", "rank") if isinstance(n := getattr(maker, name, 0), int)), default=0)
    return 8 * len(train) + 4 * size * (train.n_users + train.n_items)


def save_run(model: Recommender, run: str, folder: Path) -> Path:
    """The model, and in its folder the run that it came of (TOML). A signal waits until both are written."""
    with Interrupt():
        save(model, folder, beside_it={RUN: run})
    return folder


def save_partial(model: Recommender, run: str, out: Path) -> Path | None:
    """Subsample what an interrupted run had learnt; None where that cannot be written."""
    try:
        return save_run(model, run, _interrupted(out))
    except (FillrankError, OSError) as error:
        logger.warning("what was learnt cannot be kept: %s", error)
        return None


def remove_partial(run: str, out: Path) -> None:
    """Remove what the same run had learnt when it was interrupted: the whole model has taken its place."""
    folder = _interrupted(out)
    remove_leftovers(folder)
    if not (folder / RUN).is_file() or not holds_a_model(folder):
        return
    if (folder / RUN).read_text(encoding="utf-8") == run:
        shutil.rmtree(folder, ignore_errors=True)


def _interrupted(out: Path) -> Path:
    """Where what an interrupted run had learnt is kept."""
    return out.with_name(f"{out.name}.interrupted")
