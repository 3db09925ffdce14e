from __future__ import annotations

import numpy as np
import pytest

from hcl_arch.data.corruptions.corruption import FloatArray
from hcl_arch.data.corruptions.graffiti import draw_spray
from hcl_arch.data.corruptions.overlay import Overlay, overlay_changes, transparent
from hcl_arch.data.corruptions.overlay_growth import MAX_DRAWINGS, DrawLayer, grow_overlay
from hcl_arch.data.corruptions.text_overlay import draw_text
from hcl_arch.data.corruptions.watermark import Watermarks
from tests.conftest import smooth_image

BINS = [(0.02, 0.1), (0.1, 0.2), (0.2, 0.3), (0.3, 0.4)]


def photograph(side: int, seed: int) -> FloatArray:
    return smooth_image(side, np.random.default_rng(seed)).astype(np.float32) / 255


def share_of(
    draw: DrawLayer, truth: FloatArray, hole_share: tuple[float, float], seed: int, opacity: float = 1.0
) -> float:
    def count(overlay: Overlay) -> int:
        return int(np.count_nonzero(overlay_changes(truth, overlay, opacity)))

    size = (truth.shape[0], truth.shape[1])
    grown = grow_overlay(
        size, hole_share=hole_share, rng=np.random.default_rng(seed), draw_layer=draw, count_covered=count
    )
    return count(grown) / truth[..., 0].size


def draw_disc(size: tuple[int, int], scale: float, rng: np.random.Generator) -> Overlay:
    """Draw an opaque white disc of at most a third of the side anywhere."""
    y, x = rng.uniform(0, 1, 2) * size
    rows, columns = np.ogrid[: size[0], : size[1]]
    inside = (rows - y) ** 2 + (columns - x) ** 2 <= (scale * min(size) / 3) ** 2
    return Overlay(np.ones((*size, 3), np.float32), inside.astype(np.float32))


def count_drawn(overlay: Overlay) -> int:
    return int((overlay.alpha > 0).sum())


@pytest.mark.parametrize('hole_share', [*BINS, (0.5, 0.51), (0.0, 0.02), (0.02, 0.7)])
@pytest.mark.parametrize('size', [(64, 64), (48, 80)])
def test_share_of_discs_lies_in_range(size: tuple[int, int], hole_share: tuple[float, float]) -> None:
    for seed in range(25):
        grown = grow_overlay(
            size,
            hole_share=hole_share,
            rng=np.random.default_rng(seed),
            draw_layer=draw_disc,
            count_covered=count_drawn,
        )
        assert hole_share[0] <= (grown.alpha > 0).mean() <= hole_share[1], seed


def test_shares_fill_the_range() -> None:
    shares = [
        count_drawn(
            grow_overlay(
                (64, 64),
                hole_share=(0.02, 0.42),
                rng=np.random.default_rng(seed),
                draw_layer=draw_disc,
                count_covered=count_drawn,
            )
        )
        / 64**2
        for seed in range(200)
    ]
    counts, _ = np.histogram(shares, bins=4, range=(0.02, 0.42))
    # 50 expected in each; the standard deviation of a count is 6.
    assert counts.min() > 30
    assert counts.max() < 75


@pytest.mark.parametrize('draw', [draw_spray, draw_text, 'word mark'])
@pytest.mark.parametrize(('side', 'seeds'), [(64, 25), (256, 5)])
def test_drawings_reach_every_bin(draw: DrawLayer | str, side: int, seeds: int) -> None:
    missed = []
    for hole_share in BINS:
        for seed in range(seeds):
            layer = (
                Watermarks().start(np.random.default_rng(seed), hole_share=hole_share)
                if isinstance(draw, str)
                else draw
            )
            share = share_of(layer, photograph(side, seed), hole_share, seed, 0.6 if isinstance(draw, str) else 1.0)
            if not hole_share[0] - 0.01 <= share <= hole_share[1] + 0.01:
                missed.append((hole_share, seed, share))
    assert len(missed) <= 0.02 * len(BINS) * seeds, missed


def test_seed_decides_the_overlay() -> None:
    first, again, other = (
        grow_overlay(
            (64, 64),
            hole_share=(0.1, 0.3),
            rng=np.random.default_rng(seed),
            draw_layer=draw_spray,
            count_covered=count_drawn,
        )
        for seed in (1, 1, 2)
    )
    assert np.array_equal(first.alpha, again.alpha)
    assert np.array_equal(first.colour, again.colour)
    assert not np.array_equal(first.alpha, other.alpha)


def test_a_layer_that_covers_too_much_is_drawn_again_smaller_with_the_same_numbers() -> None:
    calls = []

    def draw(size: tuple[int, int], scale: float, rng: np.random.Generator) -> Overlay:
        calls.append((scale, rng.random()))
        overlay = transparent(size)
        overlay.alpha[: round(scale * 100), : round(scale * 100)] = 1
        return overlay

    grown = grow_overlay(
        (100, 100), hole_share=(0.04, 0.05), rng=np.random.default_rng(0), draw_layer=draw, count_covered=count_drawn
    )
    assert 0.04 <= grown.alpha.mean() <= 0.05
    # At the first scale it covers ten times what was supposed; the second one is right, as the area follows its square.
    assert len(calls) == 2
    assert calls[1][0] < calls[0][0]
    assert calls[1][1] == calls[0][1]


def test_what_draws_nothing_ends_and_gives_nothing() -> None:
    calls = []

    def draw(size: tuple[int, int], scale: float, rng: np.random.Generator) -> Overlay:
        calls.append(scale)
        return transparent(size)

    grown = grow_overlay(
        (32, 32), hole_share=(0.2, 0.3), rng=np.random.default_rng(0), draw_layer=draw, count_covered=count_drawn
    )
    assert grown.alpha.max() == 0
    assert len(calls) == MAX_DRAWINGS


def test_what_always_covers_everything_ends_with_the_nearest() -> None:
    def flood(size: tuple[int, int], scale: float, rng: np.random.Generator) -> Overlay:
        return Overlay(np.ones((*size, 3), np.float32), np.ones(size, np.float32))

    for hole_share, expected in (((0.2, 0.3), 0.0), ((0.8, 0.9), 1.0)):
        grown = grow_overlay(
            (32, 32), hole_share=hole_share, rng=np.random.default_rng(0), draw_layer=flood, count_covered=count_drawn
        )
        assert grown.alpha.mean() == expected


def test_no_share_gives_nothing() -> None:
    grown = grow_overlay(
        (32, 32), hole_share=(0.0, 0.0), rng=np.random.default_rng(0), draw_layer=draw_disc, count_covered=count_drawn
    )
    assert grown.alpha.max() == 0
