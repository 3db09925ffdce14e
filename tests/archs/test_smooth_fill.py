"""The smooth fill: what is known stays, what is not is between it, and gray where nothing is known."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
import torch

from hcl_arch.archs.layers.smooth_fill import smooth_fill


@pytest.mark.parametrize('size', [(1, 1), (16, 16), (37, 53), (5, 300)])
def test_known_pixels_stay_and_others_lie_between(size: tuple[int, int]) -> None:
    image, mask = torch.rand(2, 3, *size), (torch.rand(2, 1, *size) > 0.7).float()
    mask[..., 0, 0] = 1
    filled = smooth_fill(image, mask)
    assert torch.equal(filled * mask, image * mask)
    known = image.masked_fill(mask == 0, 0.5)
    assert float(filled.amax()) <= float(known.amax()) + 1e-5
    assert float(filled.amin()) >= float(known.amin()) - 1e-5


def test_what_holes_hold_does_not_matter() -> None:
    image, mask = torch.rand(1, 3, 24, 40), (torch.rand(1, 1, 24, 40) > 0.5).float()
    assert torch.equal(smooth_fill(image, mask), smooth_fill(image * mask + (1 - mask) * 7, mask))


def test_all_unknown_is_gray() -> None:
    assert torch.allclose(
        smooth_fill(torch.rand(1, 3, 32, 32), torch.zeros(1, 1, 32, 32)), torch.full((1, 3, 32, 32), 0.5)
    )


def test_a_ramp_goes_on_as_well_as_opencvs() -> None:
    """Of a colour ramp with a hole, neither fill is far off, and this one is no worse."""
    ramp = np.broadcast_to(np.linspace(0, 1, 64, dtype=np.float32), (64, 64)).copy()
    mask = np.ones_like(ramp)
    mask[24:40, 20:44] = 0
    theirs = cv2.inpaint((ramp * 255).astype(np.uint8), (mask == 0).astype(np.uint8), 3, cv2.INPAINT_TELEA) / 255
    ours = smooth_fill(torch.from_numpy(ramp)[None, None], torch.from_numpy(mask)[None, None])[0, 0].numpy()
    hole = mask == 0
    assert np.abs(ours - ramp)[hole].mean() <= np.abs(theirs - ramp)[hole].mean()
    assert np.abs(ours - ramp)[hole].mean() < 0.05
