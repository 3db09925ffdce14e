from __future__ import annotations

import multiprocessing
import pickle
from pathlib import Path
from typing import Any, Callable

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray
from torch.utils.data import DataLoader, Dataset

from hcl_arch.data.storage import lmdb_reader
from hcl_arch.data.storage.image_source import ImageSource


def test_folder_is_searched_sorted_and_filtered(make_folder: Callable[..., Path]) -> None:
    folder = make_folder('a', 2)
    (folder / 'sub').mkdir()
    image = np.zeros((5, 7, 3), np.uint8)
    cv2.imwrite(str(folder / 'sub' / 'x.JPG'), image)
    (folder / '._000.png').write_bytes(b'a Mac was here')
    (folder / 'notes.txt').write_text('no image')
    source = ImageSource(str(folder))
    assert [source.path_of(index) for index in range(len(source))] == [
        str(folder / name) for name in ('000.png', '001.png', 'sub/x.JPG')
    ]
    assert source.read_rgb(2).shape == (5, 7, 3)


def test_channel_order_and_several_roots(tmp_path: Path) -> None:
    for name, bgr in (('a', (0, 0, 255)), ('b', (255, 0, 0))):
        (tmp_path / name).mkdir()
        cv2.imwrite(str(tmp_path / name / 'x.png'), np.full((4, 6, 3), bgr, np.uint8))
    source = ImageSource([str(tmp_path / 'a'), str(tmp_path / 'b')])
    assert len(source) == 2
    assert source.path_of(1) == str(tmp_path / 'b' / 'x.png')
    assert source.read_rgb(0)[0, 0].tolist() == [255, 0, 0]
    assert source.read_rgb(1)[0, 0].tolist() == [0, 0, 255]
    with pytest.raises(IndexError, match='image 2 of 2'):
        source.path_of(2)


@pytest.mark.parametrize(
    'array',
    [
        np.full((4, 5), 100, np.uint8),
        np.full((4, 5), 100 * 257, np.uint16),
        np.full((4, 5, 3), 100 * 257, np.uint16),
        np.full((4, 5, 4), 100, np.uint8),
    ],
)
def test_other_pixel_formats_become_8_bit_rgb(tmp_path: Path, array: NDArray[Any]) -> None:
    cv2.imwrite(str(tmp_path / 'x.png'), array)
    source = ImageSource(str(tmp_path))
    image = source.read_rgb(0)
    assert image.dtype == np.uint8
    assert image.shape == (4, 5, 3)
    assert (image == 100).all()


def test_lmdb_gives_the_same_images(make_folder: Callable[..., Path], to_lmdb: Callable[[Path], Path]) -> None:
    folder = make_folder('photos', 3)
    target = to_lmdb(folder)
    files, entries = ImageSource(str(folder)), ImageSource(str(target))
    assert len(entries) == 3
    assert entries.path_of(1) == f'{target}/001'
    for index in range(3):
        assert np.array_equal(files.read_rgb(index), entries.read_rgb(index))
        assert np.array_equal(files.read_mask(index), entries.read_mask(index))


def test_lmdb_is_listed_without_being_opened(make_folder: Callable[..., Path], to_lmdb: Callable[[Path], Path]) -> None:
    target = to_lmdb(make_folder('photos', 2))
    lmdb_reader.close_lmdb_environments()
    source = ImageSource(str(target))
    assert lmdb_reader._clients == {}
    source.read_rgb(0)
    assert list(lmdb_reader._clients) == [str(target.resolve())]


def test_two_sources_share_one_lmdb_and_can_be_pickled(
    make_folder: Callable[..., Path], to_lmdb: Callable[[Path], Path]
) -> None:
    target = str(to_lmdb(make_folder('photos', 2)))
    first, second = ImageSource(target), ImageSource(target + '/')
    copy: Any = None
    for source in (first, second):
        source.read_rgb(0)
        copy = pickle.loads(pickle.dumps(source))
    assert np.array_equal(copy.read_rgb(1), first.read_rgb(1))


class Means(Dataset[float]):
    """A minimal data set on a source."""

    def __init__(self, source: ImageSource) -> None:
        self.source = source

    def __len__(self) -> int:
        return len(self.source)

    def __getitem__(self, index: int) -> float:
        return float(self.source.read_rgb(index).mean())


def count_open_environments() -> int:
    return len(lmdb_reader._clients)


def test_environments_are_closed_before_a_fork(
    make_folder: Callable[..., Path], to_lmdb: Callable[[Path], Path]
) -> None:
    """LMDB forbids to use an environment on both sides of a fork."""
    source = ImageSource(str(to_lmdb(make_folder('photos', 1))))
    source.read_rgb(0)
    assert count_open_environments() > 0
    with multiprocessing.get_context('fork').Pool(1) as pool:
        assert pool.apply(count_open_environments) == 0
    assert count_open_environments() == 0
    source.read_rgb(0)


def test_lmdb_open_in_parent_is_read_by_forked_workers(
    make_folder: Callable[..., Path], to_lmdb: Callable[[Path], Path]
) -> None:
    source = ImageSource(str(to_lmdb(make_folder('photos', 4))))
    expected = [Means(source)[index] for index in range(4)]
    for _ in range(2):  # the parent reads between the two, so its environment is open at both forks
        loader = DataLoader(Means(source), batch_size=None, num_workers=2, multiprocessing_context='fork')
        assert [float(value) for value in loader] == expected
        assert Means(source)[2] == expected[2]


def test_identity_sees_through_links(make_folder: Callable[..., Path], tmp_path: Path) -> None:
    folder = make_folder('a', 2)
    (tmp_path / 'links').mkdir()
    (tmp_path / 'links' / 'other_name.png').symlink_to(folder / '001.png')
    source, links = ImageSource(str(folder)), ImageSource(str(tmp_path / 'links'))
    assert links.identity_of(0) == source.identity_of(1) != source.identity_of(0)


def test_missing_folder(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r'nowhere: expected a folder of images or an LMDB folder.*nothing'):
        ImageSource(str(tmp_path / 'nowhere'))
    (tmp_path / 'x.png').write_bytes(b'')
    with pytest.raises(FileNotFoundError, match=r'x\.png: expected a folder.*found a file'):
        ImageSource(str(tmp_path / 'x.png'))


def test_no_roots() -> None:
    with pytest.raises(ValueError, match='at least one folder'):
        ImageSource([])


def test_folder_without_images(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r'expected images \(\.bmp.*found none.*fill the folder'):
        ImageSource(str(tmp_path))


@pytest.mark.parametrize('name', ['meta_info.txt', 'data.mdb'])
def test_incomplete_lmdb(make_folder: Callable[..., Path], to_lmdb: Callable[[Path], Path], name: str) -> None:
    target = to_lmdb(make_folder('photos', 1))
    (target / name).unlink()
    with pytest.raises(FileNotFoundError, match=rf'photos\.lmdb: expected the file {name}.*Build the LMDB again'):
        ImageSource(str(target))


@pytest.mark.parametrize(
    ('text', 'message'),
    [('\n', 'a line for each image, found none'), ('000\n', r"form 'name\.png \(h,w,c\) 1', found '000'")],
)
def test_damaged_meta_info(
    make_folder: Callable[..., Path], to_lmdb: Callable[[Path], Path], text: str, message: str
) -> None:
    target = to_lmdb(make_folder('photos', 1))
    (target / 'meta_info.txt').write_text(text)
    with pytest.raises(ValueError, match=message):
        ImageSource(str(target))


def test_keys_with_folders_dots_and_spaces(make_folder: Callable[..., Path], to_lmdb: Callable[[Path], Path]) -> None:
    target = to_lmdb(make_folder('photos', 1))
    (target / 'meta_info.txt').write_text('sub/a.b c.png (40,48,3) 1\n')
    assert ImageSource(str(target)).path_of(0) == f'{target}/sub/a.b c'


def test_missing_lmdb_key(make_folder: Callable[..., Path], to_lmdb: Callable[[Path], Path]) -> None:
    target = to_lmdb(make_folder('photos', 1))
    with (target / 'meta_info.txt').open('a') as file:
        file.write('lost.png (40,48,3) 1\n')
    with pytest.raises(OSError, match=r'photos\.lmdb/lost: meta_info\.txt names this key, but the LMDB lacks it'):
        ImageSource(str(target)).read_rgb(1)


@pytest.mark.parametrize('content', [b'', b'this is no image'])
def test_damaged_image(tmp_path: Path, content: bytes) -> None:
    (tmp_path / 'x.jpg').write_bytes(content)
    with pytest.raises(OSError, match=rf'x\.jpg: expected an image, found {len(content)} bytes.*Replace or remove'):
        ImageSource(str(tmp_path)).read_rgb(0)


def test_vanished_image(make_folder: Callable[..., Path]) -> None:
    folder = make_folder('a', 1)
    source = ImageSource(str(folder))
    (folder / '000.png').unlink()
    with pytest.raises(OSError, match=r'000\.png: the file cannot be opened'):
        source.read_rgb(0)
