"""Networks in float64 compute in float64, and a confidence that is no number is never taken for a corrupted pixel."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

from hcl_arch.archs import DetectThenRestore, HCLNet, HCLRefineNet
from hcl_arch.archs.hcl.mask_hierarchy import detect_masks, masks_of_logits
from hcl_arch.archs.image_form import binary_mask
from hcl_arch.metrics import mask_metrics


@pytest.mark.parametrize('more', [{}, {'mask_from': 'pixels'}, {'encoder': 'conv'}, {'detach_classifier': False}])
@pytest.mark.parametrize('training', [False, True])
def test_double(small_options: dict[str, Any], more: dict[str, Any], training: bool) -> None:
    net = HCLNet(**small_options, **more, refiner=HCLRefineNet(dim=2, dim_mults=(1, 2))).double().train(training)
    image = torch.rand(1, 3, 40, 48, dtype=torch.float64)
    output = net(image, return_all=True)
    for name in ('restored', 'coarse', 'mask', 'soft_mask', 'center_logits', 'pixel_logits'):
        assert getattr(output, name).dtype == torch.float64, name
    assert net.repair(image, output.mask).dtype == torch.float64
    (output.restored.sum() + output.center_logits.sum()).backward()


def test_double_agrees_with_float(small_options: dict[str, Any]) -> None:
    torch.manual_seed(0)
    net, image = HCLNet(**small_options).eval(), torch.rand(1, 3, 32, 32)
    mask = (torch.rand(1, 1, 32, 32) > 0.5).float()
    with torch.no_grad():
        single = net.repair(image, mask)
        assert torch.allclose(net.double().repair(image.double(), mask.double()).float(), single, atol=1e-4)


def test_parts_in_double(small_options: dict[str, Any]) -> None:
    detector, restorer = HCLNet(**small_options).detector, HCLRefineNet(dim=2, dim_mults=(1, 2))
    net = DetectThenRestore(detector, restorer, freeze_detector=True).double().eval()
    assert net(torch.rand(1, 3, 40, 48, dtype=torch.float64)).dtype == torch.float64


def test_mask_of_no_numbers() -> None:
    confidence = torch.tensor([0.0, 0.49, 0.5, 1.0, float('nan')])
    assert torch.equal(binary_mask(confidence)[:4], torch.tensor([0.0, 0.0, 1.0, 1.0]))
    assert binary_mask(confidence)[4].isnan()
    embeddings = torch.full((1, 2, 4, 4), float('nan'))
    (stage,) = masks_of_logits([embeddings], [embeddings[:, :1]])
    assert stage.mask.isnan().all()
    (stage,) = detect_masks([embeddings], conf_thresholds=[1.0], temperature=0.1, kmeans_iters=1,
                            center_scorer=lambda centers: centers.sum(-1))  # fmt: skip
    assert stage.mask.isnan().all()


@pytest.mark.parametrize('metric', ['accuracy', 'f1', 'iou', 'bce', 'auc', 'corrupted_iou'])
def test_score_of_no_numbers(metric: str) -> None:
    score = getattr(mask_metrics, f'calculate_{metric}', None) or getattr(mask_metrics, f'calculate_mask_{metric}')
    truth = np.array([[0, 1, 1, 0]])
    assert np.isfinite(score(np.array([[0.1, 0.9, 0.8, 0.2]]), truth))
    assert np.isnan(score(np.array([[np.nan, 0.9, 0.8, 0.2]]), truth))
