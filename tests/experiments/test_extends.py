"""Entries of a study that extend others."""

from __future__ import annotations

import tomllib
from pathlib import Path

import pytest

from fillrank.errors import SettingsError
from fillrank.experiments.reproduce.study import read_study, studies
from fillrank.experiments.toml.extends import resolve_extends

TEXT = """
title = "A small one"
data = "ml-1m"

[templates.trained]
model = "contrastive"
subsample = { users = 0.5 }
settings = { dim = 8, loss = "ccl", loss_settings = { margin = 0.5 } }

[templates.few]
settings.sampler_settings.n_negatives = 4

[entries.narrow]
extends = ["trained", "few"]
seeds = [0, 1]
protocols = ["legacy"]
published = { "recall@20" = 0.5, source = "nowhere" }

[entries.wide]
extends = "narrow"
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
    assert narrow.subsample == wide.subsample is not None
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
    templates = {"a": {"settings": {"dim": 1, "epochs": 1, "seed": 1}}, "b": {"settings": {"dim": 2, "epochs": 2}}}
    found = resolve_extends(
        {"templates": templates, "entries": {"e": {"extends": ["a", "b"], "settings": {"dim": 3}}}}, "a.toml"
    )
    assert found == {"entries": {"e": {"settings": {"dim": 3, "epochs": 2, "seed": 1}}}}
    assert templates["a"]["settings"]["dim"] == 1  # what is inherited stays as it was


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            ('["trained", "few"]', '["trained", "fem"]'),
            "narrow: nothing is called 'fem'; there are trained, few, narrow",
        ),
        (
            ('["trained", "few"]', '["trained", 3]'),
            r"narrow: extends = \['trained', 3\]; it takes a name or a list of names",
        ),
        (('["trained", "few"]', '["wide", "few"]'), "narrow extends wide extends narrow; that has no end"),
        (('"narrow"\n', '"wide"\n'), "wide extends wide; that has no end"),
        (
            ('["trained", "few"]', '"trained"'),
            "no entry extends the template 'few'; take it out, or name it in an 'extends'",
        ),
        (
            ("subsample =", "seeds = [1]\nsubsample ="),
            "the template 'trained' has 'seeds'; a template has model, settings, subsample, tune, extends",
        ),
        (("[templates.few]", "[templates.wide]"), "'wide' is a template and an entry; give one of them another name"),
        (
            ("[templates.few]\nsettings", "[templates]\nfew"),
            "the template 'few' has 'sampler_settings'; a template has",
        ),
    ],
)
def test_an_extension_that_cannot_be_is_refused(change: tuple[str, str], message: str, tmp_path: Path) -> None:
    assert change[0] in TEXT
    file = tmp_path / "small.toml"
    file.write_text(TEXT.replace(*change))
    with pytest.raises(SettingsError, match=rf"small\.toml: ({message})"):
        read_study(file)


@pytest.mark.parametrize("templates", [3, {"few": 3}])
def test_templates_are_tables(templates: object) -> None:
    with pytest.raises(SettingsError, match=r"a\.toml: templates takes tables, as in \[templates\.NAME\], got"):
        resolve_extends({"templates": templates}, "a.toml")


def test_nothing_changes_where_nothing_is_like_another() -> None:
    content = tomllib.loads('title = "x"\n[entries.a]\nmodel = "popularity"\n')
    assert resolve_extends(content, "a.toml") == content


@pytest.mark.parametrize("name", studies())
def test_the_studies_that_come_with_fillrank_say_nothing_twice(name: str) -> None:
    entries = read_study(name).entries
    asked = [(entry.model, repr(entry.asked()), repr(entry.besides())) for entry in entries.values()]
    assert len(set(asked)) == len(asked)
