"""Decode a text of any encoding to UTF-8, block by block. The encoding is inferred from the bytes."""

from __future__ import annotations

import codecs
from collections.abc import Iterable, Iterator

from fillrank.data.io.signatures import HEAD, refuse_binary
from fillrank.errors import DataError

__all__ = ["DAMAGED", "Decoder", "damaged_byte", "marked_encoding", "text_of"]

_MARKS = (
    (b"\xef\xbb\xbf", "utf-8-sig"),
    (b"\xff\xfe\x00\x00", "utf-32"),
    (b"\x00\x00\xfe\xff", "utf-32"),
    (b"\xff\xfe", "utf-16"),
    (b"\xfe\xff", "utf-16"),
)
_GUESS = "cp1252"
_PRIVATE = 0x10FF00  # a byte b that fits no encoding becomes the character U+10FF00 + b, which no text uses
DAMAGED = "[\U0010ff80-\U0010ffff]"
"""A pattern for the characters that stand for a byte which is not UTF-8."""


class Decoder:
    """Decodes the blocks of a text to UTF-8 without a byte-order mark.

    A text without a mark that is not UTF-8 is read as Windows-1252 if it contains no UTF-8 beyond ASCII. If it does,
    single bytes that do not fit are damage. Each of them becomes a character of :data:`DAMAGED`, so that the damaged
    cell can be found later.

    Args:
        blocks: blocks of bytes.
        encoding: by name; None: inferred from the bytes.

    Attributes:
        encoding: the encoding that is used.
        guessed: whether it is only a guess.

    Raises:
        DataError: (while blocks are read) bytes do not fit the named encoding, or no encoding that is known.

    Example:
        >>> decoder = Decoder(["1,Café\\n".encode("cp1252")])
        >>> b"".join(decoder).decode(), decoder.encoding, decoder.guessed
        ('1,Café\\n', 'cp1252', True)
    """

    def __init__(self, blocks: Iterable[bytes], encoding: str | None = None) -> None:
        self.encoding = encoding or "utf-8"
        self.guessed = False
        self.damaged = False
        self._is_given = encoding is not None
        self._is_wide = False  # whether there was UTF-8 beyond ASCII
        self._blocks = iter(blocks)

    def __iter__(self) -> Iterator[bytes]:
        head = b""
        for block in self._blocks:
            head += block
            if len(head) >= HEAD:
                break
        if not self._is_given:
            self.encoding = marked_encoding(head)
        if self.encoding in {"utf-8", "utf-8-sig"}:
            if head.startswith(b"\xef\xbb\xbf"):
                head = head[3:]
            refuse_binary(head[:HEAD])
            yield from self._utf8(head)
        else:
            yield from self._other(head)

    def _all(self, head: bytes) -> Iterator[bytes]:
        if head:
            yield head
        yield from self._blocks

    def _utf8(self, head: bytes) -> Iterator[bytes]:
        rest = b""
        for block in self._all(head):
            if not rest and block.isascii():
                yield block
                continue
            block = rest + block
            n_cut = _cut(block)
            block, rest = (block[:-n_cut], block[-n_cut:]) if n_cut else (block, b"")
            yield self._checked(block)
        if rest:
            yield self._checked(rest)

    def _checked(self, block: bytes) -> bytes:
        try:
            is_wide = len(block.decode("utf-8")) < len(block)
        except UnicodeDecodeError as error:
            if self.guessed:
                return self._guess(block)
            if self._is_given:
                raise _unfit("utf-8", error) from error
            text = block.decode("utf-8", "surrogateescape")
            self._is_wide |= len(text) < len(block)
            if not self._is_wide:
                return self._guess(block)
            self.damaged = True
            return text.translate(_TO_PRIVATE).encode()
        if self.guessed and is_wide:
            raise DataError(f"it seems to be {self.encoding}, but a part of it is UTF-8; name what it is: encoding=…")
        self._is_wide |= is_wide
        return block

    def _guess(self, block: bytes) -> bytes:
        try:
            text = block.decode(_GUESS)
        except UnicodeDecodeError as error:
            byte = block[error.start]
            raise DataError(
                f"it is neither UTF-8 nor Windows-1252 (which has no byte {byte:#04x}); name its encoding: encoding=…, "
                "such as 'gb18030', 'shift_jis', 'cp1251' or 'latin-1'"
            ) from error
        self.encoding, self.guessed = _GUESS, True
        return text.encode()

    def _other(self, head: bytes) -> Iterator[bytes]:
        if self.encoding.casefold().replace("_", "-") in {"utf-16", "utf16"} and not head.startswith(
            (b"\xff\xfe", b"\xfe\xff")
        ):
            self.encoding = "utf-16-be" if marked_encoding(head) == "utf-16-be" else "utf-16-le"
        decoder = codecs.getincrementaldecoder(self.encoding)()
        try:
            for place, block in enumerate(self._all(head)):
                text = decoder.decode(block).removeprefix("\ufeff" if place == 0 else "")
                if place == 0:
                    refuse_binary(text[:HEAD].encode("utf-8", "replace"))
                yield text.encode()
            yield decoder.decode(b"", final=True).encode()
        except UnicodeError as error:
            raise _unfit(self.encoding, error) from error


def text_of(data: bytes, encoding: str | None = None) -> tuple[str, Decoder]:
    """A whole text with lines that end in newlines, and the decoder, which knows the encoding.

    Example:
        >>> text_of("a\\r\\nb\\n".encode("utf-16"))[0]
        'a\\nb\\n'
    """
    decoder = Decoder([data], encoding)
    text = b"".join(decoder).decode()
    return text.replace("\r\n", "\n").replace("\r", "\n"), decoder


def damaged_byte(text: str) -> int | None:
    """The first byte of a cell that is not UTF-8; None if there is none.

    Example:
        >>> text, _ = text_of("Amélie,".encode() + b"Caf\\xe9")
        >>> hex(damaged_byte(text))
        '0xe9'
    """
    return next((ord(letter) - _PRIVATE for letter in text if ord(letter) >= _PRIVATE + 0x80), None)


_TO_PRIVATE = {0xDC00 + byte: _PRIVATE + byte for byte in range(0x80, 0x100)}


def marked_encoding(head: bytes) -> str:
    """The encoding that the first bytes show: UTF-16 or UTF-32, or else ``"utf-8"`` (without a check).

    Example:
        >>> marked_encoding("user,item".encode("utf-16-be")), marked_encoding(b"user,item")
        ('utf-16-be', 'utf-8')
    """
    for mark, name in _MARKS:
        if head.startswith(mark):
            return name
    half = len(head) // 2
    for name, odd in (("utf-16-le", 1), ("utf-16-be", 0)):
        if half >= 4 and head[odd::2].count(0) > 0.7 * half and head[1 - odd :: 2].count(0) < 0.05 * half:
            return name
    return "utf-8"


def _cut(block: bytes) -> int:
    """The number of bytes at the end that belong to a character which continues in the next block."""
    for back in range(1, min(4, len(block) + 1)):
        byte = block[-back]
        if byte >= 0xC0:
            return back if back < (2 if byte < 0xE0 else 3 if byte < 0xF0 else 4) else 0
        if byte < 0x80:
            return 0
    return 0


def _unfit(encoding: str, error: UnicodeError) -> DataError:
    where = ""
    if isinstance(error, UnicodeDecodeError):
        line = error.object[: error.start].count(b"\n") + 1
        where = f" (byte {error.object[error.start]:#04x} about {line:,} lines into its block)"
    return DataError(
        f"it is not {encoding}, or is torn: {getattr(error, 'reason', error)}{where}; name its encoding: encoding=…"
    )
