"""``store dump``, ``store restore`` and ``store keys``: what a running recommender keeps, in and out of a file."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any

import typer

from fillrank.cli.options import JsonOption, path_of
from fillrank.cli.output import row_table, show
from fillrank.cli.overwriting import ForceOption, check_kind

__all__ = ["StoreOption", "app"]

app = typer.Typer(help="What `fillrank serve` keeps: dump and restore it, and make API keys.")
keys = typer.Typer(help="API keys: make, list and revoke them.")
app.add_typer(keys, name="keys")

StoreOption = Annotated[
    str,
    typer.Option(
        "--store",
        metavar="URL",
        help="sqlite:///PATH or postgresql://USER:PASSWORD@HOST/NAME.",
        envvar="FILLRANK_STORE",
    ),
]
FileArgument = Annotated[
    Path, typer.Argument(metavar="FILE", help="A file; gzip if its name ends in .gz.", parser=path_of)
]


@app.command()
def dump(store: StoreOption, file: FileArgument, force: ForceOption = False, as_json: JsonOption = False) -> None:
    """Write all of a store, as it is at one moment, to a file. A server may go on working."""
    from fillrank.store.dump import dump as write
    from fillrank.store.dump import holds_a_dump

    check_kind(file, "a dump of a store", holds_a_dump, force=force)
    with _opened(store, new=False) as opened:
        _say("out", file, write(opened, file), as_json=as_json)


@app.command()
def restore(store: StoreOption, file: FileArgument, as_json: JsonOption = False) -> None:
    """Fill an empty store from a dump, whatever database it came from: all of it, or nothing."""
    from fillrank.store.dump import restore as read

    with _opened(store) as opened:
        _say("from", file, read(opened, file), as_json=as_json)


@keys.command("add")
def add_key(
    store: StoreOption,
    name: Annotated[str, typer.Option("--name", help="Whom it is for.")] = "key",
    scope: Annotated[
        list[str] | None, typer.Option("--scope", help="read, write or admin; repeat. read unless given.")
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Make a key and print it: this once, as the store keeps only a digest of it."""
    with _opened(store) as opened:
        key, kept = opened.add_key(name, scope or ["read"])
    show({"key": key, **asdict(kept)}, key, as_json=as_json)


@keys.command("list")
def list_keys(store: StoreOption, as_json: JsonOption = False) -> None:
    """List the keys that there are, and were."""
    with _opened(store, new=False) as opened:
        rows = [asdict(key) for key in opened.all_keys()]
    shown = [
        {
            "id": row["id"],
            "name": row["name"],
            "scopes": ", ".join(row["scopes"]),
            "revoked": row["revoked"] is not None,
        }
        for row in rows
    ]
    show({"keys": rows}, row_table(shown) if shown else "no keys", as_json=as_json)


@keys.command("revoke")
def revoke_key(
    store: StoreOption,
    key: Annotated[str, typer.Argument(metavar="ID", help="As `fillrank store keys list` shows it.")],
    as_json: JsonOption = False,
) -> None:
    """Let a key open nothing any more; running servers notice within seconds."""
    with _opened(store, new=False) as opened:
        opened.revoke_key(key)
    show({"revoked": key}, f"{key} is revoked", as_json=as_json)


def _opened(url: str, *, new: bool = True) -> Any:
    """A store; one of SQLite is only made where a new one makes sense."""
    from fillrank.store import Store

    if not new:
        from fillrank.store.engine import refuse_if_not_there

        refuse_if_not_there(url)
    return Store(url)


def _say(role: str, file: Path, counts: dict[str, int], *, as_json: bool) -> None:
    rows = ", ".join(f"{number:,} {_plural(name, number)}" for name, number in counts.items() if number) or "no rows"
    words = {"out": f"{rows} are in {file}", "from": f"{rows} came from {file}"}
    show({role: file, "rows": counts}, words[role], as_json=as_json)


def _plural(table: str, number: int) -> str:
    words = table.replace("_", " ")
    return words.removesuffix("s") if number == 1 else words
