"""LMDBs whose data file is one, unlike those of `tests.example_options`, which is only there."""

from __future__ import annotations

from pathlib import Path

import lmdb

from tests.example_options import IMAGES, make_lmdb


def fill_lmdbs(root: Path) -> None:
    """Give every LMDB below a folder an empty environment in place of its empty file."""
    for file in sorted(root.rglob('data.mdb')):
        if not file.stat().st_size:
            file.unlink()
            lmdb.open(str(file.parent), map_size=2**20).close()


def make_sound_lmdb(folder: Path, count: int = IMAGES) -> str:
    """As `make_lmdb`, with an environment."""
    path = make_lmdb(folder, count)
    fill_lmdbs(folder)
    return path
