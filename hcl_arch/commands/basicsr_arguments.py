"""The arguments of `hcl-train` and `hcl-test`: those of BasicSR's scripts, and some of ours."""

from __future__ import annotations

import argparse
from typing import Any

from hcl_arch.utils.command_line import CommandParser


def answer_help(command: str, description: str, arguments: list[str]) -> None:
    """Answer --help and --version, which do not need BasicSR, then end the program."""
    parser = _make_parser(command, description=description)
    if {'-h', '--help', '--version'} & set(arguments):
        parser.parse_args([argument for argument in arguments if argument in ('-h', '--help', '--version')])


def make_train_parser() -> CommandParser:
    """Return the parser of all arguments of `hcl-train`."""
    return _make_parser('hcl-train')


def make_test_parser() -> CommandParser:
    """Return the parser of all arguments of `hcl-test`."""
    return _make_parser('hcl-test')


def _make_parser(command: str, **settings: Any) -> CommandParser:
    parser = CommandParser(prog=command, **settings)
    add_ours(parser, is_train=command == 'hcl-train')
    add_basicsrs(parser)
    return parser


def add_ours(parser: argparse.ArgumentParser, *, is_train: bool) -> None:
    """Add the arguments that BasicSR does not have."""
    # As `python -m torch.distributed.launch` writes it; BasicSR's parser knows it with an underscore, and ignores it.
    parser.add_argument('--local-rank', help=argparse.SUPPRESS)
    if is_train:
        parser.add_argument(
            '--reset_schedule',
            action='store_true',
            help="resume with the option file's learning rates and scheduler, not with those of the training state",
        )
    parser.add_argument('--check', action='store_true', help='list all that is wrong with the options, and end')
    parser.add_argument(
        '--trust_option_file', action='store_true', help='let the option file import other plugins than this package'
    )


def add_basicsrs(parser: argparse.ArgumentParser) -> None:
    """Add those of `basicsr.utils.options.parse_options`."""
    parser.add_argument('-opt', metavar='FILE', help='option file (YAML)')
    parser.add_argument(
        '--launcher', default='none', choices=('none', 'pytorch', 'slurm'), help='what started the processes'
    )
    parser.add_argument('--auto_resume', action='store_true', help='go on from the newest checkpoint of this run')
    parser.add_argument('--debug', action='store_true', help='a short run that validates at once')
    parser.add_argument('--local_rank', help=argparse.SUPPRESS)
    parser.add_argument('--force_yml', nargs='+', metavar='KEY=VALUE', help='change options, as train:total_iter=1000')


def refuse_wrong(arguments: list[str], *, is_train: bool) -> None:
    """End the program with one line for arguments that BasicSR would answer with its usage."""
    parser = _make_parser('hcl-train' if is_train else 'hcl-test', add_help=False, allow_abbrev=True)
    if parser.parse_args(arguments).opt is None:
        parser.error('expected an option file: -opt FILE')


def read_arguments(arguments: list[str], *, is_train: bool = True) -> tuple[argparse.Namespace, list[str]]:
    """Read a command's arguments as BasicSR will.

    Returns:
        `opt` (None if it is missing), `check`, `trust_option_file`, `debug`, `force_yml` and
        others of BasicSR; and the arguments for BasicSR: all but our own, and with `--check` without a launcher.
        `--reset_schedule` becomes an entry of `force_yml`, by which BasicSR passes it on as an option.
    """
    command = 'hcl-train' if is_train else 'hcl-test'
    ours = CommandParser(prog=command, add_help=False)
    add_ours(ours, is_train=is_train)
    named, others = ours.parse_known_args(arguments)
    # The arguments of basicsr.utils.options.parse_options, abbreviations included: everything it reads must be checked.
    basicsrs = CommandParser(prog=command, add_help=False, allow_abbrev=True)
    add_basicsrs(basicsrs)
    named, _ = basicsrs.parse_known_args(others, named)
    if is_train and named.reset_schedule:
        named.force_yml = [*(named.force_yml or ()), 'reset_schedule=true']
        others = [*others, '--force_yml', *named.force_yml]  # the last one counts
    if named.check:
        others = [*others, '--launcher', 'none']  # the last one counts
    return named, others
