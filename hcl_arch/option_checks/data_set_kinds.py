"""The readers of the options of this package's data sets."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Callable, Union

from hcl_arch.data.dataset_options import DatasetOptions, read_options
from hcl_arch.data.paired_options import PairedOptions, read_paired_options
from hcl_arch.data.published_pairs_dataset import ISTD, LOGO30K, RAINDROP, PairedLayout, to_paired_options
from hcl_arch.option_checks.data_set_reading import SET_ASIDE_PATH

AnyOptions = Union[DatasetOptions, PairedOptions]
Read = Callable[[Mapping[str, Any]], AnyOptions]

LAYOUTS: dict[str, PairedLayout] = {
    'HCLISTDDataset': ISTD, 'HCLLOGO30KDataset': LOGO30K, 'HCLRaindropDataset': RAINDROP,
}  # fmt: skip


class _AnywhereLayout(PairedLayout):
    """A layout that does not check for its folders."""

    def roots(self, *_: Any, **__: Any) -> dict[str, list[str]]:
        """Return a path for each role, without checking that it exists."""
        return {role: [SET_ASIDE_PATH] for role in self.folders}


def reader_of(kind: Any) -> Read | None:
    """Return the reader of a data set's options, which does not check folders; None for a foreign data set."""
    if kind == 'BlindCorruptionDataset':
        return read_options
    if kind == 'HCLPairedDataset':
        return read_paired_options
    if not isinstance(kind, str) or kind not in LAYOUTS:
        return None
    layout = _AnywhereLayout(**vars(LAYOUTS[kind]))
    return lambda opt: read_paired_options(to_paired_options(opt, layout))
