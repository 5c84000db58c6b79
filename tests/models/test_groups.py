"""Settings in groups: the same as the single ones, in Python and in files."""

from __future__ import annotations

from typing import Any

import pytest

from fillrank.data import Split
from fillrank.errors import SettingsError
from fillrank.experiments.run.fit import RunPlan
from fillrank.losses import InfoNCE
from fillrank.models import CMC, RECIPES, Contrastive, EarlyStopping, LightGCN, NeuMF, Optimizer
from fillrank.models.groups import TrainedRecipe

SAME: list[tuple[dict[str, Any], dict[str, Any]]] = [
    ({"stop": {"patience": 5}}, {"patience": 5}),
    (
        {"stop": EarlyStopping("recall@5", patience=2, eval_every=3)},
        {"monitor": "recall@5", "patience": 2, "eval_every": 3},
    ),
    ({"stop": "recall@5"}, {"monitor": "recall@5"}),
    ({"optimizer": "adam"}, {}),
    ({"optimizer": Optimizer(learning_rate=0.1, warmup=0.2)}, {"learning_rate": 0.1, "warmup": 0.2}),
    ({"optimizer": {"name": "adam", "max_grad_norm": 1.0, "ema_span": 0.0}}, {"max_grad_norm": 1.0, "ema_span": 0.0}),
    ({"optimizer": {"schedule": "cosine"}, "stop": {}, "epochs": 3}, {"schedule": "cosine", "epochs": 3}),
]


@pytest.mark.parametrize(("grouped", "single"), SAME)
@pytest.mark.parametrize("kind", [Contrastive, LightGCN, NeuMF, CMC])
def test_a_group_is_its_settings(kind: type[TrainedRecipe], grouped: dict[str, Any], single: dict[str, Any]) -> None:
    made = kind(**grouped)
    assert made == kind(**single)
    assert made.model_fields_set == set(single)
    assert kind(optimizer=made.optimizer, stop=made.stop).model_dump() == {
        **kind().model_dump(),
        **{name: value for name, value in single.items() if name != "epochs"},
    }


def test_words_of_the_parts_stay_flat_and_are_the_same_in_both() -> None:
    made = Contrastive(loss="infonce", temperature=0.2, n_negatives=64)
    assert made == Contrastive(
        loss={"name": "infonce", "temperature": 0.2}, sampler={"name": "uniform", "n_negatives": 64}
    )
    assert CMC(temperature=0.2, n_negatives=64).temperature == 0.2
    for kind in RECIPES.values():
        if issubclass(kind, CMC | Contrastive):
            flat = {"dim", "temperature", "n_negatives", "learning_rate", "epochs", "batch_size"}
            assert flat <= {*kind.model_fields, *kind.shorthands}


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"stop": {"patience": 5}, "patience": 3}, "patience is given twice, in stop and outside of it; leave one out"),
        ({"optimizer": {"name": "sgd"}}, "name must be 'adam', got 'sgd'"),
        ({"optimizer": {"rate": 0.1}}, "optimizer has no setting 'rate'; it has name, learning_rate, schedule"),
        ({"stop": 5}, r"stop must be a word, a table or EarlyStopping\(…\), got 5"),
        ({"stop": {"patience": 0}}, "patience = 0: must be 1 or more"),
        ({"stop": EarlyStopping("ndcg")}, "monitor must be a metric at a length"),
        ({"temperature": 0.2, "loss_settings": {"temperature": 0.1}}, "temperature is given twice, in loss_settings"),
        ({"temperature": 0.2, "loss": InfoNCE(0.1)}, "temperature of the loss is given twice"),
        ({"temperature": 0.2, "loss": "ccl"}, "the loss 'ccl' has no setting 'temperature'"),
    ],
)
def test_what_cannot_be_in_a_group_is_refused(settings: dict[str, Any], message: str) -> None:
    with pytest.raises(SettingsError, match=message):
        Contrastive(**settings)


def test_a_file_and_the_command_line_have_the_groups_as_tables() -> None:
    plan = RunPlan.of({"data": "x", "out": "y", "model": "cmc", "settings": {"stop": {"patience": 2}}})
    assert plan.recipe().patience == 2


def test_the_words_that_cmc_shares_are_looked_at(parts: Split) -> None:
    quick = {"dim": 4, "rating_dim": 2, "epochs": 3, "batch_size": 256, "temperature": 0.2, "ema_span": 0.0}
    plain = CMC(**quick).fit(parts.train, progress=False).recommend(k=5)["score"]
    for group in ({"schedule": "cosine"}, {"warmup": 0.5}, {"max_grad_norm": 1e-3}):
        made = CMC(**quick, optimizer=group).fit(parts.train, progress=False)
        assert not made.recommend(k=5)["score"].equals(plain), group
    looked = CMC(**quick, stop={"eval_every": 2}).fit(parts.train, parts.valid, refit=False, progress=False).history
    assert ["valid_ndcg@20" in epoch for epoch in looked] == [False, True, True]
