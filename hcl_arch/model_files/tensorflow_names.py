"""Variable names and layout in the programs of SIRF and DHAN for the networks reimplemented here."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from torch import Tensor

# Names of the VGG-19 convolutions that are used.
_VGG_CONVS = [f'conv{group}_{number}' for group, n in zip(range(1, 6), (2, 2, 4, 4, 2)) for number in range(1, n + 1)]


def state_of(
    shapes: Mapping[str, tuple[int, ...]],
    variables: Mapping[str, str],
    stored: Callable[[str, tuple[int, ...]], Tensor],
) -> dict[str, Tensor]:
    """Convert TensorFlow's variables to one of our states.

    Args:
        shapes: Our name -> shape.
        variables: Our name -> TensorFlow's.
        stored: Maps TensorFlow's name and shape to the value.

    Returns:
        Our name -> value.
    """
    values = {}
    for ours, theirs in variables.items():
        shape = tuple(shapes[ours])
        if len(shape) == 4:
            values[ours] = stored(theirs, (*shape[2:], shape[1], shape[0])).permute(3, 2, 0, 1)
        elif len(shape) == 2:
            values[ours] = stored(theirs, shape[::-1]).T
        else:
            values[ours] = stored(theirs, shape)
    return values


def _adaptive_conv(ours: str, theirs: str) -> dict[str, str]:
    """Names of a convolution with adaptive norm."""
    return {
        f'{ours}.conv.weight': f'{theirs}/weights',
        f'{ours}.norm.identity_weight': f'{theirs}/w0',
        f'{ours}.norm.norm_weight': f'{theirs}/w1',
        f'{ours}.norm.shift': f'{theirs}/BatchNorm/beta',
    }


def _conv(ours: str, theirs: str) -> dict[str, str]:
    """Names of a convolution with bias."""
    return {f'{ours}.weight': f'{theirs}/weights', f'{ours}.bias': f'{theirs}/biases'}


def _vgg() -> dict[str, str]:
    """Names of the frozen VGG-19's convolutions."""
    names: dict[str, str] = {}
    for index, name in enumerate(_VGG_CONVS):
        names.update(_conv(f'vgg.convs.{index}', f'vgg19/{name}'))
    return names


def sirf_names() -> dict[str, str]:
    """Names of SIRF's whole state."""
    names = {**_vgg(), **_adaptive_conv('first_conv', 'g_conv0'), **_conv('last_conv', 'g_conv_last')}
    for index, number in enumerate((1, 2, 3, 4, 5, 6, 7, 9)):
        names.update(_adaptive_conv(f'convs.{index}', f'g_conv{number}'))
    return names


def dhan_names() -> dict[str, str]:
    """Names of DHAN's whole state."""
    names = {**_vgg(), **_adaptive_conv('first_conv', 'g_sf')}
    for number in range(8):
        names.update(_adaptive_conv(f'convs.{number}', f'g_conv{number}'))
    for ours, letter, image in (('image', 'i', 'img'), ('mask', 'm', 'mask')):
        for index in range(4):
            aggregation = f'{ours}_aggregations.{index}'
            names.update(_adaptive_conv(f'{aggregation}.conv', f'g_agg{letter}_{index}agg2'))
            for layer, fc in (('0', 'bottleneck_fc'), ('2', 'recover_fc')):
                theirs = f'g_agg{letter}_{index}att2/{fc}'
                names[f'{aggregation}.gate.layers.{layer}.weight'] = f'{theirs}/kernel'
                names[f'{aggregation}.gate.layers.{layer}.bias'] = f'{theirs}/bias'
        for index, pool in enumerate(('2', '8', '16', '32')):
            names.update(_adaptive_conv(f'{ours}_pyramid.convs.{index}', f'g_{image}pool{pool}'))
        names.update(_adaptive_conv(f'{ours}_pyramid.fusion', f'g_{image}poolsf'))
    names.update(_conv('image_conv', 'g_conv_img'))
    names.update(_conv('hole_conv', 'g_conv_mask'))
    return names
