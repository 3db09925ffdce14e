from __future__ import annotations

from typing import Optional

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor

from hcl_arch.archs.hcl.spherical_kmeans import cluster_weights, spherical_two_means, weighted_centers


def oracle(points: NDArray, start: int, *, temperature: float, iterations: int) -> tuple[NDArray, float]:
    """Centres (2, P) and mean weighted distance of one run from the point `start`, pixel by pixel."""
    cosines = [float(points[start] @ point) for point in points]
    centers = [points[start], points[int(np.argmin(cosines))]]

    def weights_of(point: NDArray) -> NDArray:
        exponentials = np.array([np.exp(-(1 - float(point @ center)) / temperature) for center in centers])
        return exponentials / exponentials.sum()

    for _ in range(iterations):
        sums = np.zeros((2, points.shape[1]))
        for point in points:
            sums += weights_of(point)[:, None] * point
        centers = [total / np.linalg.norm(total) for total in sums]
    cost = sum(
        weight * (1 - float(point @ center)) for point in points for weight, center in zip(weights_of(point), centers)
    )
    return np.stack(centers), cost / len(points)


def random_points(seed: int, count: int = 12, width: int = 4, batch: int = 1) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    return F.normalize(torch.randn(batch, count, width, generator=generator), dim=-1)


def two_means(points: Tensor, included: Optional[Tensor] = None, **options: object) -> Tensor:
    included = torch.ones(points.shape[:2]) if included is None else included
    return spherical_two_means(points, included, **{'temperature': 0.3, 'iterations': 3, **options})


def test_cluster_weights_by_hand() -> None:
    weights = cluster_weights(torch.tensor([[1.0, 0.0]]), torch.tensor([[1.0, 0.0], [0.0, 1.0]]), temperature=0.5)
    # softmax of (0, -1 / 0.5)
    assert weights.tolist()[0] == pytest.approx([1 / (1 + np.exp(-2)), np.exp(-2) / (1 + np.exp(-2))])


def test_weighted_centers_by_hand() -> None:
    points = torch.tensor([[1.0, 0.0], [0.0, 1.0]])
    centers = weighted_centers(points, torch.tensor([[3.0, 0.0], [4.0, 0.0]]))
    assert centers[0].tolist() == pytest.approx([0.6, 0.8])
    assert centers[1].tolist() == [0.0, 0.0]


@pytest.mark.parametrize('iterations', [0, 1, 3, 10])
@pytest.mark.parametrize('seed', range(4))
def test_equals_a_run_of_the_oracle(seed: int, iterations: int) -> None:
    points = random_points(seed)
    centers = two_means(points, iterations=iterations, seed=seed)[0].double().numpy()
    expected, _ = oracle(points[0].double().numpy(), first_point(points, seed), temperature=0.3, iterations=iterations)
    np.testing.assert_allclose(centers, expected, atol=1e-5)


def first_point(points: Tensor, seed: int) -> int:
    """Index of the point at which the run with this seed starts."""
    start = two_means(points, iterations=0, seed=seed)[0, 0]
    return int((points[0] - start).abs().sum(dim=1).argmin())


def test_best_of_many_starts_has_the_lowest_cost() -> None:
    for seed in range(5):
        points = random_points(seed)
        runs = [oracle(points[0].double().numpy(), start, temperature=0.1, iterations=2) for start in range(12)]
        # 200 starts reach each of the 12 points.
        centers = two_means(points, temperature=0.1, iterations=2, repeats=200, seed=seed)[0].double().numpy()
        expected, _ = min(runs, key=lambda run: run[1])
        if expected[0] @ centers[0] < expected[0] @ centers[1]:
            centers = centers[::-1]
        np.testing.assert_allclose(centers, expected, atol=1e-5)


def test_more_starts_never_cost_more() -> None:
    points = random_points(1, count=40, batch=6)

    def cost(centers: Tensor) -> Tensor:
        weights = cluster_weights(points, centers, temperature=0.1)
        return (weights * (1 - points @ centers.transpose(1, 2))).sum(dim=(1, 2))

    costs = torch.stack([cost(two_means(points, temperature=0.1, repeats=repeats)) for repeats in (1, 2, 5, 30)])
    assert (costs.diff(dim=0) <= 1e-5).all()
    assert (costs[-1] < costs[0] - 1e-3).any()


def test_every_point_is_a_start_of_some_seed_equally_often() -> None:
    points = random_points(0, count=8)
    starts = [first_point(points, seed) for seed in range(400)]
    # 50 expected for each; the standard deviation of a count is 6.6.
    counts = np.bincount(starts, minlength=8)
    assert counts.min() > 25
    assert counts.max() < 80


def test_one_seed_for_all_sets_equals_that_seed_for_each() -> None:
    points = random_points(3, batch=3)
    for_all = two_means(points, seed=7, repeats=2)
    torch.testing.assert_close(two_means(points, seed=torch.tensor([7, 7, 7]), repeats=2), for_all)
    each = two_means(points, seed=torch.tensor([1, 7, 2]), repeats=2)
    torch.testing.assert_close(each[1], for_all[1])
    for index, seed in enumerate((1, 7, 2)):
        torch.testing.assert_close(each[index], two_means(points[index : index + 1], seed=seed, repeats=2)[0])


@pytest.mark.parametrize('seed', [0, 2**31 - 1, 2**31 + 5, -3])
def test_any_seed_is_good(seed: int) -> None:
    points = random_points(0, count=500)
    centers = two_means(points, seed=seed, repeats=3)
    torch.testing.assert_close(centers.norm(dim=-1), torch.ones(1, 2))


def test_excluded_points_have_no_part() -> None:
    points = random_points(5, count=20, batch=8)
    included = (torch.rand(8, 20) < 0.4).float()
    included[:, 3] = 1
    garbage = torch.where(included.unsqueeze(-1) > 0, points, random_points(6, count=20, batch=8))
    for repeats in (1, 4):
        torch.testing.assert_close(
            two_means(points, included, repeats=repeats), two_means(garbage, included, repeats=repeats)
        )
    starts = two_means(points, included, iterations=0)
    for index in range(8):
        ours = points[index][included[index] > 0]
        assert all((ours == center).all(dim=1).any() for center in starts[index])


def test_two_tight_clusters_are_found_from_any_start() -> None:
    ends = F.normalize(torch.tensor([[1.0, 0.2, 0.0], [-0.3, 1.0, 0.5]]), dim=1)
    points = ends[torch.tensor([0, 1, 0, 0, 1, 0, 0])].unsqueeze(0)
    for seed in range(10):
        centers = two_means(points, temperature=0.05, seed=seed)[0]
        order = centers if centers[0] @ ends[0] > centers[1] @ ends[0] else centers.flip(0)
        torch.testing.assert_close(order, ends, atol=1e-3, rtol=0)


@pytest.mark.parametrize('repeats', [1, 3])
def test_degenerate_sets(repeats: int) -> None:
    point = F.normalize(torch.tensor([[1.0, 2.0, 2.0]]), dim=1)
    equal = point.expand(1, 9, 3)
    # No point, one point, and nine equal points.
    assert torch.equal(two_means(equal, torch.zeros(1, 9), repeats=repeats), torch.zeros(1, 2, 3))
    one = torch.zeros(1, 9)
    one[0, 4] = 1
    torch.testing.assert_close(
        two_means(random_points(0, 9, 3), one, repeats=repeats)[0], random_points(0, 9, 3)[0, 4].expand(2, 3)
    )
    torch.testing.assert_close(two_means(equal, repeats=repeats)[0], point.expand(2, 3))
    # A set beside them in the batch does not suffer.
    both = torch.cat([equal, random_points(0, 9, 3)])
    included = torch.cat([torch.zeros(1, 9), torch.ones(1, 9)])
    torch.testing.assert_close(
        two_means(both, included, repeats=repeats)[1], two_means(random_points(0, 9, 3), repeats=repeats)[0]
    )


def test_centers_have_no_gradient() -> None:
    assert not two_means(random_points(0).requires_grad_()).requires_grad
