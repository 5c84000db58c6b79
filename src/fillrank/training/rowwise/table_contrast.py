"""``TableContrast``: the learner of the fast route, with gradients in closed form."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal, cast

import torch
from torch import Tensor, nn

from fillrank.encoders import FeatureSums, FreeTables
from fillrank.errors import SettingsError
from fillrank.losses import ScoreLoss
from fillrank.runtime.device import halves
from fillrank.runtime.distributed import World
from fillrank.runtime.threads import Threads, one_thread
from fillrank.samplers import Sampler
from fillrank.training.autograd.step import Batch, dropout_mask
from fillrank.training.drawing import draw
from fillrank.training.rowwise.adam import RowAdam
from fillrank.training.rowwise.scores import MOST_PARTS, OwnScores, Scratch, SharedScores
from fillrank.training.rowwise.sides import FeatureSide, Side
from fillrank.training.thresholds import TableScores, Thresholds, bound

__all__ = ["ContrastSettings", "TableContrast"]


@dataclass(frozen=True)
class ContrastSettings:
    """The settings of contrastive training, the same on every route.

    Attributes:
        learning_rate: the learning rate of Adam.
        regularization: λ of ``λ/2 · |x|²``, added in each batch once for each row of the tables that it touches, or for
            every row: see ``regularized``.
        regularized: ``"touched"`` or ``"all"``.
        dropout: share of the entries of a user's vector that are set to 0 for the loss.
        max_grad_norm: largest length of the whole gradient; longer ones are scaled down to it. None: no limit.
        precision: of the scores and the products around them on the fast route (bfloat16 only where the processor
            multiplies it, else float32: see :func:`fillrank.runtime.device.halves`), of the products with the graph in
            LightGCN. The tables, and all sums, are float32.
    """

    learning_rate: float = 1e-3
    regularization: float = 0.0
    regularized: Literal["touched", "all"] = "touched"
    dropout: float = 0.0
    max_grad_norm: float | None = None
    precision: Literal["float32", "bfloat16"] = "float32"

    def __post_init__(self) -> None:
        if not 0 <= self.dropout < 1:
            raise SettingsError(f"dropout must be from 0 to below 1, got {self.dropout}")
        if not 0 <= self.regularization < float("inf"):
            raise SettingsError(f"regularization must be 0 or more, got {self.regularization}")
        if self.max_grad_norm is not None and not self.max_grad_norm > 0:
            raise SettingsError(f"max_grad_norm must be a positive length or None, got {self.max_grad_norm}")


class TableContrast:
    """The learner that trains two tables contrastively without autograd.

    If the batch shares its negatives, a step does three matrix products per block of rows (the scores, their gradients
    times the negatives, their gradients times the anchors) and one pass of the loss over the scores; the gradient
    overwrites the scores. If each row has its own negatives, compiled loops do the same row by row. A step never
    touches the whole catalogue: the vectors of a batch are gathered once, and their gradients are summed row by row,
    taken through the normalisation of the cosine, and given to :class:`RowAdam`.
    :class:`fillrank.training.ContrastStep` with :class:`fillrank.training.Autograd` is the readable twin.

    With several processes, each process gets the rows of its own users. It alone changes the vectors of these users,
    and only gradients of items are sent. If each row has its own negatives, the sampler may need the scores of all
    rows, so every process draws for all of them; then each process gets a slice of the batch, and all gradients are
    sent.

    Args:
        encoder: the tables, which are its parameters; changed in place.
        loss: a loss of scores, in closed form.
        sampler: draws negatives; many negatives are much faster if the batch shares them.
        settings: see :class:`ContrastSettings`.
        world: the processes that share each batch.
    """

    route = "closed form, touched rows"

    def __init__(
        self,
        encoder: FreeTables | FeatureSums,
        loss: ScoreLoss,
        sampler: Sampler,
        settings: ContrastSettings,
        *,
        world: World | None = None,
    ) -> None:
        if settings.regularization > 0 and settings.regularized == "all":
            raise SettingsError("the route of touched rows cannot regularize all rows; take Autograd, or 'touched'")
        if settings.precision != "float32" and getattr(sampler, "shared", True) is False:
            raise SettingsError(
                f"precision={settings.precision!r} is for negatives that the batch shares; leave it out"
            )
        if loss.whole_batch and world is not None and world.size > 1:
            raise SettingsError(f"{loss} looks at a batch as a whole, and {world.size} processes share it; use one")
        self.modules: Sequence[nn.Module] = [cast("nn.Module", encoder)]
        self._loss, self._sampler, self._settings, self._world = loss, sampler, settings, world or World()
        of_users = getattr(encoder, "users_features", None)  # moved by the users of all processes
        self._by_users = self._world.size > 1 and getattr(sampler, "shared", True) and of_users is None
        self._halved = halves(settings.precision, encoder.items.device)
        self._threads = Threads()
        self._scratches = [Scratch() for _ in range(MOST_PARTS)]
        self._users, self._items = (_side(encoder, what, settings) for what in ("users", "items"))
        self.thresholds = Thresholds.wanted_by(loss, lambda: TableScores.of(encoder.tables(), encoder.similarity))

    @one_thread()
    def learn(self, batch: Batch, generator: torch.Generator) -> dict[str, Tensor]:
        """See :meth:`fillrank.training.Learner.learn`."""
        own = batch.of_own_users(self._world) if self._by_users else batch.shard(self._world)
        drawn, contrasted = draw(self._sampler, own, generator, self._score)
        mine = own.rows_of_whole
        users, user_of = self._users.number(own.users if self._by_users else batch.users)
        anchor_of = user_of if self._by_users else user_of[mine]
        items, item_of = self._items.number(torch.cat([batch.items, contrasted.flatten()]))
        positive_of = item_of[: len(batch)][mine]
        negative_of = item_of[len(batch) :].view(contrasted.shape)
        user_rows, item_rows = self._users.gather(users, generator), self._items.gather(items, generator)

        anchors, rate = user_rows[anchor_of], self._settings.dropout
        keep = dropout_mask(own, anchors, rate, generator) if rate > 0 else None
        if keep is not None:
            anchors *= keep
        loss, positives = bound(self._loss, self.thresholds, own.users), item_rows[positive_of]
        if drawn.shared:
            scores = SharedScores(loss, item_rows[negative_of], drawn, halved=self._halved)
            found = scores.contrast(anchors, positives, self._threads, self._scratches, own.weights)
        else:
            of_rows = OwnScores(loss, item_rows, negative_of[mine], drawn)
            found = of_rows.contrast(anchors, positives, self._threads, own.weights)
            negative_of = torch.arange(len(items), device=items.device)
        if keep is not None:
            found.d_anchors.mul_(keep)

        d_users = self._users.add_up((found.d_anchors, anchor_of), like=user_rows)
        d_items = self._items.add_up((found.d_positives, positive_of), (found.d_negatives, negative_of), like=item_rows)
        arrived = self._world.begin_all_reduce(*(() if self._by_users else (d_users,)), d_items, found.total)
        self._step((users, d_users), (items, d_items), len(batch), arrived)
        return {"contrastive": found.total / len(batch)}

    def _score(self, users: Tensor, items: Tensor) -> Tensor:
        """See :data:`fillrank.samplers.Score`."""
        anchors, vectors = self._users.vectors(users), self._items.vectors(items)
        return anchors @ vectors.T if items.dim() == 1 else torch.einsum("bd,bnd->bn", anchors, vectors)

    def _step(
        self, users: tuple[Tensor, Tensor], items: tuple[Tensor, Tensor], n: int, arrived: Callable[[], None]
    ) -> None:
        """Update the rows by their gradients, which are complete when ``arrived`` returns.

        The gradients of the process's own users are complete before that, so these rows are updated first.
        """
        if not self._by_users:
            arrived()
        of_users = self._users.through(users[1].div_(n))
        if self._settings.max_grad_norm is None:
            self._users.step(users[0], of_users)
        if self._by_users:
            arrived()
        of_items = self._items.through(items[1].div_(n))
        if self._settings.max_grad_norm is not None:
            squares = [torch.stack([one.square().sum() for one in side]).sum() for side in (of_users, of_items)]
            if self._by_users:
                self._world.all_reduce(squares[0])
            scale = (self._settings.max_grad_norm / ((squares[0] + squares[1]).sqrt() + 1e-6)).clamp(max=1.0)
            self._users.step(users[0], [gradient.mul_(scale) for gradient in of_users])
            of_items = [gradient.mul_(scale) for gradient in of_items]
        self._items.step(items[0], of_items)

    def scale_lr(self, factor: float) -> None:
        """See :meth:`fillrank.training.Learner.scale_lr`."""
        for adam in self._adams().values():
            adam.rate = self._settings.learning_rate * factor

    def state_dict(self) -> dict[str, Tensor]:
        """See :meth:`fillrank.training.Learner.state_dict`."""
        if self._by_users:
            for moment in self._users.adam.moments:
                self._world.all_gather(moment)
        return {f"{name}.{part}": t for name, adam in self._adams().items() for part, t in adam.state_dict().items()}

    def load_state_dict(self, state: dict[str, Tensor]) -> None:
        """See :meth:`fillrank.training.Learner.load_state_dict`."""
        for name, adam in self._adams().items():
            adam.load_state_dict({part: state[f"{name}.{part}"] for part in adam.state_dict()})

    def _adams(self) -> dict[str, RowAdam]:
        sides = {"users": self._users, "items": self._items}
        return {f"{name}{more}": adam for name, side in sides.items() for more, adam in side.adams.items()}

    def all_gather(self, tensors: Sequence[Tensor]) -> None:
        """See :meth:`fillrank.training.Learner.all_gather`."""
        if self._by_users:
            of_users, *_ = tensors
            self._world.all_gather(of_users)


def _side(encoder: FreeTables | FeatureSums, what: str, settings: ContrastSettings) -> Side:
    """The users or the items of an encoder."""
    table, rate, penalty = getattr(encoder, what), settings.learning_rate, settings.regularization
    features = getattr(encoder, f"{what}_features") if isinstance(encoder, FeatureSums) else None
    if features is None:
        return Side(table, rate, penalty, encoder.similarity)
    return FeatureSide(
        table,
        features,
        getattr(encoder, f"{what}_rows"),
        getattr(encoder, f"has_{what}"),
        own_dropout=cast("FeatureSums", encoder).own_dropout,
        learning_rate=rate,
        penalty=penalty,
        similarity=encoder.similarity,
    )
