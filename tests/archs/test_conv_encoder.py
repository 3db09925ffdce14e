"""The convolutional encoder, alone and in HCLDetector and HCLNet."""

from __future__ import annotations

import pytest
import torch
from basicsr.archs import build_network

from hcl_arch.archs.hcl.conv_encoder import ConvEncoder, ConvResBlock

SMALL = {
    'encoder': 'conv', 'dim': 4, 'dim_mults': [1, 2], 'encoder_depths': [0, 1], 'num_heads': [1, 1],
    'conf_thresholds': [1.0, 0.9], 'proj_dim': 4,
}  # fmt: skip


def encoder(**options):
    torch.manual_seed(0)
    return ConvEncoder(**{'widths': [4, 8], 'depths': [1, 1], 'n_conv_stages': 1, **options})


@pytest.mark.parametrize('n_conv_stages', [0, 1, 2])
@pytest.mark.parametrize('context_widths', [[], [12, 16]])
def test_gives_a_map_of_each_stage(n_conv_stages, context_widths):
    net = encoder(n_conv_stages=n_conv_stages, context_widths=context_widths)

    features = net(torch.rand(2, 3, 64, 32))

    side = 2**n_conv_stages
    assert [tuple(stage.shape) for stage in features] == [
        (2, 4, 64 // side, 32 // side), (2, 8, 32 // side, 16 // side)
    ]  # fmt: skip


def test_further_levels_show_the_finest_stage_more_of_the_image():
    reach = []
    for context_widths in ([], [12, 16]):
        net = encoder(context_widths=context_widths).eval()
        image = torch.rand(1, 3, 256, 32, requires_grad=True)
        net(image)[0][0, :, 64].sum().backward()
        reach.append(int((image.grad.abs().sum(dim=(0, 1, 3)) > 0).sum()))

    assert reach[0] < 64 < reach[1]


def test_a_block_without_its_convolutions_is_its_shortcut():
    block = ConvResBlock(4, 4).eval()
    torch.nn.init.zeros_(block.second.weight)
    x = torch.rand(1, 4, 5, 6)

    assert torch.equal(block(x), x)


def test_depth_adds_blocks_at_their_stage():
    shallow, deep = encoder(depths=[0, 1]), encoder(depths=[2, 3])

    assert [len(level) for level in shallow.down] == [0, 1]
    assert [len(level) for level in deep.down] == [2, 3]
    assert all(len(features) for features in deep(torch.rand(2, 3, 16, 16)))


def test_detector_takes_any_size_and_learns():
    detector = build_network({'type': 'HCLDetector', 'n_conv_stages': 1, 'context_widths': [8], **SMALL})

    assert detector.size_multiple == 8
    confidence = detector.eval()(torch.rand(1, 3, 37, 50))

    assert confidence.shape == (1, 1, 37, 50)
    assert 0 <= confidence.min() <= confidence.max() <= 1


def test_evaluation_treats_every_image_of_a_batch_alone():
    net = encoder().eval()
    images = torch.rand(3, 3, 16, 16)

    for alone, of_batch in zip(net(images[1:2]), net(images)):
        assert torch.allclose(alone, of_batch[1:2], atol=1e-5)


def test_network_pads_for_encoder_and_windows():
    net = build_network({
        'type': 'HCLNet', 'decoder_depths': [1, 1], 'window_size': 3, 'bottleneck_window_size': 2,
        'context_widths': [8, 8], **SMALL,
    })  # fmt: skip

    assert net.size_multiple == 24  # 2 (stride) * lcm(3, 2) for the windows, 2**3 for the levels
    output = net.eval()(torch.rand(1, 3, 17, 30), return_all=True)

    assert output.restored.shape == (1, 3, 17, 30)
    assert output.embeddings[0].shape[-2:] == (24, 48)


@pytest.mark.parametrize(
    ('options', 'message'),
    [
        ({'encoder': 'convolution'}, "encoder must be one of .*'convolution'"),
        ({'encoder_depths': [-1, 1]}, 'encoder_depths: .* at least 0, got -1'),
        ({'encoder_depths': [0, 0]}, 'encoder_depths beyond the finest: .* at least 1, got 0'),
        ({'context_widths': [4, 0]}, 'context_widths: .* at least 1, got 0'),
        ({'encoder': 'transformer', 'encoder_depths': [0, 1]}, 'encoder_depths: .* at least 1'),
        ({'encoder': 'transformer', 'encoder_depths': [1, 1], 'context_widths': [4]}, 'levels of encoder: conv'),
    ],
)
def test_errors_name_the_option(options, message):
    with pytest.raises(ValueError, match=message):
        build_network({'type': 'HCLDetector', **SMALL, **options})


def test_a_block_halves_its_shortcut_as_a_strided_convolution_would():
    block = ConvResBlock(3, 8, stride=2).eval()
    x = torch.rand(2, 3, 9, 6)
    strided = torch.nn.functional.conv2d(x, block.shortcut.weight, block.shortcut.bias, stride=2)
    torch.nn.init.zeros_(block.second.weight)

    assert torch.allclose(block(x), strided.relu(), atol=1e-6)
