"""Fonts in folders."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

from hcl_arch.data.storage.folder_walk import walk_files

ENDINGS = ('.ttf', '.otf', '.ttc')


def find_fonts(folders: Sequence[str]) -> tuple[Path, ...]:
    """Return the TrueType and OpenType files of folders and their subfolders, sorted within each folder.

    Raises:
        FileNotFoundError: a folder does not exist.
        ValueError: a folder holds no font.
        OSError: a folder cannot be listed.
    """
    fonts: list[Path] = []
    for folder in folders:
        root = os.path.expanduser(folder)
        if not os.path.isdir(root):
            raise FileNotFoundError(f'{folder}: expected a folder of fonts, found none there. Correct the path.')
        names = sorted(name for name in walk_files(root) if name.lower().endswith(ENDINGS))
        if not names:
            raise ValueError(
                f'{folder}: expected fonts ({", ".join(ENDINGS)}), found none. Put some into it, or leave '
                "the option out: letters are drawn with OpenCV's own fonts then."
            )
        fonts.extend(Path(root) / name for name in names)
    return tuple(fonts)
