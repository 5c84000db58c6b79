"""Read the one file in a zip archive that is a log."""

from __future__ import annotations

import zipfile
from typing import IO

from fillrank.errors import DataError

__all__ = ["open_member"]

_OFFICE = {"xl": "an Excel workbook", "word": "a Word document", "ppt": "a presentation"}


def open_member(stream: IO[bytes], member: str | None) -> tuple[IO[bytes], str, int]:
    """Open the log in a zip archive.

    Args:
        stream: the archive; it must support ``seek``.
        member: name of the file; None: the only one.

    Returns:
        A stream of the file, its name, and its compressed size in bytes.

    Raises:
        DataError: the archive is damaged or encrypted, is no archive of logs (a workbook, arrays), or holds several
            files and ``member`` does not say which one to read.
    """
    try:
        archive = zipfile.ZipFile(stream)
        inside = [one for one in archive.infolist() if not one.is_dir() and not one.filename.startswith("__MACOSX/")]
        names = [one.filename for one in inside]
        _refuse_other_kinds(archive, names)
        chosen = inside[_place(names, member)]
        if chosen.flag_bits & 1:
            raise DataError(f"{chosen.filename!r} in this zip archive is encrypted; unpack it first")
        return archive.open(chosen), chosen.filename, chosen.compress_size
    except DataError:
        raise
    except (zipfile.BadZipFile, NotImplementedError, RuntimeError, ValueError, OverflowError, EOFError) as error:
        raise DataError(f"it is a zip archive that cannot be read: {error}; if it is torn, get it anew") from error


def _place(names: list[str], member: str | None) -> int:
    if member is not None:
        fits = [place for place, name in enumerate(names) if name == member or name.rsplit("/", 1)[-1] == member]
        if len(fits) == 1:
            return fits[0]
        raise DataError(f"the zip archive holds {len(fits)} files called {member!r}; it holds {_listed(names)}")
    shown = [place for place, name in enumerate(names) if name.rsplit("/", 1)[-1][:1] not in {".", "_"}]
    if len(shown) == 1:
        return shown[0]
    if not names:
        raise DataError("the zip archive holds no file; there is nothing to read")
    raise DataError(
        f"the zip archive holds {len(names)} files; say which: member=…, or unpack it and give the folder; "
        f"it holds {_listed(names)}"
    )


def _refuse_other_kinds(archive: zipfile.ZipFile, names: list[str]) -> None:
    if "[Content_Types].xml" in names:
        kind = next(
            (kind for folder, kind in _OFFICE.items() if any(n.startswith(folder) for n in names)), "an Office file"
        )
        raise DataError(f"it is {kind}, and no log; save the sheet as CSV")
    if "mimetype" in names and archive.read("mimetype")[:60].startswith(b"application/vnd.oasis"):
        raise DataError("it is a LibreOffice document, and no log; save the sheet as CSV")
    if names and all(name.endswith(".npy") for name in names):
        raise DataError(
            "it holds NumPy arrays (.npz); load it with numpy.load (a matrix of scipy: scipy.sparse.load_npz) and give "
            "the columns to Interactions.from_arrays, or the matrix to Interactions.from_csr"
        )
    if any(name.endswith("data.pkl") for name in names):
        raise DataError("it is a file of PyTorch with a pickle in it, which is never opened; write the table as CSV")


def _listed(names: list[str]) -> str:
    return ", ".join(map(repr, names[:8])) + (", …" if len(names) > 8 else "")
