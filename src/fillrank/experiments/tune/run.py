"""``run_tune``: run trials until there are enough, and write their record."""

from __future__ import annotations

from importlib.util import find_spec
from typing import TYPE_CHECKING

from fillrank.errors import MissingExtraError, SettingsError
from fillrank.experiments.tune.plan import TunePlan
from fillrank.runtime.atomic_write import check_inside, disk_full_in_words
from fillrank.runtime.launch import world_size

if TYPE_CHECKING:
    from fillrank.experiments.tune.record import TuneRecord

__all__ = ["run_tune"]

_WRITTEN = ("record.json", "best.toml", "parallel.png", "importance.png")


def run_tune(plan: TunePlan) -> TuneRecord:
    """Run tuning, or continue it, until there are ``n_trials`` trials, and write their record.

    The study is the file ``study.jsonl`` in ``plan.out``, a line for each event. The same call goes on with it, and
    several processes may work on one at a time: each adds trials until there are enough (what is under way then is
    finished, so there may be a few more). The trials draw from streams of the seed and their number; one process that
    was stopped and begun again makes the trials of one that was not. Ctrl-C ends the trial under way, which does not
    count, and then the tuning.

    Beside the study are written ``record.json`` and ``best.toml``, a run for ``fillrank fit``.

    Raises:
        MissingExtraError: Optuna is not installed.
        SettingsError: the folder holds a study of another plan or files of somebody else, or cannot be written; or a
            trial's settings do not fit the data.
        DiskFullError: there is no room left.
        TrainingError: no trial came to an end.
    """
    if find_spec("optuna") is None:
        raise MissingExtraError('tune needs Optuna: pip install "fillrank[tune]"')
    if world_size() > 1:
        raise SettingsError("the processes of tune share trials, not batches: start it several times, without torchrun")
    from fillrank.experiments.tune.trials import search

    folder = check_inside(plan.out, "the folder of the trials", SettingsError)
    others = [name for name in _WRITTEN if (folder / name).exists()]
    if others and not (folder / "study.jsonl").exists():
        raise SettingsError(f"{folder} holds {', '.join(others)} and no trials; name another folder")
    with disk_full_in_words(folder):
        return search(plan)
