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
from hcl_arch.commands.app.tasks import Result
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

    async def upload(request: Request) -> Response:
        length = request.headers.get('content-length', '0')
        if not length.isdigit() or int(length) > kept.limits.file_bytes:
            return PlainTextResponse(too_large(kept.limits), 413)
        try:
            token = await kept.uploads.receive(request.headers.get('x-file-name', ''), request.stream())
        except PageError as error:
            return PlainTextResponse(str(error), 413)
        except ClientDisconnect:
            return PlainTextResponse('Cut short.', 400)
        return JSONResponse({'token': token})

    def start_open(sent: Result) -> Result:
        options = read_options(sent)
        return {'task': kept.tasks.start(lambda task: single.open(sent, options, task))}

    def start_repair(sent: Result) -> Result:
        kept.jobs.get(sent.get('id'))
        options = read_options(sent)
        return {'task': kept.tasks.start(lambda task: single.repair(sent['id'], options, task))}

    def start_several(sent: Result) -> Result:
        order = several.order(sent)
        return {'task': kept.tasks.start(lambda task: several.run(order, task))}

    def take_mask(sent: Result) -> Result:
        if 'upload' in sent:
            name, picture = kept.uploads.open(sent['upload'])
            sent['token'] = kept.masks.add(MaskPicture(name, picture.pixels), weight=picture.pixels.nbytes)
        own = read_own_mask(sent, kept.masks)
        assert own is not None
        marked = own.marked()
        said = f'{own.picture.name} marks {np.count_nonzero(marked):,} pixels, {100 * marked.mean():.1f} %.'
        return {'token': sent['token'], 'said': said}

    async def task(request: Request) -> Response:
        after = request.query_params.get('after', '')
        number = int(after) if after.isascii() and after.isdigit() and len(after) < 6 else 0
        return await _answered(lambda: JSONResponse(kept.tasks.get(request.path_params['token']).view(number)))

    async def cancel(request: Request) -> Response:
        def stop() -> Response:
            kept.tasks.get(request.path_params['token']).stop()
            return JSONResponse({})

        return await _answered(stop)

    async def photo(request: Request) -> Response:
        token, what = request.path_params['token'], request.path_params['what']
        return await _answered(lambda: _photo(kept.jobs.get(token), what))

    async def archive(request: Request) -> Response:
        token = request.path_params['token']
        return await _answered(lambda: FileResponse(kept.archives.get(token), media_type=ZIP, filename='restored.zip'))

    return [
        Route('/', index),
        *(Route(f'/static/{name}', _static(name, kind, text)) for name, kind, text in _static_files()),
        Route('/hcl/upload', upload, methods=['POST']),
        Route('/hcl/open', _told(start_open), methods=['POST']),
        Route('/hcl/marks', _told(lambda sent: single.change(sent.get('id'), sent)), methods=['POST']),
        Route('/hcl/repair', _told(start_repair), methods=['POST']),
        Route('/hcl/several', _told(start_several), methods=['POST']),
        Route('/hcl/mask', _told(take_mask), methods=['POST']),
        Route('/hcl/task/{token}', task),
        Route('/hcl/task/{token}/cancel', cancel, methods=['POST']),
        Route('/hcl/photo/{token}/{what}', photo),
        Route('/hcl/several/{token}', archive),
    ]


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
