"""One mask has one meaning: as a file, an array and a PIL image; what is unclear is refused and says what decides."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Callable

import numpy as np
import pytest
from PIL import Image

from hcl_arch.restoration import Restorer
from hcl_arch.restoration.user_mask import user_mask

HOLE = np.zeros((24, 32), bool)
HOLE[6:10, 8:16] = True
PHOTO = np.random.default_rng(0).integers(0, 256, (24, 32, 3), np.uint8)
CLEAR, BLACK, WHITE, RED = (255, 255, 255, 0), (0, 0, 0, 255), (255, 255, 255, 255), (220, 0, 0, 255)


def two(outside: Any, inside: Any, dtype: type = np.uint8) -> np.ndarray:
    """A picture of two levels or colours, the second one in the hole."""
    mask = HOLE[..., None] if np.ndim(inside) else HOLE
    return np.where(mask, np.array(inside, dtype), np.array(outside, dtype))


def coloured(inside: tuple[int, ...], outside: tuple[int, ...] = (0, 0, 0)) -> np.ndarray:
    return two(outside, inside)


def palette(colours: list[int]) -> Image.Image:
    """The hole as a palette image: index 1 of the colours."""
    image = Image.fromarray(HOLE.astype(np.uint8))
    image.putpalette(colours)
    return image


def soft_layer() -> np.ndarray:
    """A white stroke with a soft edge of one pixel on a transparent layer."""
    layer = two(CLEAR, WHITE)
    layer[5, 8:16, 3] = 100
    return layer


PICTURES: dict[str, Any] = {
    'black and white': two(0, 255),
    'bool': HOLE,
    '0 and 1': two(0, 1),
    '0 and 1 in 16 bit': two(0, 1, np.uint16),
    '8 bit stored in 16': two(0, 255, np.uint16),
    '16 bit': two(0, 65535, np.uint16),
    '16 bit over noise': two(9000, 60000, np.uint16),
    'float': two(0.1, 0.9, np.float32),
    'dark gray on black': two(0, 100),
    'gray on gray': two(100, 150),
    'red on black': coloured((220, 0, 0)),
    'dark blue on black': coloured((0, 0, 90)),
    'green on black': coloured((0, 255, 0)),
    'a noisy green at the half': coloured((0, 128, 0)) - PHOTO // 64 % 2 * HOLE[..., None] * np.uint8([0, 1, 0]),
    'white strokes': two(CLEAR, WHITE),
    'black strokes': two((0, 0, 0, 0), BLACK),
    'red strokes': two((0, 0, 0, 0), RED),
    'soft strokes': soft_layer(),
    'thin paint': two(CLEAR, (255, 255, 255, 70)),
    'opaque black and white': two(BLACK, WHITE),
    '16 bit strokes': two((65535,) * 3 + (0,), (65535,) * 4, np.uint16),
    'mode 1': Image.fromarray(HOLE),
    'mode LA': Image.fromarray(two(CLEAR, WHITE)).convert('LA'),
    'mode P': palette([0, 0, 0, 250, 20, 20]),
    'mode P of 0 and 1': palette([0, 0, 0, 1, 1, 1]),
    'mode I;16': Image.fromarray(two(300, 40000, np.uint16)),
    'mode I of 8 bit': Image.fromarray(two(20, 200, np.int32)),
    'mode I of 16 bit': Image.fromarray(two(300, 40000, np.int32)),
    'mode F to 1': Image.fromarray(two(0.2, 0.8, np.float32)),
    'mode F to 255': Image.fromarray(two(20, 200, np.float32)),
    'mode F to 65535': Image.fromarray(two(300, 40000, np.float32)),
}
UNCLEAR = {
    'black and white on transparency': (np.dstack([coloured((255,) * 3), PHOTO[..., 0]]), 'channel'),
    'a photograph with a part erased': (np.dstack([PHOTO, two(255, 0)]), 'channel'),
    'labels': (np.arange(24 * 32, dtype=np.uint8).reshape(24, 32) % 5, 'polarity'),
    'one gray': (np.full((24, 32), 60, np.uint8), 'polarity'),
    'a noisy gray at the half': (two(0, 128) - PHOTO[..., 0] // 64 % 2 * HOLE, 'polarity'),
    'one blue': (np.full((24, 32, 3), (0, 0, 200), np.uint8), 'polarity'),
    'red and white': (np.vstack([coloured((220, 0, 0))[:12], coloured((255,) * 3)[:12]]), 'polarity'),
    'red on white': (coloured((220, 0, 0), (255, 255, 255)), 'polarity'),
    'pink on white': (coloured((255, 180, 180), (255, 255, 255)), 'polarity'),
    'a photograph': (PHOTO, 'polarity'),
}


@pytest.mark.parametrize('name', PICTURES)
def test_meaning(name: str, tmp_path: Path) -> None:
    """Brightest channel or luma, alpha dropped or laid on white: the same file meant 0 pixels or all."""
    picture = PICTURES[name]
    assert np.array_equal(user_mask(picture, 24, 32) > 0, HOLE)
    assert user_mask(picture, 24, 32).dtype == np.uint8
    if isinstance(picture, np.ndarray) and picture.dtype in (np.uint8, np.uint16):
        for form in forms_of(picture, tmp_path):
            assert np.array_equal(user_mask(form, 24, 32) > 0, HOLE)


def forms_of(pixels: np.ndarray, folder: Path) -> list[Any]:
    """The same pixels as PNG and TIFF files, and opened by Pillow where it keeps them."""
    import cv2

    order = {2: [0], 3: [2, 1, 0], 4: [2, 1, 0, 3]}[pixels.shape[2] if pixels.ndim == 3 else 2]
    stored = pixels if pixels.ndim == 2 else pixels[..., order]
    cv2.imwrite(str(folder / 'm.png'), stored)
    forms: list[Any] = [folder / 'm.png', str(folder / 'm.png')]
    if pixels.dtype == np.uint8 or pixels.ndim == 2:
        image = Image.fromarray(pixels)
        image.save(folder / 'm.tif')
        forms += [image, folder / 'm.tif']
    return forms


@pytest.mark.parametrize('name', UNCLEAR)
def test_unclear(name: str) -> None:
    picture, option = UNCLEAR[name]
    with pytest.raises(ValueError, match=f'^mask: .* Give .*mask_{option}='):
        user_mask(picture, 24, 32)


@pytest.mark.parametrize(('picture', 'options', 'expected'), [
    (two(255, 0), {'polarity': 'black'}, HOLE),
    (two(1, 0), {'polarity': 'black'}, HOLE),
    (two(65535, 0, np.uint16), {'polarity': 'black'}, HOLE),
    (~HOLE, {'polarity': 'black'}, HOLE),
    (two(0.9, 0.1, float), {'polarity': 'black'}, HOLE),
    (coloured((220, 0, 0), (255, 255, 255)), {'polarity': 'black'}, HOLE),
    (coloured((255, 180, 180), (255, 255, 255)), {'polarity': 'black'}, HOLE),
    (np.full((24, 32), 60, np.uint8), {'polarity': 'white'}, np.ones_like(HOLE)),
    (two(30, 60), {'polarity': 'white'}, np.ones_like(HOLE)),
    (two(20, 60), {'polarity': 'white'}, HOLE),
    (np.dstack([PHOTO, two(255, 0)]), {'channel': 'alpha', 'polarity': 'black'}, HOLE),
    (np.dstack([PHOTO, two(0, 255)]), {'channel': 'alpha'}, HOLE),
    (np.dstack([coloured((255, 255, 255)), PHOTO[..., 0]]), {'channel': 'colour'}, HOLE),
    (two(CLEAR, BLACK), {'polarity': 'black'}, HOLE),
])  # fmt: skip
def test_options_decide(picture: np.ndarray, options: dict[str, Any], expected: np.ndarray) -> None:
    assert np.array_equal(user_mask(picture, 24, 32, **options) > 0, expected)


@pytest.mark.parametrize('value', [0, 255])
@pytest.mark.parametrize('polarity', ['auto', 'white', 'black'])
def test_nothing_and_everything(value: int, polarity: Any) -> None:
    mask = user_mask(np.full((5, 6), value, np.uint8), 5, 6, polarity=polarity)
    assert (mask == (255 - value if polarity == 'black' else value)).all()


def test_empty_layer_marks_nothing() -> None:
    assert not user_mask(np.full((5, 6, 4), CLEAR, np.uint8), 5, 6).any()


def test_a_stroke_of_the_other_colour_is_refused() -> None:
    with pytest.raises(ValueError, match="not black. Give mask_channel='alpha'"):
        user_mask(two(CLEAR, WHITE), 24, 32, polarity='black')


@pytest.mark.parametrize(('options', 'message'), [
    ({'mask_polarity': 'grey'}, "mask_polarity: expected one of auto, white, black, got 'grey'"),
    ({'mask_channel': 'red'}, "mask_channel: expected one of auto, colour, alpha, got 'red'"),
    ({'mask_channel': 'alpha'}, "no transparency. Give mask_channel='colour'"),
])  # fmt: skip
def test_bad_options(fake_restorer: Restorer, options: dict[str, Any], message: str) -> None:
    for call in (fake_restorer.repair, fake_restorer.restore):
        with pytest.raises(ValueError, match=message):
            call(PHOTO, mask=two(0, 255), **options)


class TestOwnTransparency:
    @pytest.fixture(params=[np.uint8, np.uint16, np.float32])
    def erased(self, request: pytest.FixtureRequest) -> np.ndarray:
        """A photograph with a part erased, of each depth."""
        scale = 1 if request.param is np.float32 else np.iinfo(request.param).max
        return (np.dstack([PHOTO, two(255, 0)]) / 255 * scale).astype(request.param)

    @pytest.mark.parametrize('method', ['restore', 'repair'])
    def test_it_is_repainted_and_seen(self, method: str, erased: np.ndarray, fake_restorer: Restorer) -> None:
        before = erased.copy()
        result = getattr(fake_restorer, method)(erased, mask='alpha')
        assert np.array_equal(result.mask > 0, HOLE)
        assert np.array_equal(erased, before)
        assert (result.image[..., 3] == erased[..., 3].max()).all()
        assert np.array_equal(result.image[~HOLE], erased[~HOLE])
        assert (result.image[HOLE] != erased[HOLE]).any(axis=1).all()

    def test_reverse_keeps_it(self, erased: np.ndarray, fake_restorer: Restorer) -> None:
        result = fake_restorer.restore(erased, mask='alpha', reverse=True)
        assert np.array_equal(result.image[..., 3], erased[..., 3])

    @pytest.mark.parametrize(('image', 'options', 'message'), [
        (PHOTO, {}, 'it has none'),
        (np.dstack([PHOTO, two(255, 0)]), {'mask_polarity': 'black'}, 'needs no mask_polarity'),
    ])  # fmt: skip
    def test_refused(self, image: np.ndarray, options: Any, message: str, fake_restorer: Restorer) -> None:
        with pytest.raises(ValueError, match=message):
            fake_restorer.restore(image, mask='alpha', **options)

    def test_a_file_of_that_name_is_ambiguous(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, fake_restorer: Restorer
    ) -> None:
        monkeypatch.chdir(tmp_path)
        Image.fromarray(two(0, 255)).save('alpha', 'PNG')
        with pytest.raises(ValueError, match='Give ./alpha for that one, or rename it'):
            fake_restorer.restore(PHOTO, mask='alpha')
        assert np.array_equal(fake_restorer.restore(PHOTO, mask='./alpha').mask > 0, HOLE)
        assert np.array_equal(fake_restorer.restore(PHOTO, mask=Path('alpha')).mask > 0, HOLE)


@pytest.mark.parametrize('name', ['zero_one', 'white_on_transparent', 'black_on_transparent', 'red_on_black', '16bit'])
@pytest.mark.parametrize('form', [str, Image.open, lambda path: np.asarray(Image.open(path))])
def test_shared_masks(name: str, form: Callable[[Path], Any], shared_dir: Path) -> None:
    path = shared_dir / 'faults' / f'mask_{name}.png'
    if not path.exists():
        pytest.skip('no such file in ../shared')
    expected = np.zeros((240, 320), bool)
    expected[60:100, 80:160] = True
    assert np.array_equal(user_mask(form(path), 240, 320) > 0, expected)
