"""The fast route against the plain one: the same steps, whatever the loss, the sampler and the settings."""

from __future__ import annotations

import copy
from dataclasses import replace

import numpy as np
import pytest
import torch

from fillrank.data import Interactions, synthetic
from fillrank.encoders import MF
from fillrank.errors import DataError, SettingsError
from fillrank.losses import BSL, CCL, LOSSES, MMCL, InfoNCE, ScoreLoss
from fillrank.runtime.device import multiplies_bfloat16
from fillrank.samplers import Hard, InBatch, KnownPositives, Popularity, Sampler, Uniform
from fillrank.training import (
    Autograd,
    Batch,
    ContrastSettings,
    ContrastStep,
    FitOptions,
    LoopSettings,
    RowAdam,
    TableContrast,
    World,
    train,
)
from fillrank.training.context import FitContext


@pytest.fixture(scope="module")
def log() -> Interactions:
    return synthetic(n_users=40, n_items=30, n_interactions=300, seed=1).interactions.without_values()


def encoder(log: Interactions, similarity: str = "cosine") -> MF:
    generator = torch.Generator().manual_seed(5)
    made = MF.random(log.n_users, log.n_items, 6, generator=generator, similarity=similarity)
    return made.double()


def gradients(learner_of, log: Interactions, start: MF) -> list[torch.Tensor]:
    """The last loss, and the tables, of three steps on all rows (so that the plain route moves no others).

    Adam does not care how long gradients are; that they grow and shrink from step to step, and a penalty, tell.
    """
    trained = copy.deepcopy(start)
    rows, generator, learner = Batch.of(log, None, "cpu"), torch.Generator().manual_seed(2), learner_of(trained)
    for _ in range(3):
        found = learner.learn(rows, generator)
    return [found["contrastive"], *(table.detach() for table in (trained.users, trained.items))]


@pytest.mark.parametrize("name", list(LOSSES))
@pytest.mark.parametrize("similarity", ["cosine", "dot"])
def test_steps_are_the_steps_of_autograd(name: str, similarity: str, log: Interactions) -> None:
    loss = MMCL((0.1, 0.3), (0.4, 0.6), 5.0) if name == "mmcl" else LOSSES[name]()
    settings = ContrastSettings(learning_rate=0.05, dropout=0.2, regularization=0.1)
    sampler = Uniform(KnownPositives.of_users(log), 12)
    start = encoder(log, similarity)
    fast = gradients(lambda mf: TableContrast(mf, loss, sampler, settings), log, start)
    plain = gradients(lambda mf: Autograd(ContrastStep(mf, loss, sampler, settings), [mf], [0.05]), log, start)
    for one, other in zip(fast, plain, strict=True):
        torch.testing.assert_close(one, other, rtol=1e-6, atol=1e-7)
    assert not torch.equal(fast[1], start.users)


@pytest.mark.parametrize("kind", ["own", "own, corrected each", "hard"])
@pytest.mark.parametrize("double", [False, True], ids=["compiled", "tensors"])
def test_negatives_of_each_row_too(kind: str, double: bool, log: Interactions) -> None:
    known = KnownPositives.of_users(log)
    sampler: Sampler = Uniform(known, 5, shared=False)
    if kind == "hard":
        sampler = Hard(Uniform(known, 12), 4, n_easy=1)
    if kind == "own, corrected each":
        sampler = Popularity(known, 5, shared=False)
    settings, loss, start = (
        ContrastSettings(learning_rate=0.05, dropout=0.2, regularization=0.1),
        InfoNCE(),
        encoder(log),
    )
    plain = gradients(lambda mf: Autograd(ContrastStep(mf, loss, sampler, settings), [mf], [0.05]), log, start)
    begun = start if double else copy.deepcopy(start).float()
    fast = gradients(lambda mf: TableContrast(mf, loss, sampler, settings), log, begun)
    near = {"rtol": 1e-6, "atol": 1e-7} if double else {"rtol": 1e-3, "atol": 1e-4}
    for one, other in zip(fast, plain, strict=True):
        torch.testing.assert_close(one.double(), other, **near)


@pytest.mark.parametrize("kind", ["shared", "own"])
@pytest.mark.parametrize("loss", [InfoNCE(), BSL(), CCL(0.2, 5.0)], ids=repr)
def test_rows_with_weights_take_the_same_steps(kind: str, loss: ScoreLoss, log: Interactions) -> None:
    weights = np.random.default_rng(0).choice([0.0, 0.5, 4.0], len(log)).astype(np.float32)
    sampler = Uniform(KnownPositives.of_users(log), 12, shared=kind == "shared")
    settings, weighted = ContrastSettings(learning_rate=0.05, dropout=0.2), replace(log, weights=weights)
    start = encoder(log)
    fast = gradients(lambda mf: TableContrast(mf, loss, sampler, settings), weighted, start)
    plain = gradients(lambda mf: Autograd(ContrastStep(mf, loss, sampler, settings), [mf], [0.05]), weighted, start)
    for one, other in zip(fast, plain, strict=True):
        torch.testing.assert_close(one, other, rtol=1e-6, atol=1e-7)
    unweighted = gradients(lambda mf: TableContrast(mf, loss, sampler, settings), log, start)
    assert (fast[0] - unweighted[0]).abs() > 1e-3


@pytest.mark.parametrize(
    "settings",
    [
        ContrastSettings(regularization=0.3),
        ContrastSettings(max_grad_norm=0.01),
        ContrastSettings(regularization=0.1, dropout=0.5, max_grad_norm=0.2),
    ],
)
def test_penalty_and_clipping_are_the_same_on_both_routes(settings: ContrastSettings, log: Interactions) -> None:
    sampler, loss, start = InBatch(KnownPositives.of_users(log)), BSL(several_positives=True), encoder(log)
    fast = gradients(lambda mf: TableContrast(mf, loss, sampler, settings), log, start)

    def step(mf: MF) -> Autograd:
        clipped = settings.max_grad_norm
        return Autograd(ContrastStep(mf, loss, sampler, settings), [mf], [1e-3], max_grad_norm=clipped)

    for one, other in zip(fast, gradients(step, log, start), strict=True):
        torch.testing.assert_close(one, other, rtol=1e-6, atol=1e-7)


def test_blocks_do_not_change_the_step(log: Interactions, monkeypatch: pytest.MonkeyPatch) -> None:
    make = lambda mf: TableContrast(mf, InfoNCE(), Uniform(KnownPositives.of_users(log), 12), ContrastSettings())  # noqa: E731
    whole = gradients(make, log, encoder(log))
    monkeypatch.setattr("fillrank.training.rowwise.scores._BLOCK", 40)
    for one, other in zip(whole, gradients(make, log, encoder(log)), strict=True):
        torch.testing.assert_close(one, other)


@pytest.mark.parametrize("in_hardware", [True, False])
def test_bfloat16_scores_are_near_and_float32_where_they_would_be_slow(
    log: Interactions, in_hardware: bool, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr("fillrank.runtime.device.multiplies_bfloat16", lambda _: in_hardware)
    sampler = Uniform(KnownPositives.of_users(log), 12)
    exact, halved = (
        gradients(
            lambda mf, p=p: TableContrast(mf, InfoNCE(), sampler, ContrastSettings(precision=p)), log, encoder(log)
        )
        for p in ("float32", "bfloat16")
    )
    assert exact[0] == pytest.approx(halved[0].item(), rel=0.02)
    assert torch.equal(exact[0], halved[0]) != in_hardware
    assert ("no products in bfloat16, so they are taken in float32" in caplog.text) != in_hardware


@pytest.mark.parametrize(
    ("processor", "has", "expected"),
    [
        ("x86_64", (), False),  # AVX2 alone
        ("x86_64", ("ops.mkldnn._is_mkldnn_bf16_supported",), False),  # AVX512 that emulates it
        ("x86_64", ("cpu._is_avx512_bf16_supported",), True),
        ("AMD64", ("cpu._is_amx_tile_supported",), True),
        ("aarch64", ("ops.mkldnn._is_mkldnn_bf16_supported",), True),
        ("aarch64", (), False),
    ],
)
def test_whether_bfloat16_is_multiplied_is_asked_of_the_processor(
    processor: str, has: tuple[str, ...], expected: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("platform.machine", lambda: processor)
    monkeypatch.setattr("torch.backends.mkldnn.is_available", lambda: True)
    for name in ("ops.mkldnn._is_mkldnn_bf16_supported", "cpu._is_avx512_bf16_supported", "cpu._is_amx_tile_supported"):
        owner, _, function = name.rpartition(".")
        holder = {"cpu": torch.cpu, "ops.mkldnn": torch.ops.mkldnn}[owner]
        monkeypatch.setattr(holder, function, lambda name=name: name in has)
    assert multiplies_bfloat16(torch.device("cpu")) == expected


def test_old_gpus_emulate_bfloat16(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("torch.cuda.is_bf16_supported", lambda *, including_emulation: including_emulation)
    assert not multiplies_bfloat16(torch.device("cuda"))


def test_rowwise_adam_is_adam_where_every_row_is_touched() -> None:
    generator = torch.Generator().manual_seed(0)
    start = torch.randn(5, 3, generator=generator, dtype=torch.float64)
    mine, theirs = start.clone(), torch.nn.Parameter(start.clone())
    rows, adam = RowAdam(mine, 0.1), torch.optim.Adam([theirs], lr=0.1)
    for _ in range(5):
        theirs.grad = torch.randn(5, 3, generator=generator, dtype=torch.float64)
        rows.step(torch.arange(5), theirs.grad.clone())
        adam.step()
    torch.testing.assert_close(mine, theirs.detach())


def test_rowwise_adam_is_sparse_adam_on_some_rows() -> None:
    generator = torch.Generator().manual_seed(0)
    start = torch.randn(9, 3, generator=generator, dtype=torch.float64)
    mine, theirs = start.clone(), torch.nn.Parameter(start.clone())
    rows, adam = RowAdam(mine, 0.1), torch.optim.SparseAdam([theirs], lr=0.1)
    for step in range(6):
        touched = torch.randperm(9, generator=generator)[: 2 + step % 3].sort().values
        gradient = torch.randn(len(touched), 3, generator=generator, dtype=torch.float64)
        theirs.grad = torch.sparse_coo_tensor(touched[None], gradient, theirs.shape, check_invariants=True).coalesce()
        rows.step(touched, gradient.clone())
        adam.step()
    torch.testing.assert_close(mine, theirs.detach(), rtol=1e-4, atol=1e-5)  # SparseAdam's ε stands elsewhere


@pytest.mark.parametrize("rate", [0.0, -1.0, float("nan"), float("inf")])
def test_a_rate_that_cannot_be_is_refused(rate: float) -> None:
    with pytest.raises(SettingsError, match="learning_rate must be a positive number, got"):
        RowAdam(torch.zeros(2, 2), rate)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"dropout": 1.0}, "dropout must be from 0 to below 1"),
        ({"regularization": float("nan")}, "regularization must be 0 or more"),
        ({"max_grad_norm": 0.0}, "max_grad_norm must be a positive length or None"),
    ],
)
def test_settings_that_cannot_be_are_refused(settings: dict, message: str) -> None:
    with pytest.raises(SettingsError, match=message):
        ContrastSettings(**settings)


def test_two_parts_of_a_batch_make_the_whole(log: Interactions) -> None:
    """Without any process: the parts' gradients are summed by hand, and are the whole batch's."""
    batch = Batch.of(log, None, "cpu").rows(torch.arange(25))
    start, loss = encoder(log), InfoNCE()
    sampler = InBatch(KnownPositives.of_users(log))
    settings = ContrastSettings(dropout=0.3, regularization=0.2)

    def gradient(part: Batch) -> torch.Tensor:
        step = ContrastStep(start, loss, sampler, settings)
        start.zero_grad()
        sum(step(part, torch.Generator().manual_seed(1)).values()).backward()
        return torch.cat([start.users.grad, start.items.grad])

    halves = [gradient(batch.shard(World(rank, 2))) for rank in (0, 1)]
    torch.testing.assert_close(halves[0] + halves[1], gradient(batch))


def plain_learner_for(log: Interactions, mf: MF) -> Autograd:
    step = ContrastStep(mf, InfoNCE(), Uniform(KnownPositives.of_users(log), 12), ContrastSettings())
    return Autograd(step, [mf], [0.01])


def learner_for(log: Interactions, mf: MF) -> TableContrast:
    return TableContrast(mf, InfoNCE(), Uniform(KnownPositives.of_users(log), 12), ContrastSettings(learning_rate=0.01))


def with_checkpoint(file: object) -> FitContext:
    return FitContext(FitOptions(progress=False, checkpoint=file))


@pytest.mark.parametrize("route", ["fast", "plain"])
def test_a_stopped_training_goes_on_as_if_it_had_not_been(route: str, log: Interactions, tmp_path) -> None:
    rows, file = Batch.of(log, None, "cpu"), tmp_path / "run.ckpt"

    def run(stop_after: int | None = None, checkpoint=None) -> MF:
        mf, looks = encoder(log), []

        def monitor() -> tuple[float, dict[str, float]]:
            looks.append(1)
            if len(looks) == stop_after:
                raise TimeoutError
            return mf.users.detach()[0, 0].item(), {}

        settings = LoopSettings(5, 64, patience=9)
        learner = learner_for(log, mf) if route == "fast" else plain_learner_for(log, mf)
        train(learner, rows, settings, monitor, with_checkpoint(checkpoint))
        return mf

    with pytest.raises(TimeoutError):
        run(stop_after=3, checkpoint=file)
    resumed, whole = run(checkpoint=file), run()
    assert torch.equal(resumed.users, whole.users)
    assert torch.equal(resumed.items, whole.items)


def test_a_checkpoint_of_another_training_is_refused(log: Interactions, tmp_path) -> None:
    rows, file = Batch.of(log, None, "cpu"), tmp_path / "run.ckpt"
    train(learner_for(log, encoder(log)), rows, LoopSettings(1, 64), context=with_checkpoint(file))
    with pytest.raises(DataError, match="belongs to another training"):
        train(learner_for(log, encoder(log)), rows, LoopSettings(1, 32), context=with_checkpoint(file))


def test_a_torn_checkpoint_is_refused(log: Interactions, tmp_path) -> None:
    rows, file = Batch.of(log, None, "cpu"), tmp_path / "run.ckpt"
    file.write_bytes(b"half of it")
    with pytest.raises(DataError, match="is no whole checkpoint"):
        train(learner_for(log, encoder(log)), rows, LoopSettings(1, 64), context=with_checkpoint(file))


def test_the_cosine_schedule_rises_and_falls() -> None:
    settings = LoopSettings(1, 1, schedule="cosine", warmup=0.1)
    assert [settings.rate(done) for done in (0.05, 0.1, 0.5, 1.0)] == pytest.approx([0.5, 0.9755, 0.5, 0.0], abs=1e-3)
    assert LoopSettings(1, 1).rate(0.7) == 1.0


def test_the_same_seed_gives_the_same_bits(log: Interactions) -> None:
    rows, found = Batch.of(log, None, "cpu"), []
    for _ in range(2):
        mf = encoder(log)
        train(learner_for(log, mf), rows, LoopSettings(3, 64))
        found.append(mf.users.detach().clone())
    assert torch.equal(*found)


@pytest.fixture
def compiled(monkeypatch: pytest.MonkeyPatch) -> None:
    """Small tables and batches too take the compiled passes, and two threads."""
    monkeypatch.setattr("fillrank.training.rowwise.adam._KERNEL_FROM", 1)
    monkeypatch.setattr("fillrank.training.rowwise.scores._SPLIT", 1)
    monkeypatch.setattr("fillrank.losses.base._KERNEL_FROM", 1)
    monkeypatch.setattr(torch, "get_num_threads", lambda: 2)


@pytest.mark.usefixtures("compiled")
@pytest.mark.parametrize("name", list(LOSSES))
@pytest.mark.parametrize("similarity", ["cosine", "dot"])
def test_compiled_steps_by_two_threads_are_the_steps_of_autograd(name: str, similarity: str, log: Interactions) -> None:
    loss = MMCL((0.1, 0.3), (0.4, 0.6), 5.0) if name == "mmcl" else LOSSES[name]()
    settings = ContrastSettings(learning_rate=0.05, dropout=0.2, regularization=0.1)
    sampler, start = Uniform(KnownPositives.of_users(log), 12), encoder(log, similarity)
    fast = gradients(lambda mf: TableContrast(mf, loss, sampler, settings), log, copy.deepcopy(start).float())
    plain = gradients(lambda mf: Autograd(ContrastStep(mf, loss, sampler, settings), [mf], [0.05]), log, start)
    for one, other in zip(fast, plain, strict=True):
        torch.testing.assert_close(one.double(), other, rtol=1e-3, atol=1e-4)


def test_rows_are_numbered_as_they_come_up() -> None:
    from fillrank.training.rowwise.kernels import number

    ids = torch.tensor([5, 2, 5, 0, 2])
    place, each, of = np.full(6, -1, dtype=np.int32), np.empty(5, dtype=np.int64), np.empty(5, dtype=np.int64)
    found = number(ids.numpy(), place, each, of)
    assert (each[:found].tolist(), of.tolist()) == ([5, 2, 0], [0, 1, 0, 2, 1])
    assert (place == -1).all()
