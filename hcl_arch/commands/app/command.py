"""`hcl-app`: serve the page on this machine."""

from __future__ import annotations

import argparse
import importlib.util
from collections.abc import Sequence
from pathlib import Path
from typing import Optional

from hcl_arch.commands.serving.arguments import add_arguments, check, limits_of, stop
from hcl_arch.commands.serving.ending import end_with_terminal, ended_by_signals, private_folder
from hcl_arch.utils.command_line import CommandParser

NEEDED = ('starlette', 'uvicorn')
PROG, DEFAULT_PORT = 'hcl-app', 7860


def main(argv: Optional[Sequence[str]] = None) -> None:
    """Run the command.

    Raises:
        SystemExit: with 2 if it cannot start; a line on standard error says why.
    """
    arguments = make_parser().parse_args(argv)
    if any(importlib.util.find_spec(name) is None for name in NEEDED):
        stop(PROG, 'the page needs Starlette and Uvicorn, which are not installed: pip install "hcl-arch[app]"')
    check(arguments, PROG)
    with ended_by_signals(), private_folder() as folder:
        _serve(arguments, folder)


def make_parser() -> argparse.ArgumentParser:
    """Return the parser of the command line."""
    parser = CommandParser(prog=PROG, description='Repair photographs in a browser. Everything stays on this machine.')
    add_arguments(parser, port=DEFAULT_PORT)
    parser.add_argument(
        '--filler',
        help='what fills the holes unless a visitor chooses another way: as of hcl-restore',
    )
    parser.add_argument(
        '--browser', action=argparse.BooleanOptionalAction, default=True, help='open the page in a browser'
    )
    return parser


def _serve(arguments: argparse.Namespace, folder: Path) -> None:
    """Load the model and serve until interrupted."""
    from hcl_arch.commands.app import server
    from hcl_arch.commands.app.examples import make_examples
    from hcl_arch.commands.app.limits import Limits
    from hcl_arch.commands.serving.listening import make_server, url_of
    from hcl_arch.commands.serving.start import listen, load

    with listen(arguments, PROG) as listening:
        restorer = load(arguments, PROG, filler=arguments.filler)
        url = url_of(listening)
        with server.kept_for_visitors(Limits(**limits_of(arguments)), folder) as kept:
            app = server.build_server(
                restorer,
                kept,
                examples=make_examples(),
                host_names=[arguments.host, *arguments.allowed_host],
                threshold=restorer.threshold,
                filler=arguments.filler,
            )
            running = make_server(app, root_path=arguments.root_path)
            print(f'The page is at {url}   (Ctrl+C ends it)', flush=True)
            if arguments.browser:
                server.open_browser_soon(url, running)
            end_with_terminal(running)
            running.run(sockets=[listening])
