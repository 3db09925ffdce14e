from __future__ import annotations

from pathlib import Path
from typing import Callable

import cv2
import numpy as np
import pytest

from hcl_arch.data.corruptions.hole_contents import ConstantFill, PhotoFill, Truth, fill_noise
from hcl_arch.data.storage.image_source import ImageSource

MakeFolder = Callable[..., Path]
TRUTH = Truth(np.zeros((64, 64, 3), np.float32), 'the truth')


def test_noise_is_uniform_and_independent() -> None:
    noise = fill_noise(TRUTH, np.random.default_rng(0))
    assert (noise.shape, noise.dtype) == ((64, 64, 3), np.float32)
    assert np.histogram(noise, 4, (0, 1))[0] / noise.size == pytest.approx([0.25] * 4, abs=0.02)
    channels = noise.reshape(-1, 3)
    assert np.abs(np.corrcoef(channels.T) - np.eye(3)).max() < 0.06
    assert abs(np.corrcoef(channels[:-1, 0], channels[1:, 0])[0, 1]) < 0.06


def test_constant_colours_are_random_or_given() -> None:
    colours = [ConstantFill()(TRUTH, np.random.default_rng(seed)) for seed in range(200)]
    assert all((colour == colour[0, 0]).all() for colour in colours)
    assert np.mean([colour[0, 0] for colour in colours], 0) == pytest.approx([0.5] * 3, abs=0.07)
    given = ConstantFill((1.0, 0.5, 0.0))(TRUTH, np.random.default_rng(0))
    assert (given == np.array([1, 0.5, 0], np.float32)).all()
    given[0, 0, 0] = 0  # it is an image of its own, not a view of one pixel
    assert given[1, 1, 0] == 1


@pytest.mark.parametrize(('crop_scale', 'widths'), [((1.0, 1.0), (199, 199)), ((0.4, 0.6), (79, 119))])
def test_photo_crop_has_the_share_of_the_short_side(
    make_folder: MakeFolder, crop_scale: tuple[float, float], widths: tuple[int, int]
) -> None:
    """The photographs are ramps: the range of values in a crop tells its width."""
    folder = make_folder('ramps', 0)
    ramp = np.broadcast_to(np.arange(240, dtype=np.uint8)[None, :, None], (200, 240, 3))
    for name in 'ab':
        cv2.imwrite(str(folder / f'{name}.png'), ramp)
    fill = PhotoFill(ImageSource(str(folder)), crop_scale=crop_scale, reduced=True)
    seen = []
    for seed in range(40):
        crop = fill(TRUTH, np.random.default_rng(seed)) * 255
        seen.append(float(crop.max() - crop.min()))
    assert min(seen) == pytest.approx(widths[0], abs=4)
    assert max(seen) == pytest.approx(widths[1], abs=4)


def test_photo_is_never_the_truth(make_folder: MakeFolder) -> None:
    photos = ImageSource(str(make_folder('two', 2, height=64, width=64)))
    truth = Truth(TRUTH.image, photos.identity_of(0))
    expected = photos.read_rgb(1) / np.float32(255)
    fill = PhotoFill(photos, crop_scale=(1.0, 1.0), reduced=False)
    for seed in range(10):
        np.testing.assert_array_equal(fill(truth, np.random.default_rng(seed)), expected)


def test_a_single_photo_is_refused(make_folder: MakeFolder) -> None:
    folder = str(make_folder('one', 1))
    with pytest.raises(ValueError, match='expects at least 2 different images, found 1 in .*one'):
        PhotoFill(ImageSource([folder, folder]), crop_scale=(1.0, 1.0), reduced=False)
