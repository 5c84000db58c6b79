"""Biased SGD: the kernel against its twin and the gradient, the grid, the threads, and what the recipe keeps."""

from __future__ import annotations

import signal
from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

import fillrank as fr
from fillrank.data import Interactions, Split, synthetic
from fillrank.errors import DataError, SettingsError, TrainingError
from fillrank.factors import Factors
from fillrank.models import SGD
from fillrank.models import sgd as recipe
from fillrank.solvers.sparse.sgd import SgdEpoch, SgdSettings, biased_sgd
from fillrank.solvers.sparse.sgd_grid import Bands, BlockGrid
from fillrank.solvers.sparse.sgd_kernel import Rates, RatingRows, SgdSide, compiled_sweep, padded_width, plain_sweep
from fillrank.training import FitOptions

LARGE = synthetic(900, 500, 140_000, rank=4, popularity=0.3, seed=1).interactions  # four bands each way
QUICK = SgdSettings(dim=5, epochs=3)
HASTY = {"dim": 8, "regularization": 0.0, "learning_rate": 0.1, "decay": 1.0, "epochs": 60}
"""Learns the noise by heart within a few epochs."""


def random_sides(
    m: int, n: int, width: int, rng: np.random.Generator, dtype: type = np.float32
) -> tuple[SgdSide, SgdSide]:
    return tuple(
        SgdSide(
            (0.5 * rng.standard_normal((size, width))).astype(dtype),
            rng.standard_normal(size).astype(dtype),
            rng.uniform(0, 0.3, size).astype(dtype),
        )
        for size in (m, n)
    )


def random_rows(m: int, n: int, size: int, rng: np.random.Generator, *, weighted: bool = False) -> RatingRows:
    users, items = (rng.integers(count, size=size, dtype=np.int32) for count in (m, n))
    values = rng.standard_normal(size, dtype=np.float32)
    weights = rng.choice([0.25, 1, 3], size if weighted else 0).astype(np.float32)
    return RatingRows(users, items, values, weights)


def error_of(factors: Factors, log: Interactions) -> float:
    """Root mean squared error."""
    users, items = (torch.from_numpy(column.astype(np.int64)) for column in (log.users, log.items))
    return float(np.sqrt(np.square(factors.score_pairs(users, items).numpy() - log.values).mean()))


def bits(factors: Factors) -> bytes:
    return b"".join(tensor.numpy().tobytes() for tensor in factors.tensors().values())


# ── the kernel ───────────────────────────────────────────────────────────────────────────────────────────────────────


@settings(deadline=None, max_examples=30)
@given(
    st.integers(1, 80),
    st.integers(0, 40),
    st.floats(0.001, 0.1),
    st.floats(0, 0.5),
    st.booleans(),
    st.integers(0, 2**31),
)
def test_the_compiled_sweep_is_the_plain_one(
    width: int, n_rows: int, rate: float, penalty: float, weighted: bool, seed: int
) -> None:
    rng = np.random.default_rng(seed)
    rows, plain = random_rows(7, 5, n_rows, rng, weighted=weighted), random_sides(7, 5, width, rng)
    fast = tuple(SgdSide(side.vectors.copy(), side.bias.copy(), side.pull) for side in plain)
    rates = Rates(*map(np.float32, (rate, rate / 2, penalty)))
    assert compiled_sweep(rows, *fast, rates) == pytest.approx(plain_sweep(rows, *plain, rates), rel=1e-3, abs=1e-6)
    for one, two in zip(fast, plain, strict=True):
        np.testing.assert_allclose(one.vectors, two.vectors, rtol=1e-3, atol=1e-4)
        np.testing.assert_allclose(one.bias, two.bias, rtol=1e-3, atol=1e-4)


@pytest.mark.parametrize("weighted", [False, True])
def test_a_short_step_follows_the_gradient_of_the_objective(weighted: bool) -> None:
    rng = np.random.default_rng(3)
    rows, sides, rate = random_rows(6, 4, 20, rng, weighted=weighted), random_sides(6, 4, 3, rng, np.float64), 1e-7
    w = torch.from_numpy(rows.weights) if weighted else torch.ones(20)
    leaves = [torch.tensor(part, requires_grad=True) for side in sides for part in (side.vectors, side.bias)]
    P, b, Q, c = leaves
    for_users, for_items = (torch.tensor(side.pull) for side in sides)
    u, i = torch.from_numpy(rows.users.astype(np.int64)), torch.from_numpy(rows.items.astype(np.int64))
    error = torch.from_numpy(rows.values) - b[u] - c[i] - (P[u] * Q[i]).sum(1)
    penalty = 0.3 * (P[u] ** 2 + Q[i] ** 2).sum(1) + (for_users * b**2)[u] + (for_items * c**2)[i]
    (0.5 * (w * (error**2 + penalty)).sum()).backward()
    plain_sweep(rows, *sides, Rates(rate, rate, 0.3))
    moved = [part for side in sides for part in (side.vectors, side.bias)]
    for leaf, part in zip(leaves, moved, strict=True):
        np.testing.assert_allclose((part - leaf.detach().numpy()) / rate, -leaf.grad.numpy(), rtol=1e-4, atol=1e-4)


def test_padding_stays_zero() -> None:
    rng = np.random.default_rng(0)
    sides = random_sides(20, 10, padded_width(5), rng)
    for side in sides:
        side.vectors[:, 5:] = 0
    compiled_sweep(random_rows(20, 10, 200, rng), *sides, Rates(*map(np.float32, (0.1, 0.1, 0.1))))
    assert all((side.vectors[:, 5:] == 0).all() for side in sides)


# ── the grid ─────────────────────────────────────────────────────────────────────────────────────────────────────────


@settings(deadline=None, max_examples=40)
@given(st.lists(st.integers(0, 50), min_size=1, max_size=60), st.integers(1, 8), st.integers(0, 99))
def test_bands_hold_like_numbers_of_ratings(counts: list[int], n_bands: int, seed: int) -> None:
    bands = Bands.cut(np.array(counts), n_bands, np.random.default_rng(seed))
    assert sorted(bands.order) == list(range(len(counts)))
    assert (bands.order[bands.place] == np.arange(len(counts))).all()
    assert (np.diff(bands.band[bands.order]) >= 0).all()
    held = np.bincount(bands.band, weights=counts, minlength=n_bands)
    assert len(held) == n_bands
    assert held.max() <= sum(counts) / n_bands + max(counts)


def test_a_grid_holds_each_rating_once() -> None:
    grid = BlockGrid.deal(LARGE, LARGE.values, np.random.default_rng(0))
    assert grid.side == 4
    users, items = grid.users.order[grid.rows.users], grid.items.order[grid.rows.items]
    back = np.lexsort((items, users))
    assert (users[back] == LARGE.users).all()
    assert (items[back] == LARGE.items).all()
    np.testing.assert_allclose(grid.rows.values[back] * grid.spread + grid.mean, LARGE.values, atol=1e-5)
    assert grid.rows.values.std() == pytest.approx(1, abs=1e-4)


def test_blocks_of_a_round_share_nothing_and_all_blocks_come() -> None:
    grid = BlockGrid.deal(LARGE, LARGE.values, np.random.default_rng(0))
    met = 0
    for blocks in grid.rounds(np.random.default_rng(5)):
        for column in ("users", "items"):
            sets = [set(getattr(block, column).tolist()) for block in blocks]
            assert sum(map(len, sets)) == len(set().union(*sets))
        met += sum(len(block.values) for block in blocks)
    assert met == len(LARGE)


def test_the_order_of_the_blocks_changes_from_epoch_to_epoch() -> None:
    grid = BlockGrid.deal(LARGE, LARGE.values, np.random.default_rng(0))
    one, two = ([len(rows.values) for rows in next(grid.rounds(np.random.default_rng(n)))] for n in (1, 2))
    assert one != two


# ── the solver ───────────────────────────────────────────────────────────────────────────────────────────────────────


def test_the_same_bits_for_every_number_of_threads_and_every_run() -> None:
    found = {bits(biased_sgd(LARGE, QUICK, n_threads=n)) for n in (1, 2, 2, 3, 8)}
    assert len(found) == 1
    assert bits(biased_sgd(LARGE, replace(QUICK, seed=1))) not in found


def test_the_truth_is_found() -> None:
    truth = synthetic(900, 500, 140_000, rank=4, popularity=0.3, noise=0.3, seed=1)
    split = fr.split.random(truth.interactions, test=0.1)
    factors = biased_sgd(split.train, SgdSettings(dim=4, regularization=0.01))
    assert 0.29 < error_of(factors, split.test) < 0.33  # the noise alone is .3


@pytest.mark.parametrize(("factor", "shift"), [(20.0, 0.0), (0.001, 5.0), (1e20, 0.0)])
def test_the_unit_of_the_values_does_not_matter(ratings: Interactions, factor: float, shift: float) -> None:
    other = replace(ratings, values=ratings.values * np.float32(factor) + np.float32(shift))
    expected = biased_sgd(ratings, QUICK).score(torch.arange(5)) * factor + shift
    np.testing.assert_allclose(biased_sgd(other, QUICK).score(torch.arange(5)), expected, rtol=2e-3)


@pytest.mark.parametrize("per_rating", [True, False])
def test_folding_in_has_the_same_objective_as_learning(ratings: Interactions, per_rating: bool) -> None:
    """Solving the users' side exactly can only lower it: it would not with another weight of the penalty."""
    log, chosen = (
        replace(ratings, values=20 * ratings.values),
        SgdSettings(
            dim=6,
            epochs=150,
            regularization=0.1,
            decay=0.99,
            bias_regularization=0.02 if per_rating else 2.0,
            bias_per_rating=per_rating,
        ),
    )
    factors = biased_sgd(log, chosen)
    spread = float(log.values.std())

    def objective(model: Factors) -> float:
        squares = error_of(model, log) ** 2 * len(log)
        lengths = model.users.square().sum(1).numpy() @ log.user_counts
        heights = model.user_bias.square().numpy() @ (log.user_counts if per_rating else np.ones(log.n_users))
        return squares + chosen.regularization * spread * lengths + chosen.bias_regularization * heights

    exact = factors.refit_users(log)
    assert 0.99 * objective(factors) < objective(exact) <= objective(factors)
    for changed in (1.02, 0.98):
        assert objective(replace(exact, users=changed * exact.users)) > objective(exact)


def test_a_new_user_with_one_rating_stays_nearer_to_the_average_than_one_with_many(ratings: Interactions) -> None:
    factors = replace(biased_sgd(ratings, QUICK), item_bias=torch.zeros(ratings.n_items))
    factors = replace(factors, items=torch.zeros_like(factors.items))
    one = ratings.select(np.arange(len(ratings)) == 0)
    many = ratings.select(ratings.users == ratings.users[0])
    folded = [
        factors.refit_users(replace(log, values=np.full(len(log), factors.offset + 1, np.float32)))
        for log in (one, many)
    ]
    biases = [model.user_bias[int(ratings.users[0])].item() for model in folded]
    assert biases == pytest.approx([1 / 2, len(many) / (len(many) + 1)], rel=1e-3)


def test_who_has_no_rating_is_average(ratings: Interactions) -> None:
    log = ratings.select((ratings.users != 3) & (ratings.items != 4))
    factors = biased_sgd(log, QUICK)
    assert not factors.users[3].any()
    assert not factors.items[4].any()
    assert factors.score_pairs(torch.tensor([3]), torch.tensor([4])).item() == pytest.approx(log.values.mean())


def test_after_each_epoch_one_may_look_and_stop(ratings: Interactions) -> None:
    seen: list[tuple[SgdEpoch, Factors]] = []

    def look(epoch: SgdEpoch) -> bool:
        seen.append((epoch, epoch.factors()))
        return epoch.number == 2

    last = biased_sgd(ratings, QUICK, after_epoch=look)
    assert [epoch.number for epoch, _ in seen] == [1, 2]
    assert seen[0][0].rmse > seen[1][0].rmse
    assert bits(seen[1][1]) == bits(last) == bits(biased_sgd(ratings, replace(QUICK, epochs=2)))
    assert bits(seen[0][1]) == bits(biased_sgd(ratings, replace(QUICK, epochs=1)))


@pytest.mark.parametrize(
    "log",
    [
        Interactions.from_arrays([0], [0], values=[4.0]),
        Interactions.from_arrays([0, 1, 2, 3], [0, 0, 0, 0], values=[1, 2, 3, 4]),
        Interactions.from_arrays([0, 0, 1, 1], [0, 1, 0, 1], values=[3, 3, 3, 3]),
        Interactions.from_arrays([0, 0, 1, 1], [0, 1, 0, 1], values=[0, 0, 0, 0]),
        Interactions.from_arrays([0, 0, 1, 1], [0, 1, 0, 1], values=[-3e37, 3e37, 0, 3e37]),
    ],
    ids=["one cell", "one item", "all the same", "all zero", "huge"],
)
def test_small_and_odd_logs_have_an_answer(log: Interactions) -> None:
    factors = biased_sgd(log, SgdSettings(dim=9))
    low, high = log.value_range
    predicted = factors.score(torch.arange(log.n_users))
    assert torch.isfinite(predicted).all()
    assert (predicted >= low - 1e-3 - (high - low)).all()
    assert (predicted <= high + 1e-3 + (high - low)).all()


def test_steps_that_are_too_long_are_an_error(ratings: Interactions) -> None:
    words = r"the errors grow without bound in epoch \d+: the steps are too long; try learning_rate=0\.5, bias_learning"
    with pytest.raises(TrainingError, match=words):
        biased_sgd(ratings, SgdSettings(learning_rate=2.0))
    with pytest.raises(TrainingError, match=r"try learning_rate=0\.0075, bias_learning_rate=1$"):
        biased_sgd(ratings, SgdSettings(bias_learning_rate=4.0))


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("dim", 0, "dim must be from 1 to 1,000,000, got 0"),
        ("epochs", 0, "epochs must be from 1 to"),
        ("regularization", -1.0, "regularization must be 0 or more, and finite; got -1.0"),
        ("bias_regularization", float("nan"), "bias_regularization must be a number, got nan"),
        ("learning_rate", 0.0, "learning_rate must be above 0, and finite; got 0.0"),
        ("bias_learning_rate", float("inf"), "bias_learning_rate must be a number, got inf"),
        ("decay", 1.5, "decay must be above 0 and at most 1, got 1.5"),
        ("seed", -1, "seed must be a whole number of 0 or more, got -1"),
    ],
)
def test_settings_out_of_range_are_named(ratings: Interactions, name: str, value: float, message: str) -> None:
    with pytest.raises(SettingsError, match=message):
        biased_sgd(ratings, SgdSettings(**{name: value}))


def test_what_cannot_be_learnt_from_is_refused(ratings: Interactions) -> None:
    for log in (ratings.without_values(), ratings.select(np.zeros(len(ratings), dtype=bool))):
        with pytest.raises(DataError, match="this solver learns from values, and this log has none"):
            biased_sgd(log)
    with pytest.raises(SettingsError, match=r"n_threads must be from 1 to .*, got 0"):
        biased_sgd(ratings, n_threads=0)


# ── the recipe ───────────────────────────────────────────────────────────────────────────────────────────────────────


def test_the_epoch_that_predicts_validation_best_is_kept(parts: Split) -> None:
    model = SGD(**HASTY).fit(parts.train, parts.valid, refit=False)
    errors = [epoch["valid_rmse"] for epoch in model.history]
    assert model.settings["epochs"] == 1 + int(np.argmin(errors)) == len(errors) - 3
    report = fr.evaluate(model, test=parts.valid, train=parts.train)
    assert report["rmse"] == pytest.approx(min(errors), abs=1e-6)
    assert bits(SGD(**model.settings).fit(parts.train).predictor) == bits(model.predictor)


def test_every_setting_changes_the_result_except_the_threads(parts: Split) -> None:
    plain = SGD(dim=6, epochs=4)
    expected = bits(plain.fit(parts.train).predictor)
    changes = {
        "dim": 7,
        "regularization": 0.1,
        "bias_regularization": 0.1,
        "bias_per_rating": True,
        "learning_rate": 0.02,
        "bias_learning_rate": 0.02,
        "decay": 0.8,
        "epochs": 3,
        "seed": 1,
    }
    for name, value in changes.items():
        assert bits(plain.model_copy(update={name: value}).fit(parts.train).predictor) != expected, name
    assert bits(plain.fit(parts.train, n_threads=3).predictor) == expected


def test_patience_is_how_long_it_waits(parts: Split) -> None:
    model = SGD(**HASTY, patience=7).fit(parts.train, parts.valid, refit=False)
    assert len(model.history) == model.settings["epochs"] + 7


def test_ctrl_c_ends_with_the_best_so_far(parts: Split, monkeypatch: pytest.MonkeyPatch) -> None:
    looks = []
    judge = recipe.error_on

    def interrupted(*args, **more):
        looks.append(1)
        if len(looks) == 2:
            signal.raise_signal(signal.SIGINT)
        return judge(*args, **more)

    monkeypatch.setattr(recipe, "error_on", interrupted)
    model = SGD(dim=4).fit(parts.train, parts.valid)
    assert len(model.history) == model.settings["epochs"] == 2


def test_values_are_needed(parts: Split) -> None:
    with pytest.raises(DataError, match="this solver learns from values"):
        SGD().fit(parts.train.without_values())


def test_a_setting_that_cannot_be_is_named() -> None:
    with pytest.raises(SettingsError, match="n_threads must be from 1 to"):
        FitOptions(n_threads=0)
