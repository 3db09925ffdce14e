from __future__ import annotations

import cv2
import numpy as np
import pytest

from hcl_arch.data.corruptions.everyday.clean import leave_clean
from hcl_arch.data.corruptions.everyday.lost_blocks import spoil_lost_blocks
from hcl_arch.data.corruptions.everyday.mosaics import spoil_mosaic
from hcl_arch.data.corruptions.everyday.old_prints import spoil_old_print
from hcl_arch.data.corruptions.everyday.second_kind import spoil_in_turn, spoil_twice
from hcl_arch.data.corruptions.everyday.spoiled import Materials, Spoiled
from hcl_arch.data.corruptions.hole_contents import Truth

SIZES = [(16, 16), (40, 300), (64, 96)]


def make_truth(height: int, width: int) -> Truth:
    """Return waves of colour with some grain: nowhere plain, between 0.1 and 0.9."""
    noise = np.random.default_rng(0).random((height, width, 3), np.float32)
    waves = cv2.GaussianBlur(noise, (0, 0), 4) * 4 - 1.5
    return Truth(np.clip(waves + 0.2 * noise, 0.1, 0.9), 'truth')


def whiten_left(truth: Truth, materials: Materials, rng: np.random.Generator) -> Spoiled:
    return _lift(truth, slice(None, 5))


def whiten_right(truth: Truth, materials: Materials, rng: np.random.Generator) -> Spoiled:
    return _lift(truth, slice(7, None))


def whiten_middle(truth: Truth, materials: Materials, rng: np.random.Generator) -> Spoiled:
    return _lift(truth, slice(3, 8))


def gray_print(truth: Truth, materials: Materials, rng: np.random.Generator) -> Spoiled:
    """Fade everything to gray, and whiten a row."""
    faded = np.full_like(truth.image, 0.5)
    image, corrupted = faded.copy(), np.zeros(truth.image.shape[:2], bool)
    image[2], corrupted[2] = 1, True
    return Spoiled(image, corrupted, faded)


def _lift(truth: Truth, columns: slice) -> Spoiled:
    """Bring columns half of the way to white."""
    image, corrupted = truth.image.copy(), np.zeros(truth.image.shape[:2], bool)
    image[:, columns] = 0.5 * image[:, columns] + 0.5
    corrupted[:, columns] = True
    return Spoiled(image, corrupted)


def test_the_second_goes_over_the_first() -> None:
    truth = Truth(np.zeros((4, 10, 3), np.float32), 'black')
    twice = spoil_twice(truth, whiten_left, whiten_middle, Materials(), np.random.default_rng(0))
    assert twice.image[0, :, 0].tolist() == [0.5] * 3 + [0.75] * 2 + [0.5] * 3 + [0] * 2
    assert twice.corrupted[0].tolist() == [True] * 8 + [False] * 2
    assert twice.truth is None


def test_each_kind_goes_over_those_before() -> None:
    truth = Truth(np.zeros((4, 10, 3), np.float32), 'black')
    kinds = [whiten_left, whiten_middle, whiten_right]
    spoiled = spoil_in_turn(truth, kinds, Materials(), np.random.default_rng(0))
    assert spoiled.image[0, :, 0].tolist() == [0.5] * 3 + [0.75] * 2 + [0.5] * 2 + [0.75] + [0.5] * 2
    assert spoiled.corrupted.all()
    assert spoiled.truth is None


def test_one_kind_in_turn_is_that_kind() -> None:
    truth = make_truth(64, 96)
    alone = spoil_mosaic(truth, Materials(), np.random.default_rng(3))
    in_turn = spoil_in_turn(truth, [spoil_mosaic], Materials(), np.random.default_rng(3))
    assert np.array_equal(alone.image, in_turn.image)


def test_a_faded_print_stays_what_is_to_be_restored() -> None:
    truth = Truth(np.zeros((4, 10, 3), np.float32), 'black')
    twice = spoil_twice(truth, gray_print, whiten_middle, Materials(), np.random.default_rng(0))
    assert twice.truth is not None
    assert (twice.truth == 0.5).all()
    assert (twice.image == twice.truth)[~twice.corrupted].all()
    assert twice.corrupted.sum() == 4 * 5 + 10 - 5


def test_a_second_kind_that_fades_is_left_out() -> None:
    truth = Truth(np.zeros((4, 10, 3), np.float32), 'black')
    twice = spoil_twice(truth, whiten_left, gray_print, Materials(), np.random.default_rng(0))
    once = whiten_left(truth, Materials(), np.random.default_rng(0))
    assert (twice.image == once.image).all()
    assert (twice.corrupted == once.corrupted).all()


@pytest.mark.parametrize('size', SIZES)
def test_real_kinds_together(size: tuple[int, int]) -> None:
    truth = make_truth(*size)
    for seed in range(8):
        first, second = (
            spoil_twice(truth, spoil_old_print, spoil_lost_blocks, Materials(), np.random.default_rng(seed))
            for _ in range(2)
        )
        assert (first.image == second.image).all()
        restored = truth.image if first.truth is None else first.truth
        assert np.abs(first.image - restored)[~first.corrupted].max(initial=0) < 4 / 255
        mosaic = spoil_mosaic(truth, Materials(), np.random.default_rng(seed))
        both = spoil_twice(truth, spoil_mosaic, spoil_lost_blocks, Materials(), np.random.default_rng(seed))
        assert (both.corrupted >= mosaic.corrupted).all()


def test_clean_pictures_are_copies() -> None:
    truth = make_truth(16, 24)
    clean = leave_clean(truth, Materials(), np.random.default_rng(0))
    assert (clean.image == truth.image).all()
    assert not clean.corrupted.any()
    clean.image[:] = 0
    assert truth.image.any()
