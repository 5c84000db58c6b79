"""Settings searched on the validation part; the trials of a sweep and its record."""
