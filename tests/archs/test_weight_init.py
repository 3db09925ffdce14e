from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import nn

from hcl_arch.archs import HCLNet, HCLPatchDiscriminator, HCLRefineNet


def layers_of(network: nn.Module) -> dict[str, nn.Module]:
    kinds = (nn.Conv2d, nn.Linear)
    return {name: layer for name, layer in network.named_modules() if isinstance(layer, kinds)}


def test_normal_weights_and_zero_biases(small_options: dict[str, Any]) -> None:
    net = HCLNet(**{**small_options, 'dim': 16, 'n_conv_stages': 1}, weight_init='normal')
    layers = layers_of(net)
    assert {name.split('.')[0] for name in layers} == {'detector', 'bottleneck', 'decoder'}
    assert any(isinstance(layer, nn.Linear) for layer in layers.values())
    for name, layer in layers.items():
        if layer.weight.numel() > 1000:
            assert layer.weight.std().item() == pytest.approx(0.02, rel=0.1), name
            # A uniform distribution of this deviation ends at 0.035.
            assert layer.weight.abs().max() > 0.05, name
        assert layer.bias is None or (layer.bias == 0).all(), name
    norm = net.bottleneck.blocks[0].norm1
    assert (norm.weight == 1).all()


def test_refiner_has_an_option_of_its_own(small_options: dict[str, Any]) -> None:
    torch.manual_seed(1)
    refiner = HCLRefineNet(dim=4, dim_mults=(1, 2))
    before = {name: tensor.clone() for name, tensor in refiner.state_dict().items()}
    net = HCLNet(**small_options, refiner=refiner, weight_init='normal')
    torch.testing.assert_close(net.refiner.state_dict(), before)
    refiner = HCLRefineNet(dim=16, dim_mults=(1, 2), weight_init='normal')
    for layer in layers_of(refiner).values():
        assert (layer.bias == 0).all()
        assert layer.weight.std().item() == pytest.approx(0.02, rel=0.3)


def test_discriminator_starts_normalised() -> None:
    discriminator = HCLPatchDiscriminator(dim=16, weight_init='normal')
    for conv in discriminator.convs:
        assert (conv.bias == 0).all()
        assert conv.parametrizations.weight.original.std().item() == pytest.approx(0.02, rel=0.1)
        # The estimate of the norm is that of these weights.
        assert torch.linalg.matrix_norm(conv.weight.flatten(1), 2).item() == pytest.approx(1, abs=0.1)


def test_default_is_that_of_pytorch(small_options: dict[str, Any]) -> None:
    for network in (HCLNet(**small_options), HCLRefineNet(dim=4, dim_mults=(1, 2)), HCLPatchDiscriminator(dim=4)):
        assert any((layer.bias != 0).any() for layer in layers_of(network).values() if layer.bias is not None)


@pytest.mark.parametrize('network', [HCLNet, HCLRefineNet, HCLPatchDiscriminator])
def test_choices(network: type[nn.Module]) -> None:
    with torch.device('meta'), pytest.raises(ValueError, match=r"weight_init must be one of .* got 'xavier'"):
        network(dim=4, weight_init='xavier')


def test_a_pretrained_backbone_is_not_undone() -> None:
    with pytest.raises(ValueError, match='weight_init: only torch goes with encoder: timm'):
        HCLNet(encoder='timm', weight_init='normal')
