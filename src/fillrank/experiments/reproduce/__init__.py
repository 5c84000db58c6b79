"""Studies: published tables and the runs that answer to them; records as Markdown."""
