"""Small files by the names that the documentation uses, made in the working directory."""

from __future__ import annotations

import csv
import functools
import io
import tarfile
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch
import yaml
from basicsr.archs import build_network
from PIL import Image

from hcl_arch.commands.report.paper_tables import read_paper
from hcl_arch.commands.report.runs_file import read_runs_file
from hcl_arch.model_files import save_model
from hcl_arch.model_files.network import without_files
from hcl_arch.model_files.official_names import official_name
from hcl_arch.utils.option_file import read_option_file
from tests.export.test_export import REFINER, TINY, contrasting
from tests.spandrel_files import lama_state, write

NETWORK = {**TINY, 'refiner': REFINER}
INFO = {'description': 'random, for tests', 'detect_side': 64}


# ------------------------------------------------------------------ pictures


def write_image(name: str, *, height: int = 48, width: int = 64, seed: int = 0) -> None:
    """Write a smooth colourful picture."""
    path = Path(name)
    path.parent.mkdir(parents=True, exist_ok=True)
    coarse = np.random.default_rng(seed).integers(0, 256, (4, 5, 3)).astype(np.uint8)
    cv2.imwrite(name, cv2.resize(coarse, (width, height)))


def write_images(names: Iterable[str], **size: int) -> None:
    for seed, name in enumerate(names):
        write_image(name, seed=seed, **size)


def write_mask(name: str, seed: int = 0) -> None:
    """Write a mask of 48 x 64 pixels with a white rectangle."""
    path = Path(name)
    path.parent.mkdir(parents=True, exist_ok=True)
    top, left = np.random.default_rng(seed).integers(0, 24, 2)
    mask = np.zeros((48, 64), np.uint8)
    mask[top : top + 20, left : left + 24] = 255
    cv2.imwrite(name, mask)


def photographs() -> None:
    """All that docs/restore.md repairs."""
    names = ('photo.jpg', 'spoiled.png', 'holiday/a.jpg', 'holiday/beach/b.png', 'scans/one.tif', 'scans/two.tif')
    write_images(names)
    write_mask('mine.png')
    cv2.imwrite('logo.png', np.full((8, 12), 255, np.uint8))
    write_erased()


def write_erased() -> str:
    """Write a picture of which a part is erased, and return its name."""
    pixels = np.full((48, 64, 4), 255, np.uint8)
    pixels[10:20, 10:30, 3] = 0
    cv2.imwrite('erased.png', pixels)
    return 'erased.png'


def write_album() -> None:
    """Write a TIFF of two pages."""
    pages = np.random.default_rng(0).integers(0, 256, (2, 48, 64, 3), np.uint8)
    cv2.imwritemulti('album.tif', list(pages))


# ------------------------------------------------------------------ models


@functools.cache
def network() -> torch.nn.Module:
    """A tiny HCL with random weights that tells regions apart."""
    torch.manual_seed(0)
    return contrasting(NETWORK)


def write_named_model(folder: Path) -> None:
    """Write a model named `small` into a folder of the user's models."""
    folder.mkdir(parents=True, exist_ok=True)
    save_model(folder / 'small.safetensors', NETWORK, network().state_dict(), INFO)


def write_trained_model(name: str = 'train_hcl_places') -> None:
    """Write what `hcl-train -opt options/train_hcl_places.yml` leaves, or another training, with a tiny network."""
    folder = Path('experiments') / name
    (folder / 'models').mkdir(parents=True)
    torch.save({'params': network().state_dict()}, folder / 'models' / 'net_g_latest.pth')
    (folder / f'{name}.yml').write_text(yaml.safe_dump({'name': name, 'network_g': NETWORK}))


def write_parts_of_the_packaged_model() -> None:
    """Write what the trainings of the packaged model leave, with random weights."""
    for file in ('train_hcl_small', 'train/train_restorer_small', 'train/train_repair_small'):
        folder = Path('experiments') / Path(file).name / 'models'
        folder.mkdir(parents=True)
        options = without_files(read_option_file(Path('options') / f'{file}.yml')['network_g'])
        state = build_network(options).state_dict()
        torch.save({'params': state, 'params_ema': state}, folder / 'net_g_latest.pth')


def write_authors_checkpoint() -> None:
    """Write a checkpoint as the authors' program does."""
    from tests.test_convert import NET_OPTIONS, make_checkpoint

    torch.save(make_checkpoint(**NET_OPTIONS), 'official.pt')


def write_official_mprnet() -> None:
    """Weights of a tiny MPRNet as its own program names them."""
    net = build_network({'type': 'MPRNet', 'dim': 4, 'dim_step': 2, 'last_dim_step': 2, 'n_blocks': 1})
    state = {f'module.{official_name("MPRNet", name)}': value for name, value in net.state_dict().items()}
    torch.save({'state_dict': state}, 'model_deraining.pth')


# ------------------------------------------------------------------ published data sets


def places(*, side: int) -> None:
    """Squares for 256 pixels, else photographs with this short side."""
    train, val = ('data_256', 'val_256') if side == 256 else ('data_large', 'val_large')
    names = [name.format(index) for name in (f'{train}/a/airfield/{{:08d}}.jpg', f'{val}/Places365_val_{{:08d}}.jpg')
             for index in (1, 2)]  # fmt: skip
    write_images(names, height=side, width=side if side == 256 else side + 100)


def imagenet() -> None:
    write_images(f'imagenet/train/n0144076{synset}/n0144076{synset}_1.JPEG' for synset in (4, 5))
    write_images(f'imagenet/val/ILSVRC2012_val_0000000{number}.JPEG' for number in (1, 2))


def imagenet_tars() -> None:
    """The tars as they are downloaded, and the inner ones where the outer one leaves them."""
    content = io.BytesIO()
    with tarfile.open(fileobj=content, mode='w') as synset:
        _add(synset, 'n01440764_1.JPEG', b'an image')
    for folder in ('imagenet/train', 'imagenet/val'):
        Path(folder).mkdir(parents=True, exist_ok=True)
    Path('imagenet/train/n01440764.tar').write_bytes(content.getvalue())
    with tarfile.open('ILSVRC2012_img_train.tar', 'w') as outer:
        _add(outer, 'n01440765.tar', content.getvalue())
    with tarfile.open('ILSVRC2012_img_val.tar', 'w') as outer:
        _add(outer, 'ILSVRC2012_val_00000001.JPEG', b'an image')


def _add(archive: tarfile.TarFile, name: str, content: bytes) -> None:
    member = tarfile.TarInfo(name)
    member.size = len(content)
    archive.addfile(member, io.BytesIO(content))


def faces() -> None:
    """FFHQ, and CelebA-HQ with the lists of CelebA."""
    write_images(f'ffhq/images1024x1024/{number // 1000 * 1000:05d}/{number:05d}.png' for number in (0, 59999, 60000))
    write_images(f'CelebAMask-HQ/CelebA-HQ-img/{number}.jpg' for number in range(3))
    mapping = '\n'.join(f'{number} {number} {number + 1:06d}.jpg' for number in range(3))
    Path('CelebAMask-HQ/CelebA-HQ-to-CelebA-mapping.txt').write_text(f'idx   orig_idx   orig_file\n{mapping}\n')
    Path('celeba').mkdir()
    partition = ''.join(f'{number + 1:06d}.jpg {number}\n' for number in range(3))
    Path('celeba/list_eval_partition.txt').write_text(partition)


def irregular_masks() -> None:
    for folder in ('testing_mask_dataset', 'irregular_mask/testing_mask_dataset'):
        for number in range(12):
            write_mask(f'{folder}/{number:05d}.png', number)


def own_masks() -> None:
    for number in range(12):
        write_mask(f'{Path.home()}/masks/{number}.png', number)


def pairs() -> None:
    """LOGO-30K, ISTD and Raindrop."""
    for split, name in (('train', 'cat'), ('val', 'fox')):
        for kind in ('10kgray', '10khigh', '10kmid'):
            write_image(f'LOGO30K/{kind}/{split}_images/{name}-1.png')
            write_mask(f'LOGO30K/{kind}/{split}_masks/{name}-1.png')
        write_image(f'LOGO30K/natural/{name}.jpg', seed=1)
    for split in ('train', 'test'):
        write_images([f'ISTD_Dataset/{split}/{split}_{part}/1-1.png' for part in 'AC'])
        write_mask(f'ISTD_Dataset/{split}/{split}_B/1-1.png')
    for split, extension in (('train', 'png'), ('test_a', 'png'), ('test_b', 'jpg')):
        write_image(f'raindrop_data/{split}/gt/0_clean.{extension}')
        write_image(f'raindrop_data/{split}/data/0_rain.{extension}', seed=1)


def own_photographs() -> None:
    """Some more in the home folder than 500: so many are kept for validation."""
    folder = Path.home() / 'photos'
    write_image(str(folder / '0.jpg'), height=8, width=8)
    content = (folder / '0.jpg').read_bytes()
    for index in range(1, 503):
        (folder / f'{index}.jpg').write_bytes(content)


def album() -> None:
    """A folder of photographs at home, and one here."""
    for folder in (Path.home() / 'photos', Path('photos')):
        write_images((str(folder / f'{index}.jpg') for index in range(12)), height=96, width=128)


def preview_pictures() -> None:
    """What options/preview_corruptions.yml reads."""
    for folder in ('photos/val', 'photos/train'):
        write_images((f'datasets/{folder}/{index}.png' for index in range(4)), height=96, width=128)
    for index in range(4):
        write_mask(f'datasets/masks/{index}.png', index)
        for folder in ('graffiti', 'logos'):
            picture = np.zeros((32, 48, 4), np.uint8)
            picture[8:24, 8:40] = (200, 40, 50 * index, 255)
            Path(f'datasets/{folder}').mkdir(exist_ok=True)
            Image.fromarray(picture, 'RGBA').save(f'datasets/{folder}/{index}.png')


def everyday_pictures() -> None:
    """Photographs that were set aside, and pictures with masks."""
    write_images((f'datasets/everyday/held/{index}.png' for index in range(2)), height=96, width=128)
    write_image('spoiled/a.jpg')
    write_mask('masks/a.png')


def name_pairs(options: Mapping[str, Any]) -> None:
    """Make empty files for the data sets of pairs that are told by their names, in the folders of an option file."""
    for data_set in options['datasets'].values():
        for role in ('lq', 'gt', 'mask'):
            template = data_set.get(f'{role}_template', '')
            if '{}' in template and '*' not in template:
                folder = Path(data_set[f'dataroot_{role}'])
                folder.mkdir(parents=True, exist_ok=True)
                for index in range(8):
                    (folder / f'{template.format(index)}.png').touch()


# ------------------------------------------------------------------ results of tests


def results_of(runs_file: str) -> None:
    """Write results for every run that a runs file names."""
    for entry in read_runs_file(Path(runs_file), read_paper()):
        for dataset in entry.cells or ('photos',):
            write_results(entry.folder, dataset)


def write_results(folder: Path, dataset: str) -> None:
    """Write the scores of two images, and their means over all and over the bins, as a test does."""
    scores: dict[str, Any] = {'mask_accuracy': 0.9, 'corrupted_iou': 0.5, 'psnr': 30.0}
    images = [{'image': f'im{index}', 'corruption': 'patch', 'hole_share': 0.1, **scores} for index in (0, 1)]
    _write_csv(folder / f'{dataset}.csv', images)
    means = {'images': 2, 'hole_share': 0.1, **scores}
    bins = ('all', '0-20', '20-40', '40-60', '0-30', '30-60')
    _write_csv(folder / f'{dataset}_bins.csv', [{'bin': name, **means} for name in bins])


def _write_csv(path: Path, rows: list[dict[str, Any]]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open('w', newline='') as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)


def write_lama() -> None:
    """Write a file that is recognised as LaMa's."""
    write(lama_state(), Path('big-lama.pt'))
