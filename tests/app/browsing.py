"""What a visitor of the page does and sees, for Playwright's pages."""

from __future__ import annotations

import io
import re
import zipfile

import cv2
import numpy as np

SHARE = '.share'
STATUS, DONE = '#status-one .said', 'Repaired'


def png(pixels: np.ndarray) -> bytes:
    order = pixels if pixels.ndim == 2 else pixels[..., [2, 1, 0, 3][: pixels.shape[2]]]
    return cv2.imencode('.png', order)[1].tobytes()


def photograph(height: int = 240, width: int = 320) -> np.ndarray:
    """A gradient with a magenta square of a tenth of the width, and beside it a paler one."""
    rows, columns = np.mgrid[:height, :width]
    pixels = np.stack([rows * 200 // height, 100 + columns * 100 // width, 40 + 0 * rows], axis=2).astype(np.uint8)
    side = width // 10
    pixels[20 : 20 + side, 20 : 20 + side] = (255, 0, 255)
    pixels[20 : 20 + side, 100 : 100 + side] = (255, 130, 255)  # confidence 0.17
    return pixels


def file(content: bytes, name: str = 'holiday.png') -> dict:
    """A file as a browser is given it."""
    return {'name': name, 'mimeType': 'application/octet-stream', 'buffer': content}


def upload(page, content: bytes, name: str = 'holiday.png') -> None:
    page.set_input_files('#drop-one input', file(content, name))


def share_of(page) -> float:
    return float(re.match(r'([\d.]+) %', page.text_content(SHARE)).group(1))


def wait_for_share(page, test: str) -> float:
    """Wait until the stated share passes a test in JavaScript of `share`; return it."""
    page.wait_for_function(
        f"() => {{ const share = parseFloat(document.querySelector('{SHARE}').textContent); return {test}; }}"
    )
    return share_of(page)


def wait_until_done(page) -> None:
    """Until a repair has ended, or nothing was found; not of one that ended before."""
    page.wait_for_function(
        f"() => ['{DONE}', 'Nothing'].some((start) => document.querySelector('{STATUS}').textContent.startsWith(start))"
    )


def wait_for_status(page, text: str) -> None:
    page.wait_for_function(f"() => document.querySelector('{STATUS}').textContent.includes('{text}')")


def repair(page) -> None:
    """Press the button, and wait for the result."""
    page.click('#repair')
    wait_until_done(page)


def stroke(page, start: tuple[float, float], end: tuple[float, float]) -> None:
    """Draw with the mouse, between points in shares of the view."""
    page.locator('.view').scroll_into_view_if_needed()
    box = page.locator('.view').bounding_box()
    page.mouse.move(box['x'] + start[0] * box['width'], box['y'] + start[1] * box['height'])
    page.mouse.down()
    page.mouse.move(box['x'] + end[0] * box['width'], box['y'] + end[1] * box['height'], steps=5)
    page.mouse.up()


def outline_at(page, x: float, y: float) -> list[int]:
    """Colour and opacity of what is drawn over the photograph at a place in shares of it."""
    return page.evaluate(
        "([x, y]) => { const canvas = document.querySelector('.drawn canvas');"
        " return Array.from(canvas.getContext('2d').getImageData(x * canvas.width, y * canvas.height, 1, 1).data); }",
        [x, y],
    )


def downloaded(page, text: str) -> tuple[str, bytes]:
    """Name and content of the file behind a link."""
    with page.expect_download() as waiting:
        page.click(f'.links >> text={text} >> visible=true')
    with open(waiting.value.path(), 'rb') as content:
        return waiting.value.suggested_filename, content.read()


def download_all(page) -> dict[str, np.ndarray]:
    """Pictures of the ZIP by name, as OpenCV reads them."""
    with zipfile.ZipFile(io.BytesIO(downloaded(page, 'All (ZIP)')[1])) as archive:
        return {
            name: cv2.imdecode(np.frombuffer(archive.read(name), np.uint8), cv2.IMREAD_UNCHANGED)
            for name in archive.namelist()
        }


def in_view(page, selector: str) -> bool:
    """Whether an element lies whole within the window."""
    return page.evaluate(
        '(selector) => { const box = document.querySelector(selector).getBoundingClientRect();'
        ' return box.height > 0 && box.top >= 0 && box.left >= 0 && box.bottom <= innerHeight'
        ' && box.right <= innerWidth; }',
        selector,
    )
