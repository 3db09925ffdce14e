"""The ablations that are options of the network and of the contrastive loss."""

from __future__ import annotations

from typing import Any

import pytest
import torch
import torch.nn.functional as F
from basicsr.archs import build_network

from hcl_arch.archs import HCLNet
from hcl_arch.archs.hcl.mask_hierarchy import masks_of_logits
from hcl_arch.losses import HCLContrastiveLoss
from hcl_arch.losses.hcl_contrastive_loss import circle_contrastive_loss, whole_patches

SMALL: dict[str, Any] = {
    'type': 'HCLNet', 'dim': 4, 'encoder_depths': [2, 1, 1], 'window_size': 4, 'proj_dim': 8,
    'bottleneck_window_size': 4, 'refiner': {'type': 'HCLRefineNet', 'dim': 4, 'dim_mults': [1, 2]},
}  # fmt: skip


def net_of(**options: Any) -> HCLNet:
    torch.manual_seed(0)
    return build_network({**SMALL, **options})


@pytest.mark.parametrize('stage', [0, 1, 2])
def test_a_single_stage_is_the_only_one(stage: int) -> None:
    net = net_of(single_stage=stage, n_conv_stages=1)
    lq, mask = torch.rand(2, 3, 33, 50), torch.ones(2, 1, 33, 50)
    mask[..., :20] = 0
    output = net(lq, return_all=True, true_mask=mask)
    side = 2 ** (stage + 1)
    assert [tuple(stage.mask.shape) for stage in output.stages] == [(2, 1, 64 // side, 64 // side)]
    assert len(output.embeddings) == 1
    # Each pixel of the image has its patch's value.
    assert torch.equal(output.mask, F.interpolate(output.stages[0].mask, scale_factor=side)[..., :33, :50])
    assert output.restored.shape == lq.shape
    padded = F.pad(mask, (0, 14, 0, 31), value=1.0)
    (loss,) = HCLContrastiveLoss()(output.embeddings, output.stages, padded)
    loss.backward()
    heads = net.detector.projection_heads
    assert len(heads.heads) == 1
    assert all(parameter.grad is not None for parameter in heads.parameters())


def test_a_single_stage_guides_all_stages_of_the_decoder() -> None:
    net = net_of(single_stage=0).eval()
    seen: list[list[torch.Tensor]] = []
    net.decoder.register_forward_hook(lambda module, args, output: seen.append(args[2]))
    output = net(torch.rand(1, 3, 32, 32), return_all=True)
    assert [tuple(mask.shape[-2:]) for mask in seen[0]] == [(32, 32), (16, 16), (8, 8)]
    for mask in seen[0]:
        assert torch.equal(mask, F.interpolate(output.mask, size=mask.shape[-2:], mode='nearest'))


def test_there_is_no_fourth_stage() -> None:
    with pytest.raises(ValueError, match=r'single_stage must be 0 ... 2 \(fine to coarse\), got 3'):
        net_of(single_stage=3)
    with pytest.raises(ValueError, match="mask_from must be one of .*'clusters', 'pixels'.* got 'pixel'"):
        net_of(mask_from='pixel')


def test_masks_of_classified_pixels() -> None:
    net = net_of(mask_from='pixels').eval()
    output = net(torch.rand(2, 3, 32, 48), return_all=True)
    assert [tuple(logits.shape) for logits in output.mask_logits] == [(2, 1, 32, 48), (2, 1, 16, 24), (2, 1, 8, 12)]
    for stage, logits in zip(output.stages, output.mask_logits):
        torch.testing.assert_close(stage.soft_mask, torch.sigmoid(logits))
        assert torch.equal(stage.mask, (logits >= 0).float())
    assert torch.equal(output.mask, output.stages[0].mask)
    torch.testing.assert_close(output.pixel_logits, output.mask_logits[-1])


def test_only_pixels_have_logits_and_they_learn() -> None:
    assert net_of()(torch.rand(1, 3, 32, 32), return_all=True).mask_logits == []
    net = net_of(mask_from='pixels')
    output = net(torch.rand(1, 3, 32, 32), return_all=True, restore=False)
    torch.stack([logits.mean() for logits in output.mask_logits]).sum().backward()
    assert all(parameter.grad is not None for parameter in net.detector.parameters())


def test_logits_decide_alone_and_centres_are_their_means() -> None:
    embedding = F.normalize(torch.randn(1, 3, 2, 2), dim=1)
    logits = torch.tensor([2.0, -1.0, 0.0, -3.0]).view(1, 1, 2, 2)
    (stage,) = masks_of_logits([embedding], [logits])
    assert stage.mask.flatten().tolist() == [1, 0, 1, 0]
    assert stage.known_clean.sum() == stage.known_corrupted.sum() == stage.certain_clean.sum() == 0
    weights = torch.sigmoid(logits).flatten()
    for centre, weight in ((0, weights), (1, 1 - weights)):
        mean = (embedding.flatten(2)[0] * weight).sum(dim=1)
        torch.testing.assert_close(stage.centers[0, centre], mean / mean.norm())


def test_without_sample_selection_every_stage_stands_alone() -> None:
    """Each stage's loss is that of its own pixels, all of the map, among themselves."""
    net = net_of()
    mask = torch.ones(2, 1, 32, 32)
    mask[:, :, 8:, :16] = 0
    output = net(torch.rand(2, 3, 32, 32), return_all=True, true_mask=mask, restore=False)
    options = {'max_pixels': None, 'max_representatives': None}
    losses = HCLContrastiveLoss(sample_selection=False, **options)(output.embeddings, output.stages, mask)
    for loss, embedding in zip(losses, output.embeddings):
        clean, corrupted = whole_patches(mask, *embedding.shape[-2:])
        pixels, used = embedding.flatten(2).transpose(1, 2), (clean | corrupted).flatten(1)
        expected = circle_contrastive_loss(
            pixels, clean.flatten(1), pixels, clean.flatten(1), query_used=used, key_used=used, temperature=0.1
        )
        torch.testing.assert_close(loss, expected.mean())
    selected = HCLContrastiveLoss(**options)(output.embeddings, output.stages, mask)
    torch.testing.assert_close(selected[-1], losses[-1])
    assert not torch.isclose(selected[0], losses[0])
