from __future__ import annotations

from typing import Any

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from hcl_arch.data.corruptions.everyday.outlines import OUTLINES, ellipse, put_at_random, sized
from hcl_arch.data.corruptions.everyday.spoiled import Materials
from hcl_arch.data.corruptions.everyday.stencils import StencilPainting
from hcl_arch.data.corruptions.everyday.sticker_cutouts import Cutout, Finish, photo_cutout, picture_cutout, stick
from hcl_arch.data.corruptions.everyday.sticker_drawings import drawn_cutout
from hcl_arch.data.corruptions.everyday.stickers import spoil_stickers
from hcl_arch.data.corruptions.hole_contents import Truth
from tests.data.corruptions.painted import MATERIALS, disc, photo, truth_of


def test_needs_no_materials() -> None:
    truth = truth_of((64, 64), 0)
    shares = [spoil_stickers(truth, Materials(), np.random.default_rng(seed)).corrupted.mean() for seed in range(60)]
    assert min(shares) > 0


def test_shows_pictures_and_one_photograph() -> None:
    truth, asked = truth_of((96, 96), 0, gray=True), []

    def counted(given: Truth, rng: np.random.Generator) -> NDArray[np.float32]:
        asked.append(given)
        return photo(given, rng)

    magenta = 0
    for seed in range(60):
        before = len(asked)
        spoiled = spoil_stickers(truth, Materials(counted, (), MATERIALS.pictures), np.random.default_rng(seed))
        assert len(asked) - before <= 1
        magenta += bool((np.abs(spoiled.image - (1, 0, 1)).max(2) < 0.02).any())
    assert 15 < len(asked) < 50
    assert 8 < magenta < 50


@pytest.mark.parametrize('area', [60.0, 2000.0])
def test_cutouts_have_the_wanted_area(area: float) -> None:
    for seed in range(20):
        for cutout in (
            drawn_cutout(area, 400, np.random.default_rng(seed), side=256),
            photo_cutout(
                photo(truth_of((256, 256), 0), np.random.default_rng(0)), area, 400, np.random.default_rng(seed)
            ),
            picture_cutout(disc(0), area, 400, np.random.default_rng(seed)),
        ):
            assert cutout.colour.shape == (*cutout.mask.shape, 3)
            assert 0 <= cutout.colour.min() <= cutout.colour.max() <= 1
            # Hard pixels of a small form are filled up to their border.
            assert np.count_nonzero(cutout.mask > 127) == pytest.approx(area, rel=0.5 if area < 100 else 0.15)


def finish(border: float = 0.0, shadow: float = 0.0, shift: int = 0) -> Finish:
    return Finish(
        border=border,
        border_colour=np.ones(3, np.float32),
        shadow=shadow,
        shadow_blur=0.5,
        shadow_offset=(shift, 0),
        gloss=0.0,
        opacity=1.0,
    )


def red_square() -> Cutout:
    mask: Any = cv2.copyMakeBorder(np.full((10, 10), 255, np.uint8), 2, 2, 2, 2, cv2.BORDER_CONSTANT)
    return Cutout(mask, np.full((14, 14, 3), (1, 0, 0), np.float32))


def test_border_is_so_many_pixels_wide() -> None:
    painting = StencilPainting(np.zeros((40, 40, 3), np.float32))
    stick(painting, red_square(), finish(border=3), (20, 20), np.random.default_rng(0))
    row = painting.finished().image[20]
    assert np.flatnonzero(row[:, 0] > 0.5).tolist() == list(range(12, 28))
    assert np.flatnonzero(row[:, 1] > 0.5).tolist() == [12, 13, 14, 25, 26, 27]


def test_visible_shadow_counts() -> None:
    white, black = (StencilPainting(np.full((40, 40, 3), level, np.float32)) for level in (1, 0))
    for painting in (white, black):
        stick(painting, red_square(), finish(shadow=0.5, shift=5), (20, 20), np.random.default_rng(0))
    on_white, on_black = white.finished(), black.finished()
    assert on_white.image[20, 28] == pytest.approx([0.5] * 3, abs=0.01)
    assert on_white.corrupted[20, 15:30].all()
    assert np.flatnonzero(on_black.corrupted[20]).tolist() == list(range(15, 25))


@pytest.mark.parametrize('name', list(OUTLINES))
def test_outlines_are_sized_by_area(name: str) -> None:
    for seed in range(10):
        contour = sized(OUTLINES[name](np.random.default_rng(seed)), 900, longest=1e6, angle=seed * 31)
        assert np.isfinite(contour).all()
        assert abs(cv2.contourArea(contour.astype(np.float32))) == pytest.approx(900, rel=1e-3)
        assert np.ptp(sized(contour, 900, longest=12), 0).max() <= 12 + 1e-9


def test_uncut_outlines_lie_inside() -> None:
    rng = np.random.default_rng(0)
    for _ in range(20):
        moved = put_at_random(sized(ellipse(2), 300, longest=100), (50, 70), rng, cut=0.0)
        assert (moved >= 0).all()
        assert (moved <= (69, 49)).all()
