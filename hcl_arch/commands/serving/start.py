"""Start a server: the address first, then the model, or a line that says what is wrong."""

from __future__ import annotations

import argparse
import socket

import numpy as np

from hcl_arch.commands.serving.arguments import stop
from hcl_arch.commands.serving.listening import open_socket
from hcl_arch.restoration.fillers import FillerError
from hcl_arch.restoration.restorer import Restorer


def listen(arguments: argparse.Namespace, prog: str) -> socket.socket:
    """Return the socket that the options name; ends the program if it cannot be used."""
    try:
        return open_socket(arguments.host, arguments.port)
    except OSError as error:
        stop(
            prog,
            f'--host {arguments.host} --port {arguments.port}: cannot listen there ({error.strerror or error}). '
            f'Is {prog} running already? --port 0 takes a free port',
        )


def load(arguments: argparse.Namespace, prog: str, **options: str | None) -> Restorer:
    """Return the model that the options name, tried once; ends the program if it cannot be used."""
    try:
        restorer = Restorer(
            arguments.model,
            device=arguments.device,
            threads=arguments.threads,
            **options,  # type: ignore[arg-type]
        )
        restorer.restore(np.zeros((64, 64, 3), np.uint8))  # a model that cannot repair fails now
    except FillerError as error:
        stop(prog, f'--{error}')
    except (OSError, ValueError, RuntimeError) as error:
        stop(prog, f'--model {arguments.model}: {error}')
    return restorer
