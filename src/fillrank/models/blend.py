"""``Blended``: one ranking from several models."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import Annotated, Any, ClassVar, Literal, Self

from pydantic import BeforeValidator, Field, InstanceOf, PlainSerializer, ValidationInfo, field_validator

from fillrank.data import Interactions
from fillrank.encoders import scores_pairs
from fillrank.errors import SettingsError
from fillrank.factors import Blend
from fillrank.factors.blend import BlendPart
from fillrank.models.base import NotNegative, Recipe, needed
from fillrank.models.contrastive.recipe import Contrastive
from fillrank.models.monitoring import USUAL_MONITOR, MetricAtLength, monitored
from fillrank.models.spread import score_spread
from fillrank.models.svd import NormalisedSVD
from fillrank.models.weighing import best_weights, can_be_weighed, folded_weights, weighted_blend
from fillrank.recommend import Recommender
from fillrank.runtime.distributed import World
from fillrank.runtime.interrupt import Interrupt
from fillrank.training.context import FitContext

__all__ = ["Blended"]

logger = logging.getLogger("fillrank")


def as_part(given: object) -> object:
    from fillrank.models import recipe

    if isinstance(given, Recipe):
        return given
    if isinstance(given, str):
        given = {"model": given}
    if (
        not isinstance(given, Mapping)
        or not isinstance(given.get("model"), str)
        or given.keys() - {"model", "settings"}
    ):
        raise SettingsError(
            "a part is a recipe such as PureSVD(rank=64), or a table with its 'model' (a name) and its 'settings'; "
            f"got {given!r}"
        )
    settings = given.get("settings", {})
    if not isinstance(settings, Mapping) or not all(isinstance(name, str) for name in settings):
        raise SettingsError(f"the settings of {given['model']!r} must be a table with names, got {settings!r}")
    return recipe(given["model"])(**settings)


def part_as_mapping(part: Recipe) -> dict[str, Any]:
    return {"model": part.kind, "settings": part.model_dump(exclude_unset=True)}


Part = Annotated[InstanceOf[Recipe], BeforeValidator(as_part), PlainSerializer(part_as_mapping)]


class Blended(Recipe):
    """Several models that are fitted separately, and one ranking by the weighted sum of their scores.

    Models with different errors rank better together, for example spectral and contrastive ones. If all parts score by
    products of vectors, so does the blend, with concatenated vectors; otherwise the scores are added. A blend only
    ranks. Similar items are those of the part with the largest weight.

    The scores of part n are divided by their spread and multiplied by the weight ``w_n``. The spread is the standard
    deviation of a user's scores over the catalogue, as a root mean square over users. So equal weights mean equal
    influence, whatever the scale of the scores. The spread is measured again for new users, whose scores may have
    another scale.

    With several processes, the parts that can share batches are fitted by all processes together, and each process fits
    all others by itself.

    Attributes:
        parts: recipes; or, as in a TOML file, for each a table of its ``model`` (the name) and its ``settings``.
        weights: a number for each part; their sum does not matter. ``"auto"`` starts with the first part alone, and
            gives each next part the share of the sum that is best on the validation part; the share is 0 if the part
            does not help.
        monitor: the metric on the validation part by which the weights are chosen.
        seed: the seed of each part that has one and was not given its own.

    Example:
        ``Blended(parts=[Contrastive(dim=64), NormalisedSVD(rank=512)]).fit(split.train, valid=split.valid)``
    """

    kind: ClassVar[str] = "blended"
    shares_batches: ClassVar[bool] = True
    resumes: ClassVar[bool] = True
    uses_device: ClassVar[bool] = True
    chosen_on_valid: ClassVar[tuple[str, ...]] = ("weights",)
    uses_weights: ClassVar[bool] = True  # if its parts do

    parts: list[Part] = Field(default_factory=lambda: [Contrastive(), NormalisedSVD(method="randomized")], min_length=1)
    weights: list[NotNegative] | Literal["auto"] = "auto"
    monitor: MetricAtLength = USUAL_MONITOR
    seed: int = Field(default=0, ge=0)

    @field_validator("parts")
    @classmethod
    def _by_products(cls, parts: list[Recipe]) -> list[Recipe]:
        for part in parts:
            if isinstance(part, Contrastive) and scores_pairs(part.encoder):
                raise _no_product(part.kind)
        return parts

    @field_validator("weights")
    @classmethod
    def _one_for_each(cls, weights: list[float] | str, others: ValidationInfo) -> list[float] | str:
        parts = others.data.get("parts")
        if isinstance(weights, str) or parts is None:
            return weights
        if len(weights) != len(parts):
            raise SettingsError(f"weights = {weights}: wanted one for each of {len(parts)} parts")
        if not any(weights):
            raise SettingsError(f"weights = {weights}: one must be above 0")
        return weights

    def objects(self) -> dict[str, Any]:
        """See :meth:`Recipe.objects`: of the parts."""
        return {f"parts.{n}.{name}": one for n, part in enumerate(self.parts) for name, one in part.objects().items()}

    def again(self, settings: Mapping[str, Any]) -> Self:
        """See :meth:`Recipe.again`: each part with its own objects."""
        parts = [part.again(of["settings"]) for part, of in zip(self.parts, settings["parts"], strict=False)]
        return type(self)(**{**settings, "parts": parts})

    def undecided(self) -> bool:
        """See :meth:`Recipe.undecided`: of the parts too."""
        return super().undecided() or any(part.undecided() for part in self.parts)

    def asks_to_choose(self) -> bool:
        """See :meth:`Recipe.asks_to_choose`: of the parts too."""
        return super().asks_to_choose() or any(part.asks_to_choose() for part in self.parts)

    def chooses(self) -> bool:
        """See :meth:`Recipe.chooses`: of the parts too."""
        return super().undecided() or any(part.chooses() for part in self.parts)

    def _fit(self, train: Interactions, valid: Interactions | None, context: FitContext) -> Recommender:
        weighing = self._weighing(train, valid)
        models = self._fitted(train, valid, context)
        scorers = [_scorer(model) for model in models]
        spreads = [score_spread(scorer) for scorer in scorers]
        weights = weighing(scorers, spreads)
        blend = weighted_blend(scorers, weights, spreads)
        parts = [
            {"model": part.kind, "settings": self._own_settings(part, model)}
            for part, model in zip(self.parts, models, strict=False)  # fewer models if the user stopped the fit
        ]
        return self._recommender(
            train,
            replace(blend, folded_weights=folded_weights(blend, train, self.seed)),
            chosen={"parts": parts, "weights": weights},
        )

    def _fitted(self, train: Interactions, valid: Interactions | None, context: FitContext) -> list[Recommender]:
        """The models of the parts, fitted on train alone, because the second fit is one of the whole blend.

        Ctrl-C keeps the models so far, including the unfinished last one.
        """
        models: list[Recommender] = []
        with Interrupt(holds=False) as stop:
            for n, part in enumerate(self.parts):
                place = part.within_blend(context.part(n))
                if not place.begins(must=n == 0):
                    break
                models.append(self._with_seed(part).fit_within(place, train, valid, refit=False))
                _scorer(models[-1])
                if World.current().any(stop.asked):
                    logger.warning("stopped by hand in part %d of %d; keeping the blend so far", n + 1, len(self.parts))
                    break
        return models

    def _with_seed(self, part: Recipe) -> Recipe:
        """The recipe with this one's seed, if it has one and was not given another."""
        has_own = "seed" in part.model_fields_set or "seed" not in type(part).model_fields
        return part if has_own else part.model_copy(update={"seed": self.seed})

    @staticmethod
    def _own_settings(part: Recipe, model: Recommender) -> dict[str, Any]:
        """The chosen settings without the seed that all parts share."""
        return {
            name: value for name, value in model.settings.items() if name != "seed" or name in part.model_fields_set
        }

    def _weighing(
        self, train: Interactions, valid: Interactions | None
    ) -> Callable[[Sequence[BlendPart | Blend], Sequence[float]], list[float]]:
        """A function from fitted parts and their spreads to weights.

        It is made before any fit, to find a wrong ``monitor`` early.
        """
        given = self.weights
        if not isinstance(given, str):
            return lambda scorers, _: _first(given, len(scorers))
        figure, evaluator = monitored(self.monitor, train, needed(self, valid))
        return partial(best_weights, figure=lambda blend: evaluator.run(blend)[figure])


def _scorer(model: Recommender) -> BlendPart | Blend:
    if can_be_weighed(model.scorer):
        return model.scorer
    raise _no_product(model.name)


def _no_product(name: str) -> SettingsError:
    return SettingsError(
        f"{name!r} scores by a network over each pair, so it cannot be a part of a blend; leave it out"
    )


def _first(weights: list[float], n: int) -> list[float]:
    """The weights of the first parts, if the others were not fitted; equal weights if all of these are 0."""
    return weights[:n] if any(weights[:n]) else [1.0] * n
