"""The page in a real Chromium: find, correct, brush, repair, compare, download; messages; several files."""

from __future__ import annotations

import io
import re

import numpy as np
import pytest
from browsing import (
    STATUS,
    download_all,
    file,
    photograph,
    png,
    repair,
    stroke,
    upload,
    wait_for_share,
    wait_for_status,
    wait_until_done,
)
from PIL import Image


def test_find_correct_repair_and_download(visit, served):
    page = visit()
    before = served.restorer.detections
    given = photograph()
    upload(page, png(given))
    wait_until_done(page)
    found = wait_for_share(page, 'share > 0')
    assert found == pytest.approx(100 * 2 * 32 * 32 / (240 * 320), abs=0.06)  # both squares, in per cent

    page.fill('#threshold', '0.1')
    narrowed = wait_for_share(page, f'share < {found}')
    assert narrowed == pytest.approx(found / 2, abs=0.06)

    page.check('input[value=add]', force=True)
    stroke(page, (0.3, 0.8), (0.7, 0.8))
    added = wait_for_share(page, f'share > {narrowed} + 1')
    page.check('input[value=erase]', force=True)
    stroke(page, (0.6, 0.8), (0.72, 0.8))
    erased = wait_for_share(page, f'share < {added}')
    assert erased > narrowed
    assert 'Repair' in page.text_content(STATUS)

    repair(page)
    assert served.restorer.detections == before + 1  # found once
    files = download_all(page)
    assert set(files) == {'holiday_restored.png', 'holiday_mask.png', 'holiday_confidence.png'}
    mask, restored = files['holiday_mask.png'], files['holiday_restored.png'][..., ::-1]
    assert mask.shape == given.shape[:2]
    assert mask[192, 160] == 255  # the stroke
    assert mask[192, 220] == 0  # erased
    assert mask[30, 30] == 255
    assert mask[30, 110] == 0  # below the threshold
    assert np.count_nonzero(mask) / mask.size * 100 == pytest.approx(erased, abs=0.06)
    np.testing.assert_array_equal(restored[mask == 0], given[mask == 0])
    assert (restored[mask > 0] == 127).all()


def test_strokes_can_be_taken_back_one_by_one_or_all(visit):
    page = visit()
    upload(page, png(photograph()))
    wait_until_done(page)
    found = wait_for_share(page, 'share > 0')
    page.check('input[value=add]', force=True)
    shares = [found]
    for y in (0.5, 0.7, 0.9):
        stroke(page, (0.2, y), (0.8, y))
        shares.append(wait_for_share(page, f'share > {shares[-1]}'))
    page.click('text=Undo')
    assert wait_for_share(page, f'share < {shares[3]}') == shares[2]
    page.click('text=Remove all strokes')
    assert wait_for_share(page, f'share < {shares[1]}') == found


def test_before_and_after_are_compared_with_a_slider(visit):
    page = visit()
    upload(page, png(photograph()))
    wait_until_done(page)
    slider = page.locator('.wipe')
    page.wait_for_function("() => document.querySelector('.after').naturalWidth === 320")
    slider.fill('20')
    assert '80%' in page.evaluate("() => document.querySelector('.clip').style.clipPath")
    slider.focus()
    page.keyboard.press('ArrowRight')
    assert '79%' in page.evaluate("() => document.querySelector('.clip').style.clipPath")


def test_the_confidence_map_can_be_shown(visit):
    page = visit()
    upload(page, png(photograph()))
    wait_until_done(page)
    page.check('input[value=map]', force=True)
    page.wait_for_function("() => document.querySelector('img.map').naturalWidth === 320")
    assert page.is_visible('img.map')
    shown = Image.open(io.BytesIO(page.locator('.view').screenshot())).convert('RGB')
    red, green, blue = shown.getpixel((round(0.1 * shown.width), round(0.13 * shown.height)))  # surely spoilt
    assert red > 200
    assert blue < 120
    page.check('input[value=photo]', force=True)
    shown = Image.open(io.BytesIO(page.locator('.view').screenshot())).convert('RGB')
    red, green, blue = shown.getpixel((round(0.1 * shown.width), round(0.13 * shown.height)))
    assert (red > 230, green < 40, blue > 230) == (True, True, True)


def test_an_example_is_repaired_by_keyboard_alone(visit):
    page = visit()
    page.focus('.examples button')
    page.keyboard.press('Enter')
    wait_until_done(page)
    assert wait_for_share(page, 'share > 0') == 50.0
    page.focus('#repair')
    page.keyboard.press('Enter')
    page.wait_for_function("() => document.querySelector('.after').src.endsWith('?2')")


def test_depth_alpha_and_orientation_reach_the_download(visit):
    page = visit()
    deep = np.full((50, 70, 4), 30000, np.uint16)
    deep[:20, :20, :3] = (65535, 0, 65535)
    deep[..., 3] = np.arange(70, dtype=np.uint16) * 900
    upload(page, png(deep), 'deep.png')
    wait_until_done(page)
    restored = download_all(page)['deep_restored.png']
    assert restored.dtype == np.uint16
    np.testing.assert_array_equal(restored[..., 3], deep[..., 3])
    np.testing.assert_array_equal(restored[20:], deep[20:][..., [2, 1, 0, 3]])

    exif = Image.Exif()
    exif[0x0112] = 6  # turned by a quarter
    buffer = io.BytesIO()
    Image.fromarray(photograph(40, 90)).save(buffer, 'PNG', exif=exif)
    upload(page, buffer.getvalue(), 'turned.png')
    page.wait_for_function("() => document.querySelector('canvas').ariaLabel.includes('40 by 90')")
    wait_until_done(page)
    assert download_all(page)['turned_restored.png'].shape == (90, 40, 3)


def test_what_cannot_be_taken_is_told_in_plain_words(visit):
    page = visit()
    upload(page, b'%PDF-1.7 no picture', 'letter.png')
    page.wait_for_selector(f'{STATUS}.error')
    assert 'letter.png: a PDF document' in page.text_content(STATUS)
    upload(page, png(np.zeros((1100, 1000), np.uint8)), 'large.png')
    wait_for_status(page, 'megapixels')
    assert 'more than the limit of 1,000,000 pixels' in page.text_content(STATUS)
    upload(page, bytes(3 * 2**20), 'heavy.png')
    page.wait_for_selector('.note.error')
    assert 'heavy.png: This file is too large: at most 2 MiB' in page.text_content('.note')
    upload(page, png(photograph())[:500], 'half.png')
    wait_for_status(page, 'half.png')
    assert 'cut short' in page.text_content(STATUS)
    for text in ('Traceback', '/tmp', '.py'):
        assert text not in page.content().replace('page.py', '')
    upload(page, png(photograph()))  # and the page still works
    wait_until_done(page)


def test_several_files_with_a_bad_one(visit):
    page = visit()
    page.get_by_role('tab', name='Several').click()
    files = [
        file(png(photograph()), 'one.png'),
        file(b'no picture', 'bad <b>.png'),
        file(png(photograph(60, 90)), 'one.png'),
    ]
    page.set_input_files('#drop-several input', files)
    page.wait_for_selector('text=Done: 2 of 3 repaired.')
    rows = page.locator('tbody tr')
    assert rows.count() == 3
    assert 'bad' in rows.nth(1).text_content()
    assert 'no photograph' in rows.nth(1).text_content()
    assert re.search(r'2\.7 %', rows.nth(0).text_content())
    assert page.locator('.gallery figure').count() == 2
    assert page.locator('table b').count() == 0  # a name is no markup
    files = download_all(page)
    assert set(files) == {'one_restored.png', 'one_mask.png', 'one_2_restored.png', 'one_2_mask.png'}
    assert files['one_2_restored.png'].shape == (60, 90, 3)


def test_everything_that_can_be_used_has_a_name(visit):
    page = visit()
    page.click('.examples button')
    wait_until_done(page)
    nameless = page.evaluate("""() => Array.from(document.querySelectorAll('button, input, a, canvas, img'))
        .filter((node) => node.checkVisibility() && !node.labels?.length && !node.ariaLabel
            && !node.textContent.trim() && !node.title && node.getAttribute('alt') === null)
        .map((node) => node.outerHTML.slice(0, 120))""")
    assert nameless == []
    assert page.locator('h1').count() == 1
    assert page.get_by_role('slider', name='Size').count() == 1
    assert page.get_by_role('button', name='Repair', exact=True).count() == 1
