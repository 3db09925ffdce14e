from __future__ import annotations

import logging
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from urllib.error import URLError

import pytest
import torch
import torch.nn.functional as F
import torchvision
from basicsr.archs import vgg_arch
from torch import Tensor, nn

from hcl_arch.losses import HCLPerceptualLoss

LAYERS = {'relu1_2': 0.5, 'relu2_2': 2.0}


@pytest.fixture(autouse=True)
def basicsr_is_as_before() -> Iterator[None]:
    """Whatever happens, BasicSR's own VGG has to be left as it was."""
    saved = vgg_arch.VGG_PRETRAIN_PATH, vgg_arch.vgg
    yield
    assert (vgg_arch.VGG_PRETRAIN_PATH, vgg_arch.vgg) == saved


def features(loss: HCLPerceptualLoss, image: Tensor, *, normalise: bool = True) -> dict[str, Tensor]:
    """ReLU features of the first two blocks, computed from the loss's convolutions."""
    weights = dict(loss.named_parameters())
    x = (image - torch.tensor([0.485, 0.456, 0.406]).view(3, 1, 1)) / torch.tensor([0.229, 0.224, 0.225]).view(3, 1, 1)
    x = x if normalise else image
    found = {}
    for name in ('1_1', '1_2', '2_1', '2_2'):
        if name == '2_1':
            x = F.max_pool2d(x, 2)
        weight, bias = (weights[f'loss.vgg.vgg_net.conv{name}.{kind}'] for kind in ('weight', 'bias'))
        x = found[f'relu{name}'] = F.relu(F.conv2d(x, weight, bias, padding=1))
    return found


@pytest.mark.parametrize('use_input_norm', [True, False])
def test_equals_the_weighted_distance_of_vgg_features(use_input_norm: bool) -> None:
    loss = HCLPerceptualLoss(layer_weights=LAYERS, loss_weight=0.1, weights='random', use_input_norm=use_input_norm)
    image, truth = torch.rand(2, 3, 16, 16), torch.rand(2, 3, 16, 16)
    ours, theirs = (features(loss, x, normalise=use_input_norm) for x in (image, truth))
    expected = 0.1 * sum(weight * (ours[name] - theirs[name]).abs().mean() for name, weight in LAYERS.items())
    value, style = loss(image, truth)
    torch.testing.assert_close(value, expected)
    assert style is None
    assert loss(image, image)[0].item() == 0


def test_gradient_goes_to_the_image_alone() -> None:
    loss = HCLPerceptualLoss(layer_weights=LAYERS, weights='random')
    image, truth = (torch.rand(1, 3, 16, 16, requires_grad=True) for _ in range(2))
    loss(image, truth)[0].backward()
    assert (image.grad != 0).any()
    assert truth.grad is None
    assert not any(parameter.requires_grad for parameter in loss.parameters())


def test_features_of_the_truth_serve_several_images() -> None:
    loss = HCLPerceptualLoss(layer_weights=LAYERS, loss_weight=0.1, weights='random')
    truth = torch.rand(2, 3, 16, 16, requires_grad=True)
    of_truth = loss.truth_features(truth)
    assert set(of_truth) == set(LAYERS)
    assert not any(feature.requires_grad for feature in of_truth.values())
    for image in torch.rand(2, 2, 3, 16, 16):
        value = loss.distance(image, of_truth)
        assert value.item() > 0
        assert torch.equal(value, loss(image, truth)[0])
    assert loss.distance(truth, of_truth).item() == 0


def test_checkpointing_computes_again_and_changes_nothing() -> None:
    truth, image = torch.rand(2, 3, 16, 16), torch.rand(2, 3, 16, 16)
    loss = HCLPerceptualLoss(layer_weights=LAYERS, loss_weight=0.1, weights='random')
    values, grads, calls = [], [], []
    loss.loss.vgg.register_forward_hook(lambda *_: calls.append(torch.is_grad_enabled()))
    for use_checkpoint in (False, True):
        loss.use_checkpoint = use_checkpoint
        leaf = image.clone().requires_grad_()
        values.append(loss(leaf, truth)[0])
        values[-1].backward()
        grads.append(leaf.grad)
    assert torch.equal(*values)
    assert grads[0].abs().max() > 0
    torch.testing.assert_close(*grads, atol=0, rtol=1e-6)
    # The truth and the image; the truth, the image and, in the backward pass, the image once more.
    assert calls == [False, True, False, True, True]


@pytest.mark.parametrize('vgg_type', ['vgg16', 'vgg19'])
def test_random_weights_warn(vgg_type: str, caplog: pytest.LogCaptureFixture) -> None:
    logger = logging.getLogger('basicsr')  # which does not hand its records on to pytest's handler
    logger.addHandler(caplog.handler)
    try:
        loss = HCLPerceptualLoss(layer_weights={'relu5_2': 1.0}, weights='random', vgg_type=vgg_type)
    finally:
        logger.removeHandler(caplog.handler)
    assert 'RANDOM VGG weights' in caplog.text
    value = loss(torch.rand(1, 3, 16, 16), torch.rand(1, 3, 16, 16))[0].item()
    # The random features have neither vanished nor exploded on the way to the last block.
    assert 1e-5 < value < 100


def test_missing_file(tmp_path: Path) -> None:
    missing = tmp_path / 'vgg.pth'
    with pytest.raises(FileNotFoundError, match=rf'No VGG weights at {missing} .*Download vgg19-dcbb9e9d.pth'):
        HCLPerceptualLoss(layer_weights=LAYERS, weights=str(missing))


def tiny_vgg(pretrained: bool) -> nn.Module:
    """A VGG of two blocks; `pretrained` asks for a download, which fails."""
    if pretrained:
        raise URLError('no network here')
    net = nn.Module()
    net.features = torchvision.models.vgg.make_layers([64, 64, 'M', 128, 128])
    return net


def test_weights_come_from_the_named_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(vgg_arch, 'vgg', SimpleNamespace(vgg19=tiny_vgg))
        source = tiny_vgg(pretrained=False)
        torch.save(source.state_dict(), tmp_path / 'vgg.pth')
        loss = HCLPerceptualLoss(layer_weights=LAYERS, weights=str(tmp_path / 'vgg.pth'))
        assert vgg_arch.vgg.vgg19 is tiny_vgg
    ours = [p for name, p in loss.named_parameters() if name.endswith('weight')]
    theirs = [p for name, p in source.named_parameters() if name.endswith('weight')]
    assert len(ours) == 4
    assert all(torch.equal(a, b) for a, b in zip(ours, theirs))


def test_failed_download_says_what_to_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(vgg_arch, 'vgg', SimpleNamespace(vgg19=tiny_vgg))
        patch.setattr(vgg_arch, 'VGG_PRETRAIN_PATH', str(tmp_path / 'nowhere.pth'))
        message = r'could not be had \(.*no network here.*Download vgg19.*nowhere.pth'
        with pytest.raises(FileNotFoundError, match=message):
            HCLPerceptualLoss(layer_weights=LAYERS)
        assert str(tmp_path / 'nowhere.pth') == vgg_arch.VGG_PRETRAIN_PATH
