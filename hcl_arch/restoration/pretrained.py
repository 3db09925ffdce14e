"""Models as folders and from the hub of models: the two methods for it of :class:`Restorer`."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any, Optional, TypeVar, Union

from hcl_arch.utils.errors import InputError

Made = TypeVar('Made', bound='Pretrained')


class Pretrained:
    """A restorer that is made from a folder or the hub, and saved as a folder."""

    name: str
    detect_side: int
    threshold: float
    min_score: float
    feather: float
    _model: Optional[Union[str, os.PathLike[str]]]
    """What it was made from; None = a network."""

    @classmethod
    def from_pretrained(
        cls: type[Made],
        model: Union[str, Path],
        *,
        revision: Optional[str] = None,
        cache_dir: Optional[Union[str, Path]] = None,
        local_files_only: bool = False,
        **settings: Any,
    ) -> Made:
        """A restorer of a model in a folder, or on the hub of models.

        Args:
            model: A folder of :meth:`save_pretrained`, for which nothing is downloaded; or OWNER/NAME on the hub, which
                needs the extra ``hub``. Offline it comes from the library's cache.
            revision: On the hub: a branch, a tag or a commit.
            cache_dir: Of the hub's library.
            local_files_only: Never connect.
            settings: As for :class:`Restorer`: ``device``, ``precision``, ...

        Raises:
            ValueError: It cannot be had or used; the message says what to do.
        """
        from hcl_arch.model_files.hub import find_pretrained

        found = find_pretrained(model, revision=revision, cache_dir=cache_dir, local_files_only=local_files_only)
        restorer = cls(found, **settings)  # type: ignore[call-arg]
        restorer.name = Path(model).absolute().name
        return restorer

    def save_pretrained(self, folder: Union[str, Path]) -> None:
        """Write the model into a folder as hubs have it: model.safetensors, config.json and, if there is none, a card.

        This object's own ``detect_side``, ``threshold``, ``min_score`` and ``feather`` become its recommendations.

        Raises:
            ValueError: It was made from a network, whose options are not known, or cannot be written.
        """
        from hcl_arch.model_files import load_model
        from hcl_arch.model_files.hub_layout import write_folder

        if self._model is None:
            raise InputError('save_pretrained: made from a network; save that by hcl_arch.model_files.save_model.')
        loaded = load_model(self._model)
        own = {name: getattr(self, name) for name in ('detect_side', 'threshold', 'min_score', 'feather')}
        write_folder(Path(folder), loaded.options, loaded.network.state_dict(), {**loaded.info, **own})
