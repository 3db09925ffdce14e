"""Who may ask: requests under a foreign name, and of other web sites' pages, are refused."""

from __future__ import annotations

import ipaddress
import socket
from collections.abc import Iterable
from urllib.parse import urlsplit

from starlette.datastructures import Headers
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Receive, Scope, Send


class Hosts:
    """The names under which a server may be requested.

    A web site whose name is made to resolve to this machine (DNS rebinding) thus reads nothing.

    Args:
        names: host names, besides those of this machine; numeric addresses are always accepted.
    """

    def __init__(self, names: Iterable[str]) -> None:
        self._names = own_names() | {name.lower() for name in names}

    def refusal(self, headers: Headers, method: str) -> PlainTextResponse | None:
        """Return the answer to a request that is refused, None for others."""
        host = headers.get('host', '')
        name = _name_of(host)
        if name not in self._names and not _is_address(name):
            return PlainTextResponse('This is not served under that name; see --allowed-host.', 403)
        if method == 'POST' and not _is_same_origin(headers, host):
            return PlainTextResponse('Requests from other pages are refused.', 403)
        return None


class HostGuard:
    """Middleware that refuses what `Hosts` refuses, and everything that is not HTTP."""

    def __init__(self, app: ASGIApp, hosts: Hosts) -> None:
        self._app, self._hosts = app, hosts

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on, or refuse it."""
        refusal = self._hosts.refusal(Headers(scope=scope), scope['method']) if scope['type'] == 'http' else None
        await (refusal or self._app)(scope, receive, send)


def own_names() -> set[str]:
    """Host names of this machine, besides addresses."""
    return {'localhost', socket.gethostname().lower(), socket.getfqdn().lower()}


def _is_same_origin(headers: Headers, host: str) -> bool:
    origin = headers.get('origin')
    if headers.get('sec-fetch-site', 'same-origin') not in ('same-origin', 'none'):
        return False
    return origin is None or urlsplit(origin).netloc.lower() == host.lower()


def _name_of(host: str) -> str:
    try:
        return (urlsplit(f'//{host}').hostname or '').lower()
    except ValueError:
        return ''


def _is_address(name: str) -> bool:
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return False
    return True
