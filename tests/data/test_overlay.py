from __future__ import annotations

import numpy as np
import pytest

from hcl_arch.data.corruptions.corruption import FloatArray
from hcl_arch.data.corruptions.overlay import Overlay, drawn_box, lay_over, overlay_changes, stack, transparent


def random_overlay(seed: int, size: tuple[int, int] = (9, 7)) -> Overlay:
    """Random colours, with pixels of alpha 0, of alpha 1 and between."""
    rng = np.random.default_rng(seed)
    alpha = rng.choice([0.0, 0.0, 1.0, 0.25, 0.7, 1e-4], size).astype(np.float32)
    return Overlay(rng.random((*size, 3), np.float32), alpha)


def random_truth(seed: int = 9, size: tuple[int, int] = (9, 7)) -> FloatArray:
    return np.random.default_rng(seed).random((*size, 3), np.float32)


def test_lay_over_by_hand() -> None:
    below = np.full((1, 2, 3), 0.2, np.float32)
    overlay = Overlay(np.full((1, 2, 3), 0.8, np.float32), np.array([[0.5, 0.0]], np.float32))
    # 0.4 * 0.5 * 0.8 + (1 - 0.4 * 0.5) * 0.2 = 0.16 + 0.16
    np.testing.assert_allclose(lay_over(below, overlay, 0.4), [[[0.32] * 3, [0.2] * 3]], atol=1e-6)


def test_lay_over_leaves_the_image_where_alpha_is_zero_and_replaces_it_where_it_is_one() -> None:
    overlay, truth = random_overlay(0), random_truth()
    laid = lay_over(truth, overlay)
    assert laid.dtype == np.float32
    assert np.array_equal(laid[overlay.alpha == 0], truth[overlay.alpha == 0])
    assert np.array_equal(laid[overlay.alpha == 1], overlay.colour[overlay.alpha == 1])
    assert np.array_equal(lay_over(truth, overlay, 0.0), truth)


def test_lay_over_keeps_to_the_range() -> None:
    alpha = np.random.default_rng(0).random((64, 64), np.float32)
    white = np.ones((64, 64, 3), np.float32)
    assert lay_over(white, Overlay(white, alpha), 0.37).max() <= 1


def test_stack_agrees_with_a_loop_over_pixels() -> None:
    first, second = random_overlay(1), random_overlay(2)
    stacked = stack(first, second)
    for row in range(9):
        for column in range(7):
            lower, upper = float(first.alpha[row, column]), float(second.alpha[row, column])
            alpha = upper + lower * (1 - upper)
            assert stacked.alpha[row, column] == pytest.approx(alpha, abs=1e-6)
            if alpha > 0:
                colour = (upper * second.colour[row, column] + lower * (1 - upper) * first.colour[row, column]) / alpha
                assert stacked.colour[row, column] == pytest.approx(colour, abs=1e-5)
    assert np.isfinite(stacked.colour).all()


@pytest.mark.parametrize(('low', 'high'), [(1, 2), (3, 4)])
def test_laying_a_stack_is_laying_one_after_the_other(low: int, high: int) -> None:
    first, second, truth = random_overlay(low), random_overlay(high), random_truth()
    expected = lay_over(lay_over(truth, first), second)
    np.testing.assert_allclose(lay_over(truth, stack(first, second)), expected, atol=1e-6)


def test_stack_with_nothing_is_the_other_one_and_inputs_stay_as_they_are() -> None:
    first, second, empty = random_overlay(1), random_overlay(2), transparent((9, 7))
    for stacked in (stack(first, empty), stack(empty, first)):
        assert np.array_equal(stacked.alpha, first.alpha)
        assert np.array_equal(stacked.colour[first.alpha > 0], first.colour[first.alpha > 0])
    stack(first, second)
    assert np.array_equal(first.alpha, random_overlay(1).alpha)
    assert np.array_equal(first.colour, random_overlay(1).colour)


def test_stack_of_two_empty_ones_is_empty() -> None:
    stacked = stack(transparent((3, 4)), transparent((3, 4)))
    assert stacked.alpha.max() == 0
    assert np.isfinite(stacked.colour).all()


@pytest.mark.parametrize('opacity', [1.0, 0.4, 0.0])
def test_overlay_changes_are_those_that_lay_over_changes(opacity: float) -> None:
    truth = random_truth(size=(40, 50))
    rng = np.random.default_rng(3)
    alpha = np.zeros((40, 50), np.float32)
    alpha[5:30, 8:44] = rng.random((25, 36), np.float32) ** 3
    overlay = Overlay(truth + rng.uniform(-0.1, 0.1, truth.shape).astype(np.float32), alpha)
    overlay = Overlay(overlay.colour.clip(0, 1), alpha)
    difference = np.abs(lay_over(truth, overlay, opacity) - truth).max(2)
    clear = np.abs(difference - 4 / 255) > 1e-6
    assert np.array_equal(overlay_changes(truth, overlay, opacity)[clear], (difference >= 4 / 255)[clear])
    assert overlay_changes(truth, overlay, opacity).any() == (opacity > 0)


def test_a_colour_like_the_photograph_changes_nothing() -> None:
    truth = random_truth()
    assert not overlay_changes(truth, Overlay(truth, np.ones((9, 7), np.float32))).any()
    assert not overlay_changes(truth, transparent((9, 7))).any()


def test_drawn_box() -> None:
    overlay = transparent((6, 8))
    overlay.alpha[2, 3] = overlay.alpha[4, 5] = 0.01
    assert drawn_box(overlay) == (slice(2, 5), slice(3, 6))
