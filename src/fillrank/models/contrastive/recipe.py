"""Contrastive recommenders: any encoder, any loss, any sampler, by name or as an object."""

from __future__ import annotations

from typing import ClassVar, Literal

from pydantic import Field

from fillrank.data import Interactions
from fillrank.losses import open_ladders
from fillrank.models.base import Positive
from fillrank.models.contrastable import can_be_contrasted
from fillrank.models.contrastive.build import ContrastiveMonitor, ContrastiveParts
from fillrank.models.contrastive.settings import ContrastiveSettings
from fillrank.models.contrastive.training import ContrastiveTraining
from fillrank.models.named_parts import Part, refuse_objects
from fillrank.models.row_weights import POWERS
from fillrank.recommend import Recommender
from fillrank.training.context import FitContext

__all__ = ["BPRMF", "CCL", "MMCL", "Contrastive", "LightGCN", "NeuMF"]


class Contrastive(ContrastiveSettings):
    """Each (user, item) pair of a log against negatives: one encoder, one loss, one sampler.

    Each of the three is a name; a table of the name and its settings, ``{"name": "bsl", "temperature": 0.2}``, as TOML
    has it; or an object of your own: see ``docs/how-to/your-own-parts.md``. ``settings`` of a fitted model hold names
    where there are names. Of any other object they hold a record (its class and its public attributes), which
    no recipe takes.

    Attributes:
        encoder: its name in :data:`fillrank.encoders.ENCODERS` (``"mf"``, ``"lightgcn"``, ``"history"``, ``"neumf"``),
            or that of an installed package; a class or a function, which gets what it asks for by the names of its
            parameters (:class:`fillrank.encoders.EncoderInputs`); or an encoder, of which each fit trains a copy.
        encoder_settings: of the encoder, such as ``{"n_layers": 2}``.
        dim: of the vectors.
        similarity: ``"cosine"`` or ``"dot"``. With NeuMF neither this nor the start may be given.
        ranked_by: ``"dot"`` or ``"cosine"``: what ranks, where that is not what is learnt from; None: ``similarity``.
            Cosines say nothing of lengths, but training leaves some: LightGCN by autograd gives popular items longer
            vectors, and the authors of BSL (Wu et al. 2024) train it by cosines and rank by products on Yelp2018.
        neighbour_weight: after training, each vector takes so much of its neighbours' (a user's items, an item's
            users), and products rank: LightGCN's propagation where training had none, see
            :func:`fillrank.encoders.with_neighbours`.
            ``"auto"`` takes the best by ``monitor`` on the validation part, out of
            :data:`fillrank.models.NEIGHBOUR_WEIGHTS`, for the epoch that was the best without. Without a validation
            part it is :data:`fillrank.models.USUAL_NEIGHBOUR_WEIGHT` for MF by cosines, else 0.
        popularity_beta: after training, each item's vector is taken times ``n_i^β`` with n the users who met it: above
            0 popular items come up more. ``"auto"`` takes the best by ``monitor`` on the validation part, out of
            :data:`fillrank.models.POPULARITY_BETAS`; without a validation part it is 0.
        popularity_weight: γ of ``γ · s · log(1 + n_i)``, which is added to the scores of item i after training, with s
            the mean length of the users' vectors times that of the items' (1 for cosines): from 0 to 100, where
            popularity alone ranks. ``"auto"`` takes the best by ``monitor`` on the validation part, out of
            :data:`fillrank.models.POPULARITY_WEIGHTS`; it is 0 without one, where ``popularity_beta`` is given, and
            for history users without vectors of their own.
        init: ``"random"`` (normal, with standard deviation ``init_scale``), or ``"spectral"``: the degree-normalised
            SVD, its rows scaled to the length ``init_scale``.
        init_scale: see ``init``.
        loss: its name in :data:`fillrank.losses.LOSSES`, or that of an installed package; an object or a class of
            losses; or any function of scores ``(pos [B], neg [B, N]) → [B]``, see
            :class:`fillrank.losses.FromFunction`. One of vectors, such as ``"alignment-uniformity"``
            (:class:`fillrank.losses.AlignmentUniformity`, DirectAU), takes no negatives, and so no sampler.
        loss_settings: such as ``{"temperature": 0.1}``. Those for which the loss has a ladder
            (:class:`fillrank.losses.Ladder`) and that are not given, or ``"auto"``, are chosen by short trainings on
            the validation part, which together cost no more than the least of one training
            (:class:`fillrank.models.Allowance`); without one they are the usual ones of the ladder.
        sampler: its name in :data:`fillrank.samplers.SAMPLERS`, or that of an installed package; a class or a function,
            which gets the positives as ``known``; or an object. One that was made with the positives of some log is
            made anew with those of each fit, from its settings; see :func:`fillrank.samplers.as_sampler`.
        sampler_settings: such as ``{"n_negatives": 256}``. Where it is not given, ``n_negatives`` is 1,024 (64 for
            NeuMF), or all items where there are fewer.
        views: ``"edge-dropout"`` (of LightGCN's graph: SGL) or ``"noise"`` (on LightGCN's layers: SimGCL; on the
            vectors of MF and history users) adds a contrast between two views of the batch's users and items, see
            :class:`fillrank.training.ViewTerm`. None: no views, and then no other setting of theirs may be given.
        view_settings: such as ``{"rate": 0.2}`` of ``"edge-dropout"``, ``{"eps": 0.2}`` of ``"noise"``; 0.1 if not.
        view_weight: of that contrast. None: what its authors take on Yelp2018, 0.1 for ``"edge-dropout"``, 0.5 for
            ``"noise"``.
        view_temperature: of that contrast. None: 0.2.
        positive_from: rows with at least this value are positives; ``"relevant"`` takes the data's own threshold, None
            every row.
        disliked: what a row is that is no positive, because of a lower value or of the weight 0: ``"ignored"``, so that
            it is never drawn as a negative, or ``"negative"``, so that it is as likely drawn as any item that its user
            has not met.
        weight_power: power of the weights of a log that has some; brought to a mean of 1 it multiplies the loss of a
            row. ``"auto"`` takes the best on the validation part, tried as the settings of the loss are; without one it
            is 1.
        learning_rate, regularization, regularized, dropout, max_grad_norm, precision: see
            :class:`fillrank.training.ContrastSettings`.
        route: ``"auto"`` takes the fast one where it can (vectors from two tables, a loss of scores, no views, touched
            rows regularized) and autograd elsewhere; ``"autograd"`` takes the latter always.
            ``"delayed-propagation"`` is for LightGCN: steps as fast as those of two tables, and every
            ``propagate_every`` of them what has changed is propagated over the graph. An approximation; see
            :class:`fillrank.training.DelayedPropagation`.
        propagate_every: steps between two propagations, where the route is ``"delayed-propagation"``.
        epochs, batch_size, patience, ema_span, schedule, warmup, eval_every, seed: see
            :class:`fillrank.training.LoopSettings`. ``"auto"``, for the first three and the learning rate, goes by the
            size of the log: see :class:`fillrank.models.Sizes`.
        monitor: the metric of the validation part that picks the best epoch.
        optimizer: learning rate, schedule, warmup, ``max_grad_norm`` and ``ema_span`` as one group: a table or an
            :class:`fillrank.models.Optimizer`. What is stored are the single settings.
        stop: ``monitor``, ``patience`` and ``eval_every`` as one group: a table, an
            :class:`fillrank.models.EarlyStopping`, or the monitor alone.
        temperature: short for that of ``loss_settings``.
        n_negatives: short for that of ``sampler_settings``.

    Example:
        ``Contrastive(loss="bsl", temperature=0.1, dim=64, stop={"patience": 5}).fit(split.train, valid=split.valid)``
    """

    kind: ClassVar[str] = "contrastive"

    def _fit(self, train: Interactions, valid: Interactions | None, context: FitContext) -> Recommender:
        if context.options.checkpoint is not None:
            refuse_objects(self.objects(), "a checkpoint")
        interactions = self.positives(train)
        settled = self.settled(len(interactions), watched=valid is not None)
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
        training, found = training.choose((*powers, *open_ladders(self.loss, self.loss_settings)))
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


class LightGCN(Contrastive):
    """LightGCN vectors (He et al. 2020), with a softmax loss; see :class:`fillrank.encoders.LightGCN`."""

    kind: ClassVar[str] = "lightgcn"

    encoder: Part = "lightgcn"
    loss: Part = "bsl"
    largest_batch: ClassVar[int] = 8192


class NeuMF(Contrastive):
    """Neural matrix factorisation (He et al. 2017): :class:`fillrank.encoders.NeuMF`. It folds no new users in."""

    kind: ClassVar[str] = "neumf"
    chosen_on_valid: ClassVar[tuple[str, ...]] = ()

    encoder: Part = "neumf"
    loss: Part = "logistic"
    dim: int = Field(default=32, ge=1)
    usual_negatives: ClassVar[int] = 64
