"""Blind image inpainting by hierarchical contrastive learning, as a plugin for BasicSR.

Feng, Xu, Lu, Pei: "Hierarchical Contrastive Learning for Pattern-Generalizable Image Corruption Detection", ICCV
2023.

`import hcl_arch` registers the architectures, losses, metrics, data sets and models with BasicSR and mends what BasicSR
needs on today's libraries (`hcl_arch.plugin`): at once if BasicSR is loaded, else when it is. `hcl_arch.restore(image)`
finds and repairs what is corrupted in a photograph; a `Restorer` keeps the model for many. These two need no BasicSR.

Glossary: what the names mean everywhere in this package.

B, C, H, W
    Batch, channels, height, width: tensors are (B, C, H, W) unless a docstring says otherwise.
image
    RGB, float. In [0, 1] at every registry boundary (data sets, networks, losses, metrics); in [-1, 1] inside the
    network. The two functions of `hcl_arch.archs.image_form` convert, nothing else does. BasicSR's own image metrics
    take BGR, 0-255.
mask
    (B, 1, H, W). **1 = uncorrupted, 0 = corrupted** (paper, Eq. 1) in every tensor. In mask *files* it is the other
    way round: white (255) = corrupted, as inpainting tools and mask data sets have it.
hole share
    Share of corrupted pixels of a mask, in [0, 1].
truth, noise, input
    The clean image; what is put into the holes (another image, a colour, random values, the truth in shadow or painted
    over); and the two blended: input = s * truth + (1 - s) * noise, s = the blurred mask of the holes.
hole, corrupted
    Where noise is put, and which of these pixels count: all of them if it is opaque, else those that it changes
    (`hcl_arch.data.corruptions.corruption.changed_pixels`).
photograph
    In and out of `hcl_arch.restoration` images are arrays (H, W, channels) as files hold them, 8 or 16 bit, and masks
    are as in mask files: (H, W), 255 = corrupted.
stage
    A resolution of the network. Stage lists run from the finest (index 0) to the coarsest (index -1); the paper
    counts the other way, its S1 is the coarsest.
look
    One pass of a detector over an image at one size. With several looks each is at twice the size of the one before and
    is told what that one found; the last one is at the image itself (`hcl_arch.restoration.looks`: at every pixel).
projection
    The L2-normalised vectors of a stage in which corrupted and uncorrupted pixels are told apart, (B, proj_dim, h, w).
cluster, centre
    The two groups that spherical k-means finds among a stage's projections, and their normalised means.
confidence
    A pixel's weight for the uncorrupted cluster, in [0, 1] (paper, Eq. 5).
certain, uncertain
    Certain pixels are decided at their stage, and every finer stage inherits the decision. The others are left to the
    next finer stage.
soft mask
    The confidence given by the stage that decided the pixel.
mask hierarchy
    The masks of all stages, made coarse to fine.
guidance mask
    The mask that tells decoder and refiner what to trust: the true one in training phase 1, the predicted one in
    phase 2 and in use.
coarse image, refined image
    Output of the decoder, and of the refiner. The refined one is the restored image; it is not composited.
classifier
    Tells of a cluster centre, by a logit, that it is the uncorrupted one.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from hcl_arch.plugin.basicsr_import import complete_when_imported
from hcl_arch.plugin.retired_modules import run_retired_modules
from hcl_arch.utils.version import __version__

if TYPE_CHECKING:
    from hcl_arch import archs, data, losses, metrics, models
    from hcl_arch.restoration import Restoration, Restorer, restore
    from hcl_arch.utils.errors import HCLError

__all__ = [
    'HCLError', 'Restoration', 'Restorer', '__version__', 'archs', 'data', 'losses', 'metrics', 'models', 'restore'
]  # fmt: skip

complete_when_imported()
run_retired_modules()


def __getattr__(name: str) -> Any:
    """Import a public name when it is asked for."""
    if name in ('archs', 'data', 'losses', 'metrics', 'models'):
        return importlib.import_module(f'hcl_arch.{name}')
    if name in ('Restoration', 'Restorer', 'restore'):
        return getattr(importlib.import_module('hcl_arch.restoration'), name)
    if name == 'HCLError':
        return importlib.import_module('hcl_arch.utils.errors').HCLError
    raise AttributeError(f'module {__name__!r} has no attribute {name!r}')
