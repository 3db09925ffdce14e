"""Test runs as one page: command `hcl-report` (see `hcl_arch.commands.report.arguments`).

One module per step: `results` reads the CSV files of the runs, `runs_file` the description of each run, `paper_tables`
the figures of the paper (all in paper_tables.yml), and `comparability` finds runs that must not be compared.
`dataset_tables` and `paper_comparison` turn them into format-independent tables (`document`), `curves` and
`picture_rows` into pictures; `page` arranges everything, `markdown_page` and `html_page` write the same blocks as text,
and `output` puts the report in place.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Optional

from hcl_arch.commands.report.arguments import parse_arguments


def main(argv: Optional[Sequence[str]] = None) -> None:
    """Run the command."""
    arguments = parse_arguments(argv)
    from hcl_arch.commands.report.command import run

    run(arguments)
