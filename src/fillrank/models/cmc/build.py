"""The modules of CMC, their evaluation on the validation part, and the resulting model."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Self

import torch
from torch import nn

from fillrank.data import Interactions
from fillrank.encoders import MF, RatingHead
from fillrank.errors import DataError
from fillrank.evaluation import Evaluator
from fillrank.factors import Blend, Factors, Scorer
from fillrank.factors.fold_in import ImplicitRidge, RatingRidge
from fillrank.losses import InfoNCE
from fillrank.models.base import best_by
from fillrank.models.cmc.settings import CMCSettings, temperature_of
from fillrank.models.contrastable import can_be_contrasted
from fillrank.models.monitoring import JointMonitor, monitored
from fillrank.models.positives import ignored
from fillrank.models.ranked import RANKING_NUMBERS, Ranking
from fillrank.models.row_weights import power_of, weighed
from fillrank.models.starts import spectral_start
from fillrank.runtime.device import pick_device
from fillrank.runtime.rng import torch_stream
from fillrank.samplers import InBatch, KnownPositives, Sampler, Uniform
from fillrank.training import Batch, CompletionStep, StepWeights

__all__ = ["CMCMonitor", "CMCParts", "ranker"]

_RATING_SHARES = (0.0, 0.25, 0.5, 1.0, 1.5, 2.0, 3.0)


@dataclass(frozen=True)
class CMCParts:
    """The modules of CMC, and the model that is made from them."""

    encoder: MF
    head: RatingHead | None
    device: torch.device

    @classmethod
    def of(cls, settings: CMCSettings, interactions: Interactions, on: str = "auto") -> Self:
        """Untrained parts for a log, on a device (see :func:`pick_device`)."""
        device = pick_device(on)
        generator = torch_stream(settings.seed, "init")
        if settings.init == "spectral":
            spectral = spectral_start(interactions, settings.dim, seed=settings.seed)
            encoder = MF.from_factors(spectral, generator=generator)
        else:
            encoder = MF.random(interactions.n_users, interactions.n_items, settings.dim, generator=generator)
        head = None
        if interactions.values is not None:
            mean = float(interactions.values.mean(dtype="float64"))
            head = RatingHead(
                interactions.n_users, interactions.n_items, settings.rating_dim, offset=mean, generator=generator
            ).to(device)
        return cls(encoder.to(device), head, device)

    @property
    def modules(self) -> list[nn.Module]:
        return [self.encoder] if self.head is None else [self.encoder, self.head]

    def step(self, settings: CMCSettings, interactions: Interactions) -> CompletionStep:
        """The joint loss over these parts."""
        positives = _positives(interactions, settings.threshold(interactions))
        left_out = ignored(settings.disliked, settings.positive_from, interactions)
        return CompletionStep(
            encoder=self.encoder,
            head=self.head,
            loss=InfoNCE(temperature_of(settings)),
            item_sampler=_sampler(settings, KnownPositives.of_users(positives, self.device, ignored=left_out)),
            user_sampler=_sampler(settings, KnownPositives.of_items(positives, self.device, ignored=left_out))
            if settings.symmetric
            else None,
            weights=StepWeights(
                contrastive=settings.contrastive_weight,
                regularization=settings.regularization,
                bias_regularization=settings.bias_regularization,
                vector_regularization=settings.vector_regularization,
                dropout=settings.dropout,
            ),
        )

    def rows(self, step: CompletionStep, settings: CMCSettings, interactions: Interactions) -> Batch:
        """The whole log for ``step``; users who have met every item are only used for the squared error."""
        threshold = settings.threshold(interactions)
        rows = Batch.of(weighed(interactions, power_of(settings.weight_power)), threshold, self.device)
        out = ignored(settings.disliked, settings.positive_from, interactions)
        left = torch.from_numpy(can_be_contrasted(_positives(interactions, threshold), step.item_sampler, out)).to(
            self.device
        )
        return replace(rows, positive=rows.positive & left[rows.users.long()])

    def ranking(self, settings: CMCSettings, interactions: Interactions) -> Ranking:
        """The ranking of the preference: with the numbers of the settings, or 0 for those still to be chosen."""
        numbers = {name: getattr(settings, name) for name in RANKING_NUMBERS}
        return Ranking(_positives(interactions, settings.threshold(interactions)).without_values(), "cosine", **numbers)

    def factors(self, settings: CMCSettings, interactions: Interactions) -> tuple[Factors, Factors | None]:
        """The current model: the preference (cosine) and, if there are values, the predictor."""
        preference = self.encoder.factors(ImplicitRidge(0.01, 100.0, positive_from=settings.threshold(interactions)))
        if self.head is None:
            return preference, None
        if settings.bias_shrinkage == "per-rating":
            folding = RatingRidge(settings.regularization, settings.bias_regularization)
        else:
            folding = RatingRidge(settings.regularization, settings.bias_shrinkage, bias_per_rating=False)
        predictor = self.head.factors(preference, folding)
        return preference, predictor.refit_users(interactions) if settings.polish else predictor


@dataclass(frozen=True)
class _Judged:
    """The part of a model that an evaluation uses."""

    scorer: Scorer
    predictor: Scorer | None = None
    value_range: tuple[float, float] | None = None
    name: str = ""


@dataclass(frozen=True)
class CMCMonitor:
    """Evaluates the validation part after each epoch.

    Attributes:
        settings: the settings of the training.
        train: the log to learn from.
        parts: the trained parts.
        joint: the criterion.
        evaluator: the evaluator of the validation part.
    """

    settings: CMCSettings
    train: Interactions
    parts: CMCParts
    joint: JointMonitor
    evaluator: Evaluator

    @classmethod
    def over(cls, settings: CMCSettings, train: Interactions, valid: Interactions, parts: CMCParts) -> Self:
        """A monitor that evaluates ``valid``."""
        joint = JointMonitor.of(settings.monitor)
        return cls(settings, train, parts, joint, monitored(joint.ranking, train, valid)[1])

    def look(self) -> tuple[float, dict[str, float]]:
        """See :data:`fillrank.training.Monitor`."""
        preference, predictor = self.parts.factors(self.settings, self.train)
        share = self.settings.rating_share
        scorer = ranker(preference, predictor, temperature_of(self.settings), 1.0 if share == "auto" else share)
        found = self.evaluator.run(_Judged(scorer, predictor, self.train.value_range)).metrics
        shown = {f"valid_{name}": found[name] for name in (self.joint.ranking, "rmse") if name in found}
        return self.joint.score(found), shown

    def judge(self, predictor: Factors | None, share: float, preference: Factors) -> tuple[float, Mapping[str, float]]:
        """Evaluate a ranking by this preference on the validation part; see :meth:`Ranking.chosen`."""
        model = ranker(preference, predictor, temperature_of(self.settings), share)
        found = self.evaluator.run(model)[self.joint.ranking]
        return found, {f"valid_{self.joint.ranking}": found}

    def best_share(self, preference: Factors, predictor: Factors) -> float:
        """The weight of the predicted value in the ranking that is best on the validation part."""
        temperature = temperature_of(self.settings)
        tried = ((share, ranker(preference, predictor, temperature, share)) for share in _RATING_SHARES)
        return best_by(tried, lambda model: self.evaluator.run(model)[self.joint.ranking])


def ranker(preference: Factors, predictor: Factors | None, temperature: float, share: float) -> Factors | Blend:
    """``preference / temperature + share · predictor``, or the preference alone if there is nothing to add."""
    if predictor is None or share == 0:
        return preference
    return Blend((preference, predictor), (1 / temperature, share))


def _positives(interactions: Interactions, threshold: float | None) -> Interactions:
    positives = replace(interactions, relevant_from=threshold).relevant()
    if not len(positives):
        raise DataError(f"no value is {threshold:g} or more, so there is no positive; lower positive_from")
    return positives


def _sampler(settings: CMCSettings, known: KnownPositives) -> Sampler:
    if settings.negatives == "in-batch":
        return InBatch(known, logq_correction=settings.logq_correction)
    return Uniform(known, min(settings.n_negatives, known.n_columns), logq_correction=settings.logq_correction)
