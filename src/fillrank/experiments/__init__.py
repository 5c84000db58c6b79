"""Experiments as files: runs, comparisons, sweeps and studies, and the records they leave."""
