r"""Text from outside on its way to a terminal: what would steer it, or hide, is shown escaped.

Titles, ids, cells of tables, names of files and columns may hold anything, such as ESC sequences that change the title
of a window or write to the clipboard, marks that turn the direction of what follows, or letters of no width. All that
is shown to people passes through :func:`printable`; what goes to files and into JSON keeps its meaning.
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
    r"""``text`` with what would steer a terminal, or hide, as an escape that Python would write.

    Args:
        text: anything with a text.
        lines: it has lines and tabs of its own.

    Example:
        >>> printable("Heat \x1b[31m\u202e(1995)"), printable("two\nlines")
        ('Heat \\x1b[31m\\u202e(1995)', 'two\\nlines')
        >>> printable("Amélie 日本 ♥ [/x]")
        'Amélie 日本 ♥ [/x]'
    """
    return (_IN_LINES if lines else _IN_A_LINE).sub(lambda found: _escape(found[0]), str(text))


def printable_json(document: str) -> str:
    r"""A JSON document that shows the same characters escaped, as JSON writes them: it means what it meant.

    Example:
        >>> print(printable_json('{"title": "\u202eHeat"}'))
        {"title": "\u202eHeat"}
    """
    return _IN_LINES.sub(lambda found: _json_escape(found[0]), document)


def shown(text: Any) -> Text:
    """``text`` for a table or a line of rich's: printable, and nothing in it is taken for markup or for an emoji."""
    from rich.text import Text

    return Text(printable(text))


def in_markdown(text: Any) -> str:
    r"""``text`` in a page of Markdown, as itself: no markup, no HTML, no end of a cell of a table.

    Example:
        >>> print(in_markdown("[Heat](javascript:x) <b>1995</b> | a_b"))
        \[Heat\](javascript:x) &lt;b&gt;1995&lt;/b&gt; \| a\_b
    """
    return _MARKUP.sub(r"\\\g<0>", html.escape(printable(text), quote=False))


def watch_log(logger: logging.Logger) -> None:
    """Let all messages of ``logger`` pass through :func:`printable`."""
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
