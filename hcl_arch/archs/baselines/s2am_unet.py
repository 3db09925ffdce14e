"""The U-Net of S2AM, with an optional attention after each outer level, and its blind attention."""

from __future__ import annotations

from collections.abc import Callable
from typing import Optional, cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from hcl_arch.archs.baselines.shared_blocks import SeparatedAttention

# The levels behind whose results an attention stands: maps at a half, a quarter and an eighth of the image's size.
ATTENTION_LEVELS = (1, 2, 3)
_WIDEST = 8
_SLOPE = 0.2


class BlindSeparatedAttention(nn.Module):
    """S2AM that finds the region itself, from the mean and maximum over the channels (Cun and Pun, TIP 2020).

    The region is m = sigmoid(conv(relu(conv([mean, max])))), of 7x7 convolutions; S2AM changes m and keeps 1 - m.

    Args:
        dim: Number C of channels.
        reduction: See :class:`SeparatedAttention`.
        mask_dim: Width between the two convolutions.
    """

    def __init__(self, dim: int, *, reduction: int = 16, mask_dim: int = 16) -> None:
        super().__init__()
        self.attention = SeparatedAttention(dim, reduction=reduction)
        self.hole_finder = nn.Sequential(
            nn.Conv2d(2, mask_dim, 7, padding=3), nn.ReLU(), nn.Conv2d(mask_dim, 1, 7, padding=3)
        )

    def forward(self, features: Tensor) -> tuple[Tensor, Tensor]:
        """Find a region and attend by it.

        Args:
            features: (B, C, h, w).

        Returns:
            (B, C, h, w), and the logits (B, 1, h, w) that cells belong to the region, which is to be changed.
        """
        summary = torch.cat([features.mean(dim=1, keepdim=True), features.amax(dim=1, keepdim=True)], dim=1)
        logits = self.hole_finder(summary)
        change = torch.sigmoid(logits)
        return self.attention(features, keep=1 - change, change=change), logits


class UNetLevel(nn.Module):
    """A level of the U-Net: halves the size, runs the inner levels, and doubles the size of their result.

    Args:
        outer: Width of what comes in.
        inner: Width at half the size.
        within: Width of what the levels within give.
        out: Width of what goes out beside the skip.
        is_outermost: Whether the input is an image: no activation and no norm, a bias in the last convolution.
        is_innermost: Whether there is no level within: no norm at half the size.
    """

    def __init__(
        self, outer: int, inner: int, within: int, out: int, *, is_outermost: bool = False, is_innermost: bool = False
    ) -> None:
        super().__init__()
        self.down = nn.Conv2d(outer, inner, 4, stride=2, padding=1, bias=False)
        self.down_norm: Optional[nn.BatchNorm2d] = None if is_outermost or is_innermost else nn.BatchNorm2d(inner)
        self.up = nn.ConvTranspose2d(within, out, 4, stride=2, padding=1, bias=is_outermost)
        self.up_norm: Optional[nn.BatchNorm2d] = None if is_outermost else nn.BatchNorm2d(out)

    def to_half(self, features: Tensor) -> Tensor:
        """(B, outer, H, W) -> (B, inner, H / 2, W / 2)."""
        features = self.down(features)
        return features if self.down_norm is None else self.down_norm(features)

    def to_full(self, features: Tensor) -> Tensor:
        """(B, within, H / 2, W / 2) -> (B, out, H, W)."""
        features = self.up(F.relu(features))
        return features if self.up_norm is None else self.up_norm(features)


class S2AMUNet(nn.Module):
    """U-Net of 4x4 convolutions of stride 2, of pix2pix's layout (Isola et al., CVPR 2017), with linear output.

    The skips hold the output of the LeakyReLU before a level's convolution, not its input.

    Args:
        in_channels: Channels of the input.
        dim: Width of the outermost level; the others are twice as wide as the one before, up to 8 times ``dim``.
        n_levels: Number of halvings, at least 5.
    """

    def __init__(self, in_channels: int, *, dim: int, n_levels: int) -> None:
        super().__init__()
        widths = [dim * min(2**level, _WIDEST) for level in range(n_levels)]
        self.size_multiple = 2**n_levels
        self.attention_dims = [2 * widths[level - 1] for level in ATTENTION_LEVELS]
        self.levels = nn.ModuleList([UNetLevel(in_channels, widths[0], 2 * widths[0], 3, is_outermost=True)])
        for outer, inner in zip(widths[:-2], widths[1:-1]):
            self.levels.append(UNetLevel(outer, inner, 2 * inner, outer))
        self.levels.append(UNetLevel(widths[-2], widths[-1], widths[-1], widths[-2], is_innermost=True))

    def forward(self, x: Tensor, attend: Callable[[int, Tensor], Tensor]) -> Tensor:
        """Transform an image.

        Args:
            x: (B, in_channels, H, W), H and W multiples of ``size_multiple``.
            attend: From an index i of ``ATTENTION_LEVELS`` and its features, (B, attention_dims[i], H / 2^(i + 1),
                W / 2^(i + 1)), to new ones; called from the coarsest to the finest.

        Returns:
            (B, 3, H, W).
        """
        outermost, *inner = cast('list[UNetLevel]', list(self.levels))
        x = outermost.to_half(x)
        skips: list[Tensor] = []
        for level in inner:
            skips.append(F.leaky_relu(x, _SLOPE))
            x = level.to_half(skips[-1])
        for index, level in reversed(list(enumerate(inner, start=1))):
            x = torch.cat([skips.pop(), level.to_full(x)], dim=1)
            if index in ATTENTION_LEVELS:
                x = attend(ATTENTION_LEVELS.index(index), x)
        return outermost.to_full(x)


def initialise(network: nn.Module) -> None:
    """Draw weights as S2AM's program: Kaiming normal, biases 0, batch norms' scales from N(1, 0.02)."""
    for module in network.modules():
        if isinstance(module, (nn.Conv2d, nn.ConvTranspose2d, nn.Linear)):
            nn.init.kaiming_normal_(module.weight)
            if module.bias is not None:
                nn.init.zeros_(module.bias)
        elif isinstance(module, nn.BatchNorm2d):
            nn.init.normal_(module.weight, 1, 0.02)
