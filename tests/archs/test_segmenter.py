from __future__ import annotations

import math

import pytest
import torch
import torch.nn.functional as F
from basicsr.archs import build_network
from torch import Tensor

from hcl_arch.archs import SegmenterDetector
from hcl_arch.archs.baselines.segmenter_arch import GlobalAttentionBlock
from hcl_arch.archs.image_form import pad_to_multiple


def small_segmenter(**options: object) -> SegmenterDetector:
    torch.manual_seed(0)
    return build_network({
        'type': 'SegmenterDetector', 'dim': 16, 'depth': 2, 'num_heads': 2, 'patch_size': 8, 'decoder_depth': 1,
        'image_size': 32, **options,
    })  # fmt: skip


@pytest.mark.parametrize('size', [(16, 16), (32, 32), (50, 70), (17, 129)])
@torch.no_grad()
def test_any_size(size: tuple[int, int]) -> None:
    net = small_segmenter()
    image = torch.rand(2, 3, *size)
    confidence, logits = net(image), net.mask_logits(image)
    assert confidence.shape == (2, 1, *size)
    assert 0 <= confidence.min() <= confidence.max() <= 1
    assert logits.shape == pad_to_multiple(confidence, net.size_multiple).shape
    torch.testing.assert_close(torch.sigmoid(logits)[..., : size[0], : size[1]], confidence)


def test_attention_against_a_loop_over_heads_and_queries() -> None:
    block = GlobalAttentionBlock(6, num_heads=2, mlp_ratio=2)
    tokens = torch.randn(1, 4, 6)
    query, key, value = block.qkv(block.norm1(tokens))[0].chunk(3, dim=-1)
    attended = torch.zeros(4, 6)
    for head in (slice(0, 3), slice(3, 6)):
        for n in range(4):
            weights = torch.softmax(key[:, head] @ query[n, head] / math.sqrt(3), dim=0)
            attended[n, head] = weights @ value[:, head]
    expected = tokens + block.proj(attended)
    torch.testing.assert_close(block(tokens), expected + block.mlp(block.norm2(expected)))


class TestPositions:
    def test_native_size_takes_the_embedding_as_it_is(self) -> None:
        net = small_segmenter()
        assert net.positions(4, 4) is net.position_embedding

    def test_interpolation_keeps_rows_and_columns_apart(self) -> None:
        net = small_segmenter()
        net.position_embedding.data[:] = torch.arange(4.0).view(1, 1, 4, 1)
        positions = net.positions(8, 3)
        assert positions.shape == (1, 16, 8, 3)
        assert (positions.diff(dim=2)[:, :, 1:-1] > 0).all()
        assert (positions.diff(dim=3) == 0).all()

    @pytest.mark.parametrize('with_positions', [False, True])
    @torch.no_grad()
    def test_a_shift_by_a_patch_shifts_the_logits_unless_positions_are_known(self, with_positions: bool) -> None:
        net = small_segmenter()
        net.position_embedding.data.mul_(20.0 if with_positions else 0.0)
        image = torch.rand(1, 3, 32, 32)
        shifted = net.mask_logits(image.roll(8, dims=3))[..., 12:28]
        same = torch.allclose(shifted, net.mask_logits(image)[..., 4:20], atol=1e-4)
        assert same is not with_positions


@torch.no_grad()
def test_the_two_classes_are_treated_alike() -> None:
    net = small_segmenter()
    image = torch.rand(2, 3, 32, 32)
    logits = net.mask_logits(image)
    net.class_embeddings.data = net.class_embeddings.data.flip(1)
    torch.testing.assert_close(net.mask_logits(image), -logits)
    assert logits.std() > 1e-3


@torch.no_grad()
def test_logits_are_bounded_by_the_scale() -> None:
    net = small_segmenter()
    net.logit_scale.fill_(3.0)
    net.logit_bias.fill_(100.0)
    assert ((net.mask_logits(torch.rand(1, 3, 32, 32)) - 100).abs() <= 6).all()


def test_a_few_steps_learn_the_masks() -> None:
    generator = torch.Generator().manual_seed(0)
    mask = F.interpolate((torch.rand(4, 1, 4, 4, generator=generator) > 0.4).float(), scale_factor=8)
    smooth = F.interpolate(torch.rand(4, 3, 2, 2, generator=generator), size=32, mode='bilinear')
    image = mask * smooth + (1 - mask) * torch.rand(4, 3, 32, 32, generator=generator)
    net = small_segmenter(dim=32)
    optimizer = torch.optim.Adam(net.parameters(), lr=2e-3)
    losses: list[Tensor] = []
    for _ in range(40):
        losses.append(F.binary_cross_entropy_with_logits(net.mask_logits(image), mask))
        optimizer.zero_grad()
        losses[-1].backward()
        optimizer.step()
    assert all(parameter.grad is not None for parameter in net.parameters())
    assert losses[-1] < 0.6 * losses[0]


class TestErrors:
    def test_heads(self) -> None:
        with pytest.raises(ValueError, match='dim must be divisible by num_heads, got 16 and 3'):
            small_segmenter(num_heads=3)

    @pytest.mark.parametrize('image_size', [4, 30])
    def test_image_size(self, image_size: int) -> None:
        with pytest.raises(ValueError, match=f'image_size must be a multiple of patch_size, got {image_size} and 8'):
            small_segmenter(image_size=image_size)

    def test_image(self) -> None:
        net = small_segmenter()
        for call in (net, net.mask_logits):
            with pytest.raises(ValueError, match=r'\(B, 3, H, W\) with H and W >= 16'):
                call(torch.rand(1, 1, 32, 32))
