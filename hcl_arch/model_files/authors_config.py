"""Settings found only in the authors' YAML files, not in a checkpoint: version, thresholds, k-means."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple, Optional

from hcl_arch.model_files.authors_sizes import AuthorsCheckpointError

# The authors' versions: upsampling of the conv stages and of the refiner, and order in the encoder's conv stages.
LEGACY_VERSIONS = {
    1: ('nearest', 'conv_gelu'),
    2: ('nearest', 'conv_gelu'),
    3: ('bilinear', 'gelu_conv'),
    4: ('bilinear', 'conv_gelu'),
}
# Our names and the authors' names of the options that cannot be read from shapes.
SETTINGS = {
    'conf_thresholds': 'conf_threshs',
    'temperature': 'temperature',
    'kmeans_iters': 'kmeans_n_iters',
    'kmeans_repeats': 'kmeans_repeat',
}
# Sizes that the tensors also give: a file with other sizes belongs to another network.
_SIZES = ('dim', 'dim_mults', 'n_conv_stages', 'proj_dim', 'encoder_depths', 'decoder_depths')


class AuthorsConfig(NamedTuple):
    """The settings of a configuration."""

    options: dict[str, Any]
    """Of ``HCLNet``, those of ``SETTINGS`` that are stated, in our names."""
    legacy_v: Optional[int]
    """The authors' version of the network."""
    refiner_legacy_v: Optional[int]
    """That of the refiner, where the file gives it one of its own."""
    sizes: dict[str, Any]
    """Sizes of the network, those that are stated."""


def read_config(config: Mapping[Any, Any]) -> AuthorsConfig:
    """Read the settings of a configuration of the authors' program.

    Args:
        config: The file's values: settings of the network in the section ``inpaintnet``, the refiner's version in
            ``refinenet``; or all of them without sections. Our names of the settings are also accepted.

    Raises:
        AuthorsCheckpointError: If a setting has an invalid value.
    """
    network, refiner = _section(config, 'inpaintnet'), _section(config, 'refinenet')
    options = {}
    for ours, theirs in SETTINGS.items():
        # Not from other sections: the contrastive loss also has a temperature.
        for name, place in ((theirs, network), (theirs, config), (ours, network), (ours, config)):
            if name in place:
                options[ours] = _number_or_numbers(name, place[name])
                break
    return AuthorsConfig(
        options=options,
        legacy_v=checked_version(network.get('legacy_v', config.get('legacy_v'))),
        refiner_legacy_v=checked_version(refiner.get('legacy_v')),
        sizes={name: place[name] for place in (config, network) for name in _SIZES if name in place},
    )


def checked_version(stated: object) -> Optional[int]:
    """A stated version, checked; None if none is stated.

    Raises:
        AuthorsCheckpointError: If there is no such version.
    """
    if stated is None:
        return None
    if isinstance(stated, bool) or not isinstance(stated, int) or stated not in LEGACY_VERSIONS:
        raise AuthorsCheckpointError(f"'legacy_v' is {stated!r}: expected one of {[*LEGACY_VERSIONS]}")
    return stated


def check_sizes(config: AuthorsConfig, options: Mapping[str, Any]) -> None:
    """Refuse a configuration whose sizes differ from those read from the tensors.

    Raises:
        AuthorsCheckpointError: Naming the size.
    """
    for name, stated in config.sizes.items():
        if (list(stated) if isinstance(stated, (list, tuple)) else stated) != options[name]:
            raise AuthorsCheckpointError(
                f'configuration: {name!r} is {stated!r}, but the tensors are of {options[name]!r}: expected the file '
                'that belongs to this checkpoint'
            )


def _section(config: Mapping[Any, Any], name: str) -> Mapping[Any, Any]:
    section = config.get(name)
    return section if isinstance(section, Mapping) else {}


def _number_or_numbers(name: str, value: object) -> object:
    """A value of the configuration, with tuples as lists; values that an option file cannot hold are refused."""
    numbers = list(value) if isinstance(value, (list, tuple)) else [value]
    if any(isinstance(number, bool) or not isinstance(number, (int, float)) for number in numbers):
        raise AuthorsCheckpointError(f'configuration: {name!r} is {value!r}: expected a number or a list of numbers')
    return numbers if isinstance(value, (list, tuple)) else value
