"""Write the tables and pictures of README.md and docs/ anew from records and recipes: ``python docs/refresh.py``."""

import json
import sys
from pathlib import Path

from pictures import draw_all
from settings import fill_settings

from fillrank.experiments.reproduce.markdown import fill_tables
from fillrank.report.plots import accuracy_against_coverage

root = Path(__file__).parents[1]
for page in (root / "README.md", *sorted((root / "docs").rglob("*.md"))):
    text = fill_settings(fill_tables(page.read_text(encoding="utf-8"), root))
    page.write_text(text, encoding="utf-8")
if "--tables" in sys.argv[1:]:  # the tables alone: no picture has changed
    sys.exit()
record = json.loads((root / "experiments" / "movielens-small.json").read_text(encoding="utf-8"))
accuracy_against_coverage(record, root / "docs" / "images" / "coverage.png")
draw_all()
