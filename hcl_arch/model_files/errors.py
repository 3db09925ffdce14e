"""The error of reading and writing models."""

from __future__ import annotations

from hcl_arch.utils.errors import HCLError


class ModelFileError(HCLError, ValueError):
    """A model is missing or unusable; one line that names it, what was expected and what to do."""
