"""Contrastive matrix completion: vectors learnt by contrast, ratings predicted by the same vectors, in one training."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar, Literal

from pydantic import Field

from fillrank.data import Interactions
from fillrank.factors import Factors
from fillrank.models.cmc_parts import Parts, Watch, ranker
from fillrank.models.recipe import NotNegative, Positive, Recipe
from fillrank.models.unused import where
from fillrank.recommend import Recommender
from fillrank.training import Autograd, LoopSettings, World
from fillrank.training import train as loop

__all__ = ["CMC"]


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
        polish: solve the users' side of the rating head in closed form at the end (ridge on the item vectors).
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
    shares_batches: ClassVar[bool] = True

    dim: int = Field(default=64, ge=1)
    rating_dim: int = Field(default=32, ge=0)
    temperature: Positive = 0.1
    positive_from: float | Literal["relevant"] | None = None
    negatives: Literal["in-batch", "uniform"] = "in-batch"
    n_negatives: int = Field(default=512, ge=1)
    correct: bool = True
    symmetric: bool = False
    contrastive_weight: NotNegative = 0.1
    regularization: NotNegative = 0.1
    bias_regularization: NotNegative = 0.02
    vector_regularization: NotNegative = 0.0
    dropout: float = Field(default=0.0, ge=0, lt=1)
    polish: bool = True
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

    def idle(self, log: Interactions, valid: Interactions | None) -> Mapping[str, str]:  # noqa: ARG002
        """See :meth:`Recipe.idle`."""
        of_ratings = ("rating_dim", "rating_share", "regularization", "bias_regularization", "polish")
        drawn = where(self.negatives == "uniform", "negatives='uniform'", "n_negatives")
        return {**drawn, **where(log.values is not None, "there are ratings", *of_ratings)}

    def _fit(self, train: Interactions, valid: Interactions | None) -> Recommender:
        parts = Parts.of(self, train)
        watch = None if valid is None else Watch(self, train, valid, parts)
        rates = self._learning_rates(len(parts.modules))
        step = parts.step(self, train)
        history = loop(
            Autograd(step, parts.modules, rates, world=World.current()),
            parts.rows(step, train, self.threshold(train)),
            self._loop_settings(),
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
        return 1.0 if watch is None else World.current().first(lambda: watch.best_share(preference, rater))

    def _learning_rates(self, n_modules: int) -> tuple[float, ...]:
        of_vectors = self.learning_rate if self.vector_learning_rate is None else self.vector_learning_rate
        return (of_vectors, self.learning_rate)[:n_modules]

    def _loop_settings(self) -> LoopSettings:
        return LoopSettings(
            epochs=self.epochs,
            batch_size=self.batch_size,
            patience=self.patience,
            average_span=self.average_span,
            seed=self.seed,
            progress=self.progress,
        )
