"""The fillers that a visitor can choose from."""

from __future__ import annotations

import importlib.util
import logging
from pathlib import Path

import numpy as np

from hcl_arch.commands.app.page_error import PageError
from hcl_arch.restoration.fillers import PATCHMATCH, FillerError, filler_files, filler_names
from hcl_arch.restoration.restorer import Restorer

_log = logging.getLogger(__name__)
OWN = 'own'
_LABELS = {
    OWN: 'The model’s own network',
    'opencv-telea': 'Simple, from the edges inwards (OpenCV, Telea)',
    'opencv-ns': 'Simple, along the lines (OpenCV, Navier-Stokes)',
    PATCHMATCH: 'Sharp, from other places of the photograph (PatchMatch)',
}


class FillerChoice:
    """What can fill the holes, by name: the model's own restorer, OpenCV, PatchMatch, files in the usual places.

    Args:
        restorer: finds and repairs.
        filler: name or file of the filler that it was made with; None: none, its own restorer fills.
    """

    def __init__(self, restorer: Restorer, filler: str | None = None) -> None:
        self.default = OWN if filler is None else filler if filler in filler_names() else Path(filler).stem
        self._restorer = restorer
        self._made = {self.default: restorer}
        # Without spandrel a file cannot be used.
        files = filler_files() if importlib.util.find_spec('spandrel') else []
        keys = dict.fromkeys([OWN, *filler_names(), self.default, *(file.name for file in files)])
        self.labels = {key: _LABELS.get(key, key) for key in keys if key != OWN or self._restores()}

    def of(self, key: object) -> Restorer:
        """Return the restorer with a filler.

        Raises:
            PageError: there is none of that name, or its file cannot be used.
        """
        if not isinstance(key, str) or key not in self.labels:
            raise PageError('There is no such way to fill.')
        if key not in self._made:
            try:
                self._made[key] = self._restorer.with_filler(None if key == OWN else key)
            except FillerError as error:
                _log.error('%s', error)
                raise PageError(f'“{key}” cannot be used to fill. The terminal says why.') from None
        return self._made[key]

    def _restores(self) -> bool:
        """Whether the model has a restorer: with another filler a detector is enough."""
        if self.default == OWN:
            return True
        own = self._restorer.with_filler(None)
        try:
            own.repair(np.zeros((64, 64, 3), np.uint8), np.full((64, 64), 255, np.uint8))
        except ValueError:
            return False
        self._made[OWN] = own
        return True
