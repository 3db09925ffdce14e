from __future__ import annotations

from typing import Callable

import pytest
import torch
from basicsr.archs import build_network

from hcl_arch.archs import HCLDetector, HCLNet
from hcl_arch.archs.image_form import to_image_range, to_image_size, to_network_range

SmallNet = Callable[..., HCLNet]
SMALL = {'dim': 4, 'encoder_depths': (2, 1, 1), 'window_size': 4, 'proj_dim': 8}


@pytest.mark.parametrize('n_conv_stages', [0, 1])
@torch.no_grad()
def test_equals_the_soft_mask_of_hclnet(small_net: SmallNet, n_conv_stages: int) -> None:
    net = small_net(n_conv_stages=n_conv_stages).eval()
    detector = HCLDetector(**SMALL, n_conv_stages=n_conv_stages).eval()
    detector.load_state_dict(net.detector.state_dict())
    for size in ((16, 16), (17, 40), (100, 64), (33, 129)):
        image = torch.rand(1, 3, *size)
        soft_mask = detector(image)
        assert soft_mask.shape == (1, 1, *size)
        torch.testing.assert_close(soft_mask, net(image, return_all=True).soft_mask)


def test_is_registered() -> None:
    assert isinstance(build_network({'type': 'HCLDetector', **SMALL}), HCLDetector)


def test_errors() -> None:
    with pytest.raises(ValueError, match='H and W >= 16'):
        HCLDetector(**SMALL)(torch.rand(1, 3, 8, 32))
    with pytest.raises(ValueError, match='num_heads must have one value for each of the 3 stages'):
        HCLDetector(**SMALL, num_heads=(1, 2))


def test_to_image_size_by_hand() -> None:
    # A 2x3 map of an image of 5x9 pixels that was padded to 8x12: every value is 4 pixels wide.
    stage_map = torch.arange(6.0).view(1, 1, 2, 3)
    at_size = to_image_size(stage_map, 5, 9, 4)
    assert at_size.shape == (1, 1, 5, 9)
    assert at_size[0, 0, 0].tolist() == [0, 0, 0, 0, 1, 1, 1, 1, 2]
    assert at_size[0, 0, :, 0].tolist() == [0, 0, 0, 0, 3]


def test_image_ranges_are_inverse() -> None:
    image = torch.tensor([0.0, 0.25, 1.0])
    assert to_network_range(image).tolist() == [-1.0, -0.5, 1.0]
    assert to_image_range(to_network_range(image)).tolist() == image.tolist()


@torch.no_grad()
def test_coarser_features_reach_finer_embeddings_only_when_fused() -> None:
    for fuse in (True, False):
        heads = HCLDetector(**SMALL, fuse=fuse).projection_heads
        features = [torch.randn(1, width, 8 >> s, 8 >> s) for s, width in enumerate((4, 8, 16))]
        changed = [features[0], features[1], features[2].neg()]
        before, after = heads(features), heads(changed)
        assert torch.equal(before[0], after[0])
        assert torch.equal(before[1], after[1]) is not fuse
