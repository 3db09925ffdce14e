"""Command `hcl-test -opt FILE`: BasicSR's testing pipeline, with this package loaded.

Takes the arguments of BasicSR's `basicsr/test.py`. Its folder results/ is made in the working directory.
"""

from __future__ import annotations

import sys

from basicsr.test import test_pipeline

from hcl_arch.train import run_pipeline


def main() -> None:
    """Run the command."""
    run_pipeline(test_pipeline, command='hcl-test', arguments=sys.argv[1:])


if __name__ == '__main__':
    main()
