from __future__ import annotations

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from hcl_arch.data.corruptions.placement import OverlayPictures, painted, place, rgba_picture, tile

RED = np.array([1.0, 0.0, 0.0], np.float32)
BLUE = np.array([0.0, 0.0, 1.0], np.float32)


def red_disc(side: int = 61) -> NDArray[np.uint8]:
    """Return a red disc with a smooth edge on transparent black."""
    alpha = np.zeros((side, side), np.uint8)
    cv2.circle(alpha, (side // 2, side // 2), side // 3, 255, cv2.FILLED, cv2.LINE_AA)
    pixels = np.zeros((side, side, 4), np.uint8)
    pixels[alpha > 0, 0] = 255
    pixels[..., 3] = alpha
    return pixels


@pytest.mark.parametrize('scale', [0.07, 0.3, 0.77, 1.0, 2.6])
@pytest.mark.parametrize('angle', [0.0, 31.0])
@pytest.mark.parametrize('repeated', [False, True])
def test_colours_stay_right_at_edges(scale: float, angle: float, repeated: bool) -> None:
    picture = rgba_picture(red_disc())
    if repeated:
        overlay = tile(picture, (80, 90), spacing=(0.2, 0.4), stagger=0.5, scale=scale, angle=angle)
    else:
        overlay = place(picture, (80, 90), centre=(40.3, 38.8), scale=scale, angle=angle)
    drawn = overlay.alpha > 0
    assert drawn.any()
    np.testing.assert_allclose(overlay.colour[drawn], np.broadcast_to(RED, (drawn.sum(), 3)), atol=2e-3)
    assert overlay.alpha.max() <= 1
    assert overlay.colour.dtype == overlay.alpha.dtype == np.float32


def test_two_coats_mix_at_edges_only() -> None:
    upper = red_disc()[..., 3]
    lower = cv2.dilate(upper, np.ones((7, 7), np.uint8))
    overlay = place(painted([lower, upper], [BLUE, RED]), (80, 80), centre=(40, 40), scale=1.0)
    assert overlay.colour[40, 40] == pytest.approx(RED, abs=1e-3)
    # The disc ends 20 pixels from the middle, the coat below it 3 pixels farther.
    assert overlay.colour[40, 40 + 22] == pytest.approx(BLUE, abs=1e-3)
    drawn = overlay.colour[overlay.alpha > 0]
    np.testing.assert_allclose(drawn.sum(1), 1, atol=1e-3)


def test_coats_of_half_paint_by_hand() -> None:
    half = np.full((5, 5), 128, np.uint8)
    overlay = place(painted([half, half], [BLUE, RED]), (5, 5), centre=(2, 2), scale=1.0)
    # alpha = a + a (1 - a) with a = 128 / 255; red's part of it is a / alpha = 1 / (2 - a).
    assert overlay.alpha[2, 2] == pytest.approx(0.752, abs=3e-3)
    assert overlay.colour[2, 2] == pytest.approx([0.667, 0, 0.333], abs=3e-3)


def test_placing_without_change_copies_the_pixels() -> None:
    pixels = np.random.default_rng(0).integers(1, 256, (6, 5, 4), np.uint8)
    overlay = place(rgba_picture(pixels), (20, 30), centre=(10 + 2, 7 + 2.5), scale=1.0)
    assert overlay.alpha[7:13, 10:15] == pytest.approx(pixels[..., 3] / 255, abs=1e-5)
    assert overlay.colour[7:13, 10:15] == pytest.approx(pixels[..., :3] / 255, abs=1e-4)
    assert (overlay.alpha > 0).sum() == 30


def test_turning_and_mirroring() -> None:
    pixels = np.zeros((3, 5, 4), np.uint8)
    pixels[1, 4] = 255  # the right end of the middle row

    def where(**options: float | bool) -> tuple[int, int]:
        overlay = place(rgba_picture(pixels), (11, 11), centre=(5, 5), scale=1.0, **options)  # type: ignore[arg-type]
        row, column = np.unravel_index(overlay.alpha.argmax(), (11, 11))
        return int(row), int(column)

    assert where() == (5, 7)
    assert where(angle=90.0) == (3, 5)  # counter-clockwise: to the top
    assert where(mirrored=True) == (5, 3)
    assert where(angle=90.0, mirrored=True) == (7, 5)


@pytest.mark.parametrize('scale', [0.06, 0.13, 0.35, 0.6, 1.7])
def test_alpha_keeps_its_sum_and_its_middle_at_every_scale(scale: float) -> None:
    """Averaging when shrinking: nothing is left out between the sampled pixels."""
    rng = np.random.default_rng(4)
    pixels = np.full((67, 90, 4), 255, np.uint8)
    pixels[..., 3] = np.where(rng.random((67, 90)) < 0.3, 255, 0)
    overlay = place(rgba_picture(pixels), (200, 220), centre=(111.4, 96.7), scale=scale)
    assert overlay.alpha.sum() == pytest.approx(pixels[..., 3].sum() / 255 * scale**2, rel=0.08)
    weights = overlay.alpha / overlay.alpha.sum()
    rows, columns = np.mgrid[:67, :90]
    ink = pixels[..., 3] / pixels[..., 3].sum(dtype=float)
    expected = (111.4 + scale * ((ink * columns).sum() - 44.5), 96.7 + scale * ((ink * rows).sum() - 33))
    rows, columns = np.mgrid[:200, :220]
    assert ((weights * columns).sum(), (weights * rows).sum()) == pytest.approx(expected, abs=0.15)


def test_tiles_agree_with_placing_each_copy() -> None:
    picture = rgba_picture(red_disc(9))
    tiled = tile(picture, (40, 50), spacing=(1 / 3, 2 / 3), stagger=0.5, origin=(13, 11), scale=1.0)
    # Columns are 9 + 3 = 12 apart, rows 9 + 6 = 15, every other row is shifted by 6.
    expected = np.zeros((40, 50), np.float32)
    for row in range(-3, 4):
        for column in range(-4, 5):
            centre = (13 + 12 * column + 6 * (row % 2), 11 + 15 * row)
            expected += place(picture, (40, 50), centre=centre, scale=1.0).alpha
    np.testing.assert_allclose(tiled.alpha, expected, atol=1e-4)


def test_turned_tiles_lie_everywhere() -> None:
    pixels = np.full((8, 8, 4), 255, np.uint8)
    overlay = tile(rgba_picture(pixels), (90, 70), spacing=(0.25, 0.25), scale=1.0, angle=33.0, origin=(500, -300))
    # 64 pixels of every 10 x 10, in each quarter of the image.
    for quarter in (overlay.alpha[:45, :35], overlay.alpha[45:, :35], overlay.alpha[:45, 35:], overlay.alpha[45:, 35:]):
        assert quarter.mean() == pytest.approx(0.64, abs=0.06)


@pytest.mark.parametrize('centre', [(-500.0, 20.0), (20.0, 9000.0)])
def test_outside_nothing_is_drawn(centre: tuple[float, float]) -> None:
    assert place(rgba_picture(red_disc()), (40, 40), centre=centre, scale=1.0).alpha.max() == 0


@pytest.mark.parametrize('shape', [(1, 1), (1, 300), (400, 2)])
@pytest.mark.parametrize('scale', [0.01, 0.5, 1.0, 30.0])
def test_odd_pictures(shape: tuple[int, int], scale: float) -> None:
    picture = rgba_picture(np.full((*shape, 4), 200, np.uint8))
    for overlay in (
        place(picture, (32, 32), centre=(16, 16), scale=scale, angle=20),
        tile(picture, (32, 32), spacing=(0.0, 0.0), scale=scale, angle=20),
    ):
        assert overlay.alpha.shape == (32, 32)
        assert np.isfinite(overlay.colour).all()
        assert overlay.alpha.max() <= 200 / 255 + 1e-5


def test_pictures_are_cropped_to_what_is_drawn() -> None:
    pixels = np.zeros((10, 12, 4), np.uint8)
    pixels[3:5, 4:9] = 7
    pictures = OverlayPictures(lambda number: pixels, 1)
    assert pictures.draw(np.random.default_rng(0)).shape == (2, 5, 4)


def test_transparent_picture_becomes_one_transparent_pixel() -> None:
    pictures = OverlayPictures(lambda number: np.zeros((10, 12, 4), np.uint8), 1)
    pixels = pictures.draw(np.random.default_rng(0))
    assert pixels.shape == (1, 1, 4)
    assert place(rgba_picture(pixels), (9, 9), centre=(4, 4), scale=3.0).alpha.max() == 0


def test_every_picture_is_drawn() -> None:
    numbers = []
    pictures = OverlayPictures(lambda number: numbers.append(number) or red_disc(), 5)  # type: ignore[func-returns-value]
    rng = np.random.default_rng(0)
    for _ in range(100):
        pictures.draw(rng)
    assert set(numbers) == set(range(5))


@pytest.mark.parametrize(
    'pixels',
    [
        np.zeros((4, 4, 3), np.uint8),
        np.zeros((4, 4), np.uint8),
        np.zeros((4, 4, 2), np.uint8),
        np.zeros((4, 4, 4), np.float32),
    ],
)
def test_pictures_without_alpha_are_refused_by_name(pixels: NDArray[np.uint8]) -> None:
    pictures = OverlayPictures(lambda number: pixels, 1, lambda number: f'marks/{number:03d}.png')
    with pytest.raises(ValueError, match=r'marks/000\.png: expected four channels .* found shape .* alpha channel'):
        pictures.draw(np.random.default_rng(0))
