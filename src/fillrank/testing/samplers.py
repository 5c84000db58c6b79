"""The contract test for a sampler."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from fillrank.arguments import checked
from fillrank.errors import DataError, SettingsError
from fillrank.registry import label
from fillrank.runtime.rng import torch_stream
from fillrank.samplers import KnownPositives, Negatives, Sampler, as_sampler
from fillrank.testing.judging import Judge

__all__ = ["check_sampler"]

USERS, ITEMS, BATCH = 9, 12, 5
SIGMAS = 5.0  # of the standard error, that an average over draws may be off
COUNTS = (6, 5, 4, 4, 3, 2, 2, 1, 1, 1, 1, 0)  # users of each item: popular, rare, and one that nobody met


@checked
def check_sampler(
    sampler: Any,
    *,
    settings: Mapping[str, Any] | None = None,
    known: KnownPositives | None = None,
    estimates: bool = True,
    draws: int = 1500,
    seed: int = 0,
) -> None:
    """Check that a sampler keeps the contract of :class:`fillrank.samplers.Sampler`, on a log of 9 users and 12 items.

    What is looked at, in this order: the shapes and kinds of what it hands out, ``shared`` and each item once; the mask
    against ``exclude`` (without it: the row's own positive is masked where it is drawn); the batch, which it may not
    change; the same seed, the same bits, with any number of threads, and nothing from generators that belong to
    everybody; a batch of one row, an empty one, and one of a user who knows every item; ``log_q`` against simulation.

    The last is that dividing by the expected number of draws counts each item once on average: for every item that
    comes up, the mean of ``Σ exp(-log_q)`` over its draws is 1, so that the sum over negatives estimates the sum over
    the catalogue.

    Args:
        sampler: as a recipe takes it: a name, a table, a class, a function of ``known``, or an object.
        settings: of a name, a class or a function.
        known: the positives to try it on, where an object was made for some. None: those of the small log.
        estimates: whether ``log_q`` promises that much. False leaves it out, as for hard negatives alone, or a sampler
            that does not correct (``logq_correction=False`` says so itself).
        draws: batches of the simulation.
        seed: of everything that is drawn.

    Raises:
        ContractError: the first broken promise, by name.
        SettingsError: it cannot be made with these settings.

    Example:
        >>> check_sampler("uniform", settings={"n_negatives": 4})
        >>> from fillrank.samplers import Popularity
        >>> class Uncorrected(Popularity):
        ...     def sample(self, users, positives, generator, score=None):
        ...         drawn = super().sample(users, positives, generator, score)
        ...         return Negatives(drawn.items, torch.zeros_like(drawn.log_q), drawn.mask)
        >>> check_sampler(Uncorrected, settings={"n_negatives": 4})
        Traceback (most recent call last):
        fillrank.errors.ContractError: ... log_q is not the log of the expected number of draws: weighted by it, ...
    """
    known = _known() if known is None else known
    made = as_sampler(sampler, known, settings)
    trial = _SamplerTrial(made, known, seed, f"the sampler {sampler if isinstance(sampler, str) else label(sampler)}")
    trial.check_form()
    trial.check_mask()
    trial.check_inputs()
    trial.judge.repeats(lambda: trial.tensors(trial.draw(trial.users, trial.items)))
    trial.check_small_batches()
    if estimates and getattr(made, "logq_correction", True):
        trial.check_log_q(draws)
    elif getattr(made, "logq_correction", True) is False:
        trial.judge.that(not trial.drawn.log_q.any(), "with logq_correction=False", "log_q has to be 0 for all")


def _known() -> KnownPositives:
    """A log whose last user knows every item, and whose last item nobody else met."""
    generator = torch_stream(0, "check-sampler-log")
    met = torch.zeros(USERS, ITEMS, dtype=torch.bool)
    for item, n in enumerate(COUNTS):
        met[torch.randperm(USERS - 1, generator=generator)[:n], item] = True
    met[-1] = True
    starts = torch.cat([torch.zeros(1, dtype=torch.int64), met.sum(1).cumsum(0)])
    return KnownPositives(starts, met.nonzero()[:, 1], ITEMS)


class _SamplerTrial:
    """One sampler under test, with a batch that it is tried on."""

    def __init__(self, sampler: Sampler, known: KnownPositives, seed: int, what: str) -> None:
        self.sampler, self.known, self.seed, self.judge = sampler, known, seed, Judge(what)
        rows = torch.repeat_interleave(torch.arange(known.n_rows), known.starts.diff())
        self.pairs = rows, known.columns
        self.generator = torch_stream(seed, "check-sampler-batches")
        self.taste = torch.rand(known.n_rows, known.n_columns, generator=self.generator)
        self.users, self.items = self.batch(BATCH)
        self.drawn = self.draw(self.users, self.items)

    def batch(self, n: int) -> tuple[Tensor, Tensor]:
        """Rows of the log, drawn with replacement."""
        rows = torch.randint(len(self.pairs[0]), (n,), generator=self.generator)
        return self.pairs[0][rows], self.pairs[1][rows]

    def draw(self, users: Tensor, items: Tensor, generator: torch.Generator | None = None) -> Negatives:
        where = f"on a batch of {len(users)}"
        generator = torch_stream(self.seed, "check-sampler") if generator is None else generator
        try:
            drawn = self.sampler.sample(users, items, generator, self.score)
        except SettingsError:
            raise
        except (DataError, IndexError, RuntimeError, ValueError, TypeError) as error:
            self.judge.fail(where, f"ends in {type(error).__name__}: {error}")
        if not isinstance(drawn, Negatives):
            self.judge.fail(where, f"gives {type(drawn).__name__}, not fillrank.samplers.Negatives")
        return drawn

    def score(self, users: Tensor, items: Tensor) -> Tensor:
        """The scores of a model: see :data:`fillrank.samplers.Score`."""
        return self.taste[users][:, items] if items.dim() == 1 else self.taste[users].gather(1, items)

    @staticmethod
    def tensors(drawn: Negatives) -> dict[str, Tensor]:
        return {"items": drawn.items, "log_q": drawn.log_q} | ({} if drawn.mask is None else {"mask": drawn.mask})

    def check_form(self, drawn: Negatives | None = None, n: int = BATCH) -> None:
        drawn, judge, where = self.drawn if drawn is None else drawn, self.judge, f"on a batch of {n}"
        judge.that(drawn.items.dtype == torch.int64, where, f"items are {drawn.items.dtype}, not int64")
        judge.that(drawn.log_q.is_floating_point(), where, f"log_q is {drawn.log_q.dtype}, not of floating point")
        judge.finite(f"{where}: log_q", drawn.log_q)
        if drawn.items.numel():
            low, high = int(drawn.items.min()), int(drawn.items.max())
            inside = low >= 0 and high < self.known.n_columns
            judge.that(inside, where, f"hands out items {low} to {high}; there are 0 to {self.known.n_columns - 1}")
        if drawn.mask is not None:
            judge.that(drawn.mask.dtype == torch.bool, where, f"the mask is {drawn.mask.dtype}, not bool")
        rows = {len(part) for part in (drawn.mask, None if drawn.shared else drawn.items) if part is not None}
        judge.that(rows <= {n}, where, f"has {sorted(rows)} rows of items or mask, not {n}")
        says = getattr(self.sampler, "shared", True)
        judge.that(says == drawn.shared, where, f"says shared={says}, and its items are {list(drawn.items.shape)}")
        once = not drawn.shared or len(torch.unique(drawn.items)) == len(drawn.items)
        judge.that(once, where, "items that the batch shares have to stand there once each")

    def check_mask(self) -> None:
        exclude = getattr(self.sampler, "exclude", None)
        for n in (BATCH, 4 * BATCH):
            users, items = self.batch(n)
            drawn, where = self.draw(users, items), f"on a batch of {n}"
            own = (drawn.items == items[:, None]).expand(n, drawn.items.shape[-1])
            if exclude == "none":
                self.judge.that(
                    drawn.mask is None or not drawn.mask.any(), where, "says exclude='none', and masks some"
                )
                continue
            mask = torch.zeros_like(own) if drawn.mask is None else drawn.mask
            if exclude == "known":
                known = self.known.mask_by_lookup(users, drawn.items)
                self.judge.that(
                    torch.equal(mask, known), where, "the mask is not exactly where an item is a known positive"
                )
            elif exclude == "own":
                self.judge.that(
                    torch.equal(mask, own), where, "the mask is not exactly where an item is the row's own positive"
                )
            else:
                self.judge.that(
                    bool(mask[own].all()),
                    where,
                    "the row's own positive is drawn and is not masked; mask it, as "
                    "known.mask(users, items) does, or say exclude = 'none' if that is meant",
                )

    def check_inputs(self) -> None:
        users, items = self.users.clone(), self.items.clone()
        self.draw(users, items)
        kept = torch.equal(users, self.users) and torch.equal(items, self.items)
        self.judge.that(kept, "on a batch", "changes the users or the positives that it is given")

    def check_small_batches(self) -> None:
        self.check_form(self.draw(self.users[:1], self.items[:1]), 1)
        self.check_form(self.draw(self.users[:0], self.items[:0]), 0)
        full = self.known.full_rows[:1]
        if len(full):
            self.check_form(self.draw(full, self.known.columns[self.known.starts[full]]), 1)

    def check_log_q(self, draws: int) -> None:
        """Use only the first row of each call, because rows of one call may depend on each other."""
        generator = torch_stream(self.seed, "check-sampler-simulation")
        weights = torch.zeros(draws, self.known.n_columns, dtype=torch.float64)
        for number in range(draws):
            drawn = self.draw(*self.batch(BATCH), generator).rows(slice(1))
            items, log_q = (part if part.dim() == 1 else part[0] for part in (drawn.items, drawn.log_q))
            weights[number].index_add_(0, items, (-log_q.double()).exp())
        mean, error = weights.mean(0), weights.std(0) / draws**0.5
        off = (mean - 1).abs() > SIGMAS * error + 1e-5
        off &= mean > 0  # what never came up is not for it to draw
        if off.any():
            item = int(torch.where(off, (mean - 1).abs(), 0).argmax())
            self.judge.fail(
                f"in {draws:,} draws",
                f"log_q is not the log of the expected number of draws: weighted by it, item {item} counts "
                f"{mean[item]:.3g} ± {error[item]:.2g} times, not once",
            )
