"""Listen at an address, and serve there."""

from __future__ import annotations

import socket
from types import FrameType
from typing import Optional

import uvicorn
from starlette.types import ASGIApp

# Connections at a time; more are answered with 503.
MOST_CONNECTIONS = 64
_STOP_SECONDS = 3


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
    """Return the address for a client on this machine."""
    host, port = listening.getsockname()[:2]
    if host in ('0.0.0.0', '::'):
        host = '127.0.0.1'
    return f'http://[{host}]:{port}/' if ':' in host else f'http://{host}:{port}/'


class _Server(uvicorn.Server):
    """Ends orderly and within seconds, however often it is asked to; a second Ctrl-C would else end it half-way."""

    def handle_exit(self, sig: int, frame: Optional[FrameType]) -> None:
        """End soon."""
        self.should_exit = True


def make_server(app: ASGIApp, *, root_path: str = '', connections: int = MOST_CONNECTIONS) -> uvicorn.Server:
    """Return a server for an application; it logs nothing but errors.

    Args:
        app: the application.
        root_path: path below which a proxy shows it, such as /repair; the proxy takes it off.
        connections: at a time; more are answered with 503.
    """
    config = uvicorn.Config(
        app,
        log_level='error',
        access_log=False,
        server_header=False,
        lifespan='on',
        root_path=root_path,
        limit_concurrency=connections,
        timeout_graceful_shutdown=_STOP_SECONDS,
        ws='none',
    )
    return _Server(config)
