from __future__ import annotations

from typing import Callable

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from hcl_arch.data.masks.combined_mask import combined_mask
from hcl_arch.data.masks.free_form_mask import free_form_mask
from hcl_arch.data.masks.hole_maps import grow_holes
from hcl_arch.data.masks.line_mask import half_mask, line_mask
from hcl_arch.data.masks.mask_sampler import MASK_GENERATORS
from hcl_arch.data.masks.random_walk_mask import random_walk_mask
from hcl_arch.data.masks.rectangle_mask import rectangle_mask

# Those whose shares are exact to the pixel and spread over the range; the others take whole lines, as near to half as
# the range allows.
GENERATORS = [free_form_mask, random_walk_mask, rectangle_mask, combined_mask]
BINS = [(0.0, 0.1), (0.1, 0.2), (0.2, 0.3), (0.3, 0.4), (0.4, 0.5), (0.5, 0.6)]
RANGES = [(0.0, 0.0), (0.01, 0.03), (0.1, 0.5), (0.3, 0.32), (0.9, 0.95), (1.0, 1.0)]


@pytest.mark.parametrize('generator', GENERATORS)
@pytest.mark.parametrize('hole_share', RANGES)
@pytest.mark.parametrize(('size', 'seeds'), [((16, 16), 60), ((24, 40), 40), ((64, 64), 40), ((256, 256), 8)])
def test_share_lies_in_range(
    generator: Callable[..., NDArray[np.bool_]], hole_share: tuple[float, float], size: tuple[int, int], seeds: int
) -> None:
    for seed in range(seeds):
        holes = generator(size, hole_share=hole_share, rng=np.random.default_rng(seed))
        assert holes.dtype == bool
        assert holes.shape == size
        assert hole_share[0] <= holes.mean() <= hole_share[1], seed


@pytest.mark.parametrize('generator', GENERATORS)
def test_no_whole_number_of_pixels_in_range_gives_nearest(generator: Callable[..., NDArray[np.bool_]]) -> None:
    holes = generator((16, 16), hole_share=(0.3, 0.3), rng=np.random.default_rng(0))
    assert holes.sum() == 77  # 0.3 * 256 = 76.8


@pytest.mark.parametrize('generator', GENERATORS)
def test_shares_fill_the_range_evenly(generator: Callable[..., NDArray[np.bool_]]) -> None:
    shares = [generator((64, 64), hole_share=(0.1, 0.5), rng=np.random.default_rng(seed)).mean() for seed in range(300)]
    counts, _ = np.histogram(shares, bins=4, range=(0.1, 0.5))
    # 75 expected in each; the standard deviation of a count is 7.5.
    assert counts.min() > 45
    assert counts.max() < 110


@pytest.mark.parametrize('generator', GENERATORS)
def test_seed_decides_the_mask(generator: Callable[..., NDArray[np.bool_]]) -> None:
    first, again, other = (
        generator((64, 64), hole_share=(0.1, 0.5), rng=np.random.default_rng(seed)) for seed in (1, 1, 2)
    )
    assert np.array_equal(first, again)
    assert not np.array_equal(first, other)


@pytest.mark.parametrize('kind', MASK_GENERATORS)
@pytest.mark.parametrize(('side', 'seeds'), [(64, 30), (256, 8)])
def test_every_kind_keeps_to_the_bins(kind: str, side: int, seeds: int) -> None:
    for hole_share in BINS:
        for seed in range(seeds):
            holes = MASK_GENERATORS[kind]((side, side), hole_share=hole_share, rng=np.random.default_rng(seed))
            assert hole_share[0] <= holes.mean() <= hole_share[1], (hole_share, seed)


# The random walk has splinters beside its bands.
@pytest.mark.parametrize(
    ('generator', 'most_parts'), [(free_form_mask, 20), (rectangle_mask, 20), (random_walk_mask, 30)]
)
def test_holes_are_shapes_and_not_dust(generator: Callable[..., NDArray[np.bool_]], most_parts: int) -> None:
    for seed in range(20):
        holes = generator((128, 128), hole_share=(0.2, 0.4), rng=np.random.default_rng(seed)).astype(np.uint8)
        opened = cv2.morphologyEx(holes, cv2.MORPH_OPEN, np.ones((3, 3), np.uint8))
        assert opened.sum() > 0.85 * holes.sum(), seed
        assert cv2.connectedComponents(holes)[0] < most_parts


def test_shape_that_never_fits_still_ends_in_range() -> None:
    def flood(canvas: NDArray[np.uint8], scale: float, rng: np.random.Generator) -> None:
        canvas[:] = 1

    holes = grow_holes((32, 32), hole_share=(0.2, 0.25), rng=np.random.default_rng(0), draw_shape=flood)
    assert 0.2 <= holes.mean() <= 0.25
    assert cv2.connectedComponents(holes.astype(np.uint8))[0] == 2  # background and one hole


def test_shape_that_draws_nothing_still_ends_in_range() -> None:
    holes = grow_holes((32, 32), hole_share=(0.2, 0.25), rng=np.random.default_rng(0), draw_shape=lambda *_: None)
    assert 0.2 <= holes.mean() <= 0.25


@pytest.mark.parametrize('size', [(64, 64), (24, 40)])
def test_half_is_exactly_one_side(size: tuple[int, int]) -> None:
    rows, columns = np.indices(size)
    sides = [rows < size[0] / 2, rows >= size[0] / 2, columns < size[1] / 2, columns >= size[1] / 2]
    seen = [half_mask(size, hole_share=(0.1, 0.5), rng=np.random.default_rng(seed)).tobytes() for seed in range(200)]
    counts = [seen.count(side.tobytes()) for side in sides]
    assert sum(counts) == 200
    assert min(counts) > 25  # 50 expected, standard deviation 6


@pytest.mark.parametrize(
    ('hole_share', 'lines'),
    [
        ((0.1, 0.2), 12),
        ((0.7, 0.9), 45),
        ((0.0, 1.0), 32),
        ((0.0, 0.0), 0),
        ((1.0, 1.0), 64),
        ((0.2, 0.2), 13),
        ((0.48, 0.49), 31),
    ],
)
def test_half_and_lines_take_the_whole_lines_nearest_to_half(hole_share: tuple[float, float], lines: int) -> None:
    for generator in (half_mask, line_mask):
        for seed in range(10):
            holes = generator((64, 64), hole_share=hole_share, rng=np.random.default_rng(seed))
            assert holes.sum() == lines * 64  # 0.2 * 64 = 12.8: no whole line in the range


@pytest.mark.parametrize('hole_share', [(0.1, 0.5), (0.1, 0.2), (0.6, 0.7), (0.0, 0.0), (1.0, 1.0)])
def test_lines_follow_the_formula(hole_share: tuple[float, float]) -> None:
    seen = set()
    for seed in range(60):
        holes = line_mask((30, 30), hole_share=hole_share, rng=np.random.default_rng(seed))
        profile = holes.any(1) if (holes == holes[:, :1]).all() else holes.any(0)
        assert np.array_equal(holes, np.broadcast_to(profile[:, None], (30, 30))) or np.array_equal(
            holes, np.broadcast_to(profile, (30, 30))
        )
        count = int(profile.sum())
        possible = [
            [((i + 1) * count + phase) // 30 > (i * count + phase) // 30 for i in range(30)] for phase in range(30)
        ]
        assert profile.tolist() in possible
        seen.add(holes.tobytes())
    assert len(seen) == {15: 4, 6: 10, 18: 10, 0: 1, 30: 1}[count]  # rows and columns, each at so many phases


def test_every_second_line_at_one_half() -> None:
    holes = line_mask((6, 6), hole_share=(0.1, 0.5), rng=np.random.default_rng(0))
    profile = holes.any(1) if (holes == holes[:, :1]).all() else holes.any(0)
    assert profile.tolist() in ([True, False] * 3, [False, True] * 3)


def test_rectangles_are_rectangles() -> None:
    singles = 0
    for seed in range(60):
        holes = rectangle_mask((96, 96), hole_share=(0.1, 0.3), rng=np.random.default_rng(seed))
        # Every hole pixel lies in a rectangle of at least 3 x 3 hole pixels, but for the last, tiny rectangles.
        opened = cv2.morphologyEx(holes.astype(np.uint8), cv2.MORPH_OPEN, np.ones((3, 3), np.uint8))
        assert holes.sum() - opened.sum() < 0.02 * holes.size
        parts, _, stats, _ = cv2.connectedComponentsWithStats(holes.astype(np.uint8), connectivity=4)
        if parts == 2 and stats[1, cv2.CC_STAT_WIDTH] * stats[1, cv2.CC_STAT_HEIGHT] == stats[1, cv2.CC_STAT_AREA]:
            singles += 1
            left, top, width, height = stats[1, :4]
            if left > 0 and top > 0 and left + width < 96 and top + height < 96:  # not cut by the border
                assert 0.3 < height / width < 3.4  # sides are whole pixels
    assert 0 < singles < 40  # one rectangle is planned in a fifth of the masks


@pytest.mark.parametrize('kind', ['rectangles', 'free_form', 'random_walk'])
def test_border_is_a_hole_about_as_often_as_the_centre(kind: str) -> None:
    """Or a network learns that borders are clean."""
    holes = np.mean(
        [
            MASK_GENERATORS[kind]((64, 64), hole_share=(0.2, 0.4), rng=np.random.default_rng(seed))
            for seed in range(300)
        ],
        0,
    )
    border = np.concatenate([holes[:2].ravel(), holes[-2:].ravel(), holes[:, :2].ravel(), holes[:, -2:].ravel()]).mean()
    assert border > 0.5 * holes[28:36, 28:36].mean()


def test_combined_contains_masks_of_two_different_kinds(monkeypatch: pytest.MonkeyPatch) -> None:
    drawn: list[tuple[str, NDArray[np.bool_]]] = []

    def recording(kind: str) -> Callable[..., NDArray[np.bool_]]:
        def draw(
            size: tuple[int, int], *, hole_share: tuple[float, float], rng: np.random.Generator
        ) -> NDArray[np.bool_]:
            drawn.append((kind, MASK_GENERATORS[kind](size, hole_share=hole_share, rng=rng)))
            return drawn[-1][1]

        return draw

    kinds = [kind for kind in MASK_GENERATORS if kind != 'combined']
    recorded = {kind: recording(kind) for kind in kinds}
    monkeypatch.setattr('hcl_arch.data.masks.combined_mask.COMBINED_GENERATORS', recorded)
    seen, unions = set(), 0
    for seed in range(100):
        drawn.clear()
        holes = combined_mask((64, 64), hole_share=(0.2, 0.5), rng=np.random.default_rng(seed))
        (first, first_holes), (second, second_holes) = drawn[0], drawn[-1]
        assert first != second
        seen |= {first, second}
        union = first_holes | second_holes
        unions += np.array_equal(holes, union)
        assert not (holes & ~union).any() or not (union & ~holes).any()  # grown or shrunk, if at all
        assert 0.2 <= holes.mean() <= 0.5
    assert seen == set(kinds)
    assert unions > 90
