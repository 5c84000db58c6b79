"""Studies: reproduce published tables by runs of models; records as JSON and Markdown."""

from fillrank.experiments.reproduce.study import Entry, Study, Task, read_study, studies

__all__ = ["Entry", "Study", "Task", "read_study", "studies"]
