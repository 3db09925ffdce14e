from __future__ import annotations

import pickle
from pathlib import Path

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from hcl_arch.data.corruptions import picture_cache
from hcl_arch.data.corruptions.picture_cache import PictureCache
from hcl_arch.data.storage.image_source import ImageSource


def write(folder: Path, name: str, rgba: NDArray[np.uint8]) -> None:
    folder.mkdir(exist_ok=True)
    cv2.imwrite(str(folder / name), cv2.cvtColor(rgba, cv2.COLOR_RGBA2BGRA))


def test_shrinking_weighs_colours_by_alpha(tmp_path: Path) -> None:
    """An opaque red column beside a transparent green one: half transparent, but red all the same."""
    rgba = np.zeros((8, 16, 4), np.uint8)
    rgba[:] = 0, 255, 0, 0
    rgba[:, ::4] = rgba[:, 3::4] = 200, 0, 0, 255
    write(tmp_path / 'p', 'x.png', rgba)
    picture = PictureCache(ImageSource(str(tmp_path / 'p')), longest_side=8)(0)
    assert picture.shape == (4, 8, 4)
    assert (picture == (200, 0, 0, 128)).all()


def test_small_and_transparent_pictures(tmp_path: Path) -> None:
    write(tmp_path / 'p', 'a.png', np.full((4, 6, 4), 7, np.uint8))
    write(tmp_path / 'p', 'b.png', np.zeros((400, 1, 4), np.uint8))
    read = PictureCache(ImageSource(str(tmp_path / 'p')), longest_side=8)
    assert (read(0) == np.full((4, 6, 4), 7)).all()
    assert read(1).shape == (1, 1, 4)
    assert not read(1).any()


def test_transparent_margins_are_cut_off_before_shrinking(tmp_path: Path) -> None:
    rgba = np.zeros((60, 90, 4), np.uint8)
    rgba[20:23, 50:55] = 9, 8, 7, 255
    write(tmp_path / 'p', 'x.png', rgba)
    picture = PictureCache(ImageSource(str(tmp_path / 'p')), longest_side=30)(0)
    assert picture.shape == (3, 5, 4)
    assert (picture == (9, 8, 7, 255)).all()


def test_pictures_are_read_once_and_the_oldest_is_dropped(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(picture_cache, 'KEPT_PICTURES', 2)
    for name in 'abc':
        write(tmp_path / 'p', f'{name}.png', np.full((2, 2, 4), ord(name), np.uint8))
    source = ImageSource(str(tmp_path / 'p'))
    reads: list[int] = []
    original = source.read_rgba
    monkeypatch.setattr(source, 'read_rgba', lambda index: reads.append(index) or original(index))
    read = PictureCache(source, longest_side=8)
    for index in (0, 1, 0, 2, 0, 1):
        assert (read(index) == ord('abc'[index])).all()
    assert reads == [0, 1, 2, 1]  # 0 was used again before 2 came, so that 1 had to go


def test_what_is_kept_is_not_pickled(tmp_path: Path) -> None:
    write(tmp_path / 'p', 'x.png', np.random.default_rng(0).integers(0, 256, (99, 99, 4)).astype(np.uint8))
    read = PictureCache(ImageSource(str(tmp_path / 'p')), longest_side=99)
    empty = len(pickle.dumps(read))
    picture = read(0)
    assert len(pickle.dumps(read)) == empty
    assert np.array_equal(pickle.loads(pickle.dumps(read))(0), picture)
