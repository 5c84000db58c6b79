"""What a contrastive recipe is made of: an encoder, a loss and a sampler, each from its name and settings."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Literal, Self

import torch

from fillrank.data import Interactions
from fillrank.encoders import MF, HistoryUsers, LightGCN, NeuMF, normal_tables, view
from fillrank.encoders.base import Tables
from fillrank.encoders.start import tables_of_factors
from fillrank.errors import SettingsError
from fillrank.factors import Factors, Scorer
from fillrank.factors.fold_in import ImplicitRidge
from fillrank.factors.neural import PairScorer
from fillrank.losses import ScoreLoss, VectorLoss, ViewContrast, vector_loss
from fillrank.losses import loss as named_loss
from fillrank.models.cmc_parts import pick_device
from fillrank.models.loss_ladders import usual_settings
from fillrank.models.ranked import Ranking
from fillrank.models.recipe import monitored
from fillrank.models.starts import spectral_start
from fillrank.runtime.rng import torch_stream
from fillrank.samplers import KnownPositives, Sampler
from fillrank.samplers import sampler as named_sampler
from fillrank.training import (
    Autograd,
    ContrastStep,
    Learner,
    SpreadContrast,
    TableContrast,
    ViewTerm,
    World,
    smoothed,
)

if TYPE_CHECKING:
    from fillrank.models.contrastive import Contrastive

__all__ = ["ContrastiveParts", "EncoderName", "ViewName", "Watch", "loss_of", "pick_route", "sampler_settings"]

_WITHOUT_COUNT = ("in-batch", "hard")
_NONE = {"neighbour_weight": (0.0,), "popularity_beta": (0.0,), "popularity_weight": (0.0,)}
"""What says that nothing is done, as a fit of NeuMF notes it."""
_VIEW_WEIGHTS = {"edge-dropout": 0.1, "noise": 0.5}
"""What the authors of SGL and SimGCL take on Yelp2018."""
EncoderName = Literal["mf", "lightgcn", "history", "neumf"]
ViewName = Literal["edge-dropout", "noise"]


@dataclass(frozen=True)
class ContrastiveParts:
    """Untrained parts for a log, and what is made of them.

    Attributes:
        encoder: what is trained, and scores.
        loss, sampler, views, device: of its training.
        ranking: what ranks, made of what was learnt.
        graph: over which what ``encoder`` learns is spread, where it is the smoothed vectors of a graph encoder.
        positive_from: of a new user's history, what has a lower value is left out; None keeps all.
    """

    encoder: MF | LightGCN | HistoryUsers | NeuMF
    loss: ScoreLoss | VectorLoss
    sampler: Sampler | None
    views: ViewTerm | None
    device: torch.device
    ranking: Ranking
    graph: LightGCN | None = None
    positive_from: float | None = None

    @classmethod
    def of(cls, settings: Contrastive, log: Interactions, *, positive_from: float | None = None) -> Self:
        """The parts that the settings name, for the positives ``log``, whose values were ``positive_from`` or more.

        Raises:
            SettingsError: a name or a setting is not known, or does not go with the others.
        """
        loss, device = loss_of(settings), pick_device(settings.device)
        sampler = _sampler(settings, log, device) if isinstance(loss, ScoreLoss) else None
        encoder = _encoder(settings, log).to(device)
        ranking = Ranking(
            log,
            settings.ranked_by or settings.similarity,
            _number(settings.neighbour_weight),
            _number(settings.popularity_beta),
            _number(settings.popularity_weight),
        )
        if settings.route != "spread":
            if settings.spread_every != type(settings).model_fields["spread_every"].default:
                raise SettingsError(f"spread_every={settings.spread_every} is for route='spread'; leave it out")
            views = _views(settings, encoder)
            return cls(encoder, loss, sampler, views, device, ranking, positive_from=positive_from)
        if not isinstance(encoder, LightGCN) or sampler is None or settings.views is not None:
            raise SettingsError(
                "route='spread' is for encoder='lightgcn' with a loss of scores and without views; "
                "leave it out, or leave out what asks for another"
            )
        return cls(smoothed(encoder), loss, sampler, None, device, ranking, encoder, positive_from)

    def scorer(self, **instead: float) -> Factors | PairScorer:
        """What was learnt so far; with other numbers of the ranking, if any are given and there are vectors."""
        if isinstance(self.encoder, NeuMF):
            return self.encoder.scorer()
        return self.ranking.of(self._learnt(self.encoder), **instead)

    def ranked_best(self, names: Sequence[str], watch: Watch, *, epoch: int, shown: bool) -> Self:
        """The same parts, with those numbers of the ranking that do best on the validation part, ``epoch`` being the
        last of the training.
        """
        if not names or isinstance(self.encoder, NeuMF):
            return self
        learnt = self._learnt(self.encoder)
        if not isinstance(learnt.folding, ImplicitRidge):  # new users would have vectors of another length
            names = [name for name in names if name != "popularity_weight"]
        ranking = self.ranking.chosen(names, learnt, watch.judge, epoch=epoch, shown=shown)
        return replace(self, ranking=ranking)

    def _learnt(self, encoder: MF | LightGCN | HistoryUsers) -> Factors:
        known_way = isinstance(encoder, HistoryUsers) and encoder.users is None
        return encoder.factors(None if known_way else ImplicitRidge(0.01, 100.0, positive_from=self.positive_from))


def pick_route(settings: Contrastive, parts: ContrastiveParts) -> Learner:
    """The fast route where it leads to the same place or is asked for, autograd elsewhere: its ``route`` says which.

    The fast one wants two tables, a loss of scores, no views, and a penalty on touched rows if on any.

    Raises:
        SettingsError: half precision is asked for where nothing takes it, or NeuMF's dropout in several processes.
    """
    contrast, world = settings.contrast(), World.current()
    loss, sampler = parts.loss, parts.sampler
    everywhere = settings.regularization > 0 and settings.regularized == "all"
    plain = parts.graph is None and (settings.route == "autograd" or everywhere or parts.views is not None)
    if not plain and isinstance(parts.encoder, MF) and isinstance(loss, ScoreLoss) and sampler is not None:
        steps = TableContrast(parts.encoder, loss, sampler, contrast, world=world)
        return steps if parts.graph is None else SpreadContrast(steps, parts.graph, every=settings.spread_every)
    if world.size > 1 and isinstance(parts.encoder, NeuMF) and parts.encoder.dropout > 0:
        raise SettingsError(
            f"NeuMF's dropout={parts.encoder.dropout:g} is drawn for the rows of a process, so {world.size} processes "
            "would not learn what one does; set it to 0, or use one process"
        )
    if contrast.precision != "float32" and not isinstance(parts.encoder, LightGCN):
        raise SettingsError(
            f"precision={contrast.precision!r} belongs to the fast route and to LightGCN, and this training goes by "
            "autograd; leave it out, or leave out what asks for autograd"
        )
    step = ContrastStep(parts.encoder, loss, sampler, contrast, parts.views)
    return Autograd(step, [parts.encoder], [contrast.learning_rate], clip=settings.clip, world=world)


class Watch:
    """Looks at the validation part after each epoch."""

    def __init__(self, monitor: str, train: Interactions, valid: Interactions, parts: ContrastiveParts) -> None:
        self._parts = parts
        self._name, self._evaluator = monitored(monitor, train, valid, also=("recall", "ndcg"))

    def look(self) -> tuple[float, dict[str, float]]:
        """See :data:`fillrank.training.Monitor`."""
        return self.judge(self._parts.scorer())

    def judge(self, scorer: Scorer) -> tuple[float, dict[str, float]]:
        """What is monitored of ``scorer``, and what is shown."""
        found = self._evaluator.run(scorer).metrics
        kept = {name: value for name, value in found.items() if name.split("@")[0] in {"recall", "ndcg", "coverage"}}
        return found[self._name], {f"valid_{name}": value for name, value in kept.items()}


def _number(asked: float | Literal["auto"]) -> float:
    """What a setting starts from that may be chosen at the end."""
    return 0.0 if asked == "auto" else asked


def loss_of(settings: Contrastive) -> ScoreLoss | VectorLoss:
    """The loss that the settings name, with the usual numbers where they leave a choice.

    Raises:
        SettingsError: there is no such loss or setting.
    """
    if settings.loss != "alignment-uniformity":
        return named_loss(settings.loss, **usual_settings(settings.loss, settings.loss_settings))
    if settings.sampler != "uniform" or settings.sampler_settings:
        raise SettingsError("the loss 'alignment-uniformity' takes no negatives; leave sampler and its settings out")
    return vector_loss("alignment-uniformity", **settings.loss_settings)


def _sampler(settings: Contrastive, log: Interactions, device: torch.device) -> Sampler:
    known = KnownPositives.of_users(log, device)
    return named_sampler(settings.sampler, known, **sampler_settings(settings, log.n_items))


def sampler_settings(settings: Contrastive, n_items: int) -> dict[str, Any]:
    """Those that were given, and the recipe's own number of negatives where the sampler takes one and none was."""
    usual = {} if settings.sampler in _WITHOUT_COUNT else {"n_negatives": min(settings.usual_negatives, n_items)}
    return usual | settings.sampler_settings


def _views(settings: Contrastive, encoder: MF | LightGCN | HistoryUsers | NeuMF) -> ViewTerm | None:
    """The contrast of views, if the settings ask for one that weighs something."""
    if settings.views is None:
        own = ("view_settings", "view_weight", "view_temperature")
        idle = [name for name in own if getattr(settings, name) not in (None, {})]
        if idle:
            raise SettingsError(f"without views nothing looks at {', '.join(idle)}; set views, or leave that out")
        return None
    chosen = view(settings.views, encoder, **settings.view_settings)
    weight = _VIEW_WEIGHTS[settings.views] if settings.view_weight is None else settings.view_weight
    temperature = {} if settings.view_temperature is None else {"temperature": settings.view_temperature}
    return ViewTerm(chosen, ViewContrast(**temperature), weight) if weight > 0 else None


def _encoder(settings: Contrastive, log: Interactions) -> MF | LightGCN | HistoryUsers | NeuMF:
    generator, own = torch_stream(settings.seed, "init"), settings.encoder_settings
    try:
        if settings.encoder == "neumf":
            _refuse_settings_of_vectors(settings)
            return NeuMF(log.n_users, log.n_items, dim=settings.dim, generator=generator, **own)
        users, items = _tables(settings, log, generator)
        if settings.encoder == "mf":
            return MF(users, items, similarity=settings.similarity, **own)
        if settings.encoder == "lightgcn":
            return LightGCN(users, items, log, similarity=settings.similarity, precision=settings.precision, **own)
        return HistoryUsers(
            items,
            log,
            users=users if own.get("own_share", 0.0) > 0 else None,
            similarity=settings.similarity,
            **own,
        )
    except TypeError as error:
        raise SettingsError(f"encoder_settings of {settings.encoder!r}: {error}") from None


def _refuse_settings_of_vectors(settings: Contrastive) -> None:
    usual = type(settings).model_fields
    idle = [
        name
        for name in (
            "similarity",
            "ranked_by",
            "neighbour_weight",
            "popularity_beta",
            "popularity_weight",
            "start",
            "start_scale",
        )
        if getattr(settings, name) not in (usual[name].default, *_NONE.get(name, ()))
    ]
    if idle:
        raise SettingsError(
            f"NeuMF's scores are no product of vectors and start small, so nothing looks at {', '.join(idle)}; "
            "leave that out, or take another encoder"
        )


def _tables(settings: Contrastive, log: Interactions, generator: torch.Generator) -> Tables:
    if settings.start == "random":
        std = settings.start_scale / settings.dim**0.5
        return normal_tables(log.n_users, log.n_items, settings.dim, generator=generator, std=std)
    spectral = spectral_start(log, settings.dim, seed=settings.seed)
    return tables_of_factors(spectral, generator=generator, scale=settings.start_scale)
