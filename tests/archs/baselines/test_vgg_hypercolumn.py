from __future__ import annotations

from pathlib import Path

import pytest
import torch
import torch.nn.functional as F
import torchvision
from torch import Tensor

from hcl_arch.archs.baselines.adaptive_conv import AdaptiveConv, AdaptiveNorm
from hcl_arch.archs.baselines.corner_resize import corner_resize
from hcl_arch.archs.baselines.vgg_hypercolumn import FrozenVGG19, HypercolumnConv

DIMS = (3, 4, 5, 6, 7)


def small_vgg() -> FrozenVGG19:
    return FrozenVGG19('random', dims=DIMS)


class TestCornerResize:
    def test_doubling_a_line_by_hand(self) -> None:
        line = torch.tensor([[[[0.0, 2.0, 6.0]]]])
        assert corner_resize(line, 1, 6).flatten().tolist() == [0, 1, 2, 4, 6, 6]

    @pytest.mark.parametrize('size', [(7, 9), (3, 4), (2, 20), (1, 1)])
    def test_against_a_loop_over_pixels(self, size: tuple[int, int]) -> None:
        source = torch.randn(2, 3, 3, 4)
        resized = corner_resize(source, *size)
        for y in range(size[0]):
            for x in range(size[1]):
                row, column = y * 3 / size[0], x * 4 / size[1]
                top, left = int(row), int(column)
                bottom, right = min(top + 1, 2), min(left + 1, 3)
                upper, lower = (
                    (1 - column + left) * source[..., line, left] + (column - left) * source[..., line, right]
                    for line in (top, bottom)
                )
                expected = (1 - row + top) * upper + (row - top) * lower
                torch.testing.assert_close(resized[..., y, x], expected, atol=1e-5, rtol=0)

    def test_own_size_is_the_input_itself(self) -> None:
        source = torch.randn(1, 2, 3, 4)
        assert corner_resize(source, 3, 4) is source


class TestAdaptiveNorm:
    def test_first_it_changes_nothing(self) -> None:
        features = torch.randn(2, 3, 4, 5)
        torch.testing.assert_close(AdaptiveNorm(3)(features), features)
        conv = AdaptiveConv(5, 3, 3, dilation=2)
        wide = torch.randn(2, 5, 8, 8)
        torch.testing.assert_close(conv(wide), F.leaky_relu(wide[:, :3], 0.2))

    def test_against_instance_norm(self) -> None:
        norm, features = AdaptiveNorm(3), 5 * torch.randn(2, 3, 4, 5) + 2
        with torch.no_grad():
            norm.identity_weight.fill_(0.3)
            norm.norm_weight.fill_(0.7)
            norm.shift.copy_(torch.tensor([1.0, -1.0, 0.5]))
        normalised = F.instance_norm(features, eps=1e-3) + norm.shift[:, None, None]
        torch.testing.assert_close(norm(features), 0.3 * features + 0.7 * normalised)

    def test_one_pixel_becomes_the_shift(self) -> None:
        norm = AdaptiveNorm(2)
        with torch.no_grad():
            norm.identity_weight.zero_()
            norm.norm_weight.fill_(2.0)
            norm.shift.copy_(torch.tensor([1.0, -1.0]))
        normalised = norm(torch.randn(1, 2, 1, 1, requires_grad=True))
        assert normalised.flatten().tolist() == pytest.approx([2, -2])

    def test_large_values_in_half_precision(self) -> None:
        norm = AdaptiveNorm(2)
        torch.nn.init.ones_(norm.norm_weight)
        with torch.autocast('cpu', dtype=torch.bfloat16):
            normalised = norm(1e4 * torch.randn(1, 2, 8, 8).bfloat16())
        assert normalised.dtype == torch.bfloat16
        assert normalised.isfinite().all()


class TestFrozenVGG19:
    def test_number_of_weights(self) -> None:
        with torch.device('meta'):
            vgg = FrozenVGG19()
        assert sum(parameter.numel() for parameter in vgg.parameters()) == 15_304_768
        assert not any(parameter.requires_grad for parameter in vgg.parameters())

    @torch.no_grad()
    def test_sizes_of_the_maps(self) -> None:
        maps = small_vgg()(torch.rand(2, 3, 17, 40))
        assert [tuple(features.shape) for features in maps] == [
            (2, 3, 17, 40), (2, 4, 9, 20), (2, 5, 5, 10), (2, 6, 3, 5), (2, 7, 2, 3),
        ]  # fmt: skip

    def test_without_weights_it_says_what_to_do_until_a_checkpoint_is_loaded(self) -> None:
        vgg, image = FrozenVGG19(dims=DIMS), torch.rand(1, 3, 16, 16)
        with pytest.raises(ValueError, match=r'vgg_weights: .*vgg19-dcbb9e9d\.pth.*checkpoint'):
            vgg(image)
        other = small_vgg()
        vgg.load_state_dict(other.state_dict())
        for ours, theirs in zip(vgg(image), other(image)):
            assert torch.equal(ours, theirs)

    @torch.no_grad()
    def test_a_file_of_torchvision_gives_its_features_in_another_unit(self, tmp_path: Path) -> None:
        features = torchvision.models.vgg.make_layers(torchvision.models.vgg.cfgs['E'])
        features[0].bias.uniform_()
        state = {f'features.{name}': value for name, value in features.state_dict().items()}
        torch.save(state, tmp_path / 'vgg19.pth')
        vgg = FrozenVGG19(str(tmp_path / 'vgg19.pth'))
        image = torch.rand(1, 3, 16, 16)
        # As torchvision's normalisation, with the means of the methods.
        std = torch.tensor([0.229, 0.224, 0.225])
        normalised = vgg.centred(image) / (255 * std[:, None, None])
        scale = 255 * std.mean()
        torch.testing.assert_close(vgg(image)[0], scale * features[:4](normalised), atol=1e-3, rtol=1e-4)

    def test_missing_file(self, tmp_path: Path) -> None:
        with pytest.raises(FileNotFoundError, match=r'^vgg_weights: .*nothing\.pth'):
            FrozenVGG19(str(tmp_path / 'nothing.pth'))

    @pytest.mark.parametrize('content', [{'features.0.weight': torch.zeros(2), 'features.0.bias': torch.zeros(2)}, {}])
    def test_another_file(self, tmp_path: Path, content: dict[str, Tensor]) -> None:
        torch.save(content, tmp_path / 'other.pth')
        with pytest.raises(ValueError, match=r'^vgg_weights: .*other\.pth is no VGG-19'):
            FrozenVGG19(str(tmp_path / 'other.pth'))

    def test_damaged_file(self, tmp_path: Path) -> None:
        (tmp_path / 'damaged.pth').write_bytes(b'no weights')
        with pytest.raises(ValueError, match=r'^vgg_weights: .*damaged\.pth: '):
            FrozenVGG19(str(tmp_path / 'damaged.pth'))


@pytest.mark.parametrize('size', [(16, 16), (19, 33)])
def test_convolving_maps_at_their_own_size_equals_convolving_the_hypercolumn(size: tuple[int, int]) -> None:
    vgg, conv, image = small_vgg(), HypercolumnConv(DIMS, 6), torch.rand(2, 3, *size)
    torch.nn.init.normal_(conv.conv.weight)
    maps = vgg(image)
    enlarged = [corner_resize(features / 255, *size) for features in reversed(maps)]
    expected = conv(torch.cat([*enlarged, image], dim=1))
    torch.testing.assert_close(conv.forward_maps(maps, image), expected, atol=1e-4, rtol=1e-4)
