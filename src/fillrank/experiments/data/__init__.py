"""Which data an experiment works on: opened by name or path, split, a part of it kept."""
