"""A tuning plan as a TOML file: the settings to vary, and the metric of the validation part."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any, Self

import torch
from pydantic import Field

from fillrank.data import Interactions
from fillrank.errors import SettingsError
from fillrank.evaluation.metrics import ACCURACY
from fillrank.experiments.run.fit import DataPlan
from fillrank.experiments.run.options import QuietOptions, options_apart
from fillrank.experiments.toml.files import ModelName, OutPath, read_toml, strict
from fillrank.experiments.toml.tables import deep_merge, flatten
from fillrank.experiments.tune.space import Space
from fillrank.losses import ScoreLoss
from fillrank.models import Contrastive, Recipe, recipe
from fillrank.models.contrastive.build import ContrastiveParts, sampler_settings
from fillrank.models.contrastive.settings import loss_of
from fillrank.registry import plain
from fillrank.samplers import KnownPositives, as_sampler

__all__ = ["Metric", "TunePlan", "read_tune"]

_ERRORS = ("rmse", "mae")


class Metric:
    """The metric that tuning optimises.

    Args:
        text: an accuracy of lists or their coverage at a length (``"ndcg@20"``), or ``"rmse"`` or ``"mae"``.

    Raises:
        SettingsError: it is none of these.

    Example:
        >>> Metric("recall@20").k, Metric("rmse").lower_is_better
        (20, True)
        >>> Metric("ndgc@20")
        Traceback (most recent call last):
        fillrank.errors.SettingsError: metric must be one of recall, ... rmse or mae; got 'ndgc@20'
    """

    def __init__(self, text: str) -> None:
        self.text = text
        self.name, at, length = text.partition("@")
        ranks = self.name in (*ACCURACY, "coverage") and length.isdecimal() and int(length) > 0
        if not ranks and not (self.name in _ERRORS and not at):
            raise SettingsError(
                f"metric must be one of {', '.join(ACCURACY)}, coverage at a length (ndcg@20), rmse or mae; "
                f"got {text!r}"
            )
        self.k = int(length) if ranks else 10
        self.lower_is_better = self.name in _ERRORS

    @property
    def watchable(self) -> bool:
        """Whether the contrastive recipes can watch it after each epoch."""
        return self.name in ACCURACY


class TunePlan(DataPlan):
    """The input of ``fillrank tune`` as data. An unknown key is an error.

    In TOML::

        data = "gowalla"
        model = "mmcl"
        metric = "ndcg@20"
        n_trials = 60
        out = "runs/tune-mmcl"

        [settings]
        dim = 64

        [search]
        learning_rate = { low = 1e-4, high = 1e-2, log = true }
        loss_settings.margins_and_weights = { n_margins = [1, 4], lowest = 0.0, highest = 0.95 }
        sampler_settings.n_negatives = { choices = [256, 1024] }

    Attributes:
        model: the name of a recipe.
        metric: of the validation part; see :class:`Metric`. The test part is never looked at.
        n_trials: how many, those of earlier calls and of other processes counted in.
        out: the folder of the study, its record, its pictures and the best settings.
        pruning: stop a trial whose best epoch so far is below the median of the others at the same epoch.
        settings: of the recipe, the same in each trial.
        search: what is varied; see :class:`fillrank.experiments.tune.space.Space`.
        options: how each trial runs; see :class:`fillrank.experiments.run.options.RunOptions`. Nothing is shown of a
            trial's progress unless they say so.
    """

    model: ModelName
    metric: str = "ndcg@20"
    n_trials: int = Field(default=50, ge=1)
    out: OutPath
    pruning: bool = True
    settings: dict[str, Any] = Field(default_factory=dict)
    search: dict[str, Any]
    options: QuietOptions = QuietOptions()

    @classmethod
    def of(cls, content: Mapping[str, Any], source: str = "the search") -> Self:
        """Make a plan from plain data, and check the ends of each range with the recipe before any training.

        Args:
            content: by the names of the attributes.
            source: where they stand, for messages.

        Raises:
            SettingsError: a key or a value is wrong, a range cannot work, or the model cannot take one of its ends.
        """
        plan = strict(cls, options_apart(content), source=source, what="a plan of tune")
        Metric(plan.metric)
        if not plain(plan.settings):
            raise SettingsError(f"{source}: the study is a file, so its settings are what TOML has; give parts by name")
        if plan.valid == 0:
            raise SettingsError(
                f"{source}: valid = 0 leaves nothing to choose on; give it a part of the data, such as 0.1"
            )
        space = Space.of(plan.search, f"{source}: search")
        for name in {name for name, _ in flatten(plan.settings)} & set(space.settings):
            raise SettingsError(f"{source}: {name} is fixed in [settings] and varied in [search]; take one of them out")
        for corner in space.corners():
            _check(plan.maker(corner), f"{source}: search")
        return plan

    @property
    def space(self) -> Space:
        """The search space: the settings that are varied."""
        return Space.of(self.search)

    def fixed(self) -> dict[str, Any]:
        """The settings of every trial, with a seed and the metric for its best epoch if they are not given."""
        known, metric = recipe(self.model).model_fields, Metric(self.metric)
        own: dict[str, Any] = {"seed": self.seed} if "seed" in known else {}
        if "monitor" in known and "+" not in known["monitor"].default and metric.watchable:  # of one metric
            own["monitor"] = self.metric
        return deep_merge(own, self.settings)

    def maker(self, drawn: Mapping[str, Any]) -> Recipe:
        """The recipe of a trial."""
        kind = recipe(self.model)
        return kind(**deep_merge(self.fixed(), drawn))

    def identity(self) -> dict[str, Any]:
        """The facts that must be equal for trials of one study."""
        idle = {"train"} if self.train is None else set()  # studies from before there were two files do not name it
        return self.model_dump(exclude={"n_trials", "out", "options", *idle})


def read_tune(path: str | os.PathLike[str], over: Mapping[str, Any] | None = None) -> TunePlan:
    """Read a tuning plan from a TOML file.

    Args:
        path: of the file.
        over: values that take the place of the file's, table by table.

    Raises:
        DataError: there is no such file, or it is not TOML.
        SettingsError: see :meth:`TunePlan.of`.
    """
    return TunePlan.of(read_toml(path, "search", over), str(path))


def _check(made: Recipe, source: str) -> None:
    """Make the parts of a contrastive recipe on a tiny log, to check them. (Other recipes are checked when made.)"""
    if not isinstance(made, Contrastive):
        return
    try:
        little: dict[str, Any] = {"init": "random"}
        if isinstance(loss_of(made), ScoreLoss):
            many = KnownPositives(torch.tensor([0, 1]), torch.tensor([0]), n_columns=1 << 20)
            as_sampler(made.sampler, many, sampler_settings(made, many.n_columns))
            little |= {"sampler": "uniform", "sampler_settings": {"n_negatives": 1}}
        ContrastiveParts.of(made.model_copy(update=little), Interactions.from_arrays([0, 1], [0, 1]))
    except SettingsError as error:
        raise SettingsError(f"{source}: {error}") from None
