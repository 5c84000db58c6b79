"""Each recipe's default against its best settings out of 30 trials, on logs of many shapes.

Run ``python benchmarks/untuned.py --out untuned.json``. It is what a change of a default is judged by.

A cell is a recipe on a log with a seed, and has two sides. *Default*: the recipe with nothing set but the seed.
*Tuned*: so many trials drawn by Optuna's TPE from the space in ``shapes.py``, judged on the validation part. Both
choose on the validation part alone, are then fitted on train and validation together, and see the test part once
(honest protocol, refitted). Recipes that rank are judged by nDCG@20, those that predict by RMSE, and ``cmc`` by both:
its trials go by ``log nDCG - 4 log RMSE``.

Every finished side is a line of ``--cells``, so that a run goes on where it was stopped, and several processes may
share the file, each with its own ``--logs`` or ``--recipes``. Where a default was changed, ``--again`` measures that
side anew; of two lines for one side the later one counts. ``--out`` gets the summary of all cells with both sides.
"""

from __future__ import annotations

import argparse
import fcntl
import json
import math
import sys
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import optuna

import fillrank as fr
from fillrank.experiments.data.data_source import default_split
from fillrank.experiments.tune.space import Space
from fillrank.models import RECIPES
from fillrank.runtime.environment import machine

sys.path.insert(0, str(Path(__file__).parent))
from rivals import write
from shapes import LOGS, SPACES, VALUED

QUICK = ("movielens-small", "1,000 x 500, dense")
QUICK_RECIPES = ("pure-svd", "normalised-svd", "ials", "contrastive", "cmc", "biased-svd", "sgd", "als")
K = 20
LIMITS = {f"ndcg@{K}": 3.0, "rmse": 0.5}
"""Percent by which a default may be behind."""
BEGIN, END = "<!-- the table begins -->", "<!-- the table ends -->"
Figures = dict[str, float]


def judged(kind: str, parts: fr.Split, model: Any) -> Figures:
    """What the model reaches on the test part of ``parts``."""
    found = fr.evaluate(model, parts, k=K).metrics
    wanted = {"rmse"} if kind in VALUED else {f"ndcg@{K}", f"recall@{K}", f"coverage@{K}"}
    wanted |= {"rmse"} if kind == "cmc" else set()
    return {name: round(float(found[name]), 6) for name in sorted(wanted) if found.get(name) is not None}


def goal(figures: Figures) -> float:
    """What trials go by, higher is better."""
    error = 0.0 if "rmse" not in figures else -math.log(figures["rmse"])
    if f"ndcg@{K}" not in figures:
        return error
    return math.log(max(figures[f"ndcg@{K}"], 1e-6)) + 4 * error


def seeded(kind: str, seed: int, settings: Mapping[str, Any]) -> Any:
    """The recipe with its seed."""
    own = {"seed": seed} if "seed" in RECIPES[kind].model_fields else {}
    return RECIPES[kind](**own | dict(settings))


def by_default(kind: str, seed: int, parts: fr.Split) -> dict[str, Any]:
    """The recipe as it is."""
    began = time.perf_counter()
    model = seeded(kind, seed, {}).fit(parts.train, parts.valid, progress=False)
    seconds = time.perf_counter() - began
    return {"figures": judged(kind, parts, model), "seconds": round(seconds, 2), "settings": chosen_of(kind, model)}


def chosen_of(kind: str, model: fr.Recommender) -> dict[str, Any]:
    """What the fit settled of the recipe's defaults."""
    usual = RECIPES[kind]().model_dump()
    return {name: value for name, value in model.settings.items() if name in usual and value != usual[name]}


def tuned(kind: str, seed: int, parts: fr.Split, trials: int) -> dict[str, Any]:
    """The best of so many trials on the validation part."""
    held = fr.Split(parts.train, None, parts.valid, {"split": "the validation part"})
    space, tried, took = Space.of(SPACES[kind]), [], []

    def objective(trial: optuna.Trial) -> float:
        settings, start = space.draw(trial), time.perf_counter()
        try:
            model = seeded(kind, seed, settings).fit(parts.train, parts.valid, refit=False, progress=False)
            reached = goal(judged(kind, held, model))
        except fr.FillrankError as error:
            print(f"  trial {trial.number} failed: {error}", file=sys.stderr)
            raise optuna.TrialPruned from error
        took.append(time.perf_counter() - start)
        tried.append((reached, settings, model.settings))
        return reached

    optuna.logging.set_verbosity(optuna.logging.WARNING)
    sampler = optuna.samplers.TPESampler(seed=seed)
    optuna.create_study(direction="maximize", sampler=sampler).optimize(objective, n_trials=trials)
    _, drawn, chosen = max(tried, key=lambda one: one[0])
    model = RECIPES[kind](**chosen).fit(parts.train.union(parts.valid), progress=False)
    seconds = round(float(np.median(took)), 2)  # of a trial
    return {"figures": judged(kind, parts, model), "seconds": seconds, "settings": drawn, "trials": trials}


def measured(side: str, log: str, kind: str, seed: int, trials: int) -> dict[str, Any]:
    """A line of ``--cells``."""
    parts = default_split(LOGS[log](), test=0.1, valid=0.1, seed=seed)
    found = by_default(kind, seed, parts) if side == "default" else tuned(kind, seed, parts, trials)
    return {"log": log, "recipe": kind, "seed": seed, "side": side, **found, "machine": machine()}


def read(path: Path) -> list[dict[str, Any]]:
    """The sides that are finished."""
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()] if path.exists() else []


def add(path: Path, found: Mapping[str, Any]) -> None:
    """One line more, whole also where several processes write."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a", encoding="utf-8") as stream:
        fcntl.flock(stream, fcntl.LOCK_EX)
        stream.write(json.dumps(found) + "\n")


def gap(default: Figures, best: Figures) -> Figures:
    """How far the default is behind the tuned one, in percent: positive is worse."""
    metrics = [name for name in (f"ndcg@{K}", "rmse") if name in best]
    sign = {"rmse": 1.0, f"ndcg@{K}": -1.0}
    return {name: sign[name] * 100 * (default[name] - best[name]) / best[name] for name in metrics}


def summary(lines: list[dict[str, Any]]) -> dict[str, Any]:
    """For each log and recipe the means over the seeds that have both sides, and the gap."""
    sides = {(one["log"], one["recipe"], one["seed"], one["side"]): one for one in lines}
    pairs: dict[tuple[str, str], list[tuple[dict[str, Any], dict[str, Any]]]] = {}
    for (log, kind, seed, side), one in sorted(sides.items()):
        if side == "default" and (log, kind, seed, "tuned") in sides:
            pairs.setdefault((log, kind), []).append((one, sides[log, kind, seed, "tuned"]))
    results = []
    for (log, kind), own in pairs.items():
        gaps = [gap(default["figures"], best["figures"]) for default, best in own]
        results.append(
            {
                "log": log,
                "recipe": kind,
                "seeds": [default["seed"] for default, _ in own],
                "trials": min(best["trials"] for _, best in own),
                "default": means([default["figures"] for default, _ in own]),
                "tuned": means([best["figures"] for _, best in own]),
                "gap, %": {name: round(value, 2) for name, value in means(gaps).items()},
                "gaps, %": {name: [round(one[name], 2) for one in gaps] for name in gaps[0]},
                "seconds": {
                    "default": float(np.median([default["seconds"] for default, _ in own])),
                    "a trial": float(np.median([best["seconds"] for _, best in own])),
                },
                "settings": {"default": own[0][0]["settings"], "tuned": own[0][1]["settings"]},
            }
        )
    return {"benchmark": "untuned", "k": K, "protocol": "honest, refitted", "results": results, "machine": machine()}


def means(own: list[Figures]) -> Figures:
    """Of each figure over the seeds."""
    return {name: round(float(np.mean([one[name] for one in own])), 6) for name in own[0]}


def wanted(asked: argparse.Namespace) -> Iterator[tuple[str, str, str, int]]:
    """The sides that were asked for, but those that cannot be: a recipe of values on a log without."""
    for log in asked.logs:
        if log not in LOGS:
            sys.exit(f"no log is called {log!r}; there are {', '.join(LOGS)}")
        data = LOGS[log]()
        valued = (fr.load(data) if isinstance(data, str) else data).values is not None
        for kind in asked.recipes:
            if valued or kind not in VALUED | {"cmc"}:
                yield from ((side, log, kind, seed) for seed in range(asked.seeds) for side in asked.sides)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, required=True, help="of the summary, JSON")
    parser.add_argument("--cells", type=Path, help="of the finished sides, JSON lines; beside --out unless given")
    parser.add_argument("--plot", type=Path, help="of the picture")
    parser.add_argument("--page", type=Path, help="of a page of Markdown: its table is written anew")
    parser.add_argument("--logs", nargs="+", default=list(QUICK), help="; ".join(LOGS))
    parser.add_argument("--recipes", nargs="+", default=list(QUICK_RECIPES), help="; ".join(SPACES))
    parser.add_argument("--sides", nargs="+", choices=("default", "tuned"), default=["default", "tuned"])
    parser.add_argument("--again", action="store_true", help="measure also what is there already")
    parser.add_argument("--seeds", type=int, default=1)
    parser.add_argument("--trials", type=int, default=30)
    asked = parser.parse_args()
    path = asked.cells or asked.out.with_suffix(".cells.jsonl")
    for side, log, kind, seed in wanted(asked):
        done = {(one["side"], one["log"], one["recipe"], one["seed"]) for one in read(path)}
        if (side, log, kind, seed) in done and not asked.again:
            continue
        found = measured(side, log, kind, seed, asked.trials)
        add(path, found)
        print(f"{log}, {kind}, seed {seed}, {side}: {found['figures']}; {found['seconds']} s", flush=True)
    record = summary(read(path))
    for one in record["results"]:
        behind = ", ".join(f"{name} {value:+.2f} %" for name, value in one["gap, %"].items())
        print(f"{one['log']}, {one['recipe']}: behind by {behind} ({len(one['seeds'])} seeds)")
    write(asked.out, record)
    if asked.plot is not None:
        draw(record, asked.plot)
    if asked.page is not None:
        head, _, rest = asked.page.read_text(encoding="utf-8").partition(BEGIN)
        tail = rest.partition(END)[2]
        asked.page.write_text(f"{head}{BEGIN}\n{table(record)}\n{END}{tail}", encoding="utf-8")


def table(record: Mapping[str, Any]) -> str:
    """Each recipe a row, each log a column: the default, the tuned one, and how far the first is behind."""
    found = {(one["recipe"], one["log"]): one for one in record["results"]}
    logs = [log for log in LOGS if any(log == there for _, there in found)]
    lines = [f"| | {' | '.join(logs)} |", f"|---|{'--:|' * len(logs)}"]
    for kind in SPACES:
        for metric in (f"ndcg@{K}", "rmse"):
            own = {log: found[kind, log] for log in logs if metric in found.get((kind, log), {}).get("gap, %", {})}
            if own:
                cells = [in_words(own[log], metric) if log in own else "" for log in logs]
                lines.append(f"| `{kind}`, {metric} | {' | '.join(cells)} |")
    return "\n".join(lines)


def in_words(one: Mapping[str, Any], metric: str) -> str:
    """A cell of the table; what is beyond the limit is bold."""
    behind = one["gap, %"][metric]
    told = f"{behind:+.1f} %" if metric != "rmse" else f"{behind:+.2f} %"
    seeds = "" if len(one["seeds"]) == 1 else f", {len(one['seeds'])} seeds"
    text = f"{one['default'][metric]:.4f} / {one['tuned'][metric]:.4f} ({told}{seeds})"
    return f"**{text}**" if behind > LIMITS[metric] else text


def draw(record: Mapping[str, Any], path: Path) -> None:
    """Each recipe a row, each log a dot: how far its default is behind its tuned self."""
    from fillrank.report.canvas import ACCENT, COLOURS, QUIET, blank, write_figure

    kinds = [kind for kind in SPACES if any(one["recipe"] == kind for one in record["results"])]
    logs = [log for log in LOGS if any(one["log"] == log for one in record["results"])]
    figure, axes = blank(2, (11.0, 0.6 + 0.42 * len(kinds)))
    for axis, (metric, bar) in zip(axes, LIMITS.items(), strict=True):
        axis.axvline(0, color=QUIET, lw=1)
        axis.axvline(bar, color=ACCENT, lw=1, ls=(0, (4, 2)))
        for one in record["results"]:
            if metric in one["gap, %"]:
                colour, row = COLOURS[logs.index(one["log"]) % len(COLOURS)], kinds.index(one["recipe"])
                axis.plot(one["gap, %"][metric], row, "o", color=colour, ms=6, alpha=0.85)
        axis.set_yticks(range(len(kinds)), kinds)
        axis.set_ylim(len(kinds) - 0.5, -0.5)
        axis.set_xlabel(f"{metric}: default behind the best of 30 trials, %")
    for number, log in enumerate(logs):
        axes[0].plot([], [], "o", color=COLOURS[number % len(COLOURS)], label=log)
    figure.legend(*axes[0].get_legend_handles_labels(), loc="outside lower center", ncols=4, frameon=False, fontsize=8)
    write_figure(figure, path)


if __name__ == "__main__":
    main()
