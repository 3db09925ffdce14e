from __future__ import annotations

import copy
from typing import Any

import pytest

from hcl_arch.data.dataset_options import read_options
from hcl_arch.utils.option_error import check_keys

Options = dict[str, Any]
BASE: Options = {
    'name': 'Faces',
    'type': 'BlindCorruptionDataset',
    'phase': 'train',
    'dataroot_gt': 'a',
    'dataroot_noise': 'b',
    'gt_size': 64,
    'batch_size_per_gpu': 2,
}


def test_defaults() -> None:
    options = read_options(BASE)
    assert options.where == "data set 'Faces'"
    assert options.gt_roots == ('a',)
    assert options.masks == {'free_form': 1.0, 'random_walk': 1.0}
    assert [(entry.name, entry.kind, entry.weight) for entry in options.corruptions] == [('patch', 'patch', 1.0)]
    assert options.hole_shares == ((0.1, 0.5),)
    assert options.crop_scale == (1.0, 1.0)
    assert (options.blur_sigma, options.use_hflip, options.max_samples, options.seed) == ((3.0, 3.0), True, None, 0)


def test_mask_images_replace_the_generators_unless_mixed() -> None:
    assert read_options({**BASE, 'dataroot_mask': 'm'}).masks == {'folder': 1.0}
    masks = {'folder': 3, 'free_form': 1}
    assert read_options({**BASE, 'dataroot_mask': 'm', 'masks': masks}).masks == masks


def test_options_of_basicsr_are_known_and_nothing_is_changed() -> None:
    opt = {
        **BASE,
        'scale': 1,
        'io_backend': {'type': 'disk'},
        'num_worker_per_gpu': 2,
        'dataset_enlarge_ratio': 100,
        'prefetch_mode': 'cpu',
        'num_prefetch_queue': 2,
        'pin_memory': True,
        'persistent_workers': True,
        'use_shuffle': True,
        'masks': {'free_form': 1},
        'dataroot_noise': ['b', 'c'],
    }
    before = copy.deepcopy(opt)
    read_options(opt)
    assert opt == before


@pytest.mark.parametrize(
    ('change', 'message'),
    [
        ({'hole_shares': [0, 1]}, "data set 'Faces': unknown option 'hole_shares'. Did you mean 'hole_share'?"),
        ({'masks': {'freeform': 1}}, "'masks': unknown option 'freeform'. Did you mean 'free_form'?"),
        ({'phase': 'training'}, "'phase' expects 'train', 'val' or 'test' (BasicSR sets it), got 'training'"),
        ({'dataroot_gt': None}, "'dataroot_gt' is missing"),
        ({'dataroot_gt': 3}, "'dataroot_gt' expects a path or a list of paths, got 3"),
        ({'dataroot_noise': []}, "'dataroot_noise' expects a path or a list of paths, got []"),
        ({'dataroot_noise': None}, "'dataroot_noise' is missing, but the corruption 'patch' takes"),
        (
            {'hole_share': 1.5},
            "'hole_share' expects two numbers with 0 <= first <= second <= 1, or a list of such pairs",
        ),
        ({'mask_cache': 5}, "'mask_cache' is given, but no mask images. Add 'dataroot_mask', or leave it out"),
        (
            {'masks': {'lines': 1}},
            "'lines' are one pixel wide and vanish when their edges are blurred with a sigma of 3",
        ),
        ({'hole_share': [0.5, 0.1]}, "'hole_share' expects two numbers"),
        ({'hole_share': [0.5, 1.1]}, "'hole_share' expects two numbers"),
        ({'hole_share': ['0', 1]}, "'hole_share' expects two numbers"),
        ({'hole_share': [float('nan'), 1]}, "'hole_share' expects two numbers"),
        ({'hole_share': [[0, 0.2], [0.4, 0.2]]}, "'hole_share' expects two numbers"),
        ({'hole_share': []}, "'hole_share' expects two numbers"),
        ({'mask_cache': -1}, "'mask_cache' expects a number of at least 0, got -1"),
        ({'crop_scale': [0, 1]}, "'crop_scale' expects shares above 0, got [0.0, 1.0]"),
        ({'native_prob': 1.5}, "'native_prob' expects a number from 0 to 1, got 1.5"),
        (
            {'gt_size': 64, 'native_size': [32, 65]},
            "'native_size' expects a number or two rising numbers, from 16 to 64",
        ),
        ({'masks': {'free_form': -1, 'random_walk': 2}}, "'masks' expects weights of at least 0, one of them above 0"),
        ({'corruptions': {'noise': 0}}, "'corruptions' expects weights of at least 0, one of them above 0"),
        ({'corruptions': 'noise'}, "'corruptions' expects kinds with weights"),
        ({'masks': {'folder': 1}}, "'masks' gives a weight to 'folder', but 'dataroot_mask' is missing"),
        ({'masks': {'free_form': 1}, 'dataroot_mask': 'm'}, "'dataroot_mask' is given, but 'masks' gives no weight"),
        ({'gt_size': 15}, "'gt_size' expects a whole number of at least 16, got 15"),
        ({'gt_size': 64.0}, "'gt_size' expects a whole number of at least 16, got 64.0"),
        ({'blur_sigma': -1}, "'blur_sigma' expects a number or two rising numbers, from 0 to 100, got -1"),
        ({'use_hflip': 1}, "'use_hflip' expects true or false, got 1"),
        ({'mask_inverted': 'no'}, "'mask_inverted' expects true or false, got 'no'"),
        ({'max_samples': 0}, "'max_samples' expects a whole number of at least 1, got 0"),
        ({'seed': -1}, "'seed' expects a whole number of at least 0, got -1"),
        ({'batch_size_per_gpu': 0}, "'batch_size_per_gpu' expects a whole number of at least 1, got 0"),
        ({'dataset_enlarge_ratio': 1.5}, "'dataset_enlarge_ratio' expects a whole number from 1 on, got 1.5"),
        ({'io_backend': {'type': 'lmdb'}}, "has to end with '.lmdb', but a does not"),
        ({'io_backend': {'type': 'memcached'}}, "'io_backend' expects {type: disk} or {type: lmdb}"),
    ],
)
def test_wrong_options_are_refused(change: Options, message: str) -> None:
    with pytest.raises(ValueError) as caught:  # noqa: PT011  (the text is compared below, without regular expressions)
        read_options({**BASE, **change})
    assert message in str(caught.value)
    assert 'Faces' in str(caught.value)


def test_null_stands_for_the_default_and_a_number_for_a_range() -> None:
    options = read_options({**BASE, 'hole_share': None, 'blur_sigma': None, 'seed': None})
    assert (options.hole_shares, options.blur_sigma, options.seed) == (((0.1, 0.5),), (3.0, 3.0), 0)
    assert read_options({**BASE, 'hole_share': 0.3}).hole_shares == ((0.3, 0.3),)
    assert read_options({**BASE, 'masks': {'lines': 1}, 'blur_sigma': 0}).masks == {'lines': 1.0}


def test_gt_size_is_required() -> None:
    with pytest.raises(ValueError, match="'gt_size' is missing: side of a sample in pixels"):
        read_options({key: value for key, value in BASE.items() if key != 'gt_size'})


def test_lmdb_backend_with_lmdb_roots() -> None:
    opt = {**BASE, 'dataroot_gt': 'x/a.lmdb/', 'dataroot_noise': 'b.lmdb', 'io_backend': {'type': 'lmdb'}}
    assert read_options(opt).gt_roots == ('x/a.lmdb/',)


def test_check_keys() -> None:
    check_keys({'a': 1}, ['a', 'b'], 'here')
    with pytest.raises(ValueError, match=r"here: unknown option 'temprature'\. Did you mean 'temperature'\?"):
        check_keys({'temprature': 1}, ['dim', 'temperature'], 'here')
    with pytest.raises(ValueError, match=r"here: unknown option 'zzz'\. Known keys: dim, temperature\."):
        check_keys({'zzz': 1}, {'temperature', 'dim'}, 'here')
