"""``data list``, ``data info`` and ``data inspect``: what data there is, and what is in a file."""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated

import typer

from fillrank.cli.options import JsonOption, ReadOption, parse_settings
from fillrank.cli.output import row_table, show

__all__ = ["app"]

_SHOWN = 5  # damaged rows that are named

app = typer.Typer(help="Public data sets, and what is in a file.")


@app.command("list")
def list_(as_json: JsonOption = False) -> None:
    """List the public data sets that fillrank knows by name."""
    from fillrank.data import info, list_datasets

    cards = [info(name) for name in list_datasets()]
    rows = [
        {"name": c.name, "users": c.n_users, "items": c.n_items, "interactions": c.n_interactions, "title": c.title}
        for c in cards
    ]
    show({"datasets": rows}, row_table(rows), as_json=as_json)


@app.command()
def info(
    name: Annotated[str, typer.Argument(metavar="NAME", help="A name that `fillrank data list` shows.")],
    as_json: JsonOption = False,
) -> None:
    """Show one data set: size, licence, citation, where to get it, and which files are understood."""
    from fillrank.data import info as card_of

    card = card_of(name)
    show(asdict(card), str(card), as_json=as_json)


@app.command()
def inspect(
    path: Annotated[
        str, typer.Argument(metavar="PATH", help="A file, a folder of parts, or a pattern such as 'log-*.csv'.")
    ],
    read: ReadOption = None,
    as_json: JsonOption = False,
) -> None:
    """Read a log and say what is in it: sizes, values, dates, columns, damaged and repeated rows."""
    from fillrank.data import scan

    options = {"on_bad": "skip", "duplicates": "last"} | parse_settings(read, "--read")
    result = scan(path, **options)
    summary = result.interactions.summary()
    counts = {"n_rows": result.n_rows, "n_bad": result.n_bad, "n_duplicates": result.n_duplicates}
    read_as = ", ".join(f"{role} = {name}" for role, name in result.columns.items())
    about = [f"columns: {read_as}" + (f"; not used: {', '.join(result.unused)}" if result.unused else "")]
    about += [f"note: {note}" for note in result.notes]
    damaged = result.bad.head(_SHOWN).to_dicts()
    lines = [f"  {row['file']}, line {row['line']}: {row['reason']}" for row in damaged]
    more = [f"  … and {result.n_bad - _SHOWN:,} more"] if result.n_bad > _SHOWN else []
    show(
        asdict(summary)
        | counts
        | {"bad": damaged, "columns": result.columns, "unused": result.unused, "notes": result.notes},
        "\n".join([str(summary), str(result), *about, *lines, *more]),
        as_json=as_json,
    )
