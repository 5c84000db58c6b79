"""Build the parts of a contrastive recipe: encoder, loss, sampler and learner, from names and settings."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, Literal, Self, cast

import torch
from torch import nn

from fillrank.data import Interactions
from fillrank.encoders import (
    EncoderInputs,
    FeatureSums,
    FreeTables,
    GraphEncoder,
    PairEncoder,
    Tables,
    VectorEncoder,
    as_encoder,
    has_free_tables,
    inputs_of,
    normal_tables,
    scores_pairs,
    tables_of_factors,
    view,
)
from fillrank.encoders.base import Similarity
from fillrank.errors import SettingsError
from fillrank.factors import Factors, Scorer
from fillrank.factors.fold_in import ImplicitRidge
from fillrank.factors.neural import NeuralScorer
from fillrank.losses import ScoreLoss, VectorLoss, ViewContrast
from fillrank.models.contrastive.settings import ContrastiveSettings, loss_of
from fillrank.models.monitoring import monitored
from fillrank.models.named_parts import called
from fillrank.models.ranked import Ranking
from fillrank.models.starts import spectral_start
from fillrank.registry import parameters_of
from fillrank.runtime.device import pick_device
from fillrank.runtime.rng import torch_stream
from fillrank.samplers import KnownPositives, Sampler, as_sampler, takes_usual_count
from fillrank.training import (
    Autograd,
    ContrastStep,
    DelayedPropagation,
    Learner,
    TableContrast,
    ViewTerm,
    World,
    propagated,
)
from fillrank.training.context import FitContext

__all__ = ["ContrastiveMonitor", "ContrastiveParts", "pick_route", "sampler_settings"]

_NONE = {"neighbour_weight": (0.0,), "popularity_beta": (0.0,), "popularity_weight": (0.0,)}
"""The numbers of a ranking that changes nothing, as a fit of an encoder of pairs stores them."""
_VIEW_WEIGHTS = {"edge-dropout": 0.1, "noise": 0.5}
"""The weights that the authors of SGL and SimGCL use on Yelp2018."""


@dataclass(frozen=True)
class ContrastiveParts:
    """The parts of a contrastive recipe for a log, and the model that is made from them.


    Attributes:
        encoder: the trained encoder.
        loss, sampler, views, device: used to train it.
        ranking: turns the learned vectors into those that rank.
        graph: the graph encoder over which changes are propagated, if ``encoder`` holds its propagated vectors; else
            None.
        positive_from: lower values in a new user's history are left out; None keeps all.
    """

    encoder: nn.Module
    loss: ScoreLoss | VectorLoss
    sampler: Sampler | None
    views: ViewTerm | None
    device: torch.device
    ranking: Ranking
    graph: GraphEncoder | None = None
    positive_from: float | None = None

    @classmethod
    def of(
        cls,
        settings: ContrastiveSettings,
        interactions: Interactions,
        *,
        device: str = "auto",
        positive_from: float | None = None,
        ignored: Interactions | None = None,
    ) -> Self:
        """The parts that the settings name, for the positives in ``interactions`` (value ``positive_from`` or more).

        Pairs that are ``ignored`` are not drawn as negatives.

        Raises:
            SettingsError: a name or a setting is unknown, or does not fit the others.
        """
        loss, place = loss_of(settings), pick_device(device)
        sampler = _sampler(settings, interactions, place, ignored) if isinstance(loss, ScoreLoss) else None
        encoder = _encoder(settings, interactions).to(place)
        learnt_by: Similarity = getattr(encoder, "similarity", settings.similarity)
        ranking = Ranking(
            interactions,
            settings.ranked_by or learnt_by,
            _number(settings.neighbour_weight),
            _number(settings.popularity_beta),
            _number(settings.popularity_weight),
        )
        if settings.route != "delayed-propagation":
            if settings.propagate_every != type(settings).model_fields["propagate_every"].default:
                raise SettingsError(
                    f"propagate_every={settings.propagate_every} is for route='delayed-propagation'; leave it out"
                )
            views = _views(settings, encoder)
            return cls(encoder, loss, sampler, views, place, ranking, positive_from=positive_from)
        if not isinstance(encoder, GraphEncoder) or sampler is None or settings.views is not None:
            raise SettingsError(
                "route='delayed-propagation' is for encoder='lightgcn' with a loss of scores and without views; "
                "leave it out, or leave out what asks for another"
            )
        return cls(propagated(encoder), loss, sampler, None, place, ranking, encoder, positive_from)

    def scorer(self, **instead: float) -> Factors | NeuralScorer:
        """The model so far; with other numbers of the ranking, if any are given and there are vectors."""
        if isinstance(self.encoder, PairEncoder):
            return cast("NeuralScorer", self.encoder.scorer())
        return self.ranking.of(self._learnt(), **instead)

    def ranked_best(self, names: Sequence[str], watch: ContrastiveMonitor, context: FitContext) -> Self:
        """The same parts, with the numbers of the ranking that are best on the validation part."""
        if not names or isinstance(self.encoder, PairEncoder):
            return self
        learnt = self._learnt()
        if not isinstance(learnt.folding, ImplicitRidge):  # new users would have vectors of another length
            names = [name for name in names if name != "popularity_weight"]
        ranking = self.ranking.chosen(names, learnt, watch.judge, context)
        return replace(self, ranking=ranking)

    def _learnt(self) -> Factors:
        own_folding = getattr(self.encoder, "own_folding", False)
        folding = None if own_folding else ImplicitRidge(0.01, 100.0, positive_from=self.positive_from)
        return cast("VectorEncoder", self.encoder).factors(folding)


def pick_route(settings: ContrastiveSettings, parts: ContrastiveParts) -> Learner:
    """Choose the learner: the fast route if it gives the same result or the settings ask for it, else autograd.

    The fast route requires tables of rows (MF, sums of features), a loss of scores, no views, and no penalty on rows
    that a batch does not touch.

    Raises:
        SettingsError: half precision is set but nothing uses it, or several processes cannot share the encoder.
    """
    contrast, world = settings.contrast(), World.current()
    loss, sampler = parts.loss, parts.sampler
    everywhere = contrast.regularization > 0 and settings.regularized == "all"
    plain = parts.graph is None and (settings.route == "autograd" or everywhere or parts.views is not None)
    if not plain and isinstance(loss, ScoreLoss) and sampler is not None and _trains_by_rows(parts.encoder):
        steps = TableContrast(cast("FreeTables", parts.encoder), loss, sampler, contrast, world=world)
        return steps if parts.graph is None else DelayedPropagation(steps, parts.graph, every=settings.propagate_every)
    if world.size > 1 and (check_sharing := getattr(parts.encoder, "check_sharing", None)) is not None:
        check_sharing(world.size)
    if contrast.precision != "float32" and "precision" not in parameters_of(type(parts.encoder)):
        raise SettingsError(
            f"precision={contrast.precision!r} belongs to the fast route and to LightGCN, and this training goes by "
            "autograd; leave it out, or leave out what asks for autograd"
        )
    encoder = cast("VectorEncoder | PairEncoder", parts.encoder)
    step = ContrastStep(encoder, loss, sampler, contrast, parts.views)
    return Autograd(step, [parts.encoder], [contrast.learning_rate], max_grad_norm=settings.max_grad_norm, world=world)


def _trains_by_rows(encoder: nn.Module) -> bool:
    return has_free_tables(encoder) or isinstance(encoder, FeatureSums)


class ContrastiveMonitor:
    """Evaluates the model on the validation part after each epoch."""

    def __init__(self, monitor: str, train: Interactions, valid: Interactions, parts: ContrastiveParts) -> None:
        self._parts = parts
        self._name, self._evaluator = monitored(monitor, train, valid, also=("recall", "ndcg"))

    def look(self) -> tuple[float, dict[str, float]]:
        """See :data:`fillrank.training.Monitor`."""
        return self.judge(self._parts.scorer())

    def judge(self, scorer: Scorer) -> tuple[float, dict[str, float]]:
        """The monitored metric of ``scorer``, and the metrics to show."""
        found = self._evaluator.run(scorer).metrics
        kept = {name: value for name, value in found.items() if name.split("@")[0] in {"recall", "ndcg", "coverage"}}
        return found[self._name], {f"valid_{name}": value for name, value in kept.items()}


def _number(asked: float | Literal["auto"]) -> float:
    """The initial value of a setting that may be chosen after the training."""
    return 0.0 if asked == "auto" else asked


def _sampler(
    settings: ContrastiveSettings, interactions: Interactions, device: torch.device, ignored: Interactions | None
) -> Sampler:
    known = KnownPositives.of_users(interactions, device, ignored=ignored)
    return as_sampler(settings.sampler, known, sampler_settings(settings, interactions.n_items))


def sampler_settings(settings: ContrastiveSettings, n_items: int) -> dict[str, Any]:
    """The given settings, and the recipe's number of negatives if the sampler has that setting and none was given."""
    counted = takes_usual_count(settings.sampler)
    usual = {"n_negatives": min(settings.usual_negatives, n_items)} if counted else {}
    return usual | settings.sampler_settings


def _views(settings: ContrastiveSettings, encoder: nn.Module) -> ViewTerm | None:
    """The loss between views, if the settings ask for one with a weight above 0."""
    if settings.views is None:
        own = ("view_settings", "view_weight", "view_temperature")
        idle = [name for name in own if getattr(settings, name) not in (None, {})]
        if idle:
            raise SettingsError(f"without views, {', '.join(idle)} would not be used; set views, or leave that out")
        return None
    chosen = view(settings.views, cast("VectorEncoder | PairEncoder", encoder), **settings.view_settings)
    weight = _VIEW_WEIGHTS[settings.views] if settings.view_weight is None else settings.view_weight
    temperature = {} if settings.view_temperature is None else {"temperature": settings.view_temperature}
    return ViewTerm(chosen, ViewContrast(**temperature), weight) if weight > 0 else None


def _encoder(settings: ContrastiveSettings, interactions: Interactions) -> nn.Module:
    _refuse_what_is_idle(settings)
    inputs = EncoderInputs(
        interactions,
        settings.dim,
        torch_stream(settings.seed, "init"),
        partial(_tables, settings, interactions),
        settings.similarity,
        settings.precision,
    )
    return as_encoder(settings.encoder, inputs, settings.encoder_settings)


def _refuse_what_is_idle(settings: ContrastiveSettings) -> None:
    """Refuse given settings that the encoder does not use."""
    taken, pairs = inputs_of(settings.encoder), scores_pairs(settings.encoder)
    begun = bool(taken & {"users", "items"})
    looked_at = {
        "similarity": "similarity" in taken,
        **dict.fromkeys(("ranked_by", "neighbour_weight", "popularity_beta", "popularity_weight"), not pairs),
        **dict.fromkeys(("init", "init_scale"), begun),
        "dim": begun or "dim" in taken,
    }
    usual = type(settings).model_fields
    idle = [
        name
        for name, is_looked_at in looked_at.items()
        if not is_looked_at and getattr(settings, name) not in (usual[name].default, *_NONE.get(name, ()))
    ]
    if idle:
        why = (
            "does not score by products of vectors, and makes its own initial values"
            if pairs
            else "makes its own initial values"
        )
        raise SettingsError(
            f"the encoder {called(settings.encoder)!r} {why}, so {', '.join(idle)} would not be used; "
            "leave that out, or take another encoder"
        )


def _tables(settings: ContrastiveSettings, interactions: Interactions, generator: torch.Generator) -> Tables:
    if settings.init == "random":
        std = settings.init_scale / settings.dim**0.5
        return normal_tables(interactions.n_users, interactions.n_items, settings.dim, generator=generator, std=std)
    spectral = spectral_start(interactions, settings.dim, seed=settings.seed)
    return tables_of_factors(spectral, generator=generator, scale=settings.init_scale)
