from __future__ import annotations

import multiprocessing
import pickle
import sys
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import cv2
import numpy as np
import pytest

from hcl_arch.data.masks.mask_images import ENTRY_BYTES, MaskImages
from hcl_arch.data.masks.mask_sampler import FOLDER, MASK_GENERATORS, MaskSampler
from hcl_arch.data.storage.image_source import ImageSource
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


def draw_shares(
    images: MaskImages, hole_share: tuple[float, float], count: int = 40, size: tuple[int, int] = (50, 50)
) -> set[float]:
    return {
        round(float(images.draw(size, hole_share=hole_share, rng=np.random.default_rng(seed)).mean()), 3)
        for seed in range(count)
    }


@pytest.mark.parametrize(
    ('hole_share', 'expected'), [((0, 1), {0.1, 0.3, 0.6}), ((0.2, 0.4), {0.3}), ((0.2, 0.7), {0.3, 0.6})]
)
def test_only_masks_of_the_wanted_share(
    mask_folder: Path, hole_share: tuple[float, float], expected: set[float]
) -> None:
    assert draw_shares(MaskImages(ImageSource(str(mask_folder))), hole_share) == expected


def test_closest_mask_is_fitted_where_none_is_in_the_range(mask_folder: Path) -> None:
    images = MaskImages(ImageSource(str(mask_folder)))
    for seed in range(5):
        # 30 % grow by two rings of rows: the mask's border is one line.
        holes = images.draw((50, 50), hole_share=(0.34, 0.42), rng=np.random.default_rng(seed))
        assert holes.sum() == 17 * 50
        upright = np.zeros((50, 50), bool)
        upright[:17] = True
        assert any(np.array_equal(np.rot90(upright, turns), holes) for turns in range(4))


@pytest.mark.parametrize(
    'hole_share', [(0.0, 0.1), (0.1, 0.2), (0.2, 0.3), (0.3, 0.4), (0.4, 0.5), (0.5, 0.6), (0.9, 1.0)]
)
@pytest.mark.parametrize('side', [64, 256])
def test_folder_masks_keep_to_the_bins(mask_folder: Path, side: int, hole_share: tuple[float, float]) -> None:
    images = MaskImages(ImageSource(str(mask_folder)))
    for seed in range(20):
        holes = images.draw((side, side), hole_share=hole_share, rng=np.random.default_rng(seed))
        assert hole_share[0] <= holes.mean() <= hole_share[1]


def write_mask(path: Path, holes: np.ndarray) -> None:
    path.parent.mkdir(exist_ok=True)
    cv2.imwrite(str(path), np.where(holes, 255, 0).astype(np.uint8))


def test_masks_far_below_the_range_are_united(tmp_path: Path) -> None:
    holes = np.zeros((80, 80), bool)
    holes[:16] = True  # 20 %; with another side 36 %, with all four 64 %
    write_mask(tmp_path / 'a.png', holes)
    images = MaskImages(ImageSource(str(tmp_path)))
    united = 0
    for seed in range(30):
        drawn = images.draw((80, 80), hole_share=(0.35, 0.65), rng=np.random.default_rng(seed))
        sides = [np.rot90(holes, turns) for turns in range(4)]
        contained = [side for side in sides if (drawn | ~side).all()]
        assert 0.35 <= drawn.mean() <= 0.65
        united += len(contained) >= 2 and np.array_equal(drawn, np.logical_or.reduce(contained))
    assert united >= 28  # what remains are draws of one and the same side, over and over


def test_union_that_leads_away_from_the_range_is_not_taken(tmp_path: Path) -> None:
    holes = np.zeros((80, 80), bool)
    holes[:16] = True
    write_mask(tmp_path / 'a.png', holes)
    write_mask(tmp_path / 'b.png', np.arange(6400).reshape(80, 80) < 6200)
    images = MaskImages(ImageSource(str(tmp_path)))
    sides = [np.rot90(holes, turns) for turns in range(4)]
    of_two_sides = 0
    for seed in range(30):
        drawn = images.draw((80, 80), hole_share=(0.35, 0.36), rng=np.random.default_rng(seed))
        of_two_sides += any(not (drawn & ~first & ~second).any() for first in sides for second in sides)
    assert of_two_sides >= 26  # else eight others in turn were the full one or the same side: 2 % of the draws


def test_masks_far_above_the_range_are_intersected(tmp_path: Path) -> None:
    clear = np.zeros((80, 80), bool)
    clear[:16] = True
    write_mask(tmp_path / 'a.png', ~clear)
    images = MaskImages(ImageSource(str(tmp_path)))
    for seed in range(10):
        drawn = images.draw((80, 80), hole_share=(0.35, 0.65), rng=np.random.default_rng(seed))
        contained = [side for side in (np.rot90(clear, turns) for turns in range(4)) if not (drawn & side).any()]
        assert len(contained) >= 2
        assert np.array_equal(~drawn, np.logical_or.reduce(contained))


@pytest.mark.parametrize('filled', [False, True])
def test_empty_and_full_images_alone_give_one_round_hole_or_clear_spot(tmp_path: Path, filled: bool) -> None:
    write_mask(tmp_path / 'a.png', np.full((40, 40), filled))
    images = MaskImages(ImageSource(str(tmp_path)))
    drawn = images.draw((40, 40), hole_share=(0.3, 0.4), rng=np.random.default_rng(0))
    assert drawn.sum() == (640 if filled else 480)  # the nearest end of the range
    assert cv2.connectedComponents((drawn != filled).astype(np.uint8))[0] == 2
    untouched = images.draw((40, 40), hole_share=(0.0, 1.0), rng=np.random.default_rng(0))
    assert (untouched == filled).all()


def test_empty_images_are_passed_over_if_others_fit(mask_folder: Path) -> None:
    write_mask(mask_folder / 'empty.png', np.zeros((100, 100), bool))
    write_mask(mask_folder / 'full.png', np.ones((100, 100), bool))
    assert draw_shares(MaskImages(ImageSource(str(mask_folder))), (0.2, 0.4)) == {0.3}


def test_damaged_mask_image_raises(mask_folder: Path) -> None:
    (mask_folder / '30.png').write_bytes(b'no image')
    with pytest.raises(OSError, match='30.png: expected an image, found 8 bytes'):
        draw_shares(MaskImages(ImageSource(str(mask_folder))), (0.2, 0.4))


def test_resized_mask_is_a_hole_where_half_of_the_area_is(tmp_path: Path) -> None:
    holes = np.zeros((8, 16), bool)
    holes[:, 0] = holes[0, 8:12] = holes[2, 8] = True
    write_mask(tmp_path / 'a.png', holes)
    images = MaskImages(ImageSource(str(tmp_path)))
    expected = np.zeros((4, 4), bool)
    expected[0, 2] = True  # 4 of 8 pixels; the others hold 2 and 1
    seen = {images.draw((4, 4), hole_share=(0, 1), rng=np.random.default_rng(seed)).tobytes() for seed in range(60)}
    assert seen == {np.rot90(side, turns).tobytes() for side in (expected, expected[:, ::-1]) for turns in range(4)}


def test_inverted_masks(mask_folder: Path) -> None:
    images = MaskImages(ImageSource(str(mask_folder)), inverted=True)
    assert draw_shares(images, (0, 1)) == {0.9, 0.7, 0.4}


def test_all_eight_rotations_and_flips_occur(tmp_path: Path) -> None:
    mask = np.zeros((20, 20), np.uint8)
    mask[:9, :4] = 255
    mask[:3, :12] = 255
    cv2.imwrite(str(tmp_path / 'l.png'), mask)
    images = MaskImages(ImageSource(str(tmp_path)))
    seen = {images.draw((20, 20), hole_share=(0, 1), rng=np.random.default_rng(seed)).tobytes() for seed in range(100)}
    holes = mask > 0
    assert seen == {np.rot90(side, turns).tobytes() for side in (holes, holes[:, ::-1]) for turns in range(4)}


def test_what_was_drawn_before_changes_nothing(mask_folder: Path) -> None:
    used = MaskImages(ImageSource(str(mask_folder)))
    draw_shares(used, (0.2, 0.4))
    fresh = MaskImages(ImageSource(str(mask_folder)))
    first, second = (
        images.draw((50, 50), hole_share=(0.2, 0.4), rng=np.random.default_rng(7)) for images in (used, fresh)
    )
    assert np.array_equal(first, second)


def test_sampler_mixes_kinds_by_weight(mask_folder: Path) -> None:
    images = MaskImages(ImageSource(str(mask_folder)))
    sampler = MaskSampler({'free_form': 0, 'folder': 1}, images=images)
    span = (0.25, 0.35)
    masks = [sampler.draw(50, np.random.default_rng(seed), hole_share=span) for seed in range(10)]
    assert all(mask.mean() == pytest.approx(0.3) for mask in masks)  # never free-form
    mixed = MaskSampler({'free_form': 1, 'folder': 1}, images=images)
    drawn = [mixed.draw(50, np.random.default_rng(seed), hole_share=span) for seed in range(100)]
    from_folder = sum(abs(mask.mean() - 0.3) < 1e-9 for mask in drawn)
    assert 25 < from_folder < 75


def test_choice_follows_the_weights() -> None:
    rng = np.random.default_rng(0)
    drawn = [choose_by_weight({'a': 3, 'never': 0, 'b': 1}, rng) for _ in range(2000)]
    assert set(drawn) == {'a', 'b'}
    assert drawn.count('a') == pytest.approx(1500, abs=80)  # four standard deviations


def test_sampler_takes_the_range_of_the_call(mask_folder: Path) -> None:
    images = MaskImages(ImageSource(str(mask_folder)))
    kinds = (*MASK_GENERATORS, FOLDER)
    for kind in kinds:
        sampler = MaskSampler({kind: 1}, images=images)
        for least, most in ((0.25, 0.35), (0.5, 0.6)):
            assert least <= sampler.draw(64, np.random.default_rng(0), hole_share=(least, most)).mean() <= most


def test_mask_image_without_white_is_refused(tmp_path: Path) -> None:
    """Label maps would be empty masks otherwise."""
    cv2.imwrite(str(tmp_path / 'm.png'), np.diag(np.arange(32, dtype=np.uint8)))
    with pytest.raises(ValueError, match=r'm\.png: expected a mask image of black .* found gray values up to 31\.'):
        MaskImages(ImageSource(str(tmp_path))).draw((32, 32), hole_share=(0.1, 0.2), rng=np.random.default_rng(0))


class CountingSource(ImageSource):
    """Counts how often an image is decoded."""

    reads = 0

    def read_mask(self, index: int, **options: bool) -> np.ndarray:
        CountingSource.reads += 1
        return super().read_mask(index, **options)


@pytest.fixture
def many_masks(tmp_path: Path) -> Path:
    """Twelve masks of 60 x 60 pixels."""
    for number in range(12):
        noise = cv2.GaussianBlur(np.random.default_rng(number).random((60, 60)), (0, 0), 4)
        write_mask(tmp_path / 'many' / f'{number:02d}.png', noise > np.quantile(noise, 0.5 + 0.03 * number))
    return tmp_path / 'many'


def draws(images: MaskImages, count: int = 60) -> list[bytes]:
    # Two sizes; 37 * 37 is no multiple of eight. The second range wants joined masks.
    return [
        images.draw(size, hole_share=hole_share, rng=np.random.default_rng(seed)).tobytes()
        for seed in range(count)
        for size in ((37, 37), (64, 64))
        for hole_share in ((0.2, 0.4), (0.65, 0.7))
    ]


def test_cache_changes_no_draw_and_decodes_each_mask_once_per_size(many_masks: Path) -> None:
    source = CountingSource(str(many_masks))
    plain, cached = MaskImages(source), MaskImages(source, cache_mib=1)
    expected = draws(plain)
    CountingSource.reads = 0
    assert draws(cached) == expected
    assert draws(cached) == expected
    assert CountingSource.reads == 24


def test_cache_keeps_to_its_budget(many_masks: Path) -> None:
    source = CountingSource(str(many_masks))
    entry = 64 * 64 // 8 + ENTRY_BYTES
    images = MaskImages(source, cache_mib=5.5 * entry / 2**20)
    for _ in range(3):
        CountingSource.reads = 0
        shares = [images._read(index, (64, 64)).mean() for index in range(12)]
    assert CountingSource.reads == 7  # the first five stay
    assert shares == [MaskImages(source)._read(index, (64, 64)).mean() for index in range(12)]
    traced = sum(
        sys.getsizeof(key) + sys.getsizeof(key[1]) + sys.getsizeof(packed) + 100
        for key, packed in images._cache.items()
    )
    assert traced < 5.5 * entry


@pytest.mark.parametrize('cache_mib', [0, 1])
def test_pickled_images_draw_the_same_and_leave_the_cache_behind(many_masks: Path, cache_mib: float) -> None:
    images = MaskImages(ImageSource(str(many_masks)), cache_mib=cache_mib)
    expected = draws(images, 20)
    copied = pickle.loads(pickle.dumps(images))
    assert not copied._cache
    assert draws(copied, 20) == expected
    assert len(copied._cache) == len(images._cache) == (24 if cache_mib else 0)


@pytest.mark.parametrize('method', ['fork', pytest.param('spawn', marks=pytest.mark.slow)])
def test_worker_processes_draw_the_same(many_masks: Path, method: str) -> None:
    images = MaskImages(ImageSource(str(many_masks)), cache_mib=1)
    expected = draws(images, 5)
    with ProcessPoolExecutor(1, mp_context=multiprocessing.get_context(method)) as pool:
        assert pool.submit(draws, images, 5).result(timeout=120) == expected


def test_real_masks(shared_dir: Path) -> None:
    images = MaskImages(ImageSource(str(shared_dir / 'data' / 'masks' / 'val')))
    for number in range(60):
        hole_share = (number % 6 / 10, (number % 6 + 1) / 10)
        drawn = images.draw((128, 128), hole_share=hole_share, rng=np.random.default_rng(number))
        assert hole_share[0] <= drawn.mean() <= hole_share[1]
