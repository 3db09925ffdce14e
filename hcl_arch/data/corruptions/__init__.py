"""Corruptions of images: the paper's kinds here, everyday kinds in `everyday`."""
