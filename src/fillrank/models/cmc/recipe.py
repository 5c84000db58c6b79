"""Contrastive matrix completion: one training of vectors that both rank items and predict ratings."""

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
    * the squared error of ``r = offset + b_u + b_i + scale · cos(p_u, q_i) + <x_u, y_i>`` (see
      :class:`fillrank.encoders.RatingHead`), if the log has values.

    Items are ranked by ``cos(p_u, q_i)/τ + rating_share · r``: how likely the user chooses the item, and how much they
    will like it.

    Attributes:
        dim: length of the vectors p and q.
        rating_dim: length of the rating head's own vectors x and y; with 0, ratings are predicted from p and q only.
        temperature: τ. Low values give the hardest negatives more weight, and raise coverage on rating data. ``"auto"``
            takes the best of some short trainings, by ``monitor`` on the validation part;
            :class:`fillrank.models.Allowance` limits their cost. Without a validation part it is 0.14.
        positive_from: rows with at least this value are positives. ``"relevant"`` takes the data's own threshold, None
            takes every row, because the choice to see a film says something about the user's taste even if they did not
            like it.
        disliked, weight_power: see :class:`fillrank.models.Contrastive`. Weights are used in InfoNCE, but not in the
            squared error.
        negatives: ``"in-batch"`` (the batch's other items) or ``"uniform"`` (drawn from the catalogue).
        n_negatives: the number of ``"uniform"`` negatives; at most the size of the catalogue.
        logq_correction: the logQ correction, without which popular items are pushed down because they are drawn often.
        symmetric: add the loss in the direction item → user.
        contrastive_weight: the weight of InfoNCE; the squared error has the weight 1.
        regularization: L2 of x and y, per rating. The best value grows with noise and falls with the number of ratings.
        bias_regularization: L2 of the biases, per rating.
        bias_shrinkage: L2 of a user's bias when it is solved in closed form (``polish``, and users who are folded in):
            the same as this number of additional average ratings. ``"per-rating"`` uses ``bias_regularization`` here
            too, which shrinks the bias of a user with one rating no more than that of a user with a hundred.
        vector_regularization: L2 of p and q before the normalisation to unit length, per row.
        dropout: share of a user vector's entries that are set to 0 for InfoNCE.
        polish: solve the users' side of the rating head in closed form at the end (ridge on the item vectors).
        init: initial p and q: ``"spectral"``: the degree-normalised SVD; ``"random"``.
        rating_share: weight of the predicted value in the ranking; ``"auto"`` takes the best on validation, by nDCG@20
            or the metric of lists that ``monitor`` names.
        neighbour_weight, popularity_beta, popularity_weight: applied to the preference as in
            :class:`fillrank.models.Contrastive`; predictions do not change. ``"auto"`` takes the best on validation,
            after ``rating_share`` and by the same metric; without a validation part they are 0.
        learning_rate: learning rate of Adam for the rating head.
        vector_learning_rate: learning rate of Adam for p and q; None: the same.
        max_grad_norm: see :class:`fillrank.training.Autograd`.
        optimizer, stop: groups of these; see :class:`fillrank.models.Optimizer` and
            :class:`fillrank.models.EarlyStopping`.
        epochs, batch_size, patience, ema_span, schedule, warmup, eval_every, seed: see
            :class:`fillrank.training.LoopSettings`. For the first three, ``"auto"`` depends on the size of the log: see
            :class:`fillrank.models.Sizes`.
        monitor: the criterion on validation: a metric of lists such as ``"ndcg@20"``, ``"rmse"``, or both,
            ``"ndcg@20+rmse"``: the sum of the relative gains, in which one percent of RMSE counts as much as four
            percent of the other.

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
