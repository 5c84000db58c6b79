"""The folder of a run: locked for one process, checked for free space; interrupted models are kept beside it."""

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
from fillrank.runtime.paths import with_ending
from fillrank.training import World

__all__ = ["RUN", "alone", "check_out", "least_bytes", "remove_partial", "save_partial", "save_run"]

logger = logging.getLogger("fillrank")

RUN = "run.toml"
"""The file of the run in the folder of its model."""
_LONGEST = 200  # of a name: ".checkpoint" or ".interrupted" follows it, and most file systems take 255 bytes


@contextmanager
def alone(out: Path, world: World) -> Iterator[None]:
    """Inside the block, no other process can fit into the same folder."""
    if world.rank > 0:
        yield
        return
    with only_one(out, "is fitting a model into", ModelFileError):
        yield


def check_out(path: str) -> Path:
    """As :func:`~fillrank.recommend.saved.check_target`; also check that files beside the folder can be named after it.

    Raises:
        ModelFileError: the name is too long, or the folder cannot be saved to.
    """
    out = check_target(path)
    if len(os.fsencode(out.name)) > _LONGEST:
        raise ModelFileError(f"the name {out.name} is longer than {_LONGEST} bytes; give a shorter one")
    return out


def least_bytes(maker: Recipe, train: Interactions) -> int:
    """A lower bound of the size of the saved model: its rows, and its vectors if their length is set."""
    size = max((n for name in ("dim", "rank") if isinstance(n := getattr(maker, name, 0), int)), default=0)
    return 8 * len(train) + 4 * size * (train.n_users + train.n_items)


def save_run(model: Recommender, run: str, folder: Path) -> Path:
    """Save the model, with the run as TOML in its folder. Signals wait until both are written."""
    with Interrupt():
        save(model, folder, beside_it={RUN: run})
    return folder


def save_partial(model: Recommender, run: str, out: Path) -> Path | None:
    """Save what an interrupted run had learned; returns None if this cannot be written."""
    try:
        return save_run(model, run, _interrupted(out))
    except (FillrankError, OSError) as error:
        logger.warning("what was learnt cannot be kept: %s", error)
        return None


def remove_partial(run: str, out: Path) -> None:
    """Remove the model of an interrupted run, after the complete model was saved."""
    folder = _interrupted(out)
    remove_leftovers(folder)
    if not (folder / RUN).is_file() or not holds_a_model(folder):
        return
    if (folder / RUN).read_text(encoding="utf-8") == run:
        shutil.rmtree(folder, ignore_errors=True)


def _interrupted(out: Path) -> Path:
    """The folder for the model of an interrupted run."""
    return with_ending(out, ".interrupted")
