from __future__ import annotations

from pathlib import Path

import pytest
import torch
from basicsr.archs import build_network
from s2am_case import fill_by_rule
from safetensors.torch import load_file
from tensorflow_case import case_folder, read_case
from torch import Tensor

from hcl_arch.archs.baselines import BS2AM
from hcl_arch.archs.baselines.s2am_unet import BlindSeparatedAttention
from hcl_arch.archs.blind_restoration import BlindOutput
from hcl_arch.model_files.s2am_names import attention_name, network_name


def small_net(**options: int) -> BS2AM:
    return build_network({'type': 'BS2AM', 'dim': 4, 'n_levels': 5, **options})


def with_moving_statistics(net: BS2AM) -> BS2AM:
    for _ in range(3):
        net(torch.rand(2, 3, 64, 64))
    return net.eval()


def test_number_of_parameters() -> None:
    with torch.device('meta'):
        net, attention = BS2AM(), BlindSeparatedAttention(32)
    assert sum(parameter.numel() for parameter in net.parameters()) == 67_009_134
    assert sum(buffer.numel() for buffer in net.buffers()) == 15_251
    assert len(net.state_dict()) == 166
    assert [sum(p.numel() for p in module.parameters()) for module in (*net.attentions, attention)] == [
        602_585, 2_400_881, 9_591_713, 40_103,
    ]  # fmt: skip


def test_names_of_the_state() -> None:
    names = list(small_net().state_dict())
    assert len(names) == 130
    assert names[:4] == ['unet.levels.0.down.weight', 'unet.levels.0.up.weight', 'unet.levels.0.up.bias',
                         'unet.levels.1.down.weight']  # fmt: skip
    assert names[-2:] == ['attentions.2.hole_finder.2.weight', 'attentions.2.hole_finder.2.bias']


@torch.no_grad()
def test_golden_attention(shared_dir: Path) -> None:
    folder = case_folder(shared_dir, 's2am_urasc')
    _, tensors = read_case(folder)
    stored = load_file(folder / 'weights.safetensors')
    attention = BlindSeparatedAttention(32).eval()
    names = {ours: attention_name(ours) for ours in attention.state_dict()}
    attention.load_state_dict({ours: stored[theirs] for ours, theirs in names.items()})
    changed, _ = attention(tensors['feature'])
    torch.testing.assert_close(changed, tensors['out'], atol=2e-6, rtol=0)


@torch.no_grad()
def test_golden_small_network(shared_dir: Path) -> None:
    folder = case_folder(shared_dir, 's2am_blind_small')
    case, tensors = read_case(folder)
    stored = load_file(folder / 'weights.safetensors')
    net = BS2AM(dim=case['constructor']['ngf'], n_levels=case['constructor']['num_downs']).eval()
    assert sum(parameter.numel() for parameter in net.parameters()) == case['params']
    names = {ours: network_name(ours) for ours in net.state_dict()}
    assert sorted(names.values()) == sorted(stored)
    net.load_state_dict({ours: stored[theirs] for ours, theirs in names.items()})
    painted = net._paint(tensors['image']).image
    torch.testing.assert_close(painted, tensors['restored'], atol=2e-6, rtol=0)
    torch.testing.assert_close(net(tensors['image']), tensors['restored'].clamp(0, 1), atol=2e-6, rtol=0)


@pytest.mark.slow
@torch.no_grad()
def test_golden_full_network(shared_dir: Path) -> None:
    _, tensors = read_case(case_folder(shared_dir, 's2am_blind_full'))
    net = BS2AM().eval()
    fill_by_rule(net)
    painted = net._paint(tensors['image'].float()).image
    torch.testing.assert_close(painted[..., 96:160, 96:160], tensors['restored_crop'], atol=1e-5, rtol=0)
    torch.testing.assert_close(painted.mean(dim=(0, 2, 3)), tensors['restored_mean_per_channel'], atol=1e-5, rtol=0)
    torch.testing.assert_close(painted.std(dim=(0, 2, 3)), tensors['restored_std_per_channel'], atol=1e-5, rtol=0)


@pytest.mark.parametrize('size', [(16, 16), (64, 96), (50, 70), (33, 17)])
@torch.no_grad()
def test_any_size(size: tuple[int, int]) -> None:
    net, lq = with_moving_statistics(small_net()), torch.rand(2, 3, *size)
    output = net(lq, return_all=True)
    assert isinstance(output, BlindOutput)
    assert output.coarse is output.restored
    assert output.restored.shape == lq.shape
    assert 0 <= output.restored.min() <= output.restored.max() <= 1
    assert output.mask.shape == output.soft_mask.shape == (2, 1, *size)
    height, width = (-(-side // 32) * 32 for side in size)
    assert [tuple(logits.shape[-2:]) for logits in output.mask_logits] == [
        (height // ratio, width // ratio) for ratio in (2, 4, 8)
    ]
    assert torch.equal(net(lq), output.restored)


@torch.no_grad()
def test_mask_is_the_finest_attention_and_one_where_it_changes_nothing() -> None:
    net = with_moving_statistics(small_net())
    torch.nn.init.constant_(net.attentions[0].hole_finder[-1].bias, -50.0)
    output = net(torch.rand(1, 3, 32, 32), return_all=True)
    assert (output.soft_mask > 0.99).all()
    # And the attention that found nothing keeps the background.
    features = torch.randn(1, 8, 16, 16)
    changed, _ = net.attentions[0](features)
    torch.testing.assert_close(changed, net.attentions[0].attention.background_gate(features))


def test_every_parameter_gets_a_gradient() -> None:
    net = small_net()
    output = net(torch.rand(2, 3, 64, 64), return_all=True, true_mask=torch.ones(2, 1, 64, 64), guidance='true')
    loss: Tensor = output.restored.square().mean() + sum(logits.square().mean() for logits in output.mask_logits)
    loss.backward()
    without = [name for name, p in net.named_parameters() if p.grad is None or not bool((p.grad != 0).any())]
    # A gate's hidden layer is one channel wide here, and may be switched off by its ReLU.
    assert not [name for name in without if '_gate.' not in name]


def test_mask_loss_reaches_the_attentions() -> None:
    net = small_net()
    output = net(torch.rand(2, 3, 64, 64), return_all=True)
    output.mask_logits[0].sum().backward()
    assert net.attentions[0].hole_finder[0].weight.grad is not None


@pytest.mark.parametrize(('options', 'message'), [({'dim': 0}, 'dim'), ({'n_levels': 4}, 'n_levels'),
                                                  ({'reduction': 0}, 'reduction')])  # fmt: skip
def test_bad_options(options: dict[str, int], message: str) -> None:
    with pytest.raises(ValueError, match=f'^{message}: '):
        small_net(**options)
