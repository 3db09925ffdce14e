"""The command `hcl-report`: whole reports, errors, and what becomes of an earlier report."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from xml.etree import ElementTree

import pytest

import hcl_arch.commands.report.output as output_module
from hcl_arch.commands.report import main
from hcl_arch.commands.report.curves import curve
from hcl_arch.commands.report.results import ImageRow

CsvWriter = Callable[..., Path]
MakeRun = Callable[..., Path]


@pytest.fixture
def report(tmp_path: Path) -> Callable[..., Path]:
    """Function `(*arguments)` that makes a report without curves, which take long, and returns its folder."""

    def make(*arguments: object) -> Path:
        main(['--curves', '', '--output', str(tmp_path / 'report'), *map(str, arguments)])
        return tmp_path / 'report'

    return make


def page_of(folder: Path) -> ElementTree.Element:
    return ElementTree.fromstring((folder / 'report.html').read_text('utf-8'))


def captions(folder: Path) -> list[str]:
    return [str(caption.text).split('.')[0] for caption in page_of(folder).iter('caption')]


def test_report_of_two_runs_has_all_parts(
    tmp_path: Path,
    small_run: MakeRun,
    save_pictures: Callable[..., None],
    report: Callable[..., Path],
    capsys: pytest.CaptureFixture[str],
) -> None:
    runs = [small_run('run_a'), small_run('run_b', offset=0.1)]
    for run in runs:
        for number in range(4):
            save_pictures(run, 'Places', f'im{number}', run.name)
    folder = report(*runs, '--title', 'My runs')
    assert sorted(path.name for path in folder.iterdir()) == ['pictures', 'report.html', 'report.md']
    page = page_of(folder)
    assert page.findtext('.//h1') == 'My runs'
    assert captions(folder)[:4] == [
        'Runs of this report',
        'Bins of hole share',
        'Stages, S1 = coarsest',
        'Kinds of corruption',
    ]
    assert captions(folder)[4].startswith('4 of the 4 images of which pictures were saved, ranked by psnr')
    assert captions(folder)[5:] == [f'Table {number} of the paper' for number in range(1, 8)]
    assert len(page.findall('.//details//caption')) == 6  # all but Table 1, whose bins the runs have
    sources = [image.get('src', '') for image in page.iter('img')]
    # Of four images: input, truth, true mask and two pictures for each of two runs.
    assert len(sources) == 4 * 7
    assert sorted(sources) == sorted(f'pictures/{path.name}' for path in (folder / 'pictures').iterdir())
    markdown = (folder / 'report.md').read_text('utf-8')
    assert all(f']({source})' in markdown for source in sources)
    assert 'Warning' not in markdown
    assert capsys.readouterr().err == ''


def test_report_is_made_without_pictures(small_run: MakeRun, report: Callable[..., Path]) -> None:
    folder = report(small_run('a'))
    assert 'No pictures were saved' in (folder / 'report.md').read_text('utf-8')
    assert list((folder / 'pictures').iterdir()) == []


def test_embedded_page_holds_its_pictures(
    small_run: MakeRun, save_pictures: Callable[..., None], report: Callable[..., Path]
) -> None:
    run = small_run('a')
    save_pictures(run, 'Places', 'im0', 'a')
    sources = [image.get('src', '') for image in page_of(report(run, '--embed')).iter('img')]
    assert len(sources) == 5
    assert all(source.startswith('data:image/png;base64,iVBOR') for source in sources)


def test_runs_file_and_odd_method_names(tmp_path: Path, small_run: MakeRun, report: Callable[..., Path]) -> None:
    small_run('a')
    (tmp_path / 'runs.yml').write_text('- {method: "<HCL|1>", results: results/a}\n', 'utf-8')
    folder = report('--runs', tmp_path / 'runs.yml')
    assert '| &lt;HCL\\|1> | - |' in (folder / 'report.md').read_text('utf-8')
    assert '<HCL|1>' in [cell.text for cell in page_of(folder).iter('th')]


def test_runs_that_cannot_be_compared_are_told_on_the_page_and_the_console(
    small_run: MakeRun, write_csv: CsvWriter, report: Callable[..., Path], capsys: pytest.CaptureFixture[str]
) -> None:
    other = small_run('b')
    write_csv(other / 'Places.csv', [{'image': f'im{i}', 'hole_share': 0.5, 'psnr': 1} for i in range(4)])
    folder = report(small_run('a'), other)
    assert "Warning: Data set 'Places': a and b measured 4 of the same images" in capsys.readouterr().err
    warnings = [paragraph for paragraph in page_of(folder).iter('p') if paragraph.get('class') == 'warning']
    assert len(warnings) == 2  # at the top and at the data set


def test_without_matplotlib_the_report_lacks_curves_only(
    tmp_path: Path, small_run: MakeRun, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(sys.modules, 'matplotlib', None)
    monkeypatch.setitem(sys.modules, 'matplotlib.figure', None)
    main(['--output', str(tmp_path / 'report'), str(small_run('a'))])
    assert 'Install the extra hcl_arch[report]' in capsys.readouterr().err
    assert 'The curves are left out' in (tmp_path / 'report' / 'report.html').read_text('utf-8')
    assert 'Bins of hole share' in captions(tmp_path / 'report')


def test_curves_are_drawn_the_same_every_time(tmp_path: Path, small_run: MakeRun) -> None:
    pytest.importorskip('matplotlib')
    run = small_run('_a$b$')
    for name in ('one', 'two'):
        main(['--curves', 'psnr', '--output', str(tmp_path / name), str(run)])
    files = [sorted((tmp_path / name / 'pictures').glob('*.svg')) for name in ('one', 'two')]
    assert [file.name for file in files[0]] == ['01_Places_curve_01_psnr.svg']
    assert files[0][0].read_bytes() == files[1][0].read_bytes()


def test_curve_is_the_mean_in_steps_of_five_percent() -> None:
    images = [
        ImageRow(str(i), '', share, {'psnr': value})
        for i, (share, value) in enumerate([(0.01, 10), (0.04, 20), (0.15, 30), (1.0, 40), (None, 90)])
    ]
    assert curve(images, 'psnr') == [(2.5, 15), (17.5, 30), (97.5, 40)]


def test_curve_of_an_unknown_metric_is_told(
    small_run: MakeRun, report: Callable[..., Path], capsys: pytest.CaptureFixture[str]
) -> None:
    pytest.importorskip('matplotlib')
    report(small_run('a'), '--curves', 'niqe')
    assert "No run measured 'niqe'" in capsys.readouterr().err


@pytest.mark.parametrize(
    ('arguments', 'message'),
    [
        ([], 'No run is given'),
        (['nowhere'], "Error: 'nowhere' is no folder: name the results folder of a test run"),
        (['--runs', 'nowhere.yml'], "The file of runs 'nowhere.yml' cannot be read"),
    ],
)
def test_error_of_the_user_is_one_line(report: Callable[..., Path], arguments: list[str], message: str) -> None:
    with pytest.raises(SystemExit) as error:
        report(*arguments)
    assert message in str(error.value.code)


@pytest.mark.parametrize('images', ['-1', 'many'])
def test_wrong_number_of_images_is_refused(
    report: Callable[..., Path], images: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as error:
        report('a', f'--images={images}')
    assert error.value.code == 2
    assert 'expected a whole number of at least 0' in capsys.readouterr().err


def test_earlier_report_is_replaced(small_run: MakeRun, report: Callable[..., Path]) -> None:
    report(small_run('a'), '--title', 'First')
    folder = report(small_run('b'), '--title', 'Second')
    assert page_of(folder).findtext('.//h1') == 'Second'
    assert [path.name for path in folder.parent.iterdir() if path.name.startswith('.')] == []


def test_earlier_report_stays_whole_when_a_run_cannot_be_read(
    tmp_path: Path, small_run: MakeRun, report: Callable[..., Path]
) -> None:
    folder = report(small_run('a'))
    before = snapshot(folder)
    with pytest.raises(SystemExit):
        report(small_run('a'), tmp_path / 'missing')
    assert snapshot(folder) == before


@pytest.mark.parametrize('failing', [1, 2, 3, 4, 5, 6])
def test_earlier_report_stays_whole_when_a_move_fails(
    small_run: MakeRun, report: Callable[..., Path], monkeypatch: pytest.MonkeyPatch, failing: int
) -> None:
    folder = report(small_run('a'), '--title', 'First')
    before, move, calls = snapshot(folder), output_module.shutil.move, []

    def failing_move(source: Path, target: Path) -> None:
        calls.append(source)
        if len(calls) == failing:
            raise OSError(13, 'Permission denied', str(source))
        move(source, target)

    monkeypatch.setattr(output_module.shutil, 'move', failing_move)
    with pytest.raises(SystemExit, match='Permission denied'):
        report(small_run('a'), '--title', 'Second')
    assert snapshot(folder) == before


def test_folder_with_other_things_is_refused_unless_told(
    tmp_path: Path, small_run: MakeRun, report: Callable[..., Path]
) -> None:
    folder = tmp_path / 'report'
    folder.mkdir()
    (folder / 'notes.txt').write_text('mine', 'utf-8')
    with pytest.raises(SystemExit, match='is not empty and no earlier report'):
        report(small_run('a'))
    report(small_run('a'), '--overwrite')
    assert (folder / 'notes.txt').read_text('utf-8') == 'mine'
    assert (folder / 'report.html').is_file()


def test_output_that_is_a_file_is_refused(tmp_path: Path, small_run: MakeRun, report: Callable[..., Path]) -> None:
    (tmp_path / 'report').write_text('x', 'utf-8')
    with pytest.raises(SystemExit, match='is a file: name a folder with --output'):
        report(small_run('a'))


def snapshot(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob('*') if path.is_file()}
