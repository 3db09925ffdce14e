"""The two halves of the U-Net of Split then Refine and BVMR."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, Optional

import torch
import torch.nn.functional as F
from torch import Tensor, nn

Norm = Literal['batch', 'instance']
Activation = Literal['relu', 'leaky_relu']


def norm_layer(norm: Norm, dim: int, *, eps: float = 1e-5) -> nn.Module:
    """Batch norm with, or instance norm without learned scale and shift."""
    return nn.BatchNorm2d(dim, eps=eps) if norm == 'batch' else nn.InstanceNorm2d(dim, eps=eps)


def activation_layer(activation: Activation) -> nn.Module:
    """ReLU, or a leaky one of slope 0.01."""
    return nn.ReLU() if activation == 'relu' else nn.LeakyReLU(0.01)


class ResidualUnit(nn.Module):
    """x -> activation(x + gate(norm(conv3(x)))); the gate is optional.

    Args:
        dim: Number C of channels.
        norm: See :func:`norm_layer`.
        activation: See :func:`activation_layer`.
    """

    def __init__(self, dim: int, *, norm: Norm, activation: Activation) -> None:
        super().__init__()
        self.conv = nn.Conv2d(dim, dim, 3, padding=1)
        self.norm = norm_layer(norm, dim)
        self.activation = activation_layer(activation)

    def forward(self, features: Tensor, gate: Optional[nn.Module] = None) -> Tensor:
        """(B, C, H, W) -> (B, C, H, W)."""
        residual = self.norm(self.conv(features))
        if gate is not None:
            residual = gate(residual)
        return self.activation(features + residual)


class DownBlock(nn.Module):
    """A convolution to a new width, then residual units; the size does not change.

    Args:
        in_dim: Number of channels that come in.
        dim: Number of channels that go out.
        n_units: Number of residual units.
        norm: See :func:`norm_layer`.
        activation: See :func:`activation_layer`.
        norm_everywhere: Whether there is a norm after the first convolution too.
    """

    def __init__(
        self,
        in_dim: int,
        dim: int,
        *,
        n_units: int,
        norm: Norm,
        activation: Activation = 'relu',
        norm_everywhere: bool = True,
    ) -> None:
        super().__init__()
        self.first = nn.Sequential(nn.Conv2d(in_dim, dim, 3, padding=1))
        if norm_everywhere:
            self.first.append(norm_layer(norm, dim))
        self.first.append(activation_layer(activation))
        self.units = nn.Sequential(*(ResidualUnit(dim, norm=norm, activation=activation) for _ in range(n_units)))

    def forward(self, features: Tensor) -> Tensor:
        """(B, in_dim, H, W) -> (B, dim, H, W)."""
        return self.units(self.first(features))


class Encoder(nn.Module):
    """Down blocks with 2 x 2 maximum pooling between them.

    Args:
        in_dim: Number of channels of the input.
        widths: Number of channels of each level, fine to coarse.
        n_units: Number of residual units of a block.
        norm: See :func:`norm_layer`.
        activation: See :func:`activation_layer`.
        norm_everywhere: See :class:`DownBlock`.
    """

    def __init__(
        self,
        in_dim: int,
        widths: Sequence[int],
        *,
        n_units: int,
        norm: Norm,
        activation: Activation = 'relu',
        norm_everywhere: bool = True,
    ) -> None:
        super().__init__()
        self.blocks = nn.ModuleList(
            DownBlock(before, dim, n_units=n_units, norm=norm, activation=activation, norm_everywhere=norm_everywhere)
            for before, dim in zip((in_dim, *widths), widths)
        )

    def forward(self, image: Tensor) -> list[Tensor]:
        """(B, in_dim, H, W) -> features of each level, (B, C, H / 2^level, W / 2^level), fine to coarse."""
        levels: list[Tensor] = []
        for block in self.blocks:
            levels.append(block(F.max_pool2d(levels[-1], 2) if levels else image))
        return levels


class UpBlock(nn.Module):
    """Doubles the size, joins the encoder's features of that size, then residual units.

    Args:
        in_dim: Number of channels that come in.
        dim: Number of channels that go out, and of the encoder's features.
        n_units: Number of residual units.
        norm: See :func:`norm_layer`.
        norm_everywhere: Whether norm and ReLU follow the transposed convolution, and a norm that of the join.
        eps_of_join: Epsilon of the latter norm.
    """

    def __init__(
        self,
        in_dim: int,
        dim: int,
        *,
        n_units: int,
        norm: Norm,
        norm_everywhere: bool = True,
        eps_of_join: float = 1e-5,
    ) -> None:
        super().__init__()
        self.enlarge = nn.Sequential(nn.ConvTranspose2d(in_dim, dim, 2, stride=2))
        self.join = nn.Sequential(nn.Conv2d(2 * dim, dim, 3, padding=1))
        if norm_everywhere:
            self.enlarge.extend([norm_layer(norm, dim), nn.ReLU()])
            self.join.append(norm_layer(norm, dim, eps=eps_of_join))
        self.join.append(nn.ReLU())
        self.units = nn.ModuleList(ResidualUnit(dim, norm=norm, activation='relu') for _ in range(n_units))

    def forward(self, coarse: Tensor, skip: Tensor, gate: Optional[nn.Module] = None) -> Tensor:
        """Go one level up.

        Args:
            coarse: (B, in_dim, h, w).
            skip: (B, dim, 2h, 2w), the encoder's features.
            gate: What weighs the channels of the last unit's residual.

        Returns:
            (B, dim, 2h, 2w).
        """
        features = self.join(torch.cat([self.enlarge(coarse), skip], dim=1))
        for unit in self.units[:-1]:
            features = unit(features)
        return self.units[-1](features, gate)


class Decoder(nn.Module):
    """Up blocks from one level to a finer one.

    Args:
        widths: Number of channels of each level, from the one that comes in to the one that goes out.
        n_units: See :class:`UpBlock`.
        norm: See :func:`norm_layer`.
        norm_everywhere: See :class:`UpBlock`.
        eps_is_width: Whether a block's width is the epsilon of its join's norm, see :class:`UpBlock`.
    """

    def __init__(
        self,
        widths: Sequence[int],
        *,
        n_units: int,
        norm: Norm,
        norm_everywhere: bool = True,
        eps_is_width: bool = False,
    ) -> None:
        super().__init__()
        self.blocks = nn.ModuleList(
            UpBlock(
                before,
                dim,
                n_units=n_units,
                norm=norm,
                norm_everywhere=norm_everywhere,
                eps_of_join=float(dim) if eps_is_width else 1e-5,
            )
            for before, dim in zip(widths, widths[1:])
        )

    def forward(self, coarse: Tensor, skips: Sequence[Tensor], gates: Optional[nn.ModuleList] = None) -> Tensor:
        """Go up.

        Args:
            coarse: (B, widths[0], h, w).
            skips: The encoder's features for each block, coarse to fine.
            gates: A gate for each block.

        Returns:
            (B, widths[-1], H, W).
        """
        for index, (block, skip) in enumerate(zip(self.blocks, skips)):
            coarse = block(coarse, skip, gates[index] if gates is not None else None)
        return coarse


def level_widths(dim: int, n_levels: int = 5) -> list[int]:
    """Widths of a U-Net's levels, each twice the one before, fine to coarse."""
    return [dim * 2**level for level in range(n_levels)]


def initialise_convolutions(module: nn.Module) -> None:
    """Xavier's normal distribution and zero biases for all convolutions but transposed ones."""
    for layer in module.modules():
        if isinstance(layer, nn.Conv2d):
            nn.init.xavier_normal_(layer.weight)
            if layer.bias is not None:
                nn.init.zeros_(layer.bias)
