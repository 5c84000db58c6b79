"""LightGCN's fast route: changes of the vectors, spread over the graph."""

from __future__ import annotations

import copy
from pathlib import Path

import pytest
import torch

from fillrank.data import Interactions, synthetic
from fillrank.encoders import LightGCN, normal_tables
from fillrank.encoders.sparse import adjacency_of
from fillrank.errors import SettingsError
from fillrank.losses import BSL
from fillrank.samplers import KnownPositives, Uniform
from fillrank.training import (
    Batch,
    ContrastSettings,
    DelayedPropagation,
    FitOptions,
    LoopSettings,
    TableContrast,
    propagated,
    train,
)
from fillrank.training.context import FitContext

WEIGHTS = (0.5, 0.3, 0.2)


@pytest.fixture(scope="module")
def log() -> Interactions:
    return synthetic(n_users=40, n_items=30, n_interactions=300, seed=1).interactions.without_values()


def graph_of(log: Interactions, weights: tuple[float, ...] = WEIGHTS) -> LightGCN:
    users, items = normal_tables(log.n_users, log.n_items, 6, generator=torch.Generator().manual_seed(5))
    return LightGCN(users.double(), items.double(), log, n_layers=len(weights) - 1, layer_weights=weights)


def steps_on(mf: torch.nn.Module, log: Interactions) -> TableContrast:
    settings = ContrastSettings(learning_rate=0.05, dropout=0.2, regularization=0.1)
    return TableContrast(mf, BSL(), Uniform(KnownPositives.of_users(log), 12), settings)


def dense(log: Interactions) -> torch.Tensor:
    """``M/w_0`` of users and items together."""
    half = adjacency_of(log, torch.float64).dense()
    none = [torch.zeros(n, n) for n in half.shape]
    graph = torch.cat([torch.cat([none[0], half], 1), torch.cat([half.T, none[1]], 1)])
    powers = [weight / WEIGHTS[0] * torch.linalg.matrix_power(graph, n) for n, weight in enumerate(WEIGHTS)]
    return torch.stack(powers).sum(0)


def both(mf: torch.nn.Module) -> torch.Tensor:
    return torch.cat([mf.users, mf.items]).detach().clone()


def test_it_begins_at_the_vectors_of_the_graph(log: Interactions) -> None:
    graph = graph_of(log)
    assert all(map(torch.equal, propagated(graph).tables(), graph.tables()))


@pytest.mark.parametrize("every", [1, 3])
def test_changes_are_those_of_the_tables_times_the_dense_graph(every: int, log: Interactions) -> None:
    """The readable twin: steps on tables of their own, and after every few of them a dense product."""
    fast, rows = propagated(graph_of(log)), Batch.of(log, None, "cpu")
    plain = copy.deepcopy(fast)
    learner, steps = DelayedPropagation(steps_on(fast, log), graph_of(log), every=every), steps_on(plain, log)
    streams = [torch.Generator().manual_seed(2) for _ in range(2)]
    before, graph = both(plain), dense(log)
    for taken in range(1, 8):
        learner.learn(rows, streams[0])
        steps.learn(rows, streams[1])
        if taken % every == 0:
            before = before + graph @ (both(plain) - before)
            with torch.no_grad():
                plain.users.copy_(before[: log.n_users])
                plain.items.copy_(before[log.n_users :])
        torch.testing.assert_close(both(fast), both(plain))


def test_without_other_layers_it_is_mf(log: Interactions) -> None:
    graph = graph_of(log, (1.0,))
    fast, rows = propagated(graph), Batch.of(log, None, "cpu")
    plain = copy.deepcopy(fast)
    for learner in (DelayedPropagation(steps_on(fast, log), graph, every=1), steps_on(plain, log)):
        for _ in range(3):
            learner.learn(rows, torch.Generator().manual_seed(2))
    torch.testing.assert_close(both(fast), both(plain))


def test_a_stopped_training_goes_on_to_the_same_place(log: Interactions, tmp_path: Path) -> None:
    rows = Batch.of(log, None, "cpu")

    def trained(file: str, *, first: int = 1, stop_in: int = 99) -> torch.Tensor:
        mf, looks = propagated(graph_of(log)), iter(range(first, 99))
        learner = DelayedPropagation(steps_on(mf, log), graph_of(log), every=4)

        def look() -> tuple[float, dict[str, float]]:
            if (n := next(looks)) == stop_in:
                raise KeyboardInterrupt
            return float(n), {}

        settings = LoopSettings(4, 70, ema_span=0)
        train(learner, rows, settings, look, FitContext(FitOptions(progress=False, checkpoint=tmp_path / file)))
        return both(mf)

    whole = trained("whole")
    with pytest.raises(KeyboardInterrupt):
        trained("torn", stop_in=3)
    assert torch.equal(trained("torn", first=3), whole)


@pytest.mark.parametrize(
    ("weights", "every", "message"),
    [((0.0, 1.0), 5, "layer 0 has the weight 0"), ((0.5, 0.5), 0, "after a number of steps, 1 or more, got 0")],
)
def test_what_cannot_be_spread_is_refused(
    weights: tuple[float, ...], every: int, message: str, log: Interactions
) -> None:
    graph = graph_of(log, weights)
    with pytest.raises(SettingsError, match=message):
        DelayedPropagation(steps_on(propagated(graph), log), graph, every=every)
