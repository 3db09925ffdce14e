"""Waiting requests: a bounded number, each with an end."""

from __future__ import annotations

import http.client
import socket
import time
from concurrent.futures import ThreadPoolExecutor

from tests.serve.client import Gate, png, spoiled


def until(condition) -> None:
    end = time.monotonic() + 20
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.01)


def test_beyond_the_queue_is_told_to_come_back(serving):
    service = serving(Gate(), waiting=2)
    service.restorer.open.clear()
    with ThreadPoolExecutor(3) as pool:
        waiting = [pool.submit(service.restore, png(spoiled(square))) for square in (3, 4, 5)]
        until(lambda: service.queue._taken == 3)
        refused = service.restore(png(spoiled(6)))
        assert refused.status == 503
        assert int(refused.headers['retry-after']) >= 1
        assert service.ask('GET', '/health').status == 200
        service.restorer.open.set()
        assert [future.result().status for future in waiting] == [200, 200, 200]
    until(lambda: service.queue._taken == 0)
    assert service.restore(png(spoiled(6))).status == 200


def test_what_takes_too_long_is_stopped_and_frees_its_place(serving):
    service = serving(Gate(), waiting=1, timeout=2)
    service.restorer.open.clear()
    service.restorer.reports.clear()  # so the first one is stopped only when the second one is out of time, too
    with ThreadPoolExecutor(2) as pool:
        replies = [pool.submit(service.restore, png(spoiled(square))) for square in (3, 4)]
        assert [future.result().status for future in replies] == [504, 504]
    service.restorer.reports.set()
    until(lambda: service.queue._taken == 0)
    assert service.restorer.stopped == service.restorer.detections == 1  # the second one was never begun
    service.restorer.open.set()
    assert service.restore(png(spoiled(6))).status == 200


def test_a_request_that_trickles_in_is_ended(serving):
    service = serving(Gate(), waiting=0, timeout=2)
    with socket.create_connection(('127.0.0.1', service.port), timeout=20) as connection:
        connection.sendall(b'POST /restore HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1000\r\n\r\nshort')
        assert connection.recv(1000).startswith(b'HTTP/1.1 408 ')
    assert service.restore(png(spoiled(6))).status == 200


def test_work_for_one_who_has_gone_is_stopped(serving):
    service = serving(Gate())
    service.restorer.open.clear()
    connection = http.client.HTTPConnection('127.0.0.1', service.port, timeout=20)
    connection.request('POST', '/restore', png(spoiled(5)))
    until(service.restorer.begun.is_set)
    connection.close()
    until(lambda: service.restorer.stopped == 1)
    until(lambda: service.queue._taken == 0)


def test_a_request_that_is_cut_short_frees_its_place(serving):
    service = serving(Gate(), waiting=0)
    for _ in range(3):
        with socket.create_connection(('127.0.0.1', service.port)) as connection:
            connection.sendall(b'POST /restore HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1000\r\n\r\nshort')
            until(lambda: service.queue._taken == 1)
        until(lambda: service.queue._taken == 0)
    assert service.restore(png(spoiled(8))).status == 200
