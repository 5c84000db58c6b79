"""A run as a TOML file: one model, its data, its settings, and where it is saved."""

from __future__ import annotations

import logging
import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, Self

from pydantic import Field

from fillrank.data import Interactions, Split
from fillrank.errors import SettingsError
from fillrank.experiments.data.data_source import SplitName, open_to_fit
from fillrank.experiments.data.source import DataSource, Share, faded, read_features
from fillrank.experiments.data.subsample import Subsample
from fillrank.experiments.run.agreement import facts_of
from fillrank.experiments.run.folder import alone, check_out, least_bytes, remove_partial, save_partial, save_run
from fillrank.experiments.run.options import RunOptions, options_apart
from fillrank.experiments.run.resume import Resumable, remove_states
from fillrank.experiments.toml.files import OPTIONS, ModelName, OutPath, read_toml, strict, toml_text
from fillrank.models import DEFAULTS, Recipe, default_model, has_ratings, recipe
from fillrank.models.named_parts import refuse_objects
from fillrank.recommend import Recommender
from fillrank.runtime.atomic_write import check_room
from fillrank.runtime.interrupt import Interrupt
from fillrank.runtime.launch import agree, processes
from fillrank.training import World
from fillrank.training.callbacks import Callback, EpochEnd

__all__ = ["DataPlan", "Outcome", "RunPlan", "fit_run", "read_run"]

logger = logging.getLogger("fillrank")


class DataPlan(DataSource):
    """The data and their split: the common part of runs and tuning.

    Attributes:
        data, train, test, read, half_life, now: see :class:`fillrank.experiments.data.source.DataSource`.
        split: the way to split; see :data:`fillrank.experiments.data.data_source.SplitName`.
        valid: a fraction of the rows; of two files, of the rows of train.
        seed: of the split and, unless its settings have one, of the model.
        subsample: the part of the data that is worked on; all unless given.
        item_features, user_features: what is known of items and of users: the path of a file, or a table with ``file``
            and the options of :meth:`fillrank.Features.from_frame`.
    """

    split: SplitName = "auto"
    valid: Share = 0.1
    seed: int = Field(default=0, ge=0)
    subsample: Subsample = Subsample()
    item_features: str | dict[str, Any] | None = None
    user_features: str | dict[str, Any] | None = None

    def open(self) -> Split:
        """The data, split."""
        whole = open_to_fit(self.place, self.read, self.split, self.test, self.valid, self.seed)
        asked = {"items": self.item_features, "users": self.user_features}
        features = {side: read_features(given) for side, given in asked.items() if given is not None}
        parts = self.subsample.of(whole.with_features(**features) if features else whole, self.seed)
        return faded(parts, self.half_life, self.now)


class RunPlan(DataPlan):
    """The input of ``fillrank fit`` as data. An unknown key is an error.

    In TOML::

        data = "gowalla"
        model = "contrastive"
        out = "runs/bsl"

        [settings]
        loss = "bsl"
        learning_rate = 0.002

        [settings.loss_settings]
        temperature = 0.1

    Attributes:
        model: the name of a recipe; None: the one that goes with the log, see :func:`fillrank.models.default_model`.
        out: the folder to save the model in.
        settings: of the recipe.
        refit: after choosing on the validation part, fit again on train and validation together.
        options: how it runs; see :class:`fillrank.experiments.run.options.RunOptions`.
    """

    model: ModelName | None = None
    out: OutPath
    settings: dict[str, Any] = Field(default_factory=dict)
    refit: bool = True
    options: RunOptions = RunOptions()

    @classmethod
    def of(cls, content: Mapping[str, Any], source: str = OPTIONS) -> Self:
        """A plan from plain data.

        Args:
            content: by the names of the attributes.
            source: where they stand, for messages.

        Raises:
            SettingsError: a key or a value is wrong, or the model or one of its settings is not known.

        Example:
            >>> RunPlan.of({"data": "ml-1m", "model": "pure-svd", "out": "x", "settings": {"rank": 8}}).recipe().rank
            8
            >>> RunPlan.of({"data": "ml-1m", "model": "pure-svd", "out": "x", "setings": {"rank": 8}})
            Traceback (most recent call last):
            fillrank.errors.SettingsError: --setings is not known here
        """
        plan = strict(cls, options_apart(content), source=source, what="a run")
        plan.check()
        return plan

    def check(self) -> None:
        """Check that the model has the settings; if no model is named, that one of the default models has them.

        Raises:
            SettingsError: a setting is not known, or cannot work.
        """
        refused: list[SettingsError] = []
        names = DEFAULTS if self.model is None else (self.model,)
        for name in names:
            try:
                self.model_copy(update={"model": name}).recipe()
            except SettingsError as error:
                refused.append(error)
        if len(refused) == len(names):
            raise refused[0]

    def for_log(self, interactions: Interactions) -> Self:
        """The plan with a model; if it names none, the default one for the log."""
        if self.model is not None:
            return self
        name, kind = default_model(interactions), "ratings" if has_ratings(interactions) else "no ratings"
        logger.info(
            "%s has %s, so the model is %s unless another is named", interactions.name or self.called, kind, name
        )
        return self.model_copy(update={"model": name})

    def recipe(self) -> Recipe:
        """The recipe with its settings, checked.

        Raises:
            SettingsError: the model or one of its settings is not known, no model is named, or a part is an object that
                the saved ``run.toml`` could not name.
        """
        if self.model is None:
            raise SettingsError("the run names no model, and which one goes with the log is known when it is read")
        kind = recipe(self.model)
        own = {"seed": self.seed} if "seed" in kind.model_fields else {}
        made = kind(**own | self.settings)
        refuse_objects(made.objects(), "run.toml")
        return made if self.item_features is None and self.user_features is None else made.with_features()

    def resolved(self) -> dict[str, Any]:
        """The whole plan as plain data, with the value of every setting that is not None.

        How it runs is left out, but for a limit of time: that alone makes a difference to what is learnt.
        """
        settings = self.recipe().model_dump(exclude_none=True)
        options = self.options.model_dump(include={"time_budget"}, exclude_none=True)
        idle = {
            name for name, asked in (("read", self.read), ("subsample", self.subsample != Subsample())) if not asked
        }
        plain = self.model_dump(exclude={*idle, "options"}) | {"settings": settings}
        return plain | ({"options": options} if options else {})


@dataclass(frozen=True, eq=False)
class Outcome:
    """The result of a run.

    Attributes:
        model: trained, and saved.
        rows: it has learnt from.
        protocol: of the split.
        saved: the folder that the model is in: that of the plan, or beside it what an interrupted run had learnt (None
            where that could not be written).
        interrupted: Ctrl-C or SIGTERM ended it early; what stood in the folder of the plan was left as it is.
        stopped_at: the epoch in which it was interrupted, where that is known.
        unfinished: the folder from which the same run goes on, if it was interrupted and can go on.
    """

    model: Recommender
    rows: int
    protocol: Mapping[str, Any]
    saved: Path | None
    interrupted: bool = False
    stopped_at: int | None = None
    unfinished: Path | None = None

    def in_words(self, out: str) -> str:
        """A line about an interrupted run: what is in ``out``, what was learned, and how to continue."""
        epoch = "" if self.stopped_at is None else f" in epoch {self.stopped_at}"
        kept = "" if self.saved is None else f"; what was learnt is in {self.saved}"
        return f"interrupted{epoch}: {_left(Path(out), self.unfinished)}{kept}"


def read_run(path: str | os.PathLike[str], over: Mapping[str, Any] | None = None) -> RunPlan:
    """Read a run from a TOML file.

    Args:
        path: of the file.
        over: values that take the place of the file's, table by table.

    Raises:
        DataError: there is no such file, or it is not TOML.
        SettingsError: see :meth:`RunPlan.of`.
    """
    return RunPlan.of(read_toml(path, "run", over), str(path))


def fit_run(plan: RunPlan, *, callbacks: Sequence[Callback] = (), fresh: bool = False) -> Outcome | None:
    """Fit and save the model; in several processes (``torchrun``), all fit and the first one saves.

    While a recipe trains that can go on after a stop (``Recipe.resumes``), its state is kept in ``<out>.checkpoint``:
    the same run begun again goes on from there. The folder is removed once the model is whole.
    The saved folder gets the run as it was resolved, ``run.toml``.

    Ctrl-C and SIGTERM end the training, and what had been learnt is saved in ``<out>.interrupted``: only a whole
    training is ever saved in ``out``. That folder is removed once the same run has come to its end.

    Args:
        plan: what is fitted, and how it runs.
        callbacks: besides those of the plan's options.
        fresh: begin anew, where a training that was stopped would go on; its state is removed.

    Returns:
        What came of it; None in every process but the first.

    Raises:
        SettingsError: several processes and a recipe that cannot share its batches, or an unfinished training of other
            settings is in the way.
        ModelFileError: the target holds something else than a model, cannot be written, or another process fits a model
            into it.
        DiskFullError: there is no room for the model.
        KeyboardInterrupt: it was interrupted before there was anything to keep; or, in another process than the first,
            interrupted at all.
    """
    out, opened = check_out(plan.out), None
    if plan.model is None:
        opened = plan.open()
        plan = plan.for_log(opened.train)
    maker = plan.recipe()
    with _speaking(out), processes(plan.options.device) as world, alone(out, world):
        _check_shareable(maker, world)
        parts, stopped = opened or plan.open(), _Interruption()
        check_room(out, least_bytes(maker, parts.train))
        with Interrupt(holds=False) as stop, _resumable(maker, plan, world, fresh=fresh) as unfinished:
            state = None if unfinished is None else unfinished.state
            if world.size > 1:
                agree(world, facts_of(plan.resolved(), parts, state))
            options = plan.options.fit_options(checkpoint=state, callbacks=[*callbacks, stopped])
            model = maker.fit(parts.train, valid=parts.valid, refit=plan.refit, options=options)
            interrupted = world.any(stop.asked or stopped.epoch is not None)
            if world.rank > 0:
                if interrupted:
                    raise KeyboardInterrupt("interrupted")
                return None
            text = toml_text(plan.resolved())
            saved = save_partial(model, text, out) if interrupted else save_run(model, text, out)
            if not interrupted:
                remove_partial(text, out)
                if unfinished is not None:
                    unfinished.end()
        left = None if unfinished is None or not unfinished.folder.exists() else unfinished.folder
        rows = len(model.interactions) if model.refit else len(parts.train)
        return Outcome(model, rows, parts.protocol, saved, interrupted, stopped.epoch, left)


@contextmanager
def _speaking(out: Path) -> Iterator[None]:
    """Raise an interruption with a message that says what is left."""
    try:
        yield
    except KeyboardInterrupt as error:
        if error.args:
            raise
        unfinished = Resumable(out)
        left = _left(out, unfinished.folder if unfinished.begun else None)
        raise type(error)(f"interrupted before there was a model to keep: {left}") from error


def _left(out: Path, unfinished: Path | None) -> str:
    way_on = "" if unfinished is None else f"; the same command goes on from {unfinished}"
    return (f"{out} stays as it was" if out.exists() else f"there is no {out}") + way_on


@contextmanager
def _resumable(maker: Recipe, plan: RunPlan, world: World, *, fresh: bool) -> Iterator[Resumable | None]:
    """The folder for checkpoints of a recipe that writes them; an empty folder is removed afterwards."""
    place = plan.options.checkpoint
    if not maker.resumes or place is not None:
        if fresh and place is not None:
            world.broadcast(lambda: remove_states(Path(place)))
        yield None
        return
    unfinished = Resumable(Path(plan.out))
    try:
        world.broadcast(lambda: unfinished.begin(plan.resolved(), fresh=fresh))
        yield unfinished
    finally:
        if world.rank == 0 and not unfinished.begun:
            unfinished.end()


def _check_shareable(maker: Recipe, world: World) -> None:
    if world.size > 1 and not maker.shares_batches:
        raise SettingsError(
            f"{maker.kind} is fitted by one process, and {world.size} were started; run it without torchrun "
            "(the contrastive models, CMC and blends share their batches)"
        )


class _Interruption(Callback):
    """Notes the epoch in which the user stopped the training."""

    internal: ClassVar[bool] = True

    def __init__(self) -> None:
        self.epoch: int | None = None

    def on_epoch_end(self, end: EpochEnd) -> None:
        if end.interrupted and end.stage != "trial":
            self.epoch = end.epoch
