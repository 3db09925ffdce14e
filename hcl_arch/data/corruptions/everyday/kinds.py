"""The everyday kinds of corruption, by name, and how they fit in with the others of `BlindCorruptionDataset`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

from hcl_arch.data.corruptions.corruption import BoolArray, FloatArray, Span, round_to_8_bit
from hcl_arch.data.corruptions.everyday.bars import spoil_bars
from hcl_arch.data.corruptions.everyday.captions import spoil_captions
from hcl_arch.data.corruptions.everyday.clean import leave_clean
from hcl_arch.data.corruptions.everyday.date_stamps import spoil_date_stamps
from hcl_arch.data.corruptions.everyday.lost_blocks import spoil_lost_blocks
from hcl_arch.data.corruptions.everyday.mosaics import spoil_mosaic
from hcl_arch.data.corruptions.everyday.old_prints import spoil_old_print
from hcl_arch.data.corruptions.everyday.pastes import spoil_hard_paste, spoil_soft_paste
from hcl_arch.data.corruptions.everyday.scribbles import spoil_scribbles
from hcl_arch.data.corruptions.everyday.second_kind import spoil_in_turn
from hcl_arch.data.corruptions.everyday.single_marks import spoil_single_mark
from hcl_arch.data.corruptions.everyday.spoiled import Materials, Spoil, Spoiled
from hcl_arch.data.corruptions.everyday.stickers import spoil_stickers
from hcl_arch.data.corruptions.everyday.tiled_marks import spoil_tiled_marks
from hcl_arch.data.corruptions.hole_contents import Truth
from hcl_arch.data.corruptions.hole_corruption import Corruption
from hcl_arch.data.weighted_choice import choose_by_weight

CLEAN = 'clean'
OLD_PRINT = 'old_print'
# In one image.
MOST_KINDS = 4
# Kinds that take RGBA pictures, and kinds that take photographs: some need them, others can do without.
PICTURE_KINDS = ('stickers', 'single_mark', 'tiled_marks')
PASTED_KINDS = ('hard_paste', 'soft_paste')
PHOTO_KINDS = (*PASTED_KINDS, 'stickers')

EVERYDAY_KINDS: dict[str, Spoil] = {
    'bars': spoil_bars,
    'scribbles': spoil_scribbles,
    'stickers': spoil_stickers,
    'captions': spoil_captions,
    'date_stamps': spoil_date_stamps,
    'single_mark': spoil_single_mark,
    'tiled_marks': spoil_tiled_marks,
    'mosaic': spoil_mosaic,
    'lost_blocks': spoil_lost_blocks,
    OLD_PRINT: spoil_old_print,
    'hard_paste': spoil_hard_paste,
    'soft_paste': spoil_soft_paste,
    CLEAN: leave_clean,
}


@dataclass(frozen=True)
class EverydayCorruption:
    """An everyday kind as a `Corrupt`: it brings its own opacity, edges and share of corrupted pixels.

    Attributes:
        kind: a key of `EVERYDAY_KINDS`.
        materials: what it draws with.
        second_share: share of the images that get another kind on top, and of these again, in [0, 1].
        seconds: other kinds that may come on top, by the names of their entries; needed if `second_share` is above 0.
        weights: how often each of them is taken, relative to the others.
    """

    kind: str
    materials: Materials
    second_share: float = 0.0
    seconds: Mapping[str, EverydayCorruption] = field(default_factory=dict)
    weights: Mapping[str, float] = field(default_factory=dict)

    def __call__(self, truth: Truth, opacity: float, hole_share: Span, rng: np.random.Generator) -> Corruption:
        """Return what is put over the truth, see `Corrupt`; `opacity` and `hole_share` are ignored."""
        image, corrupted, restored = self._spoil(truth, rng)
        if restored is None:
            return Corruption(image, _differing(image, truth.image), corrupted)
        return Corruption(image, _differing(image, restored), corrupted, round_to_8_bit(restored.copy()))

    def spoil(self, truth: Truth, materials: Materials, rng: np.random.Generator) -> Spoiled:
        """Return the spoiled truth; a `Spoil` that uses its own materials instead of those given."""
        return EVERYDAY_KINDS[self.kind](truth, self.materials, rng)

    def _spoil(self, truth: Truth, rng: np.random.Generator) -> Spoiled:
        """The truth spoiled by this kind and by those that are drawn to come on top."""
        kinds = [self]
        for _ in range(MOST_KINDS - 1):
            if self.second_share == 0 or rng.random() >= self.second_share:
                break
            drawn = self.seconds[choose_by_weight(self.weights, rng)]
            if drawn not in kinds:
                kinds.append(drawn)
        kinds.sort(key=lambda each: each.kind != OLD_PRINT)  # it tones the truth, not what lies on it
        return spoil_in_turn(truth, [each.spoil for each in kinds], self.materials, rng)


def _differing(first: FloatArray, second: FloatArray) -> BoolArray:
    """Return where two images differ in any channel."""
    different = first != second
    differing: BoolArray = different[..., 0] | different[..., 1] | different[..., 2]
    return differing
