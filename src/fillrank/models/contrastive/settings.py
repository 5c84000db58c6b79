"""The settings of contrastive recipes, and values that depend only on them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from typing import Annotated, Any, ClassVar, Literal, Self

from pydantic import Field, model_validator

from fillrank.data import Interactions
from fillrank.encoders import has_free_vectors
from fillrank.errors import SettingsError
from fillrank.losses import ScoreLoss, VectorLoss, as_loss, usual_settings
from fillrank.models.base import NotNegative, Positive
from fillrank.models.contrastive.penalty import Penalty, penalty_of
from fillrank.models.groups import TrainedRecipe
from fillrank.models.monitoring import USUAL_MONITOR, MetricAtLength
from fillrank.models.named_parts import Part, called, named, objects_of
from fillrank.models.positives import Disliked, PositiveFrom, ignored, positives, threshold
from fillrank.models.ranked import USUAL_NEIGHBOUR_WEIGHT, open_numbers
from fillrank.models.row_weights import WeightPower, power_of
from fillrank.models.sizing import AutoWord, Count, loop_settings_of, sizes_of
from fillrank.models.unused import where
from fillrank.registry import is_usual
from fillrank.training import ContrastSettings, LoopSettings

__all__ = ["ContrastiveSettings", "ViewName", "loss_of"]

Settings = dict[str, Any]
FEATURES = "features"
"""The encoder that a log with features is learnt with, unless another is named."""
ViewName = Literal["edge-dropout", "noise"]


class ContrastiveSettings(TrainedRecipe):
    """The settings of :class:`fillrank.models.Contrastive`."""

    chosen_on_valid: ClassVar[tuple[str, ...]] = ("neighbour_weight", "popularity_beta", "popularity_weight")
    uses_weights: ClassVar[bool] = True
    usual_negatives: ClassVar[int] = 1024
    shorthands: ClassVar[Mapping[str, str]] = {"temperature": "loss_settings", "n_negatives": "sampler_settings"}

    encoder: Part = "mf"
    encoder_settings: Settings = Field(default_factory=dict)
    dim: int = Field(default=64, ge=1)
    similarity: Literal["dot", "cosine"] = "cosine"
    ranked_by: Literal["dot", "cosine"] | None = None
    neighbour_weight: NotNegative | AutoWord = "auto"
    popularity_beta: Annotated[float, Field(ge=-2, le=2)] | AutoWord = "auto"
    popularity_weight: NotNegative | AutoWord = "auto"
    init: Literal["random", "spectral"] = "spectral"
    init_scale: Positive = 0.3
    loss: Part = "bsl"
    loss_settings: Settings = Field(default_factory=dict)
    sampler: Part = "uniform"
    sampler_settings: Settings = Field(default_factory=dict)
    views: ViewName | None = None
    view_settings: Settings = Field(default_factory=dict)
    view_weight: NotNegative | None = None
    view_temperature: Positive | None = None
    positive_from: PositiveFrom = None
    disliked: Disliked = "ignored"
    weight_power: WeightPower = "auto"
    learning_rate: Positive | AutoWord = "auto"
    regularization: Penalty = 0.0
    regularized: Literal["touched", "all"] = "touched"
    dropout: float = Field(default=0.1, ge=0, lt=1)
    max_grad_norm: Positive | None = None
    precision: Literal["float32", "bfloat16"] = "float32"
    route: Literal["auto", "autograd", "delayed-propagation"] = "auto"
    propagate_every: int = Field(default=50, ge=1)
    epochs: Count | AutoWord = "auto"
    batch_size: Count | AutoWord = "auto"
    patience: Count | AutoWord = "auto"
    ema_span: NotNegative = 1.0
    schedule: Literal["constant", "cosine"] = "constant"
    warmup: float = Field(default=0.0, ge=0, lt=1)
    eval_every: int = Field(default=1, ge=1)
    monitor: MetricAtLength = USUAL_MONITOR
    seed: int = Field(default=0, ge=0)

    @model_validator(mode="before")
    @classmethod
    def _parts_by_name(cls, settings: Any) -> Any:
        return named(settings) if isinstance(settings, dict) else settings

    @model_validator(mode="after")
    def _loss_can_be_made(self) -> Self:
        loss_of(self)
        return self

    def objects(self) -> dict[str, Any]:
        """See :meth:`Recipe.objects`."""
        return objects_of(self)

    def uses_values(self, interactions: Interactions) -> bool:
        """See :meth:`Recipe.uses_values`; only ``positive_from`` uses them."""
        return self.threshold(interactions) is not None

    def uses_features(self, interactions: Interactions) -> bool:
        """See :meth:`Recipe.uses_features`."""
        return called(self.for_features(interactions).encoder) == FEATURES

    def for_features(self, interactions: Interactions) -> Self:
        """The same with the encoder that takes features, where the log has some and no encoder was named.

        Raises:
            SettingsError: that encoder was named, and the log has none.
        """
        has_some = interactions.item_features is not None or interactions.user_features is not None
        if called(self.encoder) == FEATURES and not has_some:
            raise SettingsError(
                f"encoder={FEATURES!r} learns from features, and the log has none; give them, "
                "log.with_features(items=…, users=…), or leave the encoder out"
            )
        return self.with_features() if has_some else self

    def with_features(self) -> Self:
        """See :meth:`Recipe.with_features`: its encoder takes them, unless another was named."""
        free = "encoder" not in self.model_fields_set and type(self).model_fields["encoder"].default == "mf"
        return self.model_copy(update={"encoder": FEATURES}) if free else self

    def idle(self, interactions: Interactions, valid: Interactions | None) -> Mapping[str, str]:  # noqa: ARG002
        """See :meth:`Recipe.idle`."""
        marked = self.positive_from != "relevant" or interactions.relevant_from is not None
        return {
            **where(marked, "the log says relevant_from", "positive_from"),
            **where(
                ignored("ignored", self.positive_from, interactions) is not None,
                "some rows are no positives",
                "disliked",
            ),
        }

    def open_numbers(self) -> list[str]:
        """The numbers of the ranking to choose."""
        return open_numbers(self, self.chosen_on_valid)

    def undecided(self) -> bool:
        """See :meth:`Recipe.undecided`."""
        return bool(self.open_numbers())

    def settled(self, n_rows: int, *, watched: bool) -> Self:
        """The same settings with a number for each ``"auto"``: by rule, or where a search begins.


        Args:
            n_rows: the number of positives.
            watched: whether there is a validation part.
        """
        plain = has_free_vectors(self.encoder) and self.similarity == "cosine"
        usual = {
            "neighbour_weight": USUAL_NEIGHBOUR_WEIGHT if plain and not watched else 0.0,
            "popularity_beta": 0.0,
            "popularity_weight": 0.0,
        }
        return self.model_copy(
            update={
                **asdict(sizes_of(self, n_rows, watched=watched)),
                **{name: number for name, number in usual.items() if getattr(self, name) == "auto"},
                "loss_settings": usual_settings(self.loss, self.loss_settings),
                "weight_power": power_of(self.weight_power),
                "regularization": penalty_of(self.regularization),
            }
        )

    def threshold(self, interactions: Interactions) -> float | None:
        """The smallest value of a positive; None: every row is a positive."""
        return threshold(self.positive_from, interactions)

    def positives(self, interactions: Interactions) -> Interactions:
        """The positives of ``interactions``, without values.

        Raises:
            SettingsError: there are none.
        """
        return positives(self.positive_from, interactions)

    def ignored(self, interactions: Interactions) -> Interactions | None:
        """The rows of ``interactions`` that are neither positives nor drawn as negatives; None: there are none."""
        return ignored(self.disliked, self.positive_from, interactions)

    def contrast(self) -> ContrastSettings:
        """The settings of the learner."""
        return ContrastSettings(
            learning_rate=sizes_of(self).learning_rate,
            regularization=penalty_of(self.regularization),
            regularized=self.regularized,
            dropout=self.dropout,
            max_grad_norm=self.max_grad_norm,
            precision=self.precision,
        )

    def loop_settings(self) -> LoopSettings:
        """The settings of the training loop; no setting may be ``"auto"``."""
        return loop_settings_of(self, self.identity(), ema_every=8)

    def identity(self) -> str:
        """The facts that must be equal for a checkpoint to belong to this training."""
        return self.model_dump_json()


def loss_of(settings: ContrastiveSettings) -> ScoreLoss | VectorLoss:
    """The loss that the settings name; settings that are to be chosen have their usual values.


    Raises:
        SettingsError: there is no such loss or setting.
    """
    loss = as_loss(settings.loss, usual_settings(settings.loss, settings.loss_settings))
    if not isinstance(loss, ScoreLoss) and (not is_usual(settings.sampler, "uniform") or settings.sampler_settings):
        raise SettingsError(
            f"the loss {called(settings.loss)!r} needs no negatives; leave sampler and its settings out"
        )
    return loss
