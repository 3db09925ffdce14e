"""The error of reading and writing models."""

from __future__ import annotations


class ModelFileError(ValueError):
    """A model is missing or unusable; one line that names it, what was expected and what to do."""
