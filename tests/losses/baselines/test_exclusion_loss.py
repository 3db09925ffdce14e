from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from basicsr.losses import build_loss
from torch import Tensor

from hcl_arch.losses.baselines.exclusion_loss import exclusion


def by_loop(below: Tensor, above: Tensor) -> float:
    """The loss of one image at one scale, from the formula."""
    total = 0.0
    _, channels, height, width = below.shape
    for dy, dx in ((0, 1), (1, 0)):
        pairs = [
            (below[0, c, y + dy, x + dx] - below[0, c, y, x], above[0, c, y + dy, x + dx] - above[0, c, y, x])
            for c in range(channels)
            for y in range(height - dy)
            for x in range(width - dx)
        ]
        alpha = 2 * sum(abs(t) for t, _ in pairs) / sum(abs(r) for _, r in pairs)
        psi = [(2 * torch.sigmoid(t) - 1, 2 * torch.sigmoid(alpha * r) - 1) for t, r in pairs]
        total += float(sum(t**2 * r**2 for t, r in psi) / len(psi)) ** 0.25
    return total / 2


@pytest.mark.parametrize('case', ['sirf_small', 'sirf_full'])
def test_golden(shared_dir: Path, case: str) -> None:
    folder = shared_dir / 'parity' / 'baselines' / case
    if not folder.is_dir():
        pytest.skip(f'the parity data parity/baselines/{case} is not in the shared folder')
    assert json.loads((folder / 'case.json').read_text())['network'] == 'sirf'
    arrays = np.load(folder / 'tensors.npz')
    below, above = (torch.from_numpy(arrays[name]).permute(0, 3, 1, 2) for name in ('transmission', 'reflection'))
    assert exclusion(below, above).item() == pytest.approx(float(arrays['exclusion']), rel=1e-5)


def test_one_scale_against_a_loop_over_pixels() -> None:
    below, above = torch.rand(1, 2, 4, 5), torch.rand(1, 2, 4, 5)
    assert exclusion(below, above, n_scales=1).item() == pytest.approx(by_loop(below, above), rel=1e-5)


def test_scales_are_averaged_and_images_added() -> None:
    below, above = torch.rand(2, 3, 8, 8), torch.rand(2, 3, 8, 8)
    halves = F.avg_pool2d(below, 2), F.avg_pool2d(above, 2)
    expected = sum(
        (by_loop(below[i : i + 1], above[i : i + 1]) + by_loop(halves[0][i : i + 1], halves[1][i : i + 1])) / 2
        for i in range(2)
    )
    assert exclusion(below, above, n_scales=2).item() == pytest.approx(expected, rel=1e-5)


def test_edges_at_other_places_do_not_count() -> None:
    below, above = torch.zeros(1, 1, 1, 16), torch.zeros(1, 1, 1, 16)
    below[..., 4:], above[..., 12:] = 1, 1
    apart = torch.cat([below, below], dim=2), torch.cat([above, above], dim=2)
    assert exclusion(*apart, n_scales=1).item() == 0
    assert exclusion(apart[0], apart[0], n_scales=1).item() > 0.1


@pytest.mark.parametrize('flat', ['below', 'above', 'both'])
def test_without_edges_it_is_zero_and_its_gradient_finite(flat: str) -> None:
    below, above = torch.rand(1, 3, 16, 16), torch.rand(1, 3, 16, 16)
    if flat in ('below', 'both'):
        below.fill_(0.5)
    if flat in ('above', 'both'):
        above.fill_(0.5)
    loss = exclusion(below.requires_grad_(), above.requires_grad_())
    loss.backward()
    assert loss.item() == 0
    for layer in (below, above):
        assert layer.grad is not None
        assert layer.grad.isfinite().all()


def test_gradient() -> None:
    below, above = (torch.rand(1, 1, 8, 8, dtype=torch.double, requires_grad=True) for _ in range(2))
    assert torch.autograd.gradcheck(exclusion, (below, above))


def test_registered_with_weight() -> None:
    below, above = torch.rand(1, 3, 16, 16), torch.rand(1, 3, 16, 16)
    loss = build_loss({'type': 'ExclusionLoss', 'loss_weight': 3.0})
    torch.testing.assert_close(loss(below, above), 3 * exclusion(below, above))
    with pytest.raises(ValueError, match='^n_scales: '):
        build_loss({'type': 'ExclusionLoss', 'n_scales': 0})
