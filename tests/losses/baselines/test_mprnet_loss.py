from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from basicsr.losses import build_loss
from torch import Tensor

from hcl_arch.archs.baselines import MPRNet
from hcl_arch.archs.baselines.mprnet_arch import MPRNetOutput
from hcl_arch.losses.baselines import MPRNetLoss
from hcl_arch.losses.baselines.mprnet_loss import charbonnier, laplacian

STAGES = ('stage3', 'stage2', 'stage1')


@pytest.fixture(scope='module')
def tensors(shared_dir: Path) -> dict[str, Tensor]:
    folder = shared_dir / 'parity' / 'baselines' / 'mprnet_small'
    if not folder.is_dir():
        pytest.skip('the parity data baselines/mprnet_small is not in the shared folder')
    return {name: torch.from_numpy(array) for name, array in np.load(folder / 'tensors.npz').items()}


def made_output(pictures: list[Tensor]) -> MPRNetOutput:
    mask = torch.ones_like(pictures[0][:, :1])
    return MPRNetOutput(pictures[0], pictures[1], mask, mask, [], pictures)


class TestGolden:
    def test_laplacian(self, tensors: dict[str, Tensor]) -> None:
        torch.testing.assert_close(laplacian(tensors['target']), tensors['edge_laplacian_of_target'], atol=1e-6, rtol=0)

    def test_terms_of_each_stage(self, tensors: dict[str, Tensor]) -> None:
        truth = tensors['target']
        found = [charbonnier(tensors[name], truth) for name in STAGES]
        torch.testing.assert_close(torch.stack(found), tensors['charbonnier'], atol=1e-6, rtol=0)
        edges = [charbonnier(laplacian(tensors[name]), laplacian(truth)) for name in STAGES]
        torch.testing.assert_close(torch.stack(edges), tensors['edge'], atol=1e-6, rtol=0)

    def test_weighted_sums(self, tensors: dict[str, Tensor]) -> None:
        output = made_output([tensors[name] for name in STAGES])
        losses = MPRNetLoss()(output, tensors['target'])
        assert losses['l_pixel'].item() == pytest.approx(tensors['charbonnier'].sum().item(), rel=1e-5)
        assert losses['l_edge'].item() == pytest.approx(0.05 * tensors['edge'].sum().item(), rel=1e-5)


def test_laplacian_of_one_bright_pixel() -> None:
    """In the middle: g gives 0.4 there; z keeps 4 of it, as both coordinates are even; g of the rest by hand."""
    image = torch.zeros(1, 1, 17, 17, dtype=torch.double)
    image[..., 8, 8] = 1
    profile = {-2: 0.05, -1: 0.25, 0: 0.4, 1: 0.25, 2: 0.05}
    # Of z only the pixels at even distances, -2, 0, 2, are left; along one axis: 2 * sum of profile squared there.
    along_one_axis = 2 * sum(profile[distance] ** 2 for distance in (-2, 0, 2))
    assert laplacian(image)[0, 0, 8, 8].item() == pytest.approx(1 - along_one_axis**2)


def test_flat_pictures_have_no_edges_inside() -> None:
    flat = torch.full((1, 3, 16, 16), 0.7)
    torch.testing.assert_close(laplacian(flat)[..., 4:-4, 4:-4], torch.zeros(1, 3, 8, 8), atol=1e-6, rtol=0)


def test_charbonnier_by_hand() -> None:
    assert charbonnier(torch.tensor([0.0, 0.003]), torch.zeros(2)).item() == pytest.approx(
        (0.001 + (9e-6 + 1e-6) ** 0.5) / 2, rel=1e-5
    )


def test_weights() -> None:
    output, truth = made_output([torch.rand(1, 3, 8, 8) for _ in range(3)]), torch.rand(1, 3, 8, 8)
    plain = MPRNetLoss(edge_weight=1.0)(output, truth)
    weighted = build_loss({'type': 'MPRNetLoss', 'loss_weight': 2.0, 'edge_weight': 0.5})(output, truth)
    assert weighted['l_pixel'].item() == pytest.approx(2 * plain['l_pixel'].item())
    assert weighted['l_edge'].item() == pytest.approx(2 * 0.5 * plain['l_edge'].item())
    assert set(MPRNetLoss(edge_weight=0)(output, truth)) == {'l_pixel'}


def test_a_few_steps_learn_an_image() -> None:
    net, lq, truth = (
        MPRNet(dim=4, dim_step=2, last_dim_step=2, n_blocks=1),
        torch.rand(1, 3, 32, 32),
        torch.full((1, 3, 32, 32), 0.5),
    )
    optimizer = torch.optim.Adam(net.parameters(), lr=5e-3)
    history = []
    for _ in range(15):
        losses = MPRNetLoss()(net(lq, return_all=True), truth)
        total = torch.stack(list(losses.values())).sum()
        optimizer.zero_grad()
        total.backward()
        optimizer.step()
        history.append(total.item())
    assert history[-1] < 0.7 * history[0]
