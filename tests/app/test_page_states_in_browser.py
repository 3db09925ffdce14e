"""What is seen in each state of the page, on a desk and on a phone, in light and dark: laid out, legible, in view."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from browsing import (
    STATUS,
    file,
    in_view,
    outline_at,
    photograph,
    png,
    repair,
    stroke,
    upload,
    wait_for_share,
    wait_for_status,
    wait_until_done,
)

SIZES = {'desk': (1280, 900), 'phone': (390, 844)}
LEAST_CONTRAST = 4.5
# Of every piece of text that is seen: the contrast of its colour with what is painted below it, by WCAG's formulas.
CONTRASTS = """() => {
  const parse = (text) => {
    const numbers = text.match(/[\\d.]+/g).map(Number);
    return [...numbers.slice(0, 3), numbers.length > 3 ? numbers[3] : 1];
  };
  const over = ([r, g, b, a], below) => [r, g, b].map((value, i) => value * a + below[i] * (1 - a));
  const ground = (node) => {
    const layers = [];
    for (; node; node = node.parentElement) layers.unshift(parse(getComputedStyle(node).backgroundColor));
    return layers.reduce((below, layer) => over(layer, below), [255, 255, 255]);
  };
  const light = (colour) => {
    const [r, g, b] = colour.map((value) => value / 255)
      .map((value) => value <= 0.04045 ? value / 12.92 : ((value + 0.055) / 1.055) ** 2.4);
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const found = [];
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (walker.nextNode()) {
    const node = walker.currentNode.parentElement;
    if (!walker.currentNode.data.trim() || !node.checkVisibility()) continue;
    if (node.closest(':disabled, label:has(:disabled), .unseen')) continue;
    const below = ground(node), lights = [light(over(parse(getComputedStyle(node).color), below)), light(below)];
    const ratio = (Math.max(...lights) + 0.05) / (Math.min(...lights) + 0.05);
    found.push([Math.round(100 * ratio) / 100, walker.currentNode.data.trim().slice(0, 40)]);
  }
  return found;
}"""


@pytest.fixture(params=SIZES)
def size(request):
    return SIZES[request.param]


@pytest.fixture(params=['light', 'dark'])
def scheme(request):
    return request.param


def check_layout(page, size) -> None:
    """Nothing is wider than the window, every picture that is seen is there, and all text can be read."""
    assert page.evaluate('() => document.documentElement.scrollWidth') <= size[0]
    broken = """() => Array.from(document.images).filter((image) => image.checkVisibility() && !image.naturalWidth)
        .map((image) => image.outerHTML.slice(0, 120))"""
    assert page.evaluate(broken) == []
    contrasts = page.evaluate(CONTRASTS)
    assert len(contrasts) > 5
    assert [each for each in contrasts if each[0] < LEAST_CONTRAST] == []


def visible(page) -> set[str]:
    """Names of the parts of the tab that are seen."""
    parts = {'drop': '#drop-one', 'examples': '.examples', 'said': STATUS, 'view': '.view', 'panel': '.panel'}
    parts.update(links='#one .links a', repair='#repair', bar='#one progress', cancel='#one .cancel', canvas='canvas')
    return {name for name, selector in parts.items() if page.locator(selector).first.is_visible()}


def test_before_a_photograph_is_there(visit, size, scheme):
    page = visit(*size, scheme=scheme)
    assert page.evaluate("() => getComputedStyle(document.querySelector('#status-one .said')).padding") == '0px'
    assert visible(page) - {'said'} == {'drop', 'examples'}
    assert page.locator('#one img').evaluate_all('all => all.filter((one) => one.checkVisibility()).length') == 1
    assert (
        page.locator('#one :is(canvas, input, select, progress, a)').evaluate_all(
            'all => all.filter((one) => one.checkVisibility()).length'
        )
        == 1
    )  # the drop area's own
    assert in_view(page, '#drop-one')
    check_layout(page, size)
    page.get_by_role('tab', name='Several').click()
    assert (
        page.locator('#several :is(table, .gallery, progress, .cancel, .links a)').evaluate_all(
            'all => all.filter((one) => one.checkVisibility()).length'
        )
        == 0
    )
    check_layout(page, size)


def test_what_is_found_and_repaired(visit, size, scheme):
    page = visit(*size, scheme=scheme)
    upload(page, png(photograph(480, 640)))
    wait_until_done(page)
    assert visible(page) == {'drop', 'said', 'view', 'panel', 'links', 'repair'}
    assert page.is_checked('input[value=result]')
    assert in_view(page, '.view')  # without scrolling
    assert in_view(page, STATUS)
    check_layout(page, size)
    page.check('input[value=marks]', force=True)
    assert visible(page) == {'drop', 'said', 'view', 'panel', 'links', 'repair', 'canvas'}
    assert page.text_content('[data-of=marks]') == 'outlined: what is painted over'
    check_layout(page, size)
    page.locator('#repair').scroll_into_view_if_needed()
    repair(page)
    page.wait_for_function("() => document.querySelector('.after').src.endsWith('?2')")
    page.wait_for_function("() => document.querySelector('.view').dataset.show === 'result'")
    assert in_view(page, '.view')
    for details in page.locator('#one details').all():
        details.evaluate('node => { node.open = true; }')
    check_layout(page, size)


@pytest.mark.parametrize('shape', [(60, 2000), (2000, 60), (900, 900)])
def test_a_photograph_of_any_shape_is_in_view(visit, size, shape):
    page = visit(*size)
    pixels = np.full((*shape, 3), 120, np.uint8)
    pixels[20:40, 20:40] = (255, 0, 255)
    upload(page, png(pixels))
    wait_until_done(page)
    assert in_view(page, '.view')
    sides = page.evaluate(
        "() => { const box = document.querySelector('.over').getBoundingClientRect(); return [box.height, box.width]; }"
    )
    assert sides[0] / sides[1] == pytest.approx(shape[0] / shape[1], rel=0.05)
    check_layout(page, size)


def test_nothing_was_found(visit, size, scheme):
    page = visit(*size, scheme=scheme)
    upload(page, png(np.full((300, 400, 3), 120, np.uint8)))
    wait_for_status(page, 'Nothing was found (score 0.')
    assert page.locator(f'{STATUS}.nothing').is_visible()
    assert page.is_disabled('input[value=result]')
    assert page.is_checked('input[value=marks]')
    assert page.text_content('#one .links a >> nth=0') == 'Photograph, unchanged (PNG)'
    assert in_view(page, '.view')
    check_layout(page, size)
    page.check('input[value=add]', force=True)
    stroke(page, (0.3, 0.5), (0.6, 0.5))
    wait_for_share(page, 'share > 1')
    page.click('#repair')
    wait_for_status(page, 'Repaired')


def test_an_error(visit, size, scheme):
    page = visit(*size, scheme=scheme)
    upload(page, b'%PDF-1.7 no picture', 'letter.png')
    page.wait_for_selector(f'{STATUS}.error')
    assert visible(page) == {'drop', 'examples', 'said'}
    assert in_view(page, STATUS)
    check_layout(page, size)
    upload(page, bytes(3 * 2**20), 'heavy.png')
    page.wait_for_selector('.note.error')
    check_layout(page, size)


def test_several(visit, size, scheme):
    page = visit(*size, scheme=scheme)
    page.get_by_role('tab', name='Several').click()
    page.click('summary:has-text("Settings")')
    check_layout(page, size)
    files = [file(png(photograph()), 'one.png'), file(b'no picture', 'bad.png'), file(png(photograph(60, 90)), 'b.png')]
    page.set_input_files('#drop-several input', files)
    page.wait_for_selector('text=Done: 2 of 3 repaired.')
    assert in_view(page, '#status-several .said')
    assert page.locator('tbody tr').count() == 3
    check_layout(page, size)


def test_the_outline_covers_nothing_of_what_is_marked(visit):
    page = visit()
    upload(page, png(photograph()))  # a square from 20 to 52 pixels, of 320 x 240
    wait_until_done(page)
    page.check('input[value=marks]', force=True)
    page.wait_for_timeout(100)
    inside, outside, beside = (36 / 320, 36 / 240), (200 / 320, 200 / 240), (19.6 / 320, 36 / 240)
    assert outline_at(page, *inside)[3] == 0
    assert outline_at(page, *outside)[3] == 0
    assert outline_at(page, *beside) == [255, 0, 92, 255]
    page.fill('#grow', '10')
    wait_for_share(page, 'share > 4')
    assert outline_at(page, *beside)[3] == 0
    assert outline_at(page, 9.4 / 320, 36 / 240)[:3] == [255, 0, 92]


def transform(page) -> list[float]:
    """Scale and place of the photograph in its box."""
    return page.evaluate(
        "() => { const matrix = new DOMMatrix(getComputedStyle(document.querySelector('.over')).transform);"
        ' return [matrix.a, matrix.e, matrix.f]; }'
    )


def test_zoom_and_pan(visit):
    page = visit()
    upload(page, png(photograph(480, 640)))
    wait_until_done(page)
    assert transform(page)[0] == 1
    page.click('[data-zoom=in]')
    page.click('[data-zoom=in]')
    assert transform(page)[0] == pytest.approx(2.25)
    assert page.text_content('.zoom output') == '225 %'
    before = transform(page)
    box = page.locator('.view').bounding_box()
    middle = (box['x'] + 0.3 * box['width'], box['y'] + box['height'] / 2)
    page.mouse.move(*middle)
    page.mouse.down()
    page.mouse.move(middle[0] + 40, middle[1] - 30, steps=4)
    page.mouse.up()
    moved = transform(page)
    assert (moved[1] - before[1], moved[2] - before[2]) == pytest.approx((40, -30), abs=1)
    page.focus('.view')
    page.keyboard.press('ArrowRight')
    assert transform(page)[1] == pytest.approx(moved[1] - 60, abs=1)
    page.keyboard.press('0')
    assert transform(page) == [1, 0, 0]
    page.keyboard.down('Control')
    page.mouse.wheel(0, -200)
    page.keyboard.up('Control')
    page.wait_for_function("() => document.querySelector('.zoom output').textContent !== '100 %'")
    page.mouse.dblclick(*middle)
    page.wait_for_function("() => document.querySelector('.zoom output').textContent === '100 %'")
    page.click('[data-zoom=out]')
    assert transform(page)[0] == 1  # no smaller than the whole


def test_the_brush_paints_where_it_is_seen_when_zoomed(visit):
    page = visit()
    upload(page, png(np.full((300, 400, 3), 120, np.uint8)))
    wait_until_done(page)
    for _ in range(2):
        page.click('[data-zoom=in]')
    page.check('input[value=add]', force=True)
    stroke(page, (0.5, 0.5), (0.52, 0.5))
    share = wait_for_share(page, 'share > 0')
    assert share < 1.5  # the brush is of the photograph's size, not of the window's
    page.click('#repair')
    wait_for_status(page, 'Repaired')
    mask = cv2.imdecode(np.frombuffer(_mask_of(page), np.uint8), cv2.IMREAD_UNCHANGED)
    rows, columns = np.nonzero(mask)
    assert (rows.mean(), columns.mean()) == pytest.approx((150, 202), abs=3)


def _mask_of(page) -> bytes:
    address = page.evaluate(
        "() => Array.from(document.querySelectorAll('#one .links a')).find((a) => a.textContent === 'Mask').href"
    )
    return page.request.get(address).body()


def test_a_large_photograph_gets_sharper_when_zoomed(visit, served):
    page = visit()
    pixels = np.full((600, 1600, 3), 120, np.uint8)
    pixels[100:200, 100:200] = (255, 0, 255)
    upload(page, png(pixels))
    wait_until_done(page)
    assert page.evaluate("() => document.querySelector('.before').naturalWidth") == 1280
    for _ in range(3):
        page.click('[data-zoom=in]')
    for name in ('before', 'after'):
        page.wait_for_function(f"() => document.querySelector('.{name}').naturalWidth === 1600")
