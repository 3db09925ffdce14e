"""`hcl-app`: serve the page on this machine."""

from __future__ import annotations

import argparse
import importlib.util
import math
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import NoReturn, Optional

from hcl_arch.commands.app.ending import end_with_terminal, ended_by_signals, private_folder
from hcl_arch.utils.command_line import CommandParser

EXTRA = 'pip install "hcl-arch[app]"'
DEFAULT_HOST, DEFAULT_PORT = '127.0.0.1', 7860
LARGEST_PORT = 65535


def main(argv: Optional[Sequence[str]] = None) -> None:
    """Run the command.

    Raises:
        SystemExit: with 2 if it cannot start; a line on standard error says why.
    """
    arguments = make_parser().parse_args(argv)
    if importlib.util.find_spec('gradio') is None:
        _stop(f'the page needs Gradio, which is not installed: {EXTRA}')
    _check(arguments)
    with ended_by_signals(), private_folder() as folder:
        # Gradio makes folders below this one as soon as it is imported, by default in one that all users share.
        os.environ['GRADIO_TEMP_DIR'] = str(folder)
        _serve(arguments, folder)


def make_parser() -> argparse.ArgumentParser:
    """Return the parser of the command line."""
    parser = CommandParser(
        prog='hcl-app', description='Repair photographs in a browser. Everything stays on this machine.'
    )
    parser.add_argument(
        '--host',
        default=DEFAULT_HOST,
        help='address to listen at (default: %(default)s, this machine only). Others in the network '
        'reach the page at 0.0.0.0; it asks nobody for a password',
    )
    parser.add_argument('--port', type=int, default=DEFAULT_PORT, help='default: %(default)s; 0 takes any free one')
    parser.add_argument('--model', default='small', help='name of a model, or a file (default: %(default)s)')
    parser.add_argument('--device', default='auto', help='auto, cpu, cuda, cuda:1 ... (default: %(default)s)')
    parser.add_argument('--threads', type=int, help='of the processor; by default PyTorch decides')
    parser.add_argument(
        '--max-megapixels', type=float, default=50.0, help='larger photographs are refused (default: %(default)g)'
    )
    parser.add_argument(
        '--max-decoded',
        type=float,
        default=1024.0,
        help='photographs that take more MiB decoded are refused (default: %(default)g)',
    )
    parser.add_argument(
        '--browser', action=argparse.BooleanOptionalAction, default=True, help='open the page in a browser'
    )
    return parser


def _check(arguments: argparse.Namespace) -> None:
    if not 0 <= arguments.port <= LARGEST_PORT:
        _stop(f'--port {arguments.port}: expected a number from 0 to {LARGEST_PORT}')
    if arguments.threads is not None and arguments.threads < 1:
        _stop(f'--threads {arguments.threads}: expected a number of at least 1')
    for option, value in (('megapixels', arguments.max_megapixels), ('decoded', arguments.max_decoded)):
        if not math.isfinite(value) or value <= 0:
            _stop(f'--max-{option} {value:g}: expected a number above 0')


def _serve(arguments: argparse.Namespace, folder: Path) -> None:
    """Load the model and serve until interrupted."""
    import numpy as np
    import torch

    from hcl_arch.commands.app import server
    from hcl_arch.commands.app.examples import make_examples
    from hcl_arch.commands.app.limits import MIB, Limits
    from hcl_arch.restoration.restorer import Restorer

    try:
        listening = server.open_socket(arguments.host, arguments.port)
    except OSError as error:
        _stop(
            f'--host {arguments.host} --port {arguments.port}: cannot listen there ({error.strerror or error}). '
            'Is hcl-app running already? --port 0 takes a free port'
        )
    with listening:
        if arguments.threads is not None:
            torch.set_num_threads(arguments.threads)
        try:
            restorer = Restorer(arguments.model, device=arguments.device)
            restorer.restore(np.zeros((64, 64, 3), np.uint8))  # a model that cannot repair fails now
        except (OSError, ValueError, RuntimeError) as error:
            _stop(f'--model {arguments.model}: {error}')
        url = server.url_of(listening)
        limits = Limits(megapixels=arguments.max_megapixels, decoded_bytes=round(arguments.max_decoded * MIB))
        with server.kept_for_visitors(limits, folder) as kept:
            app = server.build_server(
                restorer, kept, examples=make_examples(), host_names=[arguments.host], threshold=restorer.threshold
            )
            running = server.make_server(app)
            print(f'The page is at {url}   (Ctrl+C ends it)', flush=True)
            if arguments.browser:
                server.open_browser_soon(url, running)
            end_with_terminal(running)
            running.run(sockets=[listening])


def _stop(message: str) -> NoReturn:
    print(f'hcl-app: error: {message}', file=sys.stderr)
    raise SystemExit(2)
