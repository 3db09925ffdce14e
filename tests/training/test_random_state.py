"""Seeds that follow from numbers, and draws that several processes share."""

from __future__ import annotations

import itertools
import random
from typing import Any, Callable

import numpy as np
import pytest
import torch
import torch.distributed as dist
from torch import Tensor, nn

from hcl_arch.archs import HCLDetector
from hcl_arch.losses.hcl_wgan_gp_loss import gradient_penalty
from hcl_arch.losses.pixel_sampling import random_pixels
from hcl_arch.utils.random_state import derived_seed, draw_for_batch, seed_generators

InProcess = Callable[[int, int], None]


@pytest.fixture
def in_process(monkeypatch: pytest.MonkeyPatch) -> InProcess:
    """Function (rank, world size) that lets draws be those of one of several processes, with seeded generators."""

    def simulate(rank: int, world_size: int) -> None:
        monkeypatch.setattr(dist, 'is_initialized', lambda: True)
        monkeypatch.setattr(dist, 'get_rank', lambda: rank)
        monkeypatch.setattr(dist, 'get_world_size', lambda: world_size)
        seed_generators(17)

    return simulate


class TestDerivedSeed:
    @pytest.mark.parametrize('count', [1, 2, 3])
    def test_depends_on_each_number_and_on_the_order(self, count: int) -> None:
        several = list(itertools.product((0, 1, 2, 77), repeat=count))
        assert len({derived_seed(*numbers) for numbers in several}) == len(several)

    def test_an_iteration_and_a_sample_have_different_seeds(self) -> None:
        manual_seed, number = 5, 3
        of_iteration = derived_seed(manual_seed, number)
        assert of_iteration != derived_seed(manual_seed, number, 0)  # the first sample of the epoch of that number

    def test_large_numbers_are_numbers_of_their_own(self) -> None:
        assert derived_seed(5 + 2**32) != derived_seed(5, 1)

    def test_repeats(self) -> None:
        assert derived_seed(3, 5, 7) == derived_seed(3, 5, 7)

    def test_negative_numbers_are_numbers_of_their_own(self) -> None:
        assert len({derived_seed(number, 2) for number in (-2, -1, 0, 1, 2)}) == 5

    def test_range(self) -> None:
        seeds = [derived_seed(number) for number in range(2000)]
        assert min(seeds) >= 0
        assert max(seeds) < 2**63
        assert min(seeds) < 2**57  # all bits are in use
        assert max(seeds) > 2**63 - 2**57

    def test_is_the_same_in_every_run(self) -> None:
        # A run may be resumed by another Python: changing these numbers changes every run.
        sequence = np.random.SeedSequence([2, 1, 0, 2, 0])  # their count, and two words of each
        assert derived_seed(1, 2) == int(sequence.generate_state(1, np.uint64)[0]) // 2


def draws_of_all_generators() -> tuple[float, float, float]:
    return random.random(), float(np.random.rand()), torch.rand(()).item()  # noqa: NPY002


class TestSeedGenerators:
    def test_all_three_repeat(self) -> None:
        seed_generators(2**63 - 1)
        first = draws_of_all_generators()
        between = draws_of_all_generators()
        seed_generators(2**63 - 1)
        assert draws_of_all_generators() == first
        assert all(a != b for a, b in zip(first, between))

    def test_all_three_depend_on_the_seed(self) -> None:
        seed_generators(1)
        first = draws_of_all_generators()
        seed_generators(2)
        assert all(a != b for a, b in zip(first, draws_of_all_generators()))

    @pytest.mark.parametrize('cuda', [False, True])
    def test_gpu_only_if_asked(self, cuda: bool, monkeypatch: pytest.MonkeyPatch) -> None:
        seeds: list[int] = []
        monkeypatch.setattr(torch.cuda, 'manual_seed', seeds.append)
        seed_generators(5, cuda=cuda)
        assert seeds == ([5] if cuda else [])


class TestDrawForBatch:
    def test_without_other_processes(self) -> None:
        torch.manual_seed(3)
        expected = torch.rand(5, 2)
        torch.manual_seed(3)
        assert torch.equal(draw_for_batch(lambda images: torch.rand(images, 2), 5), expected)

    @pytest.mark.parametrize('processes', [2, 4])
    def test_shares_make_the_whole(self, processes: int, in_process: InProcess) -> None:
        """BasicSR's sampler deals out samples in turn: process r has the images r, r + n, ... of the whole batch."""
        in_process(0, 1)
        whole = draw_for_batch(lambda images: torch.rand(images, 3), 8)
        for rank in range(processes):
            in_process(rank, processes)
            share = draw_for_batch(lambda images: torch.rand(images, 3), 8 // processes)
            assert torch.equal(share, whole[rank::processes])

    def test_generators_stay_in_step(self, in_process: InProcess) -> None:
        following = []
        for rank, processes in ((0, 1), (0, 2), (1, 2)):
            in_process(rank, processes)
            draw_for_batch(lambda images: torch.rand(images, 3), 4 // processes)
            following.append(torch.rand(()).item())
        assert len(set(following)) == 1


class TestUses:
    """What an iteration draws per image is the same for one process with four images and for two with two."""

    @staticmethod
    def whole_and_shares(draw: Callable[[slice], Any], in_process: InProcess) -> tuple[Any, list[Any]]:
        in_process(0, 1)
        whole = draw(slice(None))
        shares = []
        for rank in range(2):
            in_process(rank, 2)
            shares.append(draw(slice(rank, None, 2)))
        return whole, shares

    def test_pixels_of_the_contrastive_loss(self, in_process: InProcess) -> None:
        eligible = torch.rand(4, 60) > 0.3

        def draw(images: slice) -> Tensor:
            return random_pixels(eligible[images], 9).position

        whole, shares = self.whole_and_shares(draw, in_process)
        assert torch.equal(torch.stack(shares, dim=1).flatten(0, 1), whole)

    def test_points_of_the_gradient_penalty(self, in_process: InProcess) -> None:
        real, fake = torch.rand(2, 4, 3, 8, 8)
        discriminator = nn.Sequential(nn.Conv2d(3, 4, 3), nn.Tanh(), nn.Conv2d(4, 1, 3)).double()

        def draw(images: slice) -> Tensor:
            return gradient_penalty(discriminator, real[images].double(), fake[images].double())

        whole, shares = self.whole_and_shares(draw, in_process)
        torch.testing.assert_close(torch.stack(shares).mean(), whole)
        assert not torch.isclose(*shares)

    def test_seeds_of_kmeans(self, in_process: InProcess) -> None:
        detector = HCLDetector(dim=4, encoder_depths=(1, 1, 1), window_size=4, proj_dim=4).train()
        images = torch.rand(4, 3, 32, 32)

        def draw(which: slice) -> Any:
            return detector._kmeans_seed(images[which], None)

        whole, shares = self.whole_and_shares(draw, in_process)
        assert torch.equal(torch.stack(shares, dim=1).flatten(), whole)
        assert len(set(whole.tolist())) == 4
