"""BaselineModel: the loss of all that a network returns, and a discriminator that sees the corrupted image."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Optional

import pytest
import torch
from basicsr.losses import build_loss
from basicsr.models import build_model
from torch import Tensor, nn

VGG = {'vgg_weights': 'random', 'vgg_dims': [2, 3, 4, 5, 6]}
NETWORKS: dict[str, dict[str, Any]] = {
    'BVMR': {'type': 'BVMR', 'dim': 2, 'n_units': 1},
    'SIRF': {'type': 'SIRF', 'dim': 4, **VGG},
}
OUTPUT_LOSSES: dict[str, dict[str, Any]] = {'BVMR': {'type': 'BVMRLoss'}, 'SIRF': {'type': 'SIRFLoss', **VGG}}


def options(folder: Path, name: str, **train: Any) -> dict[str, Any]:
    return {
        'name': 'tiny', 'model_type': 'BaselineModel', 'num_gpu': 0, 'dist': False, 'rank': 0, 'world_size': 1,
        'is_train': True,
        'network_g': dict(NETWORKS[name]),
        'path': {'models': str(folder), 'training_states': str(folder), 'visualization': str(folder)},
        'train': {
            'phase1_iter': 0,
            'total_iter': 4,
            'optim_g': {'type': 'Adam', 'lr': 1e-3},
            'scheduler': {'type': 'MultiStepLR', 'milestones': [], 'gamma': 0.5},
            'output_opt': dict(OUTPUT_LOSSES[name]),
            **train,
        },
    }  # fmt: skip


def batch(*, wm: bool) -> dict[str, Any]:
    gt, mask = torch.rand(2, 3, 32, 32), torch.ones(2, 1, 32, 32)
    mask[..., :11] = 0
    data: dict[str, Any] = {'gt': gt, 'mask': mask, 'lq': gt * mask, 'lq_path': ['a.png', 'b.png']}
    return {**data, 'wm': torch.rand(2, 3, 32, 32)} if wm else data


@pytest.mark.parametrize(
    ('name', 'wm', 'terms'),
    [
        ('BVMR', False, {'l_pixel', 'l_mask'}),
        ('BVMR', True, {'l_pixel', 'l_mask', 'l_watermark'}),
        ('SIRF', False, {'l_percep', 'l_exclusion'}),
        ('SIRF', True, {'l_percep', 'l_exclusion', 'l_percep_layer', 'l_layer'}),
    ],
)
def test_terms_of_the_watermark_come_with_its_picture(name: str, wm: bool, terms: set[str], tmp_path: Path) -> None:
    model = build_model(options(tmp_path, name))
    model.feed_data(batch(wm=wm))
    model.optimize_parameters(1)
    assert set(model.get_current_log()) == terms
    assert 'pixel_opt' not in model.opt['train']


def test_a_batch_without_the_picture_forgets_that_of_the_one_before(tmp_path: Path) -> None:
    model = build_model(options(tmp_path, 'BVMR'))
    for wm in (True, False):
        model.feed_data(batch(wm=wm))
        model.optimize_parameters(1)
    assert 'l_watermark' not in model.get_current_log()


def test_parts_of_a_batch_have_their_own_pictures(tmp_path: Path) -> None:
    """The gradient is that of the whole batch: nothing in this loss is compared across images."""
    data = batch(wm=True)
    model = build_model(options(tmp_path, 'SIRF', accumulation_steps=2))
    model.feed_data(data)
    parts = model._parts()
    assert [torch.equal(part.watermark[0], picture) for part, picture in zip(parts, data['wm'])] == [True, True]


def test_a_conditional_discriminator_sees_the_corrupted_image(tmp_path: Path) -> None:
    train = {'gan_opt': {'type': 'GANLoss', 'gan_type': 'vanilla', 'loss_weight': 1.0},
             'optim_d': {'type': 'Adam', 'lr': 1e-4}}  # fmt: skip
    opt = options(tmp_path, 'SIRF', **train)
    opt['network_d'] = {'type': 'ConditionalPatchDiscriminator', 'dim': 4, 'conditional': True}
    model = build_model(opt)
    seen: list[Optional[Tensor]] = []
    model.net_d.register_forward_hook(lambda _, images, __: seen.append(images[1]))
    data = batch(wm=False)
    model.feed_data(data)
    before = {key: value.detach().clone() for key, value in model.net_d.named_parameters()}
    model.optimize_parameters(1)
    assert len(seen) == 3  # of real and restored images, and for the generator
    assert all(torch.equal(condition, data['lq']) for condition in seen)
    assert {'l_g_gan', 'l_d_real', 'l_d_fake'} <= set(model.get_current_log())
    assert any(not torch.equal(value, before[key]) for key, value in model.net_d.named_parameters())


def test_mask_opt_beside_output_opt_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match='train.mask_opt is of no use beside train.output_opt'):
        build_model(options(tmp_path, 'BVMR', mask_opt={'loss_weight': 1.0}))


def test_without_any_loss_basicsr_refuses(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match='pixel and perceptual losses'):
        build_model(options(tmp_path, 'BVMR', output_opt=None))


def test_sirf_loss_needs_both_layers() -> None:
    class Output:
        above = None

    loss: nn.Module = build_loss({'type': 'SIRFLoss', **VGG})
    with pytest.raises(ValueError, match='what lies upon the image'):
        loss(Output(), torch.rand(1, 3, 32, 32))


def test_sirf_loss_adds_up() -> None:
    """Of black layers above, and with the picture below equal to the truth, the upper layer alone is left."""
    loss = build_loss({'type': 'SIRFLoss', 'perceptual_weight': 0.0, **VGG})
    truth = torch.rand(1, 3, 32, 32)

    class Output:
        restored, above = truth, torch.zeros(1, 3, 32, 32)

    terms = loss(Output(), truth, None, torch.full((1, 3, 32, 32), 0.25))
    assert float(terms['l_layer']) == pytest.approx(25.0)
    assert float(terms['l_exclusion']) == float(terms['l_percep']) == 0.0
