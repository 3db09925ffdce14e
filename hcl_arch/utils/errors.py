"""The base of this package's errors."""

from __future__ import annotations


class HCLError(Exception):
    """The base of all errors that this package raises for what it was given: files, options, arguments."""


class InputError(HCLError, ValueError):
    """An argument or an array is not as expected; the message begins with its name."""


class ComputationError(HCLError, RuntimeError):
    """A network computed values that cannot be used."""
