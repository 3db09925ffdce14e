"""Shared utilities: files, YAML, option errors, image headers and decoding, precision, random state."""
