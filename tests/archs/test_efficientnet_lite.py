"""EfficientNet-Lite0 without timm is timm's."""

from __future__ import annotations

import pytest
import torch

from hcl_arch.archs.hcl.backbone_weights import build_backbone
from hcl_arch.archs.hcl.efficientnet_lite import CHANNELS, MEAN, NAME, REDUCTIONS, STD, EfficientNetLite0

timm = pytest.importorskip('timm')


@pytest.mark.parametrize('training', [False, True])
def test_equals_timm(training):
    theirs = timm.create_model(NAME, features_only=True)
    ours = EfficientNetLite0()
    ours.load_state_dict(theirs.state_dict())
    # Statistics that are none of those that all networks start with.
    theirs.train().requires_grad_(True)(torch.randn(4, 3, 64, 64))
    ours.load_state_dict(theirs.state_dict())
    image = torch.randn(2, 3, 64, 96)
    grads = []
    for net in (ours, theirs):
        maps = net.train(training)(image)
        grads.append([*maps, *torch.autograd.grad(sum(each.square().mean() for each in maps), [*net.parameters()])])
    for mine, expected in zip(*grads):
        torch.testing.assert_close(mine, expected, atol=1e-5, rtol=1e-4)
    assert list(ours.state_dict()) == list(theirs.state_dict())
    assert theirs.feature_info.reduction() == list(REDUCTIONS)
    assert theirs.feature_info.channels() == list(CHANNELS)
    config = timm.get_pretrained_cfg(NAME)
    assert config.mean == pytest.approx(MEAN)
    assert config.std == pytest.approx(STD)


def test_starts_like_timm():
    theirs = timm.create_model(NAME, features_only=True).state_dict()
    for name, tensor in EfficientNetLite0().state_dict().items():
        if tensor.ndim == 4:
            assert tensor.std().item() == pytest.approx(theirs[name].std().item(), rel=0.2), name


def test_is_taken_where_no_weights_are_named():
    backbone, taken, channels = build_backbone(NAME, None, (2, 4, 8))
    assert isinstance(backbone, EfficientNetLite0)
    assert (taken, channels) == ([0, 1, 2], [16, 24, 40])
    with pytest.raises(ValueError, match='has feature maps at strides'):
        build_backbone(NAME, None, (32, 64))
