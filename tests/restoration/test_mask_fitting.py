"""Masks of another size than the photograph."""

from __future__ import annotations

import numpy as np
import pytest

from hcl_arch.restoration.mask_fitting import MaskSizeError, fitted, size_problem
from hcl_arch.restoration.restorer import Restorer
from hcl_arch.utils.image_decoding import upright

MARKED = np.zeros((12, 20), bool)
MARKED[2:4, 5:11] = True


@pytest.mark.parametrize(
    ('found', 'orientation', 'words'),
    [
        ((6, 10), 1, 'it has its shape; FIT resizes it'),
        ((20, 12), 6, 'it is of the photograph as stored, before its EXIF orientation turns it; FIT turns it'),
        ((20, 12), 1, 'it lies on its side; turn it'),
        ((12, 14), 1, 'it has another shape'),
        ((14, 12), 6, 'it has another shape'),
    ],
)
def test_what_is_the_matter(found: tuple[int, int], orientation: int, words: str) -> None:
    assert words in size_problem(found, (12, 20), orientation, 'FIT')


@pytest.mark.parametrize('orientation', range(5, 9))
def test_stored_size_is_turned_as_the_photograph_is(orientation: int) -> None:
    stored = next(
        each for turn in range(4) for each in (np.rot90(MARKED, turn), np.rot90(MARKED, turn)[:, ::-1])
        if np.array_equal(upright(each, orientation), MARKED)
    )  # fmt: skip
    assert stored.shape == (20, 12)
    assert np.array_equal(fitted(stored, (12, 20), orientation), MARKED)
    assert np.array_equal(fitted(MARKED, (12, 20), orientation), MARKED)  # drawn on what one sees


def test_resizing_keeps_what_is_marked() -> None:
    assert np.array_equal(fitted(MARKED, (24, 40))[::2, ::2], MARKED)
    small = fitted(MARKED, (6, 10))
    assert np.array_equal(np.argwhere(small)[[0, -1]], [[1, 2], [1, 5]])
    line = np.zeros((40, 40), bool)
    line[20] = True
    assert fitted(line, (10, 10)).any(axis=0).all()


def test_another_shape_is_refused() -> None:
    with pytest.raises(MaskSizeError, match='another shape'):
        fitted(MARKED, (12, 15))


def test_in_python(fake_restorer: Restorer) -> None:
    image = np.random.default_rng(0).random((24, 40, 3), np.float32)
    with pytest.raises(ValueError, match=r'expected the size of the image, 24 x 40 .* fit_mask=True resizes it'):
        fake_restorer.repair(image, MARKED)
    assert np.array_equal(fake_restorer.repair(image, MARKED, fit_mask=True).mask[::2, ::2] > 0, MARKED)
    assert np.array_equal(fake_restorer.restore(image, mask=MARKED, fit_mask=True).mask[::2, ::2] > 0, MARKED)
