"""The option `degradation` of `BlindCorruptionDataset`: read and checked."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields
from typing import Any, Optional

from hcl_arch.data.corruptions.degradation import Degradation
from hcl_arch.utils.option_error import OptionError, check_keys
from hcl_arch.utils.option_reader import OptionReader

NAME = 'degradation'
PROBABILITIES = ('prob', 'blur_prob', 'resize_prob', 'noise_prob', 'jpeg_prob', 'webp_prob', 'second_jpeg_prob')
# Range of each strength, least and most, and the stages that use it. More than this leaves no picture, or takes long.
STRENGTHS: dict[str, tuple[float, float, tuple[str, ...]]] = {
    'blur_sigma': (0.0, 20.0, ('blur_prob',)),
    'resize_range': (0.1, 4.0, ('resize_prob',)),
    'noise_sigma': (0.0, 100.0, ('noise_prob',)),
    'jpeg_quality': (1.0, 100.0, ('jpeg_prob', 'second_jpeg_prob')),
    'webp_quality': (1.0, 100.0, ('webp_prob',)),
}
_KEYS = tuple(field.name for field in fields(Degradation))


def read_degradation(opt: Mapping[str, Any], where: str) -> Optional[Degradation]:
    """Return the checked option `degradation` of a data set, None if it is not given.

    Args:
        opt: options of the data set.
        where: how messages call the data set.

    Raises:
        OptionError: it is no mapping, one of its keys is unknown or wrong, or nothing would ever happen.
    """
    given = opt.get(NAME)
    if given is None:
        return None
    stages = PROBABILITIES[1:]
    if not isinstance(given, Mapping):
        raise OptionReader(opt, where).error(NAME, 'a mapping, e.g. {jpeg_prob: 0.5, jpeg_quality: [40, 95]}')
    inside = f"{where}, '{NAME}'"
    check_keys(given, _KEYS, inside, inside=(NAME,))
    reader = OptionReader(given, inside, inside=(NAME,))
    chances: dict[str, Any] = {key: reader.number(key, getattr(Degradation, key), most=1) for key in PROBABILITIES}
    strengths: dict[str, Any] = {key: reader.span(key, getattr(Degradation, key), least=least, most=most)
                                 for key, (least, most, _) in STRENGTHS.items()}
    if not any(chances[stage] for stage in stages):
        raise OptionError(where, (NAME,), f'would never do anything. Give at least one of {", ".join(stages)} a chance '
                          'above 0, or leave it out.')
    for key, (_, _, users) in STRENGTHS.items():
        if given.get(key) is not None and not any(given.get(user) is not None for user in users):
            raise OptionError(inside, (NAME, key), f"is given, but '{NAME}' has no {' or '.join(users)}, so it would "
                              'never be used. Add it, or leave this out.')
    return Degradation(**chances, **strengths)
