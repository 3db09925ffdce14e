"""Our own routes: upload files, download pictures. Everything is addressed by tokens, never by a path."""

from __future__ import annotations

import logging
from typing import Callable
from urllib.parse import quote

from starlette.concurrency import run_in_threadpool
from starlette.requests import ClientDisconnect, Request
from starlette.responses import FileResponse, JSONResponse, PlainTextResponse, Response
from starlette.routing import Route

from hcl_arch.commands.app import display
from hcl_arch.commands.app.downloads import NOT_YET, ZIP, download
from hcl_arch.commands.app.job import Job
from hcl_arch.commands.app.kept import Kept
from hcl_arch.commands.app.page_error import UNFORESEEN, PageError
from hcl_arch.commands.app.uploads import too_large

_log = logging.getLogger(__name__)


def build_routes(kept: Kept) -> list[Route]:
    """Return the routes of a page.

    Args:
        kept: the visitors' uploads and results.
    """

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

    async def photo(request: Request) -> Response:
        token, what = request.path_params['token'], request.path_params['what']
        return await run_in_threadpool(_answer, lambda: _photo(kept.jobs.get(token), what))

    async def several(request: Request) -> Response:
        return await run_in_threadpool(
            _answer,
            lambda: FileResponse(
                kept.archives.get(request.path_params['token']), media_type=ZIP, filename='restored.zip'
            ),
        )

    return [
        Route('/hcl/upload', upload, methods=['POST']),
        Route('/hcl/photo/{token}/{what}', photo, methods=['GET']),
        Route('/hcl/several/{token}', several, methods=['GET']),
    ]


def _photo(job: Job, what: str) -> Response:
    if what == 'before':
        return Response(display.jpeg(job.photograph.shown), media_type='image/jpeg')
    if what == 'map':
        return Response(display.confidence_jpeg(job.confidence), media_type='image/jpeg')
    if what == 'after':
        if job.restoration is None:
            raise PageError(NOT_YET)
        return Response(display.jpeg(job.restoration.image), media_type='image/jpeg')
    name, kind, content = download(job, what)
    return Response(
        content,
        media_type=kind,
        headers={'content-disposition': f"attachment; filename*=UTF-8''{quote(name, safe='')}"},
    )


def _answer(make: Callable[[], Response]) -> Response:
    try:
        return make()
    except PageError as error:
        return PlainTextResponse(str(error), 404)
    except Exception:
        _log.exception('a download failed')
        return PlainTextResponse(UNFORESEEN, 500)
