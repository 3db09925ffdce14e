"""The command `hcl-report` from its arguments to the report."""

from __future__ import annotations

import argparse
import base64
import sys
from collections.abc import Sequence
from pathlib import Path
from urllib.parse import quote

from hcl_arch.commands.report.errors import ReportError
from hcl_arch.commands.report.html_page import html_page
from hcl_arch.commands.report.markdown_page import markdown_page
from hcl_arch.commands.report.output import GENERATOR, HTML, MARKDOWN, check_output, replaced_together
from hcl_arch.commands.report.page import PICTURES, ReportOptions, ReportPage
from hcl_arch.commands.report.paper_tables import Paper, read_paper
from hcl_arch.commands.report.results import read_run
from hcl_arch.commands.report.runs_file import RunEntry, check_entries, entries_of_folders, read_runs_file

_PARTS = (PICTURES, MARKDOWN, HTML)


def run(arguments: argparse.Namespace) -> None:
    """Run the command; user errors and file system errors end it with one line and status 1."""
    try:
        paper = read_paper()
        warnings = write_report(
            _entries(arguments, paper),
            paper,
            arguments.output,
            ReportOptions(
                title=arguments.title,
                curves=[name.strip() for name in arguments.curves.split(',') if name.strip()],
                n_images=arguments.images,
            ),
            embed=arguments.embed,
            overwrite=arguments.overwrite,
        )
    except ReportError as error:
        sys.exit(f'Error: {error}')
    except OSError as error:
        where = f'{error.filename}: ' if error.filename else ''
        sys.exit(f'Error: {where}{error.strerror or error}. Correct the path, or allow reading and writing there.')
    for text in warnings:
        print(f'Warning: {text}', file=sys.stderr)
    print(f'Report: {arguments.output / HTML} and {MARKDOWN}')


def write_report(
    entries: Sequence[RunEntry],
    paper: Paper,
    output: Path,
    options: ReportOptions,
    *,
    embed: bool = False,
    overwrite: bool = False,
) -> list[str]:
    """Write the report of some runs.

    Args:
        entries: The runs.
        paper: Figures of the paper.
        output: Folder to write to.
        options: Options of the report.
        embed: Whether the pictures are embedded in the HTML page.
        overwrite: Whether the output folder may contain other files; they are kept.

    Returns:
        Warnings, which the pages also show.

    Raises:
        ReportError: If a run cannot be read or the output folder cannot be used.
    """
    check_entries(entries)
    check_output(output, _PARTS, overwrite=overwrite)
    runs = [(entry, read_run(entry.folder)) for entry in entries]
    with replaced_together(output, _PARTS) as folder:
        (folder / PICTURES).mkdir()
        page = ReportPage(paper, runs, folder, options)
        blocks = page.blocks()
        (folder / MARKDOWN).write_text(markdown_page(blocks, GENERATOR), 'utf-8')

        def address(path: str) -> str:
            return _data_address(folder / path) if embed else quote(path)

        (folder / HTML).write_text(html_page(blocks, options.title, GENERATOR, address), 'utf-8')
    return page.warnings


def _data_address(file: Path) -> str:
    kind = 'image/svg+xml' if file.suffix == '.svg' else 'image/png'
    return f'data:{kind};base64,{base64.b64encode(file.read_bytes()).decode()}'


def _entries(arguments: argparse.Namespace, paper: Paper) -> list[RunEntry]:
    named = read_runs_file(arguments.runs, paper) if arguments.runs is not None else []
    return [*named, *entries_of_folders(arguments.results)]
