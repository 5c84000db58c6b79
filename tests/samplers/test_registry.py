"""Samplers by name: what is asked for is what comes, and anything wrong is said before training."""

from __future__ import annotations

import re
from typing import Any

import pytest
import torch

from fillrank.data import Interactions
from fillrank.errors import SettingsError
from fillrank.samplers import SAMPLERS, Hard, KnownPositives, Popularity, Uniform, sampler, takes_usual_count

SETTINGS: dict[str, dict[str, Any]] = {
    **{name: {"n_negatives": 2} if takes_usual_count(name) else {} for name in SAMPLERS},
    "hard": {"base": {"name": "uniform", "n_negatives": 4}, "n_negatives": 2},
}


def test_every_sampler_can_be_made_by_its_name(known: KnownPositives) -> None:
    assert list(SAMPLERS) == sorted(SAMPLERS)
    for name, settings in SETTINGS.items():
        made = sampler(name, known, **settings)
        assert type(made) is SAMPLERS[name]
        batch = torch.tensor([0, 1]), torch.tensor([0, 1]), torch.Generator()
        drawn = made.sample(*batch, score=lambda users, items: torch.zeros(len(users), len(items)))
        assert drawn.mask.shape[0] == 2


def test_settings_arrive(known: KnownPositives) -> None:
    made = sampler("popularity", known, n_negatives=3, beta=1, shared=False, exclude="none", logq_correction=False)
    assert (made.n_negatives, made.shared) == (3, False)
    torch.testing.assert_close(made.probability, Popularity(known, 1, beta=1).probability)
    drawn = made.sample(torch.tensor([0]), torch.tensor([0]), torch.Generator())
    assert drawn.mask is None
    assert (drawn.log_q == 0).all()


def test_the_base_may_be_made_already_or_go_by_its_name(known: KnownPositives) -> None:
    base = Uniform(known, 5)
    assert sampler("hard", known, base=base, n_negatives=2).base is base
    nested = sampler("hard", known, n_negatives=1, base="in-batch")
    assert isinstance(nested, Hard)
    assert type(nested.base) is SAMPLERS["in-batch"]


@pytest.mark.parametrize(
    ("name", "settings", "message"),
    [
        ("warp", {}, "there is no sampler 'warp'; there are hard, in-batch, mixed, popularity,"),
        (
            "uniform",
            {"n": 3},
            "the sampler 'uniform' has no setting 'n'; it has n_negatives, shared, exclude, logq_correction",
        ),
        ("uniform", {}, "the sampler 'uniform' needs the setting 'n_negatives'"),
        ("uniform", {"n_negatives": 13}, "n_negatives must be from 1 to the 12 items there are, got 13"),
        ("mixed", {"n_negatives": 2, "shared": False}, "the sampler 'mixed' has no setting 'shared'"),
        ("popularity", {"n_negatives": 2, "beta": float("nan")}, "beta must be a number, got nan"),
        ("popularity", {"n_negatives": 2, "shared": "no"}, "shared must be true or false, got 'no'"),
        ("in-batch", {"exclude": "none"}, "exclude='none' would make each row's own positive one of its negatives"),
        ("hard", {"n_negatives": 2}, "the sampler 'hard' needs the setting 'base'"),
        ("hard", {"n_negatives": 2, "base": {"n_negatives": 4}}, "base must say the name of a sampler; it has n_neg"),
        ("hard", {"n_negatives": 2, "base": 4}, "base must be a sampler or a table with its name and settings, got 4"),
        ("hard", {"n_negatives": 2, "base": {"name": "uniform", "m": 4}}, "'uniform' has no setting 'm'"),
    ],
)
def test_what_cannot_work_is_an_error(name: str, settings: dict[str, Any], message: str, known: KnownPositives) -> None:
    with pytest.raises(SettingsError, match=re.escape(message)):
        sampler(name, known, **settings)


@pytest.mark.parametrize("name", SETTINGS)
def test_a_user_who_knows_every_item_has_nothing_but_mask(name: str) -> None:
    log = Interactions.from_arrays([0, 0, 1, 1, 1, 1], [0, 1, 0, 1, 2, 3])
    made = sampler(name, KnownPositives.of_users(log), **SETTINGS[name])
    assert made.exclude == "known"
    batch = torch.tensor([1, 0, 1]), torch.tensor([0, 1, 3]), torch.Generator().manual_seed(0)
    drawn = made.sample(*batch, score=lambda users, items: torch.zeros(len(users), items.shape[-1]))
    assert drawn.mask[[0, 2]].all()


@pytest.mark.parametrize("name", SETTINGS)
def test_what_is_excluded_can_be_asked(name: str) -> None:
    known = KnownPositives.of_users(Interactions.from_arrays([0, 0], [0, 1]))
    base = {"base": {"name": "uniform", "n_negatives": 2, "exclude": "own"}}
    settings = SETTINGS[name] | (base if name == "hard" else {"exclude": "own"})
    assert sampler(name, known, **settings).exclude == "own"
