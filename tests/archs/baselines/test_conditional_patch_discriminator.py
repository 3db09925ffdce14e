from __future__ import annotations

from pathlib import Path

import pytest
import torch
from basicsr.archs import build_network
from tensorflow_case import case_folder, fill, read_case, value_by_rule

from hcl_arch.archs.baselines import ConditionalPatchDiscriminator


def discriminator_names() -> dict[str, str]:
    names = {'last_conv.weight': 'discriminator/layer_5/conv/filter'}
    names.update({f'convs.{index}.weight': f'discriminator/layer_{index + 1}/conv/filter' for index in range(4)})
    for index in range(3):
        names[f'norms.{index}.weight'] = f'discriminator/layer_{index + 2}/batchnorm/scale'
        names[f'norms.{index}.bias'] = f'discriminator/layer_{index + 2}/batchnorm/offset'
    return names


def test_number_of_parameters_and_names_of_the_state() -> None:
    with torch.device('meta'):
        net = ConditionalPatchDiscriminator()
    assert sum(parameter.numel() for parameter in net.parameters()) == 2_768_640
    assert sorted(net.state_dict()) == sorted(discriminator_names())


@pytest.mark.parametrize('name', ['sirf_small', 'sirf_full'])
@torch.no_grad()
def test_golden(shared_dir: Path, name: str) -> None:
    _, tensors = read_case(case_folder(shared_dir, name))
    net = ConditionalPatchDiscriminator().eval()
    fill(net, discriminator_names(), value_by_rule)
    logits = net(tensors['target_nhwc'], tensors['image_nhwc'])
    torch.testing.assert_close(torch.sigmoid(logits), tensors['disc_real'], atol=5e-6, rtol=0)


def test_without_condition() -> None:
    net = build_network({'type': 'ConditionalPatchDiscriminator', 'dim': 4, 'conditional': False})
    logits = net(torch.rand(2, 3, 32, 48))
    assert logits.shape == (2, 1, 2, 4)
    logits.sum().backward()
    assert all(parameter.grad is not None for parameter in net.parameters())


@pytest.mark.parametrize(('conditional', 'message'), [(True, 'needs a condition'), (False, 'takes no condition')])
def test_condition_that_does_not_fit(conditional: bool, message: str) -> None:
    net, image = ConditionalPatchDiscriminator(dim=2, conditional=conditional), torch.rand(1, 3, 32, 32)
    with pytest.raises(ValueError, match=f'^conditional: .*{message}'):
        net(image, None if conditional else image)


def test_bad_width() -> None:
    with pytest.raises(ValueError, match='^dim: '):
        ConditionalPatchDiscriminator(dim=0)
