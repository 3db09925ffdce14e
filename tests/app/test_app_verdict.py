"""What the page says where nothing, or unusually much, is found; without a browser."""

from __future__ import annotations

import asyncio

import cv2
import numpy as np
import pytest
from restorer_fake import FakeRestorer

from hcl_arch.commands.app.examples import make_examples
from hcl_arch.commands.app.job import Job
from hcl_arch.commands.app.sent import RepairOptions
from hcl_arch.commands.app.single import outcome
from hcl_arch.commands.app.strokes import read_strokes
from hcl_arch.commands.app.tasks import Task
from hcl_arch.restoration.photographs.photograph import Photograph

OPTIONS = RepairOptions(composite=True, reverse=False, erase=False, filler='own')
# In shares of the width and of the sides.
STROKE = [{'erase': False, 'radius': 0.03, 'points': [[0.1, 0.1], [0.2, 0.1]]}]


def spotted(height: int = 60, width: int = 80, *, side: int = 20) -> np.ndarray:
    """Gray with a pale magenta square, which the fake finds with the score 0.83."""
    pixels = np.full((height, width, 3), 120, np.uint8)
    pixels[10 : 10 + side, 30 : 30 + side] = (255, 130, 255)
    return pixels


def open_example(single) -> tuple[dict, Job]:
    shown = single.open({'example': 0}, OPTIONS, Task())
    return shown, single._kept.jobs.get(shown['id'])


def change(single, shown: dict, **sent) -> dict:
    return single.change(shown['id'], {'threshold': 0.25, 'grow': 0, 'strokes': [], **sent})


def test_nothing_found_is_said_and_nothing_changed(open_page):
    single, _ = open_page(FakeRestorer(min_score=0.9), spotted())
    shown, job = open_example(single)
    assert shown['said'].startswith('Nothing was found (score 0.83, below 0.9). The photograph is left as it is.')
    assert shown['share'] == '0.0 % of the photograph is marked. Score that anything spoils it: 0.83.'
    assert not shown['found']
    assert shown['downloads']['restored'] == 'Photograph, unchanged (PNG)'
    np.testing.assert_array_equal(job.restoration.image, spotted())
    assert (job.restoration.found, job.restoration.mask.any()) == (False, False)
    for composite, reverse in ((False, False), (True, True)):
        again = single.repair(shown['id'], RepairOptions(composite, reverse, False, 'own'), Task())
        assert again['said'].startswith('Nothing was found')
        np.testing.assert_array_equal(job.restoration.image, spotted())


def test_what_is_found_is_said_with_its_score(open_page):
    single, _ = open_page(FakeRestorer(min_score=0.8), spotted())
    shown, job = open_example(single)
    assert shown['said'].startswith('Repaired.')
    assert shown['share'] == '8.3 % of the photograph is marked. Score that anything spoils it: 0.83.'
    assert job.restoration.found
    large, _ = open_page(FakeRestorer(), spotted(side=50))
    shown, _ = open_example(large)
    assert shown['share'].startswith('52.1 % of the photograph is marked.')
    assert shown['share'].endswith(' Unusually much: check the marks.')


def test_a_threshold_that_is_moved_marks_whatever_the_score(open_page):
    single, _ = open_page(FakeRestorer(min_score=0.9), spotted())
    shown, job = open_example(single)
    assert change(single, shown, grow=5)['share'].startswith('0.0 %')  # the other slider
    assert change(single, shown, threshold=0.26)['share'].startswith('8.3 %')
    assert single.repair(shown['id'], OPTIONS, Task())['said'].startswith('Repaired.')
    assert job.restoration.found
    change(single, shown, threshold=0)
    assert single.repair(shown['id'], OPTIONS, Task())['said'].startswith('Nothing is marked.')


def test_what_is_painted_is_repaired_whatever_the_score(fake_restorer):
    job = Job('a.png', Photograph(spotted()), fake_restorer.detect(spotted()), threshold=0.25, min_score=0.9)
    assert not job.mask().any()
    job.strokes = read_strokes(STROKE)
    restoration = job.repair(fake_restorer, composite=True, reverse=False)
    assert restoration.found
    assert 0 < (restoration.mask > 0).mean() < 0.05
    np.testing.assert_array_equal(restoration.image[restoration.mask == 0], spotted()[restoration.mask == 0])


def bring(kept, content: bytes, name: str) -> dict:
    """What the browser says of a file that a visitor has dropped."""

    async def chunks():
        yield content

    return {'name': name, 'token': asyncio.run(kept.uploads.receive(name, chunks()))}


def restored(tab, *pictures: np.ndarray, **sent) -> tuple[dict, list[dict]]:
    """The result of several photographs, and the row of each."""
    contents = [cv2.imencode('.png', pixels[..., ::-1])[1].tobytes() for pixels in pictures]
    files = [bring(tab._kept, content, f'{number}.png') for number, content in enumerate(contents)]
    settings = {'threshold': 0.25, 'grow': 0, 'composite': True, 'filler': 'own'}
    task = Task()
    return tab.run(tab.order({'files': files, **settings, **sent}), task), task.rows


def test_nothing_under_the_marks_is_looked_at_on_demand(open_page):
    restorer = FakeRestorer()
    single, several = open_page(restorer, spotted())
    shown, _ = open_example(single)
    for is_erased in (True, False):
        single.repair(shown['id'], OPTIONS._replace(erase=is_erased), Task())
        assert restorer.erased is is_erased
        restored(several, spotted(), erase=is_erased)
        assert restorer.erased is is_erased


def test_several_say_it_for_each(open_page):
    clean = np.full((60, 80, 3), 120, np.uint8)
    _, several = open_page(FakeRestorer(min_score=0.8))
    result, rows = restored(several, spotted(), clean, spotted(side=50))
    assert result['said'] == 'Done: 2 of 3 repaired, 1 with nothing found.'
    assert rows[0]['share'] == pytest.approx(1 / 12)
    assert [row['remark'] for row in rows] == [
        'Score 0.83',
        'Nothing found (score 0.49, below 0.8); left as it is',
        'Score 0.83; 52 % of the picture marked, unusually much: check the mask',
    ]
    assert restored(several, spotted())[0]['said'] == 'Done: 1 of 1 repaired.'


def test_remarks_on_the_file_and_a_shape_that_is_not_judged_are_said() -> None:
    photograph = Photograph(np.zeros((2, 300, 3), np.uint8), remarks=('its EXIF data are damaged and left out',))
    job = Job('a.png', photograph, np.ones((2, 300), np.float32))
    job.repair(FakeRestorer(), composite=True, reverse=False)
    words = outcome(job)
    assert words.startswith('Not judged (300 x 2 pixels, more than 100 times as long as wide).')
    assert words.endswith(' Note: its EXIF data are damaged and left out.')


def test_what_is_pixelated_is_repaired_on_demand_only(fake_restorer) -> None:
    pixels = make_examples()[0].photograph.pixels[40:200, 100:300].copy()
    cells = cv2.resize(pixels[32:96, 40:120], (10, 8), interpolation=cv2.INTER_AREA)
    pixels[32:96, 40:120] = np.repeat(np.repeat(cells, 8, axis=0), 8, axis=1)
    confidence = np.ones(pixels.shape[:2], np.float32)
    confidence[32:96, 40:120] = 0
    job = Job('a.png', Photograph(pixels), confidence)
    first = job.repair(fake_restorer, composite=True, reverse=False)
    np.testing.assert_array_equal(first.image, pixels)
    assert np.count_nonzero(first.mask) == 64 * 80
    assert ' 16.0 % of it is pixelated, marked but left as it is: “Repair” repairs that too.' in outcome(job)
    second = job.repair(fake_restorer, composite=True, reverse=False)
    assert (second.image[first.mask > 0] == 127).all()
    assert 'pixelated' not in outcome(job)
