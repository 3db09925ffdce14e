"""A served page, and a browser. Both are skipped where they are missing, unless HCL_REQUIRE_BROWSER=1."""

from __future__ import annotations

import importlib.util
import os
import shutil
import sys
import threading
import time
from pathlib import Path
from urllib.parse import urlsplit

import pytest

sys.path.insert(0, str(Path(__file__).parent))  # of `restorer_fake`, under any import mode

from restorer_fake import FakeRestorer  # noqa: E402

from tests.tiny_model import write_tiny_model  # noqa: E402

CHROMIUMS = ('chromium', 'chromium-browser', 'google-chrome', 'google-chrome-stable')
MEGAPIXELS, FILE_BYTES, FILES = 1.0, 2 * 2**20, 5
START_SECONDS = 60


def need(present: object, what: str) -> None:
    """Skip where something is missing; fail where a browser is required."""
    if not present:
        message = f'{what} is not installed'
        pytest.fail(message) if os.environ.get('HCL_REQUIRE_BROWSER') == '1' else pytest.skip(message)


class Served:
    """A page that is served: its address, what is kept, and the restorer behind it."""

    def __init__(self, url: str, kept, restorer) -> None:
        self.url, self.kept, self.restorer = url, kept, restorer
        self.host, self.port = urlsplit(url).hostname, urlsplit(url).port


def below(path: str, app):
    """An application as a proxy shows it below a path, which it takes off and Uvicorn, told of it, puts back."""

    async def shown(scope, receive, send):
        await app({**scope, 'root_path': path}, receive, send)

    return shown


def serve(restorer, limits, root_path='', **options):
    """Serve a page from another thread until the generator is closed."""
    from hcl_arch.commands.app import server
    from hcl_arch.commands.serving.listening import make_server, open_socket, url_of

    with server.kept_for_visitors(limits) as kept, open_socket('127.0.0.1', 0) as listening:
        app = server.build_server(restorer, kept, **options)
        running = make_server(below(root_path, app) if root_path else app)
        thread = threading.Thread(target=running.run, kwargs={'sockets': [listening]}, daemon=True)
        thread.start()
        end = time.monotonic() + START_SECONDS
        while not running.started:
            assert thread.is_alive(), 'the page could not be served'
            assert time.monotonic() < end, 'the page is not served in time'
            time.sleep(0.02)
        yield Served(url_of(listening), kept, restorer)
        running.should_exit = True
        thread.join(START_SECONDS)


@pytest.fixture(scope='session')
def served():
    """The page with a fake restorer, small limits and one example."""
    need(importlib.util.find_spec('starlette'), 'starlette')
    import numpy as np

    from hcl_arch.commands.app.examples import Example
    from hcl_arch.commands.app.limits import Limits
    from hcl_arch.restoration.photographs.photograph import Photograph

    pixels = np.full((60, 80, 3), 200, np.uint8)
    pixels[:30] = (255, 0, 255)
    limits = Limits(megapixels=MEGAPIXELS, file_bytes=FILE_BYTES, files=FILES)
    yield from serve(FakeRestorer(), limits, examples=[Example('Half of it', Photograph(pixels))], threshold=0.25)


@pytest.fixture(scope='module')  # Playwright keeps an event loop running, which other tests may not have around them
def browser():
    """Headless Chromium."""
    need(importlib.util.find_spec('playwright'), 'playwright')
    executable = next(filter(None, map(shutil.which, CHROMIUMS)), None)
    need(executable, 'Chromium')
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=executable, args=['--no-sandbox'], headless=True)
        yield chromium
        chromium.close()


@pytest.fixture
def visit(browser, request):
    """Open a page, `visit(width=1280)`. At the end: no error in its console, no request to anywhere else.

    Where no `url` is given it is that of `served`.
    """
    contexts, errors, strangers = [], [], []

    def note_request(request) -> None:
        parts = urlsplit(request.url)
        if parts.scheme not in ('data', 'blob') and parts.hostname != '127.0.0.1':
            strangers.append(request.url)

    def open_page(width: int = 1280, height: int = 900, url: str = '', scheme: str = 'light'):
        size = {'width': width, 'height': height}
        context = browser.new_context(viewport=size, has_touch=width < 600, color_scheme=scheme)
        contexts.append(context)
        page = context.new_page()
        page.set_default_timeout(90_000)
        page.on('console', lambda message: errors.append(message.text) if message.type == 'error' else None)
        page.on('pageerror', lambda error: errors.append(str(error)))
        page.on('request', note_request)
        page.goto(url or request.getfixturevalue('served').url)
        page.wait_for_selector('body.ready')
        return page

    open_page.errors = errors
    yield open_page
    for context in contexts:
        context.close()
    assert errors == []
    assert strangers == []


@pytest.fixture
def fake_restorer():
    """Finds magenta."""
    return FakeRestorer()


@pytest.fixture(scope='session')
def tiny_model(tmp_path_factory):
    """A file with a tiny network of random weights."""
    return write_tiny_model(tmp_path_factory.mktemp('model') / 'tiny.safetensors')


@pytest.fixture
def serving():
    """Return `serve`; an import of `conftest` may find that of another folder."""
    return serve


@pytest.fixture
def open_page(tmp_path):
    """Function (restorer, pixels) that returns the work behind both tabs, with these pixels as the example."""
    from hcl_arch.commands.app.examples import Example
    from hcl_arch.commands.app.filler_choice import FillerChoice
    from hcl_arch.commands.app.kept import Kept
    from hcl_arch.commands.app.limits import Limits
    from hcl_arch.commands.app.several import Several
    from hcl_arch.commands.app.single import Single
    from hcl_arch.restoration.photographs.photograph import Photograph

    kept = Kept(tmp_path, Limits())

    def build(restorer, pixels=None):
        fillers = FillerChoice(restorer)
        examples = [] if pixels is None else [Example('Spot', Photograph(pixels))]
        return Single(fillers, kept, examples, threshold=0.25), Several(fillers, kept)

    yield build
    kept.clear()
