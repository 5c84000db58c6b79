"""Basic services: seeds, threads, devices, processes, interruption, progress, paths, and safe writing of files.

Nothing here knows about matrices or models. Import the modules by their own names, so that code which does not need
PyTorch does not load it.
"""
