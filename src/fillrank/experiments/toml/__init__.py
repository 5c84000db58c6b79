"""TOML and JSON in and out: plans that are read, records whose every key has its kind."""
