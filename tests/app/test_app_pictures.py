"""What the page shows and hands out; the examples."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from hcl_arch.commands.app import display
from hcl_arch.commands.app.downloads import download
from hcl_arch.commands.app.job import Job
from hcl_arch.commands.app.page_error import PageError
from hcl_arch.restoration.photographs.photograph import Photograph


def decoded(content: bytes) -> np.ndarray:
    return cv2.imdecode(np.frombuffer(content, np.uint8), cv2.IMREAD_UNCHANGED)


@pytest.mark.parametrize(
    ('image', 'colour'),
    [
        (np.full((4, 6), 7, np.uint8), (7, 7, 7)),
        (np.full((4, 6, 1), 7, np.uint8), (7, 7, 7)),
        (np.full((4, 6), 0x1234, np.uint16), (0x12,) * 3),
        (np.full((4, 6, 3), 0.5, np.float32), (128,) * 3),
        (np.full((4, 6, 4), (10, 20, 30, 0), np.uint8), (255,) * 3),
        (np.full((4, 6, 4), (10, 20, 30, 255), np.uint8), (10, 20, 30)),
    ],
)
def test_any_photograph_can_be_shown(image, colour):
    shown = display.to_8_bit_rgb(image)
    assert shown.dtype == np.uint8
    assert shown.shape == (4, 6, 3)
    assert tuple(shown[0, 0]) == colour
    assert decoded(display.jpeg(image)).shape == (4, 6, 3)


@pytest.mark.parametrize(
    ('size', 'reduced'), [((3000, 2000), (1280, 853)), ((5, 9000), (1, 1280)), ((10, 20), (10, 20))]
)
def test_pictures_are_reduced_to_what_is_shown(size, reduced):
    assert decoded(display.jpeg(np.zeros((*size, 3), np.uint16))).shape == (*reduced, 3)
    assert decoded(display.mask_png(np.zeros(size, np.uint8))).shape == reduced


def test_confidence_is_shown_in_colours_and_handed_out_in_gray(fake_restorer):
    confidence = np.linspace(0, 1, 256, dtype=np.float32)[None].repeat(8, axis=0)
    shown = decoded(display.confidence_jpeg(confidence)).astype(int)
    assert shown[4, 2, 2] > 220  # yellow: corrupted
    assert shown[4, 2, 0] < 120
    assert shown[4, -3].max() < 110  # dark blue
    job = Job('a b.tar.png', Photograph(np.zeros((8, 256, 3), np.uint8)), confidence)
    with pytest.raises(PageError, match='no result yet'):
        download(job, 'all')
    job.repair(fake_restorer, composite=True, reverse=False)
    name, kind, content = download(job, 'confidence')
    assert (name, kind) == ('a b.tar_confidence.png', 'image/png')
    np.testing.assert_array_equal(decoded(content)[0], np.arange(256))
    assert download(job, 'restored')[0] == 'a b.tar_restored.png'
    with pytest.raises(PageError, match='no such file'):
        download(job, 'passwd')
