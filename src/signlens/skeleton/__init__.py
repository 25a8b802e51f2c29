"""Poses to the 27-node skeleton, its streams, windows and augmentation: pure NumPy."""
