"""Serve the page."""

from __future__ import annotations

import contextlib
import os
import threading
import webbrowser
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Optional

import gradio as gr
import uvicorn
from fastapi import FastAPI
from starlette.types import ASGIApp

from hcl_arch.commands.app.examples import Example
from hcl_arch.commands.app.guard import Guard
from hcl_arch.commands.app.kept import Kept
from hcl_arch.commands.app.limits import Limits
from hcl_arch.commands.app.page import build_page, mount_options
from hcl_arch.commands.app.routes import build_routes
from hcl_arch.commands.serving.ending import private_folder
from hcl_arch.commands.serving.hosts import Hosts
from hcl_arch.restoration.restorer import Restorer


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
    return Guard(app, Hosts(host_names))


@contextlib.contextmanager
def kept_for_visitors(limits: Limits, folder: Optional[Path] = None) -> Iterator[Kept]:
    """Keep visitors' data in memory and in a private folder: a given one, or one that is removed at the end."""
    with private_folder() if folder is None else contextlib.nullcontext(folder) as place:
        kept = Kept(place, limits)
        try:
            yield kept
        finally:
            kept.clear()


def open_browser_soon(url: str, server: uvicorn.Server) -> None:
    """Open the page in the visitor's browser as soon as it is served."""

    def wait() -> None:
        while not server.started and not server.should_exit:
            stop.wait(0.1)
        if server.started:
            webbrowser.open(url)

    stop = threading.Event()
    threading.Thread(target=wait, daemon=True).start()
