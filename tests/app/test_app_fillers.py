"""The ways to fill that the page offers: the model's own, OpenCV's, and files of other projects' networks."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from browsing import download_all, photograph, png, repair, upload, wait_until_done

from hcl_arch.commands.app import main
from hcl_arch.commands.app.filler_choice import FillerChoice
from hcl_arch.commands.app.limits import Limits
from hcl_arch.commands.app.page_error import PageError
from hcl_arch.restoration import patch_match
from hcl_arch.restoration.restorer import Restorer
from tests.command_errors import error_of
from tests.spandrel_files import LAMA_FILLS_WITH, lama_state, write


@pytest.fixture(scope='module')
def restorer(tiny_model):
    return Restorer(tiny_model, device='cpu')


@pytest.fixture
def fillers_folder(tmp_path, monkeypatch):
    """An empty folder in which files are found by name; none is found elsewhere."""
    (tmp_path / 'fillers').mkdir()
    monkeypatch.setenv('HOME', str(tmp_path))
    monkeypatch.setenv('TORCH_HOME', str(tmp_path))
    monkeypatch.setenv('HCL_FILLERS', str(tmp_path / 'fillers'))
    monkeypatch.setattr(patch_match, 'is_installed', lambda: False)
    return tmp_path / 'fillers'


def test_without_files_there_are_the_model_and_opencv(restorer, fillers_folder):
    choice = FillerChoice(restorer)
    assert (list(choice.labels), choice.default) == (['own', 'opencv-telea', 'opencv-ns'], 'own')
    assert choice.of('own') is restorer
    assert choice.of('opencv-ns') is choice.of('opencv-ns')
    for key in ('lama', '', None, ['own'], str(fillers_folder)):
        with pytest.raises(PageError, match='no such way to fill'):
            choice.of(key)


def test_files_in_the_usual_places_are_offered_by_name(restorer, fillers_folder):
    write(lama_state(), fillers_folder / 'big-lama.pt')
    (fillers_folder / 'broken.pt').write_bytes(b'no weights')
    choice = FillerChoice(restorer)
    assert list(choice.labels) == ['own', 'opencv-telea', 'opencv-ns', 'big-lama', 'broken']
    image, mask = np.full((64, 80, 3), 7, np.uint8), np.zeros((64, 80), np.uint8)
    mask[10:20, 10:20] = 255
    filled = choice.of('big-lama').repair(image, mask).image
    np.testing.assert_allclose(filled[15, 15] / 255, LAMA_FILLS_WITH, atol=0.01)
    with pytest.raises(PageError, match='“broken” cannot be used') as caught:
        choice.of('broken')
    assert str(fillers_folder) not in str(caught.value)


@pytest.mark.parametrize('filler', ['opencv-telea', 'file'])
def test_the_one_that_the_command_names_comes_first(filler, tiny_model, fillers_folder, tmp_path):
    if filler == 'file':
        filler = str(write(lama_state(), tmp_path / 'mine.pt'))
    restorer = Restorer(tiny_model, device='cpu', filler=filler)
    choice = FillerChoice(restorer, filler)
    assert choice.default == ('mine' if filler.endswith('.pt') else filler)
    assert choice.of(choice.default) is restorer
    assert set(choice.labels) == {'own', 'opencv-telea', 'opencv-ns', choice.default}


def test_a_model_that_only_detects_is_not_offered_to_fill(tiny_model, fillers_folder):
    restorer = Restorer(tiny_model, device='cpu', filler='opencv-ns')
    restorer._network.restores = False
    assert list(FillerChoice(restorer, 'opencv-ns').labels) == ['opencv-telea', 'opencv-ns']


def test_a_filler_that_cannot_be_used_is_told_in_one_line(tiny_model, tmp_path, capsys):
    arguments = ['--port', '0', '--no-browser', '--model', str(tiny_model), '--filler']
    assert 'there is none of the name' in error_of(main, [*arguments, 'nosuch'], capsys)
    (tmp_path / 'text.pt').write_bytes(b'no weights')
    error = error_of(main, [*arguments, str(tmp_path / 'text.pt')], capsys)
    assert error.startswith(f'hcl-app: error: --filler: {tmp_path / "text.pt"}')
    assert error.count('\n') == 1


@pytest.fixture
def with_lama(serving, restorer, fillers_folder):
    write(lama_state(), fillers_folder / 'big-lama.pt')
    yield from serving(restorer, Limits())


def test_in_the_browser(visit, with_lama):
    """Holes that the brush has painted: filled by LaMa's shape with its one colour, by OpenCV as OpenCV does."""
    page = visit(url=with_lama.url)
    given = np.ascontiguousarray(photograph(90, 120)[50:, :])
    page.evaluate("() => { document.querySelector('#one [name=filler]').value = 'opencv-telea'; }")
    upload(page, png(given))
    wait_until_done(page)
    page.fill('#threshold', '0')
    page.click('text=Use a mask of yours')
    hole = np.zeros(given.shape[:2], np.uint8)
    hole[10:20, 30:50] = 255
    page.set_input_files('#drop-mask input', {'name': 'm.png', 'mimeType': 'image/png', 'buffer': png(hole)})
    page.wait_for_selector('text=m.png marks 200 pixels')
    page.click('text=How it is filled')
    for filler, expected in (
        ('opencv-telea', cv2.inpaint(given, hole, 3, cv2.INPAINT_TELEA)[hole > 0]),
        ('big-lama', np.rint(255 * np.array(LAMA_FILLS_WITH))),
    ):
        page.select_option('#one [name=filler]', filler)
        repair(page)
        restored = download_all(page)['holiday_restored.png'][..., ::-1]
        np.testing.assert_array_equal(restored[hole == 0], given[hole == 0])
        np.testing.assert_allclose(restored[hole > 0], np.broadcast_to(expected, (200, 3)), atol=4)
