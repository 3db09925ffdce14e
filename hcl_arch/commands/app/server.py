"""Serve the page."""

from __future__ import annotations

import contextlib
import threading
import webbrowser
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Optional

import uvicorn
from starlette.applications import Starlette
from starlette.types import ASGIApp

from hcl_arch.commands.app.examples import Example
from hcl_arch.commands.app.filler_choice import FillerChoice
from hcl_arch.commands.app.guard import Guard
from hcl_arch.commands.app.kept import Kept
from hcl_arch.commands.app.limits import Limits
from hcl_arch.commands.app.page import build_page
from hcl_arch.commands.app.routes import build_routes
from hcl_arch.commands.app.several import Several
from hcl_arch.commands.app.single import Single
from hcl_arch.commands.serving.ending import private_folder
from hcl_arch.commands.serving.hosts import Hosts
from hcl_arch.restoration.restorer import Restorer


def build_server(
    restorer: Restorer,
    kept: Kept,
    *,
    examples: Sequence[Example] = (),
    threshold: float = 0.5,
    filler: Optional[str] = None,
    host_names: Iterable[str] = (),
) -> ASGIApp:
    """Return the page with its guard, ready to be served.

    Args:
        restorer: finds and repairs.
        kept: keeps what visitors bring.
        examples: shown to choose from.
        threshold: where its sliders start, in [0, 1].
        filler: name or file of what the restorer was made with to fill holes; None: its own network.
        host_names: names under which it may be requested, besides those of this machine.
    """
    fillers = FillerChoice(restorer, filler)
    single, several = Single(fillers, kept, examples, threshold=threshold), Several(fillers, kept)
    page = build_page(kept.limits, examples, fillers, threshold=threshold)
    app = Starlette(routes=build_routes(kept, single, several, page))
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
