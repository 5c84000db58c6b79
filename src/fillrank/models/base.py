"""``Recipe``: the base class of all recipes, with settings, ``fit``, and the second fit on all rows."""

from __future__ import annotations

import logging
import warnings
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from typing import Annotated, Any, ClassVar, Self, TypeVar, Unpack

from pydantic import BaseModel, ConfigDict, Field, PrivateAttr, ValidationError

from fillrank.arguments import affordable, checked, shown
from fillrank.data import Interactions
from fillrank.errors import DataError, SettingsError
from fillrank.evaluation.metrics import rmse
from fillrank.evaluation.predictions import prediction_errors
from fillrank.factors import Factors, FittedScorer, Scorer
from fillrank.factors.temporal import TimeAwareFactors
from fillrank.models.featured import WithoutFeatures
from fillrank.models.holding_out import held_out, joined, met
from fillrank.models.plain import plain_settings
from fillrank.models.refusals import explained
from fillrank.models.row_weights import folding_by_weights
from fillrank.models.unused import say_what_is_idle
from fillrank.recommend import Recommender
from fillrank.renames import in_words, read_settings
from fillrank.retrieval.lists import MEMORY
from fillrank.runtime.distributed import World
from fillrank.runtime.interrupt import Interrupt
from fillrank.runtime.notices import say_once
from fillrank.runtime.threads import at_most
from fillrank.training.callbacks import FitStart
from fillrank.training.context import FitContext
from fillrank.training.options import RUN_WORDS, FitKeywords, FitOptions, options_with

__all__ = ["NotNegative", "Positive", "Recipe", "best_by", "error_on", "needed"]

Positive = Annotated[float, Field(gt=0)]
NotNegative = Annotated[float, Field(ge=0)]

Candidate = TypeVar("Candidate")
Model = TypeVar("Model")
logger = logging.getLogger("fillrank")
_LEAST = 10
"""The smallest number of rows of which a tenth is at least one row."""


class Recipe(WithoutFeatures, BaseModel, ABC):
    """The settings of a model, with a method ``fit``. Immutable; an unknown or impossible setting is an error.

    The choices made on the validation part (a setting that is ``"auto"``, the epoch to stop at) are in the
    recommender's ``settings``. So ``type(recipe)(**model.settings)`` fits the same model again without validation data.
    :meth:`fit` does this at its end: it fits the chosen settings once more, on train and validation together.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", validate_default=True, allow_inf_nan=False)

    kind: ClassVar[str]
    """The name on the command line and in reports."""

    looks_at_valid: ClassVar[bool] = True
    """Whether anything can be chosen on the validation part. If not, the model learns from it directly."""

    chosen_on_valid: ClassVar[tuple[str, ...]] = ()
    """Settings whose value ``"auto"`` requires a validation part.

    If they are ``"auto"`` by default and there is no validation part, a tenth of train is held out to choose them.
    """

    has_rule: ClassVar[bool] = False
    """Whether a rule replaces such a choice if a log is too small to hold anything out."""

    needs_values: ClassVar[bool] = False
    """Whether it learns only from values, so that a log without values is refused."""

    shares_batches: ClassVar[bool] = False
    """Whether several processes (:class:`fillrank.training.World`) can fit the model together."""

    resumes: ClassVar[bool] = False
    """Whether a fit that was stopped can continue from a checkpoint."""

    uses_device: ClassVar[bool] = False
    """Whether it can be fitted on other devices than the CPU."""

    uses_weights: ClassVar[bool] = False
    """Whether the weights of rows are used; if not, rows of weight 0 only count as seen, and all others are equal."""

    _old_options: dict[str, Any] = PrivateAttr(default_factory=dict)
    """Options of the fit that were given as settings, as in older files; they replace the defaults."""

    def __new__(cls, *unnamed: Any, **_: Any) -> Self:  # here and not in __init__, whose signature pydantic shows
        if unnamed:
            names = ", ".join(cls.model_fields)
            raise SettingsError(f"{cls.__name__} takes its settings by name, got {shown(unnamed[0])}; it has {names}")
        return super().__new__(cls)

    def __init__(self, **settings: Any) -> None:
        options = {name: settings.pop(name) for name in RUN_WORDS if name in settings}
        fields = type(self).model_fields
        settings = self.spread(plain_settings(settings))  # plain first, because a table may contain itself
        settings, found = read_settings(settings, among=fields)
        if found:
            warnings.warn(f"{type(self).__name__}: {in_words(found)}", DeprecationWarning, stacklevel=2)
        try:
            super().__init__(**plain_settings(settings, {name: one.annotation for name, one in fields.items()}))
        except ValidationError as error:
            refused = SettingsError(explained(type(self), error.errors()))
            names = {str(problem["loc"][0]) for problem in error.errors() if problem["loc"]}
            raise (refused.about(names.pop()) if len(names) == 1 else refused) from None
        if options:
            self._old_options = _as_options(options)

    @classmethod
    def spread(cls, settings: Mapping[str, Any]) -> dict[str, Any]:
        """Flatten groups of settings, and replace short names of settings by the full names."""
        return dict(settings)

    @checked
    def fit(
        self,
        train: Interactions,
        valid: Interactions | None = None,
        *,
        refit: bool = True,
        options: FitOptions | None = None,
        **keywords: Unpack[FitKeywords],
    ) -> Recommender:
        """Choose what is ``"auto"``, and when to stop, on ``valid``; then fit that on ``train`` and ``valid`` together.

        The metrics of both fits are in the recommender's ``history``; the rows of the second fit have ``"refit": 1``.
        If there is nothing to choose, there is only one fit, on all rows. Without ``valid``, settings that are
        ``"auto"`` by default are chosen on a random tenth of ``train``, which the second fit then includes.

        Ctrl-C (or SIGTERM) ends a training after the current step. A warning is logged, and the best model so far is
        returned. No second fit begins then; if the second fit was interrupted, the model of the first is returned
        (``model.refit`` says which). A second Ctrl-C raises ``KeyboardInterrupt``, and so does the first one outside a
        training, for example during a decomposition. (``fillrank fit`` never overwrites a model with an interrupted
        one.)

        Args:
            train: the log to learn from.
            valid: rows of the same users and items that are not in ``train``, such as ``split.valid``. Its items always
                count as seen.
            refit: False returns the model of the first fit, which has learnt from ``train`` alone, for example to
                measure it on ``valid``.
            options: how the fit runs: progress, device, threads, checkpoint, callbacks. They are not stored.
            **keywords: single options, which replace those in ``options``:
                ``fit(train, valid, progress=False, callbacks=[…])``.

        Raises:
            DataError: the log is empty, or has no values and the recipe needs them; or the two parts have different ids
                or a common row.
            SettingsError: ``"auto"`` was given and there is no ``valid``; a setting does not fit the data; or the model
                does not support an option.
        """
        context = FitContext(self._options(options, keywords), self.kind)
        start = FitStart(self.kind, self.model_dump(), len(train), 0 if valid is None else len(valid))
        with at_most(context.options.n_threads), context.running(start):
            context.begins(must=True)
            return self.fit_within(context, train, valid, refit=refit)

    def fit_within(
        self, context: FitContext, train: Interactions, valid: Interactions | None, *, refit: bool
    ) -> Recommender:
        """The work of :meth:`fit`, also used inside another fit."""
        if not len(train.counted()):
            what = "rows of a weight above 0" if len(train) else "rows"
            raise DataError(f"there is nothing to learn from: {train!r} has no {what}")
        if valid is not None and (valid.user_ids != train.user_ids or valid.item_ids != train.item_ids):
            raise DataError(
                "valid has other users or items than train; make both with one of fillrank.split's functions"
            )
        dim = 1 if (asked := getattr(self, "dim", 1)) == "auto" else int(asked)
        affordable(8.0 * dim * (train.n_users + train.n_items), f"vectors of dim={dim:,} for {train!r}")
        whole, valid = train, valid if valid is not None and len(valid) else None
        if valid is not None:
            whole = joined(train, valid, everything=refit)
        elif self.undecided() and not (self.has_rule and len(train) < _LEAST):
            if self.asks_to_choose():
                needed(self, None)
            (train, valid), refit = held_out(train, seed=getattr(self, "seed", 0)), True
        if context.stage != "refit":  # or the first fit has said it
            say_what_is_idle(self, train, valid)
        with Interrupt(holds=False) as stop:  # so that one Ctrl-C ends all trainings of this fit
            if valid is None:
                return self._learnt(train, None, context)
            if not self.chooses():
                return met(self._learnt(whole if refit else train, None, context), whole, refit=refit)
            chosen = met(self._learnt(train, valid, context), whole, refit=False)
            if not refit or World.current().any(stop.asked):
                return chosen
            return self._refitted(chosen, whole, context.refit(), stop)

    def chooses(self) -> bool:
        """Whether anything is chosen on the validation part, if there is one."""
        return self.looks_at_valid

    @classmethod
    def usual(cls) -> Mapping[str, Any]:
        """The settings by their names, with their defaults."""
        return {name: field.default for name, field in cls.model_fields.items()}

    def uses_values(self, interactions: Interactions) -> bool:  # noqa: ARG002 -- some recipes ask the log
        """Whether the model uses the values of the log."""
        return True

    def idle(self, interactions: Interactions, valid: Interactions | None) -> Mapping[str, str]:  # noqa: ARG002
        """Settings that a fit of this log does not use, each with the condition under which it would."""
        return {}

    def objects(self) -> dict[str, Any]:
        """Parts that were given as objects and have no name, by the dotted names of the settings.

        A file cannot contain them; it contains a record of each.
        """
        return {}

    def again(self, settings: Mapping[str, Any]) -> Self:
        """A recipe from the settings of a fitted model, with this recipe's objects in place of their records."""
        return type(self)(**{**settings, **self.objects()})

    def undecided(self) -> bool:
        """Whether there is a choice to make that requires a validation part."""
        return any(getattr(self, name) == "auto" for name in self.chosen_on_valid)

    def asks_to_choose(self) -> bool:
        """Whether the user gave ``"auto"``; :meth:`undecided` also counts defaults."""
        return any(getattr(self, name) == "auto" for name in self.chosen_on_valid if name in self.model_fields_set)

    def _refitted(self, chosen: Recommender, whole: Interactions, context: FitContext, stop: Interrupt) -> Recommender:
        """The chosen settings fitted on all rows; or ``chosen`` itself, if that fit was stopped."""
        if not context.begins():
            return chosen
        if context.options.progress:
            logger.info("chosen; now %s is fitted on train and validation together, %d rows", self.kind, len(whole))
        model = self.again(chosen.settings).fit_within(context, whole, None, refit=False)
        by_hand = World.current().any(stop.asked)
        if by_hand or "refit" in context.state.stopped:
            said = "the second fit, on train and validation, was stopped %s; keeping the first, on train"
            logger.warning(said, "by hand" if by_hand else context.state.reason)
            return chosen
        history = (*chosen.history, *({**epoch, "refit": 1} for epoch in model.history))
        return replace(model, settings=chosen.settings, history=history, refit=True)

    def within_blend(self, context: FitContext) -> FitContext:
        """The context for this recipe as a part of a blend; without a checkpoint if it cannot resume."""
        options = replace(context.options, **self._old_options)
        return replace(context, options=options if self.resumes else replace(options, checkpoint=None))

    def _options(self, options: FitOptions | None, keywords: Mapping[str, Any]) -> FitOptions:
        """The checked options of a fit; see :meth:`fit`."""
        before = self._old_options if options is None else {}
        found = options_with(options, {**before, **keywords})
        if found.checkpoint is not None and not self.resumes:
            raise SettingsError(f"{self.kind} keeps no state that a fit could go on from; leave checkpoint out").about(
                "checkpoint"
            )
        if found.device not in {"auto", "cpu"} and not self.uses_device:
            say_once(f"{self.kind} is fitted on the CPU, and not on {shown(found.device)}")
        return found

    def _learnt(self, train: Interactions, valid: Interactions | None, context: FitContext) -> Recommender:
        """The result of :meth:`_fit` on the rows that it can use; all rows count as seen."""
        if train.weights is None or self.uses_weights:
            return self._fit(train, valid, context)
        model = self._fit(train.counted().without_weights(), valid, context)
        return replace(model, interactions=train, popularity=None)

    @abstractmethod
    def _fit(self, train: Interactions, valid: Interactions | None, context: FitContext) -> Recommender: ...

    def _recommender(
        self,
        train: Interactions,
        scorer: FittedScorer,
        *,
        predictor: Factors | TimeAwareFactors | None = None,
        chosen: Mapping[str, Any] | None = None,
        history: Iterable[Mapping[str, float]] = (),
    ) -> Recommender:
        settings = self.model_dump() | dict(chosen or {})
        power = settings.get("weight_power", 0.0)
        return Recommender(
            scorer=scorer if power == "auto" else folding_by_weights(scorer, train, power),
            predictor=predictor,
            interactions=train,
            value_range=train.value_range,
            name=self.kind,
            settings=settings,
            history=tuple(history),
        )


def _as_options(given: Mapping[str, Any]) -> dict[str, Any]:
    """Options of the fit that were given as settings, checked (but for the file), with a warning that this will end."""
    options_with(None, {name: value for name, value in given.items() if name != "checkpoint"})
    for name, value in given.items():
        say_once(
            f"{name} is an option of fit, not a setting; give it to fit, as in fit(train, {name}={value!r}), "
            "or in a TOML file under [options]; among the settings it is read until the next release"
        )
    return dict(given)


def best_by(candidates: Iterable[tuple[Candidate, Model]], judge: Callable[[Model], float]) -> Candidate:
    """The candidate with the best model; of equals, the first.

    Args:
        candidates: pairs of a candidate and its model.
        judge: scores a model on the validation part; higher is better.
    """
    scored = [(judge(model), candidate) for candidate, model in candidates]
    return max(scored, key=lambda pair: pair[0])[1]


def needed(recipe: Recipe, valid: Interactions | None) -> Interactions:
    """The validation part, for a choice that requires one.

    Raises:
        SettingsError: there is no validation part.
    """
    if valid is None:
        raise SettingsError(
            f"{type(recipe).__name__} has settings to choose ('auto') and no validation part: give valid, or those "
            "settings"
        ).about("valid")
    return valid


def error_on(valid: Interactions, predictor: Scorer, value_range: tuple[float, float] | None) -> float:
    """The root mean squared error of ``predictor`` on the validation part, clipped to ``value_range``."""
    return rmse(prediction_errors(predictor, valid, value_range=value_range, memory=MEMORY))
