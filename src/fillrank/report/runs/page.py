"""Several runs side by side as one HTML file: no script, nothing from elsewhere."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from html import escape
from pathlib import Path
from typing import Any, cast

import numpy as np

from fillrank._version import __version__
from fillrank.errors import DataError
from fillrank.evaluation.report import Report, describe
from fillrank.report.runs.charts import bar_chart, legend, line_chart, point_chart
from fillrank.report.runs.measured import MeasuredRun

__all__ = ["holds_a_report", "runs_page"]

_NO_CURVES = {"epoch", "iteration", "seconds", "refit"}
_MARK = "<!-- a report of fillrank -->"
_STYLE = """
:root { --text: #1b2430; --quiet: #556173; --line: #d5dae1; --back: #fff; --0: #1f5d96; --1: #b3541e; --2: #1c6b3a;
  --3: #7b3fa0; --4: #a4262c; --5: #5a6472; }
@media (prefers-color-scheme: dark) { :root { --text: #e8ecf1; --quiet: #a3aebd; --line: #38424f; --back: #151a21;
  --0: #7db8ee; --1: #f0a06b; --2: #7fd49d; --3: #cf9cf0; --4: #ff9b9f; --5: #b8c2cf; } }
body { font: 16px/1.5 system-ui, sans-serif; color: var(--text); background: var(--back); max-width: 68rem;
  margin: 0 auto; padding: 1rem; }
h1 { font-size: 1.5rem; }
h2 { font-size: 1.15rem; margin-top: 2rem; border-top: 1px solid var(--line); padding-top: 1rem; }
h3 { font-size: 1rem; }
.quiet { color: var(--quiet); font-size: .9rem; }
.scroll { overflow-x: auto; }
table { border-collapse: collapse; font-size: .9rem; }
th, td { text-align: left; padding: .25rem 1.2rem .25rem 0; border-bottom: 1px solid var(--line); }
td.n, th.n { text-align: right; font-variant-numeric: tabular-nums; }
.charts { display: grid; grid-template-columns: repeat(auto-fill, minmax(min(27rem, 100%), 1fr)); gap: 1rem; }
figure { margin: 0; }
figcaption { font-size: .9rem; color: var(--quiet); }
svg { width: 100%; height: auto; }
svg text { font: 11px system-ui, sans-serif; fill: var(--quiet); }
.axis { stroke: var(--quiet); }
.grid { stroke: var(--line); }
polyline { fill: none; stroke-width: 2; }
pre { overflow-x: auto; font-size: .8rem; }
.legend span { margin-right: 1.2rem; }
.legend i { display: inline-block; width: .75rem; height: .75rem; border-radius: 2px; margin-right: .35rem; }
""" + "".join(
    f".c{n} {{ stroke: var(--{n}); }} .b{n} {{ fill: var(--{n}); background: var(--{n}); }}\n" for n in range(6)
)


def holds_a_report(path: Path) -> bool:
    """Whether a file is one that ``fillrank report`` has written."""
    with suppress(OSError), path.open(encoding="utf-8", errors="replace") as file:
        return _MARK in file.read(400)
    return False


def runs_page(runs: Sequence[MeasuredRun], *, resamples: int = 1000) -> str:
    """The page as a text.

    Args:
        runs: measured on their test parts; the first one is what the others are compared with.
        resamples: behind each interval and each p-value.

    Raises:
        DataError: there is none.
    """
    if not runs:
        raise DataError("a report is about one run or more")
    names = _names(runs)
    title = f"{' · '.join(names[:4])}{' …' if len(names) > 4 else ''}"
    parts = [
        _protocol(runs, names),
        _metrics(runs, names, resamples),
        _pairs(runs, names, resamples),
        _trade(runs, names),
        _listed(runs, names),
        _activity(runs, names),
        _curves(runs, names),
        _settings(runs, names),
    ]
    head = (
        '<meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">'
        "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'\">"
        f'<meta name="color-scheme" content="light dark"><title>{escape(title)}</title><style>{_STYLE}</style>'
    )
    body = f'<h1>{escape(title)}</h1><p class="legend">{legend(names)}</p>{"".join(parts)}'
    foot = f'<p class="quiet">Written by fillrank {__version__}.</p>'
    return f'<!doctype html>\n{_MARK}\n<html lang="en"><head>{head}</head><body>{body}{foot}</body></html>\n'


def _names(runs: Sequence[MeasuredRun]) -> list[str]:
    """Those of the folders; numbered where two are alike."""
    names = [run.name for run in runs]
    return [name if names.count(name) == 1 else f"{name} ({n})" for n, name in enumerate(names, 1)]


def _protocol(runs: Sequence[MeasuredRun], names: Sequence[str]) -> str:
    lines = list(dict.fromkeys(describe(run.report.protocol) for run in runs))
    if len(lines) == 1:
        said = f"<p>{escape(lines[0])}.</p>"
    else:
        each = zip(names, runs, strict=True)
        rows = [[name, describe(run.report.protocol)] for name, run in each]
        said = _table(["run", "how it was measured"], rows)
    return f"<h2>How it was measured</h2>{said}"


def _metrics(runs: Sequence[MeasuredRun], names: Sequence[str], resamples: int) -> str:
    ends = [run.report.intervals(n=resamples) for run in runs]
    metrics = list(dict.fromkeys(metric for run in runs for metric in run.report.metrics))
    rows = []
    for metric in metrics:
        row = [metric]
        for run, own in zip(runs, ends, strict=True):
            value, interval = run.report.metrics.get(metric, math.nan), own.get(metric)
            row.append("–" if math.isnan(value) else f"{_figure(value)}{_interval(interval)}")
        rows.append(row)
    about = (
        f"In brackets the 95 % interval of a bootstrap over users ({resamples:,} resamples): how far a figure would "
        "move with other users of the same kind. Coverage and Gini are about all lists together and have none."
    )
    return f'<h2>Metrics</h2>{_table(["metric", *names], rows, numbers=True)}<p class="quiet">{about}</p>'


def _pairs(runs: Sequence[MeasuredRun], names: Sequence[str], resamples: int) -> str:
    if len(runs) < 2:
        return ""
    parts = [f"<h2>Compared with {escape(names[0])}, user by user</h2>"]
    for name, run in zip(names[1:], runs[1:], strict=True):
        parts.append(f"<h3>{escape(name)}</h3>")
        try:
            found = _of_both(run.report, runs[0].report).compare(_of_both(runs[0].report, run.report), n=resamples)
        except DataError as error:
            parts.append(f"<p>{escape(str(error))}.</p>")
            continue
        rows = [
            [
                one.metric,
                f"{one.difference:+.4g}",
                "–" if one.low is None or one.high is None else f"{one.low:+.4g} to {one.high:+.4g}",
                "–" if one.p_value is None else f"{one.p_value:.3g}",
            ]
            for one in found.differences
        ]
        parts.append(_table(["metric", "difference", "95 % interval", "p"], rows, numbers=True))
    parts.append(
        '<p class="quiet">Intervals by a paired bootstrap, p-values by a paired permutation test over users. They are '
        "not corrected for how many comparisons there are, and say nothing of other seeds or splits.</p>"
    )
    return "".join(parts)


def _of_both(report: Report, other: Report) -> Report:
    """A report of those of its users that another one has too: one that predicts ratings has more users."""
    both = np.isin(report.users, other.users)
    shared = {name: value for name, value in report.metrics.items() if name in other.metrics}
    own = {name: values[both] for name, values in report.per_user.items()}
    protocol = {name: value for name, value in report.protocol.items() if name != "n_users"}
    return replace(report, metrics=shared, users=report.users[both], per_user=own, protocol=protocol)


def _trade(runs: Sequence[MeasuredRun], names: Sequence[str]) -> str:
    k = runs[0].listing.k
    charts = []
    for across, about in ((f"coverage@{k}", "share of the catalogue on somebody's list"), (f"novelty@{k}", "bits")):
        points = {
            name: (run.report.metrics[across], run.report.metrics[f"ndcg@{k}"])
            for name, run in zip(names, runs, strict=True)
            if across in run.report.metrics and f"ndcg@{k}" in run.report.metrics
        }
        if points:
            chart = point_chart(points, across, f"ndcg@{k}")
            charts.append(f"<figure>{chart}<figcaption>ndcg@{k} against {across} ({about})</figcaption></figure>")
    return f'<h2>Accuracy, coverage, novelty</h2><div class="charts">{"".join(charts)}</div>' if charts else ""


def _listed(runs: Sequence[MeasuredRun], names: Sequence[str]) -> str:
    first = runs[0].listing
    tenths = [str(n) for n in range(1, len(first.listed) + 1)]
    bars = {name: run.listing.listed for name, run in zip(names, runs, strict=True)}
    chart = bar_chart({**bars, "met in train": first.met, "liked in test": first.liked}, tenths, "tenth", "share")
    about = (
        f"The catalogue in tenths, the most popular first: the share of what is listed (lists of {first.k}), of the "
        "rows of the train part, and of the relevant rows of the test part. Bars that fall faster than those of the "
        "test part mean that the lists lean to what is popular more than people do."
    )
    key = legend([*names, "met in train", "liked in test"])
    return (
        f'<h2>How popular what is listed is</h2><p class="legend">{key}</p>'
        f'<div class="charts"><figure>{chart}</figure></div><p class="quiet">{about}</p>'
    )


def _activity(runs: Sequence[MeasuredRun], names: Sequence[str]) -> str:
    groups = runs[0].listing.groups
    metric = next((name for name in (groups[0].means if groups else {}) if name.startswith("ndcg@")), None)
    if metric is None:
        return ""
    labels = [f"{one.least}–{one.most}" if one.most > one.least else str(one.least) for one in groups]
    same = [run for run in runs if [one.users for one in run.listing.groups] == [one.users for one in groups]]
    bars = {
        name: [one.means.get(metric, math.nan) for one in run.listing.groups]
        for name, run in zip(names, runs, strict=True)
        if run in same
    }
    chart = bar_chart(bars, labels, "rows known of a user", metric)
    rows = [
        [label, f"{one.users:,}", *(_figure(values[n]) for values in bars.values())]
        for n, (label, one) in enumerate(zip(labels, groups, strict=True))
    ]
    about = f"{metric} of users in four groups of about one size, by how many rows of the train part are theirs."
    return (
        f'<h2>For whom it works</h2><div class="charts"><figure>{chart}</figure></div>'
        f'{_table(["rows known", "users", *bars], rows, numbers=True)}<p class="quiet">{about}</p>'
    )


def _curves(runs: Sequence[MeasuredRun], names: Sequence[str]) -> str:
    found: dict[str, dict[str, list[tuple[float, float]]]] = {}
    for name, run in zip(names, runs, strict=True):
        for row in run.model.history:
            step = row.get("epoch", row.get("iteration"))
            for metric, value in row.items():
                if metric not in _NO_CURVES and _is_figure(value) and _is_figure(step):
                    found.setdefault(metric, {}).setdefault(name, []).append((float(cast(float, step)), float(value)))
    charts = [
        f"<figure>{line_chart(lines, 'epoch', metric)}<figcaption>{escape(metric)}</figcaption></figure>"
        for metric, lines in found.items()
        if any(len(points) > 1 for points in lines.values())
    ]
    about = "What was noted after each epoch or iteration; of a model that was fitted twice, also of the second fit."
    none = "<p>None of these models is trained in rounds.</p>"
    drawn = f'<div class="charts">{"".join(charts)}</div><p class="quiet">{about}</p>'
    return f"<h2>Learning curves</h2>{drawn if charts else none}"


def _is_figure(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


def _settings(runs: Sequence[MeasuredRun], names: Sequence[str]) -> str:
    parts = ["<h2>Settings</h2>"]
    for name, run in zip(names, runs, strict=True):
        log = run.model.interactions
        size = f"{len(log):,} rows, {log.n_users:,} users, {log.n_items:,} items"
        facts = f"{run.model.name} on {log.name or 'a log'}: {size}"
        parts.append(f"<h3>{escape(name)}</h3><p>{escape(facts)}</p>")
        parts += [_pre("The run", run.plan), _pre("Settings", run.model.settings)]
    return "".join(parts)


def _pre(title: str, content: Mapping[str, Any]) -> str:
    text = json.dumps(dict(content), indent=2, default=str, ensure_ascii=False)
    return f"<details><summary>{escape(title)}</summary><pre>{escape(text)}</pre></details>"


def _table(heads: Sequence[str], rows: Sequence[Sequence[str]], *, numbers: bool = False) -> str:
    kind = ' class="n"' if numbers else ""
    head = "".join(f'<th scope="col"{kind if n else ""}>{escape(one)}</th>' for n, one in enumerate(heads))
    lines = ["".join(f"<td{kind if n else ''}>{escape(cell)}</td>" for n, cell in enumerate(row)) for row in rows]
    body = "".join(f"<tr>{line}</tr>" for line in lines)
    return f'<div class="scroll"><table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table></div>'


def _figure(value: float) -> str:
    return "–" if math.isnan(value) else f"{value:.4f}" if abs(value) < 10 else f"{value:,.1f}"


def _interval(ends: tuple[float, float] | None) -> str:
    return "" if ends is None else f" ({_figure(ends[0])} – {_figure(ends[1])})"
