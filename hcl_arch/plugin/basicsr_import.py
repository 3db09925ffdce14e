"""Hook for the import of BasicSR: fixes its defects, registers our types and hooks into its pipeline.

This keeps `import hcl_arch` cheap, and everything is registered once both are imported, in either order.
"""

from __future__ import annotations

import importlib
import importlib.util
import sys
from collections.abc import Sequence
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec
from types import ModuleType
from typing import Optional

_NAME = 'basicsr'


def complete_when_imported() -> None:
    """Complete BasicSR now if it is loaded, else when it is imported."""
    if _NAME in sys.modules:
        _complete()
    elif not any(isinstance(finder, _Finder) for finder in sys.meta_path):
        sys.meta_path.insert(0, _Finder())


def _complete() -> None:
    from hcl_arch.plugin import compat

    compat.apply_after_import()
    from basicsr.utils.registry import ARCH_REGISTRY

    from hcl_arch.archs.registry import ARCHS
    from hcl_arch.plugin import pipeline

    # Imported for its side effects: the other packages register their types in BasicSR's registries themselves.
    for room in ('archs', 'data', 'losses', 'metrics', 'models'):
        importlib.import_module(f'hcl_arch.{room}')
    ARCHS.enter_into(ARCH_REGISTRY)
    pipeline.install()


class _Finder(MetaPathFinder):
    """Finds BasicSR, once, by the usual path, and has it completed."""

    def find_spec(
        self, fullname: str, path: Optional[Sequence[str]] = None, target: Optional[ModuleType] = None
    ) -> Optional[ModuleSpec]:
        if fullname != _NAME:
            return None
        sys.meta_path.remove(self)
        spec = importlib.util.find_spec(_NAME)
        if spec is None or spec.loader is None:
            sys.meta_path.insert(0, self)
            return None
        spec.loader = _Loader(spec, spec.loader)
        return spec


class _Loader(Loader):
    """Loads BasicSR by its own loader, with the fixes for before and after the import."""

    def __init__(self, spec: ModuleSpec, loader: Loader) -> None:
        self._spec = spec
        self._loader = loader

    def create_module(self, spec: ModuleSpec) -> Optional[ModuleType]:
        return self._loader.create_module(spec)

    def exec_module(self, module: ModuleType) -> None:
        from hcl_arch.plugin import compat

        self._spec.loader = module.__loader__ = self._loader
        compat.apply_before_import()
        self._loader.exec_module(module)
        _complete()
