"""Experiments as files: runs, comparisons, tuning and studies, and the records they leave."""
