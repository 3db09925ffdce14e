from __future__ import annotations

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from hcl_arch.data.corruptions.graffiti import PictureGraffiti, _grainy, draw_spray, vivid_colour
from hcl_arch.data.corruptions.overlay import Overlay
from hcl_arch.data.corruptions.overlay_growth import grow_overlay
from hcl_arch.data.corruptions.placement import OverlayPictures


def pictures_of(pixels: NDArray[np.uint8]) -> OverlayPictures:
    return OverlayPictures(lambda number: pixels, 1)


def green_bar() -> NDArray[np.uint8]:
    pixels = np.zeros((40, 120, 4), np.uint8)
    pixels[10:30, 10:110] = (0, 255, 0, 255)
    return pixels


@pytest.mark.parametrize('size', [(64, 64), (40, 90), (1, 1), (256, 256)])
@pytest.mark.parametrize('scale', [1.0, 0.3, 0.02])
def test_spray_is_an_overlay(size: tuple[int, int], scale: float) -> None:
    for seed in range(15):
        overlay = draw_spray(size, scale, np.random.default_rng(seed))
        assert overlay.colour.shape == (*size, 3)
        assert overlay.alpha.shape == size
        assert overlay.colour.dtype == overlay.alpha.dtype == np.float32
        for values in (overlay.colour, overlay.alpha):
            assert 0 <= values.min() <= values.max() <= 1


def test_spray_follows_the_seed() -> None:
    first, again, other = (draw_spray((64, 64), 0.7, np.random.default_rng(seed)) for seed in (1, 1, 2))
    assert np.array_equal(first.alpha, again.alpha)
    assert np.array_equal(first.colour, again.colour)
    assert not np.array_equal(first.alpha, other.alpha)


def test_smaller_spray_is_the_same_form_smaller() -> None:
    ratios = []
    for seed in range(40):
        # A small form on a large wall; those that the border cuts are left out.
        large, small = (draw_spray((300, 300), scale, np.random.default_rng(seed)) for scale in (0.5, 0.25))
        if large.alpha[[0, -1]].any() or large.alpha[:, [0, -1]].any():
            continue
        ratios.append(small.alpha.sum() / large.alpha.sum())
        heaviest = [overlay.colour[np.unravel_index(overlay.alpha.argmax(), (300, 300))] for overlay in (large, small)]
        assert heaviest[0] == pytest.approx(heaviest[1], abs=0.02) or len(np.unique(large.colour, axis=0)) > 2
    assert len(ratios) >= 5
    assert np.median(ratios) == pytest.approx(0.25, abs=0.03)


def test_spray_is_strokes_of_paint() -> None:
    """Mostly opaque, in few connected pieces, of one or two colours."""
    opaque, pieces = [], []
    for seed in range(25):
        overlay = draw_spray((256, 256), 0.8, np.random.default_rng(seed))
        drawn = overlay.alpha > 0.5
        opaque.append((overlay.alpha[drawn] > 0.9).mean())
        large = cv2.connectedComponentsWithStats(drawn.astype(np.uint8))[2][1:, cv2.CC_STAT_AREA] > 30
        pieces.append(large.sum())
        colours = overlay.colour[overlay.alpha > 0.99]
        if len(colours) < 10:  # hardly any of it lies on the image
            continue
        variances = np.linalg.eigvalsh(np.cov(colours.T))
        assert variances[1] < 1e-4, seed  # on the line between two colours
    assert np.median(opaque) > 0.7
    assert np.median(pieces) <= 6


def test_grain_breaks_up_the_edges_and_keeps_the_weight_of_the_paint() -> None:
    canvas = np.zeros((200, 200), np.uint8)
    canvas[:, 60:140] = 255
    smooth, grainy = (_grainy(canvas, 6.0, grain, np.random.default_rng(0)).astype(float) for grain in (0.0, 0.8))
    assert np.abs(np.diff(smooth, axis=0)).max() <= 1
    assert grainy[:, 60].std() > 40
    assert grainy[:, 100].min() == 255
    assert grainy[:, 10].max() == 0
    assert grainy.mean() == pytest.approx(smooth.mean(), rel=0.01)


def test_vivid_colours() -> None:
    rng = np.random.default_rng(0)
    colours = np.array([vivid_colour(rng) for _ in range(300)])
    assert 0 <= colours.min() <= colours.max() <= 1
    spread = colours.max(1) - colours.min(1)
    assert 0.15 < (spread == 0).mean() < 0.35
    assert spread[spread > 0].min() > 0.4


@pytest.mark.parametrize(('share', 'own'), [(0.0, True), (1.0, False)])
def test_recoloured_share(share: float, own: bool) -> None:
    draw = PictureGraffiti(pictures_of(green_bar()), recoloured_share=share).draw
    for seed in range(20):
        overlay = draw((64, 64), 0.8, np.random.default_rng(seed))
        colours = overlay.colour[overlay.alpha > 0]
        assert len(colours) > 0
        assert np.ptp(colours, axis=0).max() < 2e-3
        assert (np.abs(colours[0] - (0, 1, 0)).max() < 2e-3) == own, seed


def test_pictures_differ_in_place_size_and_angle() -> None:
    draw = PictureGraffiti(pictures_of(green_bar()), size=(0.3, 0.6)).draw
    overlays: list[Overlay] = [draw((100, 100), 1.0, np.random.default_rng(seed)) for seed in range(40)]
    areas = np.array([overlay.alpha.sum() for overlay in overlays])
    # The bar is 5 : 1 and between 30 and 60 pixels long.
    assert areas.max() <= 60 * 12 * 1.05
    assert areas.max() > 2 * areas.min()
    centroids = np.array([np.argwhere(overlay.alpha > 0.5).mean(0) for overlay in overlays])
    assert centroids.std(0).min() > 15


@pytest.mark.parametrize('pixels', [np.full((1, 1, 4), 255, np.uint8), np.full((900, 700, 4), 255, np.uint8)])
def test_tiny_and_huge_pictures_still_reach_the_share(pixels: NDArray[np.uint8]) -> None:
    draw = PictureGraffiti(pictures_of(pixels)).draw
    for seed in range(5):
        grown = grow_overlay(
            (64, 64),
            hole_share=(0.1, 0.2),
            rng=np.random.default_rng(seed),
            draw_layer=draw,
            count_covered=lambda overlay: int((overlay.alpha > 0.02).sum()),
        )
        assert 0.1 <= (grown.alpha > 0.02).mean() <= 0.2


def test_transparent_picture_draws_nothing_and_ends() -> None:
    draw = PictureGraffiti(pictures_of(np.zeros((20, 20, 4), np.uint8))).draw
    grown = grow_overlay(
        (64, 64),
        hole_share=(0.1, 0.2),
        rng=np.random.default_rng(0),
        draw_layer=draw,
        count_covered=lambda overlay: int((overlay.alpha > 0).sum()),
    )
    assert grown.alpha.max() == 0


def test_picture_without_alpha_is_refused() -> None:
    draw = PictureGraffiti(pictures_of(np.zeros((20, 20, 3), np.uint8))).draw
    with pytest.raises(ValueError, match='overlay picture 0: expected four channels'):
        draw((64, 64), 1.0, np.random.default_rng(0))
