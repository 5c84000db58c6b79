"""A run as data: comparisons, plans, records."""
