"""The error of all exports."""

from __future__ import annotations

from hcl_arch.utils.errors import HCLError


class ExportError(HCLError, ValueError):
    """A model cannot be exported; one line that says why and what to do."""
