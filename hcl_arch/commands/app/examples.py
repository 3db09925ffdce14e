"""Examples to try: spoiled photographs that are part of the package, made by `examples/spoil_photographs.py`."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from hcl_arch.restoration.photographs.photograph import Photograph, read_photograph

_FOLDER = Path(__file__).with_name('example_pictures')
_NAMES = {
    'date': ('Date stamp', ''),
    'writing': ('Writing', ''),
    'scribble': ('Scribbles', ''),
    'patches': ('Pasted parts', 'A hard one: what large parts hide comes out blurred.'),
}


@dataclass(frozen=True)
class Example:
    """A spoiled photograph, its name, and what is to be said of it."""

    name: str
    photograph: Photograph
    note: str = ''


def make_examples() -> list[Example]:
    """Return the examples, always the same."""
    return [Example(name, read_photograph(_FOLDER / f'{file}.jpg'), note) for file, (name, note) in _NAMES.items()]
