"""A sheet of spoiled photographs, what the packaged model finds in them, and what it makes of them: docs/restore.jpg.

    python benchmarks/restore_sheet.py docs/restore.jpg                     # pictures of scikit-image
    python benchmarks/restore_sheet.py sheet.png --images VAL --save-inputs spoiled/

Photograph i of the folder gets kind i of the everyday benchmark's, again and again: nothing is picked by its result.
With --save-inputs the spoiled photographs are written too, for `hcl-restore`.
"""

from __future__ import annotations

import argparse
import contextlib
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Optional

import numpy as np
from everyday.canvas import Picture, Spoiled
from everyday.kinds import KINDS
from everyday.photographs import Case, listed, spoiled
from everyday.sheet import fitted, in_rows, labelled
from PIL import Image
from tqdm import tqdm

import hcl_arch
from hcl_arch.commands.restore.pictures import overlay_picture

SHOWN = ('captions', 'scribbles', 'stickers', 'lost_blocks', 'date_stamps', 'tiled_marks')


def main(argv: Optional[Sequence[str]] = None) -> None:
    """Run the command."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('sheet', type=Path, help='the picture to write')
    parser.add_argument('--images', type=Path, help='folder of photographs (some of scikit-image)')
    parser.add_argument('--kinds', nargs='+', default=SHOWN, choices=KINDS, help='of corruption (%(default)s)')
    parser.add_argument('--seed', type=int, default=0)
    parser.add_argument('--save-inputs', type=Path, metavar='FOLDER', help='write the spoiled photographs too')
    parser.add_argument('--model', default='small')
    arguments = parser.parse_args(argv)
    restorer = hcl_arch.Restorer(arguments.model)
    strips = []
    with contextlib.ExitStack() as stack:
        paths = listed(arguments.images or stack.enter_context(sample_pictures()))
        for number, kind in enumerate(tqdm(arguments.kinds, desc='photographs')):
            sample = spoiled(Case(kind, paths[number % len(paths)], number), paths, arguments.seed)
            if arguments.save_inputs:
                arguments.save_inputs.mkdir(parents=True, exist_ok=True)
                Image.fromarray(sample.picture).save(arguments.save_inputs / f'{number:02d}_{kind}.png')
            strips.append(strip(restorer, sample, kind))
    Image.fromarray(in_rows(strips)).save(arguments.sheet, quality=88)


@contextlib.contextmanager
def sample_pictures() -> Iterator[Path]:
    """A folder with photographs of scikit-image."""
    from skimage import data

    with tempfile.TemporaryDirectory() as folder:
        for name in ('astronaut', 'cat', 'coffee', 'rocket'):
            Image.fromarray(getattr(data, name)()).save(Path(folder) / f'{name}.png')
        yield Path(folder)


def strip(restorer: hcl_arch.Restorer, sample: Spoiled, kind: str) -> Picture:
    """Input, what was found, and the restored picture, side by side."""
    restored = restorer.restore(sample.picture)
    overlay = overlay_picture(sample.picture, restored.mask)
    named = labelled(fitted(sample.picture), kind.replace('_', ' '))
    return np.concatenate([named, fitted(overlay), fitted(restored.image)], axis=1)


if __name__ == '__main__':
    main()
