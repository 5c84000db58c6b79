"""Entries of a study that are like others."""

from __future__ import annotations

import tomllib
from pathlib import Path

import pytest

from fillrank.errors import SettingsError
from fillrank.experiments.reproduce.study import read_study, studies
from fillrank.experiments.toml.likeness import spelt_out

TEXT = """
title = "A small one"
data = "ml-1m"

[bases.trained]
model = "contrastive"
keep = { users = 0.5 }
settings = { dim = 8, loss = "ccl", loss_settings = { margin = 0.5 } }

[bases.few]
settings.sampler_settings.n_negatives = 4

[entries.narrow]
like = ["trained", "few"]
seeds = [0, 1]
protocols = ["legacy"]
published = { "recall@20" = 0.5, source = "nowhere" }

[entries.wide]
like = "narrow"
settings = { dim = 64, loss_settings.negative_weight = 9.0 }

[entries.popular]
model = "popularity"
"""


def test_what_is_alike_is_written_once(tmp_path: Path) -> None:
    file = tmp_path / "small.toml"
    file.write_text(TEXT)
    study = read_study(file)
    narrow, wide = study.entries["narrow"], study.entries["wide"]
    assert list(study.entries) == ["narrow", "wide", "popular"]
    assert narrow.settings["sampler_settings"] == wide.settings["sampler_settings"] == {"n_negatives": 4}
    assert (narrow.settings["dim"], wide.settings["dim"]) == (8, 64)
    assert narrow.settings["loss_settings"] == {"margin": 0.5}
    assert wide.settings["loss_settings"] == {"margin": 0.5, "negative_weight": 9.0}
    assert narrow.keep == wide.keep is not None
    assert study.entries["popular"].settings == {}


def test_what_an_entry_answers_to_is_its_own(tmp_path: Path) -> None:
    file = tmp_path / "small.toml"
    file.write_text(TEXT)
    study = read_study(file)
    assert (study.seeds_of("narrow"), study.protocols_of("narrow")) == ([0, 1], ["legacy"])
    assert (study.seeds_of("wide"), study.protocols_of("wide")) == ([0], ["honest", "legacy"])
    assert study.entries["narrow"].published
    assert not study.entries["wide"].published


def test_the_later_of_several_has_the_last_word_but_one() -> None:
    bases = {"a": {"settings": {"dim": 1, "epochs": 1, "seed": 1}}, "b": {"settings": {"dim": 2, "epochs": 2}}}
    found = spelt_out({"bases": bases, "entries": {"e": {"like": ["a", "b"], "settings": {"dim": 3}}}}, "a.toml")
    assert found == {"entries": {"e": {"settings": {"dim": 3, "epochs": 2, "seed": 1}}}}
    assert bases["a"]["settings"]["dim"] == 1  # what is handed on stays as it was


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            ('["trained", "few"]', '["trained", "fem"]'),
            "narrow: nothing is called 'fem'; there are trained, few, narrow",
        ),
        (
            ('["trained", "few"]', '["trained", 3]'),
            r"narrow: like = \['trained', 3\]; it takes a name or a list of names",
        ),
        (('["trained", "few"]', '["wide", "few"]'), "narrow is like wide is like narrow; that has no end"),
        (('"narrow"\n', '"wide"\n'), "wide is like wide; that has no end"),
        (('["trained", "few"]', '"trained"'), "no entry is like the base 'few'; take it out, or name it in a 'like'"),
        (
            ("keep =", "seeds = [1]\nkeep ="),
            "the base 'trained' has 'seeds'; a base has model, settings, keep, tuning, like",
        ),
        (("[bases.few]", "[bases.wide]"), "'wide' is a base and an entry; give one of them another name"),
        (("[bases.few]\nsettings", "[bases]\nfew"), "the base 'few' has 'sampler_settings'; a base has"),
    ],
)
def test_a_likeness_that_cannot_be_is_refused(change: tuple[str, str], message: str, tmp_path: Path) -> None:
    assert change[0] in TEXT
    file = tmp_path / "small.toml"
    file.write_text(TEXT.replace(*change))
    with pytest.raises(SettingsError, match=rf"small\.toml: ({message})"):
        read_study(file)


@pytest.mark.parametrize("bases", [3, {"few": 3}])
def test_bases_are_tables(bases: object) -> None:
    with pytest.raises(SettingsError, match=r"a\.toml: bases takes tables, as in \[bases\.NAME\], got"):
        spelt_out({"bases": bases}, "a.toml")


def test_nothing_changes_where_nothing_is_like_another() -> None:
    content = tomllib.loads('title = "x"\n[entries.a]\nmodel = "popularity"\n')
    assert spelt_out(content, "a.toml") == content


@pytest.mark.parametrize("name", studies())
def test_the_studies_that_come_with_fillrank_say_nothing_twice(name: str) -> None:
    entries = read_study(name).entries
    asked = [(entry.model, repr(entry.asked()), repr(entry.besides())) for entry in entries.values()]
    assert len(set(asked)) == len(asked)
