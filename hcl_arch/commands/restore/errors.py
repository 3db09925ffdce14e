"""Errors for users of the command."""

from __future__ import annotations


class CommandError(Exception):
    """An error that the user has to fix before the run can start; the message says what."""


class ImageError(Exception):
    """One image cannot be processed; the message says why, without the image's name."""
