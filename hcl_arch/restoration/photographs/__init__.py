"""Photograph files: reading, writing, metadata."""
