"""Examples to try: spoiled photographs that are part of the package, made by `examples/spoil_photographs.py`."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

_FOLDER = Path(__file__).with_name('example_pictures')
_NAMES = {
    'patches': 'Part of another photograph',
    'graffiti': 'Graffiti',
    'text': 'Text',
    'watermark': 'Watermark',
}


@dataclass(frozen=True)
class Example:
    """A spoiled photograph: its name, and (H, W, 3) uint8 RGB."""

    name: str
    pixels: NDArray[np.uint8]


def make_examples() -> list[Example]:
    """Return the examples, always the same."""
    return [Example(name, _pixels(_FOLDER / f'{file}.jpg')) for file, name in _NAMES.items()]


def _pixels(file: Path) -> NDArray[np.uint8]:
    with Image.open(file) as picture:
        return np.asarray(picture.convert('RGB'))
