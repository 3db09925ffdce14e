"""Parts of the page without a Gradio component: each has a template, a script and its inputs."""

from __future__ import annotations

from collections.abc import Sequence
from importlib import resources

import gradio as gr

from hcl_arch.commands.app import display
from hcl_arch.commands.app.examples import Example
from hcl_arch.commands.app.limits import Limits

# For the browser's dialogue only; the content of a file decides.
ENDINGS = '.png,.jpg,.jpeg,.webp,.tif,.tiff,.bmp,.gif'
_DROP = """
<label class="hcl-drop">
  <input type="file" {multiple} accept="{endings}" aria-label="{label}" aria-describedby="{identifier}">
  <strong>{label}</strong>
  <span id="{identifier}">PNG, JPEG, WebP, TIFF, BMP or GIF, {bounds}.</span>
</label>
<div class="hcl-drop-note" role="alert"></div>
"""
_EDITOR = """
<div class="hcl-tools">
  <fieldset><legend>Show</legend>
    <label><input type="radio" name="hcl-view" value="mask" checked> Mask</label>
    <label><input type="radio" name="hcl-view" value="map"> Confidence</label>
    <label><input type="radio" name="hcl-view" value="photo"> Photograph only</label>
  </fieldset>
  <fieldset><legend>Brush</legend>
    <label><input type="radio" name="hcl-brush" value="off" checked> Off</label>
    <label><input type="radio" name="hcl-brush" value="add"> Add to mask</label>
    <label><input type="radio" name="hcl-brush" value="erase"> Erase from mask</label>
  </fieldset>
  <fieldset><legend>Brush size</legend>
    <input class="hcl-size" type="range" min="1" max="20" step="0.5" value="4" aria-label="Brush size">
    <button type="button" class="hcl-undo" disabled>Undo</button>
    <button type="button" class="hcl-clear" disabled>Remove all strokes</button>
  </fieldset>
</div>
<canvas role="img" aria-label="The photograph" width="16" height="9"></canvas>
<p class="hcl-legend"><span class="hcl-share" aria-live="polite"></span>
<span class="hcl-key"><i class="hcl-swatch"></i>marked as corrupted
<i class="hcl-scale"></i>confidence: yellow = corrupted, dark blue = sound</span></p>
"""
_COMPARE = """
<figure class="hcl-compare">
  <div class="hcl-pair"><img class="hcl-after" alt="After: the repaired photograph"
  ><img class="hcl-before" alt="Before: the photograph as it came"><i class="hcl-edge"></i>
  <b class="hcl-tag hcl-left">Before</b><b class="hcl-tag hcl-right">After</b></div>
  <input type="range" min="0" max="100" value="50" aria-label="Compare: before on the left, after on the right">
</figure>
"""
_STATUS = '<div class="hcl-status" role="status" aria-live="polite">${value}</div>'


def drop_area(limits: Limits, *, several: bool, label: str, name: str = '') -> gr.HTML:
    """The drop area for files; its event 'brought' has {'files': [{'name', 'token' or 'error'}, ...]}.

    Args:
        limits: what is accepted.
        several: whether it takes several files at a time.
        label: what it is called.
        name: tells it from other ones on the page that take as many files.
    """
    bounds = f'up to {limits.megapixels:g} megapixels' + (f' each, at most {limits.files} files' if several else '')
    template = _DROP.format(
        multiple='multiple' if several else '',
        endings=ENDINGS,
        label=label,
        bounds=bounds,
        identifier=f'hcl-bounds-{name or ("several" if several else "one")}',
    ).strip()
    return gr.HTML(
        html_template=template,
        js_on_load=read_text('drop.js'),
        apply_default_css=False,
        max_bytes=limits.file_bytes,
        max_files=limits.files if several else 1,
    )


def editor() -> gr.HTML:
    """The photograph with mask and brush; its event 'painted' has {'strokes': [...]}, see `editor.js`."""
    return gr.HTML(
        html_template=_EDITOR.strip(), js_on_load=read_text('editor.js'), apply_default_css=False, elem_id='hcl-editor'
    )


def compare() -> gr.HTML:
    """Before and after with a slider; value: {'before': URL, 'after': URL}."""
    return gr.HTML(
        html_template=_COMPARE.strip(),
        js_on_load=read_text('compare.js'),
        apply_default_css=False,
        elem_id='hcl-compare',
    )


def status(identifier: str) -> gr.HTML:
    """A status line, which screen readers read out. Its value is HTML."""
    return gr.HTML(value='', html_template=_STATUS, js_on_load=None, apply_default_css=False, elem_id=identifier)


def plain(identifier: str) -> gr.HTML:
    """A place for HTML from the server."""
    return gr.HTML(value='', js_on_load=None, apply_default_css=False, elem_id=identifier)


def example_list(examples: Sequence[Example]) -> gr.HTML:
    """Examples as buttons with pictures; its event 'picked' has {'index': int}."""
    buttons = ''.join(
        f'<button type="button"><img alt="" src="{display.data_url(display.jpeg(example.pixels, 240), "jpeg")}">'
        f'<span>{example.name}</span></button>'
        for example in examples
    )
    return gr.HTML(
        html_template=f'<p>Or try an example:</p><div class="hcl-examples">{buttons}</div>',
        js_on_load=read_text('examples.js'),
        apply_default_css=False,
        elem_id='hcl-examples',
    )


def read_text(name: str) -> str:
    """Return a script or style sheet of this package."""
    return (resources.files('hcl_arch.commands.app') / name).read_text('utf-8')
