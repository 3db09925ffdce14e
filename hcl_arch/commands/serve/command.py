"""`hcl-serve`: repair photographs for other programs, over HTTP."""

from __future__ import annotations

import argparse
import importlib.util
from collections.abc import Sequence
from typing import Optional

from hcl_arch.commands.serving.arguments import add_arguments, check, check_above_zero, limits_of, stop
from hcl_arch.commands.serving.ending import end_with_terminal, ended_by_signals
from hcl_arch.utils.command_line import CommandParser, whole_number

PROG, DEFAULT_PORT = 'hcl-serve', 7861
NEEDED = ('fastapi', 'uvicorn', 'python_multipart')


def main(argv: Optional[Sequence[str]] = None) -> None:
    """Run the command.

    Raises:
        SystemExit: with 2 if it cannot start; a line on standard error says why.
    """
    arguments = make_parser().parse_args(argv)
    if any(importlib.util.find_spec(name) is None for name in NEEDED):
        stop(PROG, 'the service needs FastAPI, which is not installed: pip install "hcl-arch[serve]"')
    check(arguments, PROG)
    check_above_zero(PROG, '--max-mib', arguments.max_mib)
    check_above_zero(PROG, '--timeout', arguments.timeout)
    with ended_by_signals():
        _serve(arguments)


def make_parser() -> argparse.ArgumentParser:
    """The parser of the command line."""
    parser = CommandParser(
        prog=PROG,
        description='Repair photographs for other programs: POST an image to /restore. /docs describes the requests, '
        '/health says whether it is there.',
    )
    add_arguments(parser, port=DEFAULT_PORT)
    parser.add_argument('--filler', help='what fills the holes in place of the model, as of hcl-restore')
    parser.add_argument(
        '--max-mib', type=float, default=100.0, help='larger requests are refused (MiB, default: %(default)g)'
    )
    parser.add_argument(
        '--queue',
        type=whole_number(0),
        default=16,
        metavar='N',
        help='requests that may wait while one is worked on; more get status 503 (default: %(default)s)',
    )
    parser.add_argument(
        '--timeout', type=float, default=120.0, help='seconds that a request may take (default: %(default)g)'
    )
    return parser


def _serve(arguments: argparse.Namespace) -> None:
    """Load the model and serve until interrupted."""
    from hcl_arch.commands.serve.queue import Queue
    from hcl_arch.commands.serve.service import Limits, build_service
    from hcl_arch.commands.serving.listening import MOST_CONNECTIONS, make_server, url_of
    from hcl_arch.commands.serving.start import listen, load
    from hcl_arch.utils.image_limits import MIB

    with listen(arguments, PROG) as listening:
        restorer = load(arguments, PROG, filler=arguments.filler)
        limits = Limits(request_bytes=round(arguments.max_mib * MIB), **limits_of(arguments))
        queue = Queue(waiting=arguments.queue, timeout=arguments.timeout)
        app = build_service(restorer, limits, queue, host_names=[arguments.host, *arguments.allowed_host])
        # Those that are refused for a full queue need a connection to be told so.
        running = make_server(app, root_path=arguments.root_path, connections=MOST_CONNECTIONS + arguments.queue)
        print(f'The service is at {url_of(listening)}   (Ctrl+C ends it)', flush=True)
        end_with_terminal(running)
        running.run(sockets=[listening])
