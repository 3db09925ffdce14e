"""HCLRepairNet: fills holes, and corrects what still shines through where corruption is translucent."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any, Optional, Union

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from hcl_arch.archs.hcl_refine_net_arch import GatedConv2d, GatedResBlock
from hcl_arch.archs.image_form import pad_to_multiple, to_network_range
from hcl_arch.archs.layers.exporting import cut_back
from hcl_arch.archs.layers.smooth_fill import smooth_fill
from hcl_arch.archs.layers.upsample_conv import nearest_upsample_conv
from hcl_arch.archs.network_parts import build_part, load_part
from hcl_arch.archs.registry import ARCHS
from hcl_arch.utils.argument_checks import check_at_least

# The filled image, the image as it is, the mask; and the confidence, if it is taken.
_IN_CHANNELS = 7
# What to add to the fill (3), contrast and brightness of the correction (3 each), and which to use.
_OUT_CHANNELS = 10
# At first the correction changes nothing and is used by a tenth.
_FIRST_SHARE = -2.2
# Of a filler's holes.
_GRAY = 0.5
# Longest side in pixels of what is repaired at once with attention.
_ATTENDED_SIDE = 512


@ARCHS.register()
class HCLRepairNet(nn.Module):
    """Repaints the holes of an image that it also sees as it is.

    Where corruption covers everything, the network fills: it improves a given fill. Where something shines through, it
    corrects: it changes contrast and brightness of the image itself, smoothly, so that the detail stays. A map says how
    much of which. Both come from a U-Net on the image at half size. In its bottleneck, every place can attend to all
    others, and the less to one the more of it is a hole.

    As the restorer of ``DetectThenRestore`` it needs ``restorer_input: [image, mask]``, or with
    ``takes_confidence`` ``[image, mask, confidence]``.

    Differs from the paper, whose restorers see only what is uncorrupted.

    Args:
        dim: Width of the finest level, a multiple of ``num_heads`` with each of ``dim_mults``.
        dim_mults: Width of each level as a multiple of ``dim``, fine to coarse; the first one is at half size.
        n_context: Number of blocks in the bottleneck.
        num_heads: Heads of their attention; 0 = none, which costs less and has repaired as well.
        filler: A network, or options with a registered ``type``, that fills first, from the masked image, its holes
            gray, and the mask (B, 4, H, W) to an image, both in [0, 1], such as ``HCLRefineNet``. By default the first
            fill is smooth.
        freeze_filler: Do not train the filler.
        takes_confidence: Whether it also sees how surely a pixel is uncorrupted: so it can trust a given mask, and be
            careful with one that was found.
        filler_weights: Initial weights of the filler: a file (.pth, .safetensors). From a ``DetectThenRestore`` the
            restorer is used.

    Raises:
        ValueError: If a number is too small, the heads do not divide the coarsest width, or the weights do not fit.
        FileNotFoundError: If the file of weights does not exist.
    """

    def __init__(
        self,
        *,
        dim: int = 32,
        dim_mults: Sequence[int] = (1, 2, 3, 4),
        n_context: int = 2,
        num_heads: int = 4,
        filler: Union[nn.Module, Mapping[str, Any], None] = None,
        freeze_filler: bool = False,
        takes_confidence: bool = False,
        filler_weights: Optional[str] = None,
    ) -> None:
        super().__init__()
        check_at_least(1, dim=dim, dim_mults=dim_mults, n_context=n_context)
        check_at_least(0, num_heads=num_heads)
        widths = [dim * mult for mult in dim_mults]
        if num_heads and widths[-1] % num_heads:
            raise ValueError(f'num_heads: {num_heads} heads do not divide the coarsest width, {widths[-1]}.')
        self.coarseness = 2 ** len(widths)
        # Larger pictures are to be repaired in tiles: the attention's cost grows with the square of the pixels.
        self.largest_side = _ATTENDED_SIDE if num_heads else None
        self.filler = None if filler is None else build_part('filler', filler).requires_grad_(not freeze_filler)
        if self.filler is not None:
            load_part('restorer', self.filler, filler_weights, option='filler_weights')
        self.size_multiple = math.lcm(self.coarseness, getattr(self.filler, 'size_multiple', 1))
        self.first_conv = GatedConv2d(4 * (_IN_CHANNELS + takes_confidence), widths[0], 3)
        self.down_blocks = nn.ModuleList(GatedResBlock(width, width) for width in widths)
        self.downsamples = nn.ModuleList(
            nn.Conv2d(fine, coarse, 3, stride=2, padding=1) for fine, coarse in zip(widths, widths[1:])
        )
        self.context = nn.ModuleList(ContextBlock(widths[-1], num_heads) for _ in range(n_context))
        self.up_blocks = nn.ModuleList(GatedResBlock(2 * width, width) for width in widths)
        self.upsamples = nn.ModuleList(
            nn.Conv2d(coarse, fine, 3, padding=1) for fine, coarse in zip(widths, widths[1:])
        )
        self.last_conv = nn.Conv2d(widths[0], 4 * _OUT_CHANNELS, 3, padding=1)
        self._start()

    def _start(self) -> None:
        """Begin with the first fill and a correction that changes nothing."""
        nn.init.normal_(self.last_conv.weight, std=1e-3)
        bias = torch.zeros(_OUT_CHANNELS, 4)
        bias[-1] = _FIRST_SHARE
        self.last_conv.bias = nn.Parameter(bias.flatten())

    def forward(self, x: Tensor) -> Tensor:
        """Paint images anew.

        Args:
            x: (B, 4, H, W): the RGB image as it is, in [0, 1], and the mask, 1 = uncorrupted; with ``takes_confidence``
                (B, 5, H, W), the confidence in [0, 1] behind them.

        Returns:
            (B, 3, H, W) around [0, 1]; not composited.
        """
        height, width = x.shape[-2:]
        padded = pad_to_multiple(x, self.size_multiple)
        image, mask = padded[:, :3], padded[:, 3:4]
        first_fill = self._first_fill(image, mask)
        seen = torch.cat([to_network_range(first_fill), to_network_range(image), padded[:, 3:]], dim=1)
        maps = self._maps(seen, 1 - mask).float()
        fill, contrast, brightness, share = maps.split((3, 3, 3, 1), dim=1)
        corrected = image * (1 + contrast) + brightness
        painted = torch.lerp(first_fill + fill, corrected, torch.sigmoid(share))
        return cut_back(painted, height, width)

    def _first_fill(self, image: Tensor, mask: Tensor) -> Tensor:
        if self.filler is None:
            return smooth_fill(image, mask)
        painted = self.filler(torch.cat([mask * image + (1 - mask) * _GRAY, mask], dim=1))
        return mask * image + (1 - mask) * painted

    def _maps(self, x: Tensor, hole: Tensor) -> Tensor:
        x = self.first_conv(F.pixel_unshuffle(x, 2))
        skips = [self.down_blocks[0](x)]
        for downsample, block in zip(self.downsamples, self.down_blocks[1:]):
            skips.append(block(downsample(skips[-1])))
        x = skips[-1]
        holes = F.avg_pool2d(hole, self.coarseness)
        for block in self.context:
            x = block(x, holes)
        for level in reversed(range(len(skips))):
            x = self.up_blocks[level](torch.cat([x, skips.pop()], dim=1))
            if level > 0:
                x = nearest_upsample_conv(x, self.upsamples[level - 1])
        return F.pixel_shuffle(self.last_conv(x), 2)


class ContextBlock(nn.Module):
    """Attention of every place to all others, known ones above all, and a gated block.

    Args:
        width: Channels.
        num_heads: Heads of the attention; 0 = none.
    """

    def __init__(self, width: int, num_heads: int) -> None:
        super().__init__()
        self.num_heads = num_heads
        self.block = GatedResBlock(width, width)
        if num_heads == 0:
            return
        self.norm = nn.GroupNorm(1, width)
        self.qkv = nn.Conv2d(width, 3 * width, 1)
        self.proj = nn.Conv2d(width, width, 1)
        # How much less attention a hole gets, in logits.
        self.penalty = nn.Parameter(torch.full((num_heads,), 4.0))

    def forward(self, x: Tensor, holes: Tensor) -> Tensor:
        """(B, width, h, w) and the share of holes of each place, (B, 1, h, w) in [0, 1] -> (B, width, h, w)."""
        if self.num_heads == 0:
            return self.block(x)
        parts = self.qkv(self.norm(x)).flatten(2).unflatten(1, (3, self.num_heads, -1)).transpose(-1, -2)
        query, key, value = parts.unbind(1)
        bias = -self.penalty.view(1, -1, 1, 1) * holes.flatten(2).unsqueeze(2)
        found = F.scaled_dot_product_attention(query, key, value, attn_mask=bias.to(query.dtype))
        return self.block(x + self.proj(found.transpose(-1, -2).flatten(1, 2).unflatten(2, x.shape[-2:])))
