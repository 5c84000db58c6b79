"""The data of an experiment: opened by name or path, split, and subsampled."""
