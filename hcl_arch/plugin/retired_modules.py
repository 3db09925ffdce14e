"""`python -m` with the module names of version 0.1.0: they keep working for one release, and print the new names."""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Sequence
from importlib.abc import InspectLoader, MetaPathFinder
from importlib.machinery import ModuleSpec
from types import CodeType, ModuleType
from typing import Optional

# Old name -> the command, and its module.
RETIRED = {
    'hcl_arch.app': ('hcl-app', 'hcl_arch.commands.app'),
    'hcl_arch.convert': ('hcl-convert', 'hcl_arch.commands.convert'),
    'hcl_arch.data.preview': ('python -m hcl_arch.commands.preview', 'hcl_arch.commands.preview'),
    'hcl_arch.export': ('hcl-export', 'hcl_arch.commands.export'),
    'hcl_arch.report': ('hcl-report', 'hcl_arch.commands.report'),
    'hcl_arch.restore': ('hcl-restore', 'hcl_arch.commands.restore'),
}
# Old name -> where it is now: these are no longer in the package.
MOVED = {
    'hcl_arch.demo': 'the demo is in the repository: clone it, and there run make demo, or python examples/demo.py',
}


def run_retired_modules() -> None:
    """Make `python -m` find the retired names; importing them fails as for any missing module."""
    if not any(isinstance(finder, _Finder) for finder in sys.meta_path):
        sys.meta_path.insert(0, _Finder())


class _Finder(MetaPathFinder):
    """Finds retired names, but only while Python looks for the module to run."""

    def find_spec(
        self, fullname: str, path: Optional[Sequence[str]] = None, target: Optional[ModuleType] = None
    ) -> Optional[ModuleSpec]:
        if fullname not in {*RETIRED, *MOVED} or sys.argv[:1] != ['-m']:
            return None
        return importlib.util.spec_from_loader(fullname, _Loader())


class _Loader(InspectLoader):
    """Provides code that names the command, then calls it; or says where the module is now."""

    def get_source(self, fullname: str) -> str:
        if fullname in MOVED:
            note = f'python -m {fullname}: error: {MOVED[fullname]}'
            return f'import sys\nprint({note!r}, file=sys.stderr)\nsys.exit(2)\n'
        command, module = RETIRED[fullname]
        note = f'python -m {fullname} is called {command} now; the old name goes with the next release.'
        return (
            f'import sys\nprint({note!r}, file=sys.stderr)\n'
            f'from {module} import main\nif __name__ == "__main__":\n    sys.exit(main())\n'
        )

    def get_code(self, fullname: str) -> CodeType:
        return compile(self.get_source(fullname), f'<{fullname}>', 'exec')
