"""What the page shows and hands out; the examples."""

from __future__ import annotations

import io
import zipfile

import cv2
import numpy as np
import pytest
from PIL import Image

from hcl_arch.commands.app import display
from hcl_arch.commands.app.downloads import download, labels_of
from hcl_arch.commands.app.job import Job
from hcl_arch.commands.app.page_error import PageError
from hcl_arch.restoration.photographs.photograph import Photograph, read_photograph


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


def job_of(name: str, kind: str, restorer, **options) -> Job:
    """A photograph of a format, repaired."""
    pixels = np.full((48, 64, 3), 120, np.uint8)
    pixels[:16, :16] = (255, 0, 255)
    content = io.BytesIO()
    Image.fromarray(pixels).save(content, kind, **options)
    photograph = read_photograph(io.BytesIO(content.getvalue()))
    job = Job(name, photograph, restorer.detect(photograph.shown))
    job.repair(restorer, composite=True, reverse=False)
    return job


@pytest.mark.parametrize(
    ('name', 'kind', 'restored', 'label', 'media'),
    [
        ('a.JPEG', 'JPEG', 'a_restored.JPEG', 'Repaired photograph (JPEG)', 'image/jpeg'),
        ('a.png', 'JPEG', 'a_restored.jpg', 'Repaired photograph (JPEG)', 'image/jpeg'),
        ('a.webp', 'WEBP', 'a_restored.webp', 'Repaired photograph (WebP)', 'image/webp'),
        ('a.tif', 'TIFF', 'a_restored.tif', 'Repaired photograph (TIFF)', 'image/tiff'),
        ('a.jp2', 'JPEG2000', 'a_restored.jp2', 'Repaired photograph (JPEG 2000)', 'image/jp2'),
        ('a.avif', 'AVIF', 'a_restored.avif', 'Repaired photograph (AVIF)', 'image/avif'),
        ('a.gif', 'GIF', 'a_restored.png', 'Repaired photograph (PNG)', 'image/png'),
        ('a.bmp', 'BMP', 'a_restored.bmp', 'Repaired photograph (BMP)', 'image/bmp'),
        ('a.png', 'PNG', 'a_restored.png', 'Repaired photograph (PNG)', 'image/png'),
    ],
)
def test_the_first_download_has_the_photograph_s_own_format(name, kind, restored, label, media, fake_restorer):
    job = job_of(name, kind, fake_restorer)
    given, (file, stated, content) = job.photograph, download(job, 'restored')
    assert (file, stated) == (restored, media)
    assert next(iter(labels_of(job).items())) == ('restored', label)
    assert ('png' in labels_of(job)) == (media != 'image/png')
    read = read_photograph(io.BytesIO(content))
    assert read.format == given.written_format()
    assert read.pixels.shape == given.pixels.shape
    again, kind_of_png, lossless = download(job, 'png')
    assert (again, kind_of_png) == ('a_restored.png', 'image/png')
    np.testing.assert_array_equal(decoded(lossless)[..., ::-1], job.restoration.image)
    with zipfile.ZipFile(io.BytesIO(download(job, 'all')[2])) as archive:
        assert archive.namelist() == [restored, 'a_mask.png', 'a_confidence.png']
        assert archive.read(restored) == content


def test_a_jpeg_keeps_what_is_not_repaired_and_one_with_nothing_found_is_handed_out_as_it_came(fake_restorer):
    job = job_of('a.jpg', 'JPEG', fake_restorer, quality=60)
    kept = read_photograph(io.BytesIO(download(job, 'restored')[2])).pixels
    np.testing.assert_array_equal(kept[32:], job.photograph.pixels[32:])
    job.threshold = 0.0
    job.repair(fake_restorer, composite=True, reverse=False)
    assert download(job, 'restored')[2] == job.photograph.content
    assert labels_of(job)['restored'] == 'Photograph, unchanged (JPEG)'
