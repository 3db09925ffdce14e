"""The course of `hcl-restore`: exit codes, standard streams, the summary, dry runs, what is said."""

from __future__ import annotations

import io
import json
import os
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from hcl_arch import __version__
from hcl_arch.commands.restore import command as command_module
from hcl_arch.commands.restore.arguments import parse_arguments
from hcl_arch.commands.restore.command import run
from hcl_arch.commands.restore.console import Console, shown
from hcl_arch.commands.restore.library_noise import silenced_libraries


class Stream(io.StringIO):
    """A text stream with bytes below it, as the standard streams are."""

    def __init__(self, content: bytes = b'', *, terminal: bool = False) -> None:
        super().__init__()
        self.buffer = io.BytesIO(content)
        self._terminal = terminal

    def isatty(self) -> bool:
        return self._terminal


def png(shape: tuple[int, ...] = (12, 16, 3)) -> bytes:
    stream = io.BytesIO()
    Image.fromarray(np.random.default_rng(0).integers(0, 256, shape, np.uint8)).save(stream, 'PNG')
    return stream.getvalue()


@pytest.fixture
def streams(monkeypatch: pytest.MonkeyPatch, work_folder: Path, stub_type: type):
    """Run the command with an image at standard input; returns status and what is at standard output, in bytes."""

    def call(content: bytes, *arguments: str, terminal: bool = False) -> tuple[int, bytes]:
        output = Stream()
        monkeypatch.setattr(sys, 'stdin', Stream(content, terminal=terminal))
        monkeypatch.setattr(sys, 'stdout', output)
        return run(parse_arguments(arguments), lambda options: stub_type()), output.buffer.getvalue()

    return call


def test_from_standard_input_to_standard_output(streams, tree) -> None:
    content = png()
    status, output = streams(content, '-', '-o', '-')
    assert status == 0
    before, after = (np.array(Image.open(io.BytesIO(data))) for data in (content, output))
    np.testing.assert_array_equal(after[:, :8], 255 - before[:, :8])
    assert tree() == []
    status, output = streams(content, '-', '-o', '-', '--save', 'mask')
    assert Image.open(io.BytesIO(output)).mode == 'L'
    status, output = streams(content, '-', '-o', '-', '--format', 'webp')
    assert Image.open(io.BytesIO(output)).format == 'WEBP'


def test_standard_input_to_a_folder_and_a_bad_one(streams, tree, capfd) -> None:
    assert streams(png(), '-', '-o', 'out')[0] == 0
    assert tree() == ['out/stdin.png', 'out/stdin_mask.png']
    assert streams(b'text', '-', '-o', '-') == (1, b'')
    assert 'Error: standard input: no photograph: expected' in capfd.readouterr().err
    assert streams(b'', '-', '-o', '-', terminal=True)[0] == 2
    assert 'standard input is a terminal' in capfd.readouterr().err


@pytest.mark.parametrize(
    ('arguments', 'says'),
    [
        ([], 'expected photographs: files, folders, or - for standard input'),
        ([''], "got an empty name ''"),
        (['a.png', '--threshold', '1.5'], "expected a number from 0 to 1, got '1.5'"),
        (['a.png', '--threshold', 'nan'], "expected a number from 0 to 1, got 'nan'"),
        (['a.png', '--min-score', '1.5'], "argument --min-score: expected a number from 0 to 1, got '1.5'"),
        (['a.png', '--grow', '-1'], 'expected a whole number of at least 0'),
        (['a.png', '--quality', '0'], 'expected a whole number from 1 to 100'),
        (['a.png', '--save', 'everything'], 'invalid choice'),
        (['a.png', '--precision', 'fp64'], 'invalid choice'),
        (['a.png', '--batch', '0'], 'expected a whole number of at least 1'),
        (['a.png', '--nonsense'], 'unrecognized arguments: --nonsense'),
        (['a.png', '-o', '-', '--save', 'mask', 'restored'], '-o - takes one picture'),
        (['a.png', '-o', '-', '--json', '-'], 'would both write to standard output'),
        (['a.png', 'b.png', '-o', '-'], '-o - takes one photograph'),
        (['a.png', 'b.png', '-o', 'b.png'], 'is a file; expected a folder'),
        (['a.png', 'b.png', '-o', 'new.png'], 'is the name of a file; expected a folder'),
        (['a.png', '-o', 'x.gif'], 'is the name of a file; expected a folder'),
        (['a.png', '-o', 'c.png', '--format', 'jpg'], 'contradict each other'),
        (['a.png', '-o', 'c.png', '--save', 'alpha'], 'a name that ends in .tif'),
        (['a.png', '--mask-name', 'masks/NAME'], "expected same, lama, or a file's name with NAME in it"),
        (['a.png', '--region', '1,2,3'], "expected x,y,width,height in pixels or %, as 0,90%,100%,10%, got '1,2,3'"),
        (['a.png', '--region', '0,0,0,5'], 'expected x,y,width,height'),
        (['a.png', '--exclude', 'absent.png'], '--exclude absent.png: no such file, and no x,y,width,height'),
        (['a.png', '--template', 'absent.png'], '--template absent.png: no such file'),
        (['a.png', '--anchor', 'top'], 'say where a template lies'),
        (['a.png', '--template', 'b.png', '--offset', '3'], "expected x,y in pixels or %, as 20,5%, got '3'"),
        (['a.png', '--mask', 'alpha', '--region', '0,0,1,1'], '--mask alpha repairs what is erased, and nothing'),
        (['a.png', '-o', 'c.jpg', '--save', 'mask'], 'a name that ends in .png'),
        (['a.png', '-o', 'b.png/deep'], 'cannot be made'),
        (['a.png', '-o', '/dev/null'], 'found a pipe, a device'),
        (['a.png', '--json', 'nowhere/s.json'], 'expected the name of a file in a folder that exists'),
        (['a.png', '--json', 'b.png'], 'b.png exists already: name another file, or give --overwrite'),
        (['a.png', '--json', 'restored/a.png', '--overwrite'], 'a folder that exists'),
        (['a.png', '--mask', 'nowhere'], '--mask nowhere: no such file or folder'),
    ],
)
def test_status_2_where_nothing_can_be_begun(arguments, says, command, make_photo, tree) -> None:
    make_photo('a.png')
    make_photo('b.png')
    outcome = command(*arguments)
    assert outcome.status == 2
    assert says in outcome.err
    assert tree() == ['a.png', 'b.png']


def test_status_2_without_the_model(make_photo, capfd) -> None:
    make_photo('a.png')

    def load(options):
        raise ValueError(f"there is no model named '{options.model}'; known: none")

    assert run(parse_arguments(['a.png', '--model', 'absent']), load) == 2
    assert capfd.readouterr().err == "Error: --model absent: there is no model named 'absent'; known: none\n"


def test_status_2_if_no_input_is_there_and_no_model_is_loaded_for_that(capfd, work_folder) -> None:
    for arguments in (['absent.png'], ['absent.png', 'no*.jpg', '-o', 'x.png'], ['absent.png', '--dry-run']):
        assert run(parse_arguments(arguments), lambda options: pytest.fail('loaded')) == 2
        assert capfd.readouterr().err.startswith('Error: absent.png: no such file\n')


def test_status_1_if_some_inputs_are_there_and_all_fail(capfd, work_folder) -> None:
    Path('empty.png').touch()
    assert run(parse_arguments(['absent.png', 'empty.png']), lambda options: type('', (), {'name': ''})()) == 1
    assert 'Error: absent.png: no such file\n' in capfd.readouterr().err


def test_what_goes_wrong_in_one_image_does_not_end_the_others(command, make_photo, stub_type: type) -> None:
    for name in ('a.png', 'b.png', 'c.png', 'd.png'):
        make_photo(name)

    class Failing(stub_type):
        failures = iter([RuntimeError('CUDA out of memory. Tried to\nallocate'), MemoryError(), ZeroDivisionError()])

        def restore(self, image, **options):
            for failure in self.failures:
                raise failure
            return super().restore(image, **options)

    outcome = command('a.png', 'b.png', 'c.png', 'd.png', restorer=Failing())
    assert outcome.status == 1
    assert outcome.lines[:3] == [
        'Error: a.png: memory ran out: give a smaller number to --memory or --batch',
        'Error: b.png: memory ran out: give a smaller number to --memory or --batch',
        'Error: c.png: cannot be restored: ZeroDivisionError',
    ]
    assert outcome.lines[4].startswith('4 images: 1 restored, 3 failed, ')


def test_summary_as_json(command, make_photo) -> None:
    make_photo('a.png')
    Path('b.png').write_bytes(b'')
    outcome = command('a.png', 'b.png', 'absent.png', '--json', 'summary.json', '--threshold', '0.6')
    assert outcome.status == 1
    summary = json.loads(Path('summary.json').read_text('ascii'))
    assert set(summary) == {'images', 'totals', 'interrupted', 'model', 'options', 'versions'}
    by_name = {image['input']: image for image in summary['images']}
    done = by_name['a.png']
    assert set(done) == {
        'input',
        'outputs',
        'size',
        'pages',
        'megapixels',
        'corrupted_share',
        'mask_pixels',
        'mask_share',
        'mean_confidence',
        'score',
        'found',
        'min_score',
        'seconds',
        'remarks',
        'error',
    }
    assert done['outputs'] == {'restored': 'restored/a.png', 'mask': 'restored/a_mask.png'}
    assert done['size'] == [16, 12]
    assert done['megapixels'] == pytest.approx(16 * 12 / 1e6)
    assert done['corrupted_share'] == 0.5
    assert done['mean_confidence'] == pytest.approx(0.625)  # half 0.25, half 1
    assert (done['score'], done['found'], done['min_score']) == (0.75, True, 0)
    assert done['seconds'] > 0
    assert done['error'] is None
    assert by_name['b.png']['error'] == 'an empty file'
    assert by_name['b.png']['outputs'] == {}
    assert by_name['absent.png']['error'] == 'no such file'
    totals = summary['totals']
    assert (totals['images'], totals['done'], totals['failed'], totals['not_begun']) == (3, 1, 2, 0)
    assert summary['versions']['hcl_arch'] == __version__
    assert summary['options']['threshold'] == 0.6
    assert summary['options']['inputs'] == ['a.png', 'b.png', 'absent.png']
    assert (summary['model'], summary['interrupted']) == ('stub', False)


def test_summary_to_standard_output_alone(command, make_photo) -> None:
    make_photo('a.png')
    outcome = command('a.png', '--json', '-', '--quiet')
    assert json.loads(outcome.out)['totals']['done'] == 1
    assert outcome.err == ''


def test_summary_that_cannot_be_written_is_a_failure(command, make_photo, monkeypatch) -> None:
    make_photo('a.png')

    def write(summary, place):
        raise OSError(28, 'No space left on device')

    monkeypatch.setattr(command_module.Summary, 'write', write)
    outcome = command('a.png', '--json', 's.json')
    assert outcome.status == 1
    assert outcome.lines[-1] == 'Error: --json s.json cannot be written: No space left on device'


def test_dry_run_says_what_would_be_and_does_nothing(make_photo, capfd, tree) -> None:
    for name in ('set/a.png', 'set/b.gif'):
        make_photo(name)
    options = parse_arguments(['set', 'absent.png', '-o', 'out', '--dry-run'])
    assert run(options, lambda options: pytest.fail('loaded')) == 1
    captured = capfd.readouterr()
    assert captured.out == ('set/a.png -> out/a.png, out/a_mask.png\nset/b.gif -> out/b.png, out/b_mask.png\n')
    assert 'Error: absent.png: no such file\n' in captured.err
    assert '2 would be restored, 1 failed' in captured.err
    assert tree() == ['set/a.png', 'set/b.gif']


def test_quiet_says_errors_only(command, make_photo) -> None:
    make_photo('a.png')
    assert command('a.png', '-q').err == ''
    assert command('a.png', 'absent.png', '-o', 'other', '-q').lines == ['Error: absent.png: no such file']


def test_batches_keep_the_order(command, make_photo) -> None:
    names = [f'{number}.png' for number in range(7)]
    for name in names:
        make_photo(name)
    outcome = command(*names, '--batch', '3')
    assert [line.split(':')[0] for line in outcome.lines[:7]] == [f'[{n + 1}/7] {n}.png' for n in range(7)]


def test_bar_on_a_terminal_only(monkeypatch: pytest.MonkeyPatch) -> None:
    terminal = Stream(terminal=True)
    monkeypatch.setattr(sys, 'stderr', terminal)
    with Console(quiet=False).tiles('a.png') as progress:
        progress(1, 4)
        progress(4, 4)
    assert '4/4' in terminal.getvalue()
    assert '1/4' in terminal.getvalue()
    with Console(quiet=True).tiles('a.png') as progress:
        assert progress is None
    monkeypatch.setattr(sys, 'stderr', Stream())
    with Console(quiet=False).tiles('a.png') as progress:
        assert progress is None


def test_program_without_standard_error(command, make_photo, monkeypatch: pytest.MonkeyPatch) -> None:
    make_photo('a.png')
    monkeypatch.setattr(sys, 'stderr', None)
    assert command('a.png', 'absent.png').status == 1


def test_names_are_shown_on_one_printable_line() -> None:
    assert shown('two\nlines\x1b[31m') == 'two\\nlines\\x1b[31m'
    assert shown('caf\udce9') == 'caf\\udce9'
    assert shown('写真') == '写真'


def test_terminal_without_unicode(monkeypatch: pytest.MonkeyPatch) -> None:
    stream = io.TextIOWrapper(io.BytesIO(), encoding='ascii')
    monkeypatch.setattr(sys, 'stderr', stream)
    Console(quiet=False).line('写真.png')
    assert stream.buffer.getvalue() == b'\\u5199\\u771f.png\n'


def test_what_libraries_print_is_dropped_and_lines_of_ours_are_not(capfd) -> None:
    with Console(quiet=False) as console:
        with silenced_libraries():
            os.write(2, b'libpng error\n')
            console.line('ours')
        os.write(2, b'theirs, later\n')
    assert sorted(capfd.readouterr().err.splitlines()) == ['ours', 'theirs, later']


def test_list_of_models(command, monkeypatch: pytest.MonkeyPatch, work_folder: Path) -> None:
    monkeypatch.setenv('HCL_MODELS', str(work_folder))
    outcome = command('--list-models')
    assert outcome.status == 0
    assert outcome.out.strip()


def test_help_documents_statuses_and_examples(command) -> None:
    outcome = command('--help')
    assert outcome.status == 0
    for words in ('exit status:', '  130  interrupted', 'examples:', 'hcl-restore holiday/ -o repaired/'):
        assert words in outcome.out
    assert command('--version').out == f'hcl-restore {__version__}\n'
