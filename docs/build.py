"""Build the site into site/: ``make site``.

The pages are staged in build/docs first, because a site is no repository: files outside docs/ that a page links to
(plans, records) come along under files/, and formulas become MathML, so that no page needs a script or another host.
Beside the pages stand llms.txt, which lists them, and llms-full.txt, which holds them.
"""

import os
import re
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]
DOCS, STAGED, SITE = ROOT / "docs", ROOT / "build" / "docs", ROOT / "site"
CONFIG = tomllib.loads((ROOT / "zensical.toml").read_text(encoding="utf-8"))["project"]
LINK = re.compile(r"(?<=\]\()(?!\w+:)(?P<file>[^)\s#]+)")
FORMULA = re.compile(r'<(span|div) class="arithmatex">\\[(\[](?P<tex>.*?)\\[)\]]</\1>', re.DOTALL)


def navigation(entries: list[Any], section: str = "") -> Iterator[tuple[str, str]]:
    """Every page of the navigation with the section of the first level that it stands in."""
    for entry in entries:
        if isinstance(entry, str):
            yield section, entry
            continue
        for title, content in entry.items():
            if isinstance(content, str):
                yield section, content
            else:
                yield from navigation(content, section or title)


def stage() -> None:
    """Copy the pages and their pictures, and what they link to outside docs/."""
    shutil.rmtree(STAGED, ignore_errors=True)
    shutil.copytree(DOCS, STAGED, ignore=shutil.ignore_patterns("*.py", "__pycache__"))
    for page in STAGED.rglob("*.md"):
        home = DOCS / page.relative_to(STAGED).parent

        def moved(match: re.Match[str], page: Path = page, home: Path = home) -> str:
            target = Path(os.path.normpath(home / match["file"]))
            if target.is_relative_to(DOCS) or not target.is_file():
                return match["file"]
            copy = STAGED / "files" / target.relative_to(ROOT)
            copy.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(target, copy)
            return Path(os.path.relpath(copy, page.parent)).as_posix()

        page.write_text(LINK.sub(moved, page.read_text(encoding="utf-8")), encoding="utf-8")


def with_mathml(page: str) -> str:
    """A built page with its formulas as MathML."""
    from latex2mathml.converter import convert

    def formula(match: re.Match[str]) -> str:
        display = "block" if match[1] == "div" else "inline"
        tex = match["tex"].replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&")
        return str(convert(tex, display=display))

    return FORMULA.sub(formula, page)


def llms_txt() -> str:
    """The list of the pages for language models (llmstxt.org): title, address and first sentence of each."""
    lines, last = [f"# {CONFIG['site_name']}", "", f"> {CONFIG['site_description']}"], None
    for section, name in navigation(CONFIG["nav"]):
        if section != last:
            lines += ["", f"## {section}", ""] if section else [""]
            last = section
        text = (DOCS / name).read_text(encoding="utf-8")
        title = text.splitlines()[0].removeprefix("# ").replace("`", "")
        body = re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", text.partition("\n")[2].strip().partition("\n\n")[0])
        sentence = re.split(r"(?<=[.?:])\s", " ".join(body.split()), maxsplit=1)[0] if body[:1].isalpha() else ""
        lines.append(f"- [{title}]({name.removesuffix('.md')}.html){': ' + sentence if sentence else ''}")
    return "\n".join(lines) + "\n"


def llms_full_txt() -> str:
    """Every page but those that are written from docstrings, one after another."""
    names = [name for _, name in navigation(CONFIG["nav"]) if "/api/" not in name]
    return "\n\n".join((DOCS / name).read_text(encoding="utf-8").strip() for name in names) + "\n"


def main() -> int:
    """Build; the exit code is 1 where the generator warned of anything."""
    stage()
    shutil.rmtree(SITE, ignore_errors=True)
    done = subprocess.run(
        [sys.executable, "-m", "zensical", "build", "--clean", "--strict"],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    sys.stderr.write(done.stdout)
    if done.returncode or re.search(r"(?im)^\W*(warning|error|griffe:)", done.stdout):
        return 1
    for page in SITE.rglob("*.html"):
        page.write_text(with_mathml(page.read_text(encoding="utf-8")), encoding="utf-8")
    (SITE / "llms.txt").write_text(llms_txt(), encoding="utf-8")
    (SITE / "llms-full.txt").write_text(llms_full_txt(), encoding="utf-8")
    sys.stderr.write(f"open {(SITE / 'index.html').relative_to(ROOT)}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
