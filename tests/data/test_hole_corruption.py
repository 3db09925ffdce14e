from __future__ import annotations

import numpy as np
import pytest

from hcl_arch.data.corruptions.corruption import BoolArray, FloatArray
from hcl_arch.data.corruptions.hole_contents import Truth
from hcl_arch.data.corruptions.hole_corruption import FilledHoles, fit_to_changed
from hcl_arch.data.masks.mask_sampler import MaskSampler

MASKS = MaskSampler({'free_form': 1.0})
GRAY = Truth(np.full((64, 64, 3), 0.5, np.float32), 'gray')


def white(truth: Truth, rng: np.random.Generator) -> FloatArray:
    return np.ones_like(truth.image)


def white_on_the_right(truth: Truth, rng: np.random.Generator) -> FloatArray:
    """Content that differs from the truth in the right half only."""
    noise = truth.image.copy()
    noise[:, 32:] = 1
    return noise


def same(truth: Truth, rng: np.random.Generator) -> FloatArray:
    return truth.image.copy()


def is_right(holes: BoolArray) -> bool:
    return not holes[:, :32].any()


def test_opaque_content_corrupts_the_whole_hole_even_where_it_is_equal() -> None:
    noise, holes, corrupted, _ = FilledHoles(same, MASKS)(GRAY, 1.0, (0.2, 0.3), np.random.default_rng(0))
    assert corrupted is holes
    assert 0.2 <= holes.mean() <= 0.3
    assert np.array_equal(noise, GRAY.image)


def test_opacity_mixes_the_content_with_the_truth() -> None:
    noise, holes, corrupted, _ = FilledHoles(white, MASKS)(GRAY, 0.4, (0.2, 0.3), np.random.default_rng(0))
    np.testing.assert_allclose(noise, 0.6 * 0.5 + 0.4, atol=1e-6)
    assert np.array_equal(corrupted, holes)  # all of it changed


def test_semi_transparent_content_corrupts_what_changes() -> None:
    shares = []
    for seed in range(20):
        result = FilledHoles(white_on_the_right, MASKS)(GRAY, 0.5, (0.2, 0.3), np.random.default_rng(seed))
        holes, corrupted = result.holes, result.corrupted
        assert is_right(corrupted)
        assert not is_right(holes)
        assert np.array_equal(corrupted[:, 32:], holes[:, 32:])
        shares.append(corrupted.mean())
    assert min(shares) >= 0.2
    assert max(shares) <= 0.3


def test_holes_grow_by_distance_until_enough_pixels_change() -> None:
    """One hole pixel that does not change: of the pixels that do, the nearest comes in, and all that lie nearer."""
    holes = np.zeros((9, 9), bool)
    holes[4, 4] = True
    changed = np.zeros((9, 9), bool)
    changed[4, 6] = changed[4, 8] = changed[0, 0] = True
    grown = fit_to_changed(holes, changed)
    assert grown[4, 4]
    assert grown[4, 6]
    assert not grown[4, 8]
    assert not grown[0, 0]
    rows, columns = np.mgrid[0:9, 0:9]
    distance = np.hypot(rows - 4, columns - 4)
    assert grown[distance < 1.9].all()
    assert not grown[distance > 2.3].any()


@pytest.mark.parametrize('changed', [0, 5])
def test_holes_grow_over_the_whole_image_at_most(changed: int) -> None:
    holes = np.zeros((8, 8), bool)
    holes[:4] = True
    changes = np.zeros((8, 8), bool)
    changes[7, :changed] = True
    grown = fit_to_changed(holes, changes)
    assert (grown & changes).sum() == changed
    assert grown[holes].all()
    assert np.array_equal(fit_to_changed(holes, ~np.zeros((8, 8), bool)), holes)


def test_opacity_too_low_to_be_seen_corrupts_nothing() -> None:
    """0.5 * 0.03 is less than four of 255 gray levels."""
    _, holes, corrupted, _ = FilledHoles(white, MASKS)(GRAY, 0.03, (0.2, 0.3), np.random.default_rng(0))
    assert holes.any()
    assert not corrupted.any()


@pytest.mark.parametrize(('content', 'any_corrupted'), [(same, False), (white_on_the_right, True)])
def test_content_that_is_never_opaque(content: object, any_corrupted: bool) -> None:
    fill = FilledHoles(content, MASKS, opaque=False)  # type: ignore[arg-type]
    _, holes, corrupted, _ = fill(GRAY, 1.0, (0.2, 0.3), np.random.default_rng(0))
    assert holes.any()
    assert corrupted.any() == any_corrupted


def test_too_few_pixels_that_can_change_end_in_the_nearest_share() -> None:
    """Only a half can change; nine tenths are asked for."""
    _, _, corrupted, _ = FilledHoles(white_on_the_right, MASKS)(GRAY, 0.5, (0.9, 0.95), np.random.default_rng(0))
    assert corrupted.mean() == 0.5
