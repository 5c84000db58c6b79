"""Recognise files that are not logs by their first bytes, and refuse them with advice."""

from __future__ import annotations

from fillrank.errors import DataError

__all__ = ["HEAD", "refuse_binary"]

HEAD = 4096  # number of bytes that are checked
_TAR, _TAR_PLACE = b"ustar", 257
_EXPORT = "write the table as CSV or Parquet"
_KINDS: tuple[tuple[bytes, str, str], ...] = (
    (
        b"SQLite format 3\x00",
        "an SQLite database",
        f"{_EXPORT}, such as: sqlite3 -header -csv FILE 'SELECT …' > log.csv",
    ),
    (b"\x89PNG\r\n\x1a\n", "a PNG picture", "give the log itself"),
    (b"\xff\xd8\xff", "a JPEG picture", "give the log itself"),
    (b"GIF8", "a GIF picture", "give the log itself"),
    (b"II*\x00", "a TIFF picture", "give the log itself"),
    (b"MM\x00*", "a TIFF picture", "give the log itself"),
    (b"RIFF", "a RIFF file (a picture or sound)", "give the log itself"),
    (b"%PDF-", "a PDF document", f"{_EXPORT} where it was made"),
    (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "an old Excel or Office file", "save the sheet as CSV"),
    (b"{\\rtf", "an RTF document", "save the table as CSV"),
    (b"\x93NUMPY", "a NumPy array (.npy)", "load it with numpy.load and give its columns to Interactions.from_arrays"),
    (b"\x89HDF\r\n\x1a\n", "an HDF5 file", f"{_EXPORT}"),
    (b"CDF\x01", "a NetCDF file", f"{_EXPORT}"),
    (b"CDF\x02", "a NetCDF file", f"{_EXPORT}"),
    (b"MATLAB 5.0", "a MATLAB file", "load it with scipy.io.loadmat and give the matrix to Interactions.from_csr"),
    (b"Obj\x01", "an Avro file", f"{_EXPORT}"),
    (b"ORC", "an ORC file", f"{_EXPORT}"),
    (b"SEQ\x06", "a Hadoop sequence file", f"{_EXPORT}"),
    (b"DUCK", "a DuckDB database", f"{_EXPORT}"),
    (b"RDX2\n", "an R data file", "write the table with write.csv"),
    (b"RDX3\n", "an R data file", "write the table with write.csv"),
    (b"X\n\x00\x00\x00", "an R data file", "write the table with write.csv"),
    (b"$FL2", "an SPSS file", f"{_EXPORT}"),
    (b"<stata_dta>", "a Stata file", f"{_EXPORT}"),
    (b"7z\xbc\xaf\x27\x1c", "a 7z archive", "unpack it first"),
    (b"Rar!\x1a\x07", "a RAR archive", "unpack it first"),
    (b"\x04\x22\x4d\x18", "an LZ4 file", "unpack it first"),
    (b"\xff\x06\x00\x00sNaPpY", "a Snappy file", "unpack it first"),
    (b"\x1f\x9d", "a file packed by compress (.Z)", "unpack it first"),
    (b"\x1f\x8b", "a gzip file within a compressed file", "unpack it once, then read it"),
    (b"BZh", "a bzip2 file within a compressed file", "unpack it once, then read it"),
    (b"\xfd7zXZ\x00", "an xz file within a compressed file", "unpack it once, then read it"),
    (b"\x28\xb5\x2f\xfd", "a zstd file within a compressed file", "unpack it once, then read it"),
    (b"PK\x03\x04", "a zip archive within a compressed file", "unpack it once, then read it"),
    (b"\x7fELF", "a program", "give the log itself"),
    (b"MZ\x90\x00", "a program", "give the log itself"),
    (b"\xca\xfe\xba\xbe", "a program", "give the log itself"),
    (b"OggS", "a sound file", "give the log itself"),
    (b"ID3", "a sound file", "give the log itself"),
    (b"fLaC", "a sound file", "give the log itself"),
    (b"\x1a\x45\xdf\xa3", "a film", "give the log itself"),
    (b"version https://git-lfs", "a pointer of Git LFS", "fetch the file itself: git lfs pull"),
    (b"PARE", "an encrypted Parquet file", f"{_EXPORT} without encryption"),
)
_MARKUP = (b"<!doctype html", b"<html")
_PAGE = "a web page"
_PICKLES = (b"\x80\x02", b"\x80\x03", b"\x80\x04", b"\x80\x05")
_CONTROL = frozenset(range(32)) - frozenset(b"\t\n\r\f\v\x01\x02\x1b\x1c\x1d\x1e\x1f")


def refuse_binary(head: bytes) -> None:
    """Refuse a file that is not a text.

    Args:
        head: the first bytes; of a text, in UTF-8 or another encoding that contains ASCII.

    Raises:
        DataError: the file is a database, a picture, an archive …; the message says which, and what to do.

    Example:
        >>> refuse_binary(b"user,item\\n")
        >>> refuse_binary(b"SQLite format 3\\x00...")
        Traceback (most recent call last):
        fillrank.errors.DataError: it is an SQLite database, and no log; write the table as CSV or Parquet, ...
    """
    for magic, kind, advice in _KINDS:
        if head.startswith(magic) and not (magic.isalnum() and _is_plain_text(head)):
            raise DataError(f"it is {kind}, and no log; {advice}")
    if head[_TAR_PLACE:].startswith(_TAR):
        raise DataError("it is a tar archive, and no log; unpack it first")
    if head.startswith(_PICKLES):
        raise DataError(f"it is a pickle of Python (or of PyTorch), which fillrank never opens; {_EXPORT}")
    if head.lstrip()[:20].lower().startswith(_MARKUP):
        raise DataError(f"it is {_PAGE}, and no log; perhaps a download ended at a page that asks to sign in")
    if head.lstrip().startswith(b"<?xml"):
        raise DataError(f"it is an XML file, and no log; {_EXPORT}")
    if sum(byte in _CONTROL for byte in head) > len(head) // 50 + 1:
        raise DataError(f"it is a binary file in no format that is known, and no log; {_EXPORT}")


def _is_plain_text(head: bytes) -> bool:
    """Whether the bytes are plain text: a CSV may begin with a word such as ``ORC`` or ``DUCK``."""
    return not any(byte in _CONTROL or byte >= 0x80 for byte in head)
