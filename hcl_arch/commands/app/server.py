"""Serve the page."""

from __future__ import annotations

import contextlib
import os
import socket
import threading
import webbrowser
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from types import FrameType
from typing import Optional

import gradio as gr
import uvicorn
from fastapi import FastAPI
from starlette.types import ASGIApp

from hcl_arch.commands.app.ending import private_folder
from hcl_arch.commands.app.examples import Example
from hcl_arch.commands.app.guard import Guard, own_names
from hcl_arch.commands.app.kept import Kept
from hcl_arch.commands.app.limits import Limits
from hcl_arch.commands.app.page import build_page, mount_options
from hcl_arch.commands.app.routes import build_routes
from hcl_arch.restoration.restorer import Restorer

# Connections at a time; more are answered with 503.
MOST_CONNECTIONS = 64
_STOP_SECONDS = 3


def build_server(
    restorer: Restorer,
    kept: Kept,
    *,
    examples: Sequence[Example] = (),
    threshold: float = 0.5,
    host_names: Iterable[str] = (),
) -> ASGIApp:
    """Return the page with its guard, ready to be served.

    Args:
        restorer: finds and repairs.
        kept: keeps what visitors bring.
        examples: shown to choose from.
        threshold: where its sliders start, in [0, 1].
        host_names: names under which it may be requested, besides those of this machine.
    """
    os.environ['GRADIO_TEMP_DIR'] = str(kept.folder)  # for files that Gradio might write; none are expected
    page = build_page(restorer, kept, examples=examples, threshold=threshold)
    app = FastAPI(docs_url=None, redoc_url=None, openapi_url=None, routes=list(build_routes(kept)))
    app = gr.mount_gradio_app(app, page, path='/', **mount_options())
    return Guard(app, own_names() | set(host_names))


@contextlib.contextmanager
def kept_for_visitors(limits: Limits, folder: Optional[Path] = None) -> Iterator[Kept]:
    """Keep visitors' data in memory and in a private folder: a given one, or one that is removed at the end."""
    with private_folder() if folder is None else contextlib.nullcontext(folder) as place:
        kept = Kept(place, limits)
        try:
            yield kept
        finally:
            kept.clear()


def open_socket(host: str, port: int) -> socket.socket:
    """Return a listening socket.

    Args:
        host: a name or address of this machine.
        port: 0 uses any free one.

    Raises:
        OSError: the address cannot be used.
    """
    family, kind, protocol, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
    listening = socket.socket(family, kind, protocol)
    try:
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listening.bind(address)
        listening.listen(128)
    except OSError:
        listening.close()
        raise
    return listening


def url_of(listening: socket.socket) -> str:
    """Return the page's address for a browser on this machine."""
    host, port = listening.getsockname()[:2]
    if host in ('0.0.0.0', '::'):
        host = '127.0.0.1'
    return f'http://[{host}]:{port}/' if ':' in host else f'http://{host}:{port}/'


class _Server(uvicorn.Server):
    """Ends orderly and within seconds, however often it is asked to; a second Ctrl-C would else end it half-way."""

    def handle_exit(self, sig: int, frame: Optional[FrameType]) -> None:
        """End soon."""
        self.should_exit = True


def make_server(app: ASGIApp) -> uvicorn.Server:
    """Return a server for `build_server`; it logs nothing but errors."""
    config = uvicorn.Config(
        app,
        log_level='error',
        access_log=False,
        server_header=False,
        lifespan='on',
        limit_concurrency=MOST_CONNECTIONS,
        timeout_graceful_shutdown=_STOP_SECONDS,
        ws='none',
    )
    return _Server(config)


def open_browser_soon(url: str, server: uvicorn.Server) -> None:
    """Open the page in the visitor's browser as soon as it is served."""

    def wait() -> None:
        while not server.started and not server.should_exit:
            stop.wait(0.1)
        if server.started:
            webbrowser.open(url)

    stop = threading.Event()
    threading.Thread(target=wait, daemon=True).start()
