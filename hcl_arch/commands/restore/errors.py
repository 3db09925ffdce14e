"""Errors of the command's user."""

from __future__ import annotations


class CommandError(Exception):
    """Something that the user has to mend before anything can be begun; its message says what."""


class ImageError(Exception):
    """One image cannot be done; its message says why, without the image's name."""
