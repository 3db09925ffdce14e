"""The score that anything is corrupted, and what a low one prevents."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from hcl_arch.restoration import Restorer, one_call, restore
from hcl_arch.restoration.mask_array import mask_of_confidence
from hcl_arch.restoration.verdict import corruption_score, find_by, nothing_found, unusual_share


def spotted(height: int = 64, width: int = 80, *, spot: float = 0.25) -> np.ndarray:
    """(H, W, 3) float32: white with a square of 20 pixels side, which `DarkIsCorrupted` finds."""
    image = np.ones((height, width, 3), np.float32)
    image[10:30, 20:40] = spot
    return image


class TestScore:
    @pytest.mark.parametrize(('n_dark', 'expected'), [(0, 0), (1, 1 / 12), (6, 0.5), (12, 1), (70, 1)])
    def test_of_a_small_picture_is_the_mean_over_12_pixels(self, n_dark: int, expected: float) -> None:
        confidence = np.ones((18, 18), np.float32)
        confidence.flat[:n_dark] = 0
        assert corruption_score(confidence) == pytest.approx(expected)

    def test_of_a_large_one_over_the_area_of_a_date_stamp(self) -> None:
        confidence = np.ones((2500, 2500), np.float32)  # 0.64 of 2,500 are 1,600
        confidence[7, :1000] = 0.2
        confidence[300, 100:120] = 0.1
        assert corruption_score(confidence) == pytest.approx((1000 * 0.8 + 20 * 0.9) / 1600)

    def test_many_marks_add_up(self) -> None:
        confidence = np.ones((50, 80), np.float32)  # 0.64 of the root of 4,000 are 40
        for row in (10, 20, 30, 40):
            confidence[row, 5:15] = 0.1
        assert corruption_score(confidence) == pytest.approx(0.9)

    @pytest.mark.parametrize('size', [(1, 1), (3, 3)])
    def test_of_fewer_pixels_than_that_over_all(self, size: tuple[int, int]) -> None:
        assert corruption_score(np.full(size, 0.25, np.float32)) == pytest.approx(0.75)

    def test_is_in_range_and_leaves_the_map_as_it_is(self) -> None:
        confidence = np.random.default_rng(0).random((90, 110), np.float32)
        given = confidence.copy()
        highest = sorted(1 - float(value) for value in confidence.flat)[-64:]  # 0.64 of the root of 9,900
        assert corruption_score(confidence) == pytest.approx(sum(highest) / 64)
        assert np.array_equal(confidence, given)
        assert corruption_score(np.zeros((9, 9), np.float32)) == 1
        assert corruption_score(np.ones((9, 9), np.float32)) == 0

    @pytest.mark.parametrize('confidence', [np.zeros((4, 4), np.uint8), np.full((4, 4), np.nan), np.zeros((0, 4))])
    def test_of_no_such_map(self, confidence: np.ndarray) -> None:
        with pytest.raises(ValueError, match='confidence: expected'):
            corruption_score(confidence)


class TestFind:
    def test_unsure_regions_of_a_corrupted_picture_are_left_out(self) -> None:
        confidence = np.ones((50, 80), np.float32)
        confidence[10:14, 5:15] = 0.02  # its 40 pixels are the picture's score
        confidence[20:24, 5:12] = 0.29
        confidence[30:34, 5:12] = 0.31
        finding = find_by(confidence, threshold=0.5, grow=0, min_score=0.97)
        assert (finding.score, finding.found) == (pytest.approx(0.98), True)
        assert np.array_equal(finding.mask > 0, confidence < 0.3)
        assert not find_by(confidence, threshold=0.5, grow=0, min_score=0.99).mask.any()

    def test_a_lower_least_score_holds_for_regions_too(self) -> None:
        confidence = np.ones((50, 80), np.float32)
        confidence[10:14, 5:15] = 0.05
        confidence[30:34, 5:12] = 0.35
        assert np.array_equal(find_by(confidence, threshold=0.5, grow=0, min_score=0.8).mask > 0, confidence < 0.1)
        for least in (0, 0.6):
            mask = find_by(confidence, threshold=0.5, grow=0, min_score=least).mask
            assert np.array_equal(mask > 0, confidence < 0.5)

    def test_0_accepts_the_smallest_region(self) -> None:
        confidence = np.ones((50, 80), np.float32)
        confidence[3, 4] = 0.49
        assert (find_by(confidence, threshold=0.5, grow=0, min_score=0).mask > 0).sum() == 1

    def test_regions_are_judged_one_by_one(self) -> None:
        """Each is too small to be sure of; joined they are not."""
        confidence = np.ones((50, 80), np.float32)
        for row in range(10, 40, 4):
            confidence[row, 5:11] = 0.01
        assert not find_by(confidence, threshold=0.5, grow=0, min_score=0.9).found
        confidence[10:39, 5] = 0.01
        assert find_by(confidence, threshold=0.5, grow=0, min_score=0.9).found

    def test_a_score_that_is_reached_marks_as_ever(self, fake_restorer: Restorer) -> None:
        image = spotted()
        finding = fake_restorer.find(image, threshold=0.4, grow=2, min_score=0.75)
        assert finding.score == pytest.approx(0.75)
        assert finding.found is True
        assert np.array_equal(finding.confidence, fake_restorer.detect(image))
        assert np.array_equal(finding.mask, mask_of_confidence(finding.confidence, threshold=0.4, grow=2))
        assert (finding.mask > 0).sum() > 400

    def test_a_lower_one_marks_nothing_and_keeps_the_confidence(self, fake_restorer: Restorer) -> None:
        finding = fake_restorer.find(spotted(), grow=5, min_score=0.76)
        assert (finding.found, finding.mask.any()) == (False, False)
        assert (finding.mask.dtype, finding.mask.shape) == (np.uint8, (64, 80))
        assert finding.score == pytest.approx(0.75)
        assert finding.confidence.min() == pytest.approx(0.25)

    def test_nothing_below_the_threshold_is_nothing_found(self, fake_restorer: Restorer) -> None:
        finding = fake_restorer.find(spotted(), threshold=0.2)
        assert (finding.found, finding.mask.any()) == (False, False)
        assert finding.score == pytest.approx(0.75)

    def test_a_score_of_0_reaches_0(self) -> None:
        assert not find_by(np.ones((8, 8), np.float32), threshold=1, grow=0, min_score=0).found

    def test_detect_and_mask_of_do_not_ask_for_it(self, fake_restorer: Restorer) -> None:
        fake_restorer.min_score = 1.0
        confidence = fake_restorer.detect(spotted())
        assert confidence.min() == pytest.approx(0.25)
        assert fake_restorer.mask_of(confidence).any()


class TestRestore:
    @pytest.mark.parametrize('dtype', [np.uint8, np.uint16, np.float32])
    @pytest.mark.parametrize('options', [{}, {'reverse': True}, {'composite': False}, {'grow': 9}])
    def test_a_clean_picture_keeps_every_byte(
        self, fake_restorer: Restorer, dtype: Any, options: dict[str, Any]
    ) -> None:
        scale = 1 if dtype == np.float32 else np.iinfo(dtype).max
        image = (spotted() * scale).astype(dtype)
        calls = fake_restorer._network.network.sizes
        fake_restorer.detect(image)
        n_looks = len(calls)
        result = fake_restorer.restore(image, min_score=0.9, **options)
        assert result.image.tobytes() == image.tobytes()
        assert (result.image.dtype, result.image.shape) == (image.dtype, image.shape)
        assert not np.shares_memory(result.image, image)
        assert not result.mask.any()
        assert (result.found, result.score) == (False, pytest.approx(0.75, abs=0.01))
        assert len(calls) == 2 * n_looks  # looked at again, and not repainted

    def test_0_repairs_always(self, fake_restorer: Restorer) -> None:
        fake_restorer.min_score = 0.9
        image = spotted()
        result = fake_restorer.restore(image, min_score=0)
        expected = image[:, :, 0] < 0.5
        assert np.array_equal(result.mask > 0, expected)
        assert (result.image[expected] != image[expected]).all()
        assert (result.found, result.score) == (True, pytest.approx(0.75))
        assert not fake_restorer.restore(image).found

    def test_a_mask_of_the_user_s_needs_no_score(self, fake_restorer: Restorer) -> None:
        fake_restorer.min_score = 1.0
        mask = np.zeros((64, 80), bool)
        mask[3, 4] = True
        for result in (fake_restorer.restore(spotted(), mask=mask), fake_restorer.repair(spotted(), mask)):
            assert np.array_equal(result.mask > 0, mask)
            assert (result.score, result.found) == (1.0, True)
        nothing = fake_restorer.repair(spotted(), np.zeros((64, 80), bool))
        assert (nothing.score, nothing.found) == (0.0, False)

    def test_a_confidence_that_is_handed_on_is_scored(self, fake_restorer: Restorer) -> None:
        image = spotted()
        mask = image[..., 0] < 0.5
        result = fake_restorer.repair(image, mask, confidence=fake_restorer.detect(image))
        assert (result.score, result.found) == (pytest.approx(0.75), True)


class TestTheLeastScore:
    def test_is_the_file_s_unless_another_is_given(
        self, monkeypatch: pytest.MonkeyPatch, fake_restorer: Restorer
    ) -> None:
        info: dict[str, Any] = {'min_score': 0.8}
        loaded = SimpleNamespace(network=fake_restorer._network.network, name='dark', info=info)
        monkeypatch.setattr('hcl_arch.restoration.torch_network.load_model', lambda _: loaded)
        assert Restorer('dark', device='cpu').min_score == 0.8
        assert not Restorer('dark', device='cpu').find(spotted()).found
        assert Restorer('dark', device='cpu', min_score=0).min_score == 0
        assert Restorer('dark', device='cpu', min_score=0).find(spotted()).found
        for bad in (2, 'high', None):
            info['min_score'] = bad
            with pytest.raises(ValueError, match=rf'min_score: expected a number in \[0, 1\], got {bad}'):
                Restorer('dark', device='cpu')
        assert fake_restorer.min_score == 0

    @pytest.mark.parametrize('bad', [-0.1, 1.5, float('nan'), '0.5'])
    def test_out_of_range(self, fake_restorer: Restorer, bad: Any) -> None:
        message = rf'min_score: expected a number in \[0, 1\], got {bad}'
        with pytest.raises(ValueError, match=message):
            Restorer(fake_restorer._network.network, min_score=bad)
        with pytest.raises(ValueError, match=message):
            fake_restorer.find(spotted(), min_score=bad)
        with pytest.raises(ValueError, match=message):
            fake_restorer.restore(spotted(), min_score=bad)
        with pytest.raises(ValueError, match=message):
            fake_restorer.restore(spotted(), mask=np.ones((64, 80), bool), min_score=bad)

    def test_the_function_hands_it_on(self, monkeypatch: pytest.MonkeyPatch, fake_restorer: Restorer) -> None:
        monkeypatch.setattr(one_call, '_kept_restorer', lambda *_, **__: fake_restorer)
        assert restore(spotted()).found
        assert not restore(spotted(), min_score=0.9).found


class TestWording:
    @pytest.mark.parametrize(('score', 'least', 'text'), [
        (0.12, 0.35, 'nothing found (score 0.12, below 0.35)'),
        (0.3499, 0.35, 'nothing found (score 0.34, below 0.35)'),
        (0.29, 0.3, 'nothing found (score 0.29, below 0.3)'),
        (0.0, 1, 'nothing found (score 0.00, below 1)'),
        (0.45, 0.35, 'nothing found (score 0.45)'),
    ])  # fmt: skip
    def test_nothing_found(self, score: float, least: float, text: str) -> None:
        assert nothing_found(score, least, (10, 10)) == text

    def test_an_unusual_share(self) -> None:
        assert unusual_share(0.2) is None
        assert unusual_share(0.212) == '21 % of the picture marked, unusually much: check the mask'


@pytest.mark.parametrize(('height', 'width'), [(40, 50_000), (3, 300_000), (1_000_000, 1), (1, 101)])
def test_a_line_of_pixels_is_not_judged(height: int, width: int, fake_restorer: Restorer) -> None:
    """They took up to 7 GiB and minutes, and were called 100 % corrupted."""
    image = np.zeros((height, width, 3), np.uint8)
    restoration = fake_restorer.restore(image, min_score=0)
    assert (restoration.found, restoration.score, int(restoration.mask.max())) == (False, 0, 0)
    assert np.array_equal(restoration.image, image)
    assert fake_restorer._network.network.sizes == []  # type: ignore[union-attr]
    words = f'not judged ({width:,} x {height:,} pixels, more than 100 times as long as wide)'
    assert nothing_found(0, 0.5, restoration.mask.shape) == words


def test_a_long_picture_is_judged(fake_restorer: Restorer) -> None:
    assert fake_restorer.restore(np.zeros((1, 100, 3), np.uint8)).mask.all()
