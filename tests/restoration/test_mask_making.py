"""Masks of rectangles and of templates, and what is excluded from any."""

from __future__ import annotations

import numpy as np
import pytest

from hcl_arch.restoration.mask_making import region_mask, template_mask
from hcl_arch.restoration.restorer import Restorer
from hcl_arch.utils.regions import Length, Region

LOGO = np.array([[1, 1, 1], [1, 0, 0]], np.uint8)


def box(mask: np.ndarray) -> tuple[int, int, int, int]:
    """x, y, width and height of what is marked, a rectangle."""
    rows, columns = np.nonzero(mask)
    height, width = int(np.ptp(rows)) + 1, int(np.ptp(columns)) + 1
    assert len(rows) == height * width
    return int(columns.min()), int(rows.min()), width, height


@pytest.mark.parametrize(
    ('text', 'expected'),
    [
        ('3,4,10,5', (3, 4, 10, 5)),
        ('0,90%,100%,10%', (0, 27, 40, 3)),
        ('10%, 10%, 12.5%, 2', (4, 3, 5, 2)),
        ('1%,1%,1%,1%', (0, 0, 1, 1)),  # what it touches
        ('35,28,100,100', (35, 28, 5, 2)),
    ],
)
def test_regions(text: str, expected: tuple[int, int, int, int]) -> None:
    assert box(region_mask([Region.parse(text)], 30, 40)) == expected


def test_regions_add_up_and_lie_inside() -> None:
    both = region_mask([Region.parse('0,0,2,2'), Region.parse('1,1,2,2')], 30, 40)
    assert np.count_nonzero(both) == 7
    with pytest.raises(ValueError, match='outside of the 40 x 30 pixels'):
        region_mask([Region.parse('40,0,5,5')], 30, 40)


@pytest.mark.parametrize(
    'text', ['', '1,2,3', '1,2,3,4,5', '-1,0,5,5', '0,0,0,5', '1.5,0,5,5', 'nan%,0,5,5', 'a,b,c,d']
)
def test_no_region(text: str) -> None:
    with pytest.raises(ValueError, match='expected x,y,width,height in pixels or %'):
        Region.parse(text)


@pytest.mark.parametrize(
    ('anchor', 'offset', 'corner'),
    [
        ('top-left', '0,0', (0, 0)),
        ('bottom-right', '0,0', (28, 37)),
        ('bottom-right', '2,10%', (25, 35)),
        ('top-right', '1,2', (2, 36)),
        ('bottom', '0,0', (28, 18)),
        ('center', '0,0', (14, 18)),
        ('right', '0,1', (15, 37)),
    ],
)
@pytest.mark.parametrize('scale', [1, 3])
def test_template_in_pictures_of_several_sizes(anchor, offset: str, corner: tuple[int, int], scale: int) -> None:
    lengths = tuple(map(Length.parse, offset.split(',')))
    mask = template_mask(LOGO, 30, 40, anchor=anchor, offset=lengths) > 0
    expected = np.zeros((30, 40), bool)
    expected[corner[0] : corner[0] + 2, corner[1] : corner[1] + 3] = LOGO
    assert np.array_equal(mask, expected)
    larger = template_mask(
        np.kron(LOGO, np.ones((scale, scale), np.uint8)), 30 * scale, 40 * scale, anchor=anchor,
        offset=tuple(length if length.is_share else length._replace(value=scale * length.value) for length in lengths),
    )  # fmt: skip
    assert np.count_nonzero(larger) == np.count_nonzero(expected) * scale**2


def test_template_that_is_resized_cut_or_outside() -> None:
    half = template_mask(LOGO, 30, 40, template_width=Length.parse('50%'))
    assert np.argwhere(half).max(axis=0).tolist() == [29, 39]
    assert np.argwhere(half).min(axis=0).tolist() == [17, 20]
    cut = template_mask(LOGO, 30, 40, anchor='top-left', offset=(Length.parse('-1'), Length.parse('0')))
    assert np.argwhere(cut).tolist() == [[0, 0], [0, 1]]
    with pytest.raises(ValueError, match='outside of the 40 x 30 pixels'):
        template_mask(LOGO, 30, 40, offset=(Length.parse('100%'), Length.parse('0')))


def test_what_is_excluded_is_never_marked(fake_restorer: Restorer) -> None:
    image = np.random.default_rng(0).random((30, 40, 3), np.float32)
    kept = region_mask([Region.parse('0,0,20,30')], 30, 40)
    mine = np.full((30, 40), 255, np.uint8)
    result = fake_restorer.restore(image, mask=mine, exclude=kept)
    assert np.array_equal(result.mask, 255 - kept)
    assert np.array_equal(result.image[:, :20], image[:, :20])
    everything = fake_restorer.find(image, threshold=1, min_score=0)
    rest = fake_restorer.find(image, threshold=1, min_score=0, exclude=kept)
    assert np.array_equal(rest.mask, np.where(kept > 0, 0, everything.mask))
    none = fake_restorer.restore(image, threshold=1, min_score=0, exclude=mine)
    assert (none.found, none.mask.any()) == (False, False)
    assert np.array_equal(none.image, image)


def test_what_is_excluded_is_read_as_any_mask(fake_restorer: Restorer) -> None:
    image = np.random.default_rng(0).random((30, 40, 3), np.float32)
    small = np.full((15, 20), 255, np.uint8)
    small[:, :10] = 0
    mine = np.full((30, 40), 255, np.uint8)
    options = {'exclude': small, 'mask_polarity': 'black', 'fit_mask': True}
    result = fake_restorer.restore(image, mask=mine, **{**options, 'mask_polarity': 'white'})
    assert np.array_equal(result.mask[:, ::39] > 0, np.tile([True, False], (30, 1)))
    found = fake_restorer.find(image, threshold=1, min_score=0, **options)
    everything = fake_restorer.find(image, threshold=1, min_score=0)
    assert not found.mask[:, :18].any()
    assert np.array_equal(found.mask[:, 22:], everything.mask[:, 22:])
    with pytest.raises(ValueError, match=r'^exclude: expected the size of the image, 30 x 40 \(H x W\), got 15 x 20'):
        fake_restorer.find(image, exclude=small)
    with pytest.raises(ValueError, match='^exclude: expected a numpy array'):
        fake_restorer.restore(image, exclude=3)
