"""Published data sets of pairs: where each keeps its images, put into terms of `HCLPairedDataset`."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from hcl_arch.data.dataset_options import BASICSR_KEYS
from hcl_arch.data.paired_options import DERIVED_MASK_KEYS, SAMPLE_KEYS
from hcl_arch.utils.option_error import check_keys
from hcl_arch.utils.option_reader import OptionReader


@dataclass(frozen=True)
class PairedLayout:
    """Where a published data set keeps its images.

    Attributes:
        title: the data set's name.
        picture: the folders below `dataroot` in words, for messages.
        splits: its splits.
        split_of_phase: BasicSR's phase -> split that is taken by default.
        folders: role ('lq', 'gt', 'mask') -> folder below `dataroot`, in which '{split}' stands for the split and
            '{kind}' for one of `kinds`. Without 'mask', masks are derived.
        watermarks: folder of the watermarks' pictures, as in `folders`, named as the corrupted images; None if there
            are none. Preparation writes them where it is asked to.
        kinds: folders that each hold a part of the data set; none if there is only one part.
        settings: options of `HCLPairedDataset` that belong to the layout.
        defaults: options of `HCLPairedDataset` that an option file may change.
    """

    title: str
    picture: str
    splits: tuple[str, ...]
    split_of_phase: Mapping[str, str]
    folders: Mapping[str, str]
    watermarks: str | None = None
    kinds: tuple[str, ...] = ()
    settings: Mapping[str, Any] = field(default_factory=dict)
    defaults: Mapping[str, Any] = field(default_factory=dict)

    def roots(self, dataroot: str, split: str, *, folders: Mapping[str, str] | None = None,
              kinds: Sequence[str] | None = None) -> dict[str, list[str]]:
        """Return the folders of each role, one for each kind where the kinds have folders of their own.

        Args:
            dataroot: folder of the data set.
            split: one of `splits`.
            folders: changes of `folders`.
            kinds: instead of `kinds`.

        Raises:
            FileNotFoundError: a folder does not exist.
        """
        roots = {}
        for role, pattern in {**self.folders, **(folders or {})}.items():
            used_kinds = (self.kinds if kinds is None else kinds) if '{kind}' in pattern else ('',)
            below = [pattern.replace('{split}', split).replace('{kind}', kind) for kind in used_kinds]
            roots[role] = [os.path.join(os.path.expanduser(dataroot), *path.split('/')) for path in below]
            for root in roots[role]:
                if not os.path.isdir(root):
                    raise FileNotFoundError(
                        f'{root}: expected a folder of the data set {self.title}, found '
                        f'{"a file" if os.path.exists(root) else "nothing"}. Expected layout: {self.picture}. Correct '
                        "'dataroot', or name the folders that differ.")
        return roots


def to_paired_options(opt: Mapping[str, Any], layout: PairedLayout) -> dict[str, Any]:
    """Return the options of `HCLPairedDataset` for those of a data set with a layout of its own.

    Besides BasicSR's and those of `HCLPairedDataset` that are not about places (`corruption`, `gt_size`, `crop_scale`,
    `use_hflip`, `max_samples`, and `mask_threshold` and the like if masks are derived) these are read:

        dataroot (str): folder of the data set. Required.
        split (str): part of the data set; by default the one for the phase.
        folders (dict): where a copy has other folders: role ('lq', 'gt', 'mask') -> folder below `dataroot`.
        kinds (list): the parts to take, if the data set has several. Default: all.

    Raises:
        ValueError: an option is unknown, missing or wrong.
        FileNotFoundError: a folder does not exist.
    """
    where = f"data set '{opt.get('name', layout.title)}'"
    own_keys = ('dataroot', 'split', 'folders', *(('kinds',) if layout.kinds else ()))
    passed_keys = BASICSR_KEYS + SAMPLE_KEYS + (() if 'mask' in layout.folders else DERIVED_MASK_KEYS)
    check_keys(opt, passed_keys + own_keys, where)
    reader = OptionReader(opt, where)
    split = reader.text('split', layout.split_of_phase[reader.phase()])
    if split not in layout.splits:
        raise reader.error('split', f'one of {", ".join(layout.splits)}')
    kinds = layout.kinds
    if 'kinds' in opt:
        kinds = _read_kinds(reader, opt['kinds'])
    try:
        roots = layout.roots(reader.text('dataroot', None), split, folders=_read_folders(reader, opt, layout),
                             kinds=kinds)
    except FileNotFoundError as error:
        raise FileNotFoundError(f'{where}: {error}') from error
    passed = {key: value for key, value in opt.items() if key not in own_keys}
    return {
        'name': layout.title, **layout.defaults, **passed, **layout.settings,
        **{f'dataroot_{role}': paths for role, paths in roots.items()},
    }  # fmt: skip


def _read_kinds(reader: OptionReader, kinds: Any) -> tuple[str, ...]:
    names = (kinds,) if isinstance(kinds, str) else kinds
    if not isinstance(names, (list, tuple)) or not names or not all(isinstance(kind, str) and kind for kind in names):
        raise reader.error('kinds', 'a list of folder names')
    return tuple(names)


def _read_folders(reader: OptionReader, opt: Mapping[str, Any], layout: PairedLayout) -> dict[str, str]:
    """Return the changed folders."""
    folders = opt.get('folders') or {}
    is_fine = isinstance(folders, Mapping) and set(folders) <= set(layout.folders)
    if not is_fine or not all(isinstance(folder, str) and folder for folder in folders.values()):
        default = ', '.join(f'{role}: {folder}' for role, folder in layout.folders.items())
        raise reader.error('folders', f"folders of {', '.join(layout.folders)} below 'dataroot' (default: {default})")
    return dict(folders)
