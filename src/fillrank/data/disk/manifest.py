"""``manifest.json`` of a store: its format, what it holds, and a SHA-256 of each of its files, itself included."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from fillrank._version import __version__
from fillrank.errors import DataError
from fillrank.runtime.atomic_write import UNSEALED, is_sealed, seal
from fillrank.runtime.strict_json import is_number, read_json

__all__ = ["FORMAT", "MANIFEST", "Manifest", "is_store"]

FORMAT = 1
"""Version of the layout. A newer one is refused."""
MANIFEST = "manifest.json"
_MARK = "fillrank log"
_ADVICE = "build it anew with `fillrank data store`"
_LARGEST = 1 << 20
_NAME = re.compile(r"[a-z_]+\.(?:npy|parquet)")
_DIGEST = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True)
class Manifest:
    """What a store holds.

    Attributes:
        n_rows, n_users, n_items: its sizes.
        name, relevant_from: see :class:`~fillrank.data.interactions.Interactions`.
        files: size in bytes and SHA-256 of each file, by name.
    """

    n_rows: int
    n_users: int
    n_items: int
    name: str
    relevant_from: float | None
    files: Mapping[str, tuple[int, str]]

    def write(self, folder: Path) -> None:
        """Write it to a folder, with a digest of itself."""
        content = {"format": FORMAT, "type": _MARK, "digest": UNSEALED, "written_by": {"fillrank": __version__}}
        (folder / MANIFEST).write_text(json.dumps(content | asdict(self), indent=2) + "\n", encoding="utf-8")
        seal(folder / MANIFEST)

    @classmethod
    def read(cls, folder: Path) -> Manifest:
        """Read the manifest of a folder.

        Raises:
            DataError: there is none, it is damaged, or it is of a newer format.
        """
        file = folder / MANIFEST
        if not file.is_file():
            raise DataError(f"there is no store in {folder} (no {MANIFEST}); give the folder that {_ADVICE[15:]} wrote")
        content = read_json(file, advice=_ADVICE, largest=_LARGEST)
        if not isinstance(content, dict) or content.get("type") != _MARK:
            raise DataError(f"{file} is torn or foreign: it is not of a store; {_ADVICE}")
        if not isinstance(content.get("format"), int) or content["format"] > FORMAT:
            raise DataError(
                f"{folder} is of format {content.get('format')}, this fillrank {__version__} reads up to {FORMAT}; "
                "upgrade fillrank"
            )
        if not is_sealed(file) or not _is_whole(content):
            raise DataError(f"{folder} is torn: {MANIFEST} is not as it was written; {_ADVICE}")
        files = {name: (size, digest) for name, (size, digest) in content["files"].items()}
        sizes = (content["n_rows"], content["n_users"], content["n_items"])
        return cls(*sizes, content["name"], content["relevant_from"], files)

    def check(self, folder: Path, *, verify: bool) -> None:
        """Check that all files are there and have their sizes, and with ``verify`` that no bit of them has changed.

        Raises:
            DataError: one is missing, has another size or another content.
        """
        for name, (size, digest) in self.files.items():
            file = folder / name
            if not file.is_file():
                raise DataError(f"{folder} is torn: {name} is missing; {_ADVICE}")
            if (found := file.stat().st_size) != size:
                raise DataError(f"{folder} is torn: {name} has {found:,} bytes where {size:,} were written; {_ADVICE}")
            if verify and digest_of(file) != digest:
                raise DataError(f"{folder} is torn: {name} is not as it was written; {_ADVICE}")


def is_store(folder: Path) -> bool:
    """Whether a folder has the manifest of a store, whole or not."""
    try:
        content = read_json(folder / MANIFEST, largest=_LARGEST)
    except DataError:
        return False
    return isinstance(content, dict) and content.get("type") == _MARK


def digest_of(file: Path) -> str:
    """The SHA-256 of a file."""
    with file.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def _is_whole(content: Mapping[str, Any]) -> bool:
    files = content.get("files")
    return (
        all(isinstance(content.get(name), int) for name in ("n_rows", "n_users", "n_items"))
        and isinstance(content.get("name"), str)
        and (content.get("relevant_from") is None or is_number(content["relevant_from"]))
        and isinstance(files, dict)
        and all(_NAME.fullmatch(name) and _is_entry(entry) for name, entry in files.items())
    )


def _is_entry(entry: Any) -> bool:
    return (
        isinstance(entry, list)
        and len(entry) == 2
        and isinstance(entry[0], int)
        and isinstance(entry[1], str)
        and _DIGEST.fullmatch(entry[1]) is not None
    )
