"""Windows of the last look in training: where they lie, what they cut, what learns from them."""

from __future__ import annotations

import pytest
import torch
from basicsr.archs import build_network

from hcl_arch.archs.hcl.look_windows import LookWindows, draw_windows

NETWORK = {
    'type': 'HCLNet', 'encoder': 'timm', 'backbone': 'test_efficientnet', 'looks': 2, 'look_window': 64, 'dim': 4,
    'dim_mults': [1, 2], 'num_heads': [1, 1], 'n_conv_stages': 1, 'encoder_depths': [1, 1], 'decoder_depths': [1, 1],
    'context_widths': [8], 'conf_thresholds': [1.0, 0.9], 'proj_dim': 4, 'window_size': 4, 'bottleneck_depth': 1,
    'bottleneck_window_size': 4, 'mask_from': 'pixels',
}  # fmt: skip


def test_cutting_takes_each_image_at_its_own_corner():
    maps = torch.arange(2 * 8 * 8).view(2, 1, 8, 8).float()
    windows = LookWindows(torch.tensor([0, 8]), torch.tensor([4, 0]), 8)
    cut = windows.cut(maps, reduction=2)
    assert torch.equal(cut[0, 0], maps[0, 0, 0:4, 2:6])
    assert torch.equal(cut[1, 0], maps[1, 0, 4:8, 0:4])


def test_half_of_the_windows_hold_a_corrupted_pixel_and_all_lie_inside():
    torch.manual_seed(0)
    mask = torch.ones(400, 1, 128, 128)
    mask[:, :, 117, 3] = 0
    windows = draw_windows(mask, 32, 16)
    assert windows.rows.min() >= 0
    assert windows.rows.max() <= 96
    assert torch.equal(windows.rows % 16, torch.zeros_like(windows.rows))
    share = (windows.cut(mask).amin(dim=(1, 2, 3)) == 0).float().mean()
    # One half on purpose, and some of the others by chance.
    assert 0.45 < share < 0.7


def test_a_clean_image_has_windows_anywhere():
    torch.manual_seed(0)
    windows = draw_windows(torch.ones(200, 1, 128, 96), 32, 32)
    assert set(windows.rows.tolist()) == {0, 32, 64, 96}
    assert set(windows.columns.tolist()) == {0, 32, 64}


class TestNetwork:
    def test_the_last_look_is_of_the_window(self):
        torch.manual_seed(0)
        net = build_network(dict(NETWORK)).train()
        image, mask = torch.rand(2, 3, 128, 128), torch.ones(2, 1, 128, 128)
        output = net(image, return_all=True, true_mask=mask, restore=False)
        assert [tuple(logits.shape[-2:]) for logits in output.mask_logits] == [(32, 32), (16, 16), (32, 32), (16, 16)]
        assert output.windows.side == 64
        assert tuple(output.soft_mask.shape[-2:]) == (64, 64)

    def test_in_use_it_is_of_the_whole(self):
        net = build_network(dict(NETWORK)).eval()
        output = net(torch.rand(1, 3, 128, 96), return_all=True, restore=False)
        assert output.windows is None
        assert tuple(output.mask.shape[-2:]) == (128, 96)

    def test_restoring_is_refused(self):
        net = build_network(dict(NETWORK)).train()
        with pytest.raises(ValueError, match='look_window trains the detector alone'):
            net(torch.rand(1, 3, 128, 128), return_all=True, true_mask=torch.ones(1, 1, 128, 128), restore=True)

    def test_images_smaller_than_the_window_are_refused(self):
        net = build_network({**NETWORK, 'look_window': 256}).train()
        with pytest.raises(ValueError, match='look_window: 256 pixels are more than'):
            net(torch.rand(1, 3, 128, 128), return_all=True, true_mask=torch.ones(1, 1, 128, 128), restore=False)

    @pytest.mark.parametrize('options', [{'looks': 1}, {'look_window': 44}, {'look_window': 0}])
    def test_options_that_do_not_fit(self, options):
        with pytest.raises(ValueError, match='look_window: expects a multiple of'):
            build_network({**NETWORK, **options})

    def test_the_last_looks_logits_are_judged_by_the_windows_part_of_the_mask(self):
        from hcl_arch.models.hcl_model import HCLModel

        torch.manual_seed(0)
        net = build_network(dict(NETWORK)).train()
        mask = torch.ones(1, 1, 128, 128)
        mask[..., 100:, :20] = 0
        output = net(torch.rand(1, 3, 128, 128), return_all=True, true_mask=mask, restore=False)
        parts = [HCLModel._mask_of_logits(None, mask, output, index) for index in range(4)]
        assert torch.equal(parts[0], output.windows.cut(mask))
        assert torch.equal(parts[1], parts[0])
        assert parts[2] is mask
        assert parts[3] is mask
