"""Write the tables and pictures of README.md and docs/ anew from the records: ``python docs/refresh.py``."""

import json
from pathlib import Path

from pictures import draw_all

from fillrank.experiments.reproduce.markdown import fill_tables
from fillrank.report.plots import accuracy_against_coverage

root = Path(__file__).parents[1]
for page in (root / "README.md", *sorted((root / "docs").rglob("*.md"))):
    page.write_text(fill_tables(page.read_text(encoding="utf-8"), root), encoding="utf-8")
record = json.loads((root / "experiments" / "movielens-small.json").read_text(encoding="utf-8"))
accuracy_against_coverage(record, root / "docs" / "images" / "coverage.png")
draw_all()
