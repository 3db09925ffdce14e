"""Random numbers that follow from a run's seed and from how far it is, so that nothing of them has to be saved."""

from __future__ import annotations

import random
from collections.abc import Callable

import numpy as np
import torch
import torch.distributed as dist
from torch import Tensor


def derived_seed(*numbers: int) -> int:
    """Return a seed in [0, 2^63) that depends on each of some whole numbers and on their order."""
    # As words of 32 bits, after their count: SeedSequence takes (1,) for (1, 0), splits large numbers and refuses
    # negative ones, which `manual_seed` may be.
    words = [word for number in numbers for word in (number % 2**32, number // 2**32 % 2**32)]
    sequence = np.random.SeedSequence([len(numbers), *words])
    return int(sequence.generate_state(1, np.uint64)[0] >> np.uint64(1))


def seed_generators(seed: int, *, cuda: bool = False) -> None:
    """Seed the default generators of Python, of NumPy and of torch on the CPU and, if asked, on this process's GPU.

    Args:
        seed: in [0, 2^63).
        cuda: whether torch computes on a GPU. (`torch.manual_seed` would take account of one that is not used yet, and
            take longer for that than for all else.)
    """
    random.seed(seed)
    np.random.seed(seed % 2**32)  # noqa: NPY002  (others draw from this generator)
    torch.default_generator.manual_seed(seed)
    if cuda:
        torch.cuda.manual_seed(seed)


def draw_for_batch(draw: Callable[[int], Tensor], size: int) -> Tensor:
    """Draw random numbers for this process's share of a batch that several processes train on.

    Each process draws for all of them, from a generator that is in the same state everywhere, and takes what belongs to
    its own images: so n processes with one image each draw what a single one draws for a batch of n.

    Args:
        draw: given the number of images, returns numbers for each, (images, ...).
        size: images of this process.

    Returns:
        (size, ...). Without a process group, `draw(size)`.
    """
    joined = dist.is_available() and dist.is_initialized()
    rank, world_size = (dist.get_rank(), dist.get_world_size()) if joined else (0, 1)
    # BasicSR deals the images out in turn: process r has the images r, r + n, r + 2n, ...
    return draw(size * world_size)[rank::world_size]
