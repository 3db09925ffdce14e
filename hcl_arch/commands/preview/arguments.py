"""Draw a contact sheet of the samples that an option file asks for: look at what you will train on.

    python -m hcl_arch.commands.preview -opt options/train_hcl_places.yml -o sheet.png

Each sample shows the input, the truth, the mask (white = corrupted) and the noise (what is put into the holes), with
the name of its corruption and the share of corrupted pixels. A table of shares by corruption is printed. Works with
every registered data set that gives `lq`, `gt` and `mask`. Without data sets, look at photographs of yours:

    python -m hcl_arch.commands.preview -opt options/preview_corruptions.yml -o sheet.png --photos ~/photos
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import Optional

from hcl_arch.utils.command_line import CommandParser

SCIKIT_IMAGE = 'scikit-image'
PICTURES = ('png', 'jpg', 'jpeg', 'webp')


def parse_arguments(argv: Optional[Sequence[str]] = None) -> argparse.Namespace:
    """Arguments of the command; None: those of the program.

    Raises:
        SystemExit: With code 2 after one line on stderr for wrong arguments, 0 for --help and --version.
    """
    parser = CommandParser(prog='python -m hcl_arch.commands.preview', description=__doc__)
    parser.add_argument('-opt', type=Path, required=True, help='option file')
    parser.add_argument('-o', '--output', type=Path, required=True, help='picture to write, e.g. sheet.png')
    parser.add_argument('--dataset', help='its name under `datasets:`; by default train, or the first one')
    parser.add_argument(
        '--photos',
        metavar=f'FOLDER|{SCIKIT_IMAGE}',
        help='take these photographs, not the folders of the option file; masks and pictures are drawn then, and '
        f"letters are OpenCV's. {SCIKIT_IMAGE}: those that come with it",
    )
    parser.add_argument('--count', type=int, default=16, help='number of samples (default: %(default)s)')
    parser.add_argument('--columns', type=int, default=2, help='samples side by side (default: %(default)s)')
    parser.add_argument('--seed', type=int, default=0, help='of the training samples (default: %(default)s)')
    arguments = parser.parse_args(argv)
    if arguments.count < 1 or arguments.columns < 1:
        parser.error('--count and --columns expect numbers of at least 1')
    if arguments.output.suffix.lower().lstrip('.') not in PICTURES:
        parser.error(f'-o {arguments.output}: expected the name of a picture ({", ".join(PICTURES)})')
    return arguments
