"""The mask derived from a pair, against loops and numbers worked out by hand."""

from __future__ import annotations

from collections import deque
from pathlib import Path

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from hcl_arch.data.masks.difference_mask import DifferenceMask
from hcl_arch.data.masks.hole_maps import resize_holes

PLAIN = {'threshold': 0.1, 'smoothing': 0.0, 'least_area': 0, 'closing': 0}


def gray_pair(difference: NDArray[np.int64]) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """Return a corrupted and a clean image that differ so in green, and nowhere else."""
    gt = np.full((*difference.shape, 3), 100, np.uint8)
    lq = gt.copy()
    lq[..., 1] = 100 + difference
    return lq, gt


def mirrored(index: int, length: int) -> int:
    index = abs(index)
    return 2 * (length - 1) - index if index >= length else index


def slow_mask(lq: NDArray[np.uint8], gt: NDArray[np.uint8], mask: DifferenceMask) -> NDArray[np.bool_]:
    """The formula of the docstring, pixel by pixel."""
    height, width, _ = lq.shape
    reach = 5
    weights = np.exp(-(np.arange(-reach, reach + 1) ** 2) / (2 * mask.smoothing**2))
    weights /= weights.sum()
    holes = np.zeros((height, width), bool)
    for y in range(height):
        for x in range(width):
            smoothed = np.zeros(3)
            for dy in range(-reach, reach + 1):
                for dx in range(-reach, reach + 1):
                    at = mirrored(y + dy, height), mirrored(x + dx, width)
                    smoothed += weights[dy + reach] * weights[dx + reach] * (lq[at].astype(float) - gt[at]) / 255
            holes[y, x] = np.abs(smoothed).max() >= mask.threshold
    return slow_closing(without_specks(holes, mask.least_area), mask.closing)


def without_specks(holes: NDArray[np.bool_], least_area: int) -> NDArray[np.bool_]:
    kept, seen = np.zeros_like(holes), np.zeros_like(holes)
    for start in zip(*np.nonzero(holes)):
        if seen[start]:
            continue
        component, queue = [start], deque([start])
        seen[start] = True
        while queue:
            y, x = queue.popleft()
            for at in [(y + dy, x + dx) for dy in (-1, 0, 1) for dx in (-1, 0, 1)]:
                inside = 0 <= at[0] < holes.shape[0] and 0 <= at[1] < holes.shape[1]
                if inside and holes[at] and not seen[at]:
                    seen[at] = True
                    component.append(at)
                    queue.append(at)
        if len(component) >= least_area:
            kept[tuple(np.transpose(component))] = True
    return kept


def slow_closing(holes: NDArray[np.bool_], radius: int) -> NDArray[np.bool_]:
    """A pixel stays free if a disc that holds it touches no hole."""
    height, width = holes.shape
    disc = [
        (dy, dx) for dy in range(-radius, radius + 1) for dx in range(-radius, radius + 1) if dy**2 + dx**2 <= radius**2
    ]

    def touches(y: int, x: int) -> bool:
        return any(0 <= y + dy < height and 0 <= x + dx < width and holes[y + dy, x + dx] for dy, dx in disc)

    closed = np.ones_like(holes)
    for y in range(height):
        for x in range(width):
            # Centres beyond the border count for nothing.
            centres = [(y + dy, x + dx) for dy, dx in disc if 0 <= y + dy < height and 0 <= x + dx < width]
            closed[y, x] = all(touches(*centre) for centre in centres)
    return closed


@pytest.mark.parametrize(
    'mask',
    [
        DifferenceMask(),
        DifferenceMask(threshold=0.05, smoothing=1.0, least_area=5, closing=2),
        DifferenceMask(threshold=0.2, smoothing=0.7, least_area=9, closing=1),
    ],
)
def test_against_loops(mask: DifferenceMask) -> None:
    rng = np.random.default_rng(0)
    gt = rng.integers(0, 256, (24, 31, 3)).astype(np.uint8)
    change = np.zeros((24, 31, 3))
    for top, left, level in ((2, 3, 90), (12, 20, -60), (16, 2, 40), (0, 26, 120)):
        change[top : top + 6, left : left + 5] = level
    lq = np.clip(gt + change + rng.normal(0, 8, change.shape), 0, 255).astype(np.uint8)
    expected = slow_mask(lq, gt, mask)
    assert 0.05 < expected.mean() < 0.95
    np.testing.assert_array_equal(mask(lq, gt), expected)


def test_threshold_is_inclusive_and_sees_every_channel_and_sign() -> None:
    lq, gt = gray_pair(np.array([[50, 51, 52, -51, -50, 0]]))
    lq[0, 5, 2] = 0
    found = DifferenceMask(**{**PLAIN, 'threshold': 51 / 255})(lq, gt)
    assert found.tolist() == [[False, True, True, True, False, True]]


def test_noise_that_changes_its_sign_goes_and_a_mark_of_the_same_height_stays() -> None:
    rows, columns = np.indices((32, 32))
    noise = np.where((rows + columns) % 2 == 0, 30, -30)
    flat = np.full((32, 32), 30)
    smoothing = DifferenceMask(**{**PLAIN, 'smoothing': 1.0})
    assert DifferenceMask(**PLAIN)(*gray_pair(noise)).all()
    assert not smoothing(*gray_pair(noise)).any()
    assert smoothing(*gray_pair(flat)).all()


def test_specks_go_by_area_and_touch_by_corners() -> None:
    difference = np.zeros((8, 12), int)
    difference[1, 1:4] = 200  # 3 pixels
    difference[5, 5] = difference[6, 6] = difference[7, 7] = difference[7, 8] = 200  # 4 pixels, by corners
    found = DifferenceMask(**{**PLAIN, 'least_area': 4})(*gray_pair(difference))
    np.testing.assert_array_equal(found, (difference > 0) & (np.arange(8) > 4)[:, None])


def test_closing_fills_a_pinhole_and_leaves_a_gap() -> None:
    difference = np.full((9, 15), 150)
    difference[4, 3] = 0
    difference[:, 8:12] = 0
    found = DifferenceMask(**{**PLAIN, 'closing': 1})(*gray_pair(difference))
    np.testing.assert_array_equal(found, (difference > 0) | ((np.indices((9, 15)) == [[[4]], [[3]]]).all(axis=0)))


def test_equal_images_have_an_empty_mask() -> None:
    _, gt = gray_pair(np.zeros((1, 1), int))
    assert not DifferenceMask()(gt, gt).any()


def test_resized_holes_are_a_vote() -> None:
    holes = np.zeros((4, 6), bool)
    holes[0, 0] = True  # 1 of 4
    holes[0, 2] = holes[1, 3] = True  # 2 of 4
    holes[2:4, 4] = holes[2, 5] = True  # 3 of 4
    assert resize_holes(holes, (2, 3)).tolist() == [[False, True, False], [False, False, True]]
    assert resize_holes(holes, (4, 6)) is holes
    grown = resize_holes(np.array([[True, False]]), (2, 4))
    assert grown.tolist() == [[True, True, False, False]] * 2


@pytest.mark.parametrize('sizes', [(97, 32), (64, 48), (40, 100)])
def test_resizing_keeps_the_share_of_a_disc(sizes: tuple[int, int]) -> None:
    rows, columns = np.indices((sizes[0], sizes[0])) + 0.5
    disc = (rows - sizes[0] / 2) ** 2 + (columns - sizes[0] / 2) ** 2 <= (0.3 * sizes[0]) ** 2
    resized = resize_holes(disc, (sizes[1], sizes[1]))
    assert resized.mean() == pytest.approx(np.pi * 0.09, abs=0.01)
    np.testing.assert_array_equal(resized, resized[::-1, ::-1])


def test_default_threshold_on_watermarks(shared_dir: Path) -> None:
    """The figures that the docstring gives for pairs of quality 95."""
    folder = shared_dir / 'data' / 'watermark' / 'pairs_synth'
    overlaps = []
    for path in sorted(folder.glob('*_wm.jpg')):
        stem = str(path)[: -len('_wm.jpg')]
        found = DifferenceMask()(cv2.imread(str(path)), cv2.imread(f'{stem}_clean.jpg'))
        true = cv2.imread(f'{stem}_mask.png', cv2.IMREAD_GRAYSCALE) >= 128
        overlaps.append((found & true).sum() / (found | true).sum())
    assert len(overlaps) == 27
    assert np.mean(overlaps) == pytest.approx(0.853, abs=0.005)
    assert min(overlaps) > 0.6
