"""Several models under one protocol."""
