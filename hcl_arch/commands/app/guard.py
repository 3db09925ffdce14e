"""A filter in front of Gradio: only requests that this page needs pass; all others are refused.

Gradio serves files, fetches URLs given as file data, proxies, records and describes its interface. This page uses none
of that: pictures go through our own routes (`hcl_arch.commands.app.routes`), under unguessable tokens.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from hcl_arch.commands.serving.hosts import Hosts
from hcl_arch.utils.json_text import load_json

# Whole paths by method: everything that the page requests.
_READ = re.compile(
    r'/|/config/?|/theme\.css|/favicon\.ico|/manifest\.json|/(assets|static|svelte)/[\w./@-]+'
    r'|/gradio_api/(startup-events|theme\.css|queue/data|heartbeat/\w{1,64})'
    r'|/hcl/(photo/[\w-]{1,64}/[a-z]+|several/[\w-]{1,64})'
)
_WRITE = re.compile(r'/gradio_api/(queue/join|cancel|reset)|/hcl/upload')
_JSON = re.compile(r'/gradio_api/.+')
MAX_JSON_BYTES = 4 * 2**20
# Keys by which Gradio recognises a value as a file.
_FILE_KEYS = frozenset(('path', 'url', 'meta', 'orig_name', 'is_stream'))
# Gradio's page compiles its templates and styles itself, hence the unsafe directives; nothing is loaded from elsewhere.
_POLICY = (
    "default-src 'self'; img-src 'self' data: blob:; style-src 'self' 'unsafe-inline'; font-src 'self' data:; "
    "script-src 'self' 'unsafe-inline' 'unsafe-eval'; connect-src 'self'; worker-src 'self' blob:; "
    "object-src 'none'; base-uri 'self'; form-action 'self'; frame-ancestors 'none'"
)
_HEADERS = {
    'content-security-policy': _POLICY,
    'x-content-type-options': 'nosniff',
    'x-frame-options': 'DENY',
    'referrer-policy': 'no-referrer',
    'cross-origin-resource-policy': 'same-origin',
    'cross-origin-opener-policy': 'same-origin',
}


class Guard:
    """Middleware that refuses hosts, origins, routes and file data that the page does not use.

    Args:
        app: the application to protect.
        hosts: names under which the page may be requested.
    """

    def __init__(self, app: ASGIApp, hosts: Hosts) -> None:
        self._app, self._hosts = app, hosts

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on, or answer it with a refusal."""
        if scope['type'] == 'lifespan':
            await self._app(scope, receive, send)
            return
        if scope['type'] != 'http':
            await send({'type': 'websocket.close', 'code': 1008})
            return
        path = _path_of(scope)
        send = _with_headers(send, path)
        refusal = self._refusal(scope)
        if refusal is None and _JSON.fullmatch(path) and scope['method'] == 'POST':
            body = await _read_body(receive)
            refusal = body if isinstance(body, PlainTextResponse) else _refuse_body(body)
            if isinstance(body, bytes):
                receive = _replayed(body, receive)
        if refusal is None:
            await self._app(scope, receive, send)
        else:
            await refusal(scope, receive, send)

    def _refusal(self, scope: Scope) -> PlainTextResponse | None:
        refusal = self._hosts.refusal(Headers(scope=scope), scope['method'])
        if refusal is not None:
            return refusal
        method, path = scope['method'], _path_of(scope)
        allowed = _READ if method in ('GET', 'HEAD') else _WRITE if method == 'POST' else None
        if allowed is None or not allowed.fullmatch(path) or '..' in path:
            return PlainTextResponse('There is nothing here.', 404)
        return None


def _path_of(scope: Scope) -> str:
    """The path of a request without the one below which a proxy shows the page."""
    path: str = scope['path']
    return path.removeprefix(scope.get('root_path', ''))


def names_file(value: Any) -> bool:
    """Whether a JSON value contains, at any depth, anything that Gradio would treat as a file."""
    pending = [value]
    while pending:
        value = pending.pop()
        if isinstance(value, Mapping):
            if not _FILE_KEYS.isdisjoint(value):
                return True
            pending.extend(value.values())
        elif isinstance(value, list):
            pending.extend(value)
    return False


def _refuse_body(body: bytes) -> PlainTextResponse | None:
    try:
        value = load_json(body or b'{}', max_values=10**6)
    except ValueError:
        return PlainTextResponse('This is no JSON.', 400)
    if names_file(value):
        return PlainTextResponse('Files are not taken this way.', 400)
    return None


async def _read_body(receive: Receive) -> bytes | PlainTextResponse:
    body = bytearray()
    while True:
        message = await receive()
        if message['type'] != 'http.request':
            return PlainTextResponse('Cut short.', 400)
        body += message.get('body', b'')
        if len(body) > MAX_JSON_BYTES:
            return PlainTextResponse('This request is too large.', 413)
        if not message.get('more_body', False):
            return bytes(body)


def _replayed(body: bytes, receive: Receive) -> Receive:
    """Return a `receive` that replays the body already read, then continues with what follows."""
    pending: list[Message] = [{'type': 'http.request', 'body': body, 'more_body': False}]

    async def replay() -> Message:
        return pending.pop() if pending else await receive()

    return replay


def _with_headers(send: Send, path: str) -> Send:
    async def send_with_headers(message: Message) -> None:
        if message['type'] == 'http.response.start':
            headers = MutableHeaders(scope=message)
            for name, value in _HEADERS.items():
                headers[name] = value
            # Gradio lets pages of other local servers read its responses.
            for name in [name for name in headers if name.startswith('access-control-')]:
                del headers[name]
            if path.startswith(('/hcl/', '/gradio_api/')):
                headers['cache-control'] = 'no-store'
        await send(message)

    return send_with_headers
