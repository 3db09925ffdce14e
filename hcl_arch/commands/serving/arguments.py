"""The options that page and service share."""

from __future__ import annotations

import argparse
import math
import re
import sys
from typing import Any, NoReturn

LARGEST_PORT = 65535


def add_arguments(parser: argparse.ArgumentParser, *, port: int) -> None:
    """Add the options to a command line; `check` checks them."""
    parser.add_argument(
        '--host',
        default='127.0.0.1',
        help='address to listen at (default: %(default)s, this machine only). Others in the network '
        'reach it at 0.0.0.0; it asks nobody for a password',
    )
    parser.add_argument('--port', type=int, default=port, help='default: %(default)s; 0 takes any free one')
    parser.add_argument(
        '--allowed-host',
        action='append',
        default=[],
        metavar='NAME',
        help='a further name under which it may be requested, such as photos.example.org; again for others',
    )
    parser.add_argument(
        '--root-path',
        default='',
        metavar='PATH',
        help='path below which a proxy shows it, such as /repair; the proxy takes the path off and keeps the Host',
    )
    parser.add_argument('--model', default='small', help='name of a model, or a file (default: %(default)s)')
    parser.add_argument('--device', default='auto', help='auto, cpu, cuda, cuda:1 ... (default: %(default)s)')
    parser.add_argument('--threads', type=int, help='of the processor; by default what computes decides')
    parser.add_argument(
        '--max-megapixels', type=float, default=50.0, help='larger photographs are refused (default: %(default)g)'
    )
    parser.add_argument(
        '--max-decoded',
        type=float,
        default=1024.0,
        help='photographs that take more MiB decoded are refused (default: %(default)g)',
    )


def check(arguments: argparse.Namespace, prog: str) -> None:
    """End the program, with a line that says why, if one of the options has a value that it cannot have."""
    if not 0 <= arguments.port <= LARGEST_PORT:
        stop(prog, f'--port {arguments.port}: expected a number from 0 to {LARGEST_PORT}')
    if arguments.threads is not None and arguments.threads < 1:
        stop(prog, f'--threads {arguments.threads}: expected a number of at least 1')
    for option, value in (('megapixels', arguments.max_megapixels), ('decoded', arguments.max_decoded)):
        check_above_zero(prog, f'--max-{option}', value)
    if arguments.root_path and not re.fullmatch(r'(/[\w.~-]+)+', arguments.root_path):
        stop(prog, f'--root-path {arguments.root_path}: expected a path such as /repair, without a / at its end')


def check_above_zero(prog: str, option: str, value: float) -> None:
    """End the program unless the option's value is a number above 0."""
    if not math.isfinite(value) or value <= 0:
        stop(prog, f'{option} {value:g}: expected a number above 0')


def limits_of(arguments: argparse.Namespace) -> dict[str, Any]:
    """Return the arguments of a command's `Limits` that the options give."""
    from hcl_arch.utils.image_limits import MIB

    return {'megapixels': arguments.max_megapixels, 'decoded_bytes': round(arguments.max_decoded * MIB)}


def stop(prog: str, message: str) -> NoReturn:
    """End the program with status 2."""
    print(f'{prog}: error: {message}', file=sys.stderr)
    raise SystemExit(2)
