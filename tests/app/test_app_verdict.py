"""What the page says where nothing, or unusually much, is found; without a browser."""

from __future__ import annotations

import asyncio
from types import SimpleNamespace

import cv2
import numpy as np
import pytest
from restorer_fake import FakeRestorer

from hcl_arch.commands.app.examples import Example
from hcl_arch.commands.app.job import Job
from hcl_arch.commands.app.limits import Limits
from hcl_arch.commands.app.strokes import read_strokes
from hcl_arch.restoration.photographs.photograph import Photograph

# In shares of the width and of the sides.
STROKE = [{'erase': False, 'radius': 0.03, 'points': [[0.1, 0.1], [0.2, 0.1]]}]


def spotted(height: int = 60, width: int = 80, *, side: int = 20) -> np.ndarray:
    """Gray with a pale magenta square, which the fake finds with the score 0.83."""
    pixels = np.full((height, width, 3), 120, np.uint8)
    pixels[10 : 10 + side, 30 : 30 + side] = (255, 130, 255)
    return pixels


@pytest.fixture
def open_tabs(tmp_path):
    """Function (restorer, pixels) that returns both tabs of a page with these pixels as its example."""
    gr = pytest.importorskip('gradio')
    from hcl_arch.commands.app.kept import Kept
    from hcl_arch.commands.app.several_tab import SeveralTab
    from hcl_arch.commands.app.single_tab import SingleTab

    kept = Kept(tmp_path, Limits())

    def build(restorer, pixels):
        with gr.Blocks():
            return (
                SingleTab(restorer, kept, [Example('Spot', pixels)], threshold=0.25),
                SeveralTab(restorer, kept, threshold=0.25),
            )

    yield build
    kept.clear()


def last(updates) -> dict:
    """What is on the page after a handler's updates."""
    page: dict = {}
    for update in updates:
        page.update(update)
    return page


def open_example(tab) -> tuple[dict, Job]:
    page = last(tab.open_example(True, False, SimpleNamespace(_data={'index': 0})))
    return page, tab._kept.jobs.get(page[tab.token])


def test_nothing_found_is_said_and_nothing_changed(open_tabs):
    tab, _ = open_tabs(FakeRestorer(min_score=0.9), spotted())
    page, job = open_example(tab)
    assert page[tab.status].startswith('Nothing found (score 0.83, below 0.9). The photograph is left as it is.')
    assert page[tab.editor]['share'] == '0.0 % of the photograph is marked. Score that anything is corrupted: 0.83.'
    np.testing.assert_array_equal(job.restoration.image, spotted())
    assert (job.restoration.found, job.restoration.mask.any()) == (False, False)
    for composite, reverse in ((False, False), (True, True)):
        again = last(tab.repair(page[tab.token], composite, reverse))
        assert again[tab.status].startswith('Nothing found')
        np.testing.assert_array_equal(job.restoration.image, spotted())


def test_what_is_found_is_said_with_its_score(open_tabs):
    tab, _ = open_tabs(FakeRestorer(min_score=0.8), spotted())
    page, job = open_example(tab)
    assert page[tab.status].startswith('Done.')
    assert page[tab.editor]['share'] == '8.3 % of the photograph is marked. Score that anything is corrupted: 0.83.'
    assert job.restoration.found
    large, _ = open_tabs(FakeRestorer(), spotted(side=50))
    page, _ = open_example(large)
    assert page[large.editor]['share'].startswith('52.1 % of the photograph is marked.')
    assert page[large.editor]['share'].endswith(' Unusually much: check the mask.')


def test_a_threshold_that_is_moved_marks_whatever_the_score(open_tabs):
    tab, _ = open_tabs(FakeRestorer(min_score=0.9), spotted())
    page, job = open_example(tab)
    token = page[tab.token]
    same = last(tab.change_mask(token, 0.25, 5))  # the other slider
    assert same[tab.editor]['share'].startswith('0.0 %')
    moved = last(tab.change_mask(token, 0.26, 0))
    assert moved[tab.editor]['share'].startswith('8.3 %')
    assert last(tab.repair(token, True, False))[tab.status].startswith('Done.')
    assert job.restoration.found
    last(tab.change_mask(token, 0, 0))
    assert last(tab.repair(token, True, False))[tab.status].startswith('Nothing is marked.')


def test_what_is_painted_is_repaired_whatever_the_score(fake_restorer):
    job = Job('a.png', Photograph(spotted()), fake_restorer.detect(spotted()), threshold=0.25, min_score=0.9)
    assert not job.mask().any()
    job.strokes = read_strokes(STROKE)
    restoration = job.repair(fake_restorer, composite=True, reverse=False)
    assert restoration.found
    assert 0 < (restoration.mask > 0).mean() < 0.05
    np.testing.assert_array_equal(restoration.image[restoration.mask == 0], spotted()[restoration.mask == 0])


def brought(tab, *contents: bytes) -> SimpleNamespace:
    """The event of files that a visitor has dropped."""

    async def chunks(content: bytes):
        yield content

    files = []
    for number, content in enumerate(contents):
        token = asyncio.run(tab._kept.uploads.receive(f'{number}.png', chunks(content)))
        files.append({'name': f'{number}.png', 'token': token})
    return SimpleNamespace(_data={'files': files})


def several(tab, *pictures: np.ndarray) -> dict:
    contents = [cv2.imencode('.png', pixels[..., ::-1])[1].tobytes() for pixels in pictures]
    return last(tab.run(0.25, 0, True, brought(tab, *contents)))


HOLE = np.zeros((60, 80), bool)
HOLE[5:15, 40:60] = True


def layer(inside: tuple[int, ...], outside: tuple[int, ...], suffix: str = '.png') -> bytes:
    """A mask of two colours in the order of OpenCV."""
    return cv2.imencode(suffix, np.where(HOLE[..., None], inside, outside).astype(np.uint8))[1].tobytes()


@pytest.mark.parametrize('content', [
    layer((1,), (0,)), layer((255,), (0,)), layer((0, 0, 220), (0, 0, 0)),
    layer((255, 255, 255, 255), (255, 255, 255, 0)), layer((0, 0, 0, 255), (0, 0, 0, 0)),
])  # fmt: skip
def test_a_mask_of_the_visitor_s_is_used_and_its_share_is_said(content, open_tabs):
    tab, _ = open_tabs(FakeRestorer(), spotted())
    page, job = open_example(tab)
    token = page[tab.token]
    taken = last(tab.take_mask(token, 'auto', 'auto', brought(tab, content)))
    assert taken[tab.status] == 'Your mask marks 200 pixels, 4.2 %. Press "Repair" to use it.'
    assert taken[tab.editor]['share'].startswith('4.2 % of the photograph is marked.')
    last(tab.repair(token, True, False))
    np.testing.assert_array_equal(job.restoration.mask > 0, HOLE)
    assert last(tab.change_mask(token, 0.25, 1))[tab.editor]['share'].startswith('5.4 %')  # grown
    assert last(tab.change_mask(token, 0.26, 0))[tab.editor]['share'].startswith('8.3 %')  # the finding again


def test_an_unclear_mask_names_the_choice(open_tabs):
    tab, _ = open_tabs(FakeRestorer(), spotted())
    token = open_example(tab)[0][tab.token]
    content = layer((0, 0, 220), (255, 255, 255))
    refused = last(tab.take_mask(token, 'auto', 'auto', brought(tab, content)))
    assert 'mask polarity “black” (what is dark is)' in refused[tab.status]
    taken = last(tab.take_mask(token, 'black', 'auto', brought(tab, content)))
    assert taken[tab.status].startswith('Your mask marks 200 pixels')
    small = cv2.imencode('.png', np.zeros((5, 6), np.uint8))[1].tobytes()
    assert (
        'expected the size of the image, 60 x 80'
        in last(tab.take_mask(token, 'auto', 'auto', brought(tab, small)))[tab.status]
    )
    assert (
        'mask_polarity: expected one of'
        in last(tab.take_mask(token, 'grey', 'auto', brought(tab, content)))[tab.status]
    )


def test_several_say_it_for_each(open_tabs):
    clean = np.full((60, 80, 3), 120, np.uint8)
    _, tab = open_tabs(FakeRestorer(min_score=0.8), clean)
    page = several(tab, spotted(), clean, spotted(side=50))
    assert page[tab.status] == 'Done: 2 of 3 restored, 1 with nothing found.'
    rows = page[tab.results].split('<tr')[2:]
    assert '<td>8.3 %</td>' in rows[0]
    assert '<td>Score 0.83</td>' in rows[0]
    assert '<td>Nothing found (score 0.49, below 0.8); left as it is</td>' in rows[1]
    assert '<td>Score 0.83; 52 % of the picture marked, unusually much: check the mask</td>' in rows[2]
    assert several(tab, spotted())[tab.status] == 'Done: 1 of 1 restored.'


def test_remarks_on_the_file_and_a_shape_that_is_not_judged_are_said() -> None:
    from hcl_arch.commands.app.single_tab import _outcome

    photograph = Photograph(np.zeros((2, 300, 3), np.uint8), remarks=('its EXIF data are damaged <and> left out',))
    job = Job('a.png', photograph, np.ones((2, 300), np.float32))
    job.repair(FakeRestorer(), composite=True, reverse=False)
    words = _outcome(job)
    assert words.startswith('Not judged (300 x 2 pixels, more than 100 times as long as wide).')
    assert words.endswith(' Note: its EXIF data are damaged &lt;and&gt; left out.')
