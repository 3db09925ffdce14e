"""Random numbers derived from a run's seed and progress, so no generator state has to be saved."""

from __future__ import annotations

import random
from collections.abc import Callable

import numpy as np
import torch
import torch.distributed as dist
from torch import Tensor


def derived_seed(*numbers: int) -> int:
    """Return a seed in [0, 2^63) that depends on each of several integers and on their order."""
    # As 32-bit words, after their count: SeedSequence treats (1,) like (1, 0), splits large numbers and refuses
    # negative ones, and `manual_seed` may be negative.
    words = [word for number in numbers for word in (number % 2**32, number // 2**32 % 2**32)]
    sequence = np.random.SeedSequence([len(numbers), *words])
    return int(sequence.generate_state(1, np.uint64)[0] >> np.uint64(1))


def seed_generators(seed: int, *, cuda: bool = False) -> None:
    """Seed the default generators of Python, of NumPy and of torch on the CPU and, if asked, on this process's GPU.

    Args:
        seed: in [0, 2^63).
        cuda: whether torch computes on a GPU. (`torch.manual_seed` would also handle a GPU that is not used yet, which
            takes longer than everything else.)
    """
    random.seed(seed)
    np.random.seed(seed % 2**32)  # noqa: NPY002  (others draw from this generator)
    torch.default_generator.manual_seed(seed)
    if cuda:
        torch.cuda.manual_seed(seed)


def draw_for_batch(draw: Callable[[int], Tensor], size: int) -> Tensor:
    """Draw random numbers for this process's share of a batch that several processes train on.

    Each process draws for all of them, from a generator in the same state everywhere, and takes the numbers of its own
    images: n processes with one image each then draw the same as a single one with a batch of n.

    Args:
        draw: takes the number of images and returns numbers for each, (images, ...).
        size: images of this process.

    Returns:
        (size, ...). Without a process group, `draw(size)`.
    """
    joined = dist.is_available() and dist.is_initialized()
    rank, world_size = (dist.get_rank(), dist.get_world_size()) if joined else (0, 1)
    # BasicSR distributes the images in turn: process r has the images r, r + n, r + 2n, ...
    return draw(size * world_size)[rank::world_size]
