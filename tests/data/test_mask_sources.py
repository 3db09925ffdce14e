from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

from hcl_arch.data.image_source import ImageSource
from hcl_arch.data.mask_images import MaskImages
from hcl_arch.data.mask_sampler import MaskSampler
from hcl_arch.data.weighted_choice import choose_by_weight


@pytest.fixture
def mask_folder(tmp_path: Path) -> Path:
    """Masks with white in the upper 10, 30 and 60 per cent of the rows, gray 127 and 128 being the two sides."""
    folder = tmp_path / 'masks'
    folder.mkdir()
    for percent in (10, 30, 60):
        mask = np.full((100, 100), 127, np.uint8)
        mask[:percent] = 128
        cv2.imwrite(str(folder / f'{percent}.png'), mask)
    return folder


def draw_shares(images: MaskImages, hole_share: tuple[float, float], count: int = 40,
                size: tuple[int, int] = (50, 50)) -> set[float]:
    return {
        round(float(images.draw(size, hole_share=hole_share, rng=np.random.default_rng(seed)).mean()), 3)
        for seed in range(count)
    }


@pytest.mark.parametrize(('hole_share', 'expected'), [((0, 1), {0.1, 0.3, 0.6}), ((0.2, 0.4), {0.3}),
                                                      ((0.2, 0.7), {0.3, 0.6})])
def test_only_masks_of_the_wanted_share(mask_folder: Path, hole_share: tuple[float, float],
                                        expected: set[float]) -> None:
    assert draw_shares(MaskImages(ImageSource(str(mask_folder))), hole_share) == expected


def test_closest_mask_where_none_fits(mask_folder: Path) -> None:
    assert draw_shares(MaskImages(ImageSource(str(mask_folder))), (0.4, 0.42), count=5) == {0.3}


def test_inverted_masks(mask_folder: Path) -> None:
    images = MaskImages(ImageSource(str(mask_folder)), inverted=True)
    assert draw_shares(images, (0, 1)) == {0.9, 0.7, 0.4}


def test_all_eight_rotations_and_flips_occur(tmp_path: Path) -> None:
    mask = np.zeros((20, 20), np.uint8)
    mask[:9, :4] = 255
    mask[:3, :12] = 255
    cv2.imwrite(str(tmp_path / 'l.png'), mask)
    images = MaskImages(ImageSource(str(tmp_path)))
    seen = {
        images.draw((20, 20), hole_share=(0, 1), rng=np.random.default_rng(seed)).tobytes() for seed in range(100)
    }
    holes = mask > 0
    assert seen == {np.rot90(side, turns).tobytes() for side in (holes, holes[:, ::-1]) for turns in range(4)}


def test_what_was_drawn_before_changes_nothing(mask_folder: Path) -> None:
    used = MaskImages(ImageSource(str(mask_folder)))
    draw_shares(used, (0.2, 0.4))
    fresh = MaskImages(ImageSource(str(mask_folder)))
    first, second = (images.draw((50, 50), hole_share=(0.2, 0.4), rng=np.random.default_rng(7))
                     for images in (used, fresh))
    assert np.array_equal(first, second)


def test_sampler_mixes_kinds_by_weight(mask_folder: Path) -> None:
    images = MaskImages(ImageSource(str(mask_folder)))
    sampler = MaskSampler({'free_form': 0, 'folder': 1}, hole_share=(0.25, 0.35), images=images)
    masks = [sampler.draw(50, np.random.default_rng(seed)) for seed in range(10)]
    assert all(mask.mean() == pytest.approx(0.3) for mask in masks)  # never free-form
    mixed = MaskSampler({'free_form': 1, 'folder': 1}, hole_share=(0.25, 0.35), images=images)
    from_folder = sum(abs(mixed.draw(50, np.random.default_rng(seed)).mean() - 0.3) < 1e-9 for seed in range(100))
    assert 25 < from_folder < 75


def test_choice_follows_the_weights() -> None:
    rng = np.random.default_rng(0)
    drawn = [choose_by_weight({'a': 3, 'never': 0, 'b': 1}, rng) for _ in range(2000)]
    assert set(drawn) == {'a', 'b'}
    assert drawn.count('a') == pytest.approx(1500, abs=80)  # four standard deviations
