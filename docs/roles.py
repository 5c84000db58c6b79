"""Docstrings as the site shows them: their Sphinx roles and literal blocks become Markdown (an extension of griffe)."""

import re
from typing import Any

from griffe import Extension, Object

ROLE = re.compile(r":(?:py:)?(?:func|class|meth|mod|data|attr|exc|obj):`(?:[^`<]*<)?(?P<target>~?[\w.]+)>?`")
LITERAL = re.compile(r"(?m)(?P<word>\S?)::[ \t]*$")
BARE = re.compile(r"(?m)^>>> .*(?:\n.+)*")
EXAMPLE = re.compile(r"(?m)^Example:[ \t]*$")


def in_markdown(text: str) -> str:
    """``text`` with roles as references, each a link where the site has the name and plain code where it has not.

    >>> in_markdown("See :func:`fillrank.read`.")
    'See <autoref identifier="fillrank.read" optional><code>fillrank.read</code></autoref>.'
    """

    def reference(match: re.Match[str]) -> str:
        target = match["target"]
        shown = target.rsplit(".", 1)[-1] if target.startswith("~") else target
        return f'<autoref identifier="{target.lstrip("~")}" optional><code>{shown.lstrip("~")}</code></autoref>'

    text = LITERAL.sub(lambda match: f"{match['word']}:" if match["word"] else "", text)
    text = BARE.sub(lambda match: f"```pycon\n{match[0]}\n```", text)
    return ROLE.sub(reference, EXAMPLE.sub("Examples:", text))


class Roles(Extension):
    """Rewrite each docstring once, before it is parsed."""

    def on_instance(self, *, obj: Object, **_: Any) -> None:
        """Called by griffe for each module, class, function and attribute that it has read."""
        if obj.docstring:
            obj.docstring.value = in_markdown(obj.docstring.value)
