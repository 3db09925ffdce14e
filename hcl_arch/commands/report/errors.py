"""The error for users of the report."""

from __future__ import annotations

from hcl_arch.utils.errors import HCLError


class ReportError(HCLError):
    """An error that the user has to fix; the message says what."""
