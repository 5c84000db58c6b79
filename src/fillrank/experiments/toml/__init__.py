"""Read and write TOML plans and JSON records, with checks of all keys and types."""
