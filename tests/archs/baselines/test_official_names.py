from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

from hcl_arch.archs.baselines import BS2AM, BVMR, MPRNet, SplitThenRefine
from hcl_arch.model_files.official_names import OfficialNetwork, from_official, official_name

NETWORKS: dict[OfficialNetwork, nn.Module] = {
    'BS2AM': BS2AM(dim=2, n_levels=5, reduction=2),
    'BVMR': BVMR(dim=1, n_units=1),
    'MPRNet': MPRNet(dim=4, dim_step=0, last_dim_step=0, n_blocks=1),
    'SplitThenRefine': SplitThenRefine(dim=1, n_units=1),
}


def official_state(network: OfficialNetwork) -> dict[str, Tensor]:
    return {official_name(network, name): value for name, value in NETWORKS[network].state_dict().items()}


@pytest.mark.parametrize(
    ('network', 'ours', 'theirs'),
    [
        ('BS2AM', 'unet.levels.2.down.weight', 'model.model.sub.model.sub.model.down.1.weight'),
        ('BVMR', 'encoder.blocks.4.units.2.norm.bias', 'encoder.down_convs.4.bn.2.bias'),
        ('BVMR', 'motif_decoder.blocks.1.enlarge.0.weight', 'vm_decoder.up_convs.1.up_conv.weight'),
        ('BVMR', 'motif_head.bias', 'vm_decoder.conv_final.bias'),
        (
            'SplitThenRefine',
            'split_net.gates.watermark.1.layers.2.bias',
            'shared_decoder.vm_atts.1.fc.2.bias',
        ),
        (
            'SplitThenRefine',
            'split_net.shared_decoder.blocks.0.join.1.weight',
            'shared_decoder.up_convs.0.norm1.weight',
        ),
        ('SplitThenRefine', 'refine_net.up_blocks.3.units.1.conv.bias', 's2am.up4.model.conv2.1.bias'),
        (
            'SplitThenRefine',
            'refine_net.attentions.0.attention.learned.4.running_var',
            's2am.s2am2.connection.rbn2.running_var',
        ),
        ('MPRNet', 'shallow.2.1.convs.1.weight', 'shallow_feat3.1.body.1.weight'),
        ('MPRNet', 'encoders.1.levels.0.1.gate.3.weight', 'stage2_encoder.encoder_level1.1.CA.conv_du.2.weight'),
        ('MPRNet', 'last_stage.from_decoded.2.1.1.weight', 'stage3_orsnet.up_dec2.1.up.1.weight'),
    ],
)
def test_names(network: OfficialNetwork, ours: str, theirs: str) -> None:
    assert official_name(network, ours) == theirs


@pytest.mark.parametrize('network', NETWORKS)
def test_no_two_tensors_have_one_name(network: OfficialNetwork) -> None:
    assert len(official_state(network)) == len(NETWORKS[network].state_dict())


@pytest.mark.parametrize('network', NETWORKS)
def test_prefix_of_parallel_training_is_taken_off(network: OfficialNetwork) -> None:
    net, official = NETWORKS[network], official_state(network)
    converted = from_official(network, net, {f'module.{name}': value for name, value in official.items()})
    for name, value in net.state_dict().items():
        assert torch.equal(converted[name], value)


def test_derived_constants_are_left_out() -> None:
    official = official_state('SplitThenRefine')
    official['s2am.s2am2.gaussianMask.weight'] = torch.zeros(1, 1, 5, 5)
    assert from_official('SplitThenRefine', NETWORKS['SplitThenRefine'], official)


@pytest.mark.parametrize('network', NETWORKS)
def test_missing_and_unknown_tensors_are_named(network: OfficialNetwork) -> None:
    official = official_state(network)
    missing = next(iter(official))
    with pytest.raises(KeyError, match=f'no {network} of these sizes: missing .*{missing}'):
        from_official(network, NETWORKS[network], {name: official[name] for name in official if name != missing})
    with pytest.raises(KeyError, match='unknown .*surprise'):
        from_official(network, NETWORKS[network], {**official, 'surprise': torch.zeros(1)})
