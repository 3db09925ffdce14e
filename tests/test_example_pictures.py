"""The spoiled photographs that are shipped: a script makes them, and the packaged model finds the sample's damage."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import skimage.data
from PIL import Image

import hcl_arch
from hcl_arch.commands.app.examples import make_examples
from tests.conftest import REPOSITORY
from tests.docs.workplace import load_script

SCRIPT = load_script('examples/spoil_photographs.py')
MADE = dict(SCRIPT.pictures())
MOST_BYTES = 200_000


@pytest.mark.parametrize('file', MADE, ids=lambda file: file.stem)
def test_file_is_what_the_script_makes(file: Path) -> None:
    """Up to JPEG's losses."""
    shipped = np.asarray(Image.open(REPOSITORY / file).convert('RGB'), np.float64)
    assert ((shipped - MADE[file]) ** 2).mean() < 255**2 / 10**3.4  # 34 dB
    assert (REPOSITORY / file).stat().st_size < MOST_BYTES


def test_the_page_shows_all_of_its_folder() -> None:
    shown = [example.photograph.pixels.shape for example in make_examples()]
    assert shown == [pixels.shape for file, pixels in MADE.items() if file.parent == SCRIPT.PAGE]
    assert len(list((REPOSITORY / SCRIPT.PAGE).iterdir())) == len(shown)


TRUTHS = {'Date stamp': 'coffee', 'Writing': 'rocket', 'Scribbles': 'chelsea'}


def test_the_page_s_examples_get_better_and_the_hard_one_is_named() -> None:
    restorer = hcl_arch.Restorer('small', device='cpu')
    for example in make_examples():
        if example.name not in TRUTHS:
            assert example.note.startswith('A hard one')
            continue
        truth = SCRIPT._photo(getattr(skimage.data, TRUTHS[example.name])()) * 255
        spoiled = example.photograph.pixels
        errors = [((image - truth) ** 2).mean() for image in (spoiled, restorer.restore(spoiled).image)]
        assert errors[1] < errors[0] / 10**0.4, example.name  # by 4 dB


def test_what_is_written_over_the_sample_is_found() -> None:
    coffee = SCRIPT._photo(skimage.data.coffee()) * 255
    written = np.abs(MADE[SCRIPT.SAMPLE] - coffee).max(axis=2) > 25
    found = hcl_arch.Restorer('small', device='cpu').find(REPOSITORY / SCRIPT.SAMPLE).mask > 0
    assert (written & found).sum() > 0.85 * (written | found).sum()
