"""A log on a disk: built from files of any number under a limit of memory, and read through memory maps.

module     what it does
budget     how much memory a build may take, and what of it DuckDB gets
staging    ``DiskCollector``: cleaned rows go to files on the disk, as they are read
sorting    DuckDB numbers the ids and sorts the rows
arrays     writes columns as NumPy files, piece by piece
by_item    the same rows in the order of (item, user)
manifest   ``manifest.json``: what the store holds, and a digest of each of its files
build      ``write_store``: from files to a store
stored     ``open_store``: from a store to a log
writing    sorted rows become the columns of a log, repeated pairs merged
"""
