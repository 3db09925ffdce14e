from __future__ import annotations

import io
import itertools
from typing import Any

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from hcl_arch.data.corruptions.corruption import FloatArray
from hcl_arch.data.corruptions.degradation import INTERPOLATIONS, Degradation, degrade
from hcl_arch.data.square_crop import to_float

SIZE = 64
ALL = Degradation(blur_prob=1, resize_prob=1, noise_prob=1, jpeg_prob=1, webp_prob=1, second_jpeg_prob=1)
SAMPLINGS = (0x221111, 0x111111)  # 4:2:0, 4:4:4


def photo(height: int = SIZE, width: int = SIZE, seed: int = 0) -> FloatArray:
    """Noise of all scales, in 8 bit, as photographs have it."""
    rng = np.random.default_rng(seed)
    layers = [cv2.resize(rng.normal(0, 1, (2**octave, 2**octave, 3)), (width, height)) for octave in range(1, 7)]
    return to_float(np.clip(128 + 30 * np.sum(layers, 0), 0, 255).astype(np.uint8))


def flat(value: int, size: int = SIZE) -> FloatArray:
    return to_float(np.full((size, size, 3), value, np.uint8))


def degraded(image: FloatArray, seed: int = 0, **options: Any) -> FloatArray:
    return degrade(image, Degradation(**options), np.random.default_rng(seed))


def to_8_bit(image: FloatArray) -> NDArray[np.uint8]:
    return np.rint(image * 255).astype(np.uint8)


def error(first: FloatArray, second: FloatArray) -> float:
    return float(np.square(first - second).mean())


def as_jpeg(image: NDArray[Any], quality: int, sampling: int) -> NDArray[np.uint8]:
    _, content = cv2.imencode(
        '.jpg', image[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, quality, cv2.IMWRITE_JPEG_SAMPLING_FACTOR, sampling]
    )
    decoded = cv2.imdecode(content, cv2.IMREAD_COLOR)
    assert decoded is not None
    return decoded[..., ::-1].astype(np.uint8)


def is_one_of(image: FloatArray, candidates: list[NDArray[np.uint8]]) -> bool:
    return any(np.array_equal(to_8_bit(image), candidate) for candidate in candidates)


def detours(image: NDArray[np.uint8], side: int) -> list[NDArray[np.uint8]]:
    """The image at another size and back, with every pair of interpolations."""
    return [
        np.asarray(
            cv2.resize(cv2.resize(image, (side, side), interpolation=there), image.shape[1::-1], interpolation=back),
            np.uint8,
        )
        for there, back in itertools.product(INTERPOLATIONS, INTERPOLATIONS)
    ]


# ------------------------------------------------------------------ each stage alone


@pytest.mark.parametrize('options', [Degradation(), Degradation(**{**ALL.__dict__, 'prob': 0})])
def test_without_chances_the_image_stays_as_it_is(options: Degradation) -> None:
    image = photo()
    assert degrade(image, options, np.random.default_rng(0)) is image


def test_blur_spreads_a_line_by_its_sigma() -> None:
    image = flat(0)
    image[:, 32] = 1
    spread = degraded(image, blur_prob=1, blur_sigma=(3.0, 3.0))[..., 0].astype(np.float64)
    places = np.arange(SIZE) - 32
    variance = (spread.sum(0) * places**2).sum() / spread.sum()
    assert variance == pytest.approx(9, rel=0.1)  # the tails are less than a gray level
    expected = cv2.GaussianBlur(to_8_bit(photo()), (0, 0), 1.5)
    assert np.array_equal(to_8_bit(degraded(photo(), blur_prob=1, blur_sigma=(1.5, 1.5))), expected)


def test_blur_of_nothing() -> None:
    assert np.array_equal(degraded(photo(), blur_prob=1, blur_sigma=(0, 0)), photo())


@pytest.mark.parametrize(('factor', 'side'), [(0.5, 32), (1.5, 96), (0.1, 6)])
def test_resizing_goes_there_and_back_in_any_interpolation(factor: float, side: int) -> None:
    candidates = detours(to_8_bit(photo()), side)
    results = [degraded(photo(), seed, resize_prob=1, resize_range=(factor, factor)) for seed in range(40)]
    assert all(is_one_of(result, candidates) for result in results)
    assert len({result.tobytes() for result in results}) > 4


def test_sizes_are_drawn_evenly_on_a_logarithmic_scale(monkeypatch: pytest.MonkeyPatch) -> None:
    """Between a quarter and four times, the picture shrinks as often as it grows."""
    sizes: list[int] = []
    resize: Any = cv2.resize

    def resize_and_note(image: NDArray[Any], size: tuple[int, int], **options: Any) -> NDArray[Any]:
        sizes.append(size[0])
        return np.asarray(resize(image, size, **options))

    monkeypatch.setattr(cv2, 'resize', resize_and_note)
    image = photo()
    sizes.clear()
    for seed in range(200):
        degraded(image, seed, resize_prob=1, resize_range=(0.25, 4.0))
    others = [side for side in sizes if side != SIZE]  # there, and not the way back
    assert len(others) > 190
    assert 70 < sum(side < SIZE for side in others) < 130
    assert 16 <= min(others) < 20
    assert 200 < max(others) <= 256


@pytest.mark.parametrize('value', [100, 127])
def test_noise_has_its_sigma_at_middle_gray(value: int) -> None:
    for seed in range(12):
        noise = (degraded(flat(value), seed, noise_prob=1, noise_sigma=(8.0, 8.0)) - flat(value)) * 255
        for channel in range(3):
            assert noise[..., channel].std() == pytest.approx(8, rel=0.16)
            assert abs(noise[..., channel].mean()) < 0.5


def test_noise_is_gray_or_coloured_and_even_or_grows_with_the_light() -> None:
    image = flat(40)
    image[:, 32:] = 160 / 255
    seen = set()
    for seed in range(60):
        noise = degraded(image, seed, noise_prob=1, noise_sigma=(6.0, 6.0)) - image
        gray = bool(np.abs(noise[..., 0] - noise[..., 2]).max() < 1 / 255)
        growth = noise[:, 32:].std() / noise[:, :32].std()
        assert growth == pytest.approx(1, rel=0.1) or growth == pytest.approx(2, rel=0.1)  # sqrt(160 / 40) = 2
        seen.add((gray, bool(growth > 1.5)))
    assert len(seen) == 4


def test_jpeg_is_one_of_two_subsamplings() -> None:
    image = photo()
    candidates = [as_jpeg(to_8_bit(image), 60, sampling) for sampling in SAMPLINGS]
    results = [degraded(image, seed, jpeg_prob=1, jpeg_quality=(60, 60)) for seed in range(20)]
    for candidate in candidates:
        assert 4 <= sum(is_one_of(result, [candidate]) for result in results) <= 16
    assert all(is_one_of(result, candidates) for result in results)


def test_subsampling_takes_the_sharpness_of_colours() -> None:
    """Stripes of red and blue, one pixel wide: at the best quality only what is stored at half the size is lost."""
    image = np.zeros((SIZE, SIZE, 3), np.float32)
    image[:, ::2, 0] = image[:, 1::2, 2] = 1
    errors = {round(error(image, degraded(image, seed, jpeg_prob=1, jpeg_quality=(100, 100))), 3) for seed in range(20)}
    assert len(errors) == 2
    assert min(errors) < 0.001
    assert max(errors) > 0.05


@pytest.mark.parametrize('stage', ['jpeg', 'webp'])
def test_quality_is_lost_by_its_number(stage: str) -> None:
    """The worse the number, the larger the error: between 90, 50 and 10, about the same in every draw."""
    errors = [
        error(photo(), degraded(photo(), seed, **{f'{stage}_prob': 1, f'{stage}_quality': (quality, quality)}))
        for quality in (95, 60, 10)
        for seed in range(4)
    ]
    assert 0 < max(errors[:4]) < min(errors[4:8])
    assert max(errors[4:8]) < min(errors[8:])


def test_webp_is_what_pillow_writes() -> None:
    content = io.BytesIO()
    Image.fromarray(to_8_bit(photo())).save(content, 'WEBP', quality=50, method=0)
    expected = to_float(np.asarray(Image.open(content).convert('RGB')))
    result = degraded(photo(), webp_prob=1, webp_quality=(50, 50))
    assert np.abs(result - expected).max() <= 2 / 255  # Pillow and OpenCV may round differently


def test_qualities_spread_over_their_range() -> None:
    wanted = {
        as_jpeg(to_8_bit(photo()), quality, sampling).tobytes() for quality in range(40, 61) for sampling in SAMPLINGS
    }
    found = {to_8_bit(degraded(photo(), seed, jpeg_prob=1, jpeg_quality=(40, 60))).tobytes() for seed in range(150)}
    assert found <= wanted
    assert len(found) > 25


# ------------------------------------------------------------------ together


def edges(image: FloatArray, period: int) -> NDArray[np.float64]:
    """Mean step between neighbouring columns, by the place in a period; place 0 is a border of blocks."""
    steps = np.abs(np.diff(image.mean(2), axis=1)).mean(0)[period - 1 :]
    whole = steps[: len(steps) // period * period].reshape(-1, period)
    return np.asarray(whole.mean(0), np.float64)


@pytest.mark.parametrize(('factor', 'period'), [(0.5, 16), (2.0, 4)])
def test_blocks_of_a_jpeg_grow_and_shrink_with_the_detour(factor: float, period: int) -> None:
    """Steps at the borders of 16 or of 4 pixels, where a JPEG at the own size has none beyond those of 8."""
    image = photo(256, 256, seed=3)
    steps = {}
    for name, chance in (('own', 0), ('detour', 1)):
        steps[name] = np.mean(
            [
                edges(
                    degraded(
                        image, seed, resize_prob=chance, resize_range=(factor, factor), jpeg_prob=1, jpeg_quality=(5, 5)
                    ),
                    16,
                )
                for seed in range(16)
            ],
            0,
        )
    blocks = np.arange(16) % period == 0
    others = (np.arange(16) % 8 == 0) & ~blocks if period == 16 else (np.arange(16) % 4 == 2)
    assert steps['detour'][blocks].mean() > 1.3 * steps['detour'][others].mean()
    if period == 16:
        assert steps['own'][blocks].mean() < 1.15 * steps['own'][others].mean()
    else:
        assert steps['own'][4] < 0.5 * steps['own'][0]
        assert steps['detour'][4] > 0.7 * steps['detour'][0]


def test_the_second_jpeg_is_made_at_the_own_size() -> None:
    candidates = [as_jpeg(detour, 40, sampling) for detour in detours(to_8_bit(photo()), 32) for sampling in SAMPLINGS]
    for seed in range(10):
        assert is_one_of(
            degraded(photo(), seed, resize_prob=1, resize_range=(0.5, 0.5), second_jpeg_prob=1, jpeg_quality=(40, 40)),
            candidates,
        )


def test_stages_happen_as_often_as_asked_for() -> None:
    image = photo(16, 16)
    for stage in ('blur', 'resize', 'noise', 'jpeg', 'webp', 'second_jpeg'):
        changed = [
            not np.array_equal(degraded(image, seed, prob=0.6, **{f'{stage}_prob': 0.5}), image) for seed in range(300)
        ]
        assert np.mean(changed) == pytest.approx(0.3, abs=0.09), stage


def test_the_same_generator_gives_the_same_image_and_the_input_stays() -> None:
    image = photo()
    before = image.copy()
    first, second, other = (degrade(image, ALL, np.random.default_rng(seed)) for seed in (5, 5, 6))
    assert np.array_equal(first, second)
    assert not np.array_equal(first, other)
    assert np.array_equal(image, before)


@pytest.mark.parametrize('size', [(16, 16), (48, 31), (1, 1), (256, 17)])
def test_form_and_range(size: tuple[int, int]) -> None:
    for seed in range(5):
        result = degrade(photo(*size), ALL, np.random.default_rng(seed))
        assert (result.shape, result.dtype) == ((*size, 3), np.float32)
        assert result.min() >= 0
        assert result.max() <= 1
        np.testing.assert_allclose(result * 255, np.rint(result * 255), atol=1e-4)


def test_colours_keep_their_order() -> None:
    image = np.zeros((SIZE, SIZE, 3), np.float32)
    image[..., 0], image[..., 1], image[..., 2] = 0.8, 0.4, 0.2
    np.testing.assert_allclose(degrade(image, ALL, np.random.default_rng(1)).mean((0, 1)), (0.8, 0.4, 0.2), atol=0.04)
