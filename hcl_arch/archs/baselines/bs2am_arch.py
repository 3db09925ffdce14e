"""BS2AM, a baseline of the paper: a U-Net whose attention finds the region to change by itself."""

from __future__ import annotations

from torch import Tensor, nn

from hcl_arch.archs.baselines.s2am_unet import BlindSeparatedAttention, S2AMUNet, initialise
from hcl_arch.archs.baselines.unguided_restorer import Painting, UnguidedRestorer
from hcl_arch.archs.registry import ARCHS
from hcl_arch.utils.argument_checks import check_at_least


@ARCHS.register()
class BS2AM(UnguidedRestorer):
    """Blind variant of S2AM (Table 7).

    Cun, Pun: "Improving the Harmony of the Composite Image by Spatial-Separated Attention Module", TIP 2020. It
    repaints the whole image and composites nothing.

    Its masks come from its three attentions, at a half, a quarter and an eighth of the size. For watermarks the method
    trains only the restored image (mean squared error), so the masks need not mean corruption. The option ``mask_opt``
    of the model trains the masks too.

    Args:
        dim: Width of the U-Net's outermost level.
        n_levels: Number of its halvings; images are padded to multiples of 2**n_levels.
        reduction: Channels over the width of the gates' hidden layers.

    Raises:
        ValueError: If a number is too small.
    """

    def __init__(self, *, dim: int = 64, n_levels: int = 8, reduction: int = 16) -> None:
        super().__init__()
        check_at_least(1, dim=dim, reduction=reduction)
        check_at_least(5, n_levels=n_levels)
        self.unet = S2AMUNet(3, dim=dim, n_levels=n_levels)
        self.size_multiple = self.unet.size_multiple
        self.attentions = nn.ModuleList(
            BlindSeparatedAttention(width, reduction=reduction) for width in self.unet.attention_dims
        )
        initialise(self)

    def _paint(self, image: Tensor) -> Painting:
        hole_logits: list[Tensor] = []

        def attend(index: int, features: Tensor) -> Tensor:
            features, logits = self.attentions[index](features)
            hole_logits.append(logits)
            return features

        painted = self.unet(image, attend)
        return Painting(painted, mask_logits=tuple(-logits for logits in reversed(hole_logits)))
