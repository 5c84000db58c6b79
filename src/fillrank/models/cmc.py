"""Contrastive matrix completion: vectors learnt by contrast, ratings predicted by the same vectors, in one training."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from typing import ClassVar, Literal, Self

from pydantic import Field

from fillrank.data import Interactions
from fillrank.errors import SettingsError
from fillrank.factors import Factors
from fillrank.models.cmc_parts import Parts, Watch, ranker, temperature_of
from fillrank.models.cmc_training import Training
from fillrank.models.recipe import NotNegative, Positive, Recipe
from fillrank.models.sizing import Auto, Count, Sizes
from fillrank.models.unused import where
from fillrank.recommend import Recommender
from fillrank.runtime.atomic_write import check_file
from fillrank.training import LoopSettings, World

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
        temperature: τ. Low values sharpen, and on rating data raise coverage. ``"auto"`` takes what short trainings on
            the validation part say, by ``monitor``; see :class:`fillrank.models.Allowance` for what they may cost.
            Without a validation part it is 0.14.
        positive_from: rows with at least this value are positives. ``"relevant"`` takes the data's own threshold,
            None takes every row: that somebody chose to see a film tells of their taste, whatever they thought after.
        negatives: ``"in-batch"`` (the batch's other items) or ``"uniform"`` (drawn from the catalogue).
        n_negatives: how many, for ``"uniform"``; at most the catalogue.
        correct: the logQ correction, which keeps popular items from being pushed down for coming up often.
        symmetric: add the item → user direction.
        contrastive_weight: of InfoNCE beside the squared error.
        regularization: L2 of x and y, per rating. The best value grows with noise and falls with the number of ratings.
        bias_regularization: L2 of the biases, per rating.
        bias_shrinkage: L2 of a user's bias where it is solved for (``polish``, and users who are folded in): so many
            ratings of average height they are lent. ``"per-rating"`` takes ``bias_regularization`` there too, which
            shrinks the bias of one rating no more than that of a hundred.
        vector_regularization: L2 of p and q before they are brought to unit length, per row.
        dropout: share of a user vector's entries that InfoNCE does not see.
        polish: solve the users' side of the rating head in closed form at the end (ridge on the item vectors).
        start: ``"spectral"`` begins p and q at the degree-normalised SVD, ``"random"`` at random.
        rating_share: weight of the predicted value in the ranking; ``"auto"`` takes the best nDCG@10 on validation.
        learning_rate: of Adam, for the rating head.
        vector_learning_rate: of Adam, for p and q; None: the same.
        epochs, batch_size, patience, average_span, seed: see :class:`fillrank.training.LoopSettings`. ``"auto"``, for
            the first three, goes by the size of the log: see :class:`fillrank.models.Sizes`.
        monitor: what picks the best epoch on validation: ``"ndcg"``, ``"rmse"``, or ``"both"``, the sum of their
            relative gains with a percent of RMSE worth four of nDCG.
        device: ``"auto"`` takes a GPU where there is one.
        progress: show it.
        checkpoint: a file to which the state goes after each epoch; a stopped training goes on from it.

    Example:
        ``CMC(dim=64).fit(split.train, valid=split.valid)``
    """

    kind: ClassVar[str] = "cmc"
    chosen_on_valid: ClassVar[tuple[str, ...]] = ("temperature",)
    has_rule: ClassVar[bool] = True
    shares_batches: ClassVar[bool] = True

    dim: int = Field(default=64, ge=1)
    rating_dim: int = Field(default=32, ge=0)
    temperature: Positive | Auto = "auto"
    positive_from: float | Literal["relevant"] | None = None
    negatives: Literal["in-batch", "uniform"] = "in-batch"
    n_negatives: int = Field(default=512, ge=1)
    correct: bool = True
    symmetric: bool = False
    contrastive_weight: NotNegative = 0.3
    regularization: NotNegative = 0.1
    bias_regularization: NotNegative = 0.02
    bias_shrinkage: NotNegative | Literal["per-rating"] = 1.0
    vector_regularization: NotNegative = 0.0
    dropout: float = Field(default=0.0, ge=0, lt=1)
    polish: bool = True
    start: Literal["spectral", "random"] = "spectral"
    rating_share: NotNegative | Literal["auto"] = "auto"
    learning_rate: Positive = 0.003
    vector_learning_rate: Positive | None = None
    epochs: Count | Auto = "auto"
    batch_size: Count | Auto = "auto"
    patience: Count | Auto = "auto"
    average_span: NotNegative = 1.0
    monitor: Literal["ndcg", "rmse", "both"] = "both"
    seed: int = Field(default=0, ge=0)
    device: str = "auto"
    progress: bool = True
    checkpoint: str | None = None

    def idle(self, log: Interactions, valid: Interactions | None) -> Mapping[str, str]:  # noqa: ARG002
        """See :meth:`Recipe.idle`."""
        of_ratings = ("rating_dim", "rating_share", "regularization", "bias_regularization", "bias_shrinkage", "polish")
        drawn = where(self.negatives == "uniform", "negatives='uniform'", "n_negatives")
        return {**drawn, **where(log.values is not None, "there are ratings", *of_ratings)}

    def _fit(self, train: Interactions, valid: Interactions | None) -> Recommender:
        settled = self.settled(len(train), watched=valid is not None)
        parts = Parts.of(settled, train)
        watch = None if valid is None else Watch.over(settled, train, valid, parts)
        training, found = Training(settled, parts, train, watch).choose(choose=self.temperature == "auto")
        history = found.history if found is not None and found.interrupted else training.run()
        settled, watch = training.recipe, training.watch
        preference, rater = parts.factors(settled, train)
        share = self._share(watch, preference, rater)
        return self._recommender(
            train,
            ranker(preference, rater, temperature_of(settled), share),
            rater=rater,
            chosen=settled.model_dump() | {"rating_share": share, "epochs": max(history.best_epoch, 1)},
            history=history.epochs,
        )

    def settled(self, n_rows: int, *, watched: bool) -> Self:
        """The same with a number in the place of each ``"auto"``, but of ``rating_share``: by rule, or where a choice
        begins.

        Args:
            n_rows: of the log that is trained on.
            watched: whether there is a validation part.
        """
        sizes = asdict(self._sizes(n_rows, watched=watched))
        return self.model_copy(update={"temperature": temperature_of(self), **sizes})

    def _sizes(self, n_rows: int = 1, *, watched: bool = False) -> Sizes:
        """Those of a log; of a settled recipe, what it says."""
        return Sizes.of(
            n_rows,
            watched=watched,
            learning_rate=self.learning_rate,
            batch_size=self.batch_size,
            epochs=self.epochs,
            patience=self.patience,
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

    def learning_rates(self, n_modules: int) -> tuple[float, ...]:
        """Of the vectors, and of the rating head if there is one."""
        of_vectors = self.learning_rate if self.vector_learning_rate is None else self.vector_learning_rate
        return (of_vectors, self.learning_rate)[:n_modules]

    def loop_settings(self) -> LoopSettings:
        """The part of the settings that the loop wants, of a recipe without ``"auto"``."""
        sizes = self._sizes()
        return LoopSettings(
            epochs=sizes.epochs,
            batch_size=sizes.batch_size,
            patience=sizes.patience,
            average_span=self.average_span,
            seed=self.seed,
            progress=self.progress,
            checkpoint=None
            if self.checkpoint is None
            else check_file(self.checkpoint, "the checkpoint", SettingsError),
            identity=self.model_dump_json(exclude={"checkpoint", "progress", "device"}),
        )
