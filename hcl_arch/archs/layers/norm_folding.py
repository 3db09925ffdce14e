"""Batch normalisation as a part of the convolution before it, which saves its time in inference."""

from __future__ import annotations

from torch import nn
from torch.nn.utils.fusion import fuse_conv_bn_weights

from hcl_arch.archs.layers.depthwise_conv import PreparedConv2d


def fold_norms(module: nn.Module) -> None:
    """Fold batch normalisation into convolutions, in place; the network's results stay, but for rounding.

    This is done in every `nn.Sequential`, and in modules with a true attribute `norms_follow`: in both a normalisation
    that is registered right behind a convolution is computed right behind it.

    Args:
        module: A network in evaluation mode, which is not trained any more.
    """
    children = list(module.named_children())
    if isinstance(module, nn.Sequential) or getattr(module, 'norms_follow', False):
        for (_, conv), (name, norm) in zip(children, children[1:]):
            # A subclass may do something else with its weights.
            if type(conv) not in (nn.Conv2d, PreparedConv2d) or type(norm) is not nn.BatchNorm2d:
                continue
            if isinstance(conv, nn.Conv2d) and norm.running_mean is not None:
                _fold(conv, norm)
                setattr(module, name, nn.Identity())
    for child in module.children():
        fold_norms(child)


def _fold(conv: nn.Conv2d, norm: nn.BatchNorm2d) -> None:
    assert not norm.training
    assert norm.running_mean is not None
    assert norm.running_var is not None
    conv.weight, conv.bias = fuse_conv_bn_weights(
        conv.weight, conv.bias, norm.running_mean, norm.running_var, norm.eps, norm.weight, norm.bias
    )
    conv.requires_grad_(False)
