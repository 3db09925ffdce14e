"""Templates of file names, such as '{}_rain', by which images of different folders are matched."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass


@dataclass(frozen=True)
class NameTemplate:
    """The form of an image's name within its folder, without extension.

    '{}' stands for the stem, which all images of a sample have in common; '*', once at most, for other text. Each is
    at least one character, the first of them as few as possible: '{}-*' splits a name at its first '-'.

    Args:
        text: the template.

    Raises:
        ValueError: the text has another form.
    """

    text: str = '{}'

    def __post_init__(self) -> None:
        others = self.text.replace('{}', '', 1).replace('*', '', 1)
        if '{}' not in self.text or any(char in others for char in '{}*/'):
            raise ValueError(f"a template of names with one '{{}}', at most one '*' and no '/', such as '{{}}_clean', "
                             f"got '{self.text}'")

    @property
    def has_star(self) -> bool:
        """Say whether there is a '*'."""
        return '*' in self.text

    def parse(self, name: str) -> tuple[str, str, str] | None:
        """Return folder, stem and other text ('' without a '*') of a relative name, None if it has another form."""
        folder, base = os.path.split(name)
        pattern = re.escape(self.text).replace(re.escape('{}'), '(?P<stem>.+?)')
        pattern = pattern.replace(re.escape('*'), '(?P<rest>.+?)')
        match = re.fullmatch(pattern, base)
        return None if match is None else (folder, match['stem'], match['rest'] if self.has_star else '')

    def fill(self, folder: str, stem: str, rest: str) -> str:
        """Return the relative name; the inverse of `parse`."""
        # The star first would be looked for in the stem too.
        before, _, after = self.text.partition('{}')
        base = before.replace('*', rest) + stem + after.replace('*', rest)
        return f'{folder}/{base}' if folder else base
