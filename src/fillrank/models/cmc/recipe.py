"""Contrastive matrix completion: vectors learnt by contrast, ratings predicted by the same vectors, in one training."""

from __future__ import annotations

from functools import partial
from typing import ClassVar

from fillrank.data import Interactions
from fillrank.factors import Factors
from fillrank.models.cmc.build import CMCMonitor, CMCParts, ranker
from fillrank.models.cmc.settings import TEMPERATURES, CMCSettings, temperature_of
from fillrank.models.cmc.training import CMCTraining
from fillrank.models.row_weights import POWERS
from fillrank.recommend import Recommender
from fillrank.training import World
from fillrank.training.context import FitContext

__all__ = ["CMC"]


class CMC(CMCSettings):
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
        disliked, weight_power: see :class:`fillrank.models.Contrastive`. Weights count in InfoNCE, not in the squared
            error.
        negatives: ``"in-batch"`` (the batch's other items) or ``"uniform"`` (drawn from the catalogue).
        n_negatives: how many, for ``"uniform"``; at most the catalogue.
        logq_correction: the logQ correction, which keeps popular items from being pushed down for coming up often.
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
        init: ``"spectral"`` begins p and q at the degree-normalised SVD, ``"random"`` at random.
        rating_share: weight of the predicted value in the ranking; ``"auto"`` takes the best on
            validation, by nDCG@20 or the metric of lists that ``monitor`` names.
        neighbour_weight, popularity_beta, popularity_weight: of what ranks by the preference, as of
            :class:`fillrank.models.Contrastive`: predictions do not change. ``"auto"`` takes the best on validation,
            after ``rating_share`` and by the same metric; without a validation part they are 0.
        learning_rate: of Adam, for the rating head.
        vector_learning_rate: of Adam, for p and q; None: the same.
        max_grad_norm: see :class:`fillrank.training.Autograd`.
        optimizer, stop: groups of these; see :class:`fillrank.models.Optimizer` and
            :class:`fillrank.models.EarlyStopping`.
        epochs, batch_size, patience, ema_span, schedule, warmup, eval_every, seed: see
            :class:`fillrank.training.LoopSettings`. ``"auto"``, for
            the first three, goes by the size of the log: see :class:`fillrank.models.Sizes`.
        monitor: what is chosen by on validation: a metric of the lists such as ``"ndcg@20"``, ``"rmse"``, or both,
            ``"ndcg@20+rmse"``: the sum of their relative gains, a percent of RMSE worth four of the other.

    Example:
        ``CMC(dim=64).fit(split.train, valid=split.valid)``
    """

    kind: ClassVar[str] = "cmc"

    def _fit(self, train: Interactions, valid: Interactions | None, context: FitContext) -> Recommender:
        settled = self.settled(len(train), watched=valid is not None)
        ladders = [TEMPERATURES] if self.temperature == "auto" else []
        if train.weights is not None and self.weight_power == "auto":
            ladders = [POWERS, *ladders]
        parts = CMCParts.of(settled, train, context.options.device)
        watch = None if valid is None else CMCMonitor.over(settled, train, valid, parts)
        free = self.open_numbers() if watch is not None else []
        within = context.before_ranking() if free else context
        training, found = CMCTraining(settled, parts, train, watch, within).choose(ladders)
        history = found.history if found is not None and found.interrupted else training.run()
        trained, watch = training.recipe, training.watch
        preference, predictor = parts.factors(trained, train)
        share = self._share(watch, preference, predictor)
        ranking = parts.ranking(trained, train)
        if watch is not None:
            ranking = ranking.chosen(free, preference, partial(watch.judge, predictor, share), context)
        reached = {"rating_share": share, "epochs": max(history.best_epoch, 1), **ranking.numbers}
        return self._recommender(
            train,
            ranker(ranking.of(preference), predictor, temperature_of(trained), share),
            predictor=predictor,
            chosen=trained.model_dump() | reached,
            history=history.epochs,
        )

    def _share(self, watch: CMCMonitor | None, preference: Factors, predictor: Factors | None) -> float:
        if predictor is None:
            return 0.0
        if self.rating_share != "auto":
            return self.rating_share
        return 1.0 if watch is None else World.current().broadcast(lambda: watch.best_share(preference, predictor))
