"""Run the cells of restore.ipynb in order and store in it what they print and draw.

    python docs/execute_notebook.py

Needs matplotlib, and for the last cell the extra `export`; the pictures are small JPEGs, so that the file stays small.
"""

from __future__ import annotations

import ast
import base64
import contextlib
import io
import json
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import matplotlib

matplotlib.use('Agg')
import matplotlib.pyplot as plt  # noqa: E402  (after the choice of the backend, which opens no window)

NOTEBOOK = Path(__file__).resolve().parent / 'restore.ipynb'
_DPI, _QUALITY = 80, 70


def main() -> None:
    """Run all cells in an empty folder and write the notebook."""
    notebook = json.loads(NOTEBOOK.read_text('utf-8'))
    names: dict[str, Any] = {'__name__': '__main__'}
    cells = [cell for cell in notebook['cells'] if cell['cell_type'] == 'code']
    with _empty_folder():
        for number, cell in enumerate(cells, 1):
            cell.update(execution_count=number, outputs=outputs_of(''.join(cell['source']), names))
    NOTEBOOK.write_text(json.dumps(notebook, indent=1, ensure_ascii=False) + '\n', 'utf-8')
    print(f'{NOTEBOOK}: {len(cells)} cells run, {NOTEBOOK.stat().st_size / 2**10:.0f} KiB')


def outputs_of(code: str, names: dict[str, Any]) -> list[dict[str, Any]]:
    """Run a cell among the names of those before it; return its outputs in the notebook's form."""
    outputs: list[dict[str, Any]] = []
    text = io.StringIO()

    def show() -> None:
        outputs.append({'output_type': 'display_data', 'data': _picture(), 'metadata': {}})

    plt.show, shown = show, plt.show
    try:
        with contextlib.redirect_stdout(text):
            exec(compile(ast.parse(code), str(NOTEBOOK), 'exec'), names)
    finally:
        plt.show = shown
    lines = text.getvalue().splitlines(keepends=True)
    return [{'output_type': 'stream', 'name': 'stdout', 'text': lines}, *outputs] if lines else outputs


def _picture() -> dict[str, Any]:
    """The current figure, with a text for those who do not see it."""
    figure, content = plt.gcf(), io.BytesIO()
    figure.savefig(content, format='jpeg', dpi=_DPI, pil_kwargs={'quality': _QUALITY, 'optimize': True})
    titles = ', '.join(axis.get_title() for axis in figure.axes)
    return {'image/jpeg': base64.b64encode(content.getvalue()).decode(), 'text/plain': [f'Pictures: {titles}']}


@contextlib.contextmanager
def _empty_folder() -> Iterator[None]:
    before = os.getcwd()
    with tempfile.TemporaryDirectory() as folder:
        os.chdir(folder)
        try:
            yield
        finally:
            os.chdir(before)


if __name__ == '__main__':
    main()
