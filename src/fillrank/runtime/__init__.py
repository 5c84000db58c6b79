"""What all else stands on: seeds, threads, devices, processes, interruption, progress, files that are whole or absent.

Nothing here knows what a matrix is. Modules are imported by their own names, so that what needs no PyTorch loads none.
"""
