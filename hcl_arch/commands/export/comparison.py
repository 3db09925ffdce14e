"""Comparison of exported files with PyTorch, at sizes not used in the export."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Callable, NamedTuple

import torch
from torch import Tensor, nn

from hcl_arch.commands.export.parts import INTERFACES, Part

# Criteria for equality: the share of equal mask pixels, and of image values within a distance.
EQUAL_MASKS = 0.999
EQUAL_IMAGES = 0.999
IMAGE_TOLERANCE = 1e-3

Runner = Callable[[Sequence[Tensor]], Sequence[Tensor]]


class Difference(NamedTuple):
    """Difference between a file's output and PyTorch's."""

    name: str
    """Of the output."""
    size: tuple[int, int]
    """H and W of the image, px."""
    equal: float
    """Share of the values that are equal: of a mask exactly, of the others within ``IMAGE_TOLERANCE``."""
    largest: float
    """Largest difference."""

    @property
    def is_small(self) -> bool:
        """Whether it counts as equal. For a confidence the mask decides."""
        return self.name == 'confidence' or self.equal >= (EQUAL_MASKS if self.name == 'mask' else EQUAL_IMAGES)

    def line(self) -> str:
        """The difference in words."""
        height, width = self.size
        within = 'equal' if self.name == 'mask' else f'within {IMAGE_TOLERANCE:g}'
        shares = f'{100 * self.equal:.2f} % {within}, largest difference {self.largest:.1e}'
        return f'{width} x {height}: {self.name}: {shares}'


def compare(run: Runner, network: nn.Module, part: Part, sizes: Sequence[tuple[int, int]]) -> list[Difference]:
    """Run a file and PyTorch on test images.

    Args:
        run: Runs the file: from the part's inputs to its outputs.
        network: The network of the part, as users call it.
        part: Name of the exported part.
        sizes: H and W of the images, px; batches of one and two images alternate.
    """
    found = []
    for index, (height, width) in enumerate(sizes):
        inputs = test_inputs(part, 1 + index % 2, height, width)
        with torch.no_grad():
            expected = call_network(network, part, inputs)
        for name, output, wanted in zip(INTERFACES[part.name].outputs, run(inputs), expected):
            off = (output - wanted).abs()
            within = 0.0 if name == 'mask' else IMAGE_TOLERANCE
            equal = (off <= within).to(torch.float64).mean().item() if output.shape == wanted.shape else 0.0
            found.append(Difference(name, (height, width), equal, off.max().item()))
    return found


def call_network(network: nn.Module, part: Part, inputs: Sequence[Tensor]) -> tuple[Tensor, ...]:
    """PyTorch's outputs for a part's inputs, by the network's own calls."""
    if part.name == 'restore':
        repair = getattr(network, 'repair', None)
        if repair is not None:
            return (repair(*inputs),)
        return (network(inputs[0], true_mask=inputs[1], guidance='true'),)
    output = network(inputs[0], return_all=True, restore=part.name == 'all')
    found = (output.mask, output.soft_mask)
    return found if part.name == 'detect' else (output.restored, *found)


def test_inputs(part: Part, batch: int, height: int, width: int) -> list[Tensor]:
    """Smooth images with a rectangle of noise, and the masks of the rectangles."""
    generator = torch.Generator().manual_seed(height * 10007 + width)
    colours = torch.rand(batch, 3, 3, 3, generator=generator)
    image = torch.nn.functional.interpolate(colours, size=(height, width), mode='bilinear', align_corners=True)
    mask = torch.ones(batch, 1, height, width)
    mask[..., height // 4 : height // 2, width // 3 : 2 * width // 3] = 0
    image = torch.where(mask > 0, image, torch.rand(batch, 3, height, width, generator=generator))
    return [image, mask] if part.name == 'restore' else [image]
