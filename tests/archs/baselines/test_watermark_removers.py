from __future__ import annotations

from typing import Any

import pytest
import torch
from basicsr.archs import build_network

from hcl_arch.archs.baselines import BVMR
from hcl_arch.archs.baselines.watermark_remover import WatermarkOutput, WatermarkRemover

SMALL: dict[str, dict[str, Any]] = {
    'BVMR': {'dim': 2, 'n_units': 1},
    'SplitThenRefine': {'dim': 2, 'n_units': 1, 'attention_reduction': 2},
}


@pytest.fixture(params=SMALL)
def net(request: pytest.FixtureRequest) -> WatermarkRemover:
    return build_network({'type': request.param, **SMALL[request.param]}).eval()


def up_to_16(side: int) -> int:
    return -(-side // 16) * 16


@pytest.mark.parametrize('training', [False, True])
@pytest.mark.parametrize('size', [(16, 16), (50, 70), (33, 17), (64, 16)])
@torch.no_grad()
def test_any_size(net: WatermarkRemover, size: tuple[int, int], training: bool) -> None:
    lq = torch.rand(1, 3, *size)
    output = net.train(training)(lq, return_all=True)
    assert isinstance(output, WatermarkOutput)
    for image in (output.restored, output.coarse, output.watermark, *output.painted):
        assert image is not None
        assert image.shape == lq.shape
    assert output.mask.shape == output.soft_mask.shape == (1, 1, *size)
    assert output.mask_logits[0].shape == (1, 1, up_to_16(size[0]), up_to_16(size[1]))
    assert torch.equal(output.mask, output.stage_masks[0][..., : size[0], : size[1]])
    torch.testing.assert_close(output.soft_mask, output.stage_soft_masks[0][..., : size[0], : size[1]])


@torch.no_grad()
def test_result_is_blended_by_the_soft_mask_and_in_range(net: WatermarkRemover) -> None:
    lq = torch.rand(2, 3, 40, 32)
    output = net(lq, return_all=True)
    blends = [output.soft_mask * lq + (1 - output.soft_mask) * painted for painted in output.painted]
    torch.testing.assert_close(output.restored, blends[0].clamp(0, 1))
    torch.testing.assert_close(output.coarse, blends[-1].clamp(0, 1))
    assert torch.equal(net(lq), output.restored)


@torch.no_grad()
def test_padding_equals_padding_by_hand(net: WatermarkRemover) -> None:
    lq = torch.rand(1, 3, 30, 32)
    output, expected = (net(each, return_all=True) for each in (lq, torch.cat([lq, lq[:, :, -2:].flip(2)], dim=2)))
    torch.testing.assert_close(output.restored, expected.restored[:, :, :30])
    torch.testing.assert_close(output.mask_logits, expected.mask_logits)


@pytest.mark.parametrize('name', SMALL)
@torch.no_grad()
def test_without_compositing_the_result_is_the_painted_picture(name: str) -> None:
    net = build_network({'type': name, **SMALL[name], 'composite': False}).eval()
    output = net(torch.rand(1, 3, 32, 32), return_all=True)
    assert torch.equal(output.restored, output.painted[0].clamp(0, 1))


@torch.no_grad()
def test_given_mask_guides(net: WatermarkRemover) -> None:
    lq, mask = torch.rand(1, 3, 40, 32), torch.ones(1, 1, 40, 32)
    mask[..., 8:20, 5:25] = 0
    kept = mask.expand_as(lq) == 1
    repaired = net.repair(lq, mask)
    assert torch.equal(repaired, net(lq, true_mask=mask, guidance='true'))
    assert torch.equal(repaired[kept], lq[kept])
    assert not torch.allclose(repaired[~kept], lq[~kept], atol=1e-2)
    reversed_ = net.repair(lq, mask, reverse=True)
    assert torch.equal(reversed_[~kept], lq[~kept])
    torch.testing.assert_close(reversed_, net.repair(lq, 1 - mask))


@torch.no_grad()
def test_reverse_takes_what_the_predicted_mask_trusts(net: WatermarkRemover) -> None:
    lq = torch.rand(1, 3, 32, 32)
    soft_mask = net(lq, return_all=True).soft_mask
    torch.testing.assert_close(net(lq, reverse=True), net.repair(lq, 1 - soft_mask), atol=1e-4, rtol=0)


@torch.no_grad()
def test_detecting_only_paints_nothing(net: WatermarkRemover, monkeypatch: pytest.MonkeyPatch) -> None:
    lq = torch.rand(1, 3, 32, 32)
    soft_mask = net(lq, return_all=True).soft_mask
    monkeypatch.setattr(net, 'paint', lambda *_: pytest.fail('the picture was painted'))
    output = net(lq, return_all=True, restore=False)
    assert output.restored is lq
    assert output.coarse is lq
    assert output.painted == []
    assert output.watermark is None
    torch.testing.assert_close(output.soft_mask, soft_mask)


def test_gradient_flows_to_every_parameter(net: WatermarkRemover) -> None:
    net.train()
    output = net(torch.rand(2, 3, 32, 32), return_all=True)
    (output.restored.square().mean() + output.coarse.square().mean() + output.watermark.square().mean()).backward()
    without = [name for name, parameter in net.named_parameters() if parameter.grad is None]
    assert without == []


def test_losses_of_the_picture_reach_the_mask_unless_the_true_one_guides(net: WatermarkRemover) -> None:
    net.train()
    for guidance, reached in (('predicted', True), ('true', False)):
        head = net.mask_head if isinstance(net, BVMR) else net.split_net.heads['mask']
        mask = torch.ones(2, 1, 32, 32)
        output = net(torch.rand(2, 3, 32, 32), return_all=True, guidance=guidance, true_mask=mask)
        (gradient,) = torch.autograd.grad(output.restored.sum(), head.weight, allow_unused=True)
        assert (gradient is not None and bool(gradient.any())) is reached


def test_a_few_steps_learn_a_mask(net: WatermarkRemover) -> None:
    net.train()
    lq, mask = torch.rand(4, 3, 32, 32) * 0.2, torch.ones(4, 1, 32, 32)
    lq[..., 8:24, 4:20] += 0.7
    mask[..., 8:24, 4:20] = 0
    optimizer = torch.optim.Adam(net.parameters(), lr=1e-2)
    history = []
    for _ in range(15):
        output = net(lq, return_all=True, restore=False)
        loss = torch.nn.functional.binary_cross_entropy_with_logits(output.mask_logits[0], mask)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        history.append(loss.item())
    assert history[-1] < 0.5 * history[0]


@pytest.mark.parametrize('shape', [(1, 3, 15, 32), (1, 4, 32, 32), (3, 32, 32)])
def test_wrong_image(net: WatermarkRemover, shape: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match=r'\(B, 3, H, W\) with H and W >= 16'):
        net(torch.rand(shape))


def test_guidance_by_a_true_mask_that_is_not_given(net: WatermarkRemover) -> None:
    with pytest.raises(ValueError, match='needs true_mask'):
        net(torch.rand(1, 3, 32, 32), guidance='true')
