"""The arguments of `hcl-train` and `hcl-test`: those of BasicSR's scripts, and two of ours."""

from __future__ import annotations

import argparse

from hcl_arch.utils.command_line import CommandParser


def answer_help(command: str, description: str, arguments: list[str]) -> None:
    """Answer --help and --version, which do not need BasicSR, then end the program."""
    parser = CommandParser(prog=command, description=description)
    add_ours(parser)
    add_basicsrs(parser)
    if {'-h', '--help', '--version'} & set(arguments):
        parser.parse_args([argument for argument in arguments if argument in ('-h', '--help', '--version')])


def add_ours(parser: argparse.ArgumentParser) -> None:
    """Add the arguments that BasicSR does not have."""
    parser.add_argument('--check', action='store_true', help='list all that is wrong with the options, and end')
    parser.add_argument(
        '--trust_option_file', action='store_true', help='let the option file import other plugins than this package'
    )


def add_basicsrs(parser: argparse.ArgumentParser) -> None:
    """Add those of `basicsr.utils.options.parse_options`."""
    parser.add_argument('-opt', metavar='FILE', help='option file (YAML)')
    parser.add_argument('--launcher', default='none', metavar='none|pytorch|slurm', help='what started the processes')
    parser.add_argument('--auto_resume', action='store_true', help='go on from the newest checkpoint of this run')
    parser.add_argument('--debug', action='store_true', help='a short run that validates at once')
    parser.add_argument('--local_rank', help=argparse.SUPPRESS)
    parser.add_argument('--force_yml', nargs='+', metavar='KEY=VALUE', help='change options, as train:total_iter=1000')


def read_arguments(arguments: list[str]) -> tuple[argparse.Namespace, list[str]]:
    """Read a command's arguments as BasicSR will.

    Returns:
        `opt` (None if it is missing, which BasicSR reports), `check`, `trust_option_file`, `debug`, `force_yml` and
        others of BasicSR; and the arguments for BasicSR: all but our own, and with `--check` without a launcher.
    """
    ours = argparse.ArgumentParser(add_help=False, allow_abbrev=False)
    add_ours(ours)
    named, others = ours.parse_known_args(arguments)
    # The arguments of basicsr.utils.options.parse_options, abbreviations included: everything it reads must be checked.
    basicsrs = argparse.ArgumentParser(add_help=False)
    add_basicsrs(basicsrs)
    named, _ = basicsrs.parse_known_args(others, named)
    if named.check:
        others = [*others, '--launcher', 'none']  # the last one counts
    return named, others
