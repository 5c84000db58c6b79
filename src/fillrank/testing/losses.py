"""The contract test for a loss."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, cast

import torch
from torch import Tensor

from fillrank.arguments import checked
from fillrank.errors import ContractError, SettingsError
from fillrank.losses import LOSSES, FromFunction, Ladder, ScoreLoss, VectorLoss, as_loss
from fillrank.registry import label
from fillrank.runtime.rng import torch_stream
from fillrank.testing.judging import Judge

__all__ = ["check_loss"]

ROWS, NEGATIVES = 5, 7
STEP = 1e-6  # of the finite differences
FAR = 50.0  # what masked scores are moved by


@checked
def check_loss(
    loss: ScoreLoss | VectorLoss | Callable[..., Tensor] | type[Any] | str | Mapping[str, Any],
    *,
    settings: Mapping[str, Any] | None = None,
    seed: int = 0,
) -> None:
    """Check that a loss keeps the contract of :class:`fillrank.losses.ScoreLoss`, on random scores in float64.

    What is looked at, in this order: the shape; finite values; rows that do not look at one another; the order of the
    negatives; ``value_and_grad`` against the loss itself, against autograd and against finite differences; masked
    negatives, which may neither matter nor move; rows with every negative masked, and batches without negatives;
    ``log_q``; float32 and bfloat16; an empty batch. Before all that, the ``ladders`` of a class that has some: each
    rung has to make a loss, and no setting may stand on two of them.

    Of a loss of vectors: the shape; finite values, also in float32 and of equal rows; scales, which may not matter; the
    gradient against finite differences.

    Args:
        loss: one of fillrank's or your own class, or a plain function of ``(pos [B], neg [B, N])``, which is taken as
            :class:`fillrank.losses.FromFunction` takes it. A loss that looks at other rows assumes that every row
            belongs to another user. A name or a table as recipes take them will do, and a class.
        settings: of a name, a class or a function, such as ``{"temperature": 0.3}``.
        seed: of the scores.

    Raises:
        ContractError: the first broken promise, by name; it is an ``AssertionError``.
        SettingsError: a function does not return one value for each row, or nothing that autograd can follow.

    Example:
        >>> from fillrank.losses import MMCL
        >>> check_loss(MMCL(margins=(-0.5, 0.5), weights=(0.5, 0.5)))
        >>> check_loss("bsl", settings={"temperature": 0.3})
    """
    _check_ladders(loss, settings)
    is_made = hasattr(loss, "value_and_grad") and not isinstance(loss, type) and settings is None
    made = loss if is_made else as_loss(loss, settings)
    if getattr(made, "of_vectors", False):
        _check_vector_loss(made, seed)
        return
    trial = _LossTrial(made, seed)
    trial.check_values()
    trial.check_rows_and_order()
    trial.check_gradients()
    trial.check_masks()
    trial.check_without_negatives()
    trial.check_log_q()
    trial.check_narrow_types()
    trial.check_empty_batch()


def _check_ladders(loss: Any, settings: Mapping[str, Any] | None) -> None:
    """Check that each value of a loss's ladder makes a loss, with the other settings unchanged."""
    kind = loss.get("name") if isinstance(loss, Mapping) else loss
    kind = LOSSES.find(kind) if isinstance(kind, str) else kind
    ladders = getattr(kind, "ladders", ())
    judge, known = Judge(f"the loss {label(kind)}"), set[str]()
    of_class = kind if hasattr(kind, "__qualname__") else type(kind)
    for ladder in ladders:
        judge.that(isinstance(ladder, Ladder), "its ladders", f"holds {ladder!r}, no fillrank.losses.Ladder")
        judge.that(known.isdisjoint(ladder.names), "its ladders", f"has two for {', '.join(known & ladder.names)}")
        known |= ladder.names
    usual = {name: value for ladder in ladders for name, value in ladder.rungs[ladder.usual].items()}
    for rung in (rung for ladder in ladders for rung in ladder.rungs):
        try:
            as_loss(of_class, usual | dict(rung) | {k: v for k, v in (settings or {}).items() if k not in rung})
        except SettingsError as error:
            judge.that(False, "its ladders", f"has a rung {dict(rung)} that makes no loss: {error}")


@dataclass
class _LossTrial:
    """One loss under test, with the scores that it is tried on."""

    loss: Any
    seed: int
    name: str = field(init=False)
    pos: Tensor = field(init=False)
    neg: Tensor = field(init=False)

    def __post_init__(self) -> None:
        function = self.loss.function if isinstance(self.loss, FromFunction) else None
        self.name = repr(self.loss) if function is None else getattr(function, "__name__", repr(function))
        generator = torch_stream(self.seed, "check-loss")
        scores = torch.rand(ROWS, 1 + NEGATIVES, generator=generator, dtype=torch.float64) * 2 - 1
        self.pos, self.neg = scores[:, 0].clone(), scores[:, 1:].clone()

    def check_values(self) -> None:
        self._shaped_and_finite("on plain scores", self._value(self.pos, self.neg))

    def check_rows_and_order(self) -> None:
        together = self._value(self.pos, self.neg)
        self._same("a row alone against the same row in a batch", self._value(self.pos[:1], self.neg[:1]), together[:1])
        self._same("the negatives in another order", self._value(self.pos, self.neg.flip(1)), together)

    def check_gradients(self) -> None:
        self._agree("on plain scores", self.pos, self.neg)

    def check_masks(self) -> None:
        mask = torch.zeros(ROWS, NEGATIVES, dtype=torch.bool)
        mask[1:, ::3] = True
        where = "with some negatives masked"
        if isinstance(self.loss, FromFunction) and not self.loss.takes_mask:
            where += " (as minus infinity: take mask to leave them out)"
        self._agree(where, self.pos, self.neg, mask=mask)
        d_neg = self._graded(where, self.pos, self.neg, mask=mask)[2]
        if bool(d_neg[mask].any()):
            self._fail(where, "moves masked negatives: their gradient must be 0")
        moved = self.neg + FAR * mask
        self._same(
            f"{where}, their scores moved by {FAR:g}",
            self._value(self.pos, moved, mask=mask),
            self._value(self.pos, self.neg, mask=mask),
        )

    def check_without_negatives(self) -> None:
        mask = torch.zeros(ROWS, NEGATIVES, dtype=torch.bool)
        mask[0] = True
        self._agree("with every negative of a row masked", self.pos, self.neg, mask=mask)
        self._agree("without negatives (N = 0)", self.pos, self.neg[:, :0])

    def check_log_q(self) -> None:
        none = torch.zeros(NEGATIVES, dtype=torch.float64)
        if getattr(self.loss, "uses_log_q", True):
            self._same(
                "log_q = 0 against no log_q",
                self._value(self.pos, self.neg, log_q=none),
                self._value(self.pos, self.neg),
            )
            self._agree("with log_q", self.pos, self.neg, log_q=none - torch.arange(1, NEGATIVES + 1) / NEGATIVES)
            return
        try:
            self._value(self.pos, self.neg, log_q=none)
        except SettingsError:
            return
        self._fail("with log_q", "takes log_q in silence: raise SettingsError, or set uses_log_q")

    def check_narrow_types(self) -> None:
        for dtype in (torch.float32, torch.bfloat16):
            for neg in (self.neg, self.neg.sign()):  # also scores at the ends of the range of cosines
                where = f"in {str(dtype).removeprefix('torch.')}"
                pos, scores = self.pos.to(dtype), neg.to(dtype)
                self._finite(where, self._value(pos, scores), *self._graded(where, pos, scores))

    def check_empty_batch(self) -> None:
        where = "on an empty batch (B = 0)"
        value = self._value(self.pos[:0], self.neg[:0])
        if value.shape != (0,):
            self._fail(where, f"returns the shape {list(value.shape)}, not [0]")
        self._graded(where, self.pos[:0], self.neg[:0])

    def _agree(self, where: str, pos: Tensor, neg: Tensor, **options: Tensor) -> None:
        """Check shapes, finite values, and gradients computed in three ways."""
        leaves = (pos.clone().requires_grad_(), neg.clone().requires_grad_())
        value = self._value(*leaves, **options)
        self._shaped_and_finite(where, value)
        graded = self._graded(where, pos, neg, **options)
        self._finite(where, *graded)
        self._same(f"{where}: the value of value_and_grad against the loss", graded[0], value)
        if not value.requires_grad:
            self._fail(where, "does not depend on the scores by torch operations")
        found = torch.autograd.grad(value.sum(), leaves, materialize_grads=True)
        for side, closed, auto in zip(("pos", "neg"), graded[1:], found, strict=True):
            self._same(f"{where}: the gradient of {side} in closed form against autograd", closed, auto)
        for side, number, auto in zip(("pos", "neg"), self._differences(pos, neg, **options), found, strict=True):
            self._same(
                f"{where}: the gradient of {side} against finite differences", auto, number, rtol=1e-3, atol=1e-5
            )

    def _differences(self, pos: Tensor, neg: Tensor, **options: Tensor) -> tuple[Tensor, Tensor]:
        """Both gradients by central differences, one score at a time."""
        scores = torch.cat([pos[:, None], neg], dim=1)
        slopes = torch.zeros_like(scores)
        for column in range(scores.shape[1]):  # rows do not look at one another: all of them in one go
            ends = []
            for step in (STEP, -STEP):
                moved = scores.clone()
                moved[:, column] += step
                ends.append(self._value(moved[:, 0], moved[:, 1:], **options))
            slopes[:, column] = (ends[0] - ends[1]) / (2 * STEP)
        return slopes[:, 0], slopes[:, 1:]

    def _bound(self, n_rows: int) -> Any:
        return self.loss.for_users(torch.arange(n_rows)) if isinstance(self.loss, ScoreLoss) else self.loss

    def _value(self, pos: Tensor, neg: Tensor, **options: Tensor) -> Tensor:
        value: Tensor = self._bound(len(pos))(pos, neg, **options)
        return value

    def _graded(self, where: str, pos: Tensor, neg: Tensor, **options: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        loss, d_pos, d_neg = self._bound(len(pos)).value_and_grad(pos.clone(), neg.clone(), **options)
        for name, got, like in (("loss", loss, pos), ("d_pos", d_pos, pos), ("d_neg", d_neg, neg)):
            if got.shape != like.shape:
                self._fail(where, f"value_and_grad gives {name} the shape {list(got.shape)}, not {list(like.shape)}")
        return loss, d_pos, d_neg

    def _shaped_and_finite(self, where: str, value: Tensor) -> None:
        if value.shape != (ROWS,):
            self._fail(where, f"returns the shape {list(value.shape)}; one value for each row is wanted, [{ROWS}]")
        self._finite(where, value)

    def _finite(self, where: str, *tensors: Tensor) -> None:
        for tensor in tensors:
            if not bool(tensor.isfinite().all()):
                self._fail(where, f"is not finite: {tensor.detach().flatten()[:8].tolist()}")

    def _same(self, what: str, got: Tensor, wanted: Tensor, rtol: float = 1e-7, atol: float = 1e-9) -> None:
        got, wanted = got.detach(), wanted.detach()
        if not torch.allclose(got, wanted, rtol=rtol, atol=atol):
            self._fail(what, f"differs by up to {float((got - wanted).abs().max()):.3g}")

    def _fail(self, where: str, what: str) -> None:
        raise ContractError(f"the loss {self.name} {where}: {what}")


def _check_vector_loss(loss: Any, seed: int) -> None:
    judge = Judge(f"the loss {loss!r}")
    generator = torch_stream(seed, "check-vector-loss")
    first, second = torch.randn(2, ROWS, NEGATIVES, generator=generator, dtype=torch.float64)

    def value(one: Tensor, other: Tensor) -> Tensor:
        return cast("Tensor", loss(one, other))

    together = value(first, second)
    judge.that(together.shape == (ROWS,), "on plain vectors", f"returns the shape {list(together.shape)}, not [{ROWS}]")
    judge.finite("on plain vectors", together)
    judge.close("with vectors of other lengths, which may not matter,", value(3 * first, 0.5 * second), together)
    judge.finite("on rows that are all the same", value(first[:1].expand(ROWS, -1), first[:1].expand(ROWS, -1)))
    for dtype in (torch.float32, torch.float64):
        judge.finite(f"in {dtype}", value(first.to(dtype), second.to(dtype)))
    leaf = first.clone().requires_grad_()
    (slope,) = torch.autograd.grad(value(leaf, second).sum(), leaf)
    way = torch.randn(first.shape, generator=generator, dtype=torch.float64)
    ends = [value(first + step * way, second).sum() for step in (STEP, -STEP)]
    judge.close(
        "the gradient against finite differences", (slope * way).sum(), (ends[0] - ends[1]) / (2 * STEP), rtol=1e-3
    )
