"""Contrastive recommenders: any encoder, any loss, any sampler, by name or as an object."""

from __future__ import annotations

from typing import ClassVar, Literal

from pydantic import Field

from fillrank.data import Interactions
from fillrank.losses import open_ladders
from fillrank.models.base import Positive
from fillrank.models.contrastable import can_be_contrasted
from fillrank.models.contrastive.build import ContrastiveMonitor, ContrastiveParts
from fillrank.models.contrastive.penalty import PENALTIES, Penalty
from fillrank.models.contrastive.settings import ContrastiveSettings
from fillrank.models.contrastive.training import ContrastiveTraining
from fillrank.models.named_parts import Part, refuse_objects
from fillrank.models.row_weights import POWERS
from fillrank.recommend import Recommender
from fillrank.training.context import FitContext

__all__ = ["BPRMF", "CCL", "MMCL", "Contrastive", "LightGCN", "NeuMF"]


class Contrastive(ContrastiveSettings):
    """Contrast each (user, item) pair of a log with negatives: with an encoder, a loss and a sampler.

    Each of the three is a name; a table of the name and its settings, ``{"name": "bsl", "temperature": 0.2}``, as in
    TOML; or an object of your own: see ``docs/how-to/your-own-parts.md``. The ``settings`` of a fitted model contain
    the names of the parts. For an object without a name they contain a record (its class and its public attributes),
    from which it cannot be made again.

    Attributes:
        encoder: its name in :data:`fillrank.encoders.ENCODERS` (``"mf"``, ``"features"``, ``"lightgcn"``,
            ``"history"``, ``"neumf"``), or that of an installed package; a class or a function, whose parameters select
            the arguments that it gets (:class:`fillrank.encoders.EncoderInputs`); or an encoder object, of which each
            fit trains a copy. If a log has features and no encoder is given, it is ``"features"``.
        encoder_settings: the settings of the encoder, such as ``{"n_layers": 2}``.
        dim: length of the vectors.
        similarity: ``"cosine"`` or ``"dot"``. With NeuMF neither this nor ``init`` can be given.
        ranked_by: ``"dot"`` or ``"cosine"``: the product that ranks, if it is another than in training; None:
            ``similarity``. Cosines do not depend on the lengths of vectors, but training by cosines changes the
            lengths: LightGCN by autograd gives popular items longer vectors, and the authors of BSL (Wu et al. 2024)
            train it by cosines and rank by dot products on Yelp2018.
        neighbour_weight: after training, the vectors of the neighbours (a user's items, an item's users) are added to
            each vector with this weight, and dot products rank. This is LightGCN's propagation without it in training;
            see :func:`fillrank.encoders.with_neighbours`. ``"auto"`` takes the best of
            :data:`fillrank.models.NEIGHBOUR_WEIGHTS` by ``monitor`` on the validation part, for the epoch that was best
            without it. Without a validation part it is :data:`fillrank.models.USUAL_NEIGHBOUR_WEIGHT` for MF by
            cosines, else 0.
        popularity_beta: after training, each item's vector is multiplied by ``n_i^β``, where n_i is its number of
            users; with β above 0, popular items are ranked higher. ``"auto"`` takes the best of
            :data:`fillrank.models.POPULARITY_BETAS` by ``monitor`` on the validation part; without a validation part it
            is 0.
        popularity_weight: γ of ``γ · s · log(1 + n_i)``, which is added to the scores of item i after training; s is
            the mean length of the users' vectors times that of the items' vectors (1 for cosines). With 100, popularity
            alone ranks. ``"auto"`` takes the best of :data:`fillrank.models.POPULARITY_WEIGHTS` by ``monitor`` on the
            validation part. It is 0 without a validation part, if ``popularity_beta`` is given, and for history users
            without vectors of their own.
        init: ``"random"`` (normal, with standard deviation ``init_scale``), or ``"spectral"``: the degree-normalised
            SVD, its rows scaled to the length ``init_scale``.
        init_scale: see ``init``.
        loss: its name in :data:`fillrank.losses.LOSSES`, or that of an installed package; an object or a class of
            losses; or any function of scores ``(pos [B], neg [B, N]) → [B]``, see
            :class:`fillrank.losses.FromFunction`. A loss of vectors, such as ``"alignment-uniformity"``
            (:class:`fillrank.losses.AlignmentUniformity`, DirectAU), needs no negatives and no sampler.
        loss_settings: the settings of the loss, such as ``{"temperature": 0.1}``. A setting that has a ladder
            (:class:`fillrank.losses.Ladder`) and is not given, or ``"auto"``, is chosen on the validation part by short
            trainings, which together cost no more than the shortest full training (:class:`fillrank.models.Allowance`).
            Without a validation part, the usual value of the ladder is taken.
        sampler: its name in :data:`fillrank.samplers.SAMPLERS`, or that of an installed package; a class or a function,
            which gets the positives as ``known``; or an object. An object that holds the positives of a log is made
            again in each fit, from its settings and the positives of that fit; see
            :func:`fillrank.samplers.as_sampler`.
        sampler_settings: the settings of the sampler, such as ``{"n_negatives": 256}``. By default ``n_negatives`` is
            1,024 (64 for NeuMF), or the number of items if that is smaller.
        views: ``"edge-dropout"`` (of LightGCN's graph: SGL) or ``"noise"`` (on LightGCN's layers: SimGCL; on the
            vectors of MF and history users) adds a loss between two views of the batch's users and items, see
            :class:`fillrank.training.ViewTerm`. None: no views; then ``view_settings``, ``view_weight`` and
            ``view_temperature`` cannot be given.
        view_settings: the settings of the views, such as ``{"rate": 0.2}`` for ``"edge-dropout"`` or ``{"eps": 0.2}``
            for ``"noise"``; both are 0.1 by default.
        view_weight: the weight of the loss between views. None: the authors' value on Yelp2018, 0.1 for
            ``"edge-dropout"`` and 0.5 for ``"noise"``.
        view_temperature: the temperature of the loss between views. None: 0.2.
        positive_from: rows with at least this value are positives; ``"relevant"`` takes the data's own threshold, None
            every row.
        disliked: what to do with rows that are no positives, because their value is too low or their weight is 0:
            ``"ignored"``: they are never drawn as negatives; ``"negative"``: they are drawn like any item that the user
            has not met.
        weight_power: for a log with weights: the weights to this power, scaled to a mean of 1, multiply the losses of
            the rows. ``"auto"`` takes the best on the validation part, by the same short trainings as for the loss;
            without a validation part it is 1.
        learning_rate, regularization, regularized, dropout, max_grad_norm, precision: see
            :class:`fillrank.training.ContrastSettings`. ``regularization="auto"``, the default of :class:`BPRMF`, takes
            the best of 0 and 1e-5 to 3e-4 on the validation part, by the same short trainings as for the loss. Without
            a validation part it is 3e-5.
        route: ``"auto"`` takes the fast route if possible (vectors from two tables, a loss of scores, no views,
            regularization of touched rows), else autograd. ``"autograd"`` always takes autograd.
            ``"delayed-propagation"`` is for LightGCN: the steps are as fast as with two tables, and after every
            ``propagate_every`` steps the changes are propagated over the graph. This is an approximation; see
            :class:`fillrank.training.DelayedPropagation`.
        propagate_every: steps between two propagations, for the route ``"delayed-propagation"``.
        epochs, batch_size, patience, ema_span, schedule, warmup, eval_every, seed: see
            :class:`fillrank.training.LoopSettings`. For the first three and the learning rate, ``"auto"`` depends on
            the size of the log: see :class:`fillrank.models.Sizes`.
        monitor: the metric on the validation part by which the best epoch is chosen.
        optimizer: learning rate, schedule, warmup, ``max_grad_norm`` and ``ema_span`` as one group: a table or an
            :class:`fillrank.models.Optimizer`. The fitted model stores the single settings.
        stop: ``monitor``, ``patience`` and ``eval_every`` as one group: a table, an
            :class:`fillrank.models.EarlyStopping`, or the monitor alone.
        temperature: short for ``loss_settings={"temperature": …}``.
        n_negatives: short for ``sampler_settings={"n_negatives": …}``.

    Example:
        ``Contrastive(loss="bsl", temperature=0.1, dim=64, stop={"patience": 5}).fit(split.train, valid=split.valid)``
    """

    kind: ClassVar[str] = "contrastive"

    def _fit(self, train: Interactions, valid: Interactions | None, context: FitContext) -> Recommender:
        if context.options.checkpoint is not None:
            refuse_objects(self.objects(), "a checkpoint")
        interactions = self.positives(train)
        settled = self.for_features(train).settled(len(interactions), watched=valid is not None)
        device, threshold = context.options.device, self.threshold(train)
        ignored, weighted = self.ignored(train), interactions.weights is not None
        parts = ContrastiveParts.of(settled, interactions, device=device, positive_from=threshold, ignored=ignored)
        watch = None if valid is None else ContrastiveMonitor(self.monitor, train, valid, parts)
        free = self.open_numbers() if watch is not None else []
        weighs, hurries = "neighbour_weight" in free, self.learning_rate == "auto"
        within = context.before_ranking() if free else context
        left = can_be_contrasted(interactions, parts.sampler, ignored)
        rows = interactions if left.all() else interactions.select(left[interactions.users])
        training = ContrastiveTraining.of(settled, parts, rows, watch, within, weighs=weighs, hurries=hurries)
        powers = (POWERS,) if weighted and self.weight_power == "auto" else ()
        penalties = (PENALTIES,) if self.regularization == "auto" else ()
        training, found = training.choose((*powers, *open_ladders(self.loss, self.loss_settings), *penalties))
        history = found.history if found is not None and found.interrupted else training.run()
        if watch is not None:
            parts = parts.ranked_best(free, watch, context)
        reached = {"epochs": max(history.best_epoch, 1), **{name: getattr(parts.ranking, name) for name in free}}
        return self._recommender(
            train,
            parts.scorer(),
            chosen=training.recipe.model_dump() | reached,
            history=history.epochs,
        )


class MMCL(Contrastive):
    """Matrix factorisation with the Multi-Margin Cosine Loss; see :class:`fillrank.losses.MMCL`."""

    kind: ClassVar[str] = "mmcl"

    loss: Part = "mmcl"


class CCL(Contrastive):
    """Matrix factorisation with the Cosine Contrastive Loss of SimpleX; see :class:`fillrank.losses.CCL`."""

    kind: ClassVar[str] = "ccl"

    loss: Part = "ccl"


class BPRMF(Contrastive):
    """Matrix factorisation with Bayesian personalised ranking (Rendle et al. 2009): :class:`fillrank.losses.BPR`."""

    kind: ClassVar[str] = "bpr"

    loss: Part = "bpr"
    similarity: Literal["dot", "cosine"] = "dot"
    init_scale: Positive = 1.0
    regularization: Penalty = "auto"


class LightGCN(Contrastive):
    """LightGCN vectors (He et al. 2020), with a softmax loss; see :class:`fillrank.encoders.LightGCN`."""

    kind: ClassVar[str] = "lightgcn"

    encoder: Part = "lightgcn"
    loss: Part = "bsl"
    largest_batch: ClassVar[int] = 8192


class NeuMF(Contrastive):
    """Neural matrix factorisation (He et al. 2017): :class:`fillrank.encoders.NeuMF`. It cannot fold in new users."""

    kind: ClassVar[str] = "neumf"
    chosen_on_valid: ClassVar[tuple[str, ...]] = ()

    encoder: Part = "neumf"
    loss: Part = "logistic"
    dim: int = Field(default=32, ge=1)
    usual_negatives: ClassVar[int] = 64
