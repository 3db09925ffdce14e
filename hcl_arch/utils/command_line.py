"""What the command lines of all commands share."""

from __future__ import annotations

import argparse
from typing import Any


def whole_number(least: int, most: int | None = None) -> Any:
    """Return an argparse type for whole numbers of at least `least` and, if given, at most `most`."""
    words = f'of at least {least}' if most is None else f'from {least} to {most}'

    def parse(text: str) -> int:
        try:
            number = int(text)
        except ValueError:
            number = least - 1
        if number < least or (most is not None and number > most):
            raise argparse.ArgumentTypeError(f"expected a whole number {words}, got '{text}'")
        return number

    return parse
