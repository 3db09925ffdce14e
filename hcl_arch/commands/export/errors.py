"""The error of all exports."""

from __future__ import annotations


class ExportError(ValueError):
    """A model cannot be exported; one line that says why and what to do."""
