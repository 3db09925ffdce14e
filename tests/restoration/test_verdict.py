"""The score that anything is corrupted, and what a low one prevents."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import cv2
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
        confidence = np.ones((50, 80), np.float32)
        confidence.flat[:n_dark] = 0
        assert corruption_score(confidence) == pytest.approx(expected)

    def test_of_a_large_one_over_the_length_of_a_scratch(self) -> None:
        confidence = np.ones((2500, 2500), np.float32)  # 0.04 of 2,500 are 100
        confidence[7, :60] = 0.2
        confidence[300, 100:120] = 0.1
        assert corruption_score(confidence) == pytest.approx(60 * 0.8 / 100)

    def test_regions_are_judged_one_by_one(self) -> None:
        confidence = np.ones((50, 80), np.float32)
        confidence[10, 5:11] = confidence[30, 5:11] = 0.1
        assert corruption_score(confidence) == pytest.approx(6 * 0.9 / 12)
        confidence[11:30, 5] = 0.3  # joins the two
        assert corruption_score(confidence) == pytest.approx(0.9)

    def test_of_a_picture_without_a_region_is_that_of_all_pixels(self) -> None:
        confidence = np.full((50, 80), 0.9, np.float32)
        confidence[3, :10:2] = 0.6
        assert corruption_score(confidence) == pytest.approx((5 * 0.4 + 7 * 0.1) / 12)

    def test_of_a_picture_without_a_region_sorts_no_more_than_counts(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """Of 10 megapixels the sorting took 2 s. The sum is that of a loop, to the last bit."""
        confidence = np.random.default_rng(0).uniform(0.6, 1, (500, 800)).astype(np.float32)
        sizes: list[int] = []
        sort, lexsort = np.sort, np.lexsort
        monkeypatch.setattr(np, 'sort', lambda values: sizes.append(len(values)) or sort(values))
        monkeypatch.setattr(np, 'lexsort', lambda keys: sizes.append(len(keys[0])) or lexsort(keys))
        score = find_by(confidence, threshold=0.5, grow=0, min_score=0.9).score
        assert max(sizes) == 25  # 0.04 of the root of 400,000
        total = 0.0
        for value in sorted(confidence.flat)[:25]:
            total += 1 - float(value)
        assert score == corruption_score(confidence) == total / 25

    @pytest.mark.parametrize('size', [(1, 1), (3, 3)])
    def test_of_fewer_pixels_than_that_over_all(self, size: tuple[int, int]) -> None:
        assert corruption_score(np.full(size, 0.25, np.float32)) == pytest.approx(0.75)

    def test_is_in_range_and_leaves_the_map_as_it_is(self) -> None:
        confidence = np.random.default_rng(0).random((90, 110), np.float32)
        given = confidence.copy()
        n_regions, labels = cv2.connectedComponents((confidence < 0.5).astype(np.uint8), connectivity=8)
        slow = [
            np.sort(1 - confidence[labels == number].astype(np.float64))[::-1][:12].sum() / 12
            for number in range(1, n_regions)
        ]
        assert corruption_score(confidence) == pytest.approx(max(slow))
        assert np.array_equal(confidence, given)
        assert corruption_score(np.zeros((9, 9), np.float32)) == 1
        assert corruption_score(np.ones((9, 9), np.float32)) == 0

    @pytest.mark.parametrize('confidence', [np.zeros((4, 4), np.uint8), np.full((4, 4), np.nan), np.zeros((0, 4))])
    def test_of_no_such_map(self, confidence: np.ndarray) -> None:
        with pytest.raises(ValueError, match='confidence: expected'):
            corruption_score(confidence)


class TestFind:
    def test_regions_below_the_score_are_left_out(self) -> None:
        confidence = np.ones((50, 80), np.float32)
        confidence[10:14, 5:12] = 0.05
        confidence[30:34, 5:12] = 0.3
        finding = find_by(confidence, threshold=0.5, grow=0, min_score=0.8)
        assert (finding.score, finding.found) == (pytest.approx(0.95), True)
        assert np.array_equal(finding.mask > 0, confidence < 0.1)
        assert (find_by(confidence, threshold=0.5, grow=0, min_score=0).mask > 0).sum() == 56

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
        monkeypatch.setattr('hcl_arch.model_files.load_model', lambda _: loaded)
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
        monkeypatch.setattr(one_call, '_kept_restorer', lambda *_: fake_restorer)
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
