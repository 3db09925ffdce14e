from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from hcl_arch.archs import HCLDetector, HCLNet, HCLPatchDiscriminator, HCLRefineNet
from hcl_arch.archs.hcl.mask_hierarchy import StageMasks, detect_masks
from hcl_arch.archs.image_form import to_image_range, to_network_range
from hcl_arch.losses import HCLContrastiveLoss, HCLWGANGPLoss
from hcl_arch.losses.hcl_wgan_gp_loss import gradient_penalty
from hcl_arch.metrics import calculate_mask_bce
from hcl_arch.model_files.authors_config import LEGACY_VERSIONS
from hcl_arch.model_files.authors_conversion import Conversion, convert_checkpoint
from hcl_arch.utils.precision import Precision, autocast
from tests.conftest import parity_case

N_STAGES = 3
# Our names of the hierarchy's maps, and the authors'.
BINARY_MAPS = {
    'mask': 'pred_masks',
    'certain_clean': 'valid_masks',
    'certain_corrupted': 'invalid_masks',
    'known_clean': 'acc_valid_masks',
    'known_corrupted': 'acc_invalid_masks',
}
CONFIDENCES = {'confidence': 'confs', 'soft_mask': 'acc_confs'}


# Without a convolution stage, and with one in version 4 and 3.
@pytest.fixture(scope='module', params=['a', 'f', 'g'])
def folder(request: pytest.FixtureRequest) -> Path:
    return parity_case(request.param)


@pytest.fixture(scope='module')
def tensors(folder: Path) -> dict[str, Tensor]:
    return {name: torch.from_numpy(array) for name, array in np.load(folder / 'tensors.npz').items()}


@pytest.fixture(scope='module')
def case(folder: Path) -> dict[str, Any]:
    return json.loads((folder / 'case.json').read_text())


@pytest.fixture(scope='module')
def converted(case: dict[str, Any], folder: Path) -> Conversion:
    checkpoint = torch.load(folder / 'official.pt', map_location='cpu', weights_only=True)
    return convert_checkpoint(checkpoint, legacy_v=case['config'].get('legacy_v'))


@pytest.fixture(scope='module')
def net(case: dict[str, Any], converted: Conversion) -> HCLNet:
    config = case['config']
    same_names = ('dim', 'dim_mults', 'n_conv_stages', 'proj_dim', 'fuse', 'encoder_depths', 'decoder_depths',
                  'window_size', 'bottleneck_window_size', 'bottleneck_depth')  # fmt: skip
    upsample_mode, order = LEGACY_VERSIONS[config.get('legacy_v', 4)]
    refiner = HCLRefineNet(dim=config['refine_dim'], dim_mults=config['refine_mults'], upsample_mode=upsample_mode)
    options = {'upsample_mode': upsample_mode, 'conv_stage_order': order}
    net = HCLNet(refiner=refiner, **options, **{name: config[name] for name in same_names})
    net.load_state_dict(converted.params_g, strict=True)
    return net.eval()


@pytest.fixture(scope='module')
def discriminator(case: dict[str, Any], converted: Conversion) -> HCLPatchDiscriminator:
    discriminator = HCLPatchDiscriminator(dim=case['config']['dim']).eval()
    discriminator.load_state_dict(converted.params_d)
    return discriminator


@pytest.fixture(scope='module')
def hierarchy(tensors: dict[str, Tensor]) -> list[StageMasks]:
    embeddings = [tensors[f'feat_{stage}'] for stage in range(N_STAGES)]
    return detect_masks(
        embeddings,
        conf_thresholds=(1.0, 0.95, 0.95),
        temperature=0.1,
        kmeans_iters=50,
        kmeans_repeats=5,
        true_mask=tensors['mask'],
    )


def assert_near(actual: Tensor, expected: Tensor) -> None:
    torch.testing.assert_close(actual, expected, atol=1e-4, rtol=0)


@torch.no_grad()
def test_features_embeddings_and_bottleneck(net: HCLNet, tensors: dict[str, Tensor]) -> None:
    detection = net.detector.detect(tensors['x'], true_mask=tensors['mask'])
    for stage in range(N_STAGES):
        assert_near(detection.features[stage], tensors[f'skip_{stage}'])
        assert_near(detection.embeddings[stage], tensors[f'proj_{stage}'])
    assert_near(net.bottleneck(detection.features[-1]), tensors['bottleneck'])


@pytest.mark.parametrize(('reverse', 'name'), [(False, 'restored_coarse'), (True, 'restored_coarse_reversed')])
@torch.no_grad()
def test_coarse_image(net: HCLNet, tensors: dict[str, Tensor], reverse: bool, name: str) -> None:
    output = net(
        to_image_range(tensors['x']), return_all=True, true_mask=tensors['mask'], guidance='true', reverse=reverse
    )
    assert_near(to_network_range(output.coarse), tensors[name])
    if not reverse:
        assert_near(to_network_range(output.restored), tensors['restored'])


@torch.no_grad()
def test_refiner_alone(net: HCLNet, tensors: dict[str, Tensor]) -> None:
    restored = net.refiner(torch.cat([to_image_range(tensors['restored_coarse']), tensors['mask']], dim=1))
    assert_near(to_network_range(restored), tensors['restored'])


@torch.no_grad()
def test_classifier(net: HCLNet, tensors: dict[str, Tensor]) -> None:
    assert_near(net.detector.classifier(tensors['centers']), tensors['cls'].squeeze(-1))


@torch.no_grad()
def test_discriminator(discriminator: HCLPatchDiscriminator, tensors: dict[str, Tensor]) -> None:
    assert_near(discriminator(to_image_range(tensors['gt'])), tensors['disc'])


@pytest.mark.parametrize('stage', range(N_STAGES))
def test_mask_hierarchy(hierarchy: list[StageMasks], tensors: dict[str, Tensor], stage: int) -> None:
    for ours, theirs in BINARY_MAPS.items():
        same = getattr(hierarchy[stage], ours) == tensors[f'hier_{theirs}_{stage}']
        assert same.float().mean() >= 0.999, ours
    for ours, theirs in CONFIDENCES.items():
        assert_near(getattr(hierarchy[stage], ours), tensors[f'hier_{theirs}_{stage}'])
    assert_near(hierarchy[stage].centers, tensors[f'hier_centers_{stage}'])


def test_contrastive_loss(hierarchy: list[StageMasks], tensors: dict[str, Tensor], case: dict[str, Any]) -> None:
    embeddings = [tensors[f'feat_{stage}'] for stage in range(N_STAGES)]
    loss = HCLContrastiveLoss(max_pixels=None, max_representatives=None)(embeddings, hierarchy, tensors['mask'])
    assert loss.tolist() == pytest.approx(case['losses']['contrastive_hard_mining_True'], rel=1e-3)


@torch.no_grad()
def test_adversarial_loss(
    case: dict[str, Any], discriminator: HCLPatchDiscriminator, tensors: dict[str, Tensor]
) -> None:
    real, fake = (discriminator(to_image_range(tensors[name])) for name in ('gt', 'restored'))
    loss, expected = HCLWGANGPLoss(), case['losses']
    assert loss(fake, True).item() == pytest.approx(expected['wgan_g'], rel=1e-4)
    total = loss(real, True, is_disc=True) + loss(fake, False, is_disc=True)
    # A small difference of two means near 0.035: the tolerance is that of the means.
    assert total.item() == pytest.approx(expected['wgan_d_without_penalty'], abs=1e-6)


def test_gradient_penalty(
    case: dict[str, Any], discriminator: HCLPatchDiscriminator, tensors: dict[str, Tensor]
) -> None:
    # The truth as real and fake image, so that the random point between them is the truth.
    truth, expected = to_image_range(tensors['gt']), case['losses']['gradient_penalty_at_gt']
    assert gradient_penalty(discriminator, truth, truth).item() == pytest.approx(expected, rel=1e-3)
    assert HCLWGANGPLoss().penalty(discriminator, truth, truth).item() == pytest.approx(10 * expected, rel=1e-3)


def test_mask_bce(hierarchy: list[StageMasks], tensors: dict[str, Tensor], case: dict[str, Any]) -> None:
    mask = tensors['mask']
    soft_mask = F.interpolate(hierarchy[0].soft_mask, size=mask.shape[-2:], mode='nearest')
    assert F.binary_cross_entropy(soft_mask, mask).item() == pytest.approx(case['losses']['bce'], rel=1e-3)
    assert calculate_mask_bce(soft_mask.numpy(), mask.numpy()) == pytest.approx(case['losses']['bce'], rel=1e-3)


def test_number_of_parameters_at_the_defaults() -> None:
    with torch.device('meta'):
        net, discriminator = HCLNet(refiner=HCLRefineNet()), HCLPatchDiscriminator()
        detector = HCLDetector()

    def millions(module: nn.Module) -> float:
        return sum(parameter.numel() for parameter in module.parameters()) / 1e6

    classifier = millions(net.detector.classifier)
    assert millions(net) - millions(net.refiner) - classifier == pytest.approx(14.06, abs=0.005)
    assert millions(net.refiner) == pytest.approx(61.56, abs=0.005)
    assert millions(discriminator) == pytest.approx(4.72, abs=0.005)
    assert classifier == pytest.approx(0.0042, abs=0.00005)
    assert millions(detector) == millions(net.detector)


@torch.no_grad()
def test_sixteen_bit_restores_as_well(net: HCLNet, tensors: dict[str, Tensor]) -> None:
    def decibels(precision: Precision) -> float:
        with autocast(precision, 'cpu'):
            image = to_image_range(tensors['x'])
            output = net(image, return_all=True, true_mask=tensors['mask'], guidance='true')
        return -10 * (to_network_range(output.restored) - tensors['gt']).square().mean().log10().item()

    assert decibels('bf16') == pytest.approx(decibels('fp32'), abs=0.1)
    assert decibels('bf16') != decibels('fp32')
