"""Command `hcl-train -opt FILE`: BasicSR's training pipeline, with this package loaded.

Takes the arguments of BasicSR's `basicsr/train.py`, and three more: `--check` only checks the options,
`--reset_schedule` resumes with the option file's learning rates, and `--trust_option_file` lets the option file import
other plugins. The folders experiments/ and tb_logger/ are made in the
working directory (BasicSR's own script makes them beside its package).
"""

from __future__ import annotations

import sys

from hcl_arch.commands.basicsr_arguments import answer_help, refuse_wrong
from hcl_arch.utils.extras import ends_without


def main() -> None:
    """Run the command."""
    answer_help('hcl-train', str(__doc__), sys.argv[1:])
    refuse_wrong(sys.argv[1:], is_train=True)
    with ends_without('train', 'hcl-train'):
        from basicsr.train import train_pipeline

        from hcl_arch.commands.basicsr_run import run_pipeline

    run_pipeline(train_pipeline, command='hcl-train', arguments=sys.argv[1:])


if __name__ == '__main__':
    main()
