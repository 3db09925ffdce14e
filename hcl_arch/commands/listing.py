"""What commands there are: one line of each, where it starts, and its parser, for help and for completion."""

from __future__ import annotations

import argparse
import importlib
from typing import Any, NamedTuple


class Command(NamedTuple):
    """A command; functions are named as 'module:name', so that listing them imports nothing."""

    name: str
    purpose: str
    main: str
    parser: str

    def run(self) -> Any:
        """Run it with the arguments of the program."""
        return _named(self.main)()

    def make_parser(self) -> argparse.ArgumentParser:
        """Return the parser of its command line."""
        parser: argparse.ArgumentParser = _named(self.parser)()
        return parser


COMMANDS = (
    Command(
        'hcl-restore',
        'find what is corrupted in photographs, and repair it',
        'hcl_arch.commands.restore:main',
        'hcl_arch.commands.restore.arguments:make_parser',
    ),
    Command(
        'hcl-app',
        'the same in a browser, on this machine',
        'hcl_arch.commands.app:main',
        'hcl_arch.commands.app.command:make_parser',
    ),
    Command(
        'hcl-serve',
        'the same for other programs, over HTTP',
        'hcl_arch.commands.serve:main',
        'hcl_arch.commands.serve.command:make_parser',
    ),
    Command(
        'hcl-options',
        'list and copy the option files of trainings',
        'hcl_arch.commands.options:main',
        'hcl_arch.commands.options:make_parser',
    ),
    Command(
        'hcl-new-training',
        'a training on a folder of photographs of yours',
        'hcl_arch.commands.new_training:main',
        'hcl_arch.commands.new_training.arguments:make_parser',
    ),
    Command(
        'hcl-train',
        'train a network by an option file',
        'hcl_arch.train:main',
        'hcl_arch.commands.basicsr_arguments:make_train_parser',
    ),
    Command(
        'hcl-test',
        'test a network by an option file',
        'hcl_arch.test:main',
        'hcl_arch.commands.basicsr_arguments:make_test_parser',
    ),
    Command(
        'hcl-report',
        'tables and curves of trainings and tests',
        'hcl_arch.commands.report:main',
        'hcl_arch.commands.report.arguments:make_parser',
    ),
    Command(
        'hcl-convert',
        "a checkpoint of the authors' program as a model of ours",
        'hcl_arch.commands.convert:main',
        'hcl_arch.commands.convert.arguments:make_parser',
    ),
    Command(
        'hcl-export',
        'a model for other runtimes: ONNX, torch.export',
        'hcl_arch.commands.export:main',
        'hcl_arch.commands.export.arguments:make_parser',
    ),
)


def _named(place: str) -> Any:
    module, _, name = place.partition(':')
    return getattr(importlib.import_module(module), name)
