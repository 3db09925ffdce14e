"""What the everyday benchmark does to photographs, and what it says of where it did."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest
from everyday.canvas import Spoiled
from everyday.degradations import degraded
from everyday.kinds import KINDS, spoil
from everyday.lettering import AILERON, lettering
from numpy.typing import NDArray
from PIL import Image

OPAQUE = ('bars', 'scribbles', 'stickers', 'captions', 'date_stamps', 'mosaic', 'lost_blocks', 'hard_paste')
TRANSLUCENT = ('single_mark', 'tiled_marks', 'scratches')
ALL = (*OPAQUE, *TRANSLUCENT, 'soft_paste')
# Least and greatest share of corrupted pixels at 200 x 300 pixels.
SHARES = {
    'bars': (0.002, 0.4), 'scribbles': (0.002, 0.3), 'stickers': (0.005, 0.4), 'captions': (0.002, 0.5),
    'date_stamps': (0.002, 0.06), 'single_mark': (0.002, 0.25), 'tiled_marks': (0.01, 0.4), 'mosaic': (0.01, 0.45),
    'lost_blocks': (0.01, 0.5), 'scratches': (0.002, 0.15), 'hard_paste': (0.03, 0.26), 'soft_paste': (0.03, 0.25),
}  # fmt: skip

Picture = NDArray[np.uint8]


def visibly_changed(before: Picture, after: Picture) -> NDArray[np.bool_]:
    difference = before.astype(int) - after.astype(int)
    return (difference >= 4).any(axis=2) | (difference <= -4).any(axis=2)


def test_names() -> None:
    assert sorted(KINDS) == sorted(ALL)


@pytest.mark.parametrize('kind', ALL)
def test_is_the_same_every_time(kind: str, picture: Picture, donor: Picture) -> None:
    before = picture.copy()
    first, again, other = (spoil(kind, picture, index=index, donor=donor) for index in (5, 5, 6))
    assert np.array_equal(first.picture, again.picture)
    assert np.array_equal(first.mask, again.mask)
    assert not np.array_equal(first.picture, other.picture)
    assert not np.array_equal(first.picture, spoil(kind, picture, index=5, seed=1, donor=donor).picture)
    assert np.array_equal(picture, before)


@pytest.mark.parametrize('kind', ALL)
def test_share_and_types(kind: str, picture: Picture, donor: Picture) -> None:
    least, most = SHARES[kind]
    for index in range(6):
        spoiled = spoil(kind, picture, index=index, donor=donor)
        assert (spoiled.picture.dtype, spoiled.picture.shape) == (np.uint8, (200, 300, 3))
        assert (spoiled.mask.dtype, spoiled.mask.shape) == (bool, (200, 300))
        assert least <= spoiled.mask.mean() <= most


@pytest.mark.parametrize('kind', OPAQUE)
def test_nothing_changes_outside_opaque_shapes(kind: str, picture: Picture, donor: Picture) -> None:
    for index in range(6):
        spoiled = spoil(kind, picture, index=index, donor=donor)
        changed = visibly_changed(picture, spoiled.picture)
        assert not changed[~spoiled.mask].any()
        assert changed[spoiled.mask].mean() > 0.3


@pytest.mark.parametrize('kind', OPAQUE)
@pytest.mark.parametrize('level', [0, 128, 255])
def test_opaque_shapes_count_where_they_hide_nothing(kind: str, level: int) -> None:
    flat = np.full((200, 300, 3), level, np.uint8)
    for index in range(3):
        assert spoil(kind, flat, index=index, donor=flat).mask.any()


@pytest.mark.parametrize('kind', ['mosaic', 'lost_blocks'])
def test_blocks_are_those_of_any_picture(kind: str, picture: Picture) -> None:
    for index in range(6):
        masks = [spoil(kind, each, index=index).mask for each in (picture, np.zeros_like(picture))]
        assert np.array_equal(*masks)


@pytest.mark.parametrize('kind', TRANSLUCENT)
def test_translucent_marks_count_exactly_where_visible(kind: str, picture: Picture) -> None:
    for index in range(6):
        spoiled = spoil(kind, picture, index=index)
        assert np.array_equal(spoiled.mask, visibly_changed(picture, spoiled.picture))


@pytest.mark.parametrize('kind', ['single_mark', 'tiled_marks'])
def test_marks_are_translucent(kind: str) -> None:
    gray = np.full((200, 300, 3), 128, np.uint8)
    for index in range(6):
        changes = np.abs(spoil(kind, gray, index=index).picture.astype(int) - 128)
        assert 4 <= changes.max() <= 0.5 * 128 + 1


def test_soft_paste_counts_from_half_on() -> None:
    black, white = np.zeros((200, 300, 3), np.uint8), np.full((200, 300, 3), 255, np.uint8)
    for index in range(6):
        spoiled = spoil('soft_paste', black, index=index, donor=white)
        levels = spoiled.picture[..., 0] / spoiled.picture.max()
        assert spoiled.mask[levels > 0.53].all()
        assert not spoiled.mask[levels < 0.47].any()
        assert ((levels > 0.1) & (levels < 0.9)).any()


def test_date_stamps_are_in_corners(picture: Picture) -> None:
    for index in range(8):
        mask = spoil('date_stamps', picture, index=index).mask
        rows, columns = np.flatnonzero(mask.any(1)), np.flatnonzero(mask.any(0))
        assert min(rows[0], 199 - rows[-1]) <= 0.11 * 200
        assert min(columns[0], 299 - columns[-1]) <= 0.11 * 200


@pytest.mark.parametrize('kind', ALL)
def test_small_pictures(kind: str, picture: Picture) -> None:
    small = picture[:16, :16]
    for index in range(4):
        spoiled = spoil(kind, small, index=index, donor=picture[50:66, 50:66])
        assert spoiled.picture.shape == (16, 16, 3)
        assert spoiled.mask.shape == (16, 16)
    with pytest.raises(ValueError, match='at least 16 pixels a side, got 15 x 16'):
        spoil(kind, picture[:16, :15], index=0, donor=picture)


def test_errors(picture: Picture) -> None:
    with pytest.raises(ValueError, match=r'\(H, W, 3\) of uint8, got \(200, 300\)'):
        spoil('bars', picture[..., 0], index=0)
    with pytest.raises(ValueError, match='expected one of .*tiled_marks.*clean, got .rust'):
        spoil('rust', picture, index=0)
    with pytest.raises(ValueError, match='soft_paste needs another photograph'):
        spoil('soft_paste', picture, index=0)


def test_clean_is_left_alone(picture: Picture) -> None:
    sample = spoil('clean', picture, index=0)
    assert np.array_equal(sample.picture, picture)
    assert not sample.mask.any()


def test_half_by_hand() -> None:
    picture = np.zeros((4, 4, 3), np.uint8)
    picture[:2, :2] = [[[10], [20]], [[30], [40]]]
    picture[2:, 2:] = 200
    mask = np.zeros((4, 4), bool)
    mask[0, :2] = True  # half of the first block
    mask[0, 2] = True  # a quarter of the second
    mask[2:, 2:] = True
    half = degraded('half', Spoiled(picture, mask), np.random.default_rng(0))
    assert half.picture[..., 0].tolist() == [[25, 0], [0, 200]]
    assert half.mask.tolist() == [[True, False], [False, True]]


def test_half_of_odd_sides() -> None:
    half = degraded('half', Spoiled(np.full((5, 7, 3), 9, np.uint8), np.ones((5, 7), bool)), np.random.default_rng(0))
    assert half.picture.shape == (2, 3, 3)
    assert (half.picture == 9).all()
    assert half.mask.all()


def test_noise_and_jpeg(picture: Picture, tmp_path: Path) -> None:
    mask = np.zeros(picture.shape[:2], bool)
    gray = np.full_like(picture, 128)
    noisy = degraded('noise5', Spoiled(gray, mask), np.random.default_rng(3)).picture
    assert abs((noisy - 128.0).std() - 5) < 0.1
    assert abs((noisy - 128.0).mean()) < 0.1
    for quality in (75, 50):
        Image.fromarray(picture).save(tmp_path / 'saved.jpg', quality=quality)
        sample = degraded(f'jpeg{quality}', Spoiled(picture, mask), np.random.default_rng(0))
        assert np.array_equal(sample.picture, np.array(Image.open(tmp_path / 'saved.jpg')))
        assert sample.mask is mask
    with pytest.raises(ValueError, match='expected one of none, jpeg75.*got .jpeg3'):
        degraded('jpeg3', Spoiled(picture, mask), np.random.default_rng(0))


def test_shares_nothing_with_the_training_data(repository: Path) -> None:
    for path in (repository / 'benchmarks' / 'everyday').glob('*.py'):
        assert not re.search(r'hcl_arch\.data|from hcl_arch', path.read_text('utf-8')), path.name


def test_letters_that_a_font_lacks_come_from_another() -> None:
    stamps = [np.asarray(lettering(text, AILERON, 20)) for text in ('ФОТО', 'БАНК', 'MAMA')]
    assert np.array_equal(stamps[0], np.asarray(lettering('ФОТО', 'DejaVuSans', 20)))
    assert stamps[0].shape != stamps[1].shape  # boxes for unknown letters would all be alike
    assert not np.array_equal(stamps[2], np.asarray(lettering('MAMA', 'DejaVuSans', 20)))
