"""Store the digest of a file in the file itself, so that any changed bit is noticed."""

from __future__ import annotations

import hashlib
import re
from pathlib import Path
from typing import BinaryIO

__all__ = ["UNSEALED", "is_sealed", "seal"]

UNSEALED = "0" * 64
"""The value of the field ``"digest"`` before :func:`seal` replaces it."""

_FIELD = re.compile(rb'"digest": ?"([0-9a-f]{64})"')
_CHUNK = 1 << 20


def seal(file: Path) -> None:
    """Replace :data:`UNSEALED` in the field ``"digest"`` of ``file`` by the SHA-256 of the whole file.

    Args:
        file: JSON, or safetensors with the field in its metadata.

    Raises:
        ValueError: there is no such field.
    """
    with file.open("r+b") as stream:
        head, field = _head(stream)
        if field is None:
            raise ValueError(f"{file} has no digest to fill in")
        digest = _digest(stream, head, field)
        stream.seek(field.start(1))
        stream.write(digest.encode())


def is_sealed(file: Path) -> bool | None:
    """Whether the digest in ``file`` fits its bytes; None if it has no digest."""
    with file.open("rb") as stream:
        head, field = _head(stream)
        return None if field is None else field[1].decode() == _digest(stream, head, field)


def _head(stream: BinaryIO) -> tuple[bytes, re.Match[bytes] | None]:
    """The part of a file that can hold a digest: all of a JSON file, the header of a safetensors file."""
    head = stream.read(8)
    length = -1 if head.startswith(b"{") else int.from_bytes(head, "little")
    head += stream.read(length if length < 1 << 40 else 0)
    return head, _FIELD.search(head)


def _digest(stream: BinaryIO, head: bytes, field: re.Match[bytes]) -> str:
    """The digest of the file as it was before it was sealed; the part after the head is read from ``stream``."""
    found = hashlib.sha256(head[: field.start(1)])
    found.update(UNSEALED.encode())
    found.update(head[field.end(1) :])
    stream.seek(len(head))
    while chunk := stream.read(_CHUNK):
        found.update(chunk)
    return found.hexdigest()
