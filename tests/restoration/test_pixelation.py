"""What was pixelated on purpose: recognised, marked, and not repaired unless asked for."""

from __future__ import annotations

from collections.abc import Callable

import cv2
import numpy as np
import pytest

from hcl_arch.restoration import Restorer
from hcl_arch.restoration.pixelation import pixelated_regions

BOX = np.s_[30:94, 40:120]


def marked(shape: tuple[int, ...], area: tuple[slice, slice] = BOX) -> np.ndarray:
    mask = np.zeros(shape[:2], np.uint8)
    mask[area] = 255
    return mask


def pixelated(picture: np.ndarray, cell: int, mask: np.ndarray) -> np.ndarray:
    height, width = picture.shape[:2]
    small = cv2.resize(picture, (-(-width // cell), -(-height // cell)), interpolation=cv2.INTER_AREA)
    large = np.repeat(np.repeat(small, cell, axis=0), cell, axis=1)[:height, :width]
    return np.where(mask[..., None] > 0, large, picture)


def jpeg(picture: np.ndarray, quality: int) -> np.ndarray:
    return cv2.imdecode(cv2.imencode('.jpg', picture, [cv2.IMWRITE_JPEG_QUALITY, quality])[1], cv2.IMREAD_COLOR)


@pytest.mark.parametrize('cell', [4, 7, 12, 20])
@pytest.mark.parametrize('quality', [None, 75])
def test_a_pixelated_box_is_recognised(cell: int, quality: int | None, photograph: np.ndarray) -> None:
    mask = marked(photograph.shape)
    picture = pixelated(photograph, cell, mask)
    picture = picture if quality is None else jpeg(picture, quality)
    assert np.array_equal(pixelated_regions(picture, mask), mask > 0)


def test_an_oval_of_any_kind_of_pixels(photograph: np.ndarray) -> None:
    mask = cv2.ellipse(np.zeros(photograph.shape[:2], np.uint8), (80, 60), (40, 34), 0, 0, 360, 255, -1)
    picture = pixelated(photograph, 8, mask)
    for same in (
        picture,
        picture.astype(np.uint16) * 257,
        picture.astype(np.float32) / 255,
        picture[..., 1],
        picture[..., :1],
        np.dstack([picture, mask]),
    ):
        assert np.array_equal(pixelated_regions(same, mask), mask > 0)


def test_each_region_by_itself(photograph: np.ndarray) -> None:
    first, second = marked(photograph.shape, np.s_[10:60, 8:64]), marked(photograph.shape, np.s_[64:112, 80:136])
    found = pixelated_regions(pixelated(photograph, 6, first), first | second)
    assert np.array_equal(found, first > 0)


@pytest.mark.parametrize('name', ['as it is', 'flat', 'noise', 'chequered', 'lines', 'blurred', 'scaled'])
def test_what_is_not_pixelated(name: str, photograph: np.ndarray) -> None:
    mask, picture = marked(photograph.shape), photograph.copy()
    rows, columns = np.mgrid[:64, :80]
    contents = {
        'flat': np.uint8(200),
        'noise': np.random.default_rng(0).integers(0, 256, (64, 80, 3)),
        'chequered': 255 * ((rows // 8 + columns // 8) % 2)[..., None] * np.array([1, 0, 0]),  # a pasted pattern
        'lines': 255 * (rows // 8 % 2)[..., None],
        'blurred': cv2.GaussianBlur(photograph, (0, 0), 6)[BOX],
        'scaled': cv2.resize(photograph[:16, :20], (80, 64), interpolation=cv2.INTER_CUBIC),
    }
    if name in contents:
        picture[BOX] = contents[name]
    assert not pixelated_regions(picture, mask).any()


def test_no_mask_no_region(photograph: np.ndarray) -> None:
    assert not pixelated_regions(photograph, np.zeros(photograph.shape[:2], np.uint8)).any()


@pytest.fixture
def finds(monkeypatch: pytest.MonkeyPatch, fake_restorer: Restorer) -> Callable[[np.ndarray], Restorer]:
    """Function that returns a restorer that finds a mask, whatever it sees."""

    def finder(mask: np.ndarray) -> Restorer:
        confidence = np.where(mask > 0, 0, 1).astype(np.float32)
        monkeypatch.setattr(fake_restorer, '_detect', lambda *_: confidence)
        return fake_restorer

    return finder


def test_is_marked_and_left(photograph: np.ndarray, finds: Callable[[np.ndarray], Restorer]) -> None:
    mask = marked(photograph.shape)
    picture = pixelated(photograph, 8, mask)
    result = finds(mask).restore(picture)
    assert np.array_equal(result.image, picture)
    assert np.array_equal(result.mask, mask)
    assert result.found
    assert result.pixelated == (mask > 0).mean()


def test_what_is_beside_it_is_repaired(photograph: np.ndarray, finds: Callable[[np.ndarray], Restorer]) -> None:
    mask, bar = marked(photograph.shape, np.s_[30:94, 60:130]), marked(photograph.shape, np.s_[10:110, 10:30])
    picture = pixelated(photograph, 8, mask)
    picture[bar > 0] = 0
    result = finds(mask | bar).restore(picture, grow=3)
    changed = (result.image != picture).any(axis=2)
    assert changed[bar > 0].all()
    assert not changed[mask > 0].any()
    assert (result.mask > 0).sum() > (mask | bar > 0).sum()


def test_what_is_excluded_does_not_count(photograph: np.ndarray, finds: Callable[[np.ndarray], Restorer]) -> None:
    mask = marked(photograph.shape)
    result = finds(mask).restore(pixelated(photograph, 8, mask), exclude=mask)
    assert not result.found
    assert result.pixelated == 0


def test_on_demand_it_is_repaired(photograph: np.ndarray, finds: Callable[[np.ndarray], Restorer]) -> None:
    mask = marked(photograph.shape)
    picture = pixelated(photograph, 8, mask)
    restorer = finds(mask)
    for result in (restorer.restore(picture, repair_pixelated=True), restorer.restore(picture, mask=mask)):
        assert (result.image != picture).any()
        assert result.pixelated == 0
