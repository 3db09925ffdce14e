"""BVMR: a baseline that removes visual motifs in one stage (Table 7)."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from hcl_arch.archs.baselines.unet_blocks import Decoder, Encoder, initialise_convolutions, level_widths
from hcl_arch.archs.baselines.watermark_remover import Layers, WatermarkRemover
from hcl_arch.archs.image_form import to_image_range, to_network_range
from hcl_arch.archs.registry import ARCHS
from hcl_arch.utils.argument_checks import check_at_least

_N_SHARED = 2


@ARCHS.register()
class BVMR(WatermarkRemover):
    """Blind visual motif removal of Hertz, Fogel, Hanocka, Giryes, Cohen-Or, CVPR 2019 (arXiv 1904.02756).

    One encoder, one decoder for the mask, and one decoder each for picture and motif, which share the coarser half. The
    interface is that of :class:`WatermarkRemover`; ``watermark`` of its output is the motif.

    Args:
        dim: Width at full size; each coarser level has twice the one before.
        n_units: Number of residual units of a block.
        predict_motif: Whether there is a decoder for the motif.
        composite: See :class:`WatermarkRemover`.

    Raises:
        ValueError: If a number is too small.
    """

    def __init__(self, *, dim: int = 32, n_units: int = 3, predict_motif: bool = True, composite: bool = True) -> None:
        check_at_least(1, dim=dim, n_units=n_units)
        super().__init__(composite=composite)
        widths = level_widths(dim)
        upwards = widths[::-1]
        self.encoder = Encoder(3, widths, n_units=n_units, norm='batch', norm_everywhere=False)

        def decoder(decoder_widths: list[int]) -> Decoder:
            return Decoder(decoder_widths, n_units=n_units, norm='batch', norm_everywhere=False)

        self.shared_decoder = decoder(upwards[: _N_SHARED + 1])
        self.image_decoder = decoder(upwards[_N_SHARED:])
        self.mask_decoder = decoder(upwards)
        self.image_head, self.mask_head = nn.Conv2d(dim, 3, 1), nn.Conv2d(dim, 1, 1)
        self.predict_motif = predict_motif
        if predict_motif:
            self.motif_decoder = decoder(upwards[_N_SHARED:])
            self.motif_head = nn.Conv2d(dim, 3, 1)
        initialise_convolutions(self)

    def split(self, image: Tensor, *, only_mask: bool = False) -> Layers:
        """See :class:`WatermarkRemover`."""
        *skips, coarsest = self.encoder(to_network_range(image))
        skips.reverse()  # coarse to fine, as the decoders use them
        hole_logits = self.mask_head(self.mask_decoder(coarsest, skips))
        if only_mask:
            return Layers(hole_logits)
        shared, finer_skips = self.shared_decoder(coarsest, skips), skips[_N_SHARED:]
        picture = self.image_head(self.image_decoder(shared, finer_skips))
        motif = self.motif_head(self.motif_decoder(shared, finer_skips)) if self.predict_motif else None
        return Layers(
            hole_logits=hole_logits,
            image=to_image_range(torch.tanh(picture)),
            watermark=None if motif is None else to_image_range(torch.tanh(motif)),
        )
