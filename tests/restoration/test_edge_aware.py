from __future__ import annotations

import cv2
import numpy as np
import pytest

from hcl_arch.restoration.edge_aware import enlarge_along_edges, guided_filter
from hcl_arch.restoration.resampling import enlarge_rows, reduce_by_area


def disc_on_noise(height: int = 150, width: int = 210) -> tuple[np.ndarray, np.ndarray]:
    """A bright disc on dark noise, (H, W) float32, and the disc's confidence at a quarter of the size, blurred."""
    row, column = np.mgrid[:height, :width]
    disc = (row - 70) ** 2 + (column - 100) ** 2 < 45**2
    generator = np.random.default_rng(0)
    image = (disc * 0.7 + generator.random((height, width)) * 0.1).astype(np.float32)
    confidence = cv2.resize(1 - disc.astype(np.float32), (width // 4, height // 4), interpolation=cv2.INTER_AREA)
    return image, cv2.blur(confidence, (3, 3)) * 0.9 + 0.05


def test_boundaries_move_to_the_image_s_edges() -> None:
    image, confidence = disc_on_noise()
    found = enlarge_along_edges(confidence, lambda rows: image[rows], *image.shape) < 0.5
    plain = enlarge_rows(confidence, slice(0, 150), *image.shape) < 0.5
    errors = [int((mask != (image > 0.4)).sum()) for mask in (found, plain)]
    assert errors[0] < 0.3 * errors[1]


@pytest.mark.parametrize('strip_rows', [1, 7, 64])
def test_strips_and_whole_agree(strip_rows: int) -> None:
    image, confidence = disc_on_noise()
    whole = enlarge_along_edges(confidence, lambda rows: image[rows], *image.shape, strip_rows=1000)
    strips = enlarge_along_edges(confidence, lambda rows: image[rows], *image.shape, strip_rows=strip_rows)
    np.testing.assert_allclose(strips, whole, atol=2e-5)


@pytest.mark.parametrize('threshold', [0.1, 0.5, 0.93])
def test_regions_of_one_opinion_keep_it_whatever_the_threshold(threshold: float) -> None:
    generator = np.random.default_rng(1)
    confidence = cv2.resize(generator.random((5, 6), np.float32), (48, 40)).clip(0, 1)
    guide = generator.random((160, 192), np.float32)
    found = enlarge_along_edges(confidence, lambda rows: guide[rows], 160, 192)
    kernel = np.ones((7, 7), np.uint8)
    all_above = np.kron(cv2.erode(confidence, kernel) >= threshold, np.ones((4, 4), bool))
    all_below = np.kron(cv2.dilate(confidence, kernel) < threshold, np.ones((4, 4), bool))
    assert all_above.any() or all_below.any()
    assert (found[all_above] >= threshold).all()
    assert (found[all_below] < threshold).all()


def test_full_confidence_stays_full_to_the_last_bit() -> None:
    guide = np.random.default_rng(2).random((90, 70), np.float32)
    assert (enlarge_along_edges(np.ones((30, 23), np.float32), lambda rows: guide[rows], 90, 70) == 1).all()


def test_a_picture_of_the_same_size_is_left_alone() -> None:
    confidence = np.random.default_rng(3).random((20, 30), np.float32)
    assert np.array_equal(enlarge_along_edges(confidence, lambda rows: confidence[rows], 20, 30), confidence)


def test_guided_filter_against_a_slow_loop() -> None:
    generator = np.random.default_rng(4)
    guide, values = generator.random((9, 11)), generator.random((9, 11))

    def windows_mean(array: np.ndarray) -> np.ndarray:
        padded = np.pad(array, ((1, 1), (2, 2)), mode='edge')
        return np.array([[padded[r : r + 3, c : c + 5].mean() for c in range(11)] for r in range(9)])

    slope = (windows_mean(guide * values) - windows_mean(guide) * windows_mean(values)) / (
        windows_mean(guide**2) - windows_mean(guide) ** 2 + 0.03**2
    )
    offset = windows_mean(values) - slope * windows_mean(guide)
    expected = windows_mean(slope) * guide + windows_mean(offset)
    found = guided_filter(guide.astype(np.float32), values.astype(np.float32), (1, 2))
    np.testing.assert_allclose(found, expected, atol=1e-4)


class TestReduceByArea:
    def test_only_what_counts_is_averaged(self) -> None:
        values = np.array([[[0], [255]], [[255], [255]]], np.uint8)
        means, share = reduce_by_area(values, 1, 1, np.array([[True, True], [False, False]]))
        assert means[0, 0, 0] == pytest.approx(0.5)
        assert share[0, 0] == pytest.approx(0.5)

    def test_where_nothing_counts_all_is_averaged(self) -> None:
        values = np.full((4, 4, 3), 65535, np.uint16)
        weights = np.zeros((4, 4), bool)
        weights[:2, :2] = True
        means, share = reduce_by_area(values, 2, 2, weights)
        np.testing.assert_allclose(means, 1)
        assert share.tolist() == [[1, 0], [0, 0]]

    def test_enlarging_is_cv2_s_bilinear(self) -> None:
        values = np.random.default_rng(5).random((7, 9, 3), np.float32)
        expected = cv2.resize(values, (40, 30), interpolation=cv2.INTER_LINEAR)
        np.testing.assert_allclose(enlarge_rows(values, slice(11, 30), 30, 40), expected[11:], atol=1e-5)
