from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from hcl_arch.archs.transformer_layer import SwinBlock, TransformerLayer
from hcl_arch.archs.window_attention import (
    WindowAttention,
    merge_windows,
    partition_windows,
    shifted_region_bias,
)


def naive_attention(attention: WindowAttention, tokens: NDArray, positions: list[tuple[int, int]], window_size: int,
                    bias: NDArray) -> NDArray:
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


def randomized(module: nn.Module) -> nn.Module:
    """The module with random parameters large enough for every term to matter."""
    for parameter in module.parameters():
        nn.init.normal_(parameter, std=0.5)
    return module


def test_partition_by_hand() -> None:
    windows = partition_windows(torch.arange(16.0).view(1, 4, 4, 1), 2)
    assert windows[0, :, :, 0].tolist() == [[0, 1, 4, 5], [2, 3, 6, 7], [8, 9, 12, 13], [10, 11, 14, 15]]


@pytest.mark.parametrize(('height', 'width', 'window_size'), [(4, 4, 4), (8, 4, 4), (6, 15, 3), (16, 8, 8)])
def test_merge_undoes_partition(height: int, width: int, window_size: int) -> None:
    x = torch.randn(2, height, width, 3)
    windows = partition_windows(x, window_size)
    assert windows.shape == (2, height * width // window_size**2, window_size**2, 3)
    assert torch.equal(merge_windows(windows, window_size, height, width), x)


@pytest.mark.parametrize('with_bias', [False, True])
@pytest.mark.parametrize(('window_size', 'num_heads'), [(2, 1), (3, 2), (4, 4)])
def test_attention_equals_naive_loop(window_size: int, num_heads: int, with_bias: bool) -> None:
    attention = randomized(WindowAttention(8, window_size=window_size, num_heads=num_heads))
    n = window_size**2
    windows = torch.randn(2, 3, n, 8)
    bias = torch.randn(2, 3, 1, n, n) if with_bias else torch.zeros(2, 3, 1, n, n)
    out = attention(windows, bias if with_bias else None)
    positions = [divmod(index, window_size) for index in range(n)]
    for image in range(2):
        for window in range(3):
            expected = naive_attention(attention, windows[image, window].double().numpy(), positions, window_size,
                                       bias[image, window, 0].double().numpy())
            np.testing.assert_allclose(out[image, window].detach().numpy(), expected, atol=1e-4)


def test_width_must_be_divisible_by_heads() -> None:
    with pytest.raises(ValueError, match='width 6 of an attention layer must be divisible by its 4 heads'):
        WindowAttention(6, window_size=4, num_heads=4)


@pytest.mark.parametrize(('height', 'width'), [(8, 8), (16, 8), (12, 20)])
@pytest.mark.parametrize('shift', [1, 2])
def test_shifted_regions_equal_swins_construction(height: int, width: int, shift: int) -> None:
    # As in Swin's code: number the slices that the shift cuts, partition the numbers, and compare.
    window_size, number = 4, 0
    regions = torch.zeros(1, height, width, 1)
    slices = (slice(0, -window_size), slice(-window_size, -shift), slice(-shift, None))
    for rows in slices:
        for columns in slices:
            regions[:, rows, columns] = number
            number += 1
    windows = partition_windows(regions, window_size)[0, :, :, 0]
    expected = (windows[:, None, :] != windows[:, :, None]).float() * -100
    assert torch.equal(shifted_region_bias(height, width, window_size, shift, torch.device('cpu')), expected)


def rolled_window(position: tuple[int, int], shift: int, size: tuple[int, int], window_size: int) -> tuple[int, int]:
    """Window into which a pixel comes when the map is rolled up and left by `shift`."""
    return tuple((p - shift) % s // window_size for p, s in zip(position, size))


def displaced_window(position: tuple[int, int], shift: int, window_size: int) -> tuple[int, int]:
    """Window of a pixel in a displaced grid that does not wrap around."""
    return tuple((p - shift + window_size) // window_size for p in position)


@pytest.mark.parametrize('masked', [False, True])
@pytest.mark.parametrize('shift', [0, 2])
def test_swin_block_equals_naive_loop(shift: int, masked: bool) -> None:
    size, window_size = (8, 12), 4
    block = randomized(SwinBlock(4, num_heads=2, window_size=window_size, shift=shift))
    x = torch.randn(2, *size, 4)
    mask = (torch.rand(2, *size, 1) < 0.15).float() if masked else None
    out, new_mask = block(x, mask)

    groups: dict[tuple[int, int], list[tuple[int, int]]] = {}
    for position in np.ndindex(*size):
        groups.setdefault(rolled_window(position, shift, size, window_size), []).append(position)
    expected, expected_mask = x.clone(), torch.zeros(2, *size, 1)
    normalised = block.norm1(x)
    for image in range(2):
        for members in groups.values():
            index = tuple(np.array(members).T)
            bias = np.zeros((len(members), len(members)))
            for i, query in enumerate(members):
                for j, key in enumerate(members):
                    if displaced_window(query, shift, window_size) != displaced_window(key, shift, window_size):
                        bias[i, j] -= 100
                    if masked and mask[image][key] == 0:
                        bias[i, j] -= 100
            rolled = [tuple((p - shift) % s % window_size for p, s in zip(member, size)) for member in members]
            attended = naive_attention(block.attn, normalised[image][index].detach().double().numpy(), rolled,
                                       window_size, bias)
            expected[image][index] += torch.from_numpy(attended).float()
            if masked:
                expected_mask[image][index] = mask[image][index].max()
    expected = expected + block.mlp(block.norm2(expected))
    torch.testing.assert_close(out, expected, atol=1e-4, rtol=1e-4)
    if masked:
        assert torch.equal(new_mask, expected_mask)
        assert 0 < new_mask.mean() < 1
    else:
        assert new_mask is None


def test_valid_pixel_makes_its_displaced_window_valid() -> None:
    mask = torch.zeros(1, 8, 8, 1)
    mask[0, 1, 4] = 1
    _, same_grid = SwinBlock(4, num_heads=1, window_size=4, shift=0)(torch.randn(1, 8, 8, 4), mask)
    _, displaced = SwinBlock(4, num_heads=1, window_size=4, shift=2)(torch.randn(1, 8, 8, 4), mask)
    expected = torch.zeros(8, 8)
    expected[0:4, 4:8] = 1
    assert torch.equal(same_grid[0, :, :, 0], expected)
    # Rows 0, 1 share their displaced window with rows 6, 7; columns 2 to 5 form one.
    expected = torch.zeros(8, 8)
    expected[[0, 1, 6, 7], 2:6] = 1
    assert torch.equal(displaced[0, :, :, 0], expected)


def test_hidden_keys_do_not_matter_where_others_are_seen() -> None:
    block = randomized(SwinBlock(4, num_heads=2, window_size=4, shift=0))
    x, mask = torch.randn(1, 4, 4, 4), torch.ones(1, 4, 4, 1)
    mask[0, 1, 2] = 0
    other = x.clone()
    other[0, 1, 2] = 9.0 * torch.randn(4)
    out, out_other = block(x, mask)[0], block(other, mask)[0]
    seen = mask[..., 0] > 0
    torch.testing.assert_close(out[seen], out_other[seen])


def test_window_without_valid_pixel_attends_as_if_unmasked() -> None:
    block = randomized(SwinBlock(4, num_heads=2, window_size=4, shift=0))
    x = torch.randn(1, 4, 4, 4)
    out, mask = block(x, torch.zeros(1, 4, 4, 1))
    torch.testing.assert_close(out, block(x)[0], atol=1e-4, rtol=1e-4)
    assert mask.sum() == 0


@pytest.mark.parametrize(('height', 'width', 'shifts'), [(4, 4, False), (4, 16, False), (8, 4, False), (8, 8, True)])
def test_map_of_a_single_window_is_not_shifted(height: int, width: int, shifts: bool) -> None:
    displaced = randomized(SwinBlock(4, num_heads=2, window_size=4, shift=2))
    plain = SwinBlock(4, num_heads=2, window_size=4, shift=0)
    plain.load_state_dict(displaced.state_dict())
    x = torch.randn(1, height, width, 4)
    assert torch.allclose(displaced(x)[0], plain(x)[0], atol=1e-5) is not shifts


def test_layer_shifts_every_other_block_and_ends_in_a_residual_convolution() -> None:
    layer = TransformerLayer(4, depth=4, num_heads=1, window_size=8)
    assert [block.shift for block in layer.blocks] == [0, 4, 0, 4]
    x = torch.randn(1, 4, 16, 16)
    tokens: Tensor = x.permute(0, 2, 3, 1)
    for block in layer.blocks:
        tokens, _ = block(tokens)
    expected = x + nn.GELU()(layer.conv(tokens.permute(0, 3, 1, 2)))
    torch.testing.assert_close(layer(x), expected)
