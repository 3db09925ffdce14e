"""JSON schema of the option files, for editors, and the page of all options: both from what checks the options.

    python -m hcl_arch.option_checks.schema        writes options/schema.json and docs/options.md of a clone

Types that other plugins register are allowed and not looked into.
"""

from __future__ import annotations

import argparse
import inspect
import json
import re
import sys
from collections.abc import Collection, Iterable, Mapping
from pathlib import Path
from typing import Any, Callable, Literal, Union, get_args, get_origin

import torch
from basicsr.utils.registry import DATASET_REGISTRY, LOSS_REGISTRY, METRIC_REGISTRY
from torch import nn

from hcl_arch.archs.registry import ARCHS
from hcl_arch.data.corruptions.corruption_options import KINDS, CorruptionSection
from hcl_arch.data.corruptions.degradation import Degradation
from hcl_arch.data.dataset_options import BlindCorruptionSection, LoaderSection
from hcl_arch.data.paired_options import DERIVED_MASK_KEYS, SAMPLE_KEYS, PairedSection
from hcl_arch.data.published_pairs_dataset import PublishedSection
from hcl_arch.models import BaselineModel, HCLModel, validation_sample
from hcl_arch.option_checks import data_sets, declared, metrics, optimizers, schedulers
from hcl_arch.option_checks.signatures import Arguments
from hcl_arch.utils.atomic_file import atomic_text
from hcl_arch.utils.command_line import CommandParser
from hcl_arch.utils.option_fields import OptionSection

Schema = dict[str, Any]
SCHEMA_FILE, PAGE_FILE = Path('options') / 'schema.json', Path('docs') / 'options.md'
_PLAIN: dict[Any, Schema] = {
    bool: {'type': 'boolean'}, int: {'type': 'integer'}, float: {'type': 'number'}, str: {'type': 'string'},
    type(None): {'type': 'null'}, nn.Module: {'$ref': '#/$defs/network'},
}  # fmt: skip
_OPTIMIZERS = ('Adam', 'AdamW', 'SGD', 'RMSprop', 'Adamax')
_PUBLISHED = ('HCLISTDDataset', 'HCLLOGO30KDataset', 'HCLRaindropDataset')
# Suffix in BasicSR's registries: names with it are also found without it.
_SUFFIX = '_basicsr'


def option_file_schema() -> Schema:
    """JSON schema (draft 2020-12) of a training's or a test's option file."""
    top = _section(declared.TopSection, path=_section(declared.PathSection), logger=_logger(), train=_train(),
                   val=_val(), dist_params=_section(declared.DistSection), network_g=_ref('network'),
                   network_d=_ref('network'), datasets=_datasets(), compile={'type': ['boolean', 'string']},
                   precision={'enum': ['fp32', 'bf16', 'fp16']})  # fmt: skip
    # BasicSR requires different ones in training and in testing; `hcl-train --check` reports them.
    required = ['name', 'model_type', 'num_gpu', 'datasets', 'network_g', 'path']
    top.update(required=required, patternProperties={'^x-': {}})
    return {
        '$schema': 'https://json-schema.org/draft/2020-12/schema', 'title': 'Option file of hcl_arch', **top,
        '$defs': {
            'network': _one_of({name: _arguments(net) for name, net in ARCHS}),
            'loss': _one_of({name: _arguments(loss) for name, loss in LOSS_REGISTRY}),
            'metric': _one_of({name: _metric(metric) for name, metric in METRIC_REGISTRY}),
            'data_set': _one_of(_data_sets()),
            'corruption': _section(CorruptionSection, null_is_default=True),
        },
    }  # fmt: skip


def _ref(name: str) -> Schema:
    return {'$ref': f'#/$defs/{name}'}


def _or_null(schema: Schema) -> Schema:
    """The same, or null; without a further level, in which editors would lose the error."""
    if '$ref' in schema or not schema or schema.get('anyOf', [{}])[-1] == {'type': 'null'}:
        return schema  # the referenced schema accepts null
    if 'anyOf' in schema:
        return {**schema, 'anyOf': [*schema['anyOf'], {'type': 'null'}]}
    if 'enum' in schema:
        return {**schema, 'enum': [*schema['enum'], None]}
    kinds = schema['type'] if isinstance(schema['type'], list) else [schema['type']]
    return {**schema, 'type': [*dict.fromkeys([*kinds, 'null'])]}


def _section(section: type[OptionSection], *, null_is_default: bool = False, **inner: Schema) -> Schema:
    """Schema of a section; `inner` has those of options that the section itself leaves open."""
    schema = section.model_json_schema()
    for name, option in schema['properties'].items():
        option.pop('title', None)
        if name in inner:
            kept = {key: option[key] for key in ('description', 'default') if key in option}
            option = schema['properties'][name] = {**inner[name], **kept}
        if null_is_default and 'default' in option:
            words = {key: option.pop(key) for key in ('description', 'default') if key in option}
            schema['properties'][name] = {**_or_null(option), **words}
    schema.pop('title')
    schema.pop('required', None)
    return schema


def _logger() -> Schema:
    return _section(declared.LoggerSection, wandb=_or_null(_section(declared.WandbSection)))


def _train() -> Schema:
    loss = _or_null(_ref('loss'))
    keys = {*HCLModel.TRAIN_KEYS, *BaselineModel.TRAIN_KEYS}
    own = ('mask_opt', 'classifier_opt')
    losses: dict[str, Any] = {key: loss for key in keys if key.endswith('_opt') and key not in own}
    rates = [*HCLModel.PART_LEARNING_RATES.values(), *BaselineModel.PART_LEARNING_RATES.values()]
    return _section(
        declared.TrainSection, **losses, mask_opt=_or_null(_section(declared.MaskLossSection)),
        classifier_opt=_or_null(_section(declared.ClassifierLossSection)), optim_g=_optimizer(rates),
        optim_d=_or_null(_optimizer(())), scheduler=_scheduler(), accumulation_steps={'type': 'integer', 'minimum': 1},
    )  # fmt: skip


def _val() -> Schema:
    named = {'type': 'object', 'additionalProperties': _ref('metric')}
    bins = {'type': 'array', 'items': {'type': 'array', 'items': {'type': 'number'}, 'minItems': 2, 'maxItems': 2}}
    return _section(declared.ValSection, metrics=_or_null(named), hole_share_bins=_or_null(bins),
                    guidance={'enum': ['predicted', 'true', True]})  # fmt: skip


def _datasets() -> Schema:
    return {
        'type': 'object', 'properties': {'train': _ref('data_set')}, 'additionalProperties': False,
        'patternProperties': {'^(val|test)(_.*)?$': _ref('data_set')},
    }  # fmt: skip


def _data_sets() -> dict[str, Schema]:
    rules = {**data_sets._LOADER_RULES, **data_sets._TRAINING_LOADER_RULES, **data_sets._FOREIGN_LOADER_RULES}
    loader = {name: rule.__get_pydantic_json_schema__(None, None) for name, rule in rules.items()}
    entry = {'anyOf': [{'type': 'number', 'minimum': 0}, _ref('corruption')]}
    kinds = {'type': 'object', 'properties': dict.fromkeys(KINDS, entry), 'additionalProperties': entry}
    paired = _section(PairedSection, null_is_default=True, **loader)
    shared = {name: paired['properties'][name] for name in (*SAMPLE_KEYS, *DERIVED_MASK_KEYS)}
    published = _section(PublishedSection, null_is_default=True)
    basicsrs = _section(LoaderSection, null_is_default=True, **loader)['properties']
    published['properties'] = {**basicsrs, **shared, **published['properties']}
    return {
        **{name: {} for name, _ in DATASET_REGISTRY},
        'BlindCorruptionDataset': _section(BlindCorruptionSection, null_is_default=True, **loader, corruptions=kinds,
                                           degradation=_section(Degradation, null_is_default=True)),
        'HCLPairedDataset': paired, **dict.fromkeys(_PUBLISHED, published),
    }  # fmt: skip


def _optimizer(rates: Iterable[str]) -> Schema:
    rules = {name: rule.__get_pydantic_json_schema__(None, None) for name, rule in optimizers._RULES.items()}
    return _one_of({
        kind: _arguments(getattr(torch.optim, kind), supplied=('params',), rules={
            **rules, **dict.fromkeys(rates, rules['lr'])
        }, more=rates) for kind in _OPTIMIZERS
    })  # fmt: skip


def _scheduler() -> Schema:
    rules = {name: rule.__get_pydantic_json_schema__(None, None) for name, rule in schedulers._RULES.items()}
    return _one_of({
        name: _arguments(kind, supplied=schedulers._SUPPLIED, rules=rules)
        for name, (kind, _) in schedulers._KINDS.items()
    })  # fmt: skip


def _metric(metric: Callable[..., Any]) -> Schema:
    schema = _arguments(metric, supplied=metrics._IMAGES)
    schema['additionalProperties'] = False  # their `**kwargs` swallow unknown options
    schema['properties'].update({
        'better': {'enum': ['higher', 'lower']}, 'image': {'enum': list(validation_sample._IMAGES)},
        'stage': {'type': 'integer', 'minimum': 1},
    })  # fmt: skip
    return schema


def _one_of(types: Mapping[str, Schema]) -> Schema:
    """Options of one of several registered types, or of another type."""
    named = {name.removesuffix(_SUFFIX): schema for name, schema in types.items()}
    cases = [
        {'if': {'properties': {'type': {'const': name}}, 'required': ['type']}, 'then': schema}
        for name, schema in sorted(named.items()) if schema
    ]  # fmt: skip
    kind = {'anyOf': [{'enum': sorted(named)}, {'type': 'string'}]}
    return {'type': ['object', 'null'], 'required': ['type'], 'properties': {'type': kind}, 'allOf': cases}


def _arguments(
    function: Callable[..., Any], *, supplied: Collection[str] = (), rules: Mapping[str, Schema] | None = None,
    more: Iterable[str] = (),
) -> Schema:  # fmt: skip
    """Schema of the arguments of a class or function."""
    arguments = Arguments.of(function, supplied=supplied)
    words = _argument_words(function)
    properties: dict[str, Any] = {'type': {}}
    for name in (*arguments.parameters, *more):
        schema = dict((rules or {}).get(name) or _of_hint(arguments.hints.get(name, Any)))
        if name in words:
            schema['description'] = words[name]
        default = arguments.parameters[name].default if name in arguments.parameters else None
        if default is not None and isinstance(default, (bool, int, float, str, list, tuple)):
            schema['default'] = list(default) if isinstance(default, tuple) else default
        properties[name] = schema
    return {'properties': properties, 'additionalProperties': arguments.takes_any}


def _of_hint(hint: Any) -> Schema:
    """Schema of an annotation; anything but a plain one accepts any value."""
    origin, inner = get_origin(hint), get_args(hint)
    if hint in _PLAIN:
        return dict(_PLAIN[hint])
    if origin is Literal:
        return {'enum': list(inner)}
    if origin is Union or type(hint).__name__ == 'UnionType':
        hints = [each for each in inner if not (nn.Module in inner and _is_mapping(each))]
        some = [_of_hint(each) for each in hints if each is not type(None)]
        schema = some[0] if len(some) == 1 else {'anyOf': some}
        return schema if len(some) == len(hints) else _or_null(schema)
    if _is_mapping(hint):
        return {'type': 'object'}
    if isinstance(origin, type) and issubclass(origin, (list, tuple, Iterable)):
        return {'type': 'array', 'items': _of_hint(inner[0])} if inner else {'type': 'array'}
    return {}


def _is_mapping(hint: Any) -> bool:
    origin = get_origin(hint)
    return isinstance(origin, type) and issubclass(origin, Mapping)


def _argument_words(function: Callable[..., Any]) -> dict[str, str]:
    """The description of each argument in the docstring's section `Args:`, on one line."""
    text = inspect.cleandoc(inspect.getdoc(function) or '')
    section = re.search(r'^Args:\n((?:[ ]{4}.*\n?|\n)+)', text, re.MULTILINE)
    if section is None:
        return {}
    entries = re.findall(r'^ {4}(\w+)(?: \([^)]*\))?: ((?:.*\n?)(?: {5,}.*\n?)*)', section[1], re.MULTILINE)
    return {name: ' '.join(words.split()) for name, words in entries}


def options_page(schema: Schema) -> str:
    """The page of all options, in Markdown."""
    parts = [
        '# All options\n', 'Made by `python -m hcl_arch.option_checks.schema` from what checks the options; '
        '[options/schema.json](../options/schema.json) has the same for editors.\n',
    ]  # fmt: skip
    parts += _table('The file', schema)
    for name in ('path', 'train', 'val', 'logger', 'dist_params'):
        parts += _table(f'`{name}`', schema['properties'][name])
    train = schema['properties']['train']['properties']
    for name in ('mask_opt', 'classifier_opt'):
        parts += _table(f'`train: {name}`', train[name])
    parts += _table('`train: scheduler`', train['scheduler'])
    parts += _table('`train: optim_g`', train['optim_g'])
    for key, title in (('data_set', 'Data sets'), ('corruption', 'An entry of `corruptions`'), ('network', 'Networks'),
                       ('loss', 'Losses'), ('metric', 'Metrics')):  # fmt: skip
        parts += _table(title, schema['$defs'][key])
    return '\n'.join(parts)


def _table(title: str, schema: Schema) -> list[str]:
    cases = {case['if']['properties']['type']['const']: case['then'] for case in schema.get('allOf', ())}
    if cases:
        own = {name: case for name, case in cases.items() if _is_ours(name)}
        return [f'## {title}\n', *(line for name, case in own.items() for line in _rows(f'### {name}\n', case))]
    return _rows(f'## {title}\n', schema)


def _is_ours(name: str) -> bool:
    """Whether a type belongs to this package or to torch; BasicSR's are documented by BasicSR."""
    known: dict[str, Any] = {}
    for registry in (ARCHS, LOSS_REGISTRY, METRIC_REGISTRY, DATASET_REGISTRY):
        known.update(iter(registry))
    known.update({key.removesuffix(_SUFFIX): kind for key, kind in known.items()})
    return name not in known or str(known[name].__module__).startswith('hcl_arch.')


def _rows(heading: str, schema: Schema) -> list[str]:
    rows = [
        f'| `{name}` | {_kind(option)} | {_default(option)} | {option.get("description", "")} |'.replace('\n', ' ')
        for name, option in schema['properties'].items() if name != 'type'
    ]  # fmt: skip
    return [heading, '| option | value | default | |', '|---|---|---|---|', *rows, ''] if rows else []


def _kind(option: Schema) -> str:
    """A short description of an option's schema."""
    if '$ref' in option:
        return f'a {option["$ref"].rpartition("/")[2].replace("_", " ")}'
    if 'anyOf' in option:
        return ' or '.join(dict.fromkeys(_kind(each) for each in option['anyOf']))
    if 'enum' in option:
        return ', '.join(f'`{each}`' for each in option['enum'])
    if 'const' in option:
        return f'`{option["const"]}`'
    words = {'integer': 'whole number', 'number': 'number', 'string': 'text', 'boolean': 'true, false', 'null': 'null',
             'array': 'list', 'object': 'section'}  # fmt: skip
    kinds = option.get('type', [])
    text = ' or '.join(words[kind] for kind in ([kinds] if isinstance(kinds, str) else kinds)) or 'any value'
    if option.get('multipleOf') == 1:
        text = 'whole number'
    if 'minimum' in option and 'maximum' in option:
        return f'{text} {option["minimum"]:.10g} to {option["maximum"]:.10g}'
    return f'{text} >= {option["minimum"]:g}' if 'minimum' in option else text


def _default(option: Schema) -> str:
    return f'`{json.dumps(option["default"])}`' if 'default' in option else ''


def main(argv: list[str] | None = None) -> int:
    """Write the files, or with --check report which of them are outdated."""
    parser = CommandParser(prog='python -m hcl_arch.option_checks.schema', description=__doc__)
    parser.add_argument('--root', type=Path, default=Path(), help='of the clone (default: the working directory)')
    parser.add_argument('--check', action='store_true', help='write nothing; end with 1 if a file is not current')
    arguments: argparse.Namespace = parser.parse_args(argv)
    schema = option_file_schema()
    texts = {SCHEMA_FILE: json.dumps(schema, indent=1) + '\n', PAGE_FILE: options_page(schema)}
    stale = [
        path for path, text in texts.items()
        if not (arguments.root / path).is_file() or (arguments.root / path).read_text('utf-8') != text
    ]  # fmt: skip
    for path in stale:
        if arguments.check:
            print(f'{path}: is not current. Run python -m hcl_arch.option_checks.schema', file=sys.stderr)
        else:
            try:
                with atomic_text(arguments.root / path) as file:
                    file.write(texts[path])
            except OSError as error:
                parser.error(f'--root {arguments.root}: expected a clone of the repository: {path}: {error.strerror}')
            print(path)
    return 1 if arguments.check and stale else 0


if __name__ == '__main__':
    sys.exit(main())
