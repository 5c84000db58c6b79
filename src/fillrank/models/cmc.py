"""Contrastive matrix completion: vectors learnt by contrast, ratings predicted by the same vectors, in one training."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Annotated, ClassVar, Literal, Self

import torch
from pydantic import Field
from torch import Tensor, nn
from torch.nn.functional import normalize

from fillrank.data import Interactions
from fillrank.encoders import MF, RatingHead
from fillrank.errors import DataError, SettingsError
from fillrank.factors import Blend, Factors
from fillrank.folding import ImplicitRidge, RatingRidge
from fillrank.losses import InfoNCE
from fillrank.models.recipe import Judged, Recipe, best_by
from fillrank.ranking import Evaluator
from fillrank.recommend import Recommender
from fillrank.rng import torch_stream
from fillrank.samplers import InBatch, KnownPositives, Sampler, Uniform
from fillrank.solvers.svd import normalised_svd
from fillrank.training import Batch, CompletionStep, LoopSettings, StepWeights
from fillrank.training import train as loop

__all__ = ["CMC"]

Positive = Annotated[float, Field(gt=0)]
NotNegative = Annotated[float, Field(ge=0)]

_RATING_SHARES = (0.0, 0.25, 0.5, 1.0, 1.5, 2.0, 3.0)


class CMC(Recipe):
    """The contrastive matrix completer.

    Each user and item has a vector of unit length, p and q. Two losses are minimised together, batch by batch:

    * InfoNCE at a temperature τ on the cosines, over the positives (see :class:`fillrank.losses.InfoNCE`);
    * the squared error of ``r = offset + b_u + b_i + scale · cos(p_u, q_i) + <x_u, y_i>``
      (see :class:`fillrank.encoders.RatingHead`), where there are values.

    Items are ranked by ``cos(p_u, q_i)/τ + rating_share · r``: how likely the two meet, and how much it is liked then.

    Attributes:
        dim: of the vectors p and q.
        rating_dim: of the rating head's own vectors x and y; 0 leaves the shared vectors alone with the task.
        temperature: τ. 0.07 is usual in the literature on contrastive learning; low values sharpen, and on rating data
            raise coverage.
        positive_from: rows with at least this value are positives. ``"relevant"`` takes the data's own threshold,
            None takes every row: that somebody chose to see a film tells of their taste, whatever they thought after.
        negatives: ``"in-batch"`` (the batch's other items) or ``"uniform"`` (drawn from the catalogue).
        n_negatives: how many, for ``"uniform"``; at most the catalogue.
        correct: the logQ correction, which keeps popular items from being pushed down for coming up often.
        symmetric: add the item → user direction.
        contrastive_weight: of InfoNCE beside the squared error.
        regularization: L2 of x and y, per rating. The best value grows with noise and falls with the number of ratings.
        bias_regularization: L2 of the biases, per rating.
        vector_regularization: L2 of p and q before they are brought to unit length, per row.
        dropout: share of a user vector's entries that InfoNCE does not see.
        start: ``"spectral"`` begins p and q at the degree-normalised SVD, ``"random"`` at random.
        rating_share: weight of the predicted value in the ranking; ``"auto"`` takes the best nDCG@10 on validation.
        learning_rate: of Adam, for the rating head.
        vector_learning_rate: of Adam, for p and q; None: the same.
        epochs, batch_size, patience, average_span, seed: see :class:`fillrank.training.LoopSettings`.
        monitor: what picks the best epoch on validation: ``"ndcg"``, ``"rmse"``, or ``"both"``, the sum of their
            relative gains with a percent of RMSE worth four of nDCG.
        device: ``"auto"`` takes a GPU where there is one.
        progress: show it.

    Example:
        ``CMC(dim=64).fit(split.train, valid=split.valid)``
    """

    kind: ClassVar[str] = "cmc"

    dim: int = Field(default=64, ge=1)
    rating_dim: int = Field(default=32, ge=0)
    temperature: Positive = 0.1
    positive_from: float | Literal["relevant"] | None = None
    negatives: Literal["in-batch", "uniform"] = "uniform"
    n_negatives: int = Field(default=512, ge=1)
    correct: bool = True
    symmetric: bool = False
    contrastive_weight: NotNegative = 0.1
    regularization: NotNegative = 0.1
    bias_regularization: NotNegative = 0.02
    vector_regularization: NotNegative = 0.0
    dropout: float = Field(default=0.0, ge=0, lt=1)
    start: Literal["spectral", "random"] = "spectral"
    rating_share: NotNegative | Literal["auto"] = "auto"
    learning_rate: Positive = 0.003
    vector_learning_rate: Positive | None = None
    epochs: int = Field(default=30, ge=1)
    batch_size: int = Field(default=1024, ge=1)
    patience: int = Field(default=3, ge=1)
    average_span: NotNegative = 1.0
    monitor: Literal["ndcg", "rmse", "both"] = "both"
    seed: int = Field(default=0, ge=0)
    device: str = "auto"
    progress: bool = True

    def _fit(self, train: Interactions, valid: Interactions | None) -> Recommender:
        parts = Parts.of(self, train)
        watch = None if valid is None else Watch(self, train, valid, parts)
        history = loop(
            parts.step(self, train),
            Batch.of(train, self.threshold(train), parts.device),
            parts.modules,
            self._loop_settings(len(parts.modules)),
            None if watch is None else watch.look,
        )
        preference, rater = parts.factors(self, train)
        share = self._share(watch, preference, rater)
        return self._recommender(
            train,
            ranker(preference, rater, self.temperature, share),
            rater=rater,
            chosen={"rating_share": share, "epochs": max(history.best_epoch, 1)},
            history=history.epochs,
        )

    def threshold(self, log: Interactions) -> float | None:
        """The value from which a row of ``log`` is a positive; None: every row is."""
        return log.relevant_from if self.positive_from == "relevant" else self.positive_from

    def _share(self, watch: Watch | None, preference: Factors, rater: Factors | None) -> float:
        if rater is None:
            return 0.0
        if self.rating_share != "auto":
            return self.rating_share
        return 1.0 if watch is None else watch.best_share(preference, rater)

    def _loop_settings(self, n_modules: int) -> LoopSettings:
        slow = self.learning_rate if self.vector_learning_rate is None else self.vector_learning_rate
        return LoopSettings(
            epochs=self.epochs,
            batch_size=self.batch_size,
            learning_rates=(slow, self.learning_rate)[:n_modules],
            patience=self.patience,
            average_span=self.average_span,
            seed=self.seed,
            progress=self.progress,
        )


@dataclass(frozen=True)
class Parts:
    """The modules that CMC trains, and what is made of them."""

    encoder: MF
    head: RatingHead | None
    device: torch.device

    @classmethod
    def of(cls, settings: CMC, log: Interactions) -> Self:
        """Untrained parts for a log."""
        device = pick_device(settings.device)
        generator = torch_stream(settings.seed, "init")
        if settings.start == "spectral":
            spectral = normalised_svd(log, settings.dim, power=1.0, method="randomized", seed=settings.seed)
            tables = (_jittered(table, generator) for table in (spectral.users, spectral.items))
            encoder = MF(*tables)
        else:
            encoder = MF.random(log.n_users, log.n_items, settings.dim, generator=generator)
        head = None
        if log.values is not None:
            mean = float(log.values.mean(dtype="float64"))
            head = RatingHead(log.n_users, log.n_items, settings.rating_dim, offset=mean, generator=generator).to(
                device
            )
        return cls(encoder.to(device), head, device)

    @property
    def modules(self) -> list[nn.Module]:
        return [self.encoder] if self.head is None else [self.encoder, self.head]

    def step(self, settings: CMC, log: Interactions) -> CompletionStep:
        """The joint loss over these parts."""
        threshold = settings.threshold(log)
        positives = log if threshold is None else replace(log, relevant_from=threshold).relevant()
        if not len(positives):
            raise DataError(f"no value is {threshold:g} or more, so there is no positive; lower positive_from")
        return CompletionStep(
            encoder=self.encoder,
            head=self.head,
            loss=InfoNCE(settings.temperature),
            item_sampler=_sampler(settings, KnownPositives.of_users(positives, self.device)),
            user_sampler=_sampler(settings, KnownPositives.of_items(positives, self.device))
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

    def factors(self, settings: CMC, log: Interactions) -> tuple[Factors, Factors | None]:
        """What the parts hold now: the preference (cosine) and, where there are values, the predictor of values."""
        preference = self.encoder.factors(ImplicitRidge(positive_from=settings.threshold(log)))
        if self.head is None:
            return preference, None
        folding = RatingRidge(settings.regularization, settings.bias_regularization)
        return preference, self.head.factors(preference, folding)


class Watch:
    """Looks at the validation part after each epoch."""

    def __init__(self, settings: CMC, train: Interactions, valid: Interactions, parts: Parts) -> None:
        self._settings, self._train, self._parts = settings, train, parts
        self._evaluator = Evaluator(valid, train=train, seen=train.csr, k=10, metrics=("ndcg",))

    def look(self) -> tuple[float, dict[str, float]]:
        """See :data:`fillrank.training.Monitor`."""
        preference, rater = self._parts.factors(self._settings, self._train)
        share = self._settings.rating_share
        scorer = ranker(preference, rater, self._settings.temperature, 1.0 if share == "auto" else share)
        found = self._evaluator.run(Judged(scorer, rater, self._train.scale)).metrics
        figures = {f"valid_{name}": found[key] for name, key in (("ndcg", "ndcg@10"), ("rmse", "rmse")) if key in found}
        return _score(self._settings.monitor, figures), figures

    def best_share(self, preference: Factors, rater: Factors) -> float:
        """The weight of the predicted value in the ranking that does best on the validation part."""
        temperature = self._settings.temperature
        tried = ((share, Judged(ranker(preference, rater, temperature, share))) for share in _RATING_SHARES)
        return best_by(tried, "ndcg@10", self._evaluator)


def ranker(preference: Factors, rater: Factors | None, temperature: float, share: float) -> Factors | Blend:
    """``preference / temperature + share · rater``, or the preference alone where there is nothing to add."""
    if rater is None or share == 0:
        return preference
    return Blend((preference, rater), (1 / temperature, share))


def pick_device(name: str) -> torch.device:
    """``"auto"`` is a GPU where there is one; anything else is taken by its PyTorch name.

    Raises:
        SettingsError: PyTorch knows no such device, or it is not there.
    """
    if name == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    try:
        device = torch.device(name)
        torch.zeros(1, device=device)
    except (RuntimeError, AssertionError) as error:
        raise SettingsError(
            f"device {name!r} cannot be used ({str(error).splitlines()[0]}); try 'auto' or 'cpu'"
        ) from None
    return device


def _sampler(settings: CMC, known: KnownPositives) -> Sampler:
    if settings.negatives == "in-batch":
        return InBatch(known, correct=settings.correct)
    return Uniform(known, min(settings.n_negatives, known.n_columns), correct=settings.correct)


def _jittered(table: Tensor, generator: torch.Generator) -> Tensor:
    """Rows of unit length with a little noise, so that a row of zeros gets a direction too."""
    return normalize(table, dim=1) + torch.randn(table.shape, generator=generator) * 1e-3


def _score(monitor: str, figures: Mapping[str, float]) -> float:
    """One number to pick the best epoch by, higher is better."""
    ranking = math.log(max(figures.get("valid_ndcg", 1.0), 1e-9))
    error = math.log(max(figures.get("valid_rmse", 1.0), 1e-9))
    return {"ndcg": ranking, "rmse": -error, "both": ranking - 4 * error}[monitor]
