from __future__ import annotations

import itertools
from typing import Any, Callable, Optional

import cv2
import numpy as np
import pytest
import torch
from torch import Tensor

from hcl_arch.restoration import Restorer, painting
from hcl_arch.restoration.tiles import Span, TileGrid, spans

BuildRestorer = Callable[..., Restorer]
SmallTiles = Callable[[int], None]


class OwnShade(torch.nn.Module):
    """Paints half of the picture's contrast around a gray level that every tile draws for itself."""

    size_multiple = 16

    def forward(self, lq: Tensor, *, return_all: bool = False, **_: Any) -> Tensor:
        return 0.5 * lq + 0.5 * lq.mean()


class SeesConfidence(OwnShade):
    """Paints the confidence that it is given."""

    takes_confidence = True

    def repair(self, lq: Tensor, mask: Tensor, *, confidence: Tensor) -> Tensor:
        return confidence.expand_as(lq)


def steps_across(image: np.ndarray, columns: np.ndarray) -> float:
    """Mean absolute horizontal gradient at columns."""
    return float(np.abs(np.diff(image.astype(np.float64), axis=1))[:, columns].mean())


def seam_columns(width: int, side: int, multiple: int) -> np.ndarray:
    """(W - 1,) bool: between which columns two tiles are mixed."""
    mixed = np.zeros(width, bool)
    for span in spans(width, side, multiple):
        mixed[span.extent] |= (span.weights > 0) & (span.weights < 1)
    return mixed[1:] | mixed[:-1]


def count(grid: TileGrid) -> int:
    """Number of tiles."""
    return len(grid.rows) * len(grid.columns)


class TestAgreement:
    @pytest.mark.parametrize('options', [{}, {'n_conv_stages': 1}])
    def test_tiled_and_whole(
        self, hcl_restorer: BuildRestorer, small_tiles: SmallTiles, photograph: np.ndarray, options: dict[str, int]
    ) -> None:
        build = hcl_restorer(options)
        image = np.pad(photograph, ((0, 50), (0, 30), (0, 0)), 'reflect').astype(np.float32) / 255
        middle = float(np.median(build.detect(image)))
        counts: list[tuple[int, int]] = []
        whole = build.restore(image, threshold=middle, composite=False)
        small_tiles(128)
        tiled = build.restore(image, threshold=middle, composite=False, progress=lambda *count: counts.append(count))
        assert (tiled.mask == whole.mask).mean() >= 0.99
        assert 0.2 < (whole.mask > 0).mean() < 0.8
        assert counts[-1][0] > 3
        difference = np.abs(tiled.image - whole.image)
        assert difference.max() < 0.02
        assert difference.mean() < 0.001

    def test_seams_are_as_smooth_as_the_rest(
        self, hcl_restorer: BuildRestorer, small_tiles: SmallTiles, photograph: np.ndarray
    ) -> None:
        build, image = hcl_restorer(), photograph.astype(np.float32) / 255
        hole = np.zeros((120, 144), bool)
        hole[::16] = True
        whole = build.repair(image, hole, composite=False).image
        small_tiles(80)
        tiled = build.repair(image, hole, composite=False).image
        seams = seam_columns(144, 80, 16)
        assert 0.2 < seams.mean() < 0.8
        ratios = [steps_across(picture, seams) / steps_across(picture, ~seams) for picture in (tiled, whole)]
        assert ratios[0] < 1.02 * ratios[1]

    def test_tiles_of_different_shades_meet_softly(
        self, small_tiles: SmallTiles, photograph: np.ndarray, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def worst_step(columns: np.ndarray) -> float:
            image = Restorer(OwnShade(), device='cpu').repair(picture, hole, composite=False).image
            shades = image.mean(axis=(0, 2)) - 0.5 * picture.mean(axis=(0, 2))
            return float(np.abs(np.diff(shades))[columns].max())

        small_tiles(80)
        picture, hole = photograph.astype(np.float32) / 255, np.zeros((120, 144), bool)
        picture = picture * np.linspace(0.3, 1, 144, dtype=np.float32)[None, :, None]
        soft = worst_step(np.ones(143, bool))

        def hard(size: int, side: int, multiple: int) -> list[Span]:
            return [Span(s.start, s.stop, s.weights.round()) for s in spans(size, side, multiple)]

        monkeypatch.setattr(painting, 'spans', hard)
        assert soft < 0.15 * worst_step(np.ones(143, bool))

    def test_composited_tiles_change_nothing_outside(
        self, hcl_restorer: BuildRestorer, small_tiles: SmallTiles, photograph: np.ndarray
    ) -> None:
        small_tiles(64)
        hole = np.zeros((120, 144), bool)
        hole[30:50, 20:40] = hole[100:, 130:] = True
        counts: list[tuple[int, int]] = []
        result = hcl_restorer().repair(photograph, hole, progress=lambda *count: counts.append(count))
        assert np.array_equal(result.image[~hole], photograph[~hole])
        whole = hcl_restorer().repair(photograph, hole, composite=False).image
        assert np.abs(result.image[hole].astype(int) - whole[hole]).max() <= 3
        total = count(painting._grid(painting.ImageSource(photograph), hole, hcl_restorer()._network, 1e9))
        assert counts == [(done, counts[0][1]) for done in range(counts[0][1] + 1)]
        assert 0 < counts[0][1] < total

    def test_the_same_every_time(
        self, hcl_restorer: BuildRestorer, small_tiles: SmallTiles, photograph: np.ndarray
    ) -> None:
        small_tiles(80)
        hole = np.random.default_rng(0).random((96, 112)) > 0.5
        one, other = (hcl_restorer().repair(photograph[:96, :112], hole, composite=False).image for _ in range(2))
        assert np.array_equal(one, other)


class TestDeepHoles:
    def test_what_no_tile_can_know_comes_from_the_reduced_picture(
        self, fake_restorer: Restorer, small_tiles: SmallTiles
    ) -> None:
        small_tiles(64)
        image = np.full((320, 320, 3), 0.5, np.float32)
        image[:, :, 0] = 0.8
        hole = np.zeros((320, 320), bool)
        hole[40:280, 40:280] = True
        image[hole] = 0
        result = fake_restorer.repair(image, hole).image
        np.testing.assert_allclose(result[hole], np.tile([0.8, 0.5, 0.5], (hole.sum(), 1)), atol=0.01)

    def test_tiles_in_the_middle_are_not_computed(self, fake_restorer: Restorer, small_tiles: SmallTiles) -> None:
        small_tiles(64)
        image = np.random.default_rng(0).random((320, 320, 3), np.float32)
        hole = np.zeros((320, 320), bool)
        hole[20:300, 20:300] = True
        fake_restorer.repair(image, hole)
        sizes = fake_restorer._network.network.sizes
        grid = painting._grid(painting.ImageSource(image), hole, fake_restorer._network, 0)
        assert sizes.count((64, 64)) < 0.5 * count(grid)
        assert sizes[0][0] <= 20

    def test_a_shallow_hole_asks_no_other_size(self, fake_restorer: Restorer, photograph: np.ndarray) -> None:
        hole = np.zeros((120, 144), bool)
        hole[50:60] = True
        fake_restorer.repair(photograph, hole)
        assert fake_restorer._network.network.sizes == [(120, 144)]

    def test_whole_and_tiled_agree_in_them(
        self, hcl_restorer: BuildRestorer, small_tiles: SmallTiles, photograph: np.ndarray
    ) -> None:
        image = photograph.astype(np.float32) / 255
        hole = np.zeros((120, 144), bool)
        hole[10:110, 20:130] = True
        whole = hcl_restorer().repair(image, hole, composite=False).image
        small_tiles(80)
        tiled = hcl_restorer().repair(image, hole, composite=False).image
        assert np.abs(tiled - whole).max() < 0.03


class TestMemory:
    def test_more_memory_makes_one_tile(self, hcl_restorer: BuildRestorer) -> None:
        image = np.zeros((900, 700, 3), np.uint8)
        hole = np.zeros((900, 700), bool)
        hole[::30] = True
        network = hcl_restorer()._network
        needed = network.repair_bytes() * 912 * 704
        source = painting.ImageSource(image)
        assert count(painting._grid(source, hole, network, needed)) == 1
        grid = painting._grid(source, hole, network, needed / 4)
        assert count(grid) >= 4
        for row, column in itertools.product(*grid):
            assert (row.stop - row.start) * (column.stop - column.start) * network.repair_bytes() <= needed / 4

    def test_few_holes_are_cheaper_in_tiles(self, hcl_restorer: BuildRestorer) -> None:
        source = painting.ImageSource(np.zeros((900, 1300, 3), np.uint8))
        hole = np.zeros((900, 1300), bool)
        hole[20:40, 20:40] = True
        grid = painting._grid(source, hole, hcl_restorer()._network, 1e12)
        assert count(grid) > 1
        assert painting._work(grid, hole, 128, 16) == 176 * 176  # around the hole

    def test_along_a_stroke_the_cheapest_tiles(self) -> None:
        """Tiles of the largest side took 2.4 times the work, the whole picture 1.5 times."""
        hole = np.zeros((2672, 4000), np.uint8)
        points = [[60 + 40 * n, 1336 + int(500 * np.sin(n / 9))] for n in range(98)]
        cv2.polylines(hole, [np.array(points, np.int32)], False, 1, 40)
        grids = {side: painting._cheapest(hole > 0, side, 128, 64) for side in (512, 1024)}
        works = {side: painting._work(grid, hole > 0, 128, 64) for side, grid in grids.items()}
        assert works[1024] <= works[512] < 0.8 * hole.size

    def test_only_what_a_small_hole_needs_is_painted(
        self, fake_restorer: Restorer, hcl_restorer: BuildRestorer, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        image = np.random.default_rng(0).integers(0, 256, (400, 420, 3), np.uint8)
        hole = np.zeros((400, 420), bool)
        hole[200:210, 100:130] = True
        fake_restorer.repair(image, hole)
        assert fake_restorer._network.network.sizes[-1] == (144, 168)
        part = hcl_restorer().repair(image, hole).image
        monkeypatch.setattr(painting, '_LEAST_CONTEXT', 1000)
        whole = hcl_restorer().repair(image, hole).image
        assert np.array_equal(part[~hole], image[~hole])
        assert np.abs(part[hole].astype(int) - whole[hole]).max() <= 3

    def test_measured_memory_is_the_same_every_time(self, hcl_restorer: BuildRestorer) -> None:
        one, other = hcl_restorer()._network, hcl_restorer()._network
        assert one.repair_bytes() == other.repair_bytes() > 0
        assert one.detection_bytes() == other.detection_bytes() > 0


@pytest.mark.parametrize('tile', [None, 64])
@pytest.mark.parametrize('reverse', [False, True])
def test_a_network_that_takes_it_sees_the_confidence(
    photograph: np.ndarray, small_tiles: SmallTiles, tile: Optional[int], reverse: bool
) -> None:
    """What was found, beyond the hole too; of a user's mask what the mask says, before it is feathered."""
    if tile is not None:
        small_tiles(tile)
    restorer, (height, width) = Restorer(SeesConfidence(), device='cpu'), photograph.shape[:2]
    confidence = np.random.default_rng(0).random((height, width), np.float32)
    stripes = np.arange(height) // 8 % 2  # near enough to what is known, either way
    hole = np.repeat(255 * stripes[:, None].astype(np.uint8), width, axis=1)
    picture = photograph.astype(np.float32) / 255
    options: dict[str, Any] = {'composite': False, 'reverse': reverse}
    found = restorer.repair(picture, hole, confidence=confidence, **options).image
    np.testing.assert_allclose(found[..., 0], 1 - confidence if reverse else confidence, atol=1e-5)
    given = restorer.repair(picture, hole, **options).image
    np.testing.assert_allclose(given[..., 0], (hole > 0) if reverse else (hole == 0), atol=1e-5)


def test_a_smaller_picture_has_the_mean_confidence(photograph: np.ndarray, small_tiles: SmallTiles) -> None:
    """In the middle of a hole too deep for the network the picture comes from a quarter of the size."""
    small_tiles(64)
    picture = cv2.resize(photograph, (256, 256)).astype(np.float32) / 255
    hole = np.zeros((256, 256), np.uint8)
    hole[8:-8, 8:-8] = 255
    confidence = np.zeros((256, 256), np.float32)
    confidence[::2] = 1
    found = Restorer(SeesConfidence(), device='cpu').repair(picture, hole, confidence=confidence).image
    np.testing.assert_allclose(found[120:136, 120:136], 0.5, atol=0.02)
    np.testing.assert_array_equal(found[hole == 0], picture[hole == 0])
