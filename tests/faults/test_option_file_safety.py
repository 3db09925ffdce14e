"""Option files are read to plain values: none runs code, takes all memory or is half understood."""

from __future__ import annotations

import contextlib
import os
import sys
import time
from pathlib import Path
from typing import Any, Callable

import pytest
import yaml
from basicsr.utils.options import ordered_yaml

import hcl_arch
from hcl_arch.commands.report.errors import ReportError
from hcl_arch.commands.report.paper_tables import read_paper
from hcl_arch.commands.report.runs_file import read_runs_file
from hcl_arch.utils import yaml_loader
from hcl_arch.utils.option_file import OptionFileError, read_option_file
from tests.faults.time_limit import time_limit

REPOSITORY = Path(__file__).resolve().parents[2]
FILES = sorted(REPOSITORY.glob('options/**/*.yml'))
# How a text calls os.mkdir('made'), in the working directory of the test.
TAG = '!!python/object/apply:os.mkdir'
BUILDS, IMPORTS = 'builds a Python object, which can run any code', 'imports a Python module, which runs its code'

# Name -> text and what the message says, the line included. Those of the first part run code in BasicSR's loader.
CODE: dict[str, tuple[str, str]] = {
    'apply': (f'name: x\nval: {TAG} [made]', f'line 2: the tag {TAG} {BUILDS}'),
    'apply_as_root': (f'{TAG} [made]', f'line 1: the tag {TAG} {BUILDS}'),
    'apply_in_a_list': (f'a:\n  - 1\n  - [2, {TAG} [made]]', f'line 3: the tag {TAG} {BUILDS}'),
    'apply_as_key': (f'a: 1\n? {TAG} [made]\n: 2', f'line 2: the tag {TAG} {BUILDS}'),
    'apply_with_keywords': (f'a: {TAG} {{args: [made], kwds: {{}}}}', f'line 1: the tag {TAG} {BUILDS}'),
    'apply_with_anchor': (f'a: &a {TAG} [made]\nb: *a', f'line 1: the tag {TAG} {BUILDS}'),
    'apply_in_full': ('a: !<tag:yaml.org,2002:python/object/apply:os.mkdir> [made]', f'the tag {TAG} {BUILDS}'),
    'apply_by_a_handle': (
        f'%TAG !p! tag:yaml.org,2002:python/\n---\na: !p!{TAG[9:]} [made]',
        f'line 3: the tag {TAG} {BUILDS}',
    ),
    'apply_by_the_own_handle': (
        f'%TAG ! tag:yaml.org,2002:python/\n---\na: !{TAG[9:]} [made]',
        f'line 3: the tag {TAG} {BUILDS}',
    ),
    'apply_with_escapes': ('a: !!%70ython/object/apply:os.mkdir [made]', f'the tag {TAG} {BUILDS}'),
    'new': ('a: !!python/object/new:os.mkdir [made]', f'!!python/object/new:os.mkdir {BUILDS}'),
    'new_by_state': (
        "a: !!python/object/new:type\n  args: ['z', !!python/tuple [], {extend: !!python/name:exec }]\n"
        "  listitems: \"__import__('os').mkdir('made')\"",
        f'!!python/object/new:type {BUILDS}',
    ),
    'module': ('a: !!python/module:makes_a_folder', f'!!python/module:makes_a_folder {BUILDS}'),
    'name': ('a: !!python/name:makes_a_folder.x', f'line 1: the tag !!python/name:makes_a_folder.x {IMPORTS}'),
    'name_in_full': (
        'a: !<tag:yaml.org,2002:python/name:makes_a_folder.x> ""',
        f'!!python/name:makes_a_folder.x {IMPORTS}',
    ),
}
TAGS: dict[str, tuple[str, str]] = {
    'object': ('a: !!python/object:pathlib.Path {}', BUILDS),
    'builtin': ('a: !!python/name:eval', IMPORTS),
    'name_of_this_package': ('plugin: !!python/name:hcl_arch.plugin.compat', IMPORTS),
    'longer_name': ('plugin: !!python/name:hcl_arch.__version__.x', IMPORTS),
    'name_of_a_neighbour': ('plugin: !!python/name:hcl_arch_evil.__version__', IMPORTS),
    'upper_case': ('plugin: !!python/name:HCL_ARCH.__version__', IMPORTS),
    'empty_name': ('a: !!python/name: ""', IMPORTS),
    'tuple': ('a: !!python/tuple [1, 2]', BUILDS),
    'bytes': ('a: !!python/bytes eA==', BUILDS),
    'complex': ('a: !!python/complex 1+2j', BUILDS),
    'unknown_python_tag': ('a: !!python/what x', BUILDS),
    'plugin_with_a_value': (
        'plugin: !!python/name:hcl_arch.__version__ 3',
        "expected nothing after the tag, found '3'",
    ),
    'plugin_with_a_list': ('plugin: !!python/name:hcl_arch.__version__ [3]', 'line 1'),
    'tag_of_another_program': ('a: !Ref other', "could not determine a constructor for the tag '!Ref'"),
    'unknown_standard_tag': ('a: !!integer 3', 'could not determine a constructor'),
    'unknown_handle': ('a: !x!y 3', 'undefined tag handle'),
}
NESTED = 'more than 100 lists and mappings within each other'
MANY = 'more than 100,000 values, each alias counted as what it stands for'


def bomb(levels: int, wide: int) -> str:
    lines = [f'a0: &a0 [{", ".join(["x"] * wide)}]']
    lines += [f'a{i}: &a{i} [{", ".join([f"*a{i - 1}"] * wide)}]' for i in range(1, levels)]
    return '\n'.join(lines)


def same_hashes(count: int) -> bytes:
    """A mapping whose keys Python's dictionaries can tell apart only by comparing each with all others."""
    return b'{' + b', '.join(b'%d: 1' % (number * (2**61 - 1)) for number in range(1, count)) + b'}'


LIMITS: dict[str, tuple[str, str]] = {
    'thousand_million_laughs': (bomb(9, 10), f'line 5: {MANY}'),
    'wide_bomb': (f'a: &a [{"x, " * 1000}x]\nb: [{"*a, " * 1000}*a]', f'line 2: {MANY}'),
    'bomb_of_mappings': (
        'a0: &a0 {x: 1, y: 2, z: 3}\n'
        + '\n'.join(f'a{i}: &a{i} {{x: *a{i - 1}, y: *a{i - 1}, z: *a{i - 1}}}' for i in range(1, 25)),
        MANY,
    ),
    'bomb_of_texts': (f'a: &a "{"x" * 9000}"\n' + '\n'.join(f'b{i}: [{"*a, " * 999}*a]' for i in range(101)), MANY),
    'many_values': ('a: [' + '1,' * 150_000 + ']', MANY),
    'list_in_itself': ('a: &a [*a]', 'line 1: the alias *a stands for what it is in itself'),
    'mapping_in_itself': ('a: &a\n  b: {c: *a}', 'line 2: the alias *a stands for what it is in itself'),
    'root_in_itself': ('&a {b: *a}', 'the alias *a stands for what it is in itself'),
    'deep_list': ('a: ' + '[' * 300_000, NESTED),
    'deep_list_with_its_end': ('a: ' + '[' * 101 + ']' * 101, NESTED),
    'deep_mapping': ('a: ' + '{b: ' * 50_000, NESTED),
    'deep_block': ('\n'.join(' ' * i + 'a:' for i in range(300)), NESTED),
    'deep_sequence': ('- ' * 5000 + 'x', NESTED),
    'deep_keys': ('? ' * 5000 + 'x', NESTED),
    'more_than_a_mebibyte': ('# ' + 'x' * 2**20, 'at most 1,048,576 bytes, found 1,048,578'),
}
KEYS: dict[str, tuple[str, str]] = {
    'twice': ('a: 1\nb: 2\na: 3', "line 3: the key 'a' is given in line 1 already: remove one of them"),
    'twice_inside': ('train:\n  lr: 1\n  other: {}\n  lr: 2', "line 4: the key 'lr' is given in line 2 already"),
    'twice_in_brackets': ('a: {b: 1, b: 2}', "line 1: the key 'b' is given in line 1 already"),
    'twice_the_same': ('a: 1\na: 1', "line 2: the key 'a' is given in line 1 already"),
    'twice_in_quotes': ('a: 1\n"a": 2', "line 2: the key 'a' is given in line 1 already"),
    'twice_as_number': ('1: a\n0x1: b', 'line 2: the key 1 is given in line 1 already'),
    'twice_as_truth': ('yes: a\ntrue: b', 'line 2: the key True is given in line 1 already'),
    'twice_nothing': ('~: a\nnull: b', 'line 2: the key None is given in line 1 already'),
    'list': ('? [a, b]\n: 1', 'line 1: expected a word before the colon, found a list'),
    'mapping': ('{a: 1}: 2', 'line 1: expected a word before the colon, found a dict'),
    'merged': ('a: &a {x: 1}\nb:\n  <<: *a\n  y: 2', 'line 3: the merge key << is not known to BasicSR'),
}
FORM: dict[str, tuple[bytes, str]] = {
    'empty': (b'', 'must hold `key: value` lines, got NoneType'),
    'remarks_only': (b'# nothing\n', 'must hold `key: value` lines, got NoneType'),
    'words': (b'just words', 'must hold `key: value` lines, got str'),
    'list': (b'- a\n- b', 'must hold `key: value` lines, got list'),
    'number': (b'3', 'must hold `key: value` lines, got int'),
    'two_documents': (b'a: 1\n---\nb: 2\n', 'line 2, column 1: expected a single document'),
    'open_bracket': (b'a: [', 'cannot be read: line 2'),
    'open_quote': (b'a: "b\n\nc: d', 'cannot be read: line'),
    'tabulator': (b'a:\n\tb: 1', 'cannot be read: line 2'),
    'indentation': (b'a: 1\n  b: 2', 'cannot be read: line 2'),
    'missing_alias': (b'a: *b', 'line 1, column 4: found undefined alias'),
    'same_anchor': (b'a: &x 1\nb: &x 2', 'line 2, column 4: found duplicate anchor'),
    'percent': (b'%what\n---\na: 1\n', 'cannot be read: line 1'),
    'null_byte': (b'a: 1\n\0', 'control characters are not allowed'),
    'escape_byte': (b'a: "\x1b[2J"', 'control characters are not allowed'),
    'latin_1': ('a: 1\nname: Zürich'.encode('latin-1'), 'line 2: expected text in UTF-8'),
    'utf_16': ('a: 1'.encode('utf-16'), 'line 1: expected text in UTF-8'),
    'utf_7_surrogate': (b'a: \xed\xa0\x80', 'line 1: expected text in UTF-8'),
    'binary': (bytes(range(256)), 'cannot be read: '),
    'date': (b'a: 1\nb: 2020-13-45', "line 2, column 4: '2020-13-45' is no value of !!timestamp"),
    'no_int': (b'a: !!int many', "line 1, column 4: 'many' is no value of !!int"),
    'no_float': (b'a: !!float 1,5', "line 1, column 4: '1,5' is no value of !!float"),
    'no_bool': (b'a: !!bool maybe', "line 1, column 4: 'maybe' is no value of !!bool"),
    'no_timestamp': (b'a: !!timestamp now', "line 1, column 4: 'now' is no value of !!timestamp"),
    'int_of_a_list': (b'a: !!int [1]', 'cannot be read: line 1'),
    'map_of_a_list': (b'a: !!map [1]', 'line 1, column 4: expected a mapping'),
    'binary_of_letters': ('a: !!binary ü'.encode(), 'cannot be read: line 1'),
    'number_of_5000_digits': (
        b'a: ' + b'9' * 5000,
        'is no value of !!int (expected a whole number of at most 64 bits)',
    ),
    'number_of_65_bits': (b'a: 18446744073709551616', "'18446744073709551616' is no value of !!int (expected a whole"),
    'hexadecimal_number': (b'a: 0x' + b'f' * 500_000, 'is no value of !!int (expected a whole'),
    'number_to_the_base_of_60': (b'a: ' + b'59:' * 300_000 + b'1', 'is no value of !!int (expected a whole'),
    'same_number_as_text': (b'a: !!int "' + b'59:' * 300_000 + b'1"', 'is no value of !!int (expected a whole'),
    'keys_of_the_same_hash': (same_hashes(30_000), 'is no value of !!int (expected a whole'),
}
ALL: dict[str, tuple[bytes, str]] = {
    f'{group}-{name}': (text.encode() if isinstance(text, str) else text, words)
    for group, cases in (('code', CODE), ('tag', TAGS), ('limit', LIMITS), ('key', KEYS), ('form', FORM))
    for name, (text, words) in cases.items()  # type: ignore[attr-defined]
}


@pytest.fixture
def working_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A working directory with a module that makes the folder `made` when it is imported."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(str(tmp_path))
    (tmp_path / 'makes_a_folder.py').write_text('import os\nos.mkdir("made")\nx = 1\n')
    monkeypatch.setattr(sys, 'modules', {k: v for k, v in sys.modules.items() if k != 'makes_a_folder'})
    return tmp_path


@pytest.mark.parametrize('case', ALL)
def test_refused(case: str, working_folder: Path) -> None:
    content, words = ALL[case]
    file = working_folder / 'options.yml'
    file.write_bytes(content)
    with time_limit(), pytest.raises(OptionFileError) as caught:
        read_option_file(file)
    message = str(caught.value)
    assert message.startswith(f'option file {file} ')
    assert words in message
    assert message.isprintable()
    assert len(message) < 600
    assert not (working_folder / 'made').exists()


@pytest.mark.parametrize(
    'case', ['form-number_to_the_base_of_60', 'form-same_number_as_text', 'form-keys_of_the_same_hash']
)
def test_refused_at_once(case: str, working_folder: Path) -> None:
    (working_folder / 'options.yml').write_bytes(ALL[case][0])
    began = time.process_time()
    with pytest.raises(OptionFileError):
        read_option_file(working_folder / 'options.yml')
    assert time.process_time() - began < 2


def test_deep_lists_of_many_values_take_no_longer(tmp_path: Path) -> None:
    (tmp_path / 'options.yml').write_text('a: ' + '[' * 98 + '1,' * 90_000 + ']' * 98)
    with time_limit(5):
        assert read_option_file(tmp_path / 'options.yml')


@pytest.mark.parametrize('case', CODE)
def test_code_would_run_in_basicsrs_loader(case: str, working_folder: Path) -> None:
    """So that the tests above cannot pass because a text is harmless."""
    if case == 'new_by_state':
        pytest.skip('PyYAML has closed this way')
    with contextlib.suppress(TypeError):  # what os.mkdir returns has no attributes
        yaml.load(CODE[case][0], Loader=ordered_yaml()[0])
    assert (working_folder / 'made').is_dir()


@pytest.mark.parametrize('case', CODE)
def test_the_loader_alone_builds_nothing(case: str, working_folder: Path) -> None:
    """Tags are looked at before anything is built; should one be overlooked, the loader does not know it either."""
    for loader in (yaml_loader._PlainLoader, yaml_loader._TrustingLoader):
        if loader is yaml_loader._PlainLoader or not case.startswith('name'):
            with pytest.raises(yaml.constructor.ConstructorError, match='could not determine a constructor'):
                yaml.load(CODE[case][0], Loader=loader)
    assert not (working_folder / 'made').exists()


@pytest.mark.parametrize('text', ['plugin: !!python/name:makes_a_folder.x', '? !!python/name:makes_a_folder.x\n: 1'])
def test_trusted_plugins_are_imported(text: str, working_folder: Path) -> None:
    (working_folder / 'options.yml').write_text(text)
    options = read_option_file(working_folder / 'options.yml', trusted=True)
    assert 1 in {**options, **{value: key for key, value in options.items()}}
    assert (working_folder / 'made').is_dir()


@pytest.mark.parametrize(
    ('tag', 'words'),
    [
        (f'{TAG} [made]', BUILDS),
        ('!!python/module:makes_a_folder', BUILDS),
        ('!!python/object/new:os.mkdir [made]', BUILDS),
        ('!!python/tuple [1]', BUILDS),
        ('!!python/name:no_such_module.x', "cannot find module 'no_such_module'"),
        ('!!python/name:os.no_such_name', "cannot find 'no_such_name' in the module 'os'"),
        ('!!python/name:fails.x', r"the module 'fails' cannot be imported (ZeroDivisionError: division by zero)"),
    ],
)
def test_trusting_goes_no_further(tag: str, words: str, working_folder: Path) -> None:
    (working_folder / 'fails.py').write_text('1 / 0')
    (working_folder / 'options.yml').write_text(f'a: {tag}')
    with pytest.raises(OptionFileError) as caught:
        read_option_file(working_folder / 'options.yml', trusted=True)
    assert words in str(caught.value)
    assert not (working_folder / 'made').exists()


NO_FILES: dict[str, tuple[Callable[[Path], Any], str]] = {
    'missing': (lambda path: None, 'does not exist (working directory: '),
    'link_to_nothing': (lambda path: path.symlink_to('lost.yml'), 'does not exist (working directory: '),
    'folder': (lambda path: path.mkdir(), 'Is a directory'),
    'pipe': (lambda path: os.mkfifo(path), 'a pipe, a device or a socket'),
    'device': (lambda path: path.symlink_to('/dev/zero'), 'a pipe, a device or a socket'),
}


@pytest.mark.skipif(not hasattr(os, 'mkfifo'), reason='the kinds of files of POSIX')
@pytest.mark.parametrize('kind', NO_FILES)
def test_no_file(kind: str, tmp_path: Path) -> None:
    make, words = NO_FILES[kind]
    make(tmp_path / 'options.yml')
    with time_limit(), pytest.raises(OptionFileError) as caught:
        read_option_file(tmp_path / 'options.yml')
    assert f'option file {tmp_path}/options.yml ' in str(caught.value)
    assert words in str(caught.value)


@pytest.mark.parametrize('file', FILES, ids=lambda file: file.stem)
def test_files_of_this_repository_are_read_as_basicsr_reads_them(file: Path) -> None:
    with open(file, encoding='utf-8') as stream:
        expected = yaml.load(stream, Loader=ordered_yaml()[0])
    if isinstance(expected, dict):
        assert_same(read_option_file(file), expected)


@pytest.mark.parametrize(
    'text',
    [
        'a: !!float 1e-4\nb: !!int "3"\nc: !!str 3\nd: !!bool yes\ne: !!null ""',
        'a: 1e-4\nb: 1.0e-4\nc: .inf\nd: -.inf',
        'a: 0x1F\nb: 0o17\nc: 017\nd: 1_000\ne: 1:30',
        'a: yes\nb: No\nc: on\nd: ~\ne:',
        'a: &a [1, {b: 2}]\nc: *a\nd: *a',
        'a: |\n  x\n  y\nb: >\n  x\n  y',
        'a: !!set {x, y}\nb: !!omap [x: 1, y: 2]\nc: !!pairs [x: 1, x: 2]',
        'a: 2020-02-29\nb: 2020-02-29 10:20:30\nc: !!binary aGVsbG8=',
        '\ufeffa: ü\n"b c": \'d\'',
        '{a: [], b: {}}\n...\n',
        'plugin: !!python/name:hcl_arch.__version__',
        'plugin: !!python/name:hcl_arch.__version__ ""',
        'a: 1\r\nb: 2\r\n',
        '0: a\n2.5: b\ntrue: c\n~: d\n2020-01-01: e',
    ],
    ids=range(14),
)
def test_forms_are_read_as_basicsr_reads_them(text: str, tmp_path: Path) -> None:
    (tmp_path / 'options.yml').write_text(text, encoding='utf-8', newline='')
    assert_same(read_option_file(tmp_path / 'options.yml'), yaml.load(text, Loader=ordered_yaml()[0]))


def assert_same(found: Any, expected: Any) -> None:
    """Compare values with their types and the order of keys; BasicSR's mappings are OrderedDicts."""
    if isinstance(expected, dict):
        assert type(found) is dict
        assert list(found) == list(expected)
        for key, value in expected.items():
            assert_same(found[key], value)
    elif isinstance(expected, list):
        assert len(found) == len(expected)
        for one, other in zip(found, expected):
            assert_same(one, other)
    else:
        assert (type(found), found) == (type(expected), expected)


def test_plugin_line_gives_the_version(tmp_path: Path) -> None:
    (tmp_path / 'options.yml').write_text('plugin: !!python/name:hcl_arch.__version__')
    assert read_option_file(tmp_path / 'options.yml') == {'plugin': hcl_arch.__version__}


@pytest.mark.parametrize(
    'case',
    [
        'limit-thousand_million_laughs',
        'limit-deep_list',
        'code-apply',
        'form-latin_1',
        'form-date',
        'key-twice',
        'limit-more_than_a_mebibyte',
    ],
)
def test_file_of_runs(case: str, working_folder: Path) -> None:
    """The report's own YAML file is read in the same way."""
    (working_folder / 'runs.yml').write_bytes(ALL[case][0])
    with time_limit(), pytest.raises(ReportError, match="The file of runs '.*runs.yml' cannot be read: .*"):
        read_runs_file(working_folder / 'runs.yml', read_paper())
    assert not (working_folder / 'made').exists()
