"""The service's routes."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Annotated, Any

from fastapi import FastAPI, HTTPException, Query, Request
from fastapi.responses import JSONResponse, Response
from starlette.types import ASGIApp

from hcl_arch.commands.serve.queue import CheckStop, Queue
from hcl_arch.commands.serve.receiving import Files, receive_files
from hcl_arch.commands.serve.work import Answer, Options, answer
from hcl_arch.commands.serving.hosts import HostGuard, Hosts
from hcl_arch.restoration.restorer import Restorer
from hcl_arch.utils.image_limits import MIB
from hcl_arch.utils.image_limits import Limits as FileLimits
from hcl_arch.utils.version import __version__

_PICTURE = {'schema': {'type': 'string', 'format': 'binary'}}
_BODY: dict[str, Any] = {
    'requestBody': {
        'required': True,
        'content': {
            'multipart/form-data': {
                'schema': {
                    'type': 'object',
                    'required': ['image'],
                    'properties': {'image': _PICTURE['schema'], 'mask': _PICTURE['schema']},
                }
            },
            'image/*': _PICTURE,
        },
    }
}
_JSON_ANSWER = {
    'score': 0.97,
    'share': 0.04,
    'found': True,
    'pixelated': 0.0,
    'width': 640,
    'height': 480,
    'remarks': [],
    'restored': 'base64 of a PNG',
    'mask': 'base64 of a PNG',
}
_HEADERS = {name: {'schema': {'type': 'string'}} for name in ('X-HCL-Score', 'X-HCL-Share', 'X-HCL-Found')}
_RESPONSES: dict[int | str, dict[str, Any]] = {
    200: {
        'description': 'A PNG with score, share and whether anything was found as headers, or all of it as JSON.',
        'content': {'image/png': _PICTURE, 'application/json': {'example': _JSON_ANSWER}},
        'headers': _HEADERS,
    },
    400: {'description': 'The request is cut short, or no form.'},
    408: {'description': 'The request did not arrive in time.'},
    413: {'description': 'The request has too many bytes.'},
    422: {'description': 'The image or an option cannot be used; `detail` says why.'},
    503: {'description': 'Too many requests wait; `Retry-After` says for how many seconds.'},
    504: {'description': 'It took too long.'},
}


@dataclass(frozen=True)
class Limits:
    """What is accepted.

    Attributes:
        request_bytes: of a request.
        megapixels: of an image, read from its header before decoding.
        decoded_bytes: of an image's pixels.
    """

    request_bytes: int = 100 * MIB
    megapixels: float = 50.0
    decoded_bytes: int = 1024 * MIB

    @property
    def of_a_file(self) -> FileLimits:
        """What a file may state."""
        return FileLimits(
            round(self.megapixels * 1e6),
            self.decoded_bytes,
            '--max-megapixels of hcl-serve',
            '--max-decoded of hcl-serve',
        )


def build_service(restorer: Restorer, limits: Limits, queue: Queue, *, host_names: Iterable[str] = ()) -> ASGIApp:
    """Return the service, ready to be served.

    Args:
        restorer: finds and repairs.
        limits: what is accepted.
        queue: where requests wait; it is closed at the end.
        host_names: names under which it may be requested, besides those of this machine.
    """

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        yield
        queue.close()

    app = FastAPI(
        title='hcl-serve',
        version=__version__,
        description='Finds what is corrupted in a photograph, and repairs it.',
        lifespan=lifespan,
        redoc_url=None,
    )

    @app.get('/health')
    async def health() -> dict[str, str]:
        """Say that the service is there."""
        return {'status': 'ok', 'model': restorer.name, 'version': __version__}

    @app.post('/restore', openapi_extra=_BODY, responses=_RESPONSES, response_class=Response)
    async def restore(request: Request, options: Annotated[Options, Query()]) -> Response:
        """Repair an image: the body is the image itself, or a form with `image` and, for a mask of yours, `mask`."""

        async def receive() -> Files:
            return await receive_files(request, limits.request_bytes)

        def work(files: Files, check_stop: CheckStop) -> Answer:
            return answer(restorer, files, options, limits.of_a_file, check_stop)

        async def gone() -> None:
            while (await request.receive())['type'] != 'http.disconnect':
                pass

        return _response(await queue.serve(receive, work, gone))

    return HostGuard(app, Hosts(host_names))


def _response(result: Answer) -> Response:
    if result.refused:
        raise HTTPException(422, result.refused)
    if isinstance(result.content, Mapping):
        return JSONResponse(result.content)
    return Response(result.content, media_type='image/png', headers=result.headers)
