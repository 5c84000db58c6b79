"""Studies: published tables and the runs that answer to them; records as Markdown."""

from fillrank.experiments.reproduce.study import Entry, Study, Task, read_study, studies

__all__ = ["Entry", "Study", "Task", "read_study", "studies"]
