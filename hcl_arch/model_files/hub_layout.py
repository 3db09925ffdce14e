"""A model as a folder, laid out as the hubs of models have it: model.safetensors, config.json and a card."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from hcl_arch.model_files.description import FORMAT, VERSION, Description, from_metadata
from hcl_arch.model_files.errors import ModelFileError
from hcl_arch.model_files.safetensors_file import read_header, read_tensors
from hcl_arch.utils.atomic_file import atomic_text, refuse_special_file
from hcl_arch.utils.json_text import load_json
from hcl_arch.utils.regular_file import read_regular_file, reason_of

if TYPE_CHECKING:
    from torch import Tensor

WEIGHTS, CONFIG, CARD = 'model.safetensors', 'config.json', 'README.md'
_LIBRARY = 'hcl-arch'
_MOST_CONFIG_BYTES = 2**19
_CARD = """---
library_name: {library}
pipeline_tag: image-to-image
tags:
- image-inpainting
- blind-inpainting
- image-restoration
license: other
license_name: see-the-card
---
# {name}

{description}

```python
import hcl_arch  # pip install "{library}[hub]"

restorer = hcl_arch.Restorer.from_pretrained('OWNER/{name}')  # or the path of this folder
restoration = restorer.restore('photo.jpg')  # .image, and .mask: 255 = corrupted
```

## Terms of the weights

{licence}
"""


class FolderModel(NamedTuple):
    """What a folder holds."""

    description: Description
    tensors: dict[str, Tensor]


def read_folder(folder: Path) -> FolderModel:
    """Read a model's folder: config.json describes the network, and where there is none, the file of weights does.

    Raises:
        ModelFileError: A file is missing or cannot be used.
    """
    from hcl_arch.model_files.state import check_stored_whole

    description = read_description(folder)
    header, tensors = read_tensors(folder / WEIGHTS)
    check_stored_whole(tensors, header.size)
    return FolderModel(description, tensors)


def read_description(folder: Path) -> Description:
    """Read what a model's folder says of its network; see :func:`read_folder`.

    Raises:
        ModelFileError: A file is missing or cannot be used.
    """
    weights, config = folder / WEIGHTS, folder / CONFIG
    if not weights.exists():
        raise ModelFileError(
            f'{folder}: holds no {WEIGHTS}; expected a folder of save_pretrained, or the path of a file.'
        )
    return _read_config(config) if config.exists() else from_metadata(weights, read_header(weights).metadata)


def write_folder(
    folder: Path, network_options: Mapping[str, Any], state_dict: Mapping[str, Tensor], info: Mapping[str, Any]
) -> None:
    """Write a model's folder, which is made; its files are replaced, but for a card that is there.

    Args:
        folder: Its name is the model's name in a new card.
        network_options: As for :func:`hcl_arch.model_files.save_model`.
        state_dict: As there; what float16 holds exactly is stored so.
        info: As there.

    Raises:
        ModelFileError: As there.
    """
    from hcl_arch.model_files.network import without_files
    from hcl_arch.model_files.saving import save_model

    try:
        folder.mkdir(parents=True, exist_ok=True)
        for name in (WEIGHTS, CONFIG):
            refuse_special_file(folder / name)
        save_model(folder / WEIGHTS, network_options, _small(state_dict), info)
        config = {
            'library_name': _LIBRARY, FORMAT: VERSION, 'network': without_files(network_options), 'info': dict(info)
        }  # fmt: skip
        with atomic_text(folder / CONFIG) as file:
            file.write(json.dumps(config, indent=2, ensure_ascii=False) + '\n')
        if not os.path.lexists(folder / CARD):
            with atomic_text(folder / CARD) as file:
                file.write(_card(folder.absolute().name, info))
    except OSError as error:
        raise ModelFileError(f'{folder}: cannot be written: {reason_of(error)}.') from error


def _read_config(path: Path) -> Description:
    try:
        config = load_json(read_regular_file(path, max_bytes=_MOST_CONFIG_BYTES))
    except OSError as error:
        raise ModelFileError(f'{path}: cannot be read: {reason_of(error)}.') from error
    except ValueError as error:
        raise ModelFileError(f'{path}: is no JSON ({" ".join(str(error).split())}).') from error
    if not isinstance(config, dict):
        raise ModelFileError(f'{path}: expected a mapping, got {type(config).__name__}.')
    texts = {key: json.dumps(config[key]) for key in ('network', 'info') if key in config}
    return from_metadata(path, {FORMAT: str(config[FORMAT]), **texts} if FORMAT in config else texts)


def _small(state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The tensors, as float16 where that changes no number."""
    return {name: _halved(tensor) if tensor.is_floating_point() else tensor for name, tensor in state.items()}


def _halved(tensor: Tensor) -> Tensor:
    half = tensor.half()
    return half if half.to(tensor.dtype).equal(tensor) else tensor


def _card(name: str, info: Mapping[str, Any]) -> str:
    unknown = 'Not stated. Say here, before you share them, what others may do with these weights.'
    return _CARD.format(
        library=_LIBRARY,
        name=name,
        description=info.get('description', 'Finds and repairs what is corrupted in photographs.'),
        licence=info.get('licence', unknown),
    )
