from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from basicsr.metrics import calculate_psnr
from basicsr.utils.registry import METRIC_REGISTRY

from hcl_arch.metrics import calculate_mask_accuracy, calculate_mask_bce
from hcl_arch.models.validation_sample import ValidationSample


def sample(**fields: Any) -> ValidationSample:
    rng = np.random.default_rng(0)
    images = {name: rng.integers(0, 256, (16, 16, 3), dtype=np.uint8) for name in ('lq', 'coarse', 'restored', 'gt')}
    masks = {'soft_mask': rng.random((16, 16)).astype(np.float32), 'true_mask': np.eye(16, dtype=np.float32)}
    return ValidationSample(**{'name': 'a', 'corruption': 'noise', 'stage_masks': (), **images, **masks, **fields})


@pytest.mark.parametrize('image', ['restored', 'coarse', 'lq'])
def test_image_metric_compares_the_named_image_with_the_truth(image: str) -> None:
    scored = sample()
    expected = calculate_psnr(getattr(scored, image), scored.gt, crop_border=2)
    options = {'type': 'calculate_psnr', 'crop_border': 2, 'image': image, 'better': 'higher'}
    assert scored.score(options) == pytest.approx(expected)
    assert options == {'type': 'calculate_psnr', 'crop_border': 2, 'image': image, 'better': 'higher'}
    if image == 'restored':
        assert scored.score({'type': 'calculate_psnr', 'crop_border': 2}) == pytest.approx(expected)


def test_mask_metric_gets_the_masks_and_its_options() -> None:
    scored = sample()
    assert scored.score({'type': 'calculate_mask_bce'}) == calculate_mask_bce(scored.soft_mask, scored.true_mask)
    options = {'type': 'calculate_mask_accuracy', 'threshold': 0.2, 'better': 'higher'}
    assert scored.score(options) == calculate_mask_accuracy(scored.soft_mask, scored.true_mask, threshold=0.2)
    assert scored.score(options) != scored.score({'type': 'calculate_mask_accuracy'})


def test_a_metric_without_a_reference_needs_no_truth(monkeypatch: pytest.MonkeyPatch) -> None:
    def brightness(img: np.ndarray, **kwargs: object) -> float:
        assert not kwargs
        return img.mean()

    monkeypatch.setitem(METRIC_REGISTRY._obj_map, 'brightness', brightness)
    scored = sample(gt=None)
    assert scored.score({'type': 'brightness', 'image': 'lq'}) == scored.lq.mean()
    with pytest.raises(ValueError, match='needs `val: reverse: true`'):
        scored.score({'type': 'brightness', 'image': 'reversed'})


def test_errors() -> None:
    with pytest.raises(ValueError, match="`image` must be one of .*, got 'gt'"):
        sample().score({'type': 'calculate_psnr', 'crop_border': 0, 'image': 'gt'})
    with pytest.raises(ValueError, match=r"calculate_psnr needs 'gt', which the data set does not have"):
        sample(gt=None).score({'type': 'calculate_psnr', 'crop_border': 0})
    with pytest.raises(ValueError, match="calculate_mask_f1 needs 'true_mask'"):
        sample(true_mask=None).score({'type': 'calculate_mask_f1'})
    with pytest.raises(TypeError, match='treshold'):
        sample().score({'type': 'calculate_mask_f1', 'treshold': 0.5})
    with pytest.raises(KeyError, match='calculate_beauty'):
        sample().score({'type': 'calculate_beauty'})


def test_hole_share() -> None:
    assert sample().hole_share == pytest.approx(15 / 16)
    assert sample(true_mask=None).hole_share is None
