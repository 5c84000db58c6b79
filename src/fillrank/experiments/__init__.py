"""Experiments as TOML files: runs, comparisons, tuning and studies, and their records."""
