"""A server in this process, and models for it."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

import fillrank as fr
from fillrank.data import Interactions
from fillrank.recommend import Recommender
from fillrank.server import ServerSettings, create_app
from fillrank.store import Store

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # it asks for another package of clients
    from fastapi.testclient import TestClient


@pytest.fixture(scope="session")
def svd(ratings: Interactions) -> Recommender:
    """Ranks, and takes every item of a history for one that was liked."""
    return fr.PureSVD(rank=4).fit(ratings)


@pytest.fixture(scope="session")
def rating_model(ratings: Interactions) -> Recommender:
    """Ranks and predicts by ratings."""
    return fr.BiasedSVD(rank=2, user_shrinkage=5, item_shrinkage=5).fit(ratings)


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with Store(f"sqlite:///{tmp_path}/shop.db") as opened:
        yield opened


@pytest.fixture
def serving(store: Store) -> Iterator[Callable[..., Any]]:
    """A client of a server of a model: ``serving(model, max_body=10)``."""
    with ExitStack() as stack:

        def client(model: Any, of: Store | None = None, against: Any = None, **settings: Any) -> Any:
            app = create_app(model, of or store, settings=ServerSettings(workers=2, **settings), against=against)
            return stack.enter_context(TestClient(app, raise_server_exceptions=False))

        yield client


@pytest.fixture
def client(serving: Callable[..., Any], svd: Recommender) -> Any:
    return serving(svd)


@pytest.fixture(scope="session")
def log_file(ratings: Interactions, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The ratings as a CSV file."""
    path = tmp_path_factory.mktemp("server") / "log.csv"
    ratings.to_frame().write_csv(path)
    return path
