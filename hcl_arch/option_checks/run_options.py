"""Access to a run's options for the checks: sections may be missing or malformed, types are found by name."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Optional

from basicsr.utils.registry import MODEL_REGISTRY

from hcl_arch.models import BlindRestorationModel
from hcl_arch.option_checks.registered import find_registered, nearest_registered
from hcl_arch.utils.option_fields import is_number

PHASES = ('train', 'val', 'test')


@dataclass(frozen=True)
class DataSetSection:
    """A data set's options.

    Attributes:
        key: its key under `datasets:`, e.g. 'val_2'.
        phase: BasicSR's phase, with which that key begins, e.g. 'val'.
        options: its options.
    """

    key: Any
    phase: str
    options: Mapping[Any, Any]

    @property
    def place(self) -> tuple[Any, ...]:
        """Its place in the option file."""
        return 'datasets', self.key


class RunOptions:
    """Reads what other checks need; nothing here raises, whatever the options contain.

    Args:
        opt: BasicSR's options, parsed or as in the option file.
        is_train: whether they are for training; None = as recorded by the parser, or as the sections suggest.
    """

    def __init__(self, opt: Any, *, is_train: Optional[bool] = None) -> None:
        self.opt: Mapping[Any, Any] = opt if isinstance(opt, Mapping) else {}
        noted = self.opt.get('is_train')
        looks_trained = 'train' in self.opt or 'train' in self.section('datasets')
        self.is_train = next(word for word in (is_train, noted, looks_trained) if isinstance(word, bool))

    def mapping_at(self, *keys: Any) -> Optional[Mapping[Any, Any]]:
        """Return the mapping at a place; None if there is none."""
        value: Any = self.opt
        for key in keys:
            value = value.get(key) if isinstance(value, Mapping) else None
        return value if isinstance(value, Mapping) else None

    def section(self, *keys: Any) -> Mapping[Any, Any]:
        """Return the mapping at a place; an empty one if there is none."""
        return self.mapping_at(*keys) or {}

    def switched_on(self, key: str) -> bool:
        """Whether a flag at the top is true."""
        return self.opt.get(key) is True

    @cached_property
    def model(self) -> Optional[type]:
        """Class of the model; for a misspelt name, the nearest; None if there is none."""
        name = self.opt.get('model_type')
        return find_registered(MODEL_REGISTRY, name) or find_registered(
            MODEL_REGISTRY, nearest_registered(MODEL_REGISTRY, name)
        )

    @property
    def our_model(self) -> Optional[type[BlindRestorationModel]]:
        """Class of the model if it is one of this package; None for others, whose options are unknown."""
        model = self.model
        return model if isinstance(model, type) and issubclass(model, BlindRestorationModel) else None

    @cached_property
    def data_sets(self) -> tuple[DataSetSection, ...]:
        """The data sets that are mappings."""
        return tuple(
            DataSetSection(key, key.split('_')[0], options)
            for key, options in self.section('datasets').items()
            if isinstance(key, str) and isinstance(options, Mapping)
        )

    @property
    def training_set(self) -> Mapping[Any, Any]:
        """Options of the training set; empty in testing."""
        return self.section('datasets', 'train') if self.is_train else {}

    def iterations(self, *keys: str) -> Optional[int]:
        """Return a count of iterations, such as ('train', 'total_iter'); None if it is not a count."""
        value: Any = self.section(*keys[:-1]).get(keys[-1])
        return int(value) if is_number(value) and value == int(value) else None
