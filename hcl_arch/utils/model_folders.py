"""Where models lie that are called by a name: in the package and in the user's folder."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Optional

SUFFIX = '.safetensors'
FOLDER_VARIABLE = 'HCL_MODELS'
PACKAGE_FOLDER = Path(__file__).resolve().parents[1] / 'weights'


def user_folder() -> Path:
    """The folder of the user's models: $HCL_MODELS, by default ~/.local/share/hcl_arch/models."""
    named = os.environ.get(FOLDER_VARIABLE)
    return Path(named).expanduser() if named else Path('~/.local/share/hcl_arch/models').expanduser()


def named_model(name: str) -> Optional[Path]:
    """The file of a model by its name, of which the user's comes first; None if there is none or it is a path."""
    if not name or os.path.basename(name) != name or Path(name).suffix:
        return None
    files = (folder / f'{name}{SUFFIX}' for folder in (user_folder(), PACKAGE_FOLDER))
    return next((file for file in files if file.is_file()), None)
