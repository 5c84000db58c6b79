"""The settings of CMC, and values that depend only on them."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from dataclasses import asdict
from typing import Annotated, Any, ClassVar, Literal, Self

from pydantic import Field, field_validator

from fillrank.data import Interactions
from fillrank.losses import InfoNCE, Ladder
from fillrank.models.base import NotNegative, Positive
from fillrank.models.groups import TrainedRecipe
from fillrank.models.monitoring import USUAL_MONITOR, JointMonitor
from fillrank.models.positives import Disliked, PositiveFrom, ignored, threshold
from fillrank.models.ranked import RANKING_NUMBERS, open_numbers
from fillrank.models.row_weights import WeightPower, power_of
from fillrank.models.sizing import AutoWord, Count, loop_settings_of, sizes_of
from fillrank.models.unused import where
from fillrank.renames import CMC_MONITORS
from fillrank.training import LoopSettings

__all__ = ["TEMPERATURES", "CMCSettings", "temperature_of"]

TEMPERATURES = Ladder.along(
    "temperature",
    [rung["temperature"] for rung in InfoNCE.ladders[0].rungs],
    first=(0.14, 0.07, 0.28),
    usual=0.14,
)
"""The candidates of ``temperature="auto"``: those of InfoNCE. Together with a squared error the
best ones are lower, and a higher learning rate would find others."""


class CMCSettings(TrainedRecipe):
    """The settings of :class:`fillrank.models.CMC`."""

    chosen_on_valid: ClassVar[tuple[str, ...]] = ("temperature", *RANKING_NUMBERS)
    uses_weights: ClassVar[bool] = True

    dim: int = Field(default=64, ge=1)
    rating_dim: int = Field(default=32, ge=0)
    temperature: Positive | AutoWord = "auto"
    positive_from: PositiveFrom = None
    disliked: Disliked = "ignored"
    weight_power: WeightPower = "auto"
    negatives: Literal["in-batch", "uniform"] = "in-batch"
    n_negatives: int = Field(default=512, ge=1)
    logq_correction: bool = True
    symmetric: bool = False
    contrastive_weight: NotNegative = 0.3
    regularization: NotNegative = 0.1
    bias_regularization: NotNegative = 0.02
    bias_shrinkage: NotNegative | Literal["per-rating"] = 1.0
    vector_regularization: NotNegative = 0.0
    dropout: float = Field(default=0.0, ge=0, lt=1)
    polish: bool = True
    init: Literal["spectral", "random"] = "spectral"
    rating_share: NotNegative | Literal["auto"] = "auto"
    neighbour_weight: NotNegative | AutoWord = "auto"
    popularity_beta: Annotated[float, Field(ge=-2, le=2)] | AutoWord = "auto"
    popularity_weight: NotNegative | AutoWord = "auto"
    learning_rate: Positive = 0.003
    vector_learning_rate: Positive | None = None
    epochs: Count | AutoWord = "auto"
    batch_size: Count | AutoWord = "auto"
    patience: Count | AutoWord = "auto"
    ema_span: NotNegative = 1.0
    schedule: Literal["constant", "cosine"] = "constant"
    warmup: float = Field(default=0.0, ge=0, lt=1)
    max_grad_norm: Positive | None = None
    eval_every: int = Field(default=1, ge=1)
    monitor: str = f"{USUAL_MONITOR}+rmse"
    seed: int = Field(default=0, ge=0)

    @field_validator("monitor", mode="before")
    @classmethod
    def _monitor_of_today(cls, monitor: Any) -> Any:
        """Read the values of version 0.1, which mean lists of ten."""
        today = CMC_MONITORS.get(monitor) if isinstance(monitor, str) else None
        if today is not None:
            warnings.warn(f"CMC: monitor={monitor!r} is monitor={today!r} now", DeprecationWarning, stacklevel=2)
        return today or monitor

    @field_validator("monitor")
    @classmethod
    def _monitor_is_one(cls, monitor: str) -> str:
        JointMonitor.of(monitor)
        return monitor

    def idle(self, interactions: Interactions, valid: Interactions | None) -> Mapping[str, str]:  # noqa: ARG002
        """See :meth:`Recipe.idle`."""
        of_ratings = ("rating_dim", "rating_share", "regularization", "bias_regularization", "bias_shrinkage", "polish")
        drawn = where(self.negatives == "uniform", "negatives='uniform'", "n_negatives")
        return {
            **drawn,
            **where(interactions.values is not None, "there are ratings", *of_ratings),
            **where(
                ignored("ignored", self.positive_from, interactions) is not None,
                "some rows are no positives",
                "disliked",
            ),
        }

    def settled(self, n_rows: int, *, watched: bool) -> Self:
        """The same settings with numbers for each ``"auto"`` but ``rating_share``: by rule, or where a search begins.


        Args:
            n_rows: the number of rows to train on.
            watched: whether there is a validation part.
        """
        sizes = asdict(sizes_of(self, n_rows, watched=watched))
        ranking = {name: 0.0 for name in RANKING_NUMBERS if getattr(self, name) == "auto"}
        found = {"temperature": temperature_of(self), "weight_power": power_of(self.weight_power), **ranking}
        return self.model_copy(update={**found, **sizes})

    def undecided(self) -> bool:
        """See :meth:`Recipe.undecided`; the numbers of the ranking need no choice, unless the user asked for one."""
        return self.temperature == "auto" or self.asks_to_choose()

    def open_numbers(self) -> list[str]:
        """The numbers of the ranking to choose on the validation part."""
        return open_numbers(self)

    def threshold(self, interactions: Interactions) -> float | None:
        """The smallest value of a positive; None: every row is a positive."""
        return threshold(self.positive_from, interactions)

    def learning_rates(self, n_modules: int) -> tuple[float, ...]:
        """The learning rates of the vectors and, if there is one, of the rating head."""
        of_vectors = self.learning_rate if self.vector_learning_rate is None else self.vector_learning_rate
        return (of_vectors, self.learning_rate)[:n_modules]

    def loop_settings(self) -> LoopSettings:
        """The settings of the training loop; no setting may be ``"auto"``."""
        return loop_settings_of(self, self.model_dump_json())


def temperature_of(settings: CMCSettings) -> float:
    """The temperature, or the usual one if it is still to be chosen."""
    usual: float = TEMPERATURES.rungs[TEMPERATURES.usual]["temperature"]
    return usual if settings.temperature == "auto" else settings.temperature
