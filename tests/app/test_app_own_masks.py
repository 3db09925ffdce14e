"""Masks of the visitors' own: read as everywhere, errors in the page's words, one for several photographs."""

from __future__ import annotations

import json

import cv2
import numpy as np
import pytest
from browsing import (
    download_all,
    file,
    photograph,
    png,
    repair,
    share_of,
    upload,
    wait_for_share,
    wait_for_status,
    wait_until_done,
)
from test_app_guard import ask
from test_app_verdict import OPTIONS, change, open_example, restored, spotted

from hcl_arch.commands.app.own_masks import CHANNELS, POLARITIES, MaskPicture, OwnMask
from hcl_arch.commands.app.page_error import PageError
from hcl_arch.commands.app.tasks import Task
from hcl_arch.restoration.photographs.photograph import Photograph
from hcl_arch.restoration.user_mask import user_mask

HOLE = np.zeros((60, 80), bool)
HOLE[5:15, 40:60] = True


def layer(inside: tuple[int, ...], outside: tuple[int, ...]) -> np.ndarray:
    pixels = np.where(HOLE[..., None], inside, outside).astype(np.uint8)
    return pixels[..., 0] if len(inside) == 1 else pixels


CLEAR = [
    layer((1,), (0,)), layer((255,), (0,)), layer((220, 0, 0), (0, 0, 0)),
    layer((255, 255, 255, 255), (255, 255, 255, 0)), layer((0, 0, 0, 255), (0, 0, 0, 0)),
]  # fmt: skip
UNCLEAR = layer((220, 0, 0), (255, 255, 255))


def mask_of(pixels: np.ndarray, polarity='auto', channel='auto', fit=False) -> OwnMask:
    return OwnMask(MaskPicture('mine.png', pixels), polarity, channel, fit)


def keep(tab, pixels: np.ndarray, **meaning) -> dict:
    """What the browser says of a mask that is kept."""
    return {'token': tab._kept.masks.add(MaskPicture('mine.png', pixels)), **meaning}


@pytest.mark.parametrize('pixels', CLEAR)
def test_a_mask_is_used_and_its_share_is_said(pixels, open_page, fake_restorer):
    single, _ = open_page(fake_restorer, spotted())
    shown, job = open_example(single)
    own = keep(single, pixels)
    taken = change(single, shown, own=own)
    assert (taken['own'], taken['share'][:40]) == (True, '4.2 % of the photograph is marked. Score')
    assert single.repair(shown['id'], OPTIONS, Task())['said'].startswith('Repaired.')
    np.testing.assert_array_equal(job.restoration.mask > 0, HOLE)
    assert change(single, shown, own=own, grow=1)['share'].startswith('5.4 %')
    moved = change(single, shown, own=own, threshold=0.26)  # the finding again
    assert (moved['own'], moved['share'][:5]) == (False, '8.3 %')


@pytest.mark.parametrize('polarity', POLARITIES)
@pytest.mark.parametrize('channel', CHANNELS)
@pytest.mark.parametrize('pixels', [*CLEAR, UNCLEAR])
def test_it_is_read_as_by_the_library(pixels, polarity, channel):
    try:
        expected = user_mask(pixels, 60, 80, polarity=polarity, channel=channel)
    except ValueError:
        with pytest.raises(PageError, match=r'^mine\.png: .*\.$'):
            mask_of(pixels, polarity, channel).mask_for(Photograph(spotted()))
    else:
        np.testing.assert_array_equal(mask_of(pixels, polarity, channel).mask_for(Photograph(spotted())), expected)


def test_an_unclear_mask_names_the_choices_of_the_page():
    with pytest.raises(PageError) as caught:
        mask_of(UNCLEAR).marked()
    assert str(caught.value) == (
        'mine.png: expected one colour on black, found (255, 255, 255) and (220, 0, 0). Choose “It marks what is '
        'white” (what is bright is corrupted), or “It marks what is black” (what is dark is).'
    )
    with pytest.raises(PageError, match='Choose “Read from its colour”'):
        mask_of(CLEAR[0], channel='alpha').marked()


TURNED = Photograph(spotted(), orientation=6)


@pytest.mark.parametrize(
    ('pixels', 'photograph', 'problem'),
    [
        (np.repeat(np.repeat(HOLE, 2, 0), 2, 1), Photograph(spotted()), 'has 160 x 120 pixels, expected 80 x 60'),
        (np.rot90(HOLE), TURNED, 'as stored, before its EXIF orientation turns it; ticking “Fit it to the photograph”'),
    ],
)
def test_one_of_another_size_fits_when_told_to(pixels, photograph, problem):
    pixels = np.ascontiguousarray(pixels).astype(np.uint8) * 255
    with pytest.raises(PageError, match=problem):
        mask_of(pixels).mask_for(photograph)
    assert mask_of(pixels, fit=True).mask_for(photograph).any()
    expected = user_mask(pixels, 60, 80, fit=True, orientation=photograph.orientation)
    np.testing.assert_array_equal(mask_of(pixels, fit=True).mask_for(photograph), expected)


def test_one_of_another_shape_is_refused_all_the_same():
    with pytest.raises(PageError, match=r'has 20 x 50 pixels, .* it has another shape, as of a crop'):
        mask_of(np.zeros((50, 20), np.uint8), fit=True).mask_for(Photograph(spotted()))


def test_one_for_all_and_those_that_it_does_not_fit(open_page, fake_restorer):
    _, several = open_page(fake_restorer)
    own = keep(several, CLEAR[1], fit=True)
    result, rows = restored(several, spotted(), spotted(120, 160), spotted(60, 60), own=own)
    assert result['said'] == 'Done: 2 of 3 repaired.'
    assert fake_restorer.detections == 0
    assert [row['share'] for row in rows[:2]] == [pytest.approx(1 / 24)] * 2
    assert [row['remark'] for row in rows[:2]] == ['By your mask'] * 2
    assert 'mine.png has 80 x 60 pixels, expected 60 x 60' in rows[2]['error']


def test_a_mask_that_is_sent_is_told_what_it_marks(served):
    token = json.loads(ask(served, 'POST', '/hcl/upload', png(CLEAR[1]), X_File_Name='a.png')[1])['token']
    status, content, _ = ask(served, 'POST', '/hcl/mask', json.dumps({'upload': token}))
    assert (status, json.loads(content)['said']) == (200, 'a.png marks 200 pixels, 4.2 %.')
    kept = json.loads(content)['token']
    black = ask(served, 'POST', '/hcl/mask', json.dumps({'token': kept, 'polarity': 'black'}))[1]
    assert json.loads(black)['said'] == 'a.png marks 4,600 pixels, 95.8 %.'
    token = json.loads(ask(served, 'POST', '/hcl/upload', b'x', X_File_Name='a.png')[1])['token']
    assert json.loads(ask(served, 'POST', '/hcl/mask', json.dumps({'upload': token}))[1]) == {
        'error': 'a.png: no photograph: expected AVIF, BMP, GIF, HEIC, JPEG, JPEG 2000, PNG, TIFF or WebP.'
    }


def test_in_the_browser(visit):
    page = visit()
    upload(page, png(photograph()))
    wait_until_done(page)
    found = share_of(page)
    page.click('text=Use a mask of yours')
    mine = np.full((240, 320, 4), (255, 255, 255, 0), np.uint8)
    mine[100:140, 40:120, 3] = 255
    content = cv2.imencode('.png', mine)[1].tobytes()
    page.set_input_files('#drop-mask input', file(content, 'mine.png'))
    page.wait_for_selector('text=mine.png marks 3,200 pixels, 4.2 %.')
    assert wait_for_share(page, 'share > 4') == 4.2
    repair(page)
    np.testing.assert_array_equal(download_all(page)['holiday_mask.png'], mine[..., 3])
    page.select_option('#one [name=polarity]', 'white')
    page.select_option('#one [name=channel]', 'colour')
    assert wait_for_share(page, 'share > 90') == 100.0
    page.click('text=Use what was found instead')
    assert wait_for_share(page, 'share < 90') == found
    page.select_option('#one [name=polarity]', 'auto')
    page.set_input_files('#drop-mask input', file(png(UNCLEAR), 'odd.png'))
    page.wait_for_selector('#one .own .note.error')
    assert 'Choose “It marks what is white”' in page.text_content('#one .own .note')
    page.set_input_files('#drop-mask input', file(png(np.full((20, 20), 255, np.uint8)), 'small.png'))
    wait_for_status(page, 'small.png has 20 x 20 pixels, expected 320 x 240 as the photograph: it has another shape')


def test_one_for_all_in_the_browser(visit, served):
    page = visit()
    before = served.restorer.detections
    page.get_by_role('tab', name='Several').click()
    page.click('summary:has-text("Settings")')
    page.set_input_files('#drop-mask-several input', file(png(CLEAR[1]), 'mine.png'))
    page.wait_for_selector('text=mine.png marks 200 pixels')
    pictures = [file(png(photograph(60, 80)), name) for name in ('a.png', 'b.png')]
    page.set_input_files('#drop-several input', pictures)
    page.wait_for_selector('text=Done: 2 of 2 repaired.')
    assert page.locator('td:text("By your mask")').count() == 2
    assert served.restorer.detections == before
    for name in ('a_mask.png', 'b_mask.png'):
        np.testing.assert_array_equal(download_all(page)[name] > 0, HOLE)
