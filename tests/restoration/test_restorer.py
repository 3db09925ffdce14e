from __future__ import annotations

import os
import threading
from pathlib import Path
from types import SimpleNamespace
from typing import Any, Callable

import numpy as np
import pytest
import torch
from PIL import Image

from hcl_arch.archs import DetectThenRestore, HCLDetector, VCNet
from hcl_arch.restoration import Restorer, one_call, restore, restorer

BuildRestorer = Callable[..., Restorer]
HOLE = np.zeros((120, 144), np.uint8)
HOLE[40:54, 30:120] = 255


def as_dtype(image: np.ndarray, dtype: Any) -> np.ndarray:
    """A uint8 image in another dtype."""
    if np.issubdtype(dtype, np.floating):
        return (image / 255).astype(dtype)
    return image.astype(dtype) * dtype(np.iinfo(dtype).max // 255)


class TestDtypesAndChannels:
    @pytest.mark.parametrize('dtype', [np.uint8, np.uint16, np.float32, np.float16])
    @pytest.mark.parametrize('channels', ['gray', 'gray1', 'rgb', 'rgba'])
    @pytest.mark.parametrize('reverse', [False, True])
    def test_kept_and_what_is_outside_to_the_last_bit(
        self, fake_restorer: Restorer, photograph: np.ndarray, dtype: Any, channels: str, reverse: bool
    ) -> None:
        rgba = np.dstack([photograph, np.tile(np.arange(1, 145, dtype=np.uint8), (120, 1))])
        chosen = {'gray': rgba[..., 0], 'gray1': rgba[..., :1], 'rgb': rgba[..., :3], 'rgba': rgba}[channels]
        image = as_dtype(chosen, dtype)
        given = image.copy()
        found = fake_restorer.repair(image, HOLE, reverse=reverse)
        assert np.array_equal(image, given)
        assert found.image.dtype == image.dtype
        assert found.image.shape == image.shape
        kept = (HOLE > 0) if reverse else (HOLE == 0)
        assert np.array_equal(found.image[kept], image[kept])
        assert (found.image[~kept] != image[~kept]).mean() > 0.5
        assert np.array_equal(found.mask, HOLE)
        if channels == 'rgba':
            assert np.array_equal(found.image[..., 3], image[..., 3])

    @pytest.mark.parametrize('dtype', [np.uint8, np.uint16, np.float32])
    def test_every_dtype_is_painted_alike(self, fake_restorer: Restorer, photograph: np.ndarray, dtype: Any) -> None:
        image = as_dtype(photograph, dtype)
        painted = fake_restorer.repair(image, HOLE).image[HOLE > 0]
        expected = photograph[HOLE == 0].mean(axis=0) / 255
        np.testing.assert_allclose(painted / (1 if dtype == np.float32 else np.iinfo(dtype).max), np.tile(
            expected, (len(painted), 1)), atol=0.003 if dtype == np.uint8 else 1e-4)  # fmt: skip

    @pytest.mark.parametrize('has_alpha', [False, True])
    def test_8_and_16_bit_give_the_same_mask(self, fake_restorer: Restorer, has_alpha: bool) -> None:
        """Above `detect_side` the means of 8 bits were rounded to 8 bits, so pixels at the threshold fell elsewhere."""
        image = np.random.default_rng(0).integers(0, 256, (700, 530, 4 if has_alpha else 3), np.uint8)
        found, deep = (fake_restorer.find(as_dtype(image, dtype), threshold=0.5) for dtype in (np.uint8, np.uint16))
        assert np.array_equal(found.mask, deep.mask)
        assert np.array_equal(found.confidence, deep.confidence)
        assert 0.2 < (found.mask > 0).mean() < 0.8

    def test_bytes_in_another_order_and_views_do(self, fake_restorer: Restorer, photograph: np.ndarray) -> None:
        image = as_dtype(photograph, np.uint16)
        expected = fake_restorer.restore(image).image
        swapped = fake_restorer.restore(image.astype('>u2')).image
        assert np.array_equal(swapped, expected)
        assert np.array_equal(fake_restorer.restore(image[::-1, ::-1][::-1, ::-1]).image, expected)

    def test_gray_is_restored_as_three_equal_channels(
        self, hcl_restorer: BuildRestorer, photograph: np.ndarray
    ) -> None:
        build = hcl_restorer()
        gray, rgb = (build.repair(image, HOLE, composite=False).image for image in (
            photograph[..., 0], np.repeat(photograph[..., :1], 3, axis=2)))  # fmt: skip
        luma = rgb.astype(np.float32) @ np.array([0.299, 0.587, 0.114])
        assert np.abs(gray - luma).max() <= 1.01


class TestTransparency:
    def test_colours_that_nobody_sees_change_nothing(self, hcl_restorer: BuildRestorer, photograph: np.ndarray) -> None:
        build = hcl_restorer()
        alpha = np.full((120, 144), 255, np.uint8)
        alpha[:, 100:] = 0
        results = []
        for hidden in (0, 255):
            image = np.dstack([photograph, alpha])
            image[:, 100:, :3] = hidden
            result = build.restore(image, threshold=0.6)
            assert np.array_equal(result.image[:, 100:], image[:, 100:])
            assert (result.confidence[:, 100:] == 1).all()
            assert not result.mask[:, 100:].any()
            results.append(result)
        assert np.array_equal(results[0].confidence, results[1].confidence)
        assert np.array_equal(results[0].image[:, :100], results[1].image[:, :100])

    def test_nor_do_they_in_a_deep_hole(self, hcl_restorer: BuildRestorer, photograph: np.ndarray) -> None:
        build = hcl_restorer()
        hole = np.zeros((120, 144), bool)
        hole[20:110, 20:130] = True
        results = []
        for hidden in (0, 255):
            image = np.dstack([photograph, np.full((120, 144), 255, np.uint8)])
            image[30:100, 70:, 3] = 0
            image[30:100, 70:, :3] = hidden
            results.append(build.repair(image, hole).image)
            assert np.array_equal(results[-1][30:100, 70:], image[30:100, 70:])
        visible = results[0][..., 3] > 0
        assert np.array_equal(results[0][visible], results[1][visible])

    def test_a_picture_of_nothing_visible_comes_back(self, fake_restorer: Restorer) -> None:
        image = np.zeros((40, 50, 4), np.uint8)
        result = fake_restorer.restore(image)
        assert np.array_equal(result.image, image)
        assert not result.mask.any()


class TestSizes:
    @pytest.mark.parametrize('size', [(1, 1), (1, 50), (17, 33)])
    @pytest.mark.parametrize('options', [{}, {'n_conv_stages': 1}])
    def test_odd_ones(self, hcl_restorer: BuildRestorer, size: tuple[int, int], options: dict[str, int]) -> None:
        image = np.random.default_rng(0).integers(0, 256, (*size, 3), np.uint8)
        result = hcl_restorer(options).restore(image, threshold=1.0, composite=False)
        assert result.image.shape == image.shape
        assert result.confidence.shape == result.mask.shape == size
        assert np.isfinite(result.confidence).all()

    @pytest.mark.parametrize('size', [(1000, 10), (10, 1000)])
    def test_very_long_ones(self, fake_restorer: Restorer, size: tuple[int, int]) -> None:
        image = np.random.default_rng(0).integers(0, 256, (*size, 3), np.uint8)
        result = fake_restorer.restore(image)
        assert result.image.shape == image.shape
        assert 0 < (result.mask > 0).mean() < 1

    def test_arrays_that_fill_the_memory_leave_the_smallest_tiles(
        self, fake_restorer: Restorer, photograph: np.ndarray, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(restorer, '_ARRAY_BYTES_PER_PIXEL', 10**9)
        monkeypatch.setattr('hcl_arch.restoration.painting._ALWAYS_FITS', 0)
        fake_restorer.repair(photograph, HOLE)
        assert fake_restorer._network.network.sizes[-1] == (32, 32)

    def test_large_ones_are_looked_at_reduced_and_small_ones_as_they_are(self, fake_restorer: Restorer) -> None:
        sizes = fake_restorer._network.network.sizes
        fake_restorer.detect(np.zeros((512, 1024, 3), np.uint8))
        fake_restorer.detect(np.zeros((100, 120, 3), np.uint8))
        assert sizes == [(256, 512), (100, 120)]


class TestMasks:
    def test_threshold_is_monotone_with_nothing_at_0_and_all_that_is_in_doubt_at_1(
        self, fake_restorer: Restorer, photograph: np.ndarray
    ) -> None:
        photograph[:40] = 255
        masks = [fake_restorer.restore(photograph, threshold=t / 10).mask > 0 for t in range(11)]
        assert not masks[0].any()
        for lower, higher in zip(masks, masks[1:]):
            assert not (lower & ~higher).any()
        confidence = fake_restorer.detect(photograph)
        assert np.array_equal(masks[10], confidence < 1)
        assert (confidence == 1).any()

    def test_nothing_to_repair_gives_the_input(self, fake_restorer: Restorer, photograph: np.ndarray) -> None:
        result = fake_restorer.restore(photograph, threshold=0)
        assert np.array_equal(result.image, photograph)
        assert result.image is not photograph

    def test_a_full_mask_gives_something(self, hcl_restorer: BuildRestorer, photograph: np.ndarray) -> None:
        image = photograph[:64, :80].astype(np.float32) / 255
        result = hcl_restorer().repair(image, np.ones((64, 80), bool))
        assert np.isfinite(result.image).all()
        assert (result.mask == 255).all()

    def test_what_the_user_gives_is_grown_and_not_looked_for(
        self, fake_restorer: Restorer, photograph: np.ndarray
    ) -> None:
        result = fake_restorer.restore(photograph, mask=HOLE, grow=1)
        row, column = np.mgrid[:120, :144]
        away = np.hypot(np.clip(40 - row, 0, None) + np.clip(row - 53, 0, None),
                        np.clip(30 - column, 0, None) + np.clip(column - 119, 0, None))  # fmt: skip
        assert np.array_equal(result.mask > 0, away <= 1)
        assert np.array_equal(result.confidence, (HOLE == 0).astype(np.float32))
        assert fake_restorer._network.network.sizes == [(120, 144)]

    def test_reverse_keeps_the_mask_and_swaps_what_is_repainted(
        self, fake_restorer: Restorer, photograph: np.ndarray
    ) -> None:
        forward = fake_restorer.repair(photograph, HOLE, composite=False).image
        swapped = fake_restorer.repair(photograph, 255 - HOLE, composite=False).image
        reverse = fake_restorer.repair(photograph, HOLE, composite=False, reverse=True)
        assert np.array_equal(reverse.image, swapped)
        assert np.array_equal(reverse.mask, HOLE)
        assert not np.array_equal(forward, swapped)

    def test_a_given_confidence_is_handed_on(self, fake_restorer: Restorer, photograph: np.ndarray) -> None:
        confidence = fake_restorer.detect(photograph)
        mask = fake_restorer.mask_of(confidence, threshold=0.4, grow=2)
        result = fake_restorer.repair(photograph, mask, confidence=confidence)
        expected = fake_restorer.restore(photograph, threshold=0.4, grow=2)
        for one, other in zip(result, expected):
            assert np.array_equal(one, other)


class TestNetworks:
    def test_reading_is_the_network_s_own_where_nothing_is_reduced(self, hcl_restorer: BuildRestorer) -> None:
        image = np.random.default_rng(0).random((48, 50, 3), np.float32)
        build = hcl_restorer()
        tensor = torch.from_numpy(image.transpose(2, 0, 1))[None]
        with torch.no_grad():
            output = build._network.network(tensor, return_all=True)
        np.testing.assert_allclose(build.detect(image), output.soft_mask[0, 0], atol=1e-6)

    @pytest.mark.parametrize('model', ['VCNet', 'DetectThenRestore'])
    def test_others_that_answer_the_same_calls(
        self, small_options: dict[str, Any], photograph: np.ndarray, model: str
    ) -> None:
        if model == 'VCNet':
            net: torch.nn.Module = VCNet(dim=4, detector_blocks=0, inpainter_blocks=0)
        else:
            detector = {name: value for name, value in small_options.items() if not name.startswith(('dec', 'bott'))}
            net = DetectThenRestore(HCLDetector(**detector), torch.nn.Conv2d(4, 3, 3, padding=1), freeze_detector=True)
        result = Restorer(net, device='cpu', detect_side=64).restore(photograph, threshold=0.51, composite=False)
        assert result.image.shape == photograph.shape

    def test_a_detector_detects_and_says_that_it_does_not_repair(
        self, small_options: dict[str, Any], photograph: np.ndarray
    ) -> None:
        detector = {name: value for name, value in small_options.items() if not name.startswith(('dec', 'bott'))}
        only = Restorer(HCLDetector(**detector), device='cpu', detect_side=64)
        assert only.detect(photograph).shape == (120, 144)
        with pytest.raises(ValueError, match='HCLDetector only detects'):
            only.repair(photograph, HOLE)
        with pytest.raises(ValueError, match='HCLDetector only detects'):
            only.restore(photograph)

    def test_what_finds_nothing_is_no_model(self, photograph: np.ndarray) -> None:
        with pytest.raises(ValueError, match='Identity finds no corruption'):
            Restorer(torch.nn.Identity(), device='cpu').detect(photograph)

    def test_the_file_s_side_for_detection_is_taken_unless_another_is_given(
        self, monkeypatch: pytest.MonkeyPatch, fake_restorer: Restorer
    ) -> None:
        loaded = SimpleNamespace(network=fake_restorer._network.network, name='dark', info={'detect_side': 96})
        monkeypatch.setattr('hcl_arch.restoration.torch_network.load_model', lambda _: loaded)
        named = Restorer('dark', device='cpu')
        assert (named.name, named.detect_side) == ('dark', 96)
        assert Restorer('dark', device='cpu', detect_side=50).detect_side == 50
        assert fake_restorer.detect_side == 256

    def test_the_file_s_feather_is_for_what_is_found(
        self, monkeypatch: pytest.MonkeyPatch, fake_restorer: Restorer, photograph: np.ndarray
    ) -> None:
        loaded = SimpleNamespace(network=fake_restorer._network.network, name='dark', info={'feather': 5})
        monkeypatch.setattr('hcl_arch.restoration.torch_network.load_model', lambda _: loaded)
        named = Restorer('dark', device='cpu', detect_side=fake_restorer.detect_side)
        assert named.feather == 5
        found = named.restore(photograph)
        assert found.mask.any()
        assert np.array_equal(found.image, named.restore(photograph, feather=5).image)
        assert not np.array_equal(found.image, named.restore(photograph, feather=0).image)
        by_mask = named.restore(photograph, mask=HOLE).image
        assert np.array_equal(by_mask, named.restore(photograph, mask=HOLE, feather=0).image)

    def test_the_given_network_stays_as_it_is(self, small_options: dict[str, Any], photograph: np.ndarray) -> None:
        net = VCNet(dim=4, detector_blocks=0, inpainter_blocks=0).train()
        Restorer(net, device='cpu', precision='bf16', detect_side=64).restore(photograph)
        assert net.training
        assert all(p.requires_grad and p.dtype == torch.float32 for p in net.parameters())

    def test_bfloat16_is_near_float32(self, hcl_restorer: BuildRestorer, photograph: np.ndarray) -> None:
        exact, near = (hcl_restorer(precision=p).repair(
            photograph[32:96, :64], HOLE[32:96, :64], composite=False).image.astype(int)
                       for p in ('fp32', 'bf16'))  # fmt: skip
        assert np.abs(exact - near).mean() < 2
        assert not np.array_equal(exact, near)

    def test_values_that_are_not_finite_are_told(self, hcl_restorer: BuildRestorer, photograph: np.ndarray) -> None:
        build = hcl_restorer()
        build._network.network.decoder.last_conv.weight.fill_(float('nan'))
        with pytest.raises(RuntimeError, match='not finite'):
            build.repair(photograph, HOLE)


def test_the_same_every_time_and_from_several_threads(hcl_restorer: BuildRestorer, photograph: np.ndarray) -> None:
    build = hcl_restorer()
    expected = build.restore(photograph, threshold=0.5002)
    found: list[Any] = []
    threads = [
        threading.Thread(target=lambda: found.append(build.restore(photograph, threshold=0.5002))) for _ in range(3)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(found) == 3
    for result in found:
        for one, other in zip(result, expected):
            assert np.array_equal(one, other)


def test_restore_keeps_the_last_model_until_its_file_changes(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, fake_restorer: Restorer, photograph: np.ndarray
) -> None:
    loaded: list[str] = []

    def load(model: Any, **_: Any) -> Restorer:
        loaded.append(str(model))
        return fake_restorer

    monkeypatch.setattr(one_call, 'Restorer', load)
    monkeypatch.setattr(one_call, '_last', {})
    file = tmp_path / 'model.safetensors'
    file.write_bytes(b'1')
    for _ in range(2):
        restore(photograph, model=file)
    assert loaded == [str(file)]
    os.utime(file, ns=(1, 1))
    restore(photograph, model=file, threshold=0.3)
    assert len(loaded) == 2


def test_files_and_pil_images(fake_restorer: Restorer, photograph: np.ndarray, tmp_path: Path) -> None:
    expected = fake_restorer.repair(photograph, HOLE).image
    Image.fromarray(photograph).save(tmp_path / 'image.png')
    Image.fromarray(HOLE).save(tmp_path / 'mask.png')
    from_files = fake_restorer.repair(tmp_path / 'image.png', tmp_path / 'mask.png')
    assert np.array_equal(from_files.image, expected)
    assert np.array_equal(fake_restorer.repair(Image.fromarray(photograph), Image.fromarray(HOLE)).image, expected)
