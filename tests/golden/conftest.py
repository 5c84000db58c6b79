"""The script that made the files of version 0.1 runs with that version alone."""

collect_ignore = ["version-0.1/make.py"]
