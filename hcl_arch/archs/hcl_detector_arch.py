"""The detector: the part of HCL that only finds the mask."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal, NamedTuple, Optional, Union, get_args

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from hcl_arch.archs.hcl.center_classifier import CenterClassifier
from hcl_arch.archs.hcl.conv_encoder import ConvEncoder
from hcl_arch.archs.hcl.encoder import ConvStageOrder, Encoder
from hcl_arch.archs.hcl.look_windows import LookWindows, draw_windows
from hcl_arch.archs.hcl.mask_hierarchy import StageMasks, detect_masks, masks_of_logits
from hcl_arch.archs.hcl.projection_heads import ProjectionHeads
from hcl_arch.archs.hcl.spherical_kmeans import weighted_centers
from hcl_arch.archs.hcl.timm_encoder import TimmEncoder
from hcl_arch.archs.image_form import check_image, pad_to_multiple, to_image_size, to_network_range
from hcl_arch.archs.layers.exporting import exact
from hcl_arch.archs.registry import ARCHS
from hcl_arch.utils.argument_checks import check_above_zero, check_at_least, check_choice
from hcl_arch.utils.random_state import draw_for_batch

MaskFrom = Literal['clusters', 'pixels']
EncoderKind = Literal['transformer', 'conv', 'timm']


class Detection(NamedTuple):
    """Result of the detector for a batch of padded images; lists run from the finest stage to the coarsest."""

    features: list[Tensor]
    """The encoder's features, (B, widths[i], h, w)."""
    embeddings: list[Tensor]
    """Unit-length projections, (B, proj_dim, h, w)."""
    stages: list[StageMasks]
    """The mask hierarchy."""
    mask_logits: list[Tensor]
    """With ``mask_from='pixels'`` the logits that pixels are uncorrupted, (B, 1, h, w), those of coarser looks behind
    those of the finest; otherwise empty."""
    center_logits: Tensor
    """(B, 2): the classifier's logits that the coarsest stage's uncorrupted and corrupted centre are uncorrupted."""
    pixel_logits: Tensor
    """(B, 1, h, w): the same of every pixel's embedding at the coarsest stage."""
    windows: Optional[LookWindows] = None
    """Where the last look was taken, of which all of the above is; None = of the whole image."""


class BlockForm(NamedTuple):
    """What the transformer blocks of all parts have in common."""

    num_heads: tuple[int, ...]
    """Of each stage, fine to coarse."""
    window_size: int
    """Side of the attention windows in pixels."""
    use_checkpoint: bool
    """Whether training computes blocks again in the backward pass."""


@ARCHS.register()
class HCLDetector(nn.Module):
    """Encoder, projection heads, mask hierarchy and centre classifier (Section 3.2).

    Args:
        dim: Width of the finest stage.
        dim_mults: Width of each stage as a multiple of ``dim``, fine to coarse.
        n_conv_stages: Number of stride-2 convolutions before the finest stage.
        encoder_depths: Number of Swin blocks, or residual blocks of ``encoder='conv'``, of each stage, fine to coarse.
        num_heads: Number of attention heads of each stage, fine to coarse.
        window_size: Side of the attention windows in pixels.
        proj_dim: Width of the embeddings.
        fuse: Whether a stage's embeddings also see the next coarser stage's features (Eq. 6).
        conf_thresholds: Share of each cluster's pixels that a stage counts as certain, fine to coarse.
        temperature: Softness of the clusters (Eq. 5).
        kmeans_iters: Rounds of the k-means.
        kmeans_repeats: Starts of the k-means.
        detach_classifier: Whether the classifier's gradient stops at the embeddings. Otherwise it also trains them, so
            that they show which region is the corrupted one, not only that the two differ.
        conv_stage_order: Order in the stride-2 convolutions (the released weights differ).
        mask_from: Source of the masks: ``clusters`` of the embeddings, or classified ``pixels``, which is plain
            segmentation with the same encoder (the ablation without contrastive learning).
        single_stage: Index, fine to coarse, of the only stage to embed and cluster (the ablation of Fig. 8); by default
            all stages are used, coarse to fine.
        use_checkpoint: Whether training recomputes the transformer blocks in the backward pass instead of storing their
            intermediate results: slower, with much less memory and the same result.
        encoder: The paper's ``transformer``; ``conv``, a :class:`ConvEncoder` for small networks, which needs far fewer
            images; or ``timm``, a :class:`TimmEncoder` with a pretrained backbone. The last two ignore ``num_heads``
            and ``window_size``, ``conv`` ignores ``use_checkpoint``, and ``timm`` ignores ``encoder_depths``.
        context_widths: For ``conv`` and ``timm``: widths of levels coarser than the coarsest stage.
        backbone: For ``timm``: name of the backbone.
        backbone_weights: For ``timm``: file of the backbone's weights; random weights by default.
        frozen_norm: For ``timm``: whether the backbone's batch normalisation keeps its loaded statistics.
        looks: For ``timm``: number of looks at the image. Each look is at twice the size of the one before and gets its
            result; the last look is at the image itself.
        look_window: For ``timm``: in training, the last look sees only a square of this side in each image, as it sees
            one tile in use. So it learns to rely on the result for the whole image.
        fine_blocks: For ``timm``: number of residual blocks of each of the two finest levels of the upward path.
        coarse_blocks: For ``timm``: number of further residual blocks of each of its other levels; untrained, they do
            nothing.
        stem_width: For ``timm``: width of further features of the finest stage, taken from the image itself.

    Raises:
        ValueError: If the stage lists differ in length, a choice is unknown, a number is too small, a stage does not
            exist, or options contradict each other.
    """

    def __init__(
        self,
        *,
        dim: int = 64,
        dim_mults: Sequence[int] = (1, 2, 4),
        n_conv_stages: int = 0,
        encoder_depths: Sequence[int] = (6, 4, 2),
        num_heads: Sequence[int] = (1, 2, 4),
        window_size: int = 8,
        proj_dim: int = 64,
        fuse: bool = True,
        conf_thresholds: Sequence[float] = (1.0, 0.95, 0.95),
        temperature: float = 0.1,
        kmeans_iters: int = 3,
        kmeans_repeats: int = 1,
        detach_classifier: bool = True,
        conv_stage_order: ConvStageOrder = 'conv_gelu',
        mask_from: MaskFrom = 'clusters',
        single_stage: Optional[int] = None,
        use_checkpoint: bool = False,
        encoder: EncoderKind = 'transformer',
        context_widths: Sequence[int] = (),
        backbone: str = 'tf_efficientnet_lite0',
        backbone_weights: Optional[str] = None,
        frozen_norm: bool = False,
        looks: int = 1,
        look_window: Optional[int] = None,
        fine_blocks: int = 0,
        coarse_blocks: int = 0,
        stem_width: int = 0,
    ) -> None:
        super().__init__()
        check_stage_lists(
            len(dim_mults), encoder_depths=encoder_depths, num_heads=num_heads, conf_thresholds=conf_thresholds
        )
        check_at_least(1, dim=dim, dim_mults=dim_mults, num_heads=num_heads)
        check_encoder(encoder, encoder_depths, context_widths)
        upward: dict[str, Any] = {'fine_blocks': fine_blocks, 'coarse_blocks': coarse_blocks, 'stem_width': stem_width}
        check_timm(encoder, backbone_weights=backbone_weights, frozen_norm=frozen_norm, looks=looks, **upward)
        check_single_stage(single_stage, len(dim_mults), looks)
        check_at_least(1, window_size=window_size, proj_dim=proj_dim, kmeans_repeats=kmeans_repeats)
        check_at_least(0, n_conv_stages=n_conv_stages, kmeans_iters=kmeans_iters)
        check_above_zero(temperature=temperature)
        check_choice('conv_stage_order', conv_stage_order, get_args(ConvStageOrder))
        check_choice('mask_from', mask_from, get_args(MaskFrom))
        self.widths = widths = [dim * mult for mult in dim_mults]
        self.n_conv_stages = n_conv_stages
        self.blocks = BlockForm(tuple(num_heads), window_size, use_checkpoint)
        # Pixels of the image along the side of a pixel of each stage, and of the finest mask.
        self.cells = [2 ** (n_conv_stages + stage) for stage in range(len(widths))]
        self.mask_cell = self.cells[single_stage or 0]
        self.stride = self.cells[-1]
        self.look_multiple = self.stride * (window_size if encoder == 'transformer' else 2 ** len(context_widths))
        check_look_window(look_window, looks, self.look_multiple)
        self.looks = looks
        self.look_window = look_window
        self.size_multiple = self.look_multiple * 2 ** (looks - 1)
        stages = range(len(widths)) if single_stage is None else [single_stage]
        self.conf_thresholds = tuple(conf_thresholds[stage] for stage in stages)
        self.temperature = temperature
        self.kmeans_iters = kmeans_iters
        self.kmeans_repeats = kmeans_repeats
        self.detach_classifier = detach_classifier
        sizes: dict[str, Any] = {'widths': widths, 'n_conv_stages': n_conv_stages}
        self.encoder: nn.Module
        if encoder == 'conv':
            self.encoder = ConvEncoder(**sizes, depths=encoder_depths, context_widths=context_widths)
        elif encoder == 'timm':
            self.encoder = TimmEncoder(
                **sizes,
                **upward,
                context_widths=context_widths,
                backbone=backbone,
                backbone_weights=backbone_weights,
                frozen_norm=frozen_norm,
                takes_prior=looks > 1,
                use_checkpoint=use_checkpoint,
            )
        else:
            self.encoder = Encoder(
                **sizes,
                depths=encoder_depths,
                num_heads=num_heads,
                window_size=window_size,
                conv_stage_order=conv_stage_order,
                use_checkpoint=use_checkpoint,
            )
        self.projection_heads = ProjectionHeads(
            widths=widths, proj_dim=proj_dim, fuse=fuse, stages=stages, use_checkpoint=use_checkpoint
        )
        self.classifier = CenterClassifier(proj_dim)
        self.pixel_classifiers: Optional[nn.ModuleList] = None
        if mask_from == 'pixels':  # of the stages finer than the coarsest, which has the classifier above
            self.pixel_classifiers = nn.ModuleList(CenterClassifier(proj_dim) for _ in stages[1:])
        # Convolutions are faster so, and the transformers' (B, H, W, C) is a view of it.
        self.to(memory_format=torch.channels_last)  # type: ignore[call-overload]

    def forward(self, image: Tensor) -> Tensor:
        """Find the corrupted regions of an image.

        Args:
            image: (B, 3, H, W) RGB in [0, 1], of any size from 16 pixels up.

        Returns:
            (B, 1, H, W), the confidence that a pixel is uncorrupted, in [0, 1]; below 0.5 = corrupted.
        """
        height, width = check_image(image)
        detection = self.detect(to_network_range(pad_to_multiple(image, self.size_multiple)))
        return to_image_size(detection.stages[0].soft_mask, height, width, self.size_multiple)

    def detect(
        self, image: Tensor, *, true_mask: Optional[Tensor] = None, generator: Optional[torch.Generator] = None
    ) -> Detection:
        """Find everything that the detector knows about an image, in all its looks.

        Args:
            image: (B, 3, H, W) RGB in [-1, 1], H and W multiples of ``size_multiple``.
            true_mask: (B, 1, H, W), 1 = uncorrupted: tells which cluster is uncorrupted, in the classifier's place.
            generator: Source of the k-means' starts. Without one they are random in training and the same for every
                image and run in evaluation.
        """
        prior: Optional[Tensor] = None
        coarser_logits: list[Tensor] = []
        for look in range(self.looks - 1, 0, -1):
            reduced = F.avg_pool2d(image, 2**look)
            detection = self.look(reduced, prior, true_mask=true_mask, generator=generator)
            coarser_logits = [*detection.mask_logits, *coarser_logits]
            # Each look learns from its own mask alone.
            prior = self._prior_of(detection).detach()
        windows: Optional[LookWindows] = None
        if self.look_window is not None and self.training:
            assert prior is not None
            windows = self._windows(image, true_mask)
            image, prior = windows.cut(image), windows.cut(prior, image.shape[-1] // prior.shape[-1])
            true_mask = None if true_mask is None else windows.cut(true_mask)
        detection = self.look(image, prior, true_mask=true_mask, generator=generator)
        # Not `_replace`, which torch.compile cannot follow.
        features, embeddings, stages, mask_logits, center_logits, pixel_logits, _ = detection
        logits = [*mask_logits, *coarser_logits]
        return Detection(features, embeddings, stages, logits, center_logits, pixel_logits, windows)

    def _windows(self, image: Tensor, true_mask: Optional[Tensor]) -> LookWindows:
        side = self.look_window
        assert side is not None
        if min(image.shape[-2:]) < side:
            raise ValueError(f'look_window: {side} pixels are more than images of {tuple(image.shape[-2:])} have.')
        mask = torch.ones_like(image[:, :1]) if true_mask is None else true_mask
        return draw_windows(mask, side, self.look_multiple)

    def look(
        self,
        image: Tensor,
        prior: Optional[Tensor] = None,
        *,
        true_mask: Optional[Tensor] = None,
        generator: Optional[torch.Generator] = None,
    ) -> Detection:
        """Look at an image once.

        Args:
            image: (B, 3, H, W) RGB in [-1, 1], H and W multiples of ``look_multiple``.
            prior: What a coarser look has found: logits that pixels are uncorrupted, (B, 1, h, w) at the size of the
                finest stage or a half of it.
            true_mask: As for :meth:`detect`.
            generator: As for :meth:`detect`.
        """
        features, embeddings = self._embed(image, prior)
        mask_logits = self._mask_logits(embeddings)
        if mask_logits:
            stages = masks_of_logits(embeddings, mask_logits)
        else:
            stages = detect_masks(
                embeddings,
                conf_thresholds=self.conf_thresholds,
                temperature=self.temperature,
                kmeans_iters=self.kmeans_iters,
                kmeans_repeats=self.kmeans_repeats,
                true_mask=true_mask,
                center_scorer=self.classifier,
                seed=self._kmeans_seed(image, generator),
            )
        center_logits, pixel_logits = self._classify(embeddings[-1], stages[-1])
        return Detection(features, embeddings, stages, mask_logits, center_logits, pixel_logits)

    def _embed(
        self, image: Tensor, prior: Optional[Tensor], told: Optional[Tensor] = None
    ) -> tuple[list[Tensor], list[Tensor]]:
        """Features and embeddings of all stages."""
        image = image.contiguous(memory_format=torch.channels_last)
        features = self.encoder(image) if self.looks == 1 else self.encoder(image, prior, told)
        return features, self.projection_heads(features)

    def finest_logits(self, image: Tensor, prior: Optional[Tensor] = None, told: Optional[Tensor] = None) -> Tensor:
        """Look at an image once and return only the finest mask's logits, for a next look or for a mask.

        Args:
            image: (B, 3, H, W) RGB in [-1, 1], H and W multiples of ``look_multiple``.
            prior: As for :meth:`look`.
            told: As for :class:`TimmEncoder`; only with ``mask_from: pixels``.

        Returns:
            (B, 1, h, w), h and w being those of the finest stage.
        """
        if self.pixel_classifiers is None:
            return self._prior_of(self.look(image, prior))
        _, embeddings = self._embed(image, prior, told)
        return self._mask_logits(embeddings[:1])[0]

    @staticmethod
    def _prior_of(detection: Detection) -> Tensor:
        """Logits of the finest mask, (B, 1, h, w)."""
        if detection.mask_logits:
            return detection.mask_logits[0]
        return torch.logit(detection.stages[0].soft_mask, eps=1e-4)

    def _mask_logits(self, embeddings: list[Tensor]) -> list[Tensor]:
        if self.pixel_classifiers is None:
            return []
        classifiers = [*self.pixel_classifiers, self.classifier]
        return [
            classifier(embedding.permute(0, 2, 3, 1)).unsqueeze(1)
            for classifier, embedding in zip(classifiers, embeddings)
        ]

    def _kmeans_seed(self, image: Tensor, generator: Optional[torch.Generator]) -> Union[int, Tensor]:
        if generator is None and not self.training:
            return 0
        return draw_for_batch(
            lambda images: torch.randint(2**31, (images,), generator=generator, device=image.device), image.shape[0]
        )

    def _classify(self, embedding: Tensor, stage: StageMasks) -> tuple[Tensor, Tensor]:
        """Logits of the coarsest stage's centres, (B, 2), and of its pixels, (B, 1, h, w)."""
        points = exact(embedding).flatten(2).transpose(1, 2)
        if self.detach_classifier:
            centers, points = stage.centers, points.detach()
        else:
            confidence = stage.confidence.flatten(2).transpose(1, 2)
            centers = weighted_centers(points, torch.cat([confidence, 1 - confidence], dim=2))
        return self.classifier(centers), self.classifier(points).view_as(stage.confidence)


def check_stage_lists(n_stages: int, **lists: Sequence[float]) -> None:
    """Raise ValueError naming the first option that does not give one value for each of ``n_stages`` stages."""
    for name, values in lists.items():
        if len(values) != n_stages:
            raise ValueError(f'{name} must have one value for each of the {n_stages} stages of dim_mults: {values}.')


def check_encoder(encoder: str, depths: Sequence[int], context_widths: Sequence[int]) -> None:
    """Raise ValueError if the encoder is no choice, or its depths or further levels do not fit its kind."""
    check_choice('encoder', encoder, get_args(EncoderKind))
    if encoder == 'conv':
        check_at_least(0, encoder_depths=depths[0])
        check_at_least(1, **{'encoder_depths beyond the finest': min(depths[1:], default=1)})
    if encoder != 'transformer':
        check_at_least(1, context_widths=min(context_widths, default=1))
        return
    check_at_least(1, encoder_depths=depths)
    if context_widths:
        raise ValueError("context_widths are levels of encoder: conv or timm; the transformer's encoder has none.")


def check_single_stage(single_stage: Optional[int], n_stages: int, looks: int) -> None:
    """Raise ValueError if there is no such stage, or several looks have no mask of the finest one."""
    if single_stage is not None and not 0 <= single_stage < n_stages:
        raise ValueError(f'single_stage must be 0 ... {n_stages - 1} (fine to coarse), got {single_stage}.')
    if looks > 1 and single_stage:
        raise ValueError(
            f'Each of {looks} looks needs the finest mask: single_stage must be 0 or none, got {single_stage}.'
        )


def check_look_window(look_window: Optional[int], looks: int, multiple: int) -> None:
    """Raise ValueError if the window is no multiple of this, or there is only one look."""
    if look_window is not None and (looks == 1 or look_window < 1 or look_window % multiple):
        raise ValueError(
            f'look_window: expects a multiple of {multiple}, and looks of at least 2, got {look_window} '
            f'with looks {looks}.'
        )


def check_timm(encoder: str, *, looks: int, **options: Optional[Union[str, int]]) -> None:
    """Raise ValueError if an option of ``encoder='timm'`` is given for another encoder, or ``looks`` is below 1."""
    check_at_least(1, looks=looks)
    given = [name for name, value in {'looks': looks > 1, **options}.items() if value]
    if given and encoder != 'timm':
        raise ValueError(f'{given[0]} is an option of encoder: timm; the encoder here is {encoder}.')
