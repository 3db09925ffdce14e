"""Write the option files of trainings and tests from options/sources, where each setting stands once.

    python options/generate.py            # writes those that are not current, and names them
    python options/generate.py --check    # only names them; ends with 1 if there are any

BasicSR's option files include no others, so each is whole; most differ from another in a few lines. A source
(`.yaml`, so that nobody takes it for an option file) holds documents, parted by `---`, each the difference to others:

    # HCL on FFHQ at 256 x 256.                           the head of the file
    train/train_hcl_ffhq.yml: [train_hcl_places, faces]   it begins as these, laid over each other in this order
    network_g:
      dim: 32                                             a line in the place of theirs, with its comment
      refiner: !without                                   left out
    network_d: !instead                                   nothing of theirs is left in the section
      type: HCLPatchDiscriminator
    train.optim_g.lr: !!float 1e-3                        short for a section in a section
    datasets:
      test_2:
        like: test_1                                      begins as the section beside it

A name without `.yml` is that of a part, for which no file is written. A new key comes after the one above it in the
document, or in the place of that if it is left out, else at the end; the sections of a file have the order of SECTIONS.
`name` is the file's; `{run}` is that without train_ or test_. A head without an indented line gets the command that
runs the file.
"""

from __future__ import annotations

import argparse
import re
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Optional

OPTIONS = Path(__file__).resolve().parent
SECTIONS = (
    'name', 'model_type', 'num_gpu', 'find_unused_parameters', 'manual_seed', 'precision', 'plugin',
    'datasets', 'network_g', 'network_d', 'path', 'train', 'val', 'logger', 'dist_params',
)  # fmt: skip
_KEY = re.compile(r'( *)([\w./-]+):(?: +(.*))?')


class SourceError(ValueError):
    """A source that cannot be understood."""


@dataclass
class Entry:
    """A key, as it stands in a file."""

    value: str = ''
    """What follows the colon, with its comment."""
    above: list[str] = field(default_factory=list)
    """Comments and empty lines that stand above it."""
    below: Optional[Section] = None
    """The section that it opens, if it opens one."""


Section = dict[str, Entry]


@dataclass
class Document:
    """A part or a file: what it differs in from others."""

    name: str
    source: str
    """Name of the source that it stands in."""
    file: Optional[Path]
    """The file that it makes, from options/ on; None for a part."""
    header: list[str]
    likes: list[str]
    changes: Section


# ------------------------------------------------------------------ reading


def read_sources(folder: Path) -> dict[str, Document]:
    """Read all documents of a folder, by their names."""
    documents: dict[str, Document] = {}
    for source in sorted(folder.glob('*.yaml')):
        for text in re.split(r'^---\n', source.read_text('utf-8'), flags=re.MULTILINE):
            if text.strip():
                document = read_document(text, source.name)
                if document.name in documents:
                    raise SourceError(f'{source.name}: {document.name} is there twice.')
                documents[document.name] = document
    return documents


def read_document(text: str, source: str) -> Document:
    """Read one document of a source."""
    changes, _ = _read_section(text.splitlines(), 0, 0, source)
    title = next(iter(changes))
    first = changes.pop(title)
    if not re.fullmatch(r'\[.*\]', first.value):
        raise SourceError(f'{source}: a document begins with a name and the list of those that it begins as: {title}')
    return Document(
        name=Path(title).stem,
        source=source,
        file=Path(title) if title.endswith('.yml') else None,
        header=[line for line in first.above if line],
        likes=re.findall(r'\w+', first.value),
        changes=changes,
    )


def _read_section(lines: list[str], start: int, indent: int, source: str) -> tuple[Section, int]:
    """Read the lines of a section from `start` on; return the number of the line after it, too."""
    section: Section = {}
    above: list[str] = []
    number = start
    while number < len(lines):
        line = lines[number]
        if not line.strip() or line.lstrip().startswith('#'):
            above.append(line.strip())
            number += 1
            continue
        match = _KEY.fullmatch(line)
        if match is not None and len(match[1]) < indent:
            break
        if match is None or len(match[1]) > indent or match[2] in section:
            raise SourceError(f'{source}: not expected: {line}')
        section[match[2]] = entry = Entry(match[3] or '', above)
        above, number = [], number + 1
        if re.fullmatch(r'(!instead)? *(#.*)?', entry.value):
            entry.below, number = _read_section(lines, number, indent + 2, source)
    return section, number - len(above)


# ------------------------------------------------------------------ laying documents over each other


def lay_document_over(options: Section, name: str, documents: dict[str, Document]) -> None:
    """Change options in place by those documents that a document begins as, then by its own changes."""
    if name not in documents:
        raise SourceError(f'There is no document {name}.')
    for like in documents[name].likes:
        lay_document_over(options, like, documents)
    lay_over(options, documents[name].changes)


def lay_over(section: Section, changes: Section) -> None:
    """Change a section in place."""
    before: Optional[str] = None
    for path, given in changes.items():
        key, _, rest = path.partition('.')
        change = Entry('', [], {rest: given}) if rest else given
        value, whole = re.subn(r'^!instead *', '', change.value)
        if value.startswith('!without'):
            if key not in section:
                raise SourceError(f'`{key}: !without`: it is not there anyway.')
            place = list(section).index(key)
            del section[key]
            before = list(section)[place - 1] if place else None
            continue
        entry = section.get(key)
        if entry is None:
            entry = Entry(above=change.above)
            _insert(section, key, entry, after=before)
        above = change.above if any(change.above) else entry.above
        if change.below is None:
            section[key] = Entry(value, above)
        else:
            below = {} if whole or entry.below is None else _copied(entry.below)
            inner = dict(change.below)
            if 'like' in inner:
                below = _copied(section[inner.pop('like').value].below or {})
            lay_over(below, inner)
            section[key] = Entry(value or ('' if entry.below is None else entry.value), above, below)
        before = key


def _insert(section: Section, key: str, entry: Entry, *, after: Optional[str]) -> None:
    others = list(section.items())
    place = list(section).index(after) + 1 if after in section else len(others)
    section.clear()
    section.update([*others[:place], (key, entry), *others[place:]])


def _copied(section: Section) -> Section:
    return {
        key: Entry(entry.value, entry.above, None if entry.below is None else _copied(entry.below))
        for key, entry in section.items()
    }


# ------------------------------------------------------------------ writing


def files_of(documents: dict[str, Document]) -> Iterator[tuple[Path, str]]:
    """Yield each file, from options/ on, and its text."""
    for document in documents.values():
        if document.file is not None:
            options = {'name': Entry(document.name)}
            lay_document_over(options, document.name, documents)
            yield document.file, text_of(document, options)


def text_of(document: Document, options: Section) -> str:
    """The text of a file."""
    unknown = [key for key in options if key not in SECTIONS]
    if unknown:
        raise SourceError(f'{document.name}: unknown sections: {", ".join(unknown)}')
    title, *more = document.header
    source = f'options/sources/{document.source}'
    up = '../' * (len(document.file.parts) - 1) if document.file else ''
    schema = f'# yaml-language-server: $schema={up}schema.json'  # by which editors check and complete the file
    lines = [schema, title, f'# Generated by options/generate.py from {source}: change that, or a copy.', *more]
    if not any(line.startswith('#  ') for line in more):
        lines.append(f'#   hcl-{document.name.partition("_")[0]} -opt options/{document.file}')
    lines.append('')
    data_sets = options.get('datasets', Entry()).below or {}
    for data_set in list(data_sets.values())[1:]:
        data_set.above = ['', *filter(None, data_set.above)]
    for key in SECTIONS:
        if key in options:
            entry = options[key]
            if entry.below is not None and lines[-1]:
                lines.append('')
            comments = [line for line in entry.above if line]
            lines += _lines_of({key: Entry(entry.value, comments, entry.below)}, 0)
    return '\n'.join(lines).replace('{run}', document.name.partition('_')[2]) + '\n'


def _lines_of(section: Section, indent: int) -> Iterator[str]:
    for number, (key, entry) in enumerate(section.items()):
        above = entry.above if number else [line for line in entry.above if line]
        space = '  ' if entry.value.startswith('#') else ' '
        for line in (*above, f'{key}:{space}{entry.value}'.rstrip()):
            yield ' ' * indent + line if line else ''
        if entry.below is not None:
            yield from _lines_of(entry.below, indent + 2)


# ------------------------------------------------------------------ the command


def outdated(files: dict[Path, str], folder: Path) -> list[Path]:
    """Those files that are not there, or have another text; and those that say that they are generated, and are not."""
    wrong = [name for name, text in files.items() if not _has_text(folder / name, text)]
    generated = [
        path.relative_to(folder) for path in sorted(folder.rglob('*.yml'))
        if '# Generated by options/generate.py' in path.read_text('utf-8')
    ]  # fmt: skip
    return wrong + [name for name in generated if name not in files]


def _has_text(path: Path, text: str) -> bool:
    return path.is_file() and path.read_text('utf-8') == text


def main(arguments: Optional[list[str]] = None) -> int:
    """Run the command and return its exit status."""
    parser = argparse.ArgumentParser(description='Write the option files from options/sources.')
    parser.add_argument('--check', action='store_true', help='write nothing, name the files that are not current')
    check = parser.parse_args(arguments).check
    files = dict(files_of(read_sources(OPTIONS / 'sources')))
    changed = outdated(files, OPTIONS)
    for name in changed:
        print(f'options/{name}', 'is not current' if check else 'written' if name in files else 'has no source')
        if not check and name in files:
            (OPTIONS / name).parent.mkdir(parents=True, exist_ok=True)
            (OPTIONS / name).write_text(files[name], 'utf-8')
    if check and changed:
        print('Run: python options/generate.py')
    return int(check and bool(changed))


if __name__ == '__main__':
    sys.exit(main())
