"""The page: its tabs, its style and its Gradio settings."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import gradio as gr

from hcl_arch.commands.app.examples import Example
from hcl_arch.commands.app.fragments import read_text
from hcl_arch.commands.app.kept import Kept
from hcl_arch.commands.app.several_tab import SeveralTab
from hcl_arch.commands.app.single_tab import SingleTab
from hcl_arch.restoration.restorer import Restorer

TITLE = 'Repair a photograph'
# Largest number of waiting requests, over all visitors.
MOST_WAITING = 24
_INTRODUCTION = """
<header class="hcl-header"><h1>Repair a photograph</h1>
<p>Finds what spoils a photograph, such as graffiti, text, watermarks or pasted parts, marks it and paints it over.
You need not draw a mask, but you can correct the one that is found. Nothing leaves the
computer that runs this page.</p></header>
"""


def build_page(
    restorer: Restorer, kept: Kept, *, examples: Sequence[Example] = (), threshold: float = 0.5
) -> gr.Blocks:
    """Return the page.

    Args:
        restorer: finds and repairs.
        kept: keeps what visitors bring.
        examples: shown to choose from.
        threshold: where its sliders start, in [0, 1].
    """
    with gr.Blocks(title=TITLE, analytics_enabled=False) as page:
        gr.HTML(_INTRODUCTION.strip(), js_on_load=None, apply_default_css=False)
        with gr.Tabs():
            with gr.Tab('One photograph'):
                SingleTab(restorer, kept, examples, threshold=threshold)
            with gr.Tab('Several'):
                SeveralTab(restorer, kept, threshold=threshold)
    page.queue(max_size=MOST_WAITING, default_concurrency_limit=2, api_open=False)
    return page


def mount_options() -> dict[str, Any]:
    """Return options of `gr.mount_gradio_app`: no foreign fonts, no links away, nothing recorded, no file served."""
    fonts = [gr.themes.Font('system-ui'), gr.themes.Font('sans-serif')]
    theme = gr.themes.Base(
        primary_hue='teal',
        neutral_hue='slate',
        font=fonts,
        font_mono=[gr.themes.Font('ui-monospace'), gr.themes.Font('monospace')],
    ).set(
        # Darker than Gradio's own, for a contrast of 4.5 : 1.
        body_text_color_subdued='*neutral_600',
        body_text_color_subdued_dark='*neutral_300',
        block_info_text_color='*neutral_600',
        block_info_text_color_dark='*neutral_300',
        block_label_text_color='*neutral_700',
        block_title_text_color='*neutral_700',
        color_accent='*primary_700',
        color_accent_soft='*primary_50',
        slider_color='*primary_700',
        button_primary_background_fill='*primary_700',
        button_primary_background_fill_hover='*primary_800',
        button_primary_background_fill_dark='*primary_700',
        button_primary_text_color='white',
        checkbox_background_color_selected='*primary_700',
        checkbox_border_color='*neutral_500',
    )
    # Without its own documentation, which the guard would refuse anyway.
    app_options = {'docs_url': None, 'redoc_url': None, 'openapi_url': None}
    return {
        'theme': theme,
        'css': read_text('page.css'),
        'footer_links': [],
        'run_history': False,
        'show_error': False,
        'ssr_mode': False,
        'mcp_server': False,
        'enable_monitoring': False,
        'pwa': False,
        'allowed_paths': [],
        'blocked_paths': ['/'],
        'max_file_size': 1,
        'app_kwargs': app_options,
    }
