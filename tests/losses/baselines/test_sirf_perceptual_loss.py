from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from basicsr.losses import build_loss
from safetensors.torch import load_file

from hcl_arch.losses.baselines.sirf_perceptual_loss import SIRFPerceptualLoss

DIMS = (2, 3, 4, 5, 6)


def small_loss(**options: float) -> SIRFPerceptualLoss:
    torch.manual_seed(0)
    return build_loss({'type': 'SIRFPerceptualLoss', 'vgg_weights': 'random', 'vgg_dims': DIMS, **options})


def test_golden(shared_dir: Path) -> None:
    folder = shared_dir / 'parity' / 'baselines' / 'sirf_small'
    if not folder.is_dir():
        pytest.skip('the parity data parity/baselines/sirf_small is not in the shared folder')
    case = json.loads((folder / 'case.json').read_text())
    loss = SIRFPerceptualLoss(vgg_dims=case['constructor']['vgg_widths'])
    stored = load_file(folder / 'weights.safetensors')
    # Sorted by name they are in the order in which they compute; the last two are not used.
    kernels = [stored[name] for name in sorted(stored) if name.startswith('vgg19/') and name.endswith('/weights')]
    biases = [stored[name] for name in sorted(stored) if name.startswith('vgg19/') and name.endswith('/biases')]
    with torch.no_grad():
        for conv, kernel, bias in zip(loss.vgg.convs, kernels, biases):
            conv.weight.copy_(kernel.permute(3, 2, 0, 1))
            conv.bias.copy_(bias)
    arrays = np.load(folder / 'tensors.npz')
    image, truth = (torch.from_numpy(arrays[name]).permute(0, 3, 1, 2) for name in ('transmission', 'target_nhwc'))
    distance, style = loss(image, truth)
    assert style is None
    assert distance.item() == pytest.approx(float(arrays['percep_transmission']), rel=1e-5)


def test_weights_of_the_layers() -> None:
    loss, image, truth = small_loss(), torch.rand(2, 3, 32, 32), torch.rand(2, 3, 32, 32)
    weights = (1 / 2.6, 1 / 4.8, 1 / 3.7, 1 / 5.6, 10 / 1.5)
    expected = 255 * (image - truth).abs().mean()
    for weight, ours, theirs in zip(weights, loss.vgg(image), loss.vgg(truth)):
        expected = expected + weight * (ours - theirs).abs().mean()
    torch.testing.assert_close(loss(image, truth)[0], expected)
    torch.testing.assert_close(small_loss(loss_weight=20.0)(image, truth)[0], 20 * expected)


def test_gradient_reaches_the_image_alone() -> None:
    loss = small_loss()
    image, truth = (torch.rand(1, 3, 16, 16).requires_grad_() for _ in range(2))
    loss(image, truth)[0].backward()
    assert image.grad is not None
    assert (image.grad != 0).any()
    assert all(parameter.grad is None for parameter in loss.parameters())


def test_equal_images_have_no_loss() -> None:
    image = torch.rand(1, 3, 16, 16)
    assert small_loss()(image, image)[0].item() == 0


def test_missing_file(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r'^vgg_weights: .*nothing\.pth'):
        SIRFPerceptualLoss(vgg_weights=str(tmp_path / 'nothing.pth'))
