from __future__ import annotations

import pytest
import torch
from torch import Tensor

from hcl_arch.archs.baselines.unguided_restorer import Painting, UnguidedRestorer, soft_mask_of_change


class Stub(UnguidedRestorer):
    """Paints the image 0.5 brighter; its earlier image is the input."""

    size_multiple = 8

    def __init__(self, *, with_mask: bool = False) -> None:
        super().__init__()
        self.with_mask = with_mask

    def _paint(self, image: Tensor) -> Painting:
        assert image.shape[-2] % 8 == image.shape[-1] % 8 == 0
        half = torch.linspace(-1, 1, image.shape[-1] // 2).expand(len(image), 1, image.shape[-2] // 2, -1)
        return Painting(image + 0.5, coarse=image, mask_logits=(half,) if self.with_mask else ())


def test_values_beyond_the_range_stay_in_training_only() -> None:
    lq = torch.rand(1, 3, 20, 18) * 0.5 + 0.5
    net = Stub()
    torch.testing.assert_close(net(lq), lq + 0.5)
    assert torch.equal(net.eval()(lq), torch.ones_like(lq))


def test_earlier_image() -> None:
    lq = torch.rand(1, 3, 20, 18)
    output = Stub()(lq, return_all=True)
    assert torch.equal(output.coarse, lq)
    assert output.restored.shape == lq.shape


def test_mask_of_a_coarser_grid() -> None:
    output = Stub(with_mask=True)(torch.rand(2, 3, 20, 18), return_all=True)
    assert output.mask_logits[0].shape == (2, 1, 12, 12)
    expected = torch.sigmoid(torch.linspace(-1, 1, 12)).repeat_interleave(2)[:18].expand(2, 1, 20, 18)
    torch.testing.assert_close(output.soft_mask, expected)
    assert torch.equal(output.mask, (expected >= 0.5).float())


@pytest.mark.parametrize('with_mask', [False, True])
def test_detecting_only_leaves_the_input(with_mask: bool) -> None:
    lq = torch.rand(1, 3, 16, 16)
    output = Stub(with_mask=with_mask)(lq, return_all=True, restore=False)
    assert output.restored is output.coarse is lq
    assert output.soft_mask.shape == (1, 1, 16, 16)


def test_mask_of_change_by_hand() -> None:
    lq = torch.full((1, 3, 1, 4), 0.5)
    restored = lq.clone()
    restored[0, 1, 0] = torch.tensor([0.5, 0.525, 0.45, 0.65])
    soft_mask = soft_mask_of_change(lq, restored.requires_grad_(), threshold=0.05)
    torch.testing.assert_close(soft_mask, torch.tensor([[[[1.0, 2 / 3, 0.5, 0.25]]]]))
    assert not soft_mask.requires_grad


def test_what_it_cannot_do_is_refused() -> None:
    net, lq = Stub(), torch.rand(1, 3, 16, 16)
    with pytest.raises(ValueError, match='^reverse: Stub is not guided'):
        net(lq, reverse=True)
    with pytest.raises(ValueError, match='true_mask of shape'):
        net(lq, true_mask=torch.ones(1, 1, 8, 8))
    with pytest.raises(ValueError, match='H and W >= 16'):
        net(torch.rand(1, 3, 8, 16))
