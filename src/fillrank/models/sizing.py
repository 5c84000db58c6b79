"""``Sizes``: settings of a contrastive training that depend on the size of the log if they are ``"auto"``."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Annotated, ClassVar, Literal, Protocol, TypeAlias

from pydantic import Field

from fillrank.arguments import checked, count
from fillrank.training import LoopSettings

__all__ = ["AutoWord", "Count", "Sizes", "loop_settings_of", "sizes_of"]

AutoWord: TypeAlias = Literal["auto"]
Count: TypeAlias = Annotated[int, Field(ge=1)]

_STEPS_OF_AN_EPOCH = 100
_SMALLEST_BATCH = 64
_AT_MOST, _LEAST_PATIENCE, _PATIENT_STEPS = 100, 5, 200
_UNWATCHED = 12


@dataclass(frozen=True)
class Sizes:
    """The numbers that replace ``"auto"``.

    * *Batches*: about 100 steps in an epoch: the nearest power of two, from 64 to a largest one. With larger batches,
      an epoch of a small log would have too few steps to learn anything.
    * *Learning rate*: .002; .001 for logs with the largest batch, which have enough steps.
    * *Epochs*: at most 100 with a validation part, which decides when to stop; else 12.
    * *Patience*: 200 steps, but at least 5 epochs.

    Attributes:
        learning_rate, batch_size, epochs, patience: of the training.
    """

    learning_rate: float
    batch_size: int
    epochs: int
    patience: int

    @classmethod
    @checked
    def of(
        cls,
        n_rows: int,
        *,
        watched: bool,
        largest_batch: int = 1024,
        learning_rate: float | AutoWord = "auto",
        batch_size: int | AutoWord = "auto",
        epochs: int | AutoWord = "auto",
        patience: int | AutoWord = "auto",
    ) -> Sizes:
        """The numbers for a log.

        Args:
            n_rows: the number of positives.
            watched: whether there is a validation part.
            largest_batch: the largest batch size.
            learning_rate, batch_size, epochs, patience: the settings; a number is kept.

        Example:
            >>> Sizes.of(40_000, watched=True)
            Sizes(learning_rate=0.002, batch_size=512, epochs=100, patience=5)
            >>> Sizes.of(1_000_000, watched=False, epochs=3).epochs
            3
        """
        count("n_rows", n_rows, least=0, most=2**62)
        count("largest_batch", largest_batch, most=2**31)
        if batch_size == "auto":
            near = 2 ** round(math.log2(max(n_rows, 1) / _STEPS_OF_AN_EPOCH))
            batch_size = int(min(max(near, _SMALLEST_BATCH), largest_batch))
        if learning_rate == "auto":
            learning_rate = 0.001 if n_rows >= 2 * largest_batch * _STEPS_OF_AN_EPOCH else 0.002
        if epochs == "auto":
            epochs = _AT_MOST if watched else _UNWATCHED
        least = max(_LEAST_PATIENCE, math.ceil(_PATIENT_STEPS * batch_size / max(n_rows, 1)))
        return cls(learning_rate, batch_size, epochs, least if patience == "auto" else patience)


class Sized(Protocol):
    """A recipe that is trained batch by batch."""

    largest_batch: ClassVar[int]

    @property
    def learning_rate(self) -> float | AutoWord: ...
    @property
    def epochs(self) -> Count | AutoWord: ...
    @property
    def batch_size(self) -> Count | AutoWord: ...
    @property
    def patience(self) -> Count | AutoWord: ...


def sizes_of(recipe: Sized, n_rows: int = 1, *, watched: bool = False) -> Sizes:
    """The sizes of a recipe on a log; settings that are not ``"auto"`` are kept."""
    return Sizes.of(
        n_rows,
        watched=watched,
        largest_batch=recipe.largest_batch,
        learning_rate=recipe.learning_rate,
        batch_size=recipe.batch_size,
        epochs=recipe.epochs,
        patience=recipe.patience,
    )


class Looped(Sized, Protocol):
    """A recipe with all settings of the training loop."""

    @property
    def ema_span(self) -> float: ...
    @property
    def schedule(self) -> Literal["constant", "cosine"]: ...
    @property
    def warmup(self) -> float: ...
    @property
    def eval_every(self) -> int: ...
    @property
    def seed(self) -> int: ...


def loop_settings_of(recipe: Looped, identity: str, *, ema_every: int = 1) -> LoopSettings:
    """The settings of the training loop from a recipe without ``"auto"``.

    Args:
        recipe: the recipe.
        identity, ema_every: see :class:`fillrank.training.LoopSettings`.
    """
    sizes = sizes_of(recipe)
    return LoopSettings(
        epochs=sizes.epochs,
        batch_size=sizes.batch_size,
        patience=sizes.patience,
        ema_span=recipe.ema_span,
        ema_every=ema_every,
        schedule=recipe.schedule,
        warmup=recipe.warmup,
        eval_every=recipe.eval_every,
        seed=recipe.seed,
        identity=identity,
    )
