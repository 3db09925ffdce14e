"""A service that is served."""

from __future__ import annotations

import contextlib
import importlib.util
import threading
import time

import pytest

from tests.serve.client import Client, Gate
from tests.tiny_model import write_tiny_model

START_SECONDS = 60


@pytest.fixture
def serving():
    """Return a function that serves a restorer from another thread."""
    if importlib.util.find_spec('fastapi') is None:
        pytest.skip('fastapi is not installed')
    from hcl_arch.commands.serve.queue import Queue
    from hcl_arch.commands.serve.service import Limits, build_service
    from hcl_arch.commands.serving.listening import make_server, open_socket

    with contextlib.ExitStack() as stack:

        def serve(restorer, *, waiting=32, timeout=30.0, root_path='', host_names=(), **limits) -> Client:
            listening = stack.enter_context(open_socket('127.0.0.1', 0))
            queue = Queue(waiting=waiting, timeout=timeout)
            app = build_service(restorer, Limits(**limits), queue, host_names=host_names)
            running = make_server(app, root_path=root_path)
            thread = threading.Thread(target=running.run, kwargs={'sockets': [listening]}, daemon=True)
            thread.start()
            stack.callback(thread.join, START_SECONDS)
            stack.callback(setattr, running, 'should_exit', True)
            end = time.monotonic() + START_SECONDS
            while not running.started:
                assert thread.is_alive(), 'the service could not be served'
                assert time.monotonic() < end, 'the service is not served in time'
                time.sleep(0.01)
            return Client(listening.getsockname()[1], queue, restorer)

        yield serve


@pytest.fixture
def service(serving):
    """A service with a fake restorer and small limits."""
    return serving(Gate(), request_bytes=2**20, megapixels=0.1)


@pytest.fixture(scope='session')
def tiny_model(tmp_path_factory):
    """A file with a tiny network of random weights."""
    return write_tiny_model(tmp_path_factory.mktemp('model') / 'tiny.safetensors')
