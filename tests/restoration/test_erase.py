"""`erase`: what is under the mask has no influence on the repair, whatever it is."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import hcl_arch
from hcl_arch.restoration import Restorer

MASK = np.zeros((120, 144), np.uint8)
MASK[30:75, 40:100] = 255
HOLE = MASK > 0


@pytest.fixture(scope='module')
def restorer() -> Restorer:
    return Restorer('small', device='cpu')


@pytest.fixture
def other(photograph: np.ndarray) -> np.ndarray:
    """The photograph with other things where the mask is."""
    other = photograph.copy()
    other[HOLE] = photograph[::-1, ::-1][HOLE]
    return other


@pytest.mark.parametrize('options', [
    {}, {'feather': 6}, {'composite': False}, {'grow': 5}
])  # fmt: skip
def test_what_is_under_a_mask_is_not_seen(
    restorer: Restorer, photograph: np.ndarray, other: np.ndarray, options: dict[str, Any]
) -> None:
    first, second = (restorer.restore(each, mask=MASK, erase=True, **options).image for each in (photograph, other))
    assert np.array_equal(first, second)


def test_otherwise_it_is(restorer: Restorer, photograph: np.ndarray, other: np.ndarray) -> None:
    """The packaged network keeps what it takes for uncorrupted: without `erase` a thing cannot be removed."""
    first, second = (restorer.repair(each, MASK).image for each in (photograph, other))
    assert not np.array_equal(first, second)
    removed = restorer.repair(photograph, MASK, erase=True).image
    kept, gone = (np.abs(each.astype(float) - photograph)[HOLE].mean() for each in (first, removed))
    assert kept < gone


def test_the_rest_stays(restorer: Restorer, photograph: np.ndarray) -> None:
    before = photograph.copy()
    result = restorer.repair(photograph, MASK, erase=True).image
    assert np.array_equal(result[~HOLE], photograph[~HOLE])
    assert np.array_equal(photograph, before)


@pytest.mark.parametrize('dtype', [np.uint8, np.uint16, np.float32])
def test_what_is_transparent_is_not_seen(
    restorer: Restorer, photograph: np.ndarray, other: np.ndarray, dtype: type
) -> None:
    """Programs keep the colours below what is erased: a face would come back."""
    scale = 1 if dtype is np.float32 else np.iinfo(dtype).max
    # Neither wholly transparent, whose colours nobody uses, nor more than half opaque, which is not erased.
    alpha = np.where(HOLE, 80, 255)
    pictures = ((np.dstack([each, alpha]) / 255 * scale).astype(dtype) for each in (photograph, other))
    first, second = (restorer.restore(each, mask='alpha').image for each in pictures)
    assert np.array_equal(first, second)


def test_in_what_is_found_too(restorer: Restorer, photograph: np.ndarray) -> None:
    spoiled = photograph.copy()
    spoiled[60:80, 20:120] = 255, 0, 0
    seen, unseen = (restorer.restore(spoiled, min_score=0, erase=erase) for erase in (False, True))
    assert seen.found
    assert np.array_equal(seen.mask, unseen.mask)
    assert not np.array_equal(seen.image, unseen.image)


def test_reverse_erases_the_rest(restorer: Restorer, photograph: np.ndarray, other: np.ndarray) -> None:
    first, second = (restorer.repair(each, ~MASK, reverse=True, erase=True).image for each in (photograph, other))
    assert np.array_equal(first, second)


@pytest.mark.parametrize('runtime', ['onnx', 'torch'])
def test_a_whole_picture_and_a_large_hole(runtime: str, photograph: np.ndarray) -> None:
    """A hole that is repaired at a quarter of the size first, one without anything around it, and a gray picture."""
    if runtime == 'onnx':
        pytest.importorskip('onnxruntime')
    restorer = Restorer('small', device='cpu', runtime=runtime)
    large = np.tile(photograph, (4, 4, 1))
    hole = np.zeros(large.shape[:2], np.uint8)
    hole[90:400, 90:450] = 255
    changed = large.copy()
    changed[hole > 0] = large[::-1, ::-1][hole > 0]
    for mask, first, second in (
        (hole, large, changed),
        (np.full_like(MASK, 255), photograph, photograph[::-1]),
        (hole, large[..., 0], changed[..., 0]),
    ):
        results = (restorer.repair(each, mask, erase=True).image for each in (first, second))
        assert np.array_equal(*results)


def test_in_one_call(photograph: np.ndarray, other: np.ndarray) -> None:
    first, second = (hcl_arch.restore(each, mask=MASK, erase=True).image for each in (photograph, other))
    assert np.array_equal(first, second)
