from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest
from writing_check import a_font

from hcl_arch.data.corruptions.everyday.lettering import Face, Setting, random_face, scripts_of, text_mask
from hcl_arch.data.corruptions.everyday.mask_effects import arched, thickened, thinned, turned
from hcl_arch.data.corruptions.everyday.painting import Blend, Coat, paint
from hcl_arch.data.corruptions.everyday.random_texts import ALPHABETS, made_up_word, some_text


@pytest.mark.parametrize('height', [6.0, 12.0, 40.0])
@pytest.mark.parametrize('in_file', [False, True])
def test_capitals_have_the_wanted_height(height: float, in_file: bool) -> None:
    face = Face(a_font()) if in_file else Face(stroke=0.08)
    mask = text_mask(['HEH'], face, Setting(height))
    # Sizes of fonts are whole pixels, and OpenCV's strokes reach beyond the letters.
    assert mask.shape[0] == pytest.approx(height, abs=max(1.5, 0.2 * height))
    assert mask.dtype == np.uint8
    assert mask.max() > 150
    assert mask[0].any()
    assert mask[-1].any()
    assert mask[:, 0].any()
    assert mask[:, -1].any()


@pytest.mark.parametrize('in_file', [False, True])
def test_spacing_and_slant_make_text_wider_and_pitch_higher(in_file: bool) -> None:
    face = Face(a_font()) if in_file else Face()
    plain = text_mask(['HELLO', 'HELLO'], face, Setting(20))
    spaced = text_mask(['HELLO', 'HELLO'], face, Setting(20, spacing=0.5))
    assert spaced.shape[1] == pytest.approx(plain.shape[1] + 4 * 0.5 * 20, abs=4)
    for slant in (0.3, -0.3):
        leaning = text_mask(['HELLO', 'HELLO'], face, Setting(20, slant=slant))
        assert leaning.shape[1] > plain.shape[1] + 5
        assert leaning.mean() * leaning.size == pytest.approx(plain.mean() * plain.size, rel=0.03)  # nothing is cut off
    apart = text_mask(['HELLO', 'HELLO'], face, Setting(20, pitch=2.6))
    assert apart.shape[0] == pytest.approx(plain.shape[0] + 20, abs=2)


def test_scripts_of_a_font() -> None:
    assert set(scripts_of(Face(a_font()))) == {'accented', 'cyrillic', 'greek'}
    assert scripts_of(Face()) == ()


def test_fonts_without_latin_letters_are_replaced_by_opencvs() -> None:
    symbols = a_font().with_name('STIXSizFiveSymReg.ttf')
    if not symbols.exists():
        pytest.skip('no font of symbols')
    assert {random_face([symbols], np.random.default_rng(seed)).path for seed in range(5)} == {None}


def test_damaged_font_is_named(tmp_path: Path) -> None:
    damaged = tmp_path / 'damaged.ttf'
    damaged.write_bytes(b'no font at all')
    with pytest.raises(ValueError, match=r'damaged\.ttf: expected a TrueType or OpenType font'):
        text_mask(['A'], Face(damaged), Setting(20))
    with pytest.raises(ValueError, match=r'damaged\.ttf'):
        random_face([damaged], np.random.default_rng(1))


def test_texts_are_of_the_wanted_length() -> None:
    for seed in range(300):
        longest = seed % 30 + 1
        text = some_text(np.random.default_rng(seed), longest=longest, scripts=tuple(ALPHABETS))
        assert 1 <= len(text) <= longest
        assert text.strip() == text


def test_made_up_words_are_in_their_script() -> None:
    for script, sounds in ALPHABETS.items():
        word = made_up_word(np.random.default_rng(1), script)
        assert set(word) <= set(''.join(sounds[0] + sounds[1]))


def test_thickened_and_thinned_by_pixels() -> None:
    mask = np.zeros((21, 41), np.uint8)
    mask[8:13] = 255
    assert thickened(mask, 2.0)[:, 20].tolist() == [255 if 6 <= row < 15 else 0 for row in range(21)]
    assert int(thickened(mask, 0.5)[7, 20]) == pytest.approx(127, abs=2)
    assert thinned(mask, 1.0)[:, 20].tolist() == [255 if 9 <= row < 12 else 0 for row in range(21)]


def test_turned_and_arched_keep_the_ink() -> None:
    mask = text_mask(['WORDS IN A LINE'], Face(), Setting(20))
    for changed in (turned(mask, 33), turned(mask, 90), arched(mask, 60), arched(mask, -60)):
        assert changed.mean() * changed.size == pytest.approx(mask.mean() * mask.size, rel=0.25)
    # The middle of an arch is above its ends.
    arch = arched(np.full((6, 120), 255, np.uint8), 90)
    rows = [int(np.flatnonzero(arch[:, column])[0]) for column in (5, arch.shape[1] // 2, arch.shape[1] - 6)]
    assert rows[0] > rows[1] + 10
    assert rows[2] == pytest.approx(rows[0], abs=2)


@pytest.mark.parametrize(
    ('blend', 'wanted'),
    [
        ('normal', 0.5 * 0.8 + 0.5 * 0.4),
        ('add', 0.4 + 0.5 * 0.8),
        ('subtract', 0.4 - 0.5 * 0.8),
        ('multiply', 0.4 * (1 - 0.5 * 0.2)),
        ('screen', 0.4 + 0.5 * 0.8 * 0.6),
    ],
)
@pytest.mark.parametrize('plane', [False, True])
def test_paint_by_hand(blend: Blend, wanted: float, plane: bool) -> None:
    image = np.full((10, 12, 3), 0.4, np.float32)
    colour = np.full((4, 4, 3) if plane else 3, 0.8, np.float32)
    # Half of the mask lies beyond the border.
    paint(image, [Coat(np.full((4, 4), 255, np.uint8), colour, 0.5, blend)], (-2, 10))
    np.testing.assert_allclose(image[:2, 10:], np.clip(wanted, 0, 1), atol=1e-6)
    assert cv2.countNonZero((image[..., 0] != np.float32(0.4)).view(np.uint8)) == 4


def test_families_are_drawn_alike_often() -> None:
    # Three files of one family, one of another.
    folder = a_font().parent
    fonts = [
        folder / name for name in ('DejaVuSans.ttf', 'DejaVuSans-Bold.ttf', 'DejaVuSans-Oblique.ttf', 'DejaVuSerif.ttf')
    ]
    drawn = [random_face(fonts, np.random.default_rng(seed)).path for seed in range(200)]
    assert {*drawn} == {*fonts, None}
    assert 0.3 < np.mean([path == fonts[3] for path in drawn]) < 0.65
