"""One word for each idea, and the field's: retired words are nowhere, and no class name stands for two ideas."""

import ast
import re
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import typer

from fillrank.cli.app import app
from fillrank.models import RECIPES
from fillrank.renames import KINDS, MODEL_KEYS, PLAN_KEYS, SETTINGS

ROOT = Path(__file__).parents[1]
SOURCE = ROOT / "src" / "fillrank"
MODULES = {path.relative_to(SOURCE).as_posix(): path for path in sorted(SOURCE.rglob("*.py"))}
PAGES = [
    page
    for page in [*sorted((ROOT / "docs").rglob("*.md")), ROOT / "README.md", ROOT / "CONTRIBUTING.md"]
    if "research" not in page.parts and page.name != "renames.md"  # the diary as it was written; the table of old words
]

RETIRED = {  # as a word by itself, or between underscores: what to say instead
    "look_every": "eval_every",
    "warm_up": "warmup",
    "average_span": "ema_span",
    "average_every": "ema_every",
    "start_scale": "init_scale",
    "spread_every": "propagate_every",
    "relevant_only": "positive_from",
    "rater": "predictor",
    "thinned": "subsample",
    "refreshed": "refit_users",
    "given_items|given items|given_ratings": "fold_in, folding in",
    "Dated|dated factors": "TimeAwareFactors",
    "PairScorer": "NeuralScorer",
    "Tower|tower": "MLP, mlp",
    "presence": "inclusion probability",
    "Terms": "NegativePolicy",
    "likeness": "similarity; extends, where entries of a study inherit",
    "crossed": "pivot",
    "SearchPlan|SearchRecord|run_search|read_search": "TunePlan, TuneRecord, run_tune, read_tune",
    "sweeps?": "tune, tuning; a sweep is one pass of a Gibbs sampler or of coordinate descent over all unknowns",
    "mend(s|ed|ing)?": "fix",
    "stands twice|stood twice": "is there twice, is duplicated",
    "hand(s|ed)? on": "is inherited, is passed",
    "at hand": "available",
    "told": "inferred, given, known",
    "figures": "metrics",
    "smoothed": "propagated",
    "SpreadContrast": "DelayedPropagation",
    "listening|listening_alone": "Callback",
    "slow_down": "scale_lr",
    "Workers": "Threads",
}
PATTERNS = {word: re.compile(rf"(?<![A-Za-z0-9])({word})(?![A-Za-z0-9])") for word in RETIRED}

LEFT = {  # where such a word is right
    "sweeps?": r"solvers/|lab/|retrieval/kernel|completion/(estimator|settings)|models/(gibbs|grid)"
    r"|docs/(how-to/fill-a-table|reference/settings|explanation/solvers)",
    "rater": r"data/io/names",  # what a column of users may be called
    "figures": r"report/|docs/|README|CONTRIBUTING",  # pictures; numbers, in prose
}
NO_WORD_OF_OURS = re.compile(
    r"_stream\(|STREAM"  # names of random streams are seeds
    r"|old_attribute\(|0\.1|study_name="  # what version 0.1 called it
)
OLD_MODULES = {
    *("crossed", "nested", "opening", "unfinished", "likeness", "machine", "given_items", "presence", "terms", "sweep"),
    *("keep", "thinning", "sweep_plots", "dated", "pair_scorer"),
}
ONE_IDEA = {  # a method, as a recipe and as the loss, encoder or sampler that it is named after
    *("CCL", "MMCL", "LightGCN", "NeuMF", "Popularity"),
}


def lines_of(text: str) -> Iterator[tuple[int, str]]:
    for number, line in enumerate(text.splitlines(), start=1):
        if not NO_WORD_OF_OURS.search(line):
            yield number, line


def retired_in(text: str, place: str) -> list[str]:
    """Every retired word of a text, with its line and what to say instead."""
    found = []
    for number, line in lines_of(text):
        for word, pattern in PATTERNS.items():
            if (match := pattern.search(line)) and not re.search(LEFT.get(word, r"(?!)"), place):
                found.append(f"{place}:{number}: {match[0]!r}; say {RETIRED[word]}")
    return found


def test_no_module_has_a_retired_word() -> None:
    texts = {
        name: path.read_text(encoding="utf-8")
        for name, path in MODULES.items()
        if name not in {"renames.py", "_moved.py"}
    }
    assert [found for name, text in texts.items() for found in retired_in(text, name)] == []


def test_no_page_for_users_has_a_retired_word() -> None:
    texts = {page.relative_to(ROOT).as_posix(): page.read_text(encoding="utf-8") for page in PAGES}
    assert [found for name, text in texts.items() for found in retired_in(text, name)] == []


def commands(command: Any, name: str) -> Iterator[tuple[str, Any]]:
    yield name, command
    for below, one in getattr(command, "commands", {}).items():
        if not one.hidden:
            yield from commands(one, f"{name} {below}")


def test_no_help_of_a_command_has_a_retired_word() -> None:
    texts = {
        name: "\n".join([command.help or "", *(str(vars(one).get("help")) for one in command.params)])
        for name, command in commands(typer.main.get_command(app), "fillrank")
    }
    assert "fillrank tune" in texts
    assert "fillrank sweep" not in texts
    assert [found for name, text in texts.items() for found in retired_in(text, name)] == []


def test_no_setting_key_or_kind_of_today_is_an_old_one() -> None:
    old = {*SETTINGS, *PLAN_KEYS, *MODEL_KEYS, *KINDS}
    assert old.isdisjoint(name for kind in RECIPES.values() for name in kind.model_fields)
    assert old.isdisjoint({*SETTINGS.values(), *PLAN_KEYS.values(), *MODEL_KEYS.values(), *KINDS.values()})


def test_no_module_has_a_retired_name() -> None:
    assert [name for name in MODULES if Path(name).stem in OLD_MODULES] == []


def test_no_class_name_stands_for_two_ideas() -> None:
    homes = defaultdict(list)
    for name, path in MODULES.items():
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.ClassDef):
                homes[node.name.lstrip("_")].append(name)
    assert {name: where for name, where in homes.items() if len(where) > 1 and name not in ONE_IDEA} == {}
    assert {name for name in ONE_IDEA if len(homes[name]) < 2} == set()


def test_the_page_for_users_of_01_has_every_old_word_and_the_new_one() -> None:
    page = (ROOT / "docs" / "reference" / "renames.md").read_text(encoding="utf-8")
    words = {**SETTINGS, **PLAN_KEYS, **MODEL_KEYS}
    assert [word for pair in words.items() for word in pair if not re.search(rf"\b{word}\b", page)] == []


def test_a_retired_word_is_found() -> None:
    assert retired_in("x = model.rater  # told", "data/x.py") == [
        "data/x.py:1: 'rater'; say predictor",
        "data/x.py:1: 'told'; say inferred, given, known",
    ]
    assert retired_in('numpy_stream(seed, "thinned users")', "models/x.py") == []
    assert retired_in("n_sweeps = 3", "solvers/x.py") == []
