"""Work that takes its time, in Chromium: what is said meanwhile, and Cancel."""

from __future__ import annotations

import threading
import time

import pytest
from browsing import download_all, file, photograph, png, upload, wait_for_status, wait_until_done
from restorer_fake import FakeRestorer

from hcl_arch.commands.app.limits import Limits


@pytest.fixture
def slow(serving):
    """A page whose repairs wait at each step until they may go on."""
    restorer = FakeRestorer()
    restorer.goes = threading.Event()
    restorer.step = lambda: restorer.goes.wait(60)
    yield from serving(restorer, Limits())
    restorer.goes.set()


def bar(page) -> tuple[bool, float]:
    return page.evaluate(
        "() => { const bar = document.querySelector('#one progress'); return [!bar.hidden, bar.value]; }"
    )


def test_progress_is_shown_with_what_was_found(visit, slow):
    page = visit(url=slow.url)
    upload(page, png(photograph()))
    wait_for_status(page, 'Repairing …')
    page.wait_for_selector('.view >> visible=true')
    page.wait_for_function("() => document.querySelector('#one progress').max === 2")
    assert bar(page) == [True, 0]
    assert page.is_disabled('#repair')
    assert page.is_visible('#one .cancel')
    assert page.text_content('.share').startswith('3.0 %')
    slow.restorer.goes.set()
    wait_until_done(page)
    assert not bar(page)[0]
    assert page.is_enabled('#repair')
    assert page.is_hidden('#one .cancel')


def test_cancel_leaves_what_was_found(visit, slow):
    page = visit(url=slow.url)
    upload(page, png(photograph()))
    wait_for_status(page, 'Repairing …')
    page.wait_for_selector('.view >> visible=true')
    page.click('#one .cancel')
    wait_for_status(page, 'Stopping …')
    slow.restorer.goes.set()
    wait_for_status(page, 'Stopped.')
    assert page.is_visible('.view')
    assert page.locator('#one .links a').count() == 0
    page.click('#repair')
    wait_until_done(page)
    assert set(download_all(page)) == {'holiday_restored.png', 'holiday_mask.png', 'holiday_confidence.png'}


def test_several_that_are_stopped_give_what_is_done(visit, slow):
    page = visit(url=slow.url)
    page.get_by_role('tab', name='Several').click()
    slow.restorer.goes.set()
    passed = threading.Semaphore(2)  # both steps of the first photograph

    def step() -> None:
        if not passed.acquire(blocking=False):
            slow.restorer.goes.clear()
            slow.restorer.goes.wait(60)

    slow.restorer.step = step
    page.set_input_files('#drop-several input', [file(png(photograph()), name) for name in ('a.png', 'b.png', 'c.png')])
    page.wait_for_selector('text=Repairing 2 of 3: b.png …')
    page.wait_for_selector('tbody tr')
    page.click('#several .cancel')
    page.wait_for_selector('text=Stopping …')
    slow.restorer.goes.set()
    page.wait_for_selector('text=Stopped: 1 of 3 repaired.')
    assert set(download_all(page)) == {'a_restored.png', 'a_mask.png'}
    assert [path.name for path in slow.kept.folder.iterdir() if not path.name.endswith('.zip')] in ([], ['.lock'])


def test_a_page_that_is_left_lets_its_work_end(visit, slow):
    """What a browser says to a page that is left, said by hand: how soon it does so itself differs."""
    page = visit(url=slow.url)
    upload(page, png(photograph()))
    wait_for_status(page, 'Repairing …')
    page.wait_for_selector('#one .cancel >> visible=true')
    (task,) = slow.kept.tasks._unfinished
    with page.expect_response('**/cancel'):
        page.evaluate("() => window.dispatchEvent(new PageTransitionEvent('pagehide'))")
    slow.restorer.goes.set()
    wait_for_status(page, 'Stopped.')
    assert task.view()['state'] == 'cancelled'


def test_what_was_found_may_come_later_than_the_result(visit, slow):
    """The photograph, asked for when something was found, is still on its way when the repair is done."""
    slow.restorer.step = lambda: slow.restorer.goes.wait(0.4)
    page = visit(url=slow.url)

    def delay(route) -> None:
        time.sleep(1.5)
        route.continue_()

    page.route('**/before', delay)
    upload(page, png(photograph()))
    wait_until_done(page)
    page.wait_for_function("() => document.querySelector('.after').naturalWidth === 320")
    assert page.get_attribute('.view', 'data-show') == 'result'
    assert page.evaluate("() => document.querySelector('.before').naturalWidth") == 320
