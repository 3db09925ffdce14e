"""HCLRepairNet: sizes, where it begins, what it can learn, and how it serves as a restorer."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from torch import Tensor

from hcl_arch.archs import DetectThenRestore, HCLRepairNet
from hcl_arch.archs.hcl_repair_net_arch import ContextBlock
from hcl_arch.archs.layers.smooth_fill import smooth_fill
from hcl_arch.archs.registry import ARCHS
from hcl_arch.model_files import load_model, save_model

TINY = {'dim': 8, 'dim_mults': (1, 1, 2), 'n_context': 1, 'num_heads': 2}
DETECTOR = {'type': 'HCLDetector', 'dim': 4, 'encoder_depths': (1, 1, 1), 'num_heads': (1, 1, 1), 'window_size': 4}


def fed(image: Tensor, mask: Tensor) -> Tensor:
    return torch.cat([image, mask], dim=1)


@pytest.mark.parametrize('size', [(16, 16), (50, 70), (33, 17)])
def test_any_size(size: tuple[int, int]) -> None:
    assert HCLRepairNet(**TINY)(torch.rand(2, 4, *size)).shape == (2, 3, *size)


def test_begins_with_the_smooth_fill_and_a_tenth_of_the_image() -> None:
    image, mask = torch.rand(1, 3, 32, 32), (torch.rand(1, 1, 32, 32) > 0.5).float()
    painted = HCLRepairNet(**TINY)(fed(image, mask))
    assert torch.allclose(painted, 0.9 * smooth_fill(image, mask) + 0.1 * image, atol=0.02)


def test_begins_with_what_its_filler_fills() -> None:
    filler = {'type': 'HCLRefineNet', 'dim': 4, 'dim_mults': [1, 1, 1, 1, 1, 1]}
    network = HCLRepairNet(**TINY, filler=filler, freeze_filler=True)
    assert network.size_multiple == 32
    assert network.filler is not None
    assert not any(parameter.requires_grad for parameter in network.filler.parameters())
    assert all(parameter.requires_grad for parameter in network.last_conv.parameters())
    image, mask = torch.rand(1, 3, 40, 50), (torch.rand(1, 1, 40, 50) > 0.5).float()
    filled = network.filler(torch.cat([image * mask + 0.5 * (1 - mask), mask], dim=1))
    painted = network(fed(image, mask))
    hole = (mask == 0).expand_as(image)
    assert torch.allclose(painted[hole], (0.9 * filled + 0.1 * image)[hole], atol=0.05)


def test_a_model_file_keeps_the_filler(tmp_path: Path) -> None:
    filler = {'type': 'HCLRefineNet', 'dim': 4, 'dim_mults': [1, 1]}
    restorer = {'type': 'HCLRepairNet', **TINY, 'filler': filler}
    options = {
        'type': 'DetectThenRestore', 'detector': DETECTOR, 'restorer': restorer,
        'restorer_input': ['image', 'mask'], 'freeze_detector': True,
    }  # fmt: skip
    network = ARCHS.build(options).eval()
    save_model(tmp_path / 'a.safetensors', options, network.state_dict(), {})
    loaded = load_model(tmp_path / 'a.safetensors').network
    image, mask = torch.rand(1, 3, 32, 32), (torch.rand(1, 1, 32, 32) > 0.5).float()
    assert torch.equal(loaded.repair(image, mask), network.repair(image, mask))
    torch.save({'params': {f'restorer.{name}': value for name, value in network.restorer.filler.state_dict().items()}},
               tmp_path / 'filler.pth')  # fmt: skip
    again = HCLRepairNet(**TINY, filler=filler, filler_weights=str(tmp_path / 'filler.pth'))
    assert again.filler is not None
    assert torch.equal(again.filler.last_conv.weight, network.restorer.filler.last_conv.weight)
    with pytest.raises(FileNotFoundError, match='filler_weights: there is no file'):
        HCLRepairNet(**TINY, filler=filler, filler_weights='nowhere.pth')


@pytest.mark.parametrize('kind', ['veil', 'opaque'])
def test_learns_to_correct_and_to_fill(kind: str) -> None:
    """A veil is taken off, with all that shines through; under what is opaque, the colour around it goes on."""
    torch.manual_seed(0)
    network = HCLRepairNet(**TINY)
    optimizer = torch.optim.Adam(network.parameters(), 3e-3)
    errors = []
    for _ in range(150):
        truth = torch.rand(4, 3, 1, 1).expand(-1, -1, 32, 32).clone()
        if kind == 'veil':
            truth = torch.rand(4, 3, 32, 32)
        mask = torch.ones(4, 1, 32, 32)
        mask[..., 8:24, 8:24] = 0
        covered = 0.5 * truth + 0.5 if kind == 'veil' else torch.zeros_like(truth)
        image = mask * truth + (1 - mask) * covered
        loss = ((network(fed(image, mask)) - truth).abs() * (1 - mask)).mean()
        errors.append(float(loss.detach()))
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    assert sum(errors[-10:]) < 0.35 * sum(errors[:10])


def test_holes_get_less_attention() -> None:
    block = ContextBlock(8, 2)
    block.norm, block.block = torch.nn.Identity(), torch.nn.Identity()  # type: ignore[assignment]
    with torch.no_grad():
        block.penalty.fill_(100.0)
    holes = torch.zeros(1, 1, 4, 4)
    holes[..., 2:] = 1
    x = torch.rand(1, 8, 4, 4)
    other = x + holes * torch.rand(1, 8, 4, 4)
    changed = (block(x, holes) - block(other, holes)).abs()
    assert changed[..., :2].max() < 1e-5
    assert changed[..., 2:].max() > 1e-3


def test_restores_behind_a_detector() -> None:
    net = DetectThenRestore(
        DETECTOR, {'type': 'HCLRepairNet', **TINY}, restorer_input=['image', 'mask'],
        freeze_detector=True,
    ).eval()  # fmt: skip
    image, mask = torch.rand(1, 3, 40, 50), torch.ones(1, 1, 40, 50)
    mask[..., 10:20, 10:20] = 0
    repaired = net.repair(image, mask)
    assert torch.equal(repaired[(mask == 1).expand_as(image)], image[(mask == 1).expand_as(image)])
    assert not torch.equal(repaired, image)


def test_wrong_numbers() -> None:
    with pytest.raises(ValueError, match='3 heads do not divide the coarsest width, 16'):
        HCLRepairNet(**{**TINY, 'num_heads': 3})
    with pytest.raises(ValueError, match='dim: expects a whole number of at least 1'):
        HCLRepairNet(**{**TINY, 'dim': 0})


@pytest.fixture
def sure_or_not() -> DetectThenRestore:
    """Blind restoration whose restorer paints the confidence."""

    class Painter(torch.nn.Module):
        def forward(self, x: Tensor) -> Tensor:
            assert x.shape[1] == 5
            return x[:, 4:].expand(-1, 3, -1, -1)

    torch.manual_seed(0)
    options = {'restorer_input': ['image', 'mask', 'confidence'], 'composite': False}
    return DetectThenRestore(DETECTOR, Painter(), **options).eval()  # type: ignore[arg-type]


def test_the_confidence_is_the_detector_s_or_the_given_mask(sure_or_not: DetectThenRestore) -> None:
    image, mask = torch.rand(1, 3, 32, 32), (torch.rand(1, 1, 32, 32) > 0.5).float()
    assert sure_or_not.takes_confidence
    found = sure_or_not(image, return_all=True)
    assert torch.equal(found.restored, found.soft_mask.expand(-1, 3, -1, -1))
    by_truth = sure_or_not(image, return_all=True, true_mask=mask, guidance='true').restored
    assert torch.equal(by_truth, mask.expand(-1, 3, -1, -1))
    assert torch.equal(sure_or_not.repair(image, mask), mask.expand(-1, 3, -1, -1))
    doubted = sure_or_not.repair(image, mask, confidence=0.25 * mask)
    assert torch.equal(doubted, 0.25 * mask.expand(-1, 3, -1, -1))
    reversed_ = sure_or_not.repair(image, mask, confidence=0.25 * mask, reverse=True)
    assert torch.equal(reversed_, 1 - 0.25 * mask.expand(-1, 3, -1, -1))


def test_a_restorer_that_takes_the_confidence_depends_on_it() -> None:
    torch.manual_seed(0)
    network = HCLRepairNet(**TINY, takes_confidence=True)
    torch.nn.init.normal_(network.last_conv.weight, std=0.1)
    image, mask = torch.rand(1, 3, 32, 32), (torch.rand(1, 1, 32, 32) > 0.5).float()
    sure, doubtful = (network(torch.cat([image, mask, share * mask], dim=1)) for share in (1, 0.5))
    assert not torch.allclose(sure, doubtful)


def test_without_attention_nothing_limits_the_size() -> None:
    """And a change reaches as far as the convolutions, no longer everywhere."""
    reached = {}
    for heads in (0, 2):
        torch.manual_seed(0)
        network = HCLRepairNet(**{**TINY, 'num_heads': heads}).eval()
        torch.nn.init.normal_(network.last_conv.weight)
        assert (network.largest_side is None) == (heads == 0)
        image = torch.rand(1, 4, 256, 256)
        image[:, 3] = 1
        changed = image.clone()
        changed[..., :16, :16] = 0.5
        with torch.no_grad():
            reached[heads] = (network(image) - network(changed)).abs().amax(dim=(0, 1))
    assert reached[2][-16:, -16:].max() > 0
    assert reached[0][-16:, -16:].max() == 0
    assert reached[0][:16, :16].max() > 0
