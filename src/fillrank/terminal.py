r"""Make text from outside safe to show: characters that control a terminal, or are invisible, are escaped.

Titles, ids, cells of tables, and names of files and columns may hold anything: ESC sequences that change the title of a
window or write to the clipboard, marks that reverse the direction of the text, letters without width. All text for
people passes through :func:`printable`. What goes into files and JSON keeps its meaning.
"""

from __future__ import annotations

import html
import logging
import re
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from rich.text import Text

__all__ = ["in_markdown", "printable", "printable_json", "shown", "watch_log"]

_STEERING = (
    r"\x00-\x08\x0b-\x1f\x7f-\x9f"  # control characters, C1 among them; tab and line feed are looked at apart
    r"\xad\u061c\u180e\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb"  # no width, separators, directions
    r"\U0001d173-\U0001d17a\U000e0000-\U000e007f"  # of musical notation, and tags
    r"\ud800-\udfff"  # halves of a pair, which no encoding takes
)
_MARKUP = re.compile(r"[\\`*_\[\]|#~!]")
_IN_LINES, _IN_A_LINE = re.compile(f"[{_STEERING}]"), re.compile(f"[{_STEERING}\\t\\n]")


def printable(text: Any, *, lines: bool = False) -> str:
    r"""Return ``text`` with control characters and invisible characters written as Python's escapes.

    Args:
        text: any object; ``str(text)`` is shown.
        lines: whether newlines and tabs stay as they are.

    Example:
        >>> printable("Heat \x1b[31m\u202e(1995)"), printable("two\nlines")
        ('Heat \\x1b[31m\\u202e(1995)', 'two\\nlines')
        >>> printable("Amélie 日本 ♥ [/x]")
        'Amélie 日本 ♥ [/x]'
    """
    return (_IN_LINES if lines else _IN_A_LINE).sub(lambda found: _escape(found[0]), str(text))


def printable_json(document: str) -> str:
    r"""Return a JSON document with the same characters escaped in JSON's way, so that its meaning does not change.

    Example:
        >>> print(printable_json('{"title": "\u202eHeat"}'))
        {"title": "\u202eHeat"}
    """
    return _IN_LINES.sub(lambda found: _json_escape(found[0]), document)


def shown(text: Any) -> Text:
    """Return ``text`` for a table or a line of rich: printable, without markup and without emoji codes."""
    from rich.text import Text

    return Text(printable(text))


def in_markdown(text: Any) -> str:
    r"""Return ``text`` for a Markdown page, so that nothing in it is read as markup, HTML or the end of a table cell.

    Example:
        >>> print(in_markdown("[Heat](javascript:x) <b>1995</b> | a_b"))
        \[Heat\](javascript:x) &lt;b&gt;1995&lt;/b&gt; \| a\_b
    """
    return _MARKUP.sub(r"\\\g<0>", html.escape(printable(text), quote=False))


def watch_log(logger: logging.Logger) -> None:
    """Make all messages of ``logger`` pass through :func:`printable`."""
    logger.addFilter(_printable_record)


def _printable_record(record: logging.LogRecord) -> bool:
    text = record.getMessage()
    if _IN_LINES.search(text):
        record.msg, record.args = printable(text, lines=True), None
    return True


def _escape(character: str) -> str:
    number = ord(character)
    if number > 0xFFFF:
        return f"\\U{number:08x}"
    return character.encode("unicode_escape").decode() if number < 0x100 else f"\\u{number:04x}"


def _json_escape(character: str) -> str:
    units = character.encode("utf-16-be", "surrogatepass")
    return "".join(f"\\u{units[place : place + 2].hex()}" for place in range(0, len(units), 2))
