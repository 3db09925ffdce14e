"""`hcl-restore` on many machines, by Ray Data: `python -m hcl_arch.integrations.ray photos/ -o repaired/`.

The arguments, the pictures, the summary and the exit status are those of `hcl-restore`. `workflow` holds the operator
and its way through the photographs.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Optional

from hcl_arch.commands.restore.arguments import above_0, make_parser, parsed
from hcl_arch.commands.restore.options import Options, check_options
from hcl_arch.utils.command_line import whole_number
from hcl_arch.utils.extras import ends_without

if TYPE_CHECKING:
    from hcl_arch.commands.restore.models import ImageRestorer

PROGRAM = 'python -m hcl_arch.integrations.ray'
_OWN = ('workers', 'chunk', 'gpus')


def main(argv: Optional[Sequence[str]] = None) -> int:
    """Run the command on a Ray cluster: the one that RAY_ADDRESS names or `ray start` began, else one made here.

    Args:
        argv: The arguments; None: those of the program.

    Returns:
        The exit status of `hcl-restore`.

    Raises:
        SystemExit: With status 2 for wrong arguments or without Ray, 0 for --help and --version.
    """
    parser = make_parser(PROGRAM)
    group = parser.add_argument_group('workers')
    group.add_argument(
        '--workers', type=whole_number(1), metavar='N', help="how many, each with a model (default: the cluster's CPUs)"
    )
    group.add_argument(
        '--chunk',
        type=whole_number(1),
        default=16,
        metavar='N',
        help='how many photographs a worker takes at a time (default: %(default)s)',
    )
    group.add_argument('--gpus', type=above_0, default=0, metavar='N', help='GPUs of each worker; 0.5: two share one')
    arguments = parsed(parser, argv)
    own = [vars(arguments).pop(name) for name in _OWN]
    options = check_options(arguments, parser)
    if options.to_stdout or '-' in options.inputs:
        parser.error('-: workers on other machines have no part in standard input and output: name files and folders')
    with ends_without('ray', PROGRAM):
        import pyarrow  # noqa: F401  (which Ray Data needs, and Ray alone does not bring)
        import ray

        from hcl_arch.integrations.ray.workflow import RayWorkflow, Workers
    from hcl_arch.commands.restore.command import run

    if not ray.is_initialized():
        ray.init(logging_level=logging.WARNING, log_to_driver=False)
    return run(options, _load_here, partial(RayWorkflow, Workers(*own)))


def _load_here(options: Options) -> ImageRestorer:
    """Load the model where the run is started, on any processor: what is wrong with it is said at once."""
    from hcl_arch.commands.restore.models import make_restorer

    return make_restorer(replace(options, device='cpu'))
