"""Models from the hub of models, by the library huggingface_hub: downloaded once, and then from its cache."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Optional, Union

from hcl_arch.model_files.errors import ModelFileError
from hcl_arch.model_files.hub_layout import CARD, CONFIG, WEIGHTS
from hcl_arch.utils.extras import MissingExtraError, of_extra

_HUB_NAME = re.compile(r'[\w.-]+/[\w.-]+')


def find_pretrained(
    model: Union[str, os.PathLike[str]],
    *,
    revision: Optional[str] = None,
    cache_dir: Optional[Union[str, Path]] = None,
    local_files_only: bool = False,
) -> Path:
    """The folder of a model: the one that is named, else what the hub has under that name.

    Args:
        model: A folder as :func:`hcl_arch.model_files.hub_layout.write_folder` writes it, which needs neither library
            nor network; or OWNER/NAME on the hub.
        revision: On the hub: a branch, a tag or a commit; by default the newest of ``main``.
        cache_dir: Of the hub's library; by default its own.
        local_files_only: Never connect: take what the cache has.

    Returns:
        The folder. Without a connection it is the cache's.

    Raises:
        ModelFileError: It is neither, huggingface_hub is missing, or the hub cannot be reached and the cache lacks it.
    """
    if Path(model).is_dir():
        return Path(model)
    name = os.fspath(model)
    if not _HUB_NAME.fullmatch(name):
        raise ModelFileError(
            f'{name}: expected a folder (there is none; working directory: {Path.cwd()}) or OWNER/NAME on the hub. '
            f'Files and the names of hcl-restore --list-models are for Restorer({name!r}).'
        )
    try:
        with of_extra('hub', f'{name}: there is no such folder, and the hub'):
            from huggingface_hub import snapshot_download
    except MissingExtraError as error:
        raise ModelFileError(f'{error}; or download its {WEIGHTS} and {CONFIG}, and name their folder.') from error
    try:
        return Path(snapshot_download(
            name, revision=revision, cache_dir=cache_dir, local_files_only=local_files_only,
            allow_patterns=[WEIGHTS, CONFIG, CARD],
        ))  # fmt: skip
    except (OSError, ValueError) as error:  # the hub's errors are of many kinds, all of them one of these
        reason = next(iter(str(error).split('\n')), '') or type(error).__name__
        raise ModelFileError(
            f'{name}: there is no such folder, and it cannot be had from the hub: {reason} Check name and connection '
            f'(offline only what was downloaded before is there), or name a folder with its {WEIGHTS} and {CONFIG}.'
        ) from error
