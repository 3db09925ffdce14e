"""Command `hcl-test -opt FILE`: BasicSR's testing pipeline, with this package loaded.

Takes the arguments of BasicSR's `basicsr/test.py`. Its folder results/ is made in the working directory.
"""

from __future__ import annotations

import sys

from hcl_arch.commands.basicsr_arguments import answer_help, refuse_wrong
from hcl_arch.utils.extras import ends_without


def main() -> None:
    """Run the command."""
    answer_help('hcl-test', str(__doc__), sys.argv[1:])
    refuse_wrong(sys.argv[1:], is_train=False)
    with ends_without('train', 'hcl-test'):
        from basicsr.test import test_pipeline

        from hcl_arch.commands.basicsr_run import run_pipeline

    run_pipeline(test_pipeline, command='hcl-test', arguments=sys.argv[1:])


if __name__ == '__main__':
    main()
