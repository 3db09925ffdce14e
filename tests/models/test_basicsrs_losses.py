"""Every option of every loss that BasicSR has works in our models as in BasicSR's: one test for each."""

from __future__ import annotations

import copy
import inspect
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from basicsr.archs.vgg_arch import VGGFeatureExtractor
from basicsr.models import build_model
from basicsr.utils.registry import LOSS_REGISTRY
from torch import Tensor

from hcl_arch.losses.hcl_perceptual_loss import RANDOM_WEIGHTS, _vgg_weights
from hcl_arch.models import HCLModel

PIXELS: list[tuple[str, dict[str, Any]]] = [
    ('L1Loss', {'loss_weight': 0.5}), ('L1Loss', {'reduction': 'sum'}),
    ('MSELoss', {'loss_weight': 0.5}), ('MSELoss', {'reduction': 'sum'}),
    ('CharbonnierLoss', {'loss_weight': 0.5}), ('CharbonnierLoss', {'reduction': 'sum'}),
    ('CharbonnierLoss', {'eps': 0.01}),
    ('WeightedTVLoss', {'loss_weight': 0.5}), ('WeightedTVLoss', {'reduction': 'sum'}),
]  # fmt: skip
LAYERS = {'layer_weights': {'relu1_1': 1.0, 'conv2_1': 0.5}}
PERCEPTUAL: list[dict[str, Any]] = [
    {'layer_weights': {'conv1_2': 2.0}}, {'vgg_type': 'vgg16'}, {'use_input_norm': False}, {'range_norm': True},
    {'perceptual_weight': 0.25}, {'perceptual_weight': 0}, {'style_weight': 3.0}, {'criterion': 'fro'},
]  # fmt: skip
ADVERSARIAL: list[tuple[str, dict[str, Any]]] = [
    *[(kind, {'gan_type': gan_type})
      for kind in ('GANLoss', 'MultiScaleGANLoss')
      for gan_type in ('vanilla', 'lsgan', 'wgan', 'wgan_softplus', 'hinge')],
    *[(kind, {'gan_type': 'lsgan', **one})
      for kind in ('GANLoss', 'MultiScaleGANLoss')
      for one in ({'real_label_val': 0.9}, {'fake_label_val': 0.1}, {'loss_weight': 0.3})],
]  # fmt: skip


@pytest.fixture
def plain(options: dict[str, Any]) -> dict[str, Any]:
    """A training with a pixel loss of weight 0, which BasicSR wants, and nothing else."""
    options.update(model_type='BlindRestorationModel', network_d=None)
    options['train'] = {
        key: value for key, value in options['train'].items() if key in ('phase1_iter', 'total_iter', 'scheduler')
    }
    options['train'].update(optim_g={'type': 'Adam', 'lr': 1e-3}, pixel_opt={'type': 'L1Loss', 'loss_weight': 0.0})
    return options


def one_step(options: dict[str, Any], batch: dict[str, Any]) -> tuple[HCLModel, Tensor, dict[str, Tensor]]:
    """A step; return the model, the image that it restored before it, and how far its parameters went."""
    with _vgg_weights(RANDOM_WEIGHTS):
        model = build_model(copy.deepcopy(options))
    restored: list[Tensor] = []
    model.net_g.register_forward_hook(lambda net, args, output: restored.append(output.restored.detach()))
    before = {name: value.detach().clone() for name, value in model.net_g.named_parameters()}
    model.feed_data(batch)
    model.optimize_parameters(1)
    moves = {name: (value.detach() - before[name]).abs().max() for name, value in model.net_g.named_parameters()}
    return model, restored[0], moves


@pytest.mark.parametrize(('kind', 'given'), PIXELS)
def test_of_pixels(kind: str, given: dict[str, Any], plain: dict[str, Any], batch: dict[str, Any]) -> None:
    plain['train']['pixel_opt'] = {'type': kind, **given}
    model, restored, moves = one_step(plain, batch)
    expected = LOSS_REGISTRY.get(kind)(**given)(restored, batch['gt'])
    assert model.get_current_log()['l_pix_refined'] == pytest.approx(float(expected), rel=1e-5)
    assert max(moves.values()) > 0


@pytest.mark.parametrize('given', PERCEPTUAL)
def test_perceptual(given: dict[str, Any], plain: dict[str, Any], batch: dict[str, Any]) -> None:
    options = {'type': 'PerceptualLoss', **LAYERS, 'style_weight': 2.0, **given}
    plain['train']['perceptual_opt'] = options
    model, restored, moves = one_step(plain, batch)
    content, style = by_hand(model.cri_perceptual.vgg, restored, batch['gt'], options)
    logged = model.get_current_log()
    assert logged.get('l_percep_refined', 0) == pytest.approx(float(content), rel=1e-4)
    assert logged['l_style_refined'] == pytest.approx(float(style), rel=1e-4)
    assert ('l_percep_refined' in logged) == (options.get('perceptual_weight') != 0)
    assert max(moves.values()) > 0


def by_hand(vgg: VGGFeatureExtractor, image: Tensor, truth: Tensor, options: dict[str, Any]) -> tuple[Tensor, Tensor]:
    """The distances of features and of their Gram matrices, as their papers have them."""
    assert vgg.use_input_norm == options.get('use_input_norm', True)
    assert vgg.range_norm == options.get('range_norm', False)
    assert len(vgg.names) == {'vgg16': 31, 'vgg19': 37}[options.get('vgg_type', 'vgg19')]
    content, style = torch.zeros(()), torch.zeros(())
    with torch.no_grad():
        found, expected = vgg(image), vgg(truth)
    for layer, weight in options['layer_weights'].items():
        pairs = [(found[layer], expected[layer])]
        grams = [torch.einsum('bchw,bdhw->bcd', x, x) / x[0].numel() for x in pairs[0]]
        for first, second, is_style in ((*pairs[0], False), (*grams, True)):
            difference = first - second
            distance = difference.norm() if options.get('criterion') == 'fro' else difference.abs().mean()
            if is_style:
                style = style + weight * distance
            else:
                content = content + weight * distance
    return options.get('perceptual_weight', 1.0) * content, options['style_weight'] * style


def test_style_alone_as_a_texture(plain: dict[str, Any], batch: dict[str, Any]) -> None:
    options = {'type': 'PerceptualLoss', **LAYERS, 'perceptual_weight': 0, 'style_weight': 2.0}
    plain['train']['texture_opt'] = options
    model, restored, moves = one_step(plain, batch)
    _, style = by_hand(model.cri_texture.vgg, restored, batch['gt'], options)
    logged = model.get_current_log()
    assert logged['l_style_texture'] == pytest.approx(float(style), rel=1e-4)
    assert 'l_texture' not in logged
    assert max(moves.values()) > 0


@pytest.mark.parametrize(('kind', 'given'), ADVERSARIAL)
def test_adversarial(kind: str, given: dict[str, Any], plain: dict[str, Any], batch: dict[str, Any]) -> None:
    plain['network_d'] = {'type': 'HCLPatchDiscriminator', 'dim': 4}
    plain['train'].update(gan_opt={'type': kind, **given}, optim_d={'type': 'Adam', 'lr': 0.0})
    torch.manual_seed(5)
    model = build_model(copy.deepcopy(plain))
    assert model.net_d is not None
    model.net_d.eval()
    scores: list[Tensor] = []
    model.net_d.register_forward_hook(lambda net, args, output: scores.append(output.detach()))
    model.feed_data(batch)
    model.optimize_parameters(1)
    real, fake = scores[:2]
    label = {True: given.get('real_label_val', 1.0), False: given.get('fake_label_val', 0.0)}
    distance = {
        'vanilla': lambda x, is_real: F.binary_cross_entropy_with_logits(x, torch.full_like(x, label[is_real])),
        'lsgan': lambda x, is_real: (x - label[is_real]).square().mean(),
        'wgan': lambda x, is_real: -x.mean() if is_real else x.mean(),
        'wgan_softplus': lambda x, is_real: F.softplus(-x if is_real else x).mean(),
        'hinge': lambda x, is_real: F.relu(1 - x if is_real else 1 + x).mean(),
    }[given['gan_type']]
    logged = model.get_current_log()
    assert logged['l_d_real'] == pytest.approx(float(distance(real, True)), rel=1e-5)
    assert logged['l_d_fake'] == pytest.approx(float(distance(fake, False)), rel=1e-5)
    of_generator = -fake.mean() if given['gan_type'] == 'hinge' else distance(fake, True)
    assert logged['l_g_gan'] == pytest.approx(given.get('loss_weight', 1.0) * float(of_generator), rel=1e-5)


def test_none_is_left_out() -> None:
    """Losses and options that a later BasicSR adds."""
    tried: dict[str, set[str]] = {}
    for kind, given in (*PIXELS, *(('PerceptualLoss', one) for one in PERCEPTUAL), *ADVERSARIAL):
        tried.setdefault(kind, set()).update(given)
    theirs = {name: loss for name, loss in LOSS_REGISTRY if loss.__module__.startswith('basicsr.')}
    assert {name: set(inspect.signature(loss).parameters) for name, loss in theirs.items()} == tried
