"""Command `hcl-report results/run_a results/run_b ... --output report`: test runs as one page.

Writes report.md, report.html and the folder pictures/ that both show. Reads what `hcl-test` left in the results
folders: <data set>.csv, <data set>_bins.csv and, if `val.save_img` was set, visualization/. Which tables of the paper a
run stands for is told with `--runs FILE`, see `hcl_arch.commands.report.runs_file`.
"""

from __future__ import annotations

import argparse
import base64
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Optional
from urllib.parse import quote

from hcl_arch.commands.report.errors import ReportError
from hcl_arch.commands.report.html_page import html_page
from hcl_arch.commands.report.markdown_page import markdown_page
from hcl_arch.commands.report.output import GENERATOR, HTML, MARKDOWN, check_output, replaced_together
from hcl_arch.commands.report.page import DEFAULT_CURVES, PICTURES, ReportOptions, ReportPage
from hcl_arch.commands.report.paper_tables import Paper, read_paper
from hcl_arch.commands.report.results import read_run
from hcl_arch.commands.report.runs_file import RunEntry, check_entries, entries_of_folders, read_runs_file
from hcl_arch.utils.command_line import whole_number

_PARTS = (PICTURES, MARKDOWN, HTML)


def main(argv: Optional[Sequence[str]] = None) -> None:
    """Run the command; errors of the user and of the file system end it with one line and status 1."""
    arguments = _parser().parse_args(argv)
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
        options: What to show.
        embed: Whether the HTML page holds the pictures itself.
        overwrite: Whether the output folder may hold other things; they are kept.

    Returns:
        Warnings, which the pages show too.

    Raises:
        ReportError: If a run cannot be read, or the output folder not be used.
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


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog='hcl-report', description='Make one page of the results of test runs.')
    parser.add_argument('results', type=Path, nargs='*', help='results folders of test runs, each a method')
    parser.add_argument('--runs', type=Path, metavar='FILE',
                        help='YAML list of runs {method, title, results, tables}, which tells the cells of the paper '
                        'that each stands for')
    parser.add_argument('--output', '--out', type=Path, default=Path('report'), metavar='FOLDER',
                        help='folder to write to (default: %(default)s)')
    parser.add_argument('--title', default=ReportOptions.title, help='title of the page (default: %(default)s)')
    parser.add_argument('--curves', default=','.join(DEFAULT_CURVES), metavar='METRIC,...',
                        help='metrics to draw against hole share, "" for none (default: %(default)s)')
    parser.add_argument('--images', type=whole_number(0), default=ReportOptions.n_images, metavar='K',
                        help='images to show of each data set (default: %(default)s)')
    parser.add_argument('--embed', action='store_true', help='put the pictures into the HTML page, to send one file')
    parser.add_argument('--overwrite', action='store_true',
                        help='write into a folder that holds other things too; they are kept')
    return parser


if __name__ == '__main__':
    main()
