"""Segmenter as a detector: a vision transformer whose class embeddings are compared with the patches."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from hcl_arch.archs.baselines.pixel_detector import PixelDetector
from hcl_arch.archs.registry import ARCHS
from hcl_arch.utils.argument_checks import check_at_least


class GlobalAttentionBlock(nn.Module):
    """Self-attention over all tokens and a two-layer MLP, each after a layer norm and with a residual connection.

    Args:
        dim: Width of the tokens, divisible by ``num_heads``.
        num_heads: Number of attention heads.
        mlp_ratio: Width of the MLP's hidden layer over ``dim``.
    """

    def __init__(self, dim: int, *, num_heads: int, mlp_ratio: int) -> None:
        super().__init__()
        self.num_heads = num_heads
        self.norm1 = nn.LayerNorm(dim)
        self.qkv = nn.Linear(dim, 3 * dim)
        self.proj = nn.Linear(dim, dim)
        self.norm2 = nn.LayerNorm(dim)
        self.mlp = nn.Sequential(nn.Linear(dim, mlp_ratio * dim), nn.GELU(), nn.Linear(mlp_ratio * dim, dim))

    def forward(self, tokens: Tensor) -> Tensor:
        """(B, N, dim) -> (B, N, dim)."""
        tokens = tokens + self._attend(self.norm1(tokens))
        return tokens + self.mlp(self.norm2(tokens))

    def _attend(self, tokens: Tensor) -> Tensor:
        b, n, c = tokens.shape
        # (3, B, heads, N, head width)
        qkv = self.qkv(tokens).view(b, n, 3, self.num_heads, c // self.num_heads).permute(2, 0, 3, 1, 4)
        attended = F.scaled_dot_product_attention(*qkv.unbind(0))
        return self.proj(attended.transpose(1, 2).reshape(b, n, c))


@ARCHS.register()
class SegmenterDetector(PixelDetector):
    """Detector that segments an image into uncorrupted and corrupted (Table 2).

    Strudel, Garcia, Laptev, Schmid: "Segmenter: Transformer for Semantic Segmentation", ICCV 2021: a vision transformer
    over patches, then a mask transformer in which two class embeddings join the patches' tokens (Section 3). A class's
    map is the scalar product of unit-length patch and class tokens, upsampled bilinearly.

    Differs from the paper: the logit that a pixel is uncorrupted is scale * (its map - that of the corrupted) + bias,
    both learned. With two classes, the paper's layer norm over the classes leaves little more than the sign of that
    difference. The encoder has no class token, because no pre-trained one is loaded, and no dropout.

    Args:
        dim: Width of the tokens, divisible by ``num_heads``.
        depth: Number of the encoder's blocks.
        num_heads: Number of attention heads.
        patch_size: Side of a patch in pixels.
        decoder_depth: Number of the mask transformer's blocks.
        image_size: Side, in pixels, of the images that the position embedding is made for, a multiple of
            ``patch_size``; for others it is interpolated.
        mlp_ratio: Width of the MLPs' hidden layers over ``dim``.

    Raises:
        ValueError: If ``dim`` or ``image_size`` is not such a multiple, or a number is too small.
    """

    def __init__(
        self,
        *,
        dim: int = 384,
        depth: int = 12,
        num_heads: int = 6,
        patch_size: int = 16,
        decoder_depth: int = 2,
        image_size: int = 256,
        mlp_ratio: int = 4,
    ) -> None:
        super().__init__()
        check_at_least(1, dim=dim, depth=depth, num_heads=num_heads, patch_size=patch_size, mlp_ratio=mlp_ratio)
        check_at_least(0, decoder_depth=decoder_depth)
        if dim % num_heads:
            raise ValueError(f'dim must be divisible by num_heads, got {dim} and {num_heads}.')
        if image_size < patch_size or image_size % patch_size:
            raise ValueError(f'image_size must be a multiple of patch_size, got {image_size} and {patch_size}.')
        self.size_multiple = patch_size
        side = image_size // patch_size
        self.patch_embedding = nn.Conv2d(3, dim, patch_size, stride=patch_size)
        self.position_embedding = nn.Parameter(torch.empty(1, dim, side, side))
        self.encoder = nn.Sequential(
            *(GlobalAttentionBlock(dim, num_heads=num_heads, mlp_ratio=mlp_ratio) for _ in range(depth)),
            nn.LayerNorm(dim),
        )
        self.to_decoder = nn.Linear(dim, dim)
        self.class_embeddings = nn.Parameter(torch.empty(1, 2, dim))
        self.decoder = nn.Sequential(
            *(GlobalAttentionBlock(dim, num_heads=num_heads, mlp_ratio=mlp_ratio) for _ in range(decoder_depth)),
            nn.LayerNorm(dim),
        )
        self.patch_projection = nn.Linear(dim, dim, bias=False)
        self.class_projection = nn.Linear(dim, dim, bias=False)
        self.logit_scale = nn.Parameter(torch.tensor(10.0))
        self.logit_bias = nn.Parameter(torch.tensor(0.0))
        self._initialise()

    def _initialise(self) -> None:
        for module in self.modules():
            if isinstance(module, nn.Linear):
                nn.init.trunc_normal_(module.weight, std=0.02)
                if module.bias is not None:
                    nn.init.zeros_(module.bias)
        for parameter in (self.position_embedding, self.class_embeddings):
            nn.init.trunc_normal_(parameter, std=0.02)

    def _logits(self, image: Tensor) -> Tensor:
        patches = self.patch_embedding(image)
        rows, columns = patches.shape[-2:]
        tokens = (patches + self.positions(rows, columns)).flatten(2).transpose(1, 2)
        logits = self._patch_logits(self.encoder(tokens)).view(-1, 1, rows, columns)
        return F.interpolate(logits, scale_factor=self.size_multiple, mode='bilinear', align_corners=False)

    def positions(self, rows: int, columns: int) -> Tensor:
        """The position embedding for a grid of patches, (1, dim, rows, columns), interpolated bilinearly."""
        if self.position_embedding.shape[-2:] == (rows, columns):
            return self.position_embedding
        return F.interpolate(self.position_embedding, size=(rows, columns), mode='bilinear', align_corners=False)

    def _patch_logits(self, tokens: Tensor) -> Tensor:
        """Encoded patches (B, N, dim) -> logits (B, N) that they are uncorrupted."""
        n_patches = tokens.shape[1]
        classes = self.class_embeddings.expand(tokens.shape[0], -1, -1)
        tokens = self.decoder(torch.cat([self.to_decoder(tokens), classes], dim=1))
        patches = F.normalize(self.patch_projection(tokens[:, :n_patches]), dim=-1)
        classes = F.normalize(self.class_projection(tokens[:, n_patches:]), dim=-1)
        cosines = patches @ classes.transpose(1, 2)
        return self.logit_scale * (cosines[..., 0] - cosines[..., 1]) + self.logit_bias
