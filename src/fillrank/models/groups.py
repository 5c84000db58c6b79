"""Groups of settings of a training: ``Optimizer`` and ``EarlyStopping``."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any, ClassVar, Literal, Self

from fillrank.arguments import checked, shown
from fillrank.errors import SettingsError
from fillrank.models.base import Recipe
from fillrank.registry import check_settings

__all__ = ["EarlyStopping", "Optimizer", "SettingsGroup", "TrainedRecipe"]


class SettingsGroup:
    """Several settings of a recipe under one name; None leaves a setting to the recipe."""

    by_name: ClassVar[str]
    """The setting that is set if only a word is given."""

    @classmethod
    def of(cls, name: str, given: Any) -> Self:
        """Make the group from a word, a table, or an object of this class.

        Raises:
            SettingsError: it is none of these, or has no such setting; the message lists the settings.
        """
        if isinstance(given, cls):
            return given
        settings = {cls.by_name: given} if isinstance(given, str) else given
        if not isinstance(settings, Mapping):
            raise SettingsError(f"{name} must be a word, a table or {cls.__name__}(…), got {shown(given)}")
        check_settings(name, cls, settings)
        return cls(**settings)

    def given(self) -> dict[str, Any]:
        """The settings that are not left to the recipe, by name."""
        values = {one.name: getattr(self, one.name) for one in fields(self)}  # type: ignore[arg-type]
        return {name: value for name, value in values.items() if value is not None}


@checked
@dataclass(frozen=True)
class Optimizer(SettingsGroup):
    """The settings of the optimizer.

    See also :class:`fillrank.training.LoopSettings` and :class:`fillrank.training.ContrastSettings`.

    Attributes:
        name: ``"adam"``; there is no other.
        learning_rate: the learning rate; ``"auto"`` depends on the size of the log.
        schedule: ``"constant"`` or ``"cosine"``.
        warmup: share of all steps in which the rate rises from 0.
        max_grad_norm: longer gradients are scaled down to this length.
        ema_span: length of the running average of the parameters, in epochs.

    Example:
        >>> from fillrank.models import Contrastive
        >>> Contrastive(optimizer=Optimizer(learning_rate=0.01, warmup=0.1)).warmup
        0.1
    """

    by_name: ClassVar[str] = "name"

    name: Literal["adam"] = "adam"
    learning_rate: float | Literal["auto"] | None = None
    schedule: Literal["constant", "cosine"] | None = None
    warmup: float | None = None
    max_grad_norm: float | None = None
    ema_span: float | None = None

    def given(self) -> dict[str, Any]:
        """See :meth:`SettingsGroup.given`; without the name, because there is only one optimizer."""
        return {name: value for name, value in super().given().items() if name != "name"}


@checked
@dataclass(frozen=True)
class EarlyStopping(SettingsGroup):
    """When a training stops, and which epoch is kept. Without a validation part, all epochs run.

    Attributes:
        monitor: the metric of the best epoch, such as ``"ndcg@20"``.
        patience: evaluations without a better one before the training stops; ``"auto"`` depends on the size of the log.
        eval_every: epochs between two evaluations.

    Example:
        >>> from fillrank.models import CMC
        >>> CMC(stop={"patience": 5}).stop
        EarlyStopping(monitor='ndcg@20+rmse', patience=5, eval_every=1)
    """

    by_name: ClassVar[str] = "monitor"

    monitor: str | None = None
    patience: int | Literal["auto"] | None = None
    eval_every: int | None = None


class TrainedRecipe(Recipe):
    """Base class of the recipes that are trained batch by batch: groups of settings, and short names of settings."""

    groups: ClassVar[Mapping[str, type[SettingsGroup]]] = {"optimizer": Optimizer, "stop": EarlyStopping}
    shorthands: ClassVar[Mapping[str, str]] = {}
    """Short names of a part's settings, each with the setting that contains it, such as ``"loss_settings"``."""

    has_rule: ClassVar[bool] = True
    shares_batches: ClassVar[bool] = True
    resumes: ClassVar[bool] = True
    uses_device: ClassVar[bool] = True
    largest_batch: ClassVar[int] = 1024

    @property
    def optimizer(self) -> Optimizer:
        """The settings of the optimizer as a group."""
        return Optimizer(**self._of(Optimizer))

    @property
    def stop(self) -> EarlyStopping:
        """The settings of early stopping as a group."""
        return EarlyStopping(**self._of(EarlyStopping))

    @classmethod
    def spread(cls, settings: Mapping[str, Any]) -> dict[str, Any]:
        """See :meth:`Recipe.spread`.

        Example:
            >>> from fillrank.models import Contrastive
            >>> Contrastive.spread({"stop": {"patience": 5}, "temperature": 0.2})
            {'patience': 5, 'loss_settings': {'temperature': 0.2}}
        """
        found = {name: value for name, value in settings.items() if name not in {*cls.groups, *cls.shorthands}}
        for name, kind in cls.groups.items():
            own = kind.of(name, settings[name]).given() if name in settings else {}
            if twice := sorted(own.keys() & settings.keys()):
                raise SettingsError(f"{', '.join(twice)} is given twice, in {name} and outside of it; leave one out")
            found |= own
        for word, beside in cls.shorthands.items():
            held = found.get(beside, {})
            if word not in settings or not isinstance(held, Mapping):  # the latter is refused by its type
                continue
            if word in held:
                raise SettingsError(f"{word} is given twice, in {beside} and outside of it; leave one out")
            found[beside] = {**held, word: settings[word]}
        return found

    def _of(self, kind: type[Any]) -> dict[str, Any]:
        return {one.name: getattr(self, one.name) for one in fields(kind) if one.name != "name"}
