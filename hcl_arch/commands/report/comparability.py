"""Checks that the methods of a data set measured the same images with the same holes."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence

from hcl_arch.commands.report.results import DatasetScores, ImageRow

# Shares are means over pixels, computed in the same way in every run; one pixel of a 512 x 512 image is 4e-6.
_SAME_SHARE = 1e-6
_SHOWN_NAMES = 3


def differences(dataset: str, scores: Mapping[str, DatasetScores]) -> list[str]:
    """Describe how the images of each method differ from those of the first method that lists any."""
    listed = [(method, of_method.images) for method, of_method in scores.items() if of_method.images]
    found = []
    for method, images in listed[1:]:
        first, first_images = listed[0]
        about = f"Data set '{dataset}': {first} and {method}"
        own, shared = _missing(images, first_images), _missing(first_images, images)
        if own or shared:
            parts = [
                f'{len(names)} only in {owner} ({_some(names)})'
                for owner, names in ((first, shared), (method, own))
                if names
            ]
            found.append(f'{about} measured different images: {", ".join(parts)}. Their figures cannot be compared.')
        changed = _other_holes(images, first_images)
        if changed:
            found.append(
                f'{about} measured {len(changed)} of the same images with different holes or corruptions '
                f'({_some(changed)}). Their figures cannot be compared.'
            )
    return found


def _missing(of_one: Sequence[ImageRow], of_other: Sequence[ImageRow]) -> list[str]:
    """Images of the first list that the other lacks; duplicates count separately."""
    return sorted((Counter(image.name for image in of_one) - Counter(image.name for image in of_other)).elements())


def _other_holes(images: Sequence[ImageRow], first_images: Sequence[ImageRow]) -> list[str]:
    first = {image.name: image for image in first_images}
    changed = []
    for image in images:
        other = first.get(image.name)
        if other is None:
            continue
        shares = image.hole_share, other.hole_share
        same_share = shares[0] is None or shares[1] is None or abs(shares[0] - shares[1]) <= _SAME_SHARE
        if not same_share or image.corruption != other.corruption:
            changed.append(image.name)
    return changed


def _some(names: Sequence[str]) -> str:
    return ', '.join(names[:_SHOWN_NAMES]) + (', ...' if len(names) > _SHOWN_NAMES else '')
