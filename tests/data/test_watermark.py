from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from hcl_arch.data.corruptions.overlay import Overlay, overlay_changes
from hcl_arch.data.corruptions.overlay_growth import grow_overlay
from hcl_arch.data.corruptions.placement import OverlayPictures
from hcl_arch.data.corruptions.watermark import Watermarks

LOW = (0.02, 0.1)


def bar() -> NDArray[np.uint8]:
    """A white bar four times as long as high."""
    return np.full((20, 80, 4), 255, np.uint8)


def marks(
    pixels: NDArray[np.uint8] | None = None, tiled_share: float = 0.0, rotation: tuple[float, float] = (0.0, 0.0)
) -> Watermarks:
    pictures = OverlayPictures(lambda number: bar() if pixels is None else pixels, 1)
    return Watermarks(pictures, scale=(0.3, 0.5), rotation=rotation, tiled_share=tiled_share)


def layer(watermarks: Watermarks, scale: float, seed: int) -> Overlay:
    rng = np.random.default_rng(seed)
    return watermarks.start(rng, hole_share=LOW)((100, 120), scale, rng)


def test_single_mark_has_the_wanted_size() -> None:
    whole = 0
    for seed in range(40):
        drawn = layer(marks(), 1.0, seed).alpha > 0.5
        if drawn[[0, -1]].any() or drawn[:, [0, -1]].any():
            continue  # the border cuts it
        whole += 1
        rows, columns = np.flatnonzero(drawn.any(1)), np.flatnonzero(drawn.any(0))
        assert 29 <= len(columns) <= 51
        assert len(rows) == pytest.approx(len(columns) / 4, abs=1.5)
        assert drawn.sum() == pytest.approx(len(rows) * len(columns), abs=5)  # not turned
    assert whole > 10


def test_rotation_keeps_to_its_range() -> None:
    angles = []
    for seed in range(60):
        drawn = layer(marks(rotation=(20.0, 40.0)), 1.0, seed).alpha > 0.5
        if drawn[[0, -1]].any() or drawn[:, [0, -1]].any():
            continue  # the border cuts it
        rows, columns = np.nonzero(drawn)
        values, axes = np.linalg.eigh(np.cov(columns, -rows))  # y upwards
        angles.append(np.degrees(np.arctan(axes[1, 1] / axes[0, 1])))
    assert 18 < min(angles) < 28
    assert 32 < max(angles) < 42


def test_tiled_share() -> None:
    def is_tiled(watermarks: Watermarks, seed: int) -> bool:
        alpha = layer(watermarks, 0.8, seed).alpha
        return bool(
            alpha[:50].max() > 0.5
            and alpha[50:].max() > 0.5
            and alpha[:, :60].max() > 0.5
            and alpha[:, 60:].max() > 0.5
            and alpha.mean() > 0.15
        )

    assert not any(is_tiled(marks(tiled_share=0.0), seed) for seed in range(20))
    assert all(is_tiled(marks(tiled_share=1.0), seed) for seed in range(20))
    assert 15 < sum(is_tiled(marks(tiled_share=0.5), seed) for seed in range(50)) < 35


def test_high_shares_are_tiled() -> None:
    rng = np.random.default_rng(0)
    draw = marks(tiled_share=0.0).start(rng, hole_share=(0.3, 0.4))
    assert draw((100, 120), 1.0, rng).alpha.mean() > 0.3  # one bar covers at most a twentieth


def test_layers_of_one_photograph_show_one_mark() -> None:
    first = np.random.default_rng(0)
    colours = [(255, 0, 0, 255), (0, 255, 0, 255), (0, 0, 255, 255)]
    pictures = OverlayPictures(lambda number: np.full((10, 10, 4), colours[number], np.uint8), 3)
    seen = set()
    for _ in range(12):
        draw = Watermarks(pictures).start(first, hole_share=LOW)
        drawn = [draw((64, 64), 0.9, np.random.default_rng(seed)) for seed in range(3)]
        kinds = {int(overlay.colour[overlay.alpha > 0.5].mean(0).argmax()) for overlay in drawn}
        assert len(kinds) == 1
        seen |= kinds
    assert seen == {0, 1, 2}


@pytest.mark.parametrize('tiled_share', [0.0, 1.0])
def test_word_marks_without_pictures(tiled_share: float) -> None:
    watermarks = Watermarks(tiled_share=tiled_share)
    first, again, other = (layer(watermarks, 1.0, seed) for seed in (1, 1, 2))
    assert first.alpha.max() > 0.5
    assert np.array_equal(first.alpha, again.alpha)
    assert np.array_equal(first.colour, again.colour)
    assert not np.array_equal(first.alpha, other.alpha)


def test_smaller_scale_covers_less() -> None:
    for share in (0.0, 1.0):
        areas = [layer(marks(tiled_share=share), scale, 5).alpha.mean() for scale in (1.0, 0.5, 0.25)]
        assert areas[1] == pytest.approx(areas[0] / 4, rel=0.4)
        assert areas[2] == pytest.approx(areas[1] / 4, rel=0.6)


@pytest.mark.parametrize('hole_share', [(0.02, 0.1), (0.1, 0.2), (0.2, 0.3)])
@pytest.mark.parametrize('tiled_share', [0.0, 1.0])
def test_faint_marks_reach_the_share(hole_share: tuple[float, float], tiled_share: float) -> None:
    truth = np.full((64, 64, 3), 0.3, np.float32)
    for seed in range(8):
        rng = np.random.default_rng(seed)
        draw = marks(tiled_share=tiled_share, rotation=(-45.0, 45.0)).start(rng, hole_share=hole_share)
        grown = grow_overlay(
            (64, 64),
            hole_share=hole_share,
            rng=rng,
            draw_layer=draw,
            count_covered=lambda overlay: int(overlay_changes(truth, overlay, 0.3).sum()),
        )
        assert hole_share[0] <= overlay_changes(truth, grown, 0.3).mean() <= hole_share[1], seed


@pytest.mark.parametrize('tiled_share', [0.0, 1.0])
@pytest.mark.parametrize(
    'pixels', [np.full((1, 1, 4), 255, np.uint8), np.zeros((9, 9, 4), np.uint8), np.full((700, 900, 4), 255, np.uint8)]
)
def test_odd_pictures(pixels: NDArray[np.uint8], tiled_share: float) -> None:
    for scale in (1.0, 0.02):
        overlay = layer(marks(pixels, tiled_share), scale, 0)
        assert np.isfinite(overlay.colour).all()
        if pixels.max() == 0:
            assert overlay.alpha.max() == 0


def test_picture_without_alpha_is_refused() -> None:
    with pytest.raises(ValueError, match='overlay picture 0: expected four channels'):
        marks(np.zeros((9, 9, 3), np.uint8)).start(np.random.default_rng(0), hole_share=LOW)
