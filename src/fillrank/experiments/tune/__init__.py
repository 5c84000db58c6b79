"""Settings searched on the validation part; the plan, the trials and their record."""
