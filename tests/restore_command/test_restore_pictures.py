"""The pictures for people: what is tinted, what is outlined, how panels are laid out."""

from __future__ import annotations

import numpy as np
import pytest

from hcl_arch.commands.restore.pictures import confidence_picture, overlay_picture, side_by_side


def test_confidence_by_hand() -> None:
    assert confidence_picture(np.array([[0, 0.5, 1, 1.2]])).tolist() == [[0, 128, 255, 255]]


def test_overlay_tints_inside_outlines_the_edge_and_leaves_the_rest() -> None:
    photograph = np.full((64, 64, 3), 100, np.uint8)
    mask = np.zeros((64, 64), np.uint8)
    mask[20:40, 20:40] = 255
    picture = overlay_picture(photograph, mask)
    np.testing.assert_allclose(picture[30, 30], 100 * 0.58 + np.array([255, 24, 96]) * 0.42, atol=1)
    assert picture[20, 30].tolist() == [255, 255, 255]
    assert picture[19, 30].tolist() == [150, 0, 50]
    assert (picture[:18] == 100).all()
    assert (photograph == 100).all()


def test_overlay_of_nothing_and_of_everything() -> None:
    photograph = np.full((40, 40, 3), 100, np.uint8)
    np.testing.assert_array_equal(overlay_picture(photograph, np.zeros((40, 40), np.uint8)), photograph)
    full = overlay_picture(photograph, np.full((40, 40), 255, np.uint8))
    assert len(np.unique(full.reshape(-1, 3), axis=0)) == 1  # the picture's border is no edge


@pytest.mark.parametrize(
    ('size', 'panel', 'is_below'),
    [
        ((1, 1), (240, 240), False),
        ((40, 30), (240, 180), False),
        ((300, 400), (300, 400), False),
        ((3000, 4000), (900, 1200), False),
        ((100, 500), (100, 500), True),
        ((10, 20000), (1, 1200), True),
        ((20000, 10), (1200, 1), False),
    ],
)
def test_side_by_side_is_of_a_sensible_size(size: tuple[int, int], panel: tuple[int, int], is_below: bool) -> None:
    photograph = np.full((*size, 3), 90, np.uint8)
    sheet = side_by_side(photograph, np.full(size, 255, np.uint8), photograph)
    rows, columns = (3, 1) if is_below else (1, 3)
    assert 0 < sheet.shape[0] - rows * panel[0] < 200
    assert 0 < sheet.shape[1] - columns * panel[1] < (450 if panel[1] == 1 else 80)  # labels need a width too
    plain = (sheet == 90).all(axis=2).sum()
    # Input and restored; what was found is tinted. Some pixels of the labels may be of this gray too.
    assert 0 <= plain - 2 * panel[0] * panel[1] < 80


def test_thin_scratch_is_still_seen_in_the_reduced_picture() -> None:
    photograph = np.full((2400, 2400, 3), 90, np.uint8)
    mask = np.zeros((2400, 2400), np.uint8)
    mask[:, 1000] = 255
    sheet = side_by_side(photograph, mask, photograph)
    assert (sheet == (150, 0, 50)).all(axis=2).any()
