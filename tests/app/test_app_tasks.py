"""The line of work: one after the other, its progress, and the ways in which it ends."""

from __future__ import annotations

import threading
import time

import pytest

from hcl_arch.commands.app import tasks as module
from hcl_arch.commands.app.page_error import NO_MEMORY, UNFORESEEN, PageError
from hcl_arch.commands.app.tasks import MOST_WAITING, Cancelled, Task, Tasks

MOST_SECONDS = 30


@pytest.fixture
def tasks():
    made = Tasks(lifetime=60)
    yield made
    made.close()


def ended(tasks: Tasks, token: str) -> dict:
    end = time.monotonic() + MOST_SECONDS
    while (state := tasks.get(token).view())['state'] in ('waiting', 'working'):
        assert time.monotonic() < end
        time.sleep(0.005)
    return state


def test_progress_rows_and_result_are_told(tasks):
    told, may_end = threading.Event(), threading.Event()

    def work(task: Task) -> dict:
        task.tell('Finding', {'id': 'a'})
        task.tell('Repairing')
        task.progress(2, 5)
        task.rows.extend([{'name': 'a'}, {'name': 'b'}])
        told.set()
        may_end.wait(MOST_SECONDS)
        return {'id': 'a'}

    token = tasks.start(work)
    told.wait(MOST_SECONDS)
    state = tasks.get(token).view(after=1)
    assert state == {
        'state': 'working', 'said': 'Repairing', 'done': 2, 'total': 5, 'rows': [{'name': 'b'}], 'shown': {'id': 'a'},
    }  # fmt: skip
    may_end.set()
    state = ended(tasks, token)
    assert (state['state'], state['result'], state['shown']) == ('done', {'id': 'a'}, None)


@pytest.mark.parametrize(
    ('error', 'said'),
    [
        (PageError('In plain words.'), 'In plain words.'),
        (MemoryError(), NO_MEMORY),
        (OSError('no such folder'), UNFORESEEN),
    ],
)
def test_an_error_is_told_in_plain_words(tasks, error, said):
    def work(task: Task) -> dict:
        raise error

    state = ended(tasks, tasks.start(work))
    assert (state['state'], state['error']) == ('failed', said)


def until_stopped(begun: threading.Event, ends: list):
    """Work that goes on until its visitor does not want it any more."""

    def work(task: Task) -> dict:
        begun.set()
        try:
            while True:
                task.progress(1, 2)
                time.sleep(0.002)
        except Cancelled:
            ends.append(task)
            raise

    return work


def test_work_is_stopped_at_its_next_step_and_waiting_work_at_once(tasks):
    begun, ends = threading.Event(), []
    first = tasks.start(until_stopped(begun, ends))
    begun.wait(MOST_SECONDS)
    second = tasks.start(until_stopped(begun, ends))
    assert tasks.get(second).view()['state'] == 'waiting'
    tasks.get(second).stop()
    assert tasks.get(second).view()['state'] == 'cancelled'
    tasks.get(first).stop()
    assert ended(tasks, first)['state'] == 'cancelled'
    assert ended(tasks, tasks.start(lambda task: {}))['state'] == 'done'
    assert len(ends) == 1


def test_a_line_that_is_full_is_told(tasks):
    begun = threading.Event()
    started = [tasks.start(until_stopped(begun, [])) for _ in range(MOST_WAITING)]
    with pytest.raises(PageError, match='Too many'):
        tasks.start(lambda task: {})
    tasks.get(started[-1]).stop()
    tasks.start(lambda task: {})


def test_the_work_of_a_visitor_who_has_left_ends(monkeypatch):
    now = [0.0]
    task = Task(lambda: now[0])
    now[0] = module._LOST_SECONDS - 1
    task.check()
    now[0] += 2
    with pytest.raises(Cancelled):
        task.check()


def test_the_end_of_the_page_stops_all():
    tasks, begun, ends = Tasks(lifetime=60), threading.Event(), []
    tasks.start(until_stopped(begun, ends))
    second = tasks.get(tasks.start(lambda task: {}))
    begun.wait(MOST_SECONDS)
    tasks.close()
    assert second.view()['state'] == 'cancelled'
    tasks._worker.shutdown(wait=True)
    assert len(ends) == 1
