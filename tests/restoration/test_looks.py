"""Detection in several looks: their sizes, tiles without seams, and confidence where the corruption is."""

from __future__ import annotations

from typing import Any, Optional

import cv2
import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from hcl_arch.archs import DetectThenRestore, HCLDetector, HCLRefineNet
from hcl_arch.data.square_crop import enlarge_square, to_float
from hcl_arch.restoration import Restorer, looks
from hcl_arch.restoration.looks import detect_in_looks, plan_looks
from hcl_arch.restoration.network_calls import NetworkCalls
from hcl_arch.restoration.pixel_source import ImageSource

SIZES = [
    (16, 16), (17, 401), (288, 384), (511, 700), (512, 512), (513, 515), (3000, 4000), (12000, 8400), (50000, 40),
    (1, 1), (1, 10**6), (5 * 10**7, 1), (3, 10**7), (40000, 40000),
]  # fmt: skip
GRAY = (0.5, 0.5, 0.5)
RED = (1.0, 0.0, 0.0)


class RedIsCorrupted(HCLDetector):
    """Takes looks: a cell is corrupted as far as one of its pixels is red; it notes what it is shown."""

    def __init__(self, cell: int = 2) -> None:
        nn.Module.__init__(self)
        self.pixel_classifiers = nn.ModuleList()
        self.looks, self.mask_cell, self.look_multiple, self.size_multiple = 2, cell, 8 * cell, 16 * cell
        self.sizes: list[tuple[int, int]] = []
        self.priors: list[Optional[Tensor]] = []

    def finest_logits(self, image: Tensor, prior: Optional[Tensor] = None) -> Tensor:
        self.sizes.append((image.shape[-2], image.shape[-1]))
        self.priors.append(prior)
        if prior is not None:  # of the same place, in cells twice as large
            assert [2 * self.mask_cell * side for side in prior.shape[-2:]] == list(image.shape[-2:])
        red = image[:, :1] - image[:, 1:].amax(dim=1, keepdim=True)  # 0 of gray, 2 of red
        return 8 - 10 * F.max_pool2d(red, self.mask_cell)


def calls(network: nn.Module) -> NetworkCalls:
    return NetworkCalls(network, torch.device('cpu'), 'fp32')


def gray_with_a_red_dot(height: int, width: int, row: int, column: int) -> np.ndarray:
    image = np.full((height, width, 3), 128, np.uint8)
    image[row, column] = (255, 0, 0)
    return image


def noise(height: int, width: int) -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (height, width, 3), np.uint8)


@pytest.fixture
def in_tiles(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every look that is larger than a tile of 256 pixels is taken in tiles."""
    monkeypatch.setattr(looks, '_WHOLE_PIXELS', 256 * 256)
    monkeypatch.setattr(looks, '_TILE_SIDE', 256)


@pytest.fixture(scope='module')
@torch.no_grad()
def tiny_detector() -> HCLDetector:
    """Convolutions and no global pooling; its statistics and its last layer fit the pictures, so that masks vary."""
    pytest.importorskip('timm')
    torch.manual_seed(1)
    detector = HCLDetector(
        encoder='timm', backbone='test_resnet', dim=4, n_conv_stages=1, context_widths=(8, 8), proj_dim=4,
        mask_from='pixels', looks=2,
    )  # fmt: skip
    pictures = [torch.from_numpy(smooth(128, 192, seed=seed)).permute(2, 0, 1) for seed in (1, 2)]
    images = torch.stack(pictures) / 127.5 - 1
    for _ in range(12):
        detector.train().detect(images)
    assert detector.pixel_classifiers is not None
    last: Any = detector.pixel_classifiers[0].layers[-1]
    for _ in range(3):  # the last look's logits follow those of the look before
        logits = detector.eval().detect(images).mask_logits[0]
        factor = 3 / logits.std()
        last.bias.sub_(logits.median()).mul_(factor)
        last.weight.mul_(factor)
    return detector


class TestPlan:
    @pytest.mark.parametrize('detect_side', [1, 256, 512, 10**5])
    @pytest.mark.parametrize('size', SIZES)
    def test_no_more_pixels_than_the_picture_needs(self, size: tuple[int, int], detect_side: int) -> None:
        plan = plan_looks(*size, detect_side)
        pixels = plan.height * plan.width
        assert pixels <= 1.5 * looks._MOST_PIXELS
        assert pixels <= max(2 * plan.scale**2 * size[0] * size[1], 8 * max(plan.height, plan.width))

    @pytest.mark.parametrize('cell', [4, 8])
    @pytest.mark.parametrize('size', SIZES)
    def test_every_look_is_twice_the_last_in_whole_cells_and_covers_the_picture(
        self, size: tuple[int, int], cell: int
    ) -> None:
        plan = plan_looks(*size, 256, cell=cell)
        multiple = cell * 2 ** (plan.looks - 1)
        for side, planned in zip(size, (plan.height, plan.width)):
            assert planned % multiple == 0
            assert 0 <= planned - round(side * plan.scale) < multiple or planned == multiple

    @pytest.mark.parametrize(('size', 'plan'), [
        ((16, 16), (32, 32, 2.0, 2)),
        ((288, 384), (576, 768, 2.0, 2)),
        ((511, 700), (1024, 1408, 2.0, 3)),
        ((512, 512), (512, 512, 1.0, 2)),
        ((4000, 3000), (4032, 3008, 1.0, 5)),  # the first look is at 252 x 188 pixels
    ])  # fmt: skip
    def test_by_hand(self, size: tuple[int, int], plan: tuple[int, int, float, int]) -> None:
        assert tuple(plan_looks(*size, 256)) == plan

    def test_all_looks_that_were_learned_are_taken(self) -> None:
        assert plan_looks(100, 100, 256, least_looks=3) == (208, 208, 2.0, 3)


class TestPlace:
    @pytest.mark.parametrize('place', [(1, -1), (-1, 0), (0.37, 0.61)])
    @pytest.mark.parametrize('size', [(37, 51), (129, 64), (513, 521), (703, 515)])
    def test_a_dot_of_one_pixel_is_found_where_it_is(
        self, size: tuple[int, int], place: tuple[float, float], in_tiles: None
    ) -> None:
        row, column = (int(at * side) if 0 < at < 1 else int(at) % side for at, side in zip(place, size))
        image = gray_with_a_red_dot(*size, row, column)
        found = detect_in_looks(ImageSource(image), calls(RedIsCorrupted()), detect_side=256)
        cell = 1 if min(size) < 512 else 2  # small pictures are looked at enlarged
        assert found.shape == tuple(-(-side // cell) for side in size)
        assert np.argwhere(found < 0.5).tolist() == [[row // cell, column // cell]]

        enlarged = Restorer(RedIsCorrupted(), device='cpu').detect(image)
        assert enlarged.shape == size
        lowest = np.argwhere(enlarged == enlarged.min())
        assert np.abs(lowest - (row, column)).max() <= 2
        assert enlarged.min() < 0.9 < np.median(enlarged)

    def test_reduced_pictures_too(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(looks, '_MOST_PIXELS', 300_000)
        image = np.full((611, 923, 3), 128, np.uint8)
        image[400:406, 700:706] = (255, 0, 0)
        found = Restorer(RedIsCorrupted(), device='cpu', detect_side=128).detect(image)
        corrupted = np.argwhere(found < 0.5)
        assert np.abs(corrupted.mean(axis=0) - 402.5).min() <= 1
        assert np.abs(corrupted.mean(axis=0)[1] - 702.5) <= 1

    @pytest.mark.parametrize('size', [(1000, 10), (10, 1000), (1, 1), (1, 100)])
    def test_extreme_shapes(self, size: tuple[int, int]) -> None:
        row, column = size[0] // 3, size[1] // 3
        network = RedIsCorrupted()
        found = Restorer(network, device='cpu').detect(gray_with_a_red_dot(*size, row, column))
        assert found.shape == size
        assert found[row, column] < 0.5
        assert (found < 0.5).sum() <= 9


class TestTiles:
    def test_a_local_network_finds_the_same_in_tiles_as_whole(self, monkeypatch: pytest.MonkeyPatch) -> None:
        image = ImageSource(noise(700, 1001))
        network = calls(RedIsCorrupted())
        monkeypatch.setattr(looks, '_WHOLE_PIXELS', 10**9)
        whole = detect_in_looks(image, network, detect_side=256)
        monkeypatch.setattr(looks, '_WHOLE_PIXELS', 200 * 200)
        monkeypatch.setattr(looks, '_TILE_SIDE', 200)
        tiled = detect_in_looks(image, network, detect_side=256)
        assert whole.min() < 0.1 < 0.9 < whole.max()
        np.testing.assert_allclose(tiled, whole, atol=1e-5)

    def test_a_real_network_finds_nearly_the_same_mask(
        self, tiny_detector: HCLDetector, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        network = calls(tiny_detector)
        image = ImageSource(smooth(528, 624))
        monkeypatch.setattr(looks, '_WHOLE_PIXELS', 10**9)
        whole = detect_in_looks(image, network, detect_side=256)
        monkeypatch.setattr(looks, '_WHOLE_PIXELS', 352 * 352)
        monkeypatch.setattr(looks, '_TILE_SIDE', 352)
        tiled = detect_in_looks(image, network, detect_side=256)
        assert 0.05 < (whole < 0.5).mean() < 0.95
        assert ((tiled < 0.5) == (whole < 0.5)).mean() > 0.99

    def test_every_pixel_is_looked_at_in_the_last_look(self, in_tiles: None) -> None:
        """Red all over a picture leaves no place uncorrupted, gray none corrupted: weights sum to one everywhere."""
        for colour, confidence in ((RED, 1 / (1 + np.exp(12))), (GRAY, 1 / (1 + np.exp(-8)))):
            image = np.broadcast_to(np.float32(colour), (531, 777, 3))
            found = detect_in_looks(ImageSource(image), calls(RedIsCorrupted()), detect_side=256)
            assert found.shape == (266, 389)
            np.testing.assert_allclose(found, confidence, rtol=1e-3)

    def test_tiles_bound_the_memory_and_overlap_little(self) -> None:
        network = RedIsCorrupted()
        detect_in_looks(ImageSource(noise(900, 4100)), calls(network), detect_side=512)
        largest = max(height * width for height, width in network.sizes)
        assert largest <= looks._WHOLE_PIXELS
        seen = sum(height * width for height, width in network.sizes)
        # Of the last look, and of those before, each a quarter of the next.
        assert 900 * 4100 < seen < 1.35 * 900 * 4100 * 4 / 3

    def test_a_sliver_is_not_padded_to_more_than_a_tile(self) -> None:
        network = RedIsCorrupted(cell=8)
        detect_in_looks(ImageSource(noise(3, 40000)), calls(network), detect_side=512)
        assert max(height * width for height, width in network.sizes) <= looks._WHOLE_PIXELS


class TestPrior:
    def test_it_is_what_the_look_before_found_at_the_same_place(self, in_tiles: None) -> None:
        network = RedIsCorrupted()
        image = np.full((512, 768, 3), 128, np.uint8)
        image[256:, 512:] = (255, 0, 0)
        detect_in_looks(ImageSource(image), calls(network), detect_side=256)
        first, *others = network.priors
        assert first is None
        assert all(prior is None or set(prior.unique().tolist()) <= {8.0, -12.0} for prior in others)
        last = network.priors[-1]  # the tile at the bottom right
        assert last is not None
        assert (last == -12).float().mean() > 0.5

    @pytest.mark.parametrize('cell', [1, 2, 4, 8])
    def test_for_every_size_of_the_detectors_cells(self, cell: int) -> None:
        image = ImageSource(gray_with_a_red_dot(75, 49, 30, 20))  # looked at in twice the size
        found = detect_in_looks(image, calls(RedIsCorrupted(cell)), detect_side=256)
        assert found.shape == (-(-150 // cell), -(-98 // cell))
        corrupted = np.argwhere(found < 0.5)
        assert len(corrupted) > 0
        assert np.abs(corrupted - np.array([60, 40]) // cell).max() <= (1 if cell == 1 else 0)


class TestKindsOfPictures:
    def test_a_dot_in_sixteen_bits(self) -> None:
        image = gray_with_a_red_dot(90, 70, 33, 44).astype(np.uint16) * 257
        found = Restorer(RedIsCorrupted(), device='cpu').detect(image)
        expected = Restorer(RedIsCorrupted(), device='cpu').detect(gray_with_a_red_dot(90, 70, 33, 44))
        assert found[33, 44] < 0.5
        np.testing.assert_allclose(found, expected, atol=1e-4)

    def test_gray_has_nothing_red(self) -> None:
        found = Restorer(RedIsCorrupted(), device='cpu').detect(noise(60, 90)[..., 0])
        assert found.shape == (60, 90)
        assert (found > 0.99).all()

    def test_invisible_red_is_not_corrupted(self) -> None:
        rgb = gray_with_a_red_dot(90, 70, 33, 44)
        rgb[10:20, 10:20] = (255, 0, 0)
        alpha = np.full((90, 70), 255, np.uint8)
        alpha[5:25, 5:25] = 0
        found = Restorer(RedIsCorrupted(), device='cpu').detect(np.dstack([rgb, alpha]))
        assert found[33, 44] < 0.5
        assert (found[:28, :28] > 0.5).all()
        assert (found[5:25, 5:25] == 1).all()


class LeftHalf(RedIsCorrupted):
    """Calls the left half of whatever it is shown corrupted."""

    def finest_logits(self, image: Tensor, prior: Optional[Tensor] = None) -> Tensor:
        logits = super().finest_logits(image, prior) * 0 + 4
        logits[..., : logits.shape[-1] // 2] = -4
        return logits


@pytest.mark.parametrize(('mirrored', 'left'), [(False, 1 / (1 + np.exp(4))), (True, 0.5)])
def test_mirrored_detection_averages_the_logits_of_both(mirrored: bool, left: float) -> None:
    network = DetectThenRestore(LeftHalf(), HCLRefineNet(dim=2, dim_mults=(1, 2)), detect_mirrored=mirrored)
    found = Restorer(network, device='cpu').detect(noise(64, 96))
    np.testing.assert_allclose(found[:, :20], left, rtol=1e-4)


def test_mirrored_detection_of_a_mirror_image_is_the_mirrored_one(tiny_detector: HCLDetector) -> None:
    network = DetectThenRestore(tiny_detector, HCLRefineNet(dim=2, dim_mults=(1, 2)), detect_mirrored=True)
    restorer = Restorer(network, device='cpu')
    image = smooth(64, 96)  # needs no padding at any look
    found, other = restorer.detect(image), restorer.detect(np.ascontiguousarray(image[:, ::-1]))
    assert found.std() > 0.01
    np.testing.assert_allclose(other[:, ::-1], found, atol=2e-4)


def smooth(height: int, width: int, seed: int = 0) -> np.ndarray:
    """(height, width, 3) uint8, of blurred random colours."""
    colours = torch.rand(1, 3, height // 12, width // 12, generator=torch.Generator().manual_seed(seed))
    image = F.interpolate(colours, size=(height, width), mode='bicubic').clamp(0, 1)
    return np.ascontiguousarray((255 * image[0].permute(1, 2, 0)).round().to(torch.uint8).numpy())


def test_small_pictures_are_enlarged_as_in_training() -> None:
    """By cubic interpolation, which overshoots at an edge, but not out of range."""
    rng = np.random.default_rng(0)
    pixels = (255 * (rng.random((40, 40, 3)) > 0.5)).astype(np.uint8)
    found = looks._scaled(ImageSource(pixels), 2)
    np.testing.assert_array_equal(found, enlarge_square(to_float(pixels), 80))
    assert (found.min(), found.max()) == (0, 1)
    smooth = cv2.resize(to_float(pixels), (80, 80), interpolation=cv2.INTER_LINEAR)
    assert found.std() > 1.1 * smooth.std()
