"""The error of everything that reads or writes models."""

from __future__ import annotations


class ModelFileError(ValueError):
    """A model is not there or cannot be used; one line that names it, says what was expected and what to do."""
