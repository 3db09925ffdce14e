"""The error of the report's user."""

from __future__ import annotations


class ReportError(Exception):
    """Something that the user has to mend; its message says what."""
