"""Limits are options of the command, and a folder of hostile files is gone through to its end."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Callable

import numpy as np
import pytest
from PIL import Image

from hcl_arch.restoration.photographs.photograph import read_photograph
from tests.faults import hostile_photographs as hp
from tests.faults.cost import cost_of

SHARED = Path(__file__).resolve().parents[3] / 'shared' / 'faults'
REFUSED = {'256mp_rgba16.tif': '--max-decoded', 'deflate16.tif': 'a strip expands', 'huge_screen.gif': 'cannot hold'}


@pytest.mark.parametrize(('option', 'value', 'words'), [
    ('--max-megapixels', '0.0001', '16 x 12 pixels, more than the limit of 100 pixels in all (--max-megapixels)'),
    ('--max-decoded', '0.0005', 'more than the limit of 0 MiB (--max-decoded)'),
])  # fmt: skip
def test_limits_are_options(option: str, value: str, words: str, command: Callable, make_photo: Callable) -> None:
    make_photo('a.png')
    outcome = command('a.png', option, value)
    assert outcome.status == 1
    assert words in outcome.err


@pytest.mark.parametrize('value', ['0', '-1', 'many', 'inf', 'nan'])
def test_limits_are_checked(value: str, command: Callable, make_photo: Callable) -> None:
    make_photo('a.png')
    outcome = command('a.png', '--max-megapixels', value)
    assert outcome.status == 2
    assert f"--max-megapixels: expected a number above 0, got '{value}'" in outcome.err


def test_damaged_metadata_are_remarked(command: Callable, work_folder: Path) -> None:
    (work_folder / 'a.jpg').write_bytes(hp.jpeg_with_exif(hp.overlapping(300, hp.RATIONAL)))
    outcome = command('a.jpg', '--json', 'summary.json')
    assert outcome.status == 0
    assert 'its EXIF data are damaged and left out' in outcome.err
    assert 'EXIF' in json.loads((work_folder / 'summary.json').read_text())['images'][0]['remarks'][0]


@pytest.mark.skipif(not SHARED.is_dir(), reason='the folder of hostile files is not here')
@pytest.mark.parametrize('wanted', ['keep', 'tiff', 'png', 'jpg', 'webp'])
def test_hostile_files(wanted: str, command: Callable, work_folder: Path) -> None:
    files = [path for path in sorted(SHARED.iterdir()) if path.suffix != '.md' and not path.name.startswith('mask_')]
    cost = cost_of(lambda: command(*files, '-o', 'out', '--format', wanted, '--json', 'summary.json'))
    outcome = cost.result
    assert outcome.status == 1
    assert 'Traceback' not in outcome.err
    for record in json.loads((work_folder / 'summary.json').read_text())['images']:
        name = Path(record['input']).name
        assert (record['error'] is not None) == (name in REFUSED), record
        if name in REFUSED:
            assert REFUSED[name] in record['error']
        else:
            if (name, wanted) != ('gray16_trns.png', 'tiff'):  # gray with alpha of 16 bit, which Pillow does not read
                with Image.open(record['outputs']['restored']) as image:
                    image.load()
                    dict(image.getexif())
            if wanted in ('keep', 'tiff') and record['outputs']['restored'].endswith(('tif', 'tiff', 'png')):
                old, new = read_photograph(record['input']), read_photograph(record['outputs']['restored'])
                half = old.pixels.shape[1] // 2  # the stub repairs the left one
                if wanted == 'keep' or old.metadata.colours == {}:
                    np.testing.assert_array_equal(new.pixels[:, half:], old.pixels[:, half:])
    assert cost.mib < 200
    assert cost.seconds < 10
