"""The host device: generated kernels on the CPU, from the very source that a card would run.

Nothing is imported here: kernels are compiled by a C++ compiler, which only a test machine needs.
"""
