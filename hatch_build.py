"""What the package's own description is on an index: README.md without what only works inside the repository.

A relative link or picture leads nowhere there, and the repository's address is not for this file to know. So a link
becomes its text and a picture its description.
"""

from __future__ import annotations

import re
from pathlib import Path

try:
    from hatchling.metadata.plugin.interface import MetadataHookInterface
except ImportError:  # the functions below do without
    MetadataHookInterface = object

ELSEWHERE = re.compile(r"(?:[a-z][a-z0-9+.-]*:|//)", re.IGNORECASE)
FENCE = re.compile(r"^(`{3,}|~{3,}).*?^\1[^\S\n]*$", re.MULTILINE | re.DOTALL)
INLINE_CODE = re.compile(r"(`+)(?!`).+?(?<!`)\1(?!`)", re.DOTALL)
LINK = re.compile(
    r"(?P<picture>!?)\[(?P<text>(?:\\.|!\[[^\]]*\]\([^)]*\)|[^\]\\])*)\]"
    r"\(\s*<?(?P<target>[^)\s>]*)>?(?:\s+(?:\"[^\"]*\"|'[^']*'))?\s*\)"
)
REFERENCE = re.compile(r"^ {0,3}\[[^\]^]+\]:\s*<?(?P<target>\S+?)>?(?:\s+.*)?$\n?", re.MULTILINE)
REFERRED = re.compile(r"!?\[(?P<text>[^\]]*)\]\[[^\]]*\]")
TAG = re.compile(r"<(?P<name>img|a|source)\b(?P<rest>[^>]*)>", re.IGNORECASE)
ATTRIBUTE = re.compile(r"(?P<name>src|srcset|href|alt)\s*=\s*[\"'](?P<value>[^\"']*)[\"']", re.IGNORECASE)


class DescriptionHook(MetadataHookInterface):
    """Gives the build the description that an index can show."""

    PLUGIN_NAME = "custom"

    def update(self, metadata: dict) -> None:
        text = (Path(self.root) / "README.md").read_text(encoding="utf-8")
        metadata["readme"] = {"content-type": "text/markdown", "text": for_an_index(text)}


def for_an_index(markdown: str) -> str:
    """The text with links and pictures that are not of elsewhere put into words; code stays as it is.

    >>> for_an_index("See [the page](docs/a.md), ![a curve](b.png) and [more](https://example.org/c); `[d](e)`.")
    'See the page, a curve and [more](https://example.org/c); `[d](e)`.'
    """
    kept = list(FENCE.finditer(markdown))
    outside, start = [], 0
    for fence in kept:
        outside.append(_prose(markdown[start : fence.start()]))
        outside.append(fence.group())
        start = fence.end()
    return "".join([*outside, _prose(markdown[start:])])


def _prose(text: str) -> str:
    pieces, start = [], 0
    for code in INLINE_CODE.finditer(text):
        pieces += [text[start : code.start()], code.group()]
        start = code.end()
    pieces.append(text[start:])
    codes = pieces[1::2]
    held = "".join(piece if place % 2 == 0 else f"\0{place // 2}\0" for place, piece in enumerate(pieces))
    if any(not _is_elsewhere(found["target"]) for found in REFERENCE.finditer(held)):
        held = REFERRED.sub(lambda found: found["text"], REFERENCE.sub("", held))
    before = None
    while before != held:  # a picture may stand in a link
        before, held = held, LINK.sub(_in_words, held)
    held = TAG.sub(_tag_in_words, held)
    return re.sub("\0(\\d+)\0", lambda found: codes[int(found[1])], held)


def _is_elsewhere(target: str) -> bool:
    return ELSEWHERE.match(target) is not None


def _in_words(found: re.Match[str]) -> str:
    return found.group() if _is_elsewhere(found["target"]) else found["text"]


def _tag_in_words(found: re.Match[str]) -> str:
    attributes = {one["name"].lower(): one["value"] for one in ATTRIBUTE.finditer(found["rest"])}
    target = attributes.get("src") or attributes.get("href") or attributes.get("srcset")
    return found.group() if target is None or _is_elsewhere(target) else attributes.get("alt", "")
