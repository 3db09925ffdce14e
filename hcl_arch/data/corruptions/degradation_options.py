"""The option `degradation` of `BlindCorruptionDataset`: read and checked."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Optional

from hcl_arch.data.corruptions.degradation import Degradation
from hcl_arch.utils.option_error import OptionError
from hcl_arch.utils.option_lines import got

NAME = 'degradation'
STAGES = ('blur_prob', 'resize_prob', 'noise_prob', 'jpeg_prob', 'webp_prob', 'second_jpeg_prob')
# The stages that use a strength.
_USERS = {
    'blur_sigma': ('blur_prob',), 'resize_range': ('resize_prob',), 'noise_sigma': ('noise_prob',),
    'jpeg_quality': ('jpeg_prob', 'second_jpeg_prob'), 'webp_quality': ('webp_prob',),
}  # fmt: skip


def read_degradation(given: Any, where: str) -> Optional[Degradation]:
    """Return the checked option of a data set, None if it is not given.

    Args:
        given: Its value.
        where: How messages call the data set.

    Raises:
        OptionError: It is not a mapping, one of its keys is unknown or wrong, or no stage could ever happen.
    """
    if given is None:
        return None
    if not isinstance(given, Mapping):
        raise OptionError(
            where, (NAME,), f'expects a mapping, e.g. {{jpeg_prob: 0.5, jpeg_quality: [40, 95]}}, {got(given)}'
        )
    inside = f"{where}, '{NAME}'"
    degradation = Degradation.read(given, inside, inside=(NAME,))
    if not any(getattr(degradation, stage) for stage in STAGES):
        raise OptionError(
            where, (NAME,), f'would never do anything. Give at least one of {", ".join(STAGES)} a chance above 0, or '
            'leave it out.',
        )  # fmt: skip
    for key, users in _USERS.items():
        if given.get(key) is not None and all(given.get(user) is None for user in users):
            raise OptionError(
                inside, (NAME, key), f"is given, but '{NAME}' has no {' or '.join(users)}, so it would never be used. "
                'Add it, or leave this out.', others=(NAME,),
            )  # fmt: skip
    return degradation
