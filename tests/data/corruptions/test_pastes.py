from __future__ import annotations

import cv2
import numpy as np
import pytest

from hcl_arch.data.corruptions.corruption import FloatArray
from hcl_arch.data.corruptions.everyday.colour_match import match_colours
from hcl_arch.data.corruptions.everyday.pastes import spoil_hard_paste, spoil_soft_paste
from hcl_arch.data.corruptions.everyday.regions import SHAPES, Region, draw_region, put
from hcl_arch.data.corruptions.everyday.spoiled import Materials, Spoil
from hcl_arch.data.corruptions.hole_contents import Truth
from hcl_arch.utils.pixel_values import LUMA
from tests.data.corruptions.waves import SEEDS, SIZES, make_truth, spoil_twice


def other_photo(truth: Truth, rng: np.random.Generator) -> FloatArray:
    """Return stripes: far from the truth nearly everywhere."""
    stripes = np.zeros(truth.image.shape, np.float32)
    stripes[:, ::2] = 1
    return stripes


MATERIALS = Materials(photo=other_photo)
BOTH = pytest.mark.parametrize('spoil', [spoil_hard_paste, spoil_soft_paste])


def test_matched_colours_have_mean_and_deviation_of_the_surroundings() -> None:
    """Values 0.2 and 0.4 (mean 0.3, deviation 0.1) around a mean of 0.5 with deviation 0.2 become 0.3 and 0.7."""
    part = np.array([[[0.2] * 3, [0.4] * 3, [0.9] * 3]], np.float32)
    counted = np.array([[True, True, False]])
    surroundings = np.array([[0.3, 0.3, 0.5], [0.7, 0.7, 0.5]], np.float32)
    matched = match_colours(part, counted, surroundings)
    assert matched[0, :2, 0] == pytest.approx([0.3, 0.7])
    # The surroundings' blue is plain: the gain stops at 0.3, and 0.1 becomes 0.03.
    assert matched[0, :2, 2] == pytest.approx([0.47, 0.53])
    half = match_colours(part, counted, surroundings, strength=0.5)
    assert half[0, :2, 0] == pytest.approx([0.25, 0.55])
    assert match_colours(part, counted, surroundings, strength=0.0) == pytest.approx(part)


def test_matched_luma_keeps_the_differences_of_the_channels() -> None:
    rng = np.random.default_rng(0)
    part = rng.uniform(0.4, 0.6, (20, 30, 3)).astype(np.float32)
    surroundings = rng.uniform(0.3, 0.5, (500, 3)).astype(np.float32)
    matched = match_colours(part, np.ones((20, 30), bool), surroundings, luma_only=True)
    luma = matched @ LUMA
    assert luma.mean() == pytest.approx((surroundings @ LUMA).mean(), abs=1e-5)
    assert luma.std() == pytest.approx((surroundings @ LUMA).std(), abs=1e-5)
    gains = (matched[..., 0] - matched[..., 2]) / (part[..., 0] - part[..., 2])
    assert gains == pytest.approx(np.full((20, 30), np.median(gains)), rel=0.01)


def test_put_by_hand() -> None:
    image = np.zeros((3, 3, 3), np.float32)
    region = Region(slice(1, 2), slice(1, 3), np.array([[0.25, 0.5]], np.float32))
    put(image, np.full((1, 2, 3), 0.8, np.float32), region)
    assert image[..., 1].ravel() == pytest.approx([0, 0, 0, 0, 0.2, 0.4, 0, 0, 0])
    assert region.inside((3, 3)).sum() == 1


@pytest.mark.parametrize('kind', [*SHAPES, 'stroke'])
def test_regions_cover_about_the_share_asked_for(kind: str) -> None:
    shares = []
    for seed in range(60):
        region = draw_region((90, 120), 0.08, np.random.default_rng(seed), kinds={kind: 1.0})
        assert region.weight.shape == region.inside((90, 120))[region.box].shape
        shares.append(region.inside((90, 120)).mean())
    assert np.median(shares) == pytest.approx(0.08, rel=0.25)
    assert min(shares) > 0.015


@BOTH
def test_no_photographs(spoil: Spoil) -> None:
    with pytest.raises(ValueError, match='expects materials with a `photo`, found None'):
        spoil(make_truth(16, 16), Materials(), np.random.default_rng(0))


@BOTH
@pytest.mark.parametrize('size', SIZES)
def test_form_range_and_determinism(spoil: Spoil, size: tuple[int, int]) -> None:
    truth = make_truth(*size)
    for seed in range(25):
        spoiled = spoil_twice(spoil, truth, seed, MATERIALS)
        assert spoiled.corrupted.any()


# How far a change may reach beyond what counts as corrupted, at 96 px: an anti-aliased edge; three deviations.
@pytest.mark.parametrize(('spoil', 'reach'), [(spoil_hard_paste, 1), (spoil_soft_paste, 7)])
def test_shares_and_untouched_rest(spoil: Spoil, reach: int) -> None:
    truth = make_truth(96, 128)
    shares, far_changes = [], []
    for seed in SEEDS:
        spoiled = spoil(truth, MATERIALS, np.random.default_rng(seed))
        shares.append(spoiled.corrupted.mean())
        near = cv2.dilate(spoiled.corrupted.view(np.uint8), np.ones((2 * reach + 1, 2 * reach + 1), np.uint8)) > 0
        far_changes.append(np.abs(spoiled.image - truth.image)[~near].max(initial=0))
    assert max(far_changes) < 4 / 255
    assert min(shares) > 0.003
    assert max(shares) < 0.4
    assert 0.03 < np.median(shares) < 0.12
