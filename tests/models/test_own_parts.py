"""A user's own loss, sampler and encoder as objects: they train, they are refitted, and what is saved says so."""

from __future__ import annotations

import json
import logging
from dataclasses import dataclass
from functools import partial
from random import Random

import polars as pl
import pytest
import torch
from torch import nn

import fillrank as fr
from fillrank.data import Split
from fillrank.encoders import MF, LightGCN, TableEncoder, normal_tables
from fillrank.errors import DataError, SettingsError
from fillrank.experiments.run.fit import RunPlan
from fillrank.experiments.tune.plan import TunePlan
from fillrank.losses import BSL, CCL, AlignmentUniformity, FromFunction
from fillrank.models import Blended, Contrastive, PureSVD
from fillrank.models.contrastive.build import ContrastiveParts, pick_route
from fillrank.samplers import Hard, InBatch, KnownPositives, Negatives, Popularity, Uniform
from fillrank.testing import check_loss

QUICK = {
    "dim": 4,
    "epochs": 2,
    "batch_size": 256,
    "neighbour_weight": 0.0,
    "popularity_beta": 0.0,
}
FEW = {"sampler_settings": {"n_negatives": 20}}


def soft_hinge(pos, neg, *, margin=0.5):
    return (neg - pos[:, None] + margin).relu().square().mean(1)


@dataclass(frozen=True)
class Gap(CCL):
    """A class of one's own."""

    margin: float = 0.3

    def __hash__(self) -> int:
        raise TypeError("not hashable")


class Newest:
    """The n items that came last, every time."""

    def __init__(self, known: KnownPositives, n: int = 5) -> None:
        self.known, self.n = known, n

    def sample(self, users, positives, generator, score=None) -> Negatives:  # noqa: ARG002
        items = torch.arange(self.known.n_columns - self.n, self.known.n_columns)
        return Negatives(items, torch.zeros(self.n), self.known.mask(users, items))


class Prototypes(TableEncoder):
    """Users and items as sums over a few vectors that both share."""

    def __init__(self, n_users, n_items, dim, generator, n_prototypes=6) -> None:
        super().__init__("cosine")
        draw = lambda *shape: nn.Parameter(torch.randn(*shape, generator=generator))  # noqa: E731
        self.users, self.items = draw(n_users, n_prototypes), draw(n_items, n_prototypes)
        self.prototypes = draw(n_prototypes, dim)

    def tables(self):
        return self.users @ self.prototypes, self.items @ self.prototypes


def same(one: fr.Recommender, other: fr.Recommender) -> bool:
    return torch.equal(one.scorer.users, other.scorer.users) and torch.equal(one.scorer.items, other.scorer.items)


def fitted(parts: Split, **settings) -> fr.Recommender:
    return Contrastive(**QUICK | settings).fit(parts.train)


@pytest.mark.parametrize(
    ("spelled", "apart"),
    [
        ({"loss": {"name": "ccl", "margin": 0.4}}, {"loss": "ccl", "loss_settings": {"margin": 0.4}}),
        (
            {"sampler": {"name": "popularity", "n_negatives": 9, "beta": 0.5}},
            {"sampler": "popularity", "sampler_settings": {"n_negatives": 9, "beta": 0.5}},
        ),
        (
            {"encoder": {"name": "lightgcn", "n_layers": 1}},
            {"encoder": "lightgcn", "encoder_settings": {"n_layers": 1}},
        ),
        (
            {"loss": {"name": "ccl", "margin": 0.4}, "loss_settings": {"negative_weight": 9}},
            {"loss": "ccl", "loss_settings": {"margin": 0.4, "negative_weight": 9}},
        ),
    ],
)
def test_a_table_means_what_the_name_and_its_settings_mean(spelled: dict, apart: dict) -> None:
    assert Contrastive(**spelled) == Contrastive(**apart)
    assert Contrastive(**spelled).identity() == Contrastive(**apart).identity()


KNOWN = KnownPositives(torch.tensor([0, 1]), torch.tensor([0]), n_columns=30)


@pytest.mark.parametrize(
    ("part", "value", "name", "settings"),
    [
        ("loss", CCL(0.4, 9.0), "ccl", {"margin": 0.4, "negative_weight": 9.0}),
        ("loss", CCL, "ccl", {}),
        ("loss", AlignmentUniformity(0.5), "alignment-uniformity", {"uniformity_weight": 0.5, "sharpness": 2.0}),
        ("sampler", InBatch(KNOWN, logq_correction=False), "in-batch", {"exclude": "known", "logq_correction": False}),
        ("sampler", Uniform, "uniform", {}),
        (
            "sampler",
            Hard(Popularity(KNOWN, 20, beta=0.5), 4, n_easy=1),
            "hard",
            {
                "base": {
                    "name": "popularity",
                    "n_negatives": 20,
                    "beta": 0.5,
                    "shared": True,
                    "exclude": "known",
                    "logq_correction": True,
                },
                "n_negatives": 4,
                "n_easy": 1,
                "logq_correction": True,
            },
        ),
        ("encoder", LightGCN, "lightgcn", {}),
    ],
)
def test_an_object_of_ours_is_its_name_and_its_settings(part: str, value: object, name: str, settings: dict) -> None:
    made = Contrastive(**{part: value})
    assert (getattr(made, part), getattr(made, f"{part}_settings")) == (name, settings)
    assert made.objects() == {}


def test_an_object_of_ours_trains_as_its_name_does(parts: Split) -> None:
    known = KnownPositives.of_users(parts.train)
    by_name = fitted(parts, loss={"name": "bsl", "temperature": 0.15}, sampler="popularity", **FEW)
    by_object = fitted(parts, loss=BSL(0.15), sampler=Popularity(known, 20))
    assert same(by_name, by_object)


@pytest.mark.parametrize(
    ("settings", "record"),
    [
        ({"loss": soft_hinge}, {"loss": {"function": "test_own_parts.soft_hinge"}}),
        ({"loss": FromFunction(soft_hinge)}, {"loss": {"class": "fillrank.losses.function.FromFunction"}}),
        (
            {"loss": partial(soft_hinge, margin=0.2)},
            {"loss": {"function": "test_own_parts.soft_hinge", "settings": {"margin": 0.2}}},
        ),
        ({"loss": soft_hinge, "loss_settings": {"margin": 0.2}}, {"loss": {"function": "test_own_parts.soft_hinge"}}),
        ({"loss": Gap(0.2)}, {"loss": {"class": "test_own_parts.Gap"}}),
        ({"sampler": Newest}, {"sampler": {"class": "test_own_parts.Newest"}}),
        ({"sampler": partial(Newest, n=7)}, {"sampler": {"class": "test_own_parts.Newest", "settings": {"n": 7}}}),
        ({"sampler": lambda known: Newest(known, 3)}, {"sampler": {"function": "test_own_parts.<lambda>"}}),
        ({"encoder": Prototypes}, {"encoder": {"class": "test_own_parts.Prototypes"}}),
        (
            {"encoder": Prototypes, "encoder_settings": {"n_prototypes": 3}},
            {"encoder": {"class": "test_own_parts.Prototypes"}},
        ),
        (
            {"encoder": lambda users, items: MF(items=items, users=users)},
            {"encoder": {"function": "test_own_parts.<lambda>"}},
        ),
    ],
)
def test_a_part_of_ones_own_trains_and_repeats_and_is_saved(
    settings: dict, record: dict, parts: Split, tmp_path, caplog: pytest.LogCaptureFixture
) -> None:
    recipe = Contrastive(**QUICK | settings)
    model, again = (recipe.fit(parts.train, parts.valid) for _ in range(2))
    assert same(model, again)
    assert model.refit  # chosen on the validation part, and fitted again with the same objects
    ((part, written),) = record.items()
    found = dict(model.settings[part])
    for kind in ("class", "function"):
        if kind in found:
            found[kind] = found[kind].removeprefix("tests.models.")
    assert found.items() >= written.items()
    with caplog.at_level(logging.WARNING, logger="fillrank"):
        model.save(tmp_path / "model")
    assert f"{part} of contrastive was an object" in caplog.text
    loaded = fr.Recommender.load(tmp_path / "model")
    assert same(loaded, model)
    assert loaded.settings == json.loads(json.dumps(model.settings))
    with pytest.raises(SettingsError, match=f"the {part} was .*, handed in as an object, and what was saved of it"):
        Contrastive(**loaded.settings)


def test_an_encoder_that_is_made_is_where_each_fit_begins(parts: Split) -> None:
    generator = torch.Generator().manual_seed(3)
    start = normal_tables(parts.train.n_users, parts.train.n_items, 6, generator=generator)
    encoder = MF(*start, similarity="dot")
    recipe = Contrastive(**{name: value for name, value in QUICK.items() if name != "dim"}, encoder=encoder, **FEW)
    first, again = recipe.fit(parts.train), recipe.fit(parts.train)
    assert same(first, again)
    assert torch.equal(encoder.users, start[0])  # it was a copy that learnt
    assert (first.scorer.dim, first.scorer.similarity) == (6, "dot")
    assert pick_route(recipe, ContrastiveParts.of(recipe.settled(9, watched=False), parts.train)).route.startswith(
        "closed"
    )


class Doubled(MF):
    """Derived from MF, and no longer its parameters."""

    def tables(self):
        users, items = super().tables()
        return 2 * users, items


def test_the_fast_route_is_for_tables_that_are_parameters(parts: Split) -> None:
    recipe = Contrastive(**QUICK, encoder=Doubled, **FEW).settled(len(parts.train), watched=False)
    assert pick_route(recipe, ContrastiveParts.of(recipe, parts.train)).route == "autograd"


def test_a_sampler_is_made_anew_for_the_rows_of_each_fit(parts: Split) -> None:
    asked = []

    class Counting(Newest):
        def __init__(self, known: KnownPositives, n: int = 5) -> None:
            super().__init__(known, n)
            asked.append(len(known.columns))

    made = Counting(KnownPositives.of_users(parts.train), 6)
    Contrastive(**QUICK, sampler=made).fit(parts.train, parts.valid)
    assert asked[0] == asked[1] == len(parts.train)
    assert asked[-1] == len(parts.train) + len(parts.valid)


TABLE = pl.DataFrame({"a": [1]})  # has a method sample, and compares each of its cells


class OddToCompare(Newest):
    """As tables and arrays do, it answers == with no truth value."""

    __hash__ = None

    def __eq__(self, other: object) -> bool:
        raise RuntimeError("do not compare me")


def test_a_part_is_not_compared_with_the_usual_one(parts: Split) -> None:
    assert fitted(parts, sampler=OddToCompare, sampler_settings={}) is not None
    known = KnownPositives.of_users(parts.train)
    assert fitted(parts, sampler=OddToCompare(known), sampler_settings={}) is not None


class Forgetful(Newest):
    def __init__(self, known: KnownPositives, n: int = 5) -> None:
        super().__init__(known, n)
        self.count = self.__dict__.pop("n")


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"loss": 3}, "a loss is a name, a table with its name, or an object; got 3"),
        ({"loss": {"temperature": 0.1}}, "the loss must say its name"),
        ({"loss": {"name": "bls"}}, "there is no loss 'bls'; did you mean 'bsl'"),
        (
            {"loss": {"name": "ccl", "margin": 0.1}, "loss_settings": {"margin": 0.2}},
            "margin of the loss is given twice",
        ),
        ({"loss": CCL(0.2), "loss_settings": {"negative_weight": 3.0}}, "negative_weight of the loss is given twice"),
        (
            {"loss": lambda pos, neg: pos - neg[:, 0], "loss_settings": {"margin": 1}},
            "has no setting 'margin'; it has none",
        ),
        ({"loss": lambda pos, neg: neg - pos[:, None]}, "must return one value for each row"),
        ({"loss": Gap(0.2), "loss_settings": {"margin": 1.0}}, "the loss is an object, and takes no more settings"),
        ({"loss": object()}, "must be a function of"),
        ({"sampler": object()}, "has no method sample"),
        ({"sampler": Random(0)}, r"has a method sample, but not of \(users, positives, generator, score\)"),
        *[
            ({part: TABLE}, f"an? {part} is a name, .*; got a DataFrame of shape")
            for part in ("loss", "sampler", "encoder")
        ],
        ({"loss": {"name": "ccl", 1: 2}}, "the loss must say its name, as in .*; it has name, 1"),
        ({"sampler": Newest, "sampler_settings": {"m": 1}}, "has no setting 'm'; it has n"),
        ({"sampler": Forgetful(KNOWN)}, "cannot be made anew for another: it does not keep n as attributes"),
        ({"encoder": "lightgnc"}, "there is no encoder 'lightgnc'; did you mean 'lightgcn'"),
        ({"encoder": Prototypes, "encoder_settings": {"k": 1}}, "has no setting 'k'; it has n_prototypes"),
        ({"encoder": Prototypes, "init": "random"}, "makes its own initial values, so init would not be used; leave"),
        ({"encoder": nn.Linear(2, 2), "dim": 64}, "must be a torch.nn.Module with similarity, tables"),
        ({"encoder": MF(torch.eye(2), torch.eye(2)), "dim": 64}, "does not fit the log: the tables are of 2 users"),
        ({"encoder": MF(torch.eye(2), torch.eye(2)), "dim": 8}, "so dim would not be used"),
        (
            {"loss": soft_hinge, "checkpoint": "x"},
            "a checkpoint identifies a training by the names of its parts, and the loss",
        ),
        ({"encoder": MF(torch.eye(2), torch.eye(2)), "dim": 64, "checkpoint": "x"}, "give its class, by a name"),
        (
            {"sampler": Newest, "checkpoint": "x"},
            r"name it with fillrank.samplers.SAMPLERS.register\('a-name', Newest\)",
        ),
    ],
)
def test_what_cannot_work_is_told_before_anything_is_learnt(settings: dict, message: str, parts: Split) -> None:
    options = {name: settings[name] for name in settings if name == "checkpoint"}
    settings = {name: value for name, value in settings.items() if name not in options}
    with pytest.raises((SettingsError, DataError), match=message):
        Contrastive(**QUICK | settings).fit(parts.train, **options)


def test_an_encoder_of_one_log_is_refused(parts: Split) -> None:
    start = normal_tables(parts.train.n_users, parts.train.n_items, 4, generator=torch.Generator())
    with pytest.raises(SettingsError, match="holds what it got from one log"):
        fitted(parts, encoder=LightGCN(*start, parts.train), dim=64)
    assert fitted(parts, encoder=lambda interactions: LightGCN(*start, interactions), dim=64).scorer.dim == 4


def test_files_of_runs_and_tuning_want_names() -> None:
    plan = {"data": "x", "model": "contrastive", "out": "y", "settings": {"loss": soft_hinge}}
    with pytest.raises(SettingsError, match=r"run.toml identifies a training by the names of its parts, and the loss"):
        RunPlan.of(plan)
    with pytest.raises(SettingsError, match="the study is a file, so its settings are what TOML has"):
        TunePlan.of(plan | {"search": {"dim": {"low": 4, "high": 8}}})
    named = plan | {"settings": {"loss": {"name": "ccl"}}, "search": {"loss": {"margin": {"low": 0.1, "high": 0.5}}}}
    assert TunePlan.of(named).maker({"loss": {"margin": 0.3}}).loss_settings == {"margin": 0.3}
    directau = plan | {"settings": {"loss": "alignment-uniformity"}, "search": {"dim": {"low": 4, "high": 8}}}
    assert TunePlan.of(directau).space.names == ("dim",)


def test_a_blend_keeps_the_objects_of_its_parts(parts: Split) -> None:
    blend = Blended(parts=[Contrastive(**QUICK, loss=soft_hinge), PureSVD(rank=4)])
    assert blend.objects() == {"parts.0.loss": soft_hinge}
    model = blend.fit(parts.train, parts.valid)
    assert model.refit
    with pytest.raises(SettingsError, match=r"the loss was .*soft_hinge, handed in as an object"):
        Blended(**model.settings)
    assert Blended(parts=[Contrastive(**QUICK, loss=CCL(0.4))]).objects() == {}


def test_new_users_are_contrasted_by_a_loss_of_any_form() -> None:
    items = torch.randn(9, 3, generator=torch.Generator().manual_seed(0))
    forms = ["ccl", {"name": "ccl"}, CCL()]
    found = [fr.fold_in(items, [[0, 3], [5]], objective="loss", loss=form, epochs=2) for form in forms]
    assert torch.equal(found[0], found[1])
    assert torch.equal(found[0], found[2])
    with pytest.raises(SettingsError, match="is a loss of vectors"):
        fr.fold_in(items, [[0]], objective="loss", loss="alignment-uniformity")


def test_the_loss_above_is_one() -> None:
    check_loss(soft_hinge)
