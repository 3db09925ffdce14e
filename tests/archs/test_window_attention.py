from __future__ import annotations

import math
from typing import Optional

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor, nn

from hcl_arch.archs.layers.partial_conv import PartialConv2d
from hcl_arch.archs.layers.transformer_layer import SwinBlock, TransformerLayer
from hcl_arch.archs.layers.window_attention import WindowAttention, window_attention


def naive_attention(
    attention: WindowAttention, tokens: NDArray, positions: list[tuple[int, int]], window_size: int, bias: NDArray
) -> NDArray:
    """Attention among the tokens (N, C) at the given positions of one window, query by query; bias is (N, N)."""
    weights = {name: p.detach().double().numpy() for name, p in attention.named_parameters()}
    n, c = tokens.shape
    width = c // attention.num_heads
    out = np.zeros((n, c))
    for head in range(attention.num_heads):
        part = slice(head * width, (head + 1) * width)
        query, key, value = (
            tokens @ weights['qkv.weight'][index * c : (index + 1) * c][part].T
            + weights['qkv.bias'][index * c : (index + 1) * c][part]
            for index in range(3)
        )
        for i, (row, column) in enumerate(positions):
            logits = np.empty(n)
            for j, (other_row, other_column) in enumerate(positions):
                offset = row - other_row + window_size - 1, column - other_column + window_size - 1
                entry = offset[0] * (2 * window_size - 1) + offset[1]
                table = weights['relative_position_bias_table'][entry, head]
                logits[j] = query[i] @ key[j] / math.sqrt(width) + table + bias[i, j]
            exponentials = np.exp(logits - logits.max())
            out[i, part] = exponentials @ value / exponentials.sum()
    return out @ weights['proj.weight'].T + weights['proj.bias']


def rolled_window(position: tuple[int, int], shift: int, size: tuple[int, int], window_size: int) -> tuple[int, ...]:
    """Window into which a pixel comes when the map is rolled up and left by `shift`."""
    return tuple((p - shift) % s // window_size for p, s in zip(position, size))


def displaced_window(position: tuple[int, int], shift: int, window_size: int) -> tuple[int, ...]:
    """Window of a pixel in a displaced grid that does not wrap around."""
    return tuple((p - shift + window_size) // window_size for p in position)


def naive_block(
    block: SwinBlock, x: Tensor, mask: Optional[Tensor], shift: int, window_size: int
) -> tuple[Tensor, Optional[Tensor]]:
    """A block on a map (B, H, W, C) and its mask (B, H, W, 1), window by window, and the mask that it leaves."""
    batch, *size, _ = x.shape
    groups: dict[tuple[int, ...], list[tuple[int, int]]] = {}
    for position in np.ndindex(*size):
        groups.setdefault(rolled_window(position, shift, size, window_size), []).append(position)
    out, new_mask = x.clone(), torch.zeros(batch, *size, 1)
    normalised = F.layer_norm(x, x.shape[-1:], block.norm1.weight, block.norm1.bias)
    for image in range(batch):
        for members in groups.values():
            index = tuple(np.array(members).T)
            bias = np.zeros((len(members), len(members)))
            for i, query in enumerate(members):
                for j, key in enumerate(members):
                    if displaced_window(query, shift, window_size) != displaced_window(key, shift, window_size):
                        bias[i, j] -= 100
                    if mask is not None and mask[image][key] == 0:
                        bias[i, j] -= 100
            rolled = [tuple((p - shift) % s % window_size for p, s in zip(member, size)) for member in members]
            attended = naive_attention(
                block.attn, normalised[image][index].detach().double().numpy(), rolled, window_size, bias
            )
            out[image][index] += torch.from_numpy(attended).float()
            if mask is not None:
                new_mask[image][index] = mask[image][index].max()
    hidden = F.layer_norm(out, x.shape[-1:], block.norm2.weight, block.norm2.bias)
    hidden = F.gelu(F.linear(hidden, block.mlp[0].weight, block.mlp[0].bias))
    out = out + F.linear(hidden, block.mlp[2].weight, block.mlp[2].bias)
    return out, None if mask is None else new_mask


def naive_blocks(
    layer: TransformerLayer, x: Tensor, mask: Optional[Tensor], shifts: list[int]
) -> tuple[Tensor, Optional[Tensor]]:
    """The blocks of a layer on a map (B, C, H, W) and its mask (B, 1, H, W), displaced by `shifts`."""
    tokens = x.permute(0, 2, 3, 1)
    token_mask = None if mask is None else mask.permute(0, 2, 3, 1)
    for block, shift in zip(layer.blocks, shifts):
        tokens, token_mask = naive_block(block, tokens, token_mask, shift, layer.window_size)
    return tokens.permute(0, 3, 1, 2), None if token_mask is None else token_mask.permute(0, 3, 1, 2)


def randomized(module: nn.Module) -> nn.Module:
    """The module with random parameters large enough for every term to matter."""
    for parameter in module.parameters():
        nn.init.normal_(parameter, std=0.5)
    return module


class OffCpu(Tensor):
    """A tensor on the CPU that says it is elsewhere."""

    device = torch.device('meta')


@pytest.mark.parametrize('hidden', ['none', 'by region', 'by mask', 'by both'])
@pytest.mark.parametrize(('window_size', 'num_heads'), [(2, 1), (3, 2), (4, 4)])
def test_attention_equals_naive_loop(window_size: int, num_heads: int, hidden: str) -> None:
    attention = randomized(WindowAttention(8, window_size=window_size, num_heads=num_heads))
    n = window_size**2
    windows = torch.randn(6, n, 8)
    regions = torch.randint(3, (6, n), dtype=torch.int8) if hidden in ('by region', 'by both') else None
    valid = (torch.rand(6, n) < 0.7).float() if hidden in ('by mask', 'by both') else None
    out = attention(windows, regions, valid)
    positions = [divmod(index, window_size) for index in range(n)]
    for window in range(6):
        bias = np.zeros((n, n))
        for query in range(n):
            for key in range(n):
                if regions is not None and regions[window, query] != regions[window, key]:
                    bias[query, key] -= 100
                if valid is not None and valid[window, key] == 0:
                    bias[query, key] -= 100
        expected = naive_attention(attention, windows[window].double().numpy(), positions, window_size, bias)
        np.testing.assert_allclose(out[window].detach().numpy(), expected, atol=1e-4)


@pytest.mark.parametrize('shared_bias', [True, False])
def test_fused_kernel_equals_products_head_by_head(shared_bias: bool) -> None:
    # The fused kernel is taken anywhere but on a CPU.
    qkv = torch.randn(5, 9, 3, 2, 4, dtype=torch.float64, requires_grad=True)
    bias = torch.randn(1 if shared_bias else 5, 2, 9, 9, dtype=torch.float64, requires_grad=True)
    weights = torch.randn(5, 9, 8, dtype=torch.float64)
    expected = window_attention(qkv, bias)
    fused = window_attention(qkv.as_subclass(OffCpu), bias.as_subclass(OffCpu))
    assert isinstance(fused, OffCpu)
    fused = fused.as_subclass(Tensor)
    torch.testing.assert_close(fused, expected)
    expected_grads = torch.autograd.grad((weights * expected).sum(), (qkv, bias))
    torch.testing.assert_close(torch.autograd.grad((weights * fused).sum(), (qkv, bias)), expected_grads)


def test_attention_of_one_token_is_its_value() -> None:
    qkv = torch.randn(2, 1, 3, 2, 4)
    assert torch.allclose(window_attention(qkv, torch.randn(2, 2, 1, 1)), qkv[:, :, 2].flatten(2))


def test_width_must_be_divisible_by_heads() -> None:
    with pytest.raises(ValueError, match='width 6 of an attention layer must be divisible by its 4 heads'):
        WindowAttention(6, window_size=4, num_heads=4)


@pytest.mark.parametrize('with_mask', [False, True])
@pytest.mark.parametrize(('size', 'shift'), [((4, 4), 0), ((4, 12), 0), ((8, 4), 0), ((8, 8), 2), ((8, 12), 2)])
def test_layer_equals_naive_loop_over_displaced_windows(size: tuple[int, int], shift: int, with_mask: bool) -> None:
    layer = randomized(TransformerLayer(4, depth=2, num_heads=2, window_size=4, mask_guided=with_mask))
    x = torch.randn(2, 4, *size)
    mask = (torch.rand(2, 1, *size) < 0.05).float() if with_mask else None
    out, new_mask = layer._attend(x, mask)
    expected, expected_mask = naive_blocks(layer, x, mask, [0, shift])
    torch.testing.assert_close(out, expected, atol=1e-4, rtol=1e-4)
    if with_mask:
        assert torch.equal(new_mask, expected_mask)
    else:
        assert new_mask is None


def test_masked_layer_of_partly_hidden_windows_equals_naive_loop() -> None:
    # Large enough that after the first block and after the second some windows are valid and some are not.
    layer = randomized(TransformerLayer(4, depth=2, num_heads=1, window_size=2, mask_guided=True))
    x, mask = torch.randn(1, 4, 12, 12), torch.zeros(1, 1, 12, 12)
    mask[0, 0, (1, 1, 8, 11), (1, 2, 6, 11)] = 1
    out, new_mask = layer._attend(x, mask)
    expected, expected_mask = naive_blocks(layer, x, mask, [0, 1])
    torch.testing.assert_close(out, expected, atol=1e-4, rtol=1e-4)
    assert torch.equal(new_mask, expected_mask)
    assert 0 < mask.mean() < new_mask.mean() < 1


def test_valid_pixel_makes_its_displaced_window_valid() -> None:
    mask = torch.zeros(1, 1, 16, 16)
    mask[0, 0, 1, 4] = 1
    x = torch.randn(1, 4, 16, 16)
    same_grid, displaced = (
        TransformerLayer(4, depth=depth, num_heads=1, window_size=4, mask_guided=True)._attend(x, mask)[1]
        for depth in (1, 2)
    )
    expected = torch.zeros(16, 16)
    expected[0:4, 4:8] = 1
    assert torch.equal(same_grid[0, 0], expected)
    # Rows 0, 1 share their displaced window with rows 14, 15; rows 2 to 5, columns 2 to 5 and 6 to 9 form one each.
    expected = torch.zeros(16, 16)
    expected[[0, 1, 2, 3, 4, 5, 14, 15], 2:10] = 1
    assert torch.equal(displaced[0, 0], expected)


def test_hidden_keys_do_not_matter_where_others_are_seen() -> None:
    block = randomized(SwinBlock(4, num_heads=2, window_size=4))
    windows, valid = torch.randn(1, 16, 4), torch.ones(1, 16)
    valid[0, 6] = 0
    other = windows.clone()
    other[0, 6] = 9.0 * torch.randn(4)
    out, out_other = block(windows, valid=valid), block(other, valid=valid)
    seen = valid > 0
    torch.testing.assert_close(out[seen], out_other[seen])
    assert not torch.allclose(block(windows)[seen], block(other)[seen], atol=1e-2)


def test_keys_of_other_regions_do_not_matter() -> None:
    block = randomized(SwinBlock(4, num_heads=2, window_size=4))
    windows, regions = torch.randn(1, 16, 4), torch.zeros(1, 16, dtype=torch.int8)
    regions[0, 10:] = 5
    other = windows.clone()
    other[0, 10:] = 9.0 * torch.randn(6, 4)
    out, out_other = block(windows, regions), block(other, regions)
    torch.testing.assert_close(out[0, :10], out_other[0, :10])
    assert not torch.allclose(block(windows)[0, :10], block(other)[0, :10], atol=1e-2)


def test_window_without_valid_pixel_attends_as_if_unmasked() -> None:
    block = randomized(SwinBlock(4, num_heads=2, window_size=4))
    windows = torch.randn(2, 16, 4)
    torch.testing.assert_close(block(windows, valid=torch.zeros(2, 16)), block(windows), atol=1e-4, rtol=1e-4)
    layer = randomized(TransformerLayer(4, depth=2, num_heads=2, window_size=4, mask_guided=True))
    x = torch.randn(1, 4, 8, 8)
    out, mask = layer._attend(x, torch.zeros(1, 1, 8, 8))
    torch.testing.assert_close(out, layer._attend(x, None)[0], atol=1e-4, rtol=1e-4)
    assert mask.sum() == 0


@pytest.mark.parametrize(('height', 'width', 'shifts'), [(4, 4, False), (4, 16, False), (8, 4, False), (8, 8, True)])
def test_map_of_a_single_window_is_not_shifted(height: int, width: int, shifts: bool) -> None:
    layer = randomized(TransformerLayer(4, depth=2, num_heads=2, window_size=4))
    x = torch.randn(1, 4, height, width)
    plain, _ = naive_blocks(layer, x, None, [0, 0])
    assert torch.allclose(layer._attend(x, None)[0], plain, atol=1e-4) is not shifts


def test_layer_shifts_every_other_block() -> None:
    layer = randomized(TransformerLayer(4, depth=4, num_heads=1, window_size=4))
    x = torch.randn(1, 4, 8, 8)
    expected, _ = naive_blocks(layer, x, None, [0, 2, 0, 2])
    torch.testing.assert_close(layer._attend(x, None)[0], expected, atol=1e-3, rtol=1e-4)


@pytest.mark.parametrize('with_mask', [False, True])
def test_layer_ends_in_a_residual_convolution(with_mask: bool) -> None:
    layer = TransformerLayer(4, depth=2, num_heads=1, window_size=8, mask_guided=with_mask)
    assert isinstance(layer.conv, PartialConv2d if with_mask else nn.Conv2d)
    x = torch.randn(1, 4, 16, 16)
    mask = (torch.rand(1, 1, 16, 16) < 0.01).float() if with_mask else None
    features, new_mask = layer._attend(x, mask)
    convolved = layer.conv(features) if new_mask is None else layer.conv(features, new_mask)
    torch.testing.assert_close(layer(x, mask), x + nn.GELU()(convolved))
