"""The encoder with a backbone of timm: features, weights from files, levels, prior, errors."""

from __future__ import annotations

import pytest
import torch

from hcl_arch.archs.hcl.backbone_weights import build_backbone
from hcl_arch.archs.hcl.timm_encoder import TimmEncoder

timm = pytest.importorskip('timm')

BACKBONE = 'tf_efficientnet_lite0'
SMALL = 'test_efficientnet'


@pytest.fixture(scope='module')
def weights(tmp_path_factory):
    """A whole model of timm and files of its weights: as timm has them, and under another program's names."""
    torch.manual_seed(0)
    model = timm.create_model(BACKBONE).eval()
    folder = tmp_path_factory.mktemp('weights')
    state = model.state_dict()
    torch.save(state, folder / 'own.pth')
    foreign = {f'_net.{index}': value for index, (key, value) in enumerate(state.items()) if 'num_batches' not in key}
    torch.save({'state_dict': {f'module.{key}': value for key, value in foreign.items()}}, folder / 'foreign.pth')
    from safetensors.torch import save_file

    save_file({key: value.contiguous() for key, value in state.items()}, folder / 'own.safetensors')
    return model, folder


def encoder(**options):
    defaults = {'widths': (8, 16, 24), 'n_conv_stages': 1, 'context_widths': (32, 32), 'backbone': SMALL}
    return TimmEncoder(**{**defaults, **options})


class TestFeatures:
    def test_sizes_and_widths_follow_the_stage_lists(self):
        features = encoder()(torch.rand(2, 3, 64, 96))
        assert [tuple(each.shape) for each in features] == [(2, 8, 32, 48), (2, 16, 16, 24), (2, 24, 8, 12)]

    def test_stages_finer_than_the_backbone_see_the_image(self):
        net = encoder(n_conv_stages=0).eval()
        image = torch.rand(1, 3, 64, 64)
        changed = image.clone()
        changed[..., 20, 20] += 0.01
        features, others = net(image), net(changed)
        assert tuple(features[0].shape) == (1, 8, 64, 64)
        assert not torch.equal(features[0], others[0])

    @pytest.mark.parametrize('file', ['own.pth', 'foreign.pth', 'own.safetensors'])
    def test_backbone_computes_what_timm_computes(self, weights, file):
        model, folder = weights
        net = TimmEncoder(
            widths=(8, 8, 8), n_conv_stages=1, context_widths=(8, 8), backbone=BACKBONE,
            backbone_weights=str(folder / file),
        ).eval()  # fmt: skip
        image = torch.rand(1, 3, 64, 96) * 2 - 1
        expected = model.forward_intermediates(image, intermediates_only=True)
        with torch.no_grad():
            found = net._backbone_maps(image)
        for one, other in zip(found, expected):
            torch.testing.assert_close(one, other, rtol=1e-4, atol=1e-4)

    def test_images_are_normalised_as_the_backbone_was_trained(self):
        net = encoder(backbone='resnet18', n_conv_stages=1, context_widths=(8, 8))
        seen = {}
        net.backbone.register_forward_pre_hook(lambda module, args: seen.update(image=args[0]))
        net(torch.zeros(1, 3, 64, 64))  # gray, 0.5 in [0, 1]
        mean, std = torch.tensor([0.485, 0.456, 0.406]), torch.tensor([0.229, 0.224, 0.225])
        torch.testing.assert_close(seen['image'][0, :, 0, 0], (0.5 - mean) / std)

    def test_frozen_normalisation_keeps_its_statistics(self):
        net = encoder(frozen_norm=True).train()
        before = {key: value.clone() for key, value in net.backbone.state_dict().items() if 'running' in key}
        net(torch.rand(2, 3, 64, 64)).__len__()
        after = net.backbone.state_dict()
        assert before
        assert all(torch.equal(value, after[key]) for key, value in before.items())
        assert not torch.equal(net.top[1].running_mean, torch.zeros(32))

    def test_checkpointing_gives_the_same_gradients(self):
        torch.manual_seed(0)
        plain = encoder(frozen_norm=True)
        sparing = encoder(frozen_norm=True, use_checkpoint=True)
        sparing.load_state_dict(plain.state_dict())
        image = torch.rand(1, 3, 64, 64)
        for net in (plain, sparing):
            net(image)[0].square().mean().backward()
        for one, other in zip(plain.parameters(), sparing.parameters()):
            if one.grad is not None:
                torch.testing.assert_close(one.grad, other.grad)


class TestFineLevels:
    def test_they_add_to_a_network_that_had_none(self):
        """Weights of before are still weights of the same names, and untrained blocks can be made to do nothing."""
        plain, finer = encoder().eval(), encoder(fine_blocks=2).eval()
        missing, unexpected = finer.load_state_dict(plain.state_dict(), strict=False)
        assert not unexpected
        assert {'.'.join(name.split('.')[:3]) for name in missing} == {'up.0.3', 'up.0.4', 'up.1.3', 'up.1.4'}
        image = torch.rand(1, 3, 64, 64)
        assert not torch.allclose(finer(image)[0], plain(image)[0])
        for level in finer.up[:2]:
            for block in level[3:]:
                torch.nn.init.zeros_(block.norm.weight)
        for one, other in zip(finer(image), plain(image)):
            torch.testing.assert_close(one, other)

    @pytest.mark.parametrize('n_conv_stages', [0, 1])
    def test_the_stem_joins_the_finest_stage(self, n_conv_stages):
        plain, stemmed = (encoder(n_conv_stages=n_conv_stages, stem_width=width) for width in (0, 5))
        assert stemmed.up[0][0].in_channels == plain.up[0][0].in_channels + 5
        assert [tuple(level.shape) for level in stemmed(torch.rand(1, 3, 128, 128))] == [
            tuple(level.shape) for level in plain(torch.rand(1, 3, 128, 128))
        ]

    def test_the_stem_reaches_the_finest_stage_alone(self):
        net = encoder(stem_width=5).eval()
        image = torch.rand(1, 3, 64, 64)
        before = net(image)
        torch.nn.init.zeros_(net.stem[0].weight)
        after = net(image)
        assert not torch.allclose(before[0], after[0])
        assert all(torch.equal(one, other) for one, other in zip(before[1:], after[1:]))

    @pytest.mark.parametrize('option', ['fine_blocks', 'coarse_blocks', 'stem_width'])
    def test_none_is_the_least(self, option):
        with pytest.raises(ValueError, match=option):
            encoder(**{option: -1})


class TestCoarseLevels:
    def test_untrained_blocks_add_nothing_to_the_network_of_before_and_learn(self):
        plain, larger = encoder().eval(), encoder(coarse_blocks=2).eval()
        missing, unexpected = larger.load_state_dict(plain.state_dict(), strict=False)
        assert not unexpected
        assert {name.split('.')[0] for name in missing} == {'further'}
        image = torch.rand(1, 3, 64, 64)
        for one, other in zip(larger(image), plain(image)):
            torch.testing.assert_close(one, other)
        larger(image)[0].square().mean().backward()
        assert all(block.norm.weight.grad.abs().sum() > 0 for level in larger.further for block in level)

    def test_two_levels_have_none(self):
        features = encoder(widths=(8, 16), context_widths=(), coarse_blocks=1)(torch.rand(2, 3, 64, 64))
        assert [each.shape[1] for each in features] == [8, 16]

    def test_they_are_at_the_levels_without_fine_blocks(self):
        net = encoder(coarse_blocks=1)
        widths = [level[0].norm.weight.numel() for level in net.further]
        assert len(widths) == len(net.up) + 1 - 2
        assert widths == [*(level.norm.weight.numel() for level in net.up[2:]), net.top[1].weight.numel()]


class TestPrior:
    def test_no_prior_differs_from_a_prior_of_nothing_known(self):
        net = encoder(takes_prior=True).eval()
        image = torch.rand(1, 3, 64, 64)
        without, undecided = net(image), net(image, torch.zeros(1, 1, 32, 32))
        assert not torch.allclose(without[0], undecided[0])

    def test_prior_of_half_the_grid_is_enlarged(self):
        net = encoder(takes_prior=True).eval()
        image = torch.rand(1, 3, 64, 64)
        prior = torch.full((1, 1, 16, 16), 2.0)
        assert torch.allclose(net(image, prior)[0], net(image, torch.full((1, 1, 32, 32), 2.0))[0], atol=1e-6)

    def test_the_coarsest_level_may_be_one_pixel(self):
        net = encoder(takes_prior=True).eval()
        assert tuple(net(torch.rand(1, 3, 32, 32), torch.zeros(1, 1, 16, 16))[0].shape) == (1, 8, 16, 16)

    def test_prior_is_where_it_says(self):
        net = encoder(takes_prior=True).eval()
        image = torch.rand(1, 3, 128, 128)
        prior = torch.zeros(1, 1, 64, 64)
        prior[..., :8, :8] = 5
        change = (net(image, prior)[0] - net(image, torch.zeros(1, 1, 64, 64))[0]).abs().sum(dim=1)[0]
        assert change[:8, :8].mean() > 4 * change[32:, 32:].mean()


class TestErrors:
    def test_unknown_backbone_names_near_ones(self):
        with pytest.raises(ValueError, match=r"backbone: timm .* has no model 'resnet8'; did you mean resnet18"):
            encoder(backbone='resnet8')

    def test_strides_that_the_backbone_lacks(self):
        message = r'backbone: .* has feature maps at strides .* ask for \[4, 8, 16, 32, 64\]'
        with pytest.raises(ValueError, match=message):
            encoder(n_conv_stages=2)

    def test_weights_of_another_backbone(self, weights):
        _, folder = weights
        with pytest.raises(ValueError, match=r'backbone_weights: .*own.pth does not fit backbone resnet18: it holds'):
            encoder(backbone='resnet18', backbone_weights=str(folder / 'own.pth'))

    def test_weights_of_another_width(self, weights):
        _, folder = weights
        with pytest.raises(ValueError, match=r'backbone_weights: .* does not fit backbone tf_efficientnet_lite1'):
            encoder(backbone='tf_efficientnet_lite1', backbone_weights=str(folder / 'foreign.pth'))

    def test_no_such_file(self):
        with pytest.raises(FileNotFoundError, match='backbone_weights: there is no file nowhere.pth'):
            encoder(backbone_weights='nowhere.pth')

    @pytest.mark.parametrize('suffix', ['pth', 'safetensors'])
    def test_damaged_file(self, tmp_path, suffix):
        path = tmp_path / f'weights.{suffix}'
        path.write_bytes(b'no weights at all')
        with pytest.raises(ValueError, match=f'backbone_weights: .*weights.{suffix} cannot be read as weights'):
            encoder(backbone_weights=str(path))

    def test_file_without_tensors(self, tmp_path):
        torch.save({'params': {'a': 1}}, tmp_path / 'numbers.pth')
        with pytest.raises(ValueError, match='holds no named tensors'):
            encoder(backbone_weights=str(tmp_path / 'numbers.pth'))


def test_levels_take_the_maps_of_their_strides():
    _, taken, channels = build_backbone(BACKBONE, None, [1, 2, 4, 8])
    assert taken == [0, 1, 2]
    assert channels == [16, 24, 40]
