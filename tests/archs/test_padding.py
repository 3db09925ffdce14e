from __future__ import annotations

import pytest
import torch

from hcl_arch.archs.image_form import pad_to_multiple


def test_mirror_by_hand() -> None:
    padded = pad_to_multiple(torch.tensor([[[[1, 2, 3]]]]), 8)
    assert padded.shape == (1, 1, 8, 8)
    assert all(row == [1, 2, 3, 3, 2, 1, 1, 2] for row in padded[0, 0].tolist())


@pytest.mark.parametrize('size', [(1, 1), (5, 16), (16, 5), (17, 40), (33, 129), (31, 32)])
def test_image_stays_in_its_corner_and_padding_holds_only_its_content(size: tuple[int, int]) -> None:
    image = torch.rand(2, 3, *size)
    padded = pad_to_multiple(image, 16)
    height, width = padded.shape[-2:]
    assert height % 16 == 0
    assert width % 16 == 0
    assert 0 <= height - size[0] < 16
    assert 0 <= width - size[1] < 16
    assert torch.equal(padded[..., : size[0], : size[1]], image)
    assert set(padded[:, 0].flatten().tolist()) == set(image[:, 0].flatten().tolist())
    # Padding what is padded, and padding one axis after the other, change nothing.
    assert pad_to_multiple(padded, 16) is padded


def test_integers_and_gradients_pass() -> None:
    assert pad_to_multiple(torch.ones(1, 1, 3, 3, dtype=torch.uint8), 4).dtype == torch.uint8
    image = torch.zeros(1, 1, 2, 2, requires_grad=True)
    pad_to_multiple(image, 4).sum().backward()
    assert image.grad.tolist() == [[[[4.0, 4.0], [4.0, 4.0]]]]
