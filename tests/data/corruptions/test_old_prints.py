from __future__ import annotations

import numpy as np
import pytest

from hcl_arch.data.corruptions.corruption import changed_pixels
from hcl_arch.data.corruptions.everyday.old_prints import DAMAGES, TONED, spoil_old_print
from hcl_arch.data.corruptions.everyday.print_layers import Layer, Stroke, draw_strokes, jagged, lay_on
from hcl_arch.data.corruptions.everyday.print_toning import tone
from hcl_arch.data.corruptions.everyday.spoiled import LEAST_CHANGE, Materials, is_seen
from tests.data.corruptions.waves import SEEDS, SIZES, make_truth, spoil_twice


def test_layers_by_hand() -> None:
    """0.25 * 1 + 0.75 * 0.4 = 0.55, and half of black over that."""
    image = np.full((2, 2, 3), 0.4, np.float32)
    alpha = np.array([[0.25, 0], [0, 0]], np.float32)
    half = np.array([[0.5, 0], [0, 0]], np.float32)
    laid = lay_on(image, [Layer(alpha, np.array([1, 0.4, 0], np.float32)), Layer(half, np.zeros(3, np.float32))])
    assert laid[0, 0] == pytest.approx([0.275, 0.2, 0.15])
    assert (laid[alpha == 0] == np.float32(0.4)).all()
    assert (image == np.float32(0.4)).all()


def test_lines_have_their_width() -> None:
    """The alpha of a line sums to about length * width * strength, also below one pixel."""
    for width in (0.3, 0.6, 1.0, 1.5, 2.0, 3.3):
        alpha = draw_strokes((40, 60), [Stroke(np.array([[-5.0, 20.25], [70.0, 20.25]]), width, 0.8)])
        assert alpha[:, 30].sum() == pytest.approx(0.8 * width, rel=0.2)
        assert alpha[:16].max() == 0


def test_filled_outlines_cover_their_area() -> None:
    square = np.array([[10.0, 5.0], [30.0, 5.0], [30.0, 25.0], [10.0, 25.0]])
    alpha = draw_strokes((40, 60), [Stroke(square, 0.0, 0.6)])
    assert alpha[7:23, 12:28] == pytest.approx(0.6, abs=0.003)
    assert alpha.sum() == pytest.approx(0.6 * 400, rel=0.12)


def test_jagged_lines_keep_their_ends() -> None:
    line = jagged((1, 2), (9, 4), 0.1, np.random.default_rng(0))
    assert line.shape == (33, 2)
    assert (line[[0, -1]] == [[1, 2], [9, 4]]).all()
    assert (jagged((1, 2), (9, 4), 0.0, np.random.default_rng(0))[16] == [5, 3]).all()


@pytest.mark.parametrize('damage', list(DAMAGES))
def test_every_damage_shows_on_gray(damage: str) -> None:
    image = np.full((96, 128, 3), 0.5, np.float32)
    shares = []
    for seed in range(10):
        layers = DAMAGES[damage]((96, 128), np.random.default_rng(seed))
        for layer in layers:
            assert (layer.alpha.shape, layer.alpha.dtype, layer.colour.shape) == ((96, 128), np.float32, (3,))
            assert layer.alpha.min() >= 0
            assert layer.alpha.max() <= 1
        shares.append(changed_pixels(image, lay_on(image, layers)).mean())
    assert np.mean(np.array(shares) > 0) >= 0.8
    assert np.median(shares) < 0.3


@pytest.mark.parametrize('size', SIZES)
def test_form_range_and_determinism(size: tuple[int, int]) -> None:
    truth = make_truth(*size)
    for seed in range(15):
        spoil_twice(spoil_old_print, truth, seed)


def test_shares_and_the_picture_that_is_to_be_restored() -> None:
    truth = make_truth(64, 72)
    spoiled = [spoil_old_print(truth, Materials(), np.random.default_rng(seed)) for seed in SEEDS]
    for one in spoiled:
        restored = truth.image if one.truth is None else one.truth
        assert (restored.shape, restored.dtype) == (truth.image.shape, np.float32)
        assert (changed_pixels(restored, one.image) == one.corrupted).all()
    shares = np.array([one.corrupted.mean() for one in spoiled])
    assert (shares == 0).mean() < 0.01
    assert shares.max() <= 0.3
    assert 0.01 < np.median(shares) < 0.12
    assert np.mean([one.truth is not None for one in spoiled]) == pytest.approx(TONED, abs=0.12)


def test_toned_pictures_are_new_and_differ() -> None:
    truth = make_truth(32, 40)
    toned = [tone(truth.image, np.random.default_rng(seed)) for seed in range(20)]
    assert all(np.abs(image - truth.image).mean() > 0.01 for image in toned)
    assert len({round(float(image.mean()), 4) for image in toned}) > 10


def test_faint_damage_is_drawn_again() -> None:
    truth = make_truth(64, 72)
    for seed in SEEDS:
        spoiled = spoil_old_print(truth, Materials(), np.random.default_rng(seed))
        restored = truth.image if spoiled.truth is None else spoiled.truth
        change = np.abs(spoiled.image - restored).max(axis=2)[spoiled.corrupted]
        assert change.size == 0 or np.median(change) > 0.8 * LEAST_CHANGE  # kinds that overlap may cancel each other


def test_what_is_seen_changes_half_of_its_pixels_enough() -> None:
    below, corrupted = np.full((4, 4, 3), 0.5, np.float32), np.eye(4, dtype=bool)
    image = below.copy()
    image[corrupted] += np.array([[0], [0.02], [0.05], [0.05]], np.float32) * [0, 1, 0.5]
    assert not is_seen(below, image, corrupted)
    image[1, 1, 2] += 0.04
    assert is_seen(below, image, corrupted)
    assert not is_seen(below, image, np.zeros((4, 4), bool))
