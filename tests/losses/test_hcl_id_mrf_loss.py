from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
import torch
from basicsr.losses import build_loss
from torch import Tensor

from hcl_arch.losses import HCLIDMRFLoss
from hcl_arch.losses.hcl_id_mrf_loss import id_mrf_distance

LAYERS = {'relu1_2': 0.5, 'relu2_2': 2.0}


def slow_distance(image: Sequence[Sequence[float]], truth: Sequence[Sequence[float]], bandwidth: float) -> float:
    """The loss of one image's features, number by number."""
    n, channels = len(truth), len(truth[0])
    mean = [sum(feature[c] for feature in truth) / n for c in range(channels)]

    def cosine(a: Sequence[float], b: Sequence[float]) -> float:
        a, b = ([value - m for value, m in zip(feature, mean)] for feature in (a, b))
        lengths = math.sqrt(sum(x * x for x in a)) * math.sqrt(sum(y * y for y in b))
        return sum(x * y for x, y in zip(a, b)) / lengths

    similarity = []
    for feature in image:
        distances = [(1 - cosine(feature, other)) / 2 for other in truth]
        relative = [distance / (min(distances) + 1e-5) for distance in distances]
        exponentials = [math.exp((1 - value) / bandwidth) for value in relative]
        similarity.append([value / sum(exponentials) for value in exponentials])
    best = [max(row[s] for row in similarity) for s in range(n)]
    return -math.log(sum(best) / n)


def features(batch: int, n: int, channels: int) -> Tensor:
    return torch.randn(batch, n, channels, generator=torch.Generator().manual_seed(n), dtype=torch.double)


@pytest.mark.parametrize('bandwidth', [0.1, 0.5, 2.0])
def test_against_loops(bandwidth: float) -> None:
    image, truth = features(3, 6, 4), features(3, 7, 4)[:, :6]
    found = id_mrf_distance(image, truth, bandwidth=bandwidth)
    expected = [slow_distance(image[b].tolist(), truth[b].tolist(), bandwidth) for b in range(3)]
    assert found.tolist() == pytest.approx(expected)


def test_three_features_by_hand() -> None:
    """Two channels; the truth's centred features are (2, 0), (-1, 1), (-1, -1), the image's (1, 0) for all three.

    Cosines 1, -1/sqrt(2), -1/sqrt(2); distances 0, (1 + 1/sqrt(2)) / 2 twice, which are 85,355 of the margin: the first
    has all the similarity, the others none of anybody's: the mean of 1, 0, 0.
    """
    truth = torch.tensor([[[3.0, 1.0], [0.0, 2.0], [0.0, 0.0]]])
    image = truth.mean(dim=1, keepdim=True) + torch.tensor([1.0, 0.0]).expand(1, 3, 2)
    assert id_mrf_distance(image, truth).item() == pytest.approx(math.log(3))


def test_two_features_by_hand() -> None:
    """Between both features of the truth: distances 1/2 and 1/2, softmax 1/2 and 1/2, -log(1/2)."""
    truth = torch.tensor([[[1.0, 0.0], [-1.0, 0.0]]])
    image = torch.tensor([[[0.0, 1.0], [0.0, 3.0]]])
    assert id_mrf_distance(image, truth).item() == pytest.approx(math.log(2))


def test_the_same_texture_elsewhere_costs_nothing_and_one_pattern_for_all_costs_more() -> None:
    truth = features(1, 16, 8).float()
    assert id_mrf_distance(truth, truth).item() == pytest.approx(0, abs=1e-6)
    assert id_mrf_distance(truth.flip(1), truth).item() == pytest.approx(0, abs=1e-6)
    assert id_mrf_distance(truth[:, :1].expand_as(truth), truth).item() == pytest.approx(math.log(16))


def test_images_do_not_touch_each_other() -> None:
    image, truth = features(2, 6, 4), features(2, 7, 4)[:, :6]
    alone = [id_mrf_distance(image[b : b + 1], truth[b : b + 1]) for b in range(2)]
    torch.testing.assert_close(id_mrf_distance(image, truth), torch.cat(alone))


def test_gradient() -> None:
    image, truth = features(1, 5, 3).requires_grad_(), features(1, 6, 3)[:, :5]
    assert torch.autograd.gradcheck(lambda x: id_mrf_distance(x, truth), image)


@pytest.mark.parametrize('image_value', [0.0, 1.0])
@pytest.mark.parametrize('truth_value', [0.0, 1.0])
def test_finite_where_all_features_are_equal(image_value: float, truth_value: float) -> None:
    image = torch.full((1, 9, 4), image_value, requires_grad=True)
    found = id_mrf_distance(image, torch.full((1, 9, 4), truth_value))
    found.sum().backward()
    assert found.item() == pytest.approx(math.log(9))
    assert image.grad is not None
    assert image.grad.isfinite().all()


class TestModule:
    def test_sum_of_layers_of_the_vgg(self) -> None:
        loss = HCLIDMRFLoss(loss_weight=0.1, layer_weights=LAYERS, weights='random', bandwidth=0.3)
        image, truth = torch.rand(2, 3, 8, 8), torch.rand(2, 3, 8, 8)
        ours, theirs = loss.vgg.truth_features(image), loss.vgg.truth_features(truth)
        expected = 0.0
        for name, weight in LAYERS.items():
            flat = [maps[name].flatten(2).transpose(1, 2).double().numpy() for maps in (ours, theirs)]
            expected += 0.1 * weight * np.mean([slow_distance(flat[0][b], flat[1][b], 0.3) for b in range(2)])
        value, style = loss(image, truth)
        assert value.item() == pytest.approx(expected, rel=1e-4)
        assert style is None

    def test_default_layers_are_the_sources(self) -> None:
        loss = HCLIDMRFLoss(weights='random')
        assert loss.layer_weights == {'relu3_2': 1.0, 'relu4_2': 2.0}
        found = loss.vgg.truth_features(torch.rand(1, 3, 16, 16))
        assert {name: maps.shape[1:] for name, maps in found.items()} == {
            'relu3_2': (256, 4, 4), 'relu4_2': (512, 2, 2)}  # fmt: skip

    def test_gradient_goes_to_the_image_alone(self) -> None:
        loss = HCLIDMRFLoss(layer_weights=LAYERS, weights='random')
        image, truth = (torch.rand(1, 3, 16, 16, requires_grad=True) for _ in range(2))
        loss(image, truth)[0].backward()
        assert image.grad is not None
        assert image.grad.isfinite().all()
        assert (image.grad != 0).any()
        assert truth.grad is None
        assert not any(parameter.requires_grad for parameter in loss.parameters())

    def test_descent_brings_a_texture_nearer(self) -> None:
        torch.manual_seed(0)
        loss = HCLIDMRFLoss(layer_weights={'relu2_1': 1.0}, weights='random')
        truth, image = torch.rand(1, 3, 16, 16), torch.full((1, 3, 16, 16), 0.5) + 0.01 * torch.rand(1, 3, 16, 16)
        image.requires_grad_()
        optimizer = torch.optim.Adam([image], lr=0.02)
        history = []
        for _ in range(15):
            value, _ = loss(image, truth)
            optimizer.zero_grad()
            value.backward()
            optimizer.step()
            history.append(value.item())
        assert history[-1] < 0.7 * history[0]

    def test_many_features_are_drawn_from(self) -> None:
        loss = HCLIDMRFLoss(layer_weights={'relu1_1': 1.0}, weights='random', max_features=20)
        image, truth = torch.rand(1, 3, 8, 8), torch.rand(1, 3, 8, 8)
        torch.manual_seed(1)
        first = loss(image, truth)[0]
        torch.manual_seed(1)
        assert torch.equal(loss(image, truth)[0], first)
        assert not torch.equal(loss(image, truth)[0], first)
        # The same places of both.
        assert loss(truth, truth)[0].item() == pytest.approx(0, abs=1e-5)
        loss.max_features = 64
        assert torch.equal(loss(image, truth)[0], loss(image, truth)[0])

    def test_checkpointing_changes_nothing(self) -> None:
        truth, image = torch.rand(2, 3, 16, 16), torch.rand(2, 3, 16, 16)
        loss = HCLIDMRFLoss(layer_weights=LAYERS, weights='random', max_features=30)
        results = []
        for use_checkpoint in (False, True):
            torch.manual_seed(2)
            loss.use_checkpoint = use_checkpoint
            leaf = image.clone().requires_grad_()
            value, _ = loss(leaf, truth)
            value.backward()
            results.append((value, leaf.grad))
        torch.testing.assert_close(*results)

    def test_float32_under_autocast(self) -> None:
        loss = HCLIDMRFLoss(layer_weights=LAYERS, weights='random')
        image, truth = torch.rand(1, 3, 16, 16), torch.rand(1, 3, 16, 16)
        with torch.autocast('cpu', torch.bfloat16):
            value, _ = loss(image, truth)
        assert value.dtype == torch.float32
        assert value.item() == pytest.approx(loss(image, truth)[0].item(), rel=0.05)

    def test_built_by_its_name_from_a_file(self, tmp_path: Path) -> None:
        missing = tmp_path / 'vgg.pth'
        with pytest.raises(FileNotFoundError, match=f'No VGG weights at {missing}'):
            build_loss({'type': 'HCLIDMRFLoss', 'loss_weight': 0.001, 'weights': str(missing)})

    @pytest.mark.parametrize(('options', 'match'), [
        ({'bandwidth': 0.0}, 'bandwidth: expects a number above 0'),
        ({'max_features': 1}, 'max_features: expects a whole number of at least 2'),
        ({'layer_weights': {}}, 'layer_weights: expects at least one layer'),
    ])  # fmt: skip
    def test_wrong_options(self, options: dict[str, object], match: str) -> None:
        with pytest.raises(ValueError, match=match):
            HCLIDMRFLoss(weights='random', **options)  # type: ignore[arg-type]
