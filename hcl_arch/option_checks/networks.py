"""Checks of the networks: types, arguments, and whether they can be built and accept the images."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from typing import Any, Callable, Optional

import torch
from torch import nn

from hcl_arch.archs.detect_then_restore_arch import DetectThenRestore
from hcl_arch.archs.hcl_net_arch import HCLNet
from hcl_arch.models import BaselineModel
from hcl_arch.option_checks.data_sets import is_image_side, training_size
from hcl_arch.option_checks.network_inspection import inspect_network, run_on_meta
from hcl_arch.option_checks.run_options import RunOptions
from hcl_arch.option_checks.signatures import Arguments
from hcl_arch.utils.option_lines import problem

# Arguments that the models pass to a network besides the images.
_ARGUMENTS = ('return_all', 'true_mask', 'guidance', 'restore')
# Shape, besides the channels, of the images with which a part of a network is tried.
_BATCH = 2
_CHANNELS = {'image': 3, 'masked_image': 3, 'mask': 1, 'hole': 1, 'confidence': 1}


def check_networks(run: RunOptions) -> Iterator[str]:
    """Yield the problems of `network_g`, `network_d` and networks nested in them."""
    for key, options in run.opt.items():
        if isinstance(key, str) and key.startswith('network_') and isinstance(options, Mapping) and options:
            problems, network = inspect_network(options, (key,))
            yield from problems
            for check in _CHECKS_OF_BUILT.get(key, ()) if network is not None else ():
                yield from check(run, network)


def _kind_problems(run: RunOptions, network: nn.Module) -> Iterator[str]:
    """Yield a problem if `network_g` does not fit the model."""
    model, kind, train = run.our_model, type(network).__name__, run.section('train')
    if model is None:
        return
    takes = Arguments.of(network.forward)
    if not (takes.takes_any or set(_ARGUMENTS) <= set(takes.parameters)):
        yield problem(
            ('network_g', 'type'),
            f'{model.__name__} needs a blind restoration network, such as HCLNet, VCNet or DetectThenRestore; {kind} '
            'is none.',
        )
    clustering = [key for key in ('contrastive_opt', 'classifier_opt') if key in model.TRAIN_KEYS and train.get(key)]
    if run.is_train and clustering and isinstance(network, DetectThenRestore):
        yield problem(('train', clustering[0]), f'needs the clusters of HCLNet, which {kind} does not have.')


def _part_problems(run: RunOptions, network: Any) -> Iterator[str]:
    """Yield a problem if a part of the network does not accept its images, or returns something else."""
    side = _image_side(run)
    if side is None:
        return
    if isinstance(network, HCLNet) and network.refiner is not None:
        yield from _restorer_problems('refiner', network.refiner, channels=4, side=side)
    elif type(network) is DetectThenRestore:
        multiple = math.lcm(network.size_multiple, network.restorer_multiple)
        channels = sum(_CHANNELS[name] for name in network.restorer_input)
        padded = math.ceil(side / multiple) * multiple
        yield from _restorer_problems('restorer', network.restorer, channels=channels, side=padded)


def _restorer_problems(name: str, part: Any, *, channels: int, side: int) -> Iterator[str]:
    images = f'images of {channels} channels, {side} x {side} pixels'
    output, text = run_on_meta(part, (_BATCH, channels, side, side))
    if text is not None:
        yield problem(('network_g', name), f'is given {images}, and cannot take them: {text}')
    elif isinstance(output, torch.Tensor) and tuple(output.shape) != (_BATCH, 3, side, side):
        yield problem(
            ('network_g', name),
            f'is given {images}, and has to give back 3 channels of that size, not a tensor of the shape '
            f'{tuple(output.shape)}.',
        )


def _discriminator_problems(run: RunOptions, network: Any) -> Iterator[str]:
    """Yield a problem if the discriminator does not accept images of the training's size."""
    size = training_size(run)
    if size is None:
        return
    is_conditional = run.our_model is BaselineModel and getattr(network, 'conditional', False)
    _, text = run_on_meta(network, *[(_BATCH, 3, size, size)] * (2 if is_conditional else 1))
    if text is not None:
        yield problem(
            ('network_d',), f'cannot take images of {size} x {size} pixels (`datasets: train: gt_size`): {text}'
        )


def _image_side(run: RunOptions) -> Optional[int]:
    """Return the side of the training images, or of the first data set that states it; None if none does."""
    sizes = [data_set.options.get('gt_size') for data_set in run.data_sets]
    return training_size(run) or next((size for size in sizes if is_image_side(size)), None)


_CHECKS_OF_BUILT: dict[str, tuple[Callable[[RunOptions, Any], Iterator[str]], ...]] = {
    'network_g': (_kind_problems, _part_problems), 'network_d': (_discriminator_problems,),
}  # fmt: skip
