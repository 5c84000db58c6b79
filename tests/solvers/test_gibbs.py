"""Gibbs sampling of rating logs: kernels against plain loops, draws against their laws, chains against what is so."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from fillrank.data import Interactions, split, synthetic
from fillrank.errors import DataError, SettingsError
from fillrank.evaluation.metrics import rmse
from fillrank.evaluation.predictions import prediction_errors
from fillrank.factors import Factors
from fillrank.factors.temporal import DAY, TimeAwareFactors
from fillrank.runtime.rng import numpy_stream
from fillrank.solvers.sparse.gibbs import GibbsSettings, Sweep, bayesian_factors
from fillrank.solvers.sparse.gibbs.chain import Chain, ParameterGroup, SampledSide
from fillrank.solvers.sparse.gibbs.design import Design, Sets
from fillrank.solvers.sparse.gibbs.kernels import (
    draw_members,
    gather,
    move,
    plain_draw_members,
    plain_gather,
    plain_move,
)
from fillrank.solvers.sparse.gibbs.priors import NormalPrior, draw_noise, draw_prior
from fillrank.solvers.sparse.gibbs.products import DenseSum, ProductSum, ThinSum

SHORT = GibbsSettings(dim=3, iterations=40, burn_in=15)
SEEDS = st.integers(0, 2**32 - 1)


def ratings_of(seed: int, n: int = 200, sizes: tuple[int, int, int] = (12, 9, 4)):
    """Places on three sides, slopes of the two others, and errors."""
    rng = np.random.default_rng(seed)
    places = [rng.integers(size, size=n).astype(np.int32) for size in sizes]
    return (*places, rng.standard_normal(sizes[1]), rng.standard_normal(sizes[2]), rng.standard_normal(n))


def held_out_error(predictor: Factors | TimeAwareFactors, test: Interactions) -> float:
    return rmse(prediction_errors(predictor, test, value_range=None, memory=1 << 20))


@settings(max_examples=25, deadline=None)
@given(seed=SEEDS)
def test_compiled_passes_are_the_plain_ones_to_the_last_bit(seed: int) -> None:
    *ratings, errors = ratings_of(seed)
    sums, plain_sums = np.full((2, 12), np.nan), np.full((2, 12), np.nan)
    gather(*ratings, errors, sums)
    plain_gather(*ratings, errors, plain_sums)
    assert np.array_equal(sums, plain_sums)
    steps, plain_errors = np.random.default_rng(seed).standard_normal(12), errors.copy()
    move(*ratings, errors, steps)
    plain_move(*ratings, plain_errors, steps)
    assert np.array_equal(errors, plain_errors)


@settings(max_examples=25, deadline=None)
@given(seed=SEEDS)
def test_compiled_members_are_the_plain_ones_to_the_last_bit(seed: int) -> None:
    rng = np.random.default_rng(seed)
    held = rng.random((7, 12)) < 0.4
    members, holders = (places.astype(np.int32) for places in np.nonzero(held))
    sets = Sets.of(members, holders, 7, 12)
    state = [rng.random((2, 12)), rng.standard_normal(12), rng.standard_normal(7), rng.standard_normal(7)]
    twin = [part.copy() for part in state]
    draw_members(sets.ends, sets.holders, sets.shares, *state, (0.3, 2.0, 1.5))
    plain_draw_members(sets.ends, sets.holders, sets.shares, *twin, (0.3, 2.0, 1.5))
    for part, other in zip(state, twin, strict=True):
        assert np.array_equal(part, other)


def test_without_chance_drawing_members_is_exact_coordinate_descent() -> None:
    """With all normals zero each member goes to the minimum of the penalised squared error, the others held fixed."""
    own, first, second, x, y, errors = ratings_of(0)
    rng = np.random.default_rng(1)
    members, holders = (places.astype(np.int32) for places in np.nonzero(rng.random((7, 12)) < 0.4))
    sets, values = Sets.of(members, holders, 7, 12), rng.standard_normal(7)
    totals, sums = np.zeros(12), np.empty((2, 12))
    mean, precision, noise = 0.2, 0.7, 1.3

    def objective() -> float:
        left = errors - totals[own] * (x[first] + y[second])
        return noise * left @ left + precision * np.square(values - mean).sum()

    gather(own, first, second, x, y, errors, sums)
    costs = [objective()]
    for _ in range(100):
        draw_members(sets.ends, sets.holders, sets.shares, sums, totals, values, np.zeros(7), (mean, precision, noise))
        costs.append(objective())
    assert (np.diff(costs) <= 1e-9).all()
    best = costs[-1]
    for member in range(7):  # no other value of a member is better
        for step in (-1e-3, 2e-3):
            held = holders[members == member]
            values[member] += step
            totals[held] += sets.shares[held] * step
            assert objective() > best
        values[member] -= 1e-3
        totals[held] -= sets.shares[held] * 1e-3


def test_a_side_is_drawn_from_its_exact_posterior(monkeypatch: pytest.MonkeyPatch) -> None:
    """With the priors held fixed, own values and members are jointly normal: mean and covariance are known."""
    monkeypatch.setattr(ParameterGroup, "next_prior", lambda *_: NormalPrior(0.3, 2.0))
    own, first, second, x, y, targets = ratings_of(2, n=25, sizes=(4, 9, 4))
    held = np.array([[1, 1, 0, 1], [0, 1, 1, 0], [1, 0, 1, 1]])
    sets = Sets.of(*(places.astype(np.int32) for places in np.nonzero(held)), 3, 4)
    slopes = x[first] + y[second]
    design = np.hstack([np.eye(4)[own], (sets.shares * held).T[own]]) * slopes[:, None]
    covariance = np.linalg.inv(1.5 * design.T @ design + 2.0 * np.eye(7))
    mean = covariance @ (1.5 * design.T @ targets + 2.0 * 0.3)
    side, rng, sums, drawn = SampledSide(np.zeros((1, 4)), sets), np.random.default_rng(0), np.empty((2, 4)), []
    for _ in range(6000):
        gather(own, first, second, x, y, targets - side.totals[0, own] * slopes, sums)
        side.draw(0, sums, 1.5, rng)
        drawn.append(np.append(side.own.values[0], side.members.values[0]))
    deviations = np.sqrt(np.diag(covariance))
    np.testing.assert_allclose(np.mean(drawn, axis=0) / deviations, mean / deviations, atol=0.12)
    found = np.cov(np.transpose(drawn)) / np.outer(deviations, deviations)
    np.testing.assert_allclose(found, covariance / np.outer(deviations, deviations), atol=0.12)


def test_priors_are_drawn_around_what_they_gave_rise_to() -> None:
    rng = np.random.default_rng(0)
    values = 2.0 + 0.5 * rng.standard_normal(50_000)
    prior = NormalPrior(0.0, 1.0)
    for _ in range(20):
        prior = draw_prior(values, prior, rng)
    assert prior.mean == pytest.approx(2.0, abs=0.02)
    assert prior.precision == pytest.approx(4.0, rel=0.05)
    assert draw_noise(0.1 * rng.standard_normal(50_000), rng) == pytest.approx(100.0, rel=0.05)


@pytest.mark.parametrize("values", [[1.0, 2.0, 3.0], []])
def test_a_prior_of_few_values_stays_uncertain(values: list[float]) -> None:
    """The mean of ``mean`` is Σv/(n + 1), and its spread what the formula says of the precisions drawn with it."""
    rng, drawn = np.random.default_rng(0), []
    for _ in range(4000):
        drawn.append(draw_prior(np.array(values), drawn[-1] if drawn else NormalPrior(0.0, 1.0), rng))
    means, precisions = np.array(drawn).T
    n = len(values)
    scaled = (means - sum(values) / (n + 1)) * np.sqrt((n + 1) * precisions)
    assert scaled.mean() == pytest.approx(0, abs=0.06)
    assert scaled.std() == pytest.approx(1, abs=0.05)


@pytest.mark.parametrize("dates", [False, True])
def test_everything_is_drawn_and_errors_are_kept_up_to_date(dates: bool) -> None:
    log = dated_log(0)
    design = Design.of(log, dates=dates)
    chain = Chain(design, 3, np.random.default_rng(0))
    before = [side.own.values.copy() for side in chain.sides]
    for _ in range(5):
        chain.sweep()
    moved = [bool((side.own.values != old).all()) for side, old in zip(chain.sides, before, strict=True)]
    assert moved == [True, True, dates]
    np.testing.assert_allclose(chain.errors, design.targets - chain.predict(*design.indices), atol=1e-12)
    for side, sets in zip(chain.sides, (design.user_sets, design.item_sets), strict=False):
        assert side.members is not None
        assert sets is not None
        taken = np.zeros_like(side.totals)
        for member in range(sets.n_members):
            held = sets.holders[sets.ends[member] : sets.ends[member + 1]]
            taken[:, held] += side.members.values[:, [member]] * sets.shares[held]
        np.testing.assert_allclose(side.totals, side.own.values + taken, atol=1e-12)


@settings(max_examples=25, deadline=None)
@given(seed=SEEDS, dim=st.integers(1, 12), rank=st.integers(1, 4), n=st.integers(1, 9))
def test_a_sum_of_products_loses_no_more_than_it_says(seed: int, dim: int, rank: int, n: int) -> None:
    rng = np.random.default_rng(seed)
    parts = [(rng.standard_normal((8, rank)), rng.standard_normal((6, rank))) for _ in range(n)]
    exact = sum(one @ two.T for one, two in parts)
    best = np.linalg.norm(np.linalg.svd(exact, compute_uv=False)[dim:])
    kinds: tuple[type[ProductSum], ...] = (DenseSum, ThinSum)
    for kind in kinds:
        total, other = kind(8, 6, dim), kind(8, 6, dim)
        for place, part in enumerate(parts):
            (other if place % 3 == 2 else total).add(*part)
        total.absorb(other)
        left, right, loss = total.kept()
        missing = np.linalg.norm(left @ right.T - exact)
        assert left.shape[1] <= dim
        assert best - 1e-9 <= missing <= loss * np.linalg.norm(right) + 1e-9
        if kind is DenseSum or dim >= 6:
            assert missing == pytest.approx(best, abs=1e-9)


def test_a_sum_takes_over_what_another_has_lost() -> None:
    rng = np.random.default_rng(0)
    lossy, total = ThinSum(8, 6, 2), ThinSum(8, 6, 2)
    for _ in range(5):
        lossy.add(rng.standard_normal((8, 2)), rng.standard_normal((6, 2)))
    alone = lossy.kept().loss
    total.absorb(lossy)
    assert alone > 0.1
    assert total.kept().loss == pytest.approx(alone)


@pytest.fixture(scope="module")
def planted() -> tuple[Interactions, Interactions]:
    """Ratings of rank 2 and noise of .5: train and test."""
    log = synthetic(150, 80, 6000, rank=2, seed=1).interactions
    noisy = replace(log, values=log.values + 0.5 * np.random.default_rng(0).standard_normal(len(log)))
    parts = split.random(noisy, test=0.2, valid=0, seed=0)
    return parts.train, parts.test


def test_it_finds_planted_factors_and_the_noise(planted: tuple[Interactions, Interactions]) -> None:
    train, test = planted
    seen: list[Sweep] = []

    def note(sweep: Sweep) -> bool:
        seen.append(sweep)
        return False

    mean = bayesian_factors(train, replace(SHORT, iterations=60), after_sweep=note)
    noise = np.mean([sweep.noise for sweep in seen if sweep.number > 30])
    error = held_out_error(mean.predictor, test)
    assert error < 0.65 < 1.0 < test.values.std()
    assert noise == pytest.approx(0.5, rel=0.1)
    assert mean.n_samples == 2 * 45
    assert sorted({sweep.chain for sweep in seen}) == [0, 1]


def test_the_mean_predicts_better_than_a_sample(planted: tuple[Interactions, Interactions]) -> None:
    train, test = planted
    many, one = (bayesian_factors(train, replace(SHORT, n_chains=1, burn_in=burn_in)) for burn_in in (20, 39))
    assert (many.n_samples, one.n_samples) == (20, 1)
    assert held_out_error(many.predictor, test) < 0.99 * held_out_error(one.predictor, test)


@pytest.mark.parametrize("dates", [False, True])
def test_the_kept_mean_is_the_mean_of_what_the_samples_predict(dates: bool) -> None:
    parts = split.random(dated_log(2), test=0.2, valid=0, seed=0)
    test = parts.test
    design = Design.of(parts.train, dates=dates)
    days = np.searchsorted(design.days, test.times // DAY) if dates else np.zeros(len(test))
    chain, total = Chain(design, 3, numpy_stream(0, "gibbs", 0)), np.zeros(len(test))
    for sweep in range(1, 41):
        chain.sweep()
        if sweep > 15:
            total += chain.predict(test.users, test.items, days.astype(np.int32))
    expected = design.mean + design.spread * total / 25
    mean = bayesian_factors(parts.train, replace(SHORT, n_chains=1, kept_dim=80, dates=dates))
    errors = prediction_errors(mean.predictor, test, value_range=None, memory=1 << 20)
    np.testing.assert_allclose(errors + test.values, expected, atol=5e-5)
    assert mean.loss < 1e-12


def test_users_are_normal_around_zero_so_that_one_penalty_folds_in(planted: tuple[Interactions, Interactions]) -> None:
    predictor = bayesian_factors(planted[0], replace(SHORT, sets=False)).predictor
    assert isinstance(predictor, Factors)
    n, dim = predictor.users.shape
    held = [n for n in range(dim) if float(predictor.items[:, n].norm()) > 1e-6]
    users = predictor.users[:, held]
    torch.testing.assert_close(users.mean(0), torch.zeros(len(held)), atol=1e-4, rtol=0)
    torch.testing.assert_close(users.T @ users / n, torch.eye(len(held)), atol=1e-3, rtol=0)
    assert float(predictor.user_bias.mean()) == pytest.approx(0, abs=1e-5)
    again = predictor.refit_users(planted[0])
    assert held_out_error(again, planted[1]) < 1.1 * held_out_error(predictor, planted[1])


def test_sets_tell_what_few_noisy_ratings_do_not() -> None:
    """How high a user rates follows from what they met; the ratings say it too, but with much noise."""
    rng = np.random.default_rng(0)
    users = np.repeat(np.arange(300), 12)
    items = np.concatenate([rng.choice(60, 12, replace=False) for _ in range(300)])
    height = np.bincount(users, rng.choice([-1.0, 1.0], size=60)[items])[users] / np.sqrt(12)
    truth = Interactions.from_arrays(users, items, values=height)
    parts = split.random(truth, test=0.1, valid=0, seed=0)
    noisy = replace(parts.train, values=parts.train.values + 2 * rng.standard_normal(len(parts.train)))
    with_sets, without = (bayesian_factors(noisy, replace(SHORT, dim=1, sets=sets)) for sets in (True, False))
    assert held_out_error(with_sets.predictor, parts.test) < 0.85 * held_out_error(without.predictor, parts.test)


def dated_log(seed: int) -> Interactions:
    """Ratings of which the day explains most: a bias of its own, and a slope along one taste."""
    rng = np.random.default_rng(seed)
    pairs = np.argwhere(rng.random((60, 40)) < 0.5)
    day = rng.integers(12, size=len(pairs))
    height, slope, taste = 0.7 * rng.standard_normal(12), rng.standard_normal(12), rng.standard_normal(40)
    values = 3 + height[day] + slope[day] * taste[pairs[:, 1]] + 0.3 * rng.standard_normal(len(pairs))
    return Interactions.from_arrays(*pairs.T, values=values, times=(100 + 2 * day) * DAY + 77)


def test_days_explain_what_they_did() -> None:
    parts = split.random(dated_log(0), test=0.2, valid=0, seed=0)
    dated = bayesian_factors(parts.train, replace(SHORT, dates=True)).predictor
    blind = bayesian_factors(parts.train, SHORT).predictor
    assert isinstance(dated, TimeAwareFactors)
    assert dated.days.tolist() == [100 + 2 * day for day in range(12)]
    assert held_out_error(dated, parts.test) < 0.4 < 1.0 < held_out_error(blind, parts.test)
    forgotten = replace(parts.test, times=None)
    assert held_out_error(dated, forgotten) == pytest.approx(held_out_error(blind, parts.test), rel=0.1)


def test_over_the_ratings_learned_from_the_days_add_nothing() -> None:
    log = dated_log(1)
    predictor = bayesian_factors(log, replace(SHORT, dates=True)).predictor
    assert isinstance(predictor, TimeAwareFactors)
    place = torch.searchsorted(predictor.days, torch.from_numpy(log.times // DAY))
    for parts in (predictor.day_bias[:, None], predictor.user_days, predictor.item_days):
        torch.testing.assert_close(parts[place].mean(0), torch.zeros(parts.shape[1]), atol=1e-4, rtol=0)


def test_a_seed_repeats_itself_and_another_does_not(planted: tuple[Interactions, Interactions]) -> None:
    one, two, other = (bayesian_factors(planted[0], replace(SHORT, seed=seed)).predictor for seed in (4, 4, 5))
    for name, tensor in one.tensors().items():
        assert torch.equal(two.tensors()[name], tensor), name
    assert not torch.equal(one.users, other.users)


@pytest.mark.parametrize(
    "changed", [{"dim": 4}, {"iterations": 41}, {"burn_in": 14}, {"n_chains": 1}, {"sets": False}, {"kept_dim": 2}]
)
def test_each_setting_changes_the_result(planted: tuple[Interactions, Interactions], changed: dict[str, int]) -> None:
    users, items = torch.arange(20), torch.arange(20)
    usual, other = (
        bayesian_factors(planted[0], replace(SHORT, **more)).predictor.score_pairs(users, items)
        for more in ({}, changed)
    )
    assert not torch.equal(usual, other)


def test_stopping_keeps_at_least_one_sample(planted: tuple[Interactions, Interactions]) -> None:
    mean = bayesian_factors(planted[0], SHORT, after_sweep=lambda _: True)
    assert mean.n_samples == 2
    later = bayesian_factors(planted[0], SHORT, after_sweep=lambda sweep: sweep.number == 20)
    assert later.n_samples == 2 * 5


@pytest.mark.parametrize("scale", [1.0, 100.0])
def test_the_unit_of_the_values_does_not_matter(planted: tuple[Interactions, Interactions], scale: float) -> None:
    train, test = planted
    shifted = replace(train, values=7 + scale * train.values)
    usual, other = (bayesian_factors(log, SHORT).predictor for log in (train, shifted))
    users, items = (torch.from_numpy(column.astype(np.int64)) for column in (test.users, test.items))
    expected = 7 + scale * usual.score_pairs(users, items)
    torch.testing.assert_close(other.score_pairs(users, items), expected, rtol=1e-3, atol=1e-3 * scale)


@pytest.mark.parametrize("values", [[3.0], [3.0, 3.0, 3.0], [-1e30, 0.0, 1e30]])
def test_tiny_and_strange_logs_have_an_answer(values: list[float]) -> None:
    log = Interactions.from_arrays(range(len(values)), [0] * len(values), values=values)
    predictor = bayesian_factors(log, GibbsSettings(dim=2, iterations=10, burn_in=5)).predictor
    predicted = predictor.score_pairs(torch.zeros(1, dtype=torch.long), torch.zeros(1, dtype=torch.long))
    assert torch.isfinite(predicted).all()


def test_users_and_items_without_a_rating_are_average(planted: tuple[Interactions, Interactions]) -> None:
    train = planted[0]
    few = train.select((train.users >= 10) & (train.items >= 10))
    predictor = bayesian_factors(few, SHORT).predictor
    predicted = predictor.score(torch.arange(10))[:, :10]
    assert float((predicted - few.values.mean()).abs().max()) < 1.0


def test_what_cannot_be_is_refused(planted: tuple[Interactions, Interactions]) -> None:
    train = planted[0]
    with pytest.raises(SettingsError, match="burn_in=40 leaves no sample of 40 iterations; take a smaller burn_in"):
        replace(SHORT, burn_in=40)
    with pytest.raises(SettingsError, match=r"n_chains must be from 1 to .* got 0"):
        replace(SHORT, n_chains=0)
    with pytest.raises(DataError, match="learns from values, and this log has none"):
        bayesian_factors(train.without_values(), SHORT)
    with pytest.raises(DataError, match="dates=True needs times, and this log has none"):
        bayesian_factors(train, replace(SHORT, dates=True))
