from __future__ import annotations

from typing import Optional

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from hcl_arch.losses.pixel_sampling import PixelChoice, gather_pixels, random_pixels, representative_pixels


def chosen(choice: PixelChoice, image: int) -> list[int]:
    """Positions of the pixels that were chosen in an image."""
    return choice.position[image][choice.used[image]].tolist()


@pytest.mark.parametrize('limit', [1, 5, 30, 99])
def test_random_pixels_are_eligible_and_different(limit: int) -> None:
    eligible = torch.rand(6, 100) < torch.tensor([0.0, 0.01, 0.1, 0.5, 0.9, 1.0]).unsqueeze(1)
    for _ in range(10):
        choice = random_pixels(eligible, limit)
        assert choice.position.shape == choice.used.shape == (6, limit)
        for image in range(6):
            positions = chosen(choice, image)
            assert len(positions) == min(limit, int(eligible[image].sum()))
            assert len(set(positions)) == len(positions)
            assert eligible[image, positions].all()


@pytest.mark.parametrize('limit', [None, 20, 21])
def test_without_need_of_a_choice_all_are_taken(limit: Optional[int]) -> None:
    eligible = torch.rand(3, 20) < 0.5
    choice = random_pixels(eligible, limit)
    for image in range(3):
        assert chosen(choice, image) == eligible[image].nonzero().flatten().tolist()


def test_random_pixels_are_chosen_equally_often() -> None:
    eligible = torch.arange(20).expand(1000, 20) % 2 == 0
    choice = random_pixels(eligible, 3)
    counts = torch.bincount(choice.position[choice.used], minlength=20)
    # 300 expected for each of ten; the standard deviation of a count is 14.5.
    assert (counts[1::2] == 0).all()
    assert counts[::2].min() > 235
    assert counts[::2].max() < 365


def test_generator_decides_the_choice() -> None:
    eligible = torch.ones(2, 50, dtype=torch.bool)

    def choose(seed: int) -> Tensor:
        return random_pixels(eligible, 10, torch.Generator().manual_seed(seed)).position

    assert torch.equal(choose(1), choose(1))
    assert not torch.equal(choose(1), choose(2))


def expected_representatives(region: Tensor, confidence: Tensor, limit: int) -> list[int]:
    """Positions chosen in one image, from (h, w) maps, pixel by pixel."""
    height, width = region.shape
    border, inside = [], []
    for row in range(height):
        for column in range(width):
            if region[row, column] > 0:
                near = [
                    region[y, x] > 0
                    for y in range(max(row - 1, 0), min(row + 2, height))
                    for x in range(max(column - 1, 0), min(column + 2, width))
                ]
                (inside if all(near) else border).append((float(confidence[row, column]), row * width + column))
    if len(border) + len(inside) <= limit:
        return sorted(position for _, position in border + inside)
    from_border = min(limit // 2, len(border))
    positions = []
    for part, count in ((border, from_border), (inside, min(limit - from_border, len(inside)))):
        part.sort()
        positions += part[: count // 2] + part[len(part) - (count - count // 2) :]
    return sorted(position for _, position in positions)


@pytest.mark.parametrize('limit', [4, 7, 16, 33, 60, 119, 1000])
def test_representatives_equal_slow_oracle(limit: int) -> None:
    blobs = F.interpolate(torch.randn(5, 1, 4, 4), size=(12, 10), mode='bicubic')
    region = torch.cat([(blobs > 0).float(), torch.zeros(1, 1, 12, 10), torch.ones(1, 1, 12, 10)])
    confidence = torch.rand(7, 1, 12, 10)
    choice = representative_pixels(region, confidence, limit)
    assert choice.position.shape[1] <= limit
    for image in range(7):
        positions = chosen(choice, image)
        assert len(set(positions)) == len(positions)
        assert sorted(positions) == expected_representatives(region[image, 0], confidence[image, 0], limit)


def test_representatives_by_hand() -> None:
    # Region: places 0 to 6 of a row. Its inner border is place 6 alone, so the rest gives three of four: 5 has the
    # lowest confidence, 0 and 3 the highest.
    region = torch.tensor([1, 1, 1, 1, 1, 1, 1, 0.0]).view(1, 1, 1, 8)
    confidence = torch.tensor([0.9, 0.5, 0.6, 0.7, 0.6, 0.4, 0.8, 1.0]).view(1, 1, 1, 8)
    assert sorted(chosen(representative_pixels(region, confidence, 4), 0)) == [0, 3, 5, 6]
    # All seven fit, though only one of them is at the border.
    assert sorted(chosen(representative_pixels(region, confidence, 7), 0)) == [0, 1, 2, 3, 4, 5, 6]


def test_representatives_without_limit() -> None:
    region = (torch.rand(2, 1, 4, 4) < 0.5).float()
    choice = representative_pixels(region, torch.rand(2, 1, 4, 4), None)
    for image in range(2):
        assert chosen(choice, image) == region[image].flatten().nonzero().flatten().tolist()


def test_gather_pixels() -> None:
    features = torch.randn(2, 3, 4, 5)
    position = torch.tensor([[0, 7], [19, 5]])
    pixels = gather_pixels(features, PixelChoice(position, torch.ones(2, 2, dtype=torch.bool)))
    assert torch.equal(pixels[0, 1], features[0, :, 1, 2])
    assert torch.equal(pixels[1, 0], features[1, :, 3, 4])
    assert pixels.shape == (2, 2, 3)
