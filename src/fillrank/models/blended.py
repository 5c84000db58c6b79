"""One ranking out of several models."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import reduce
from typing import Annotated, Any, ClassVar, Literal

import torch
from pydantic import BeforeValidator, Field, InstanceOf, PlainSerializer, ValidationInfo, field_validator

from fillrank.data import Interactions
from fillrank.errors import SettingsError
from fillrank.factors import Blend, Factors
from fillrank.models.contrastive import Contrastive
from fillrank.models.recipe import NotNegative, Recipe, monitored, needed
from fillrank.models.svd import NormalisedSVD
from fillrank.recommend import Recommender

__all__ = ["Blended"]

_HANDED_ON = ("seed", "device", "progress")


def _as_recipe(given: object) -> object:
    from fillrank.models import recipe

    if not isinstance(given, Mapping):
        return given
    if "model" not in given or not given.keys() <= {"model", "settings"}:
        raise ValueError(
            f"a part is a recipe, or its 'model' and 'settings', got the keys {', '.join(map(str, given))}"
        )
    settings = given.get("settings", {})
    if not isinstance(settings, Mapping):
        raise SettingsError(f"the settings of {given['model']!r} must be a table, got {settings!r}")
    return recipe(given["model"])(**settings)


def _as_mapping(part: Recipe) -> dict[str, Any]:
    return {"model": part.kind, "settings": part.model_dump()}


Part = Annotated[InstanceOf[Recipe], BeforeValidator(_as_recipe), PlainSerializer(_as_mapping)]


class Blended(Recipe):
    """Several models, each fitted on its own, and one ranking by the weighted sum of their scores.

    Models that err in different ways rank better together: the spectral ones and those trained by contrast do. As all
    of them score by products of vectors, so does the blend, with the vectors side by side.

    The scores of part n, divided by their spread, have the weight ``w_n``. The spread is the standard deviation of a
    user's scores over the catalogue, in the root mean square over users; so equal weights are an equal say, whatever
    units a part scores in. It only ranks.

    Attributes:
        parts: recipes; or, as in a TOML file, for each a mapping of its ``model`` (the name) and its ``settings``.
        weights: a number for each part; their sum does not matter. ``"auto"`` starts with the first part alone and
            gives each next one that share of the sum, in 32nds, that does best on the validation part: none, if
            it is no help.
        monitor: the figure of the validation part that picks the weights.
        seed, device, progress: of each part that has such a setting and was not given its own.

    Example:
        ``Blended(parts=[Contrastive(dim=64), NormalisedSVD(rank=512)]).fit(split.train, valid=split.valid)``
    """

    kind: ClassVar[str] = "blended"

    seed: int = Field(default=0, ge=0)
    device: str = "auto"
    progress: bool = True
    parts: list[Part] = Field(default_factory=lambda: [Contrastive(), NormalisedSVD(method="randomized")], min_length=2)
    weights: list[NotNegative] | Literal["auto"] = "auto"
    monitor: str = "ndcg@20"

    @field_validator("parts", mode="after")
    @classmethod
    def _hand_on(cls, parts: list[Recipe], others: ValidationInfo) -> list[Recipe]:
        return [_with(part, {name: others.data[name] for name in _HANDED_ON if name in others.data}) for part in parts]

    @field_validator("weights")
    @classmethod
    def _one_for_each(cls, weights: list[float] | str, others: ValidationInfo) -> list[float] | str:
        parts = others.data.get("parts")
        if isinstance(weights, str) or parts is None:
            return weights
        if len(weights) != len(parts):
            raise ValueError(f"wanted a weight for each of {len(parts)} parts")
        if not any(weights):
            raise ValueError("one weight must be above 0")
        return weights

    def _fit(self, train: Interactions, valid: Interactions | None) -> Recommender:
        weighing = self._weighing(train, valid)
        models, scorers = [], []
        for part in self.parts:
            models.append(part.fit(train, valid))
            scorers.append(_factors(models[-1]))
        weights = weighing(scorers)
        return self._recommender(
            train,
            _blend(scorers, weights),
            chosen={
                "parts": [
                    {"model": part.kind, "settings": dict(model.settings)}
                    for part, model in zip(self.parts, models, strict=True)
                ],
                "weights": weights,
            },
        )

    def _weighing(
        self, train: Interactions, valid: Interactions | None
    ) -> Callable[[Sequence[Factors | Blend]], list[float]]:
        """Fitted parts → their weights; what cannot be chosen is found out before anything is fitted."""
        given = self.weights
        if not isinstance(given, str):
            return lambda _: given
        figure, evaluator = monitored(self.monitor, train, needed(self, valid))
        return lambda scorers: _best_weights(scorers, lambda blend: evaluator.run(blend)[figure])


def _with(part: Recipe, settings: Mapping[str, Any]) -> Recipe:
    """The recipe with these settings, as far as it has them and was not given others."""
    open_to = type(part).model_fields.keys() - part.model_fields_set
    return part.model_copy(update={name: value for name, value in settings.items() if name in open_to})


def _joined(weights: Sequence[float], share: float) -> list[float]:
    return [*(weight * (1 - share) for weight in weights), share]


def _best_weights(scorers: Sequence[Factors | Blend], figure: Callable[[Blend], float]) -> list[float]:
    """What :attr:`Blended.weights` says of ``"auto"``."""

    def grown(weights: list[float], n: int) -> list[float]:
        return _joined(weights, _best_share(lambda share: figure(_blend(scorers[:n], _joined(weights, share)))))

    return reduce(grown, range(2, len(scorers) + 1), [1.0])


def _best_share(figure: Callable[[float], float]) -> float:
    """Where in [0, 1] the figure is highest, to a 32nd: quarters are tried first, then what is around the best."""
    found = {share: figure(share) for share in (0.0, 0.25, 0.5, 0.75, 1.0)}
    for step in (1 / 8, 1 / 16, 1 / 32):
        best = max(found, key=found.__getitem__)
        found |= {share: figure(share) for share in (best - step, best + step) if 0 <= share <= 1}
    return max(found, key=found.__getitem__)


def _factors(model: Recommender) -> Factors | Blend:
    if isinstance(model.scorer, (Factors, Blend)):
        return model.scorer
    raise SettingsError(
        f"{model.name!r} scores by no product of vectors, so it cannot be a part of a blend; leave it out"
    )


def _blend(scorers: Sequence[Factors | Blend], weights: Sequence[float]) -> Blend:
    """What has a weight, at equal spread; a blend within is taken apart."""
    parts: list[tuple[Factors, float]] = []
    for scorer, weight in zip(scorers, weights, strict=True):
        if weight == 0:
            continue
        unit = weight / _spread(scorer)
        inner = zip(scorer.parts, scorer.weights, strict=True) if isinstance(scorer, Blend) else [(scorer, 1.0)]
        parts += [(factors, own * unit) for factors, own in inner]
    return Blend(tuple(factors for factors, _ in parts), tuple(weight for _, weight in parts))


def _spread(scorer: Factors | Blend) -> float:
    """The standard deviation over items of a user's scores, in the root mean square over users; 1 where it is 0.

    With C the covariance of the item vectors, a user's is ``uᵀ C u``, and its mean over users ``⟨C, UᵀU / n⟩``: no
    score is taken.
    """
    factors = scorer.flat if isinstance(scorer, Blend) else scorer
    users, items = factors.user_vectors, factors.item_vectors
    if factors.item_bias is not None:
        items = torch.cat([items, factors.item_bias[:, None]], dim=1)
        users = torch.cat([users, users.new_ones(len(users), 1)], dim=1)
    items = items - items.mean(0)
    variance = float(((items.T @ items) * (users.T @ users)).sum()) / (len(items) * len(users))
    return variance**0.5 if variance > 0 else 1.0
