"""Old photographs: scratched, dusty, creased, torn and stained, some of them faded or brown all over."""

from __future__ import annotations

import numpy as np

from hcl_arch.data.corruptions.corruption import FloatArray, changed_pixels
from hcl_arch.data.corruptions.everyday.print_layers import Damage, lay_on
from hcl_arch.data.corruptions.everyday.print_lines import cracks, craquelure, film_lines, hairs, scratches
from hcl_arch.data.corruptions.everyday.print_marks import dust, folds, missing_patches, spots, stains, torn_borders
from hcl_arch.data.corruptions.everyday.print_toning import tone
from hcl_arch.data.corruptions.everyday.spoiled import Materials, Spoiled, is_seen
from hcl_arch.data.corruptions.hole_contents import Truth
from hcl_arch.data.weighted_choice import choose_by_weight

TONED = 0.5
# How often a picture has one, two, three and four kinds of damage.
KINDS = (0.35, 0.3, 0.2, 0.15)
DAMAGES: dict[str, Damage] = {
    'scratches': scratches,
    'dust': dust,
    'hairs': hairs,
    'folds': folds,
    'cracks': cracks,
    'craquelure': craquelure,
    'film lines': film_lines,
    'spots': spots,
    'stains': stains,
    'torn': torn_borders,
    'patches': missing_patches,
}
WEIGHTS = {
    'scratches': 4.0,
    'dust': 3.0,
    'hairs': 1.5,
    'folds': 2.0,
    'cracks': 1.5,
    'craquelure': 0.6,
    'film lines': 1.2,
    'spots': 1.5,
    'stains': 1.3,
    'torn': 1.2,
    'patches': 1.2,
}
# Damage that would bring the corrupted share above this is left out.
MOST = 0.3
# Damage that is invisible or left out is drawn again up to this many times.
TRIES = 4


def spoil_old_print(truth: Truth, materials: Materials, rng: np.random.Generator) -> Spoiled:
    """Give a photograph the damage of an old print, of one to four kinds.

    In half of the draws the photograph is toned first: gray, brown, faded. The toned picture is then the returned
    truth: pixels that the damage changes visibly are corrupted, and the toning is no corruption.
    """
    if rng.random() >= TONED:
        return damage_print(truth.image, rng)
    toned = tone(truth.image, rng)
    return damage_print(toned, rng)._replace(truth=toned)


def damage_print(undamaged: FloatArray, rng: np.random.Generator) -> Spoiled:
    """Add one to four kinds of damage to a print; pixels that they change visibly are corrupted."""
    image = undamaged.copy()
    size = image.shape[0], image.shape[1]
    corrupted = np.zeros(size, bool)
    wanted = 1 + int(np.searchsorted(np.cumsum(KINDS[:3]), rng.random()))
    for _ in range(wanted + TRIES):
        trial = lay_on(image, DAMAGES[choose_by_weight(WEIGHTS, rng)](size, rng))
        changed = changed_pixels(undamaged, trial)
        if changed.mean() <= MOST and is_seen(image, trial, changed_pixels(image, trial)):
            image, corrupted = trial, changed
            wanted -= 1
        if wanted == 0:
            break
    return Spoiled(image, corrupted)
