"""The page in a real Chromium: find, threshold, brush, repair, compare, download; messages; several files."""

from __future__ import annotations

import io
import re
import zipfile

import cv2
import numpy as np
import pytest
from PIL import Image

SHARE = '.hcl-share'
STATUS, DONE = '#hcl-status-one .hcl-status', 'Done.'


def png(pixels: np.ndarray) -> bytes:
    order = pixels if pixels.ndim == 2 else pixels[..., [2, 1, 0, 3][: pixels.shape[2]]]
    return cv2.imencode('.png', order)[1].tobytes()


def photograph(height: int = 240, width: int = 320) -> np.ndarray:
    """A gradient with a magenta square of a tenth of the width, and beside it a paler one."""
    rows, columns = np.mgrid[:height, :width]
    pixels = np.stack([rows * 200 // height, 100 + columns * 100 // width, 40 + 0 * rows], axis=2).astype(np.uint8)
    side = width // 10
    pixels[20 : 20 + side, 20 : 20 + side] = (255, 0, 255)
    pixels[20 : 20 + side, 100 : 100 + side] = (255, 130, 255)  # confidence 0.17
    return pixels


def upload(page, content: bytes, name: str = 'holiday.png') -> None:
    page.set_input_files('.hcl-drop input >> nth=0', {'name': name, 'mimeType': 'image/png', 'buffer': content})


def share_of(page) -> float:
    return float(re.match(r'([\d.]+) %', page.text_content(SHARE)).group(1))


def wait_for_share(page, test: str) -> float:
    """Wait until the stated share passes a test in JavaScript of `share`; return it."""
    page.wait_for_function(
        f"() => {{ const share = parseFloat(document.querySelector('{SHARE}').textContent); return {test}; }}"
    )
    return share_of(page)


def wait_until_done(page) -> None:
    page.wait_for_function(
        f"() => ['{DONE}', 'Nothing'].some((start) => document.querySelector('{STATUS}').textContent.startsWith(start))"
    )


def wait_for_status(page, text: str) -> None:
    page.wait_for_function(f"() => document.querySelector('{STATUS}').textContent.includes('{text}')")


def stroke(page, start: tuple[float, float], end: tuple[float, float]) -> None:
    """Draw with the mouse, between points in shares of the canvas."""
    page.locator('#hcl-editor canvas').scroll_into_view_if_needed()
    box = page.locator('#hcl-editor canvas').bounding_box()
    page.mouse.move(box['x'] + start[0] * box['width'], box['y'] + start[1] * box['height'])
    page.mouse.down()
    page.mouse.move(box['x'] + end[0] * box['width'], box['y'] + end[1] * box['height'], steps=5)
    page.mouse.up()


def tint_at(page, x: float, y: float) -> list[int]:
    """Colour of the canvas at a place in shares of it."""
    return page.evaluate(
        "([x, y]) => { const canvas = document.querySelector('#hcl-editor canvas');"
        " return Array.from(canvas.getContext('2d').getImageData(x * canvas.width, y * canvas.height, 1, 1).data); }",
        [x, y],
    )


def download_all(page) -> dict[str, np.ndarray]:
    """Pictures of the ZIP by name, as OpenCV reads them."""
    with page.expect_download() as waiting:
        page.click('text=All (ZIP)')
    with open(waiting.value.path(), 'rb') as file, zipfile.ZipFile(io.BytesIO(file.read())) as archive:
        return {
            name: cv2.imdecode(np.frombuffer(archive.read(name), np.uint8), cv2.IMREAD_UNCHANGED)
            for name in archive.namelist()
        }


def test_find_correct_repair_and_download(visit, served):
    page = visit()
    before = served.restorer.detections
    given = photograph()
    upload(page, png(given))
    wait_until_done(page)
    found = wait_for_share(page, 'share > 0')
    assert found == pytest.approx(100 * 2 * 32 * 32 / (240 * 320), abs=0.06)  # both squares, in per cent

    page.fill('#hcl-threshold input[type=number]', '0.1')
    page.press('#hcl-threshold input[type=number]', 'Enter')
    narrowed = wait_for_share(page, f'share < {found}')
    assert narrowed == pytest.approx(found / 2, abs=0.06)

    page.check('input[value=add]')
    untouched = tint_at(page, 0.5, 0.8)
    stroke(page, (0.3, 0.8), (0.7, 0.8))
    added = wait_for_share(page, f'share > {narrowed} + 1')
    assert tint_at(page, 0.5, 0.8) != untouched
    page.check('input[value=erase]')
    stroke(page, (0.6, 0.8), (0.72, 0.8))
    erased = wait_for_share(page, f'share < {added}')
    assert erased > narrowed
    assert 'Repair' in page.text_content(STATUS)

    page.click('#hcl-repair')
    wait_until_done(page)
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


def test_a_mask_of_the_visitor_s(visit):
    page = visit()
    upload(page, png(photograph()))
    wait_until_done(page)
    layer = np.full((240, 320, 4), (255, 255, 255, 0), np.uint8)
    layer[100:140, 40:120, 3] = 255
    file = {'name': 'mine.png', 'mimeType': 'image/png', 'buffer': cv2.imencode('.png', layer)[1].tobytes()}
    page.set_input_files('.hcl-drop input[aria-label="Use a mask of yours"]', file)
    wait_for_status(page, 'Your mask marks 3,200 pixels, 4.2 %.')
    page.click('#hcl-repair')
    wait_until_done(page)
    np.testing.assert_array_equal(download_all(page)['holiday_mask.png'], layer[..., 3])


def test_strokes_can_be_taken_back_one_by_one_or_all(visit):
    page = visit()
    upload(page, png(photograph()))
    wait_until_done(page)
    found = wait_for_share(page, 'share > 0')
    page.check('input[value=add]')
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
    slider = page.locator('.hcl-compare input')
    page.wait_for_function("() => document.querySelector('.hcl-after').naturalWidth === 320")
    slider.fill('20')
    assert '80%' in page.evaluate("() => document.querySelector('.hcl-before').style.clipPath")
    slider.focus()
    page.keyboard.press('ArrowRight')
    assert '79%' in page.evaluate("() => document.querySelector('.hcl-before').style.clipPath")


def test_the_confidence_map_can_be_shown(visit):
    page = visit()
    upload(page, png(photograph()))
    wait_until_done(page)
    page.check('input[value=map]')
    red, green, blue, _ = tint_at(page, 0.1, 0.13)  # magenta: surely corrupted
    assert red > 200
    assert blue < 120
    page.check('input[value=photo]')
    red, green, blue, _ = tint_at(page, 0.1, 0.13)
    assert (red > 230, green < 40, blue > 230) == (True, True, True)


def test_an_example_is_repaired_by_keyboard_alone(visit):
    page = visit()
    page.focus('.hcl-examples button')
    page.keyboard.press('Enter')
    wait_until_done(page)
    assert wait_for_share(page, 'share > 0') == 50.0
    page.focus('#hcl-repair')
    page.keyboard.press('Enter')
    page.wait_for_function("() => document.querySelector('.hcl-after').src.endsWith('?2')")


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
    page.wait_for_selector('[href*=restored]')
    page.wait_for_function("() => document.querySelector('canvas').ariaLabel.includes('40 by 90')")
    wait_until_done(page)
    assert download_all(page)['turned_restored.png'].shape == (90, 40, 3)


def test_what_cannot_be_taken_is_told_in_plain_words(visit):
    page = visit()
    upload(page, b'%PDF-1.7 no picture', 'letter.png')
    page.wait_for_selector(f'{STATUS} .hcl-error')
    assert 'letter.png: a PDF document' in page.text_content(STATUS)
    upload(page, png(np.zeros((1100, 1000), np.uint8)), 'large.png')
    wait_for_status(page, 'megapixels')
    assert 'more than the limit of 1,000,000 pixels' in page.text_content(STATUS)
    upload(page, bytes(3 * 2**20), 'heavy.png')
    page.wait_for_selector('.hcl-drop-note.hcl-error')
    assert 'heavy.png: This file is too large: at most 2 MiB' in page.text_content('.hcl-drop-note')
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
    good = {'name': 'one.png', 'mimeType': 'image/png', 'buffer': png(photograph())}
    bad = {'name': 'bad <b>.png', 'mimeType': 'image/png', 'buffer': b'no picture'}
    page.set_input_files('.hcl-drop input[multiple]', [good, bad, {**good, 'buffer': png(photograph(60, 90))}])
    page.wait_for_selector('text=Done: 2 of 3 restored.')
    rows = page.locator('.hcl-table tbody tr')
    assert rows.count() == 3
    assert 'bad' in rows.nth(1).text_content()
    assert 'no photograph' in rows.nth(1).text_content()
    assert re.search(r'2\.7 %', rows.nth(0).text_content())
    assert page.locator('.hcl-gallery figure').count() == 2
    assert page.locator('.hcl-table b').count() == 0  # a name is no markup
    files = download_all(page)
    assert set(files) == {'one_restored.png', 'one_mask.png', 'one_2_restored.png', 'one_2_mask.png'}
    assert files['one_2_restored.png'].shape == (60, 90, 3)


def test_everything_that_can_be_used_has_a_name(visit):
    page = visit()
    page.click('.hcl-examples button')
    wait_until_done(page)
    nameless = page.evaluate("""() => Array.from(document.querySelectorAll('button, input, a, canvas, img'))
        .filter((node) => node.offsetParent !== null && !node.labels?.length && !node.ariaLabel
            && !node.textContent.trim() && !node.title && node.getAttribute('alt') === null)
        .map((node) => node.outerHTML.slice(0, 120))""")
    assert nameless == []
    assert page.locator('h1').count() == 1
    assert page.get_by_role('slider', name='Brush size').count() == 1
    assert page.get_by_role('button', name='Repair', exact=True).count() == 1


def test_on_a_phone_nothing_is_wider_than_the_screen(visit):
    page = visit(width=390, height=844)
    page.tap('.hcl-examples button')
    wait_until_done(page)
    assert page.evaluate('() => document.documentElement.scrollWidth') <= 390
