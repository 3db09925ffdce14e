"""The error for users of the report."""

from __future__ import annotations


class ReportError(Exception):
    """An error that the user has to fix; the message says what."""
