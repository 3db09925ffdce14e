"""The page's routes. Everything of a visitor is addressed by tokens, never by a path."""

from __future__ import annotations

from collections.abc import Mapping
from importlib import resources
from typing import Any, Callable
from urllib.parse import quote

import numpy as np
from starlette.concurrency import run_in_threadpool
from starlette.requests import ClientDisconnect, Request
from starlette.responses import FileResponse, HTMLResponse, JSONResponse, PlainTextResponse, Response
from starlette.routing import Route

from hcl_arch.commands.app import display
from hcl_arch.commands.app.downloads import NOT_YET, ZIP, download
from hcl_arch.commands.app.job import Job
from hcl_arch.commands.app.kept import Kept
from hcl_arch.commands.app.own_masks import MaskPicture
from hcl_arch.commands.app.page_error import PageError, worded
from hcl_arch.commands.app.sent import read_options, read_own_mask
from hcl_arch.commands.app.several import Several
from hcl_arch.commands.app.single import Single
from hcl_arch.commands.app.tasks import Result, Task
from hcl_arch.commands.app.uploads import too_large
from hcl_arch.utils.json_text import load_json

MAX_JSON_BYTES = 4 * 2**20
_STATIC = resources.files('hcl_arch.commands.app') / 'static'
_KINDS = {'js': 'text/javascript', 'css': 'text/css'}
_LARGE = '-large'


def build_routes(kept: Kept, single: Single, several: Several, page: str) -> list[Route]:
    """Return the routes of a page.

    Args:
        kept: the visitors' uploads and results.
        single: works on single photographs.
        several: works on several.
        page: HTML of the page.
    """

    async def index(request: Request) -> Response:
        return HTMLResponse(page)

    work, files = _Work(kept, single, several), _Files(kept)
    told = {'open': work.open, 'repair': work.repair, 'several': work.several, 'marks': work.change, 'mask': work.mask}
    return [
        Route('/', index),
        *(Route(f'/static/{name}', _static(name, kind, text)) for name, kind, text in _static_files()),
        *(Route(f'/hcl/{name}', _told(handler), methods=['POST']) for name, handler in told.items()),
        Route('/hcl/upload', files.upload, methods=['POST']),
        Route('/hcl/task/{token}', files.task),
        Route('/hcl/task/{token}/cancel', files.cancel, methods=['POST']),
        Route('/hcl/photo/{token}/{what}', files.photo),
        Route('/hcl/several/{token}', files.archive),
    ]


class _Work:
    """What the browser asks for with values as JSON, and what it is told at once."""

    def __init__(self, kept: Kept, single: Single, several: Several) -> None:
        self._kept, self._single, self._several = kept, single, several

    def open(self, sent: Result) -> Result:
        options = read_options(sent)
        return self._started(lambda task: self._single.open(sent, options, task))

    def repair(self, sent: Result) -> Result:
        token, options = sent.get('id'), read_options(sent)
        self._kept.jobs.get(token)
        return self._started(lambda task: self._single.repair(token, options, task))

    def several(self, sent: Result) -> Result:
        order = self._several.order(sent)
        return self._started(lambda task: self._several.run(order, task))

    def change(self, sent: Result) -> Result:
        return self._single.change(sent.get('id'), sent)

    def mask(self, sent: Result) -> Result:
        if 'upload' in sent:
            name, picture = self._kept.uploads.open(sent['upload'])
            sent['token'] = self._kept.masks.add(MaskPicture(name, picture.pixels), weight=picture.pixels.nbytes)
        own = read_own_mask(sent, self._kept.masks)
        assert own is not None
        marked = own.marked()
        said = f'{own.picture.name} marks {np.count_nonzero(marked):,} pixels, {100 * marked.mean():.1f} %.'
        return {'token': sent['token'], 'said': said}

    def _started(self, work: Callable[[Task], Result]) -> Result:
        return {'task': self._kept.tasks.start(work)}


class _Files:
    """Files that come and go, and the work that makes them."""

    def __init__(self, kept: Kept) -> None:
        self._kept = kept

    async def upload(self, request: Request) -> Response:
        length, limits = request.headers.get('content-length', '0'), self._kept.limits
        if not length.isdigit() or int(length) > limits.file_bytes:
            return PlainTextResponse(too_large(limits), 413)
        try:
            token = await self._kept.uploads.receive(request.headers.get('x-file-name', ''), request.stream())
        except PageError as error:
            return PlainTextResponse(str(error), 413)
        except ClientDisconnect:
            return PlainTextResponse('Cut short.', 400)
        return JSONResponse({'token': token})

    async def task(self, request: Request) -> Response:
        token, after = request.path_params['token'], request.query_params.get('after', '')
        number = int(after) if after.isascii() and after.isdigit() and len(after) < 6 else 0
        return await _answered(lambda: JSONResponse(self._kept.tasks.get(token).view(number)))

    async def cancel(self, request: Request) -> Response:
        def stop() -> Response:
            self._kept.tasks.get(request.path_params['token']).stop()
            return JSONResponse({})

        return await _answered(stop)

    async def photo(self, request: Request) -> Response:
        token, what = request.path_params['token'], request.path_params['what']
        return await _answered(lambda: _photo(self._kept.jobs.get(token), what))

    async def archive(self, request: Request) -> Response:
        token, name = request.path_params['token'], 'restored.zip'
        return await _answered(lambda: FileResponse(self._kept.archives.get(token), media_type=ZIP, filename=name))


def read_static(name: str) -> str:
    """Return a file of the page."""
    return (_STATIC / name).read_text('utf-8')


def _static_files() -> list[tuple[str, str, str]]:
    """Name, media type and text of each file that the page loads."""
    names = sorted(entry.name for entry in _STATIC.iterdir())
    ends = [(name, name.rpartition('.')[2]) for name in names]
    return [(name, _KINDS[end], read_static(name)) for name, end in ends if end in _KINDS]


def _static(name: str, kind: str, text: str) -> Callable[[Request], Any]:
    async def static(request: Request) -> Response:
        return Response(text, media_type=kind)

    return static


def _told(work: Callable[[Result], Mapping[str, Any]]) -> Callable[[Request], Any]:
    """Return the endpoint of work on what the browser sends as JSON, which is done at once."""

    async def told(request: Request) -> Response:
        body = bytearray()
        try:
            async for chunk in request.stream():
                body += chunk
                if len(body) > MAX_JSON_BYTES:
                    return PlainTextResponse('This request is too large.', 413)
            sent = load_json(bytes(body), max_values=10**6)
        except (ClientDisconnect, ValueError):
            sent = None
        if not isinstance(sent, dict):
            return PlainTextResponse('This is no JSON.', 400)
        return await _answered(lambda: JSONResponse(_or_error(work, sent)))

    return told


def _photo(job: Job, what: str) -> Response:
    shown, side = what.removesuffix(_LARGE), display.ZOOMED_SIDE if what.endswith(_LARGE) else display.SHOWN_SIDE
    if shown == 'before':
        return Response(display.jpeg(job.photograph.shown, side), media_type='image/jpeg')
    if shown == 'after':
        if job.restoration is None:
            raise PageError(NOT_YET)
        return Response(display.jpeg(job.restoration.image, side), media_type='image/jpeg')
    if what == 'map':
        return Response(display.confidence_jpeg(job.confidence), media_type='image/jpeg')
    name, kind, content = download(job, what)
    return Response(
        content,
        media_type=kind,
        headers={'content-disposition': f"attachment; filename*=UTF-8''{quote(name, safe='')}"},
    )


def _or_error(work: Callable[[Result], Mapping[str, Any]], sent: Result) -> Mapping[str, Any]:
    """What a visitor did wrong is an answer like others: a browser would report another status as a fault."""
    try:
        return work(sent)
    except PageError as error:
        return {'error': str(error)}


async def _answered(make: Callable[[], Response]) -> Response:
    """Return an answer that is made in a thread, or what a visitor is told of its error."""
    try:
        return await run_in_threadpool(make)
    except Exception as error:  # of any kind: its message may name a place of the machine
        return PlainTextResponse(worded(error), 404 if isinstance(error, PageError) else 500)
