"""``data list``, ``info``, ``inspect`` and ``store``: known data sets, the content of a file, and a log on a disk."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from fillrank.cli.options import EventOption, JsonOption, ReadOption, WeightOption, path_of, read_table
from fillrank.cli.output import row_table, show

__all__ = ["app"]

app = typer.Typer(help="Known public data sets, and the content of a file.")


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
    weight: WeightOption = None,
    event: EventOption = None,
    as_json: JsonOption = False,
) -> None:
    """Show what is in a log: sizes, values, dates, columns, bad and repeated rows, and whether fit would accept it."""
    from fillrank.cli.log_check import check_log

    found = check_log(path, read_table(read, weight, event))
    show(found.to_dict(), str(found), as_json=as_json)


@app.command()
def store(
    parts: Annotated[
        list[str], typer.Argument(metavar="PARTS…", help="Files, folders of parts, or patterns such as 'log-*.csv'.")
    ],
    out: Annotated[Path, typer.Option("--out", "-o", help="The folder of the store.", parser=path_of)],
    memory: Annotated[
        str, typer.Option("--memory", metavar="SIZE", help="What the work may take, such as 4GB; the rest is on disk.")
    ] = "2GB",
    read: ReadOption = None,
    weight: WeightOption = None,
    event: EventOption = None,
    threads: Annotated[
        int | None, typer.Option("--threads", min=1, help="Of DuckDB. Default: one for each core.")
    ] = None,
    force: Annotated[bool, typer.Option("--force", help="Replace a store that is there.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Write a log larger than memory as a store, which fit and the other commands take as --data."""
    from fillrank.data import write_store

    options = read_table(read, weight, event)
    found = write_store(parts, out, memory=memory, n_threads=threads, overwrite=force, **options)
    log = found.interactions
    document = {"out": out, "n_rows": found.n_rows, "n_bad": found.n_bad, "n_duplicates": found.n_duplicates}
    document |= {"rows": len(log), "users": log.n_users, "items": log.n_items}
    sizes = f"{len(log):,} rows of {log.n_users:,} users and {log.n_items:,} items"
    show(document, f"{found}\n{sizes} are in {out}: --data {out} takes them", as_json=as_json)
