"""Command `hcl-report results/run_a results/run_b ... --output report`: test runs as one page.

Writes report.md, report.html and the folder pictures/ that both show. Reads what `hcl-test` left in the results
folders: <data set>.csv, <data set>_bins.csv and, if `val.save_img` was set, visualization/. Which tables of the paper a
run stands for is told with `--runs FILE`, see `hcl_arch.commands.report.runs_file`.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import Optional

from hcl_arch.utils.command_line import CommandParser, whole_number

DEFAULT_TITLE = 'Test report'
DEFAULT_CURVES = ('mask_iou', 'corrupted_iou', 'psnr', 'ssim', 'lpips')
DEFAULT_IMAGES = 5


def parse_arguments(argv: Optional[Sequence[str]] = None) -> argparse.Namespace:
    """Arguments of the command; None: those of the program.

    Raises:
        SystemExit: With code 2 after one line on stderr for wrong arguments, 0 for --help and --version.
    """
    return make_parser().parse_args(argv)


def make_parser() -> CommandParser:
    """The parser of the command line."""
    parser = CommandParser(prog='hcl-report', description=__doc__)
    parser.add_argument('results', type=Path, nargs='*', help='results folders of test runs, each a method')
    parser.add_argument(
        '--runs',
        type=Path,
        metavar='FILE',
        help='YAML list of runs {method, title, results, tables}, which tells the cells of the paper '
        'that each stands for',
    )
    parser.add_argument(
        '--output',
        '--out',
        type=Path,
        default=Path('report'),
        metavar='FOLDER',
        help='folder to write to (default: %(default)s)',
    )
    parser.add_argument('--title', default=DEFAULT_TITLE, help='title of the page (default: %(default)s)')
    parser.add_argument(
        '--curves',
        default=','.join(DEFAULT_CURVES),
        metavar='METRIC,...',
        help='metrics to draw against hole share, "" for none (default: %(default)s)',
    )
    parser.add_argument(
        '--images',
        type=whole_number(0),
        default=DEFAULT_IMAGES,
        metavar='K',
        help='images to show of each data set (default: %(default)s)',
    )
    parser.add_argument('--embed', action='store_true', help='put the pictures into the HTML page, to send one file')
    parser.add_argument(
        '--overwrite', action='store_true', help='write into a folder that holds other things too; they are kept'
    )
    return parser
