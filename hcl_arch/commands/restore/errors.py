"""Errors for users of the command."""

from __future__ import annotations

from hcl_arch.utils.errors import HCLError


class CommandError(HCLError):
    """An error that the user has to fix before the run can start; the message says what."""


class ImageError(HCLError):
    """One image cannot be processed; the message says why, without the image's name."""
