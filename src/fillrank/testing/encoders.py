"""The contract test for an encoder."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.functional import normalize

from fillrank.arguments import checked
from fillrank.data import Interactions
from fillrank.encoders import EncoderInputs, PairEncoder, Tables, VectorEncoder, as_encoder, normal_tables
from fillrank.factors import Factors
from fillrank.factors.fold_in import ImplicitRidge
from fillrank.factors.neural import NeuralScorer
from fillrank.losses import InfoNCE
from fillrank.registry import label
from fillrank.runtime.rng import torch_stream
from fillrank.samplers import KnownPositives, Uniform
from fillrank.testing.judging import Judge
from fillrank.testing.logs import small_log
from fillrank.training import Autograd, Batch, ContrastSettings, ContrastStep

__all__ = ["check_encoder"]

DIM, BATCH = 4, 6
STEPS_OF_TYPES = {torch.float64: 1e-6, torch.float32: 1e-2}  # of finite differences, as shares of a length
STEPS = 3  # of training


@checked
def check_encoder(
    encoder: Any, *, settings: Mapping[str, Any] | None = None, interactions: Interactions | None = None, seed: int = 0
) -> None:
    """Hold an encoder to the contract of :class:`~fillrank.encoders.VectorEncoder` or
    :class:`~fillrank.encoders.PairEncoder`, on a log with a user and an item that have no rows.

    What is looked at, in this order: that it is made twice alike from one seed, and that its vectors have the same
    bits with any number of threads; shapes and finite values; the vectors of some rows (also of one row, none, and the
    same twice) against the tables, of unit length for the cosine; the gradient against finite differences, and that
    each parameter gets one; that ``state_dict`` holds all that is learnt, and copies are apart; what it ends in: on the
    CPU, cut loose from training, with the scores that it had, saved and loaded, folding new users in; a few steps of
    training. Of an encoder of pairs, scores of pairs are held against blocks, shared and of each row's own.

    Args:
        encoder: as a recipe takes it: a name, a table, a class, a function, or an object that fits ``interactions``.
        settings: of a name, a class or a function.
        interactions: to make it for; None: a small one.
        seed: of its start, and of everything else that is drawn.

    Raises:
        ContractError: the first broken promise, by name.
        SettingsError: it cannot be made with these settings, or is no encoder.

    Example:
        >>> check_encoder("lightgcn", settings={"n_layers": 1})
    """
    interactions = small_log() if interactions is None else interactions
    trial = _EncoderTrial(encoder, dict(settings or {}), interactions, seed)
    trial.check_repeats()
    if isinstance(trial.encoder, PairEncoder):
        trial.check_pairs()
    else:
        trial.check_vectors()
    trial.check_gradients()
    trial.check_state()
    trial.check_end()
    trial.check_training()


class _EncoderTrial:
    """One encoder under test."""

    def __init__(self, part: Any, settings: dict[str, Any], interactions: Interactions, seed: int) -> None:
        self.part, self.settings, self.interactions, self.seed = part, settings, interactions, seed
        self.judge = Judge(f"the encoder {part if isinstance(part, str) else label(part)}")
        self.encoder: Any = self.made()
        generator = torch_stream(seed, "check-encoder")
        self.users = torch.randint(interactions.n_users, (BATCH,), generator=generator)
        self.items = torch.randint(interactions.n_items, (BATCH,), generator=generator)

    def made(self, dtype: torch.dtype = torch.float32) -> nn.Module:
        def start(generator: torch.Generator) -> Tables:
            tables = normal_tables(self.interactions.n_users, self.interactions.n_items, DIM, generator=generator)
            return tables[0].to(dtype), tables[1].to(dtype)

        inputs = EncoderInputs(
            self.interactions,
            DIM,
            torch_stream(self.seed, "check-encoder-init"),
            start,
        )
        return as_encoder(self.part, inputs, self.settings).to(dtype)

    def outputs(self, encoder: Any) -> dict[str, Tensor]:
        """All results of the encoder, by name."""
        with torch.no_grad():
            if isinstance(encoder, PairEncoder):
                everybody = torch.arange(self.interactions.n_users)
                return {"scores": encoder.score_block(everybody, torch.arange(self.interactions.n_items))}
            users, items = encoder.tables()
            return {"users' vectors": users, "items' vectors": items}

    def check_repeats(self) -> None:
        self.judge.repeats(lambda: self.outputs(self.made()))
        first, again = (self.outputs(self.encoder) for _ in range(2))
        self.judge.equal("asked twice", first, again)
        self.judge.finite("at its start", *first.values())

    def check_vectors(self) -> None:
        encoder, judge = self.encoder, self.judge
        judge.that(
            encoder.similarity in {"dot", "cosine"}, "at its start", f"has the similarity {encoder.similarity!r}"
        )
        tables = encoder.tables()
        for name, table, n in zip(
            ("users", "items"), tables, (self.interactions.n_users, self.interactions.n_items), strict=True
        ):
            fits = table.dim() == 2 and len(table) == n and table.is_floating_point()
            judge.that(fits, "tables()", f"the {name} are {table.dtype} {list(table.shape)}, not float [{n}, d]")
        judge.that(tables[0].shape[1] == tables[1].shape[1], "tables()", "users and items have not the same width")
        for name, ask, table, rows in (
            ("user_vectors", encoder.user_vectors, tables[0], self.users),
            ("item_vectors", encoder.item_vectors, tables[1], self.items),
        ):
            for some in (rows, rows[:1], rows[:0], rows[:1].expand(3)):
                wanted = normalize(table[some], dim=1) if encoder.similarity == "cosine" else table[some]
                judge.close(f"{name} of {len(some)} rows, against tables()", ask(some), wanted)

    def check_pairs(self) -> None:
        encoder, judge, users, items = self.encoder, self.judge, self.users, self.items
        pairs, block = encoder.score_pairs(users, items), encoder.score_block(users, items)
        judge.that(pairs.shape == (BATCH,), "score_pairs", f"gives {list(pairs.shape)} for {BATCH} pairs")
        judge.close("score_block of shared items, against score_pairs", block.diagonal(), pairs)
        own = items[torch.arange(BATCH)[:, None] - torch.arange(3)]
        each = torch.stack([encoder.score_pairs(users, column) for column in own.T], dim=1)
        judge.close("score_block of each row's own items, against score_pairs", encoder.score_block(users, own), each)
        for n in (1, 0):
            judge.that(
                encoder.score_pairs(users[:n], items[:n]).shape == (n,),
                f"score_pairs of {n} pairs",
                "has no row for each",
            )
            shape = encoder.score_block(users[:n], items).shape
            judge.that(
                shape == (n, BATCH), f"score_block of {n} rows", f"gives the shape {list(shape)}, not {[n, BATCH]}"
            )

        def dropped() -> dict[str, Tensor]:
            generator = torch_stream(self.seed, "check-encoder-dropout")
            return {"scores": encoder.score_block(users, items, generator=generator).detach()}

        judge.repeats(dropped)

    def precise(self) -> Any:
        """The encoder in double precision; unchanged if a part of it stays in single precision."""
        try:
            encoder = self.made(torch.float64)
            self.value(encoder)
        except RuntimeError:  # two types in one product
            return self.encoder
        return encoder

    def value(self, encoder: Any) -> Tensor:
        """A number that depends on all results of the encoder, with different weights."""
        generator = torch_stream(self.seed, "check-encoder-weights")
        if isinstance(encoder, PairEncoder):
            everybody, items = torch.arange(self.interactions.n_users), torch.arange(self.interactions.n_items)
            given: tuple[Tensor, ...] = (encoder.score_block(everybody, items),)
        else:
            given = encoder.tables()
        return torch.stack(
            [(one.double() * torch.randn(one.shape, generator=generator, dtype=torch.float64)).sum() for one in given]
        ).sum()

    def check_gradients(self) -> None:
        encoder = self.precise()
        named = [(name, one) for name, one in encoder.named_parameters() if one.requires_grad]
        self.judge.that(bool(named), "at its start", "has no parameters, so there is nothing to learn")
        value = self.value(encoder)
        self.judge.that(value.requires_grad, "what it gives", "does not depend on its parameters by torch operations")
        slopes = torch.autograd.grad(value, [one for _, one in named], allow_unused=True)
        generator = torch_stream(self.seed, "check-encoder-ways")
        for (name, parameter), slope in zip(named, slopes, strict=True):
            where = f"the gradient of {name}"
            if slope is None:
                self.judge.fail(where, "is not there: what it gives does not depend on this parameter")
            self.judge.finite(where, slope)
            self._along(where, parameter, slope, (encoder, generator))

    def _along(self, where: str, parameter: Tensor, slope: Tensor, trial: tuple[Any, torch.Generator]) -> None:
        """Compare the gradient with finite differences in a random direction."""
        encoder, generator = trial
        way = torch.randn(parameter.shape, generator=generator, dtype=parameter.dtype)
        length = torch.linalg.vector_norm
        way *= (
            STEPS_OF_TYPES[parameter.dtype] * max(float(length(parameter.detach())), 1.0) / float(length(way) + 1e-12)
        )
        start, ends = parameter.detach().clone(), []
        with torch.no_grad():
            for sign in (1, -1):
                parameter.copy_(start + sign * way)
                ends.append(float(self.value(encoder)))
            parameter.copy_(start)
        found, wanted = float((slope.double() * way.double()).sum()), (ends[0] - ends[1]) / 2
        size = float(length(slope.double()) * length(way.double()))
        if abs(found - wanted) > 0.03 * size + 1e-9:
            self.judge.fail(
                f"{where} against finite differences", f"is {found:.4g} along a way where it is {wanted:.4g}"
            )

    def check_state(self) -> None:
        judge, before = self.judge, self.outputs(self.encoder)
        state = copy.deepcopy(self.encoder.state_dict())
        other = copy.deepcopy(self.encoder)
        with torch.no_grad():
            for parameter in other.parameters():
                parameter.add_(0.5)
        judge.equal("after a copy of it was changed", before, self.outputs(self.encoder))
        other.load_state_dict(state)
        judge.equal(
            "with the state_dict of another loaded, which has to hold all that is learnt,", before, self.outputs(other)
        )

    def check_end(self) -> None:
        if isinstance(self.encoder, PairEncoder):
            ended: Any = self.encoder.scorer()
            self.judge.that(
                isinstance(ended, NeuralScorer | Factors),
                "scorer()",
                "is neither a NeuralScorer nor Factors, so it cannot be saved",
            )
        else:
            ended = self.encoder.factors(
                None if getattr(self.encoder, "own_folding", False) else ImplicitRidge(0.01, 100.0)
            )
            self.judge.that(isinstance(ended, Factors), "factors()", f"gives {type(ended).__name__}, not Factors")
        everybody, items = torch.arange(self.interactions.n_users), torch.arange(self.interactions.n_items)
        with torch.no_grad():
            if isinstance(self.encoder, PairEncoder):
                wanted = self.encoder.score_block(everybody, items)
            else:
                wanted = self.encoder.user_vectors(everybody) @ self.encoder.item_vectors(items).T
        scores = ended.score(everybody)
        self.judge.that(
            not scores.requires_grad and scores.device.type == "cpu", "what it ends in", "is still part of training"
        )
        self.judge.close("the scores of what it ends in, against its own,", scores, wanted)
        self.judge.saves("what it ends in", ended, lambda one: one.score(everybody))
        if getattr(ended, "folding", None) is not None:
            self.judge.finite("new users that are folded in", ended.refit_users(self.interactions).score(everybody))
        kept = {name: tensor.clone() for name, tensor in ended.tensors().items()}
        with torch.no_grad():
            for parameter in self.encoder.parameters():
                parameter.add_(0.5)
            now = {name: tensor.clone() for name, tensor in ended.tensors().items()}
            for parameter in self.encoder.parameters():
                parameter.sub_(0.5)
        self.judge.equal("what it ended in, while training goes on,", kept, now)

    def check_training(self) -> None:
        encoder, interactions = copy.deepcopy(self.encoder), self.interactions.without_values()
        sampler = Uniform(KnownPositives.of_users(interactions), min(8, interactions.n_items))
        step = ContrastStep(encoder, InfoNCE(0.2), sampler, ContrastSettings())
        learner, rows = Autograd(step, [encoder], [0.01]), Batch.of(interactions, None, "cpu")
        generator = torch_stream(self.seed, "check-encoder-steps")
        for _ in range(STEPS):
            self.judge.finite(f"in {STEPS} steps of training: the loss", *learner.learn(rows, generator).values())
        after = self.outputs(encoder)
        self.judge.finite(f"after {STEPS} steps of training", *after.values())
        moved = any(
            not torch.equal(one, other)
            for one, other in zip(after.values(), self.outputs(self.encoder).values(), strict=True)
        )
        self.judge.that(moved, f"after {STEPS} steps of training", "is what it was before: nothing is learnt")
        if isinstance(encoder, VectorEncoder):
            self.judge.finite("what it ends in after training", encoder.factors().users)
