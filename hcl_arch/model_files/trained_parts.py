"""Whether a training has trained all parts of its network, of which a file says nothing itself."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Optional, Union

from hcl_arch.model_files.errors import ModelFileError
from hcl_arch.model_files.places import TORCH_SUFFIXES
from hcl_arch.utils.option_file import OptionFileError, read_option_file

_JOINED = (
    'Join the two in an option file with `network_g: {{type: DetectThenRestore, detector: ..., detector_weights: {0}, '
    'restorer: ..., restorer_weights: {1}}}`, as options/test_hcl_small.yml does, and give that file as the model'
)


def check_trained_parts(model: Union[str, Path], options: Optional[Path] = None, *, steps: int = 10) -> None:
    """Refuse the file of a training of a detector alone or a restorer alone, which would repair with random parts.

    Args:
        model: A name or file; of files of BasicSR the experiment's option file is read, others pass.
        options: The option file, if it is not in the experiment's folder.
        steps: Trainings to go back at most, each of which began with the one before.

    Raises:
        ModelFileError: It is one; says what it holds, what is missing, and how to join it with the rest.
    """
    path = Path(model)
    if path.suffix not in TORCH_SUFFIXES or not steps:
        return
    files = [options] if options else [*path.absolute().parent.parent.glob('*.yml')]
    try:
        content: Mapping[str, Any] = read_option_file(files[0]) if len(files) == 1 else {}
    except OptionFileError:  # said by who loads the model
        return
    sections = (content.get(key) for key in ('network_g', 'train', 'path'))
    network, train, paths = (section if isinstance(section, Mapping) else {} for section in sections)
    if paths.get('pretrain_network_g'):
        # The parts that this training left alone are those of the other one.
        check_trained_parts(str(paths['pretrain_network_g']), steps=steps - 1)
        return
    if network.get('freeze_detector') and not network.get('detector_weights'):
        raise ModelFileError(
            f'{path}: holds a restorer alone: its detector was never trained and finds nothing. '
            f'{_JOINED.format("THE DETECTOR", path)}.'
        )
    if network.get('freeze_restorer') and not network.get('restorer_weights') or _is_detector_alone(path, train):
        raise ModelFileError(
            f'{path}: holds a detector alone: what repairs was never trained. {_JOINED.format(path, "THE RESTORER")}.'
        )


def _is_detector_alone(path: Path, train: Mapping[str, Any]) -> bool:
    """Whether the restorer's turn had not come at the iteration at which a file was saved."""
    number = re.search(r'_(\d+)$', path.stem)
    saved, first = int(number[1]) if number else train.get('total_iter'), train.get('detector_iter')
    return isinstance(first, (int, float)) and isinstance(saved, (int, float)) and 0 < saved <= first
