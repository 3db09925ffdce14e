"""A filter in front of the page: foreign names and foreign pages are refused, and nothing is loaded from elsewhere."""

from __future__ import annotations

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from hcl_arch.commands.serving.hosts import Hosts

_POLICY = (
    "default-src 'none'; img-src 'self' data: blob:; style-src 'self'; script-src 'self'; connect-src 'self'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
_HEADERS = {
    'content-security-policy': _POLICY,
    'x-content-type-options': 'nosniff',
    'x-frame-options': 'DENY',
    'referrer-policy': 'no-referrer',
    'cross-origin-resource-policy': 'same-origin',
    'cross-origin-opener-policy': 'same-origin',
    'cache-control': 'no-store',
}
_METHODS = ('GET', 'HEAD', 'POST')


class Guard:
    """Middleware that refuses hosts, origins and methods that the page does not use.

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
        elif scope['type'] != 'http':
            await send({'type': 'websocket.close', 'code': 1008})
        else:
            await (self._refusal(scope) or self._app)(scope, receive, _with_headers(send))

    def _refusal(self, scope: Scope) -> PlainTextResponse | None:
        refusal = self._hosts.refusal(Headers(scope=scope), scope['method'])
        if refusal is None and scope['method'] not in _METHODS:
            return PlainTextResponse('There is nothing here.', 404)
        return refusal


def _with_headers(send: Send) -> Send:
    async def send_with_headers(message: Message) -> None:
        if message['type'] == 'http.response.start':
            headers = MutableHeaders(scope=message)
            for name, value in _HEADERS.items():
                headers[name] = value
        await send(message)

    return send_with_headers
