"""Every public door with one argument at a time replaced by what does not belong there.

What comes back is a sensible result, or an error of fillrank's own whose message names the argument. The doors are read
from the lists of public names, so a new one without a call that works in ``GOOD`` fails here.
"""

# ruff: noqa: E501 (tables of calls and values, which are read line by line)
from __future__ import annotations

import inspect
import random
import re
import signal
import threading
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from datetime import UTC, datetime
from functools import cache
from importlib import import_module
from pathlib import Path
from types import SimpleNamespace
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
import polars as pl
import pytest
import scipy.sparse as sp
import torch

import fillrank as fr
from fillrank import encoders, losses, samplers
from fillrank.data import write_store
from fillrank.data.features import FeatureCoding
from fillrank.errors import DataNotFoundError, FillrankError
from fillrank.evaluation import Evaluator
from fillrank.factors.feature_vectors import FeatureVectors, SideFeatures
from fillrank.factors.growth import Growth
from fillrank.models import RECIPES, Recipe, recipe
from fillrank.recommend.explain import history_of
from fillrank.solvers.fold_in import Descent
from fillrank.solvers.sparse import biases
from fillrank.solvers.sparse.gibbs import GibbsSettings

ROOMS = (
    "data",
    "losses",
    "samplers",
    "encoders",
    "retrieval",
    "evaluation",
    "recommend",
    "models",
    "completion",
    "report",
    "testing",
)
ALSO = {  # what the pages of docs/ name beside the rooms' own lists
    "data.split": ("random", "per_user", "leave_last_out", "by_time", "published", "strong"),
    "solvers.sparse.als": ("RatingLoss", "als"),
    "solvers.sparse.ials": ("ImplicitLoss", "ials"),
    "solvers.sparse.biases": ("fit_biases",),
    "solvers.sparse.sgd": ("SgdSettings", "biased_sgd"),
    "solvers.sparse.svd": ("biased_svd", "first_directions", "normalised_svd", "pure_svd"),
    "solvers.fold_in": ("Descent", "descend_users", "ridge_objective", "solve_users"),
    "solvers.sparse.gibbs": ("GibbsSettings", "bayesian_factors"),
    "factors.ridge": ("RowSolver",),
    "runtime.rng": ("numpy_stream", "torch_stream"),
}
PLAIN: dict[str, str] = {  # not called here, and why
    "Demonstration": "made by demo alone",
    "ReadResult": "made by scan alone",
    "Summary": "made by log.summary alone",
    "DatasetInfo": "a card of the catalogue",
    "RankedLists": "made by rank alone",
    "Comparison": "made by Report.compare",
    "Difference": "made by Report.compare",
    "Synthetic": "made by synthetic alone",
    "Negatives": "made by samplers",
    "Sizes": "made by Sizes.of",
    "demo": "trains for minutes; its arguments are in tests/report",
    "MatrixCompletion": "tests/completion/test_hostile_tables.py",
    "MatrixCompletionCV": "the same",
    "as_loss": "a part of one's own: tests/test_registry.py",
    "as_sampler": "the same",
    "as_encoder": "the same",
    "takes_usual_count": "the same",
    "EncoderInputs": "made by recipes alone",
    "has_free_tables": "of a part of one's own: tests/test_registry.py",
    "has_free_vectors": "of a part of one's own: tests/test_registry.py",
    "inputs_of": "of a part of one's own: tests/test_registry.py",
    "scores_pairs": "of a part of one's own: tests/test_registry.py",
    "TableEncoder": "a base to build on",
    "Allowance": "made by recipes alone",
    "check_encoder": "a battery, which runs a part and not a call",
    "check_model": "a battery, which runs a part and not a call",
    "check_sampler": "a battery, which runs a part and not a call",
    "check_solver": "a battery, which runs a part and not a call",
}


class Door(NamedTuple):
    name: str
    call: Callable[..., Any]
    good: dict[str, Any]
    others: tuple[str, ...]  # parameters that the good call leaves out

    @property
    def parameters(self) -> tuple[str, ...]:
        return (*self.good, *self.others)


@cache
def world() -> SimpleNamespace:
    """Small things of every kind that a door may ask for."""
    log = fr.Interactions.from_arrays(
        list("aaabbbcccddd"),
        list("wxywxzwyzxyz"),
        values=[5, 3, 4, 2, 1, 5, 4, 4, 3, 2, 5, 1],
        times=range(10**9, 10**9 + 12),
    )
    split = fr.split.random(log, test=0.25, valid=0.1, seed=0)
    about_items = pl.DataFrame({"item": ["w", "x", "new"], "kind": ["p", "q", "p"]})
    about_users = pl.DataFrame({"user": ["a", "b", "new"], "kind": ["p", "q", "p"]})
    features = fr.Features.from_frame(about_items)
    model = recipe("biased-svd")(rank=2).fit(log)
    of_kinds = SideFeatures(FeatureCoding.of(features), torch.rand(2, model.scorer.dim))
    factors = replace(model.scorer, features=FeatureVectors(of_kinds, of_kinds))
    model = replace(model, scorer=factors, predictor=factors)
    generator = torch.Generator().manual_seed(0)
    known = samplers.KnownPositives.of_users(log)
    mf = encoders.MF.random(log.n_users, log.n_items, 2, generator=generator)
    return SimpleNamespace(
        log=log, split=split, about_items=about_items, about_users=about_users, features=features, model=model, generator=generator, known=known, mf=mf, factors=model.scorer,
        vectors=torch.rand(4, 2), places=torch.tensor([0, 1]), pos=torch.rand(3), neg=torch.rand(3, 5),
        A=torch.rand(4, 3), M=torch.ones(4, 3), graph=encoders.LightGCN(torch.rand(4, 2), torch.rand(4, 2), log),
        report=fr.evaluate(model, split), evaluator=Evaluator.on_test(split), rows=[0, 1],
        csr=sp.csr_array(np.eye(3)), biases=biases.fit_biases(log), frame=pl.DataFrame({"user": ["a"], "item": ["x"]}),
        loss_args={"pos": torch.rand(3), "neg": torch.rand(3, 5)}, sample={"users": torch.tensor([0, 1]), "positives": torch.tensor([0, 1]), "generator": generator},
        tables={"users": torch.rand(4, 2), "items": torch.rand(4, 2)},
        sums=fr.ItemWeights(log.csr.astype(np.float32), sp.csr_array(np.eye(log.n_items, dtype=np.float32))),
        uniform=samplers.Uniform(known, 2), log_path=None,
    )  # fmt: skip


def good_calls(w: SimpleNamespace) -> dict[str, Any]:
    """For each door arguments that work: a mapping, or ``(object, {method: arguments})`` with what it is made of."""
    lab = {"A": w.A, "rank": 2, "num_epochs": 2}
    sizes = {"n_users": 3, "n_items": 4, "dim": 2, "generator": w.generator}
    return {
        "Factors": dict(w.tables), "Factors.": w.factors,
        "Factors.fold_in": {"interactions": w.log}, "Factors.refit_users": {"interactions": w.log}, "Factors.score": {"users": w.places},
        "Factors.score_pairs": {"users": w.places, "items": w.places}, "Factors.to": {"device": "cpu"},
        "Factors.from_parts": {"tensors": w.factors.tensors(), "settings": w.factors.settings()},
        "Factors.with_item_weights": {"weights": torch.ones(4)},
        "Factors.contributions": {"user": 0, "item": 0, "history": history_of(w.log, 0)}, "Factors.grown": {"growth": Growth(w.log, w.log)},
        "ItemWeights": {"rows": w.log.csr.astype(np.float32), "weights": sp.csr_array(np.eye(w.log.n_items, dtype=np.float32))},
        "ItemWeights.": w.sums, "ItemWeights.contributions": {"user": 0, "item": 0, "history": history_of(w.log, 0)}, "ItemWeights.fold_in": {"interactions": w.log},
        "ItemWeights.refit_users": {"interactions": w.log}, "ItemWeights.grown": {"growth": Growth(w.log, w.log)}, "ItemWeights.score": {"users": w.places},
        "ItemWeights.score_pairs": {"users": w.places, "items": w.places}, "ItemWeights.similar_to": {"item": 0}, "ItemWeights.to": {"device": "cpu"},
        "ItemWeights.from_parts": {"tensors": w.sums.tensors(), "settings": w.sums.settings()},
        "FixedItems": {"item_factors": w.vectors, "users": w.vectors},
        "IdMap": {"ids": ["a", "b"]}, "IdMap.": w.log.user_ids, "IdMap.decode": {"indices": [0]}, "IdMap.encode": {"ids": ["a"]},
        "IdMap.label": {"index": 0}, "IdMap.in_order": {"ids": pl.Series(["a"])}, "IdMap.followed_by": {"ids": ["zz"]}, "IdMap.resolve": {"name": "a"}, "IdMap.spelled": {"ids": ["a"]},
        "Interactions": {name: getattr(w.log, name) for name in ("users", "items", "values", "times", "user_ids", "item_ids")},
        "Interactions.": w.log, "Interactions.faded": {"half_life": 7.0}, "Interactions.filter": {}, "Interactions.select": {"rows": w.rows},
        "Interactions.from_arrays": {"users": ["a"], "items": ["x"]}, "Interactions.from_csr": {"matrix": w.csr},
        "Interactions.from_frame": {"frame": w.frame}, "Interactions.with_features": {"items": w.about_items}, "Split.with_features": {"items": w.about_items}, "Split.": w.split,
        "Features": {"ids": w.features.ids, "columns": w.features.columns}, "Features.": w.features, "Features.from_frame": {"frame": w.about_items}, "Features.of": {"given": w.about_items},
        "Features.read": {"path": "about.csv"}, "Features.rows_of": {"ids": w.log.item_ids}, "Features.taken": {"ids": w.log.item_ids}, "Features.grown": {"ids": w.features.ids},
        "Interactions.union": {"other": w.log.select([])},
        "Recommender.add_items": {"features": w.about_items}, "Recommender.add_users": {"features": w.about_users},
        "Recommender": {"scorer": w.factors, "predictor": None, "interactions": w.log}, "Recommender.": w.model,
        "Recommender.recommend": {}, "Recommender.with_item_table": {"table": {"x": "a"}}, "Recommender.similar_items": {"item_id": "x"},
        "Recommender.similar_users": {"user_id": "a"}, "Recommender.update": {"interactions": w.log}, "Recommender.explain": {"user_id": "a", "item_id": "x"}, "Recommender.save": {"path": "model"},
        "Recommender.score": {"user_ids": ["a"], "item_ids": ["x"]}, "Recommender.predict": {"user_ids": ["a"], "item_ids": ["x"]},
        "Recommender.fold_in": {"histories": {"x": 3}}, "Recommender.load": {"path": "good-model"},
        "Report": {name: getattr(w.report, name) for name in ("model", "metrics", "users", "per_user", "protocol")},
        "Report.": w.report, "Report.compare": {"other": w.report, "n": 20}, "Report.intervals": {"n": 20},
        "Split": {name: getattr(w.split, name) for name in ("train", "valid", "test", "protocol")},
        "compare": {"data": w.split, "models": ["popularity"], "k": 2}, "evaluate": {"model": w.model, "split": w.split},
        "fold_in": {"item_factors": w.vectors, "histories": [{0: 3.0}]}, "load": {"name": "movielens-small"},
        "load_split": {"name": "yelp2018"}, "read": {"path": "log.csv"}, "open_store": {"path": "good-store"}, "write_store": {"parts": "log.csv", "path": "store", "overwrite": True}, "scan": {"path": "log.csv"},
        "info": {"name": "movielens-small"}, "list_datasets": {}, "checkerboard": {"n": 6}, "has_ratings": {"interactions": w.log},
        "gd_factorise_masked": {**lab, "M": w.M}, "sgd_factorise_masked": {**lab, "M": w.M}, "sgd_factorise": lab,
        "reconstruction_loss": {"A": w.A, "U": torch.rand(4, 2), "V": torch.rand(3, 2)},
        "synthetic": {"n_users": 5, "n_items": 5, "n_interactions": 10}, "subsample": {"split": w.split},
        "truncated_svd": {"matrix": np.eye(4), "rank": 2}, "LogOptions": {}, "LogOptions.of": {"options": {}}, "LogOptions.columns": {"weight": None}, "ReadOptions.columns": {"weight": None},
        "ReadOptions": {}, "ReadOptions.of": {"options": {}}, "recipe": {"name": "als"},
        "default_model": {"interactions": w.log}, "default_models": {"interactions": w.log}, "Sizes.of": {"n_rows": 10, "watched": True},
        # losses
        "Ladder": {"rungs": [{"margin": 0.1}, {"margin": 0.2}], "first": (0,), "usual": 0}, "Ladder.along": {"name": "margin", "values": (0.1, 0.2), "first": (0.1,), "usual": 0.1},
        "open_ladders": {"loss": "bsl", "settings": {}}, "usual_settings": {"loss": "bsl", "settings": {}}, "Hard.from_settings": {"known": w.known, "base": {"name": "uniform", "n_negatives": 2}, "n_negatives": 1},
        "EarlyStopping.of": {"name": "given", "given": "ndcg@20"}, "Optimizer.of": {"name": "given", "given": "adam"},
        "FromFunction": {"function": losses.InfoNCE()}, "alignment": {"first": w.vectors, "second": w.vectors},
        "contrast": {"loss": losses.InfoNCE(), "anchors": w.vectors, "positives": w.vectors, "negatives": w.vectors},
        "contrast_by_autograd": {"loss": losses.InfoNCE(), "anchors": w.vectors, "positives": w.vectors, "negatives": w.vectors},
        "loss": {"name": "infonce"}, "vector_loss": {"name": "alignment-uniformity"}, "squared_error": {"predicted": w.pos, "values": w.pos},
        "uniformity": {"vectors": w.vectors}, "uniformity_by_autograd": {"vectors": w.vectors}, "check_loss": {"loss": losses.InfoNCE()},
        **{f"{name}.value_and_grad": w.loss_args for name in (*losses.__all__, "losses.CCL", "losses.MMCL")},
        **{f"{name}.rows": {"rows": slice(0, 2)} for name in (*losses.__all__, "losses.CCL", "losses.MMCL")},
        **{f"{name}.with_thresholds": {"thresholds": w.pos} for name in losses.__all__},
        **{f"{name}.thresholds_of": {"scores": w.neg} for name in losses.__all__},
        # samplers
        "KnownPositives": {"starts": torch.tensor([0, 1]), "columns": torch.tensor([0]), "n_columns": 4}, "KnownPositives.": w.known,
        "KnownPositives.mask": {"rows": w.places, "columns": w.places}, "KnownPositives.mask_by_lookup": {"rows": w.places, "columns": w.places},
        "KnownPositives.of_items": {"interactions": w.log}, "KnownPositives.of_users": {"interactions": w.log},
        "Hard": {"base": w.uniform, "n_negatives": 1}, "InBatch": {"known": w.known}, "NegativePolicy": {"known": w.known},
        **{name: {"known": w.known, "n_negatives": 2} for name in ("Mixed", "samplers.Popularity", "Uniform")},
        "sampler": {"name": "in-batch", "known": w.known},
        **{f"{name}.sample": w.sample for name in ("InBatch", "Mixed", "samplers.Popularity", "Uniform")},
        "Hard.sample": {**w.sample, "score": lambda users, items: torch.rand(len(users), items.shape[-1])},
        "NegativePolicy.negatives": {"users": w.places, "positives": w.places, "items": w.places, "log_q": torch.zeros(2)},
        "NegativePolicy.refuse_none": {"name": "it"},
        # encoders
        "MF": w.tables, "MF.": w.mf, "MF.from_factors": {"factors": w.factors, "generator": w.generator}, "MF.random": sizes,
        "HistoryUsers": {"items": w.vectors, "interactions": w.log}, "FeatureSums": {**w.tables, "interactions": w.log}, "FeatureSums.tables_in_training": {"generator": w.generator}, "Factors.widened": {}, "encoders.LightGCN": {**w.tables, "interactions": w.log}, "encoders.LightGCN.": w.graph,
        "encoders.NeuMF": {name: sizes[name] for name in ("n_users", "n_items", "dim", "generator")},
        "RatingHead": {**sizes, "offset": 3.0}, "RatingHead.factors": {"shared": encoders.MF(torch.rand(3, 2), torch.rand(4, 2)).factors()},
        "RatingHead.forward": {"users": w.places, "items": w.places, "cosine": torch.rand(2), "regularization": 0.1, "bias_regularization": 0.1},
        "encoders.LightGCN.propagated": {"tables": (torch.rand(4, 2), torch.rand(4, 2)), "weights": (1.0, 0.5, 0.5)},
        "encoders.NeuMF.check_sharing": {"n_processes": 1},
        "encoders.LightGCN.tables_over": {"adjacency": w.graph.adjacency},
        "edge_dropout": {"encoder": w.graph, "rate": 0.1, "generator": w.generator},
        "layer_noise": {"encoder": w.graph, "eps": 0.1, "generator": w.generator}, "normal_tables": sizes, "xavier_tables": sizes,
        "tables_of_factors": {"factors": w.factors, "generator": w.generator}, "view": {"name": "noise", "encoder": w.graph},
        "with_neighbours": {"factors": w.factors, "adjacency": w.graph.adjacency, "weight": 0.1},
        "with_noise": {"tables": (w.vectors, w.vectors), "eps": 0.1, "generator": w.generator},
        # ranking
        "Evaluator": {"test": w.split.test, "train": w.split.train, "seen": None}, "Evaluator.": w.evaluator,
        "Evaluator.on_test": {"split": w.split}, "Evaluator.on_valid": {"split": w.split}, "Evaluator.run": {"model": w.model},
        "rank": {"scorer": w.factors}, "rank_blocks": {"scorer": w.factors}, "top_k": {"scores": w.A, "k": 2},
        # solvers
        "als": {"interactions": w.log, "dim": 2, "iterations": 2}, "ials": {"interactions": w.log, "dim": 2, "iterations": 2}, "fit_biases": {"interactions": w.log},
        "decay": {"split": w.split, "half_life": 7.0}, **{name: {"data": w.log} for name in ("random", "leave_last_out", "by_time")}, "strong": {"data": w.log, "test": 0.25, "valid": 0.25}, "per_user": {"data": w.log, "test": 0.34, "valid": 0.34}, "published": {"train": w.split.train, "test": w.split.test},
        **{f"{name}.value": {"factors": w.factors, "interactions": w.log} for name in ("RatingLoss", "ImplicitLoss")}, "SgdSettings.rates": {"epoch": 1},
        "biased_sgd": {"interactions": w.log}, "biased_svd": {"interactions": w.log, "rank": 2, "biases": w.biases},
        "first_directions": {"factors": w.factors, "rank": 1}, "normalised_svd": {"interactions": w.log, "rank": 2}, "pure_svd": {"interactions": w.log, "rank": 2},
        "descend_users": {"ratings": w.log, "item_factors": w.vectors, "settings": Descent(epochs=1)},
        "ridge_objective": {"ratings": w.log, "item_factors": w.vectors, "users": w.vectors}, "solve_users": {"ratings": w.log, "item_factors": w.vectors},
        "bayesian_factors": {"interactions": w.log, "settings": GibbsSettings(2, 4, 1)},
        "numpy_stream": {"seed": 0, "purpose": "x"}, "torch_stream": {"seed": 0, "purpose": "x"},
    }  # fmt: skip


def hostile() -> dict[str, Callable[[], Any]]:
    """What does not belong: by name, made anew each time."""
    recursive: list[Any] = []
    recursive.append(recursive)
    values: dict[str, Any] = {
        "None": None, "a word": "x", "no word": "", "-1": -1, "0": 0, "2**31": 2**31, "2**63": 2**63, "-2**63": -(2**63), "1e308": 1e308,
        "nan": float("nan"), "inf": float("inf"), "-inf": float("-inf"), "[]": [], "{}": {}, "()": (), "object": object(),
        "int64": np.int64(3), "float32": np.float32(0.5), "True": True, "letters": ["a", "b"], "a path": Path("nowhere/x"),
        "bytes": b"x", "10**400": 10**400, "complex": 1j, "a set": {1}, "numbers": [1, 2], "nothing within": [None],
        "a date": datetime(2020, 1, 1, tzinfo=UTC), "polars": pl.DataFrame({"a": [1]}), "pandas": pd.DataFrame({"a": [1]}),
        "sparse": sp.csr_array(np.eye(2)), "a class": int, "function": lambda *_: None, "recursive": recursive,
        "surrogate": "\ud800", "null": "a\0b", "long": "x" * 10**5, "array": np.zeros((2, 2)), "no array": np.zeros((0, 0)),
        "nan array": np.full((2, 2), np.nan), "objects": np.array([object()]), "tensor": torch.zeros(2, 2), "scalar tensor": torch.tensor(1.0),
        "no tensor": torch.zeros(0), "nan tensor": torch.full((2, 2), torch.nan), "deep": torch.zeros(1, 2, 3), "big places": torch.tensor([10**9]),
        "mapping": {"a": 1}, "odd mapping": {None: object()}, "ragged": [[1], [1, 2]],
    }  # fmt: skip
    return {**{name: (lambda value=value: value) for name, value in values.items()}, "generator": lambda: iter([1])}


HOSTILE = hostile()
FEW = (
    "None", "a word", "-1", "0", "2**31", "2**63", "1e308", "nan", "inf", "[]", "{}", "object", "int64", "float32", "True",
    "polars", "letters", "a path", "tensor", "nan array", "big places",
)  # fmt: skip
NUMBERS = (
    "None",
    "a word",
    "-1",
    "0",
    "2**31",
    "2**63",
    "1e308",
    "nan",
    "inf",
    "[]",
    "object",
    "int64",
    "float32",
    "polars",
)


def public() -> Iterator[tuple[str, Any]]:
    """Every public thing once, by its name; the later of two with one name is told by its room as well."""
    met: set[int] = set()
    names: set[str] = set()
    lists = [("", fr.__all__), *((room, import_module(f"fillrank.{room}").__all__) for room in ROOMS), *ALSO.items()]
    for room, listed in lists:
        home = import_module(f"fillrank.{room}".rstrip("."))
        for name in listed:
            found = getattr(home, name)
            if id(found) not in met and (inspect.isfunction(found) or inspect.isclass(found)):
                met.add(id(found))
                yield f"{room}.{name}" if name in names else name, found
                names.add(name)


@cache
def doors() -> list[Door]:
    """Everything that can be called, with a call that works."""
    good, found = good_calls(world()), []
    for name, target in public():
        if inspect.isfunction(target) and name in PLAIN:
            continue
        if PLAIN.get(name) in {"made by recipes alone", "a base to build on"}:
            continue
        if not inspect.isclass(target):
            found.append(door(name, target, good.get(name)))
        elif issubclass(target, Recipe):
            if target is not Recipe:
                parts = {"parts": ["popularity", "pure-svd"]} if name == "Blended" else {}
                found.append(Door(name, target, parts, tuple(set(target.model_fields) - set(parts))))
        elif not (
            issubclass(target, Exception) or inspect.isabstract(target) or getattr(target, "_is_protocol", False)
        ):
            if name not in PLAIN:
                found.append(door(name, target, good.get(name)))
            made = good.get(f"{name}.", target if name in PLAIN else None)
            made = target(**good.get(name, {})) if made is None else made
            found += methods(name, target, made, good)
    return found


def methods(name: str, target: type, made: Any, good: dict[str, Any]) -> Iterator[Door]:
    """The public methods that fillrank itself gives a class."""
    ours = [base for base in target.__mro__ if base.__module__.startswith("fillrank.")]
    for method in sorted({name for base in ours for name in vars(base) if not name.startswith("_")} - {"from_inputs"}):
        of_class = isinstance(inspect.getattr_static(target, method), classmethod | staticmethod)
        if of_class or (made is not target and inspect.isfunction(inspect.getattr_static(target, method))):
            bound = getattr(made, method)
            if inspect.signature(bound).parameters:
                yield door(f"{name}.{method}", bound, good.get(f"{name}.{method}"))


def door(name: str, call: Callable[..., Any], good: dict[str, Any] | None) -> Door:
    parameters = [
        p for p in inspect.signature(call).parameters.values() if p.kind not in {p.VAR_KEYWORD, p.VAR_POSITIONAL}
    ]
    needed = {p.name for p in parameters if p.default is p.empty}
    usual = {"users": world().places, "items": world().places, "log": world().log, "interactions": world().log}
    good = {name: usual[name] for name in needed & usual.keys()} if good is None else good
    assert needed <= good.keys(), f"{name} has no call that works in good_calls: {needed}"
    return Door(name, call, good, tuple(p.name for p in parameters if p.name not in good))


@pytest.fixture(scope="module", autouse=True)
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """A folder of its own with a log and a model in it, and no public data."""
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(tmp_path_factory.mktemp("calls"))
        patch.setenv("FILLRANK_DATA", str(Path("nothing")))
        world().about_items.write_csv("about.csv")
        Path("log.csv").write_text("user,item,rating\na,x,1\nb,y,2\n", encoding="utf-8")
        world().model.save("good-model")
        write_store("log.csv", "good-store")
        yield


@contextmanager
def not_for_ever(seconds: int = 60) -> Iterator[None]:
    """A call that hangs is a failure of this test, and does not hang it."""

    def ring(*_: object) -> None:
        raise TimeoutError(f"it ran for more than {seconds} seconds")

    if threading.current_thread() is not threading.main_thread() or not hasattr(signal, "SIGALRM"):
        yield
        return
    before = signal.signal(signal.SIGALRM, ring)
    signal.alarm(seconds)
    try:
        yield
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, before)


def called(door: Door, arguments: dict[str, Any]) -> Any:
    with not_for_ever(), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        result = door.call(**arguments)
        return list(result) if inspect.isgenerator(result) else result


def complaint(door: Door, values: dict[str, Any]) -> str:
    """What is wrong with how a door takes ``values`` for its good arguments; "" where nothing is."""
    try:
        called(door, {**door.good, **values})
    except FillrankError as error:
        said = str(error)
        named = {*door.parameters, error.argument} - {""}
        if any(re.search(rf"\b{re.escape(name)}\b", said) for name in (*named, *(n.replace("_", " ") for n in named))):
            return ""
        members = [one for value in values.values() if isinstance(value, list | dict) for one in value]
        came = [text[:40].rstrip("'") for value in (*values.values(), *members) for text in (repr(value), str(value))]
        return "" if any(text in said for text in came) else f"names neither an argument nor what came: {said[:150]}"
    except Exception as error:  # noqa: BLE001 (whatever it is, it is what this test looks for)
        if isinstance(error, TypeError) and any(inspect.isfunction(value) for value in values.values()):
            return ""  # the caller's own function, called as it should be, and its own error
        return f"{type(error).__name__}: {str(error)[:150]}"
    return ""


def test_nothing_is_left_out_that_is_not_there() -> None:
    assert set(PLAIN) <= {name for name, _ in public()}


def test_a_call_of_every_door_works() -> None:
    for one in doors():
        with suppress(DataNotFoundError):
            called(one, one.good)


def test_what_does_not_belong_is_named_or_taken() -> None:
    values = {name: HOSTILE[name] for name in FEW}
    wrong = [
        f"{one.name}({parameter}={name}): {said}"
        for one in doors()
        for parameter in one.parameters
        for name, make in values.items()
        if (said := complaint(one, {parameter: make()}))
    ]
    assert not wrong, "\n".join(wrong)


@pytest.mark.slow
def test_every_hostile_value_and_several_at_once() -> None:
    rng = random.Random(0)
    calls: list[tuple[Door, list[tuple[str, str]]]] = []
    for one in doors():
        calls += [(one, [(parameter, name)]) for parameter in one.parameters for name in HOSTILE]
        if len(one.parameters) >= 3:
            several = [rng.sample(one.parameters, rng.randint(2, 3)) for _ in range(100)]
            calls += [(one, [(parameter, rng.choice(list(HOSTILE))) for parameter in some]) for some in several]
    wrong = [
        f"{one.name}({chosen}): {said}"
        for one, chosen in calls
        if (said := complaint(one, {parameter: HOSTILE[name]() for parameter, name in chosen}))
    ]
    assert not wrong, "\n".join(wrong)


@pytest.mark.slow
@pytest.mark.parametrize("name", sorted(RECIPES))
def test_settings_that_are_taken_can_be_fitted_or_are_refused_in_words(name: str) -> None:
    kind = recipe(name)
    quick = {"epochs": 1, "iterations": 3, "burn_in": 1} if name != "blended" else {"parts": ["popularity", "pure-svd"]}
    quick = {key: value for key, value in quick.items() if key in kind.model_fields}
    wrong = []
    for setting in kind.model_fields:
        for named in NUMBERS:
            try:
                made = kind(**{**quick, setting: HOSTILE[named]()})
            except FillrankError:
                continue
            fit = Door(name, made.fit, {"train": world().log}, tuple(kind.model_fields))
            if said := complaint(fit, {}):
                wrong.append(f"{name}({setting}={named}).fit: {said}")
    assert not wrong, "\n".join(wrong)
