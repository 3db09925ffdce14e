from __future__ import annotations

import pytest
import torch
from torch import Tensor

from hcl_arch.archs.layers.window_order import Reordering, WindowGrid, between_windows, from_windows, to_windows

CPU = torch.device('cpu')
GRIDS = [
    WindowGrid(4, 4, 4, 0),
    WindowGrid(8, 4, 4, 0),
    WindowGrid(4, 4, 2, 1),
    WindowGrid(8, 12, 4, 2),
    WindowGrid(6, 15, 3, 1),
    WindowGrid(16, 8, 8, 7),
]


def partition(rows: Tensor, window_size: int) -> Tensor:
    """A map (H, W) window by window: (H * W / N, N)."""
    height, width = rows.shape
    return torch.stack([
        rows[top : top + window_size, left : left + window_size].flatten()
        for top in range(0, height, window_size)
        for left in range(0, width, window_size)
    ])  # fmt: skip


class TestWindowGrid:
    def test_positions_by_hand(self) -> None:
        # The map's places are 0 ... 3 in its first row, 4 ... 7 in its second and so on.
        positions = WindowGrid(4, 4, 2, 0).positions(CPU).view(4, 4)
        assert positions.tolist() == [[0, 1, 4, 5], [2, 3, 6, 7], [8, 9, 12, 13], [10, 11, 14, 15]]

    def test_displaced_positions_by_hand(self) -> None:
        # The first window begins at (1, 1); those at the right and at the bottom go on at the opposite edge.
        positions = WindowGrid(4, 4, 2, 1).positions(CPU).view(4, 4)
        assert positions.tolist() == [[5, 6, 9, 10], [7, 4, 11, 8], [13, 14, 1, 2], [15, 12, 3, 0]]

    def test_positions_of_an_oblong_map_by_hand(self) -> None:
        # One row of three windows of 2 x 2, displaced by 1: 0 ... 5 are above 6 ... 11.
        positions = WindowGrid(2, 6, 2, 1).positions(CPU).view(3, 4)
        assert positions.tolist() == [[7, 8, 1, 2], [9, 10, 3, 4], [11, 6, 5, 0]]

    @pytest.mark.parametrize('grid', GRIDS)
    def test_ranks_are_the_inverse(self, grid: WindowGrid) -> None:
        positions, ranks = grid.positions(CPU), grid.ranks(CPU)
        every_place = torch.arange(grid.height * grid.width)
        assert positions.dtype == ranks.dtype == torch.int64
        assert torch.equal(positions[ranks], every_place)
        assert torch.equal(ranks[positions], every_place)

    def test_regions_by_hand(self) -> None:
        # The windows inside, across the right edge, across the bottom and in the corner; each letter is one region.
        regions = WindowGrid(4, 4, 2, 1).regions(CPU).tolist()
        for window, pattern in zip(regions, ('aaaa', 'abab', 'aabb', 'abcd')):
            for i in range(4):
                for j in range(4):
                    assert (window[i] == window[j]) is (pattern[i] == pattern[j])

    @pytest.mark.parametrize(('height', 'width'), [(8, 8), (16, 8), (12, 20)])
    @pytest.mark.parametrize('shift', [1, 2, 3])
    def test_regions_equal_swins_construction(self, height: int, width: int, shift: int) -> None:
        # As in Swin's code: number the slices that the shift cuts, partition the numbers, and compare.
        window_size, number = 4, 0
        numbers = torch.zeros(height, width)
        slices = (slice(0, -window_size), slice(-window_size, -shift), slice(-shift, None))
        for rows in slices:
            for columns in slices:
                numbers[rows, columns] = number
                number += 1
        windows = partition(numbers, window_size)
        regions = WindowGrid(height, width, window_size, shift).regions(CPU)
        assert regions.shape == windows.shape
        assert torch.equal(regions[:, None, :] != regions[:, :, None], windows[:, None, :] != windows[:, :, None])

    @pytest.mark.parametrize('grid', [grid for grid in GRIDS if grid.shift == 0])
    def test_windows_in_place_have_one_region_each(self, grid: WindowGrid) -> None:
        regions = grid.regions(CPU)
        assert torch.equal(regions, regions[:, :1].expand_as(regions))


class TestReordering:
    def test_by_hand(self) -> None:
        # Two maps of three tokens: each is reordered by itself.
        reorder = Reordering(torch.tensor([2, 0, 1]), torch.tensor([1, 2, 0]))
        tokens = torch.tensor([[1.0, 10.0], [2.0, 20.0], [3.0, 30.0], [4.0, 40.0], [5.0, 50.0], [6.0, 60.0]])
        assert reorder(tokens)[:, 0].tolist() == [3, 1, 2, 6, 4, 5]
        assert reorder(tokens)[:, 1].tolist() == [30, 10, 20, 60, 40, 50]
        assert reorder(tokens[:3])[:, 0].tolist() == [3, 1, 2]

    @pytest.mark.parametrize('batch', [1, 3])
    @pytest.mark.parametrize('grid', GRIDS)
    def test_to_windows_equals_rolling_and_partitioning(self, grid: WindowGrid, batch: int) -> None:
        maps = torch.randn(batch, grid.height, grid.width, 2)
        rolled = torch.roll(maps, (-grid.shift, -grid.shift), dims=(1, 2))
        expected = torch.stack([
            torch.stack([partition(image[..., channel], grid.window_size).flatten() for channel in range(2)], dim=-1)
            for image in rolled
        ])  # fmt: skip
        assert torch.equal(to_windows(grid, CPU)(maps.view(-1, 2)), expected.view(-1, 2))

    @pytest.mark.parametrize('batch', [1, 3])
    @pytest.mark.parametrize('grid', GRIDS)
    def test_round_trip(self, grid: WindowGrid, batch: int) -> None:
        tokens = torch.randn(batch * grid.height * grid.width, 2)
        there, back = to_windows(grid, CPU), from_windows(grid, CPU)
        assert torch.equal(back(there(tokens)), tokens)
        assert torch.equal(there(back(tokens)), tokens)

    @pytest.mark.parametrize('batch', [1, 3])
    @pytest.mark.parametrize(('shift', 'new_shift'), [(0, 2), (2, 0), (1, 3), (2, 2)])
    def test_between_windows_equals_the_way_over_rows_and_columns(self, shift: int, new_shift: int, batch: int) -> None:
        source, target = WindowGrid(8, 12, 4, shift), WindowGrid(8, 12, 4, new_shift)
        tokens = torch.randn(batch * 8 * 12, 2)
        direct = between_windows(source, target, CPU)
        assert torch.equal(direct(tokens), to_windows(target, CPU)(from_windows(source, CPU)(tokens)))
        assert torch.equal(direct.order[direct.inverse], torch.arange(8 * 12))

    def test_windows_of_other_sizes(self) -> None:
        source, target = WindowGrid(6, 12, 3, 1), WindowGrid(6, 12, 6, 2)
        tokens = torch.randn(2 * 6 * 12, 2)
        expected = to_windows(target, CPU)(from_windows(source, CPU)(tokens))
        assert torch.equal(between_windows(source, target, CPU)(tokens), expected)

    def test_is_a_copy_even_where_nothing_moves(self) -> None:
        tokens = torch.randn(16, 2)
        copy = to_windows(WindowGrid(4, 4, 4, 0), CPU)(tokens)
        assert torch.equal(copy, tokens)
        assert copy.data_ptr() != tokens.data_ptr()

    @pytest.mark.parametrize('batch', [1, 2])
    def test_gradient(self, batch: int) -> None:
        source, target = WindowGrid(4, 8, 4, 0), WindowGrid(4, 8, 4, 2)
        tokens = torch.randn(batch * 4 * 8, 2, dtype=torch.float64, requires_grad=True)
        for reorder in (to_windows(target, CPU), from_windows(target, CPU), between_windows(source, target, CPU)):
            assert torch.autograd.gradcheck(reorder, (tokens,))

    def test_gradient_returns_each_value_to_its_token(self) -> None:
        # Expanded and transposed gradients, which hold no memory of their own or in another order, too.
        reorder = to_windows(WindowGrid(4, 8, 4, 2), CPU)
        weights = torch.randn(2, 64)
        for grad in (torch.ones(()).expand(64, 2), weights.t()):
            tokens = torch.randn(64, 2, requires_grad=True)
            reorder(tokens).backward(grad)
            expected = torch.empty(64, 2)
            for b in range(2):
                expected[32 * b + reorder.order] = grad[32 * b : 32 * b + 32]
            assert torch.equal(tokens.grad, expected)

    def test_keeps_only_the_inverse_for_the_backward_pass(self) -> None:
        reorder = to_windows(WindowGrid(4, 8, 4, 2), CPU)
        saved: list[Tensor] = []
        with torch.autograd.graph.saved_tensors_hooks(lambda x: saved.append(x) or x, lambda x: x):
            reorder(torch.randn(32, 2, requires_grad=True))
        assert len(saved) == 1
        assert torch.equal(saved[0], reorder.inverse)
