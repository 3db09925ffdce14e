"""A script by which bash completes the options of commands and the values that an option offers."""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Mapping

_SCRIPT = """\
_hcl_complete() {{
    local name="${{1##*/}}" word="${{COMP_WORDS[COMP_CWORD]}}" before="${{COMP_WORDS[COMP_CWORD-1]}}" last= i words=
    for ((i = 1; i < COMP_CWORD; i++)); do
        case "${{COMP_WORDS[i]}}" in -?*) last="${{COMP_WORDS[i]}}" ;; esac
    done
    case "$name $before" in
{values}
    esac
    [ -n "$words" ] || case "$name $last" in
{lists}
    esac
    case "$word" in -*) case "$name" in
{options}
    esac ;; esac
    COMPREPLY=($(compgen -W "$words" -- "$word"))
}}
complete -o default -F _hcl_complete {names}"""


def completion_script(parsers: Mapping[str, argparse.ArgumentParser]) -> str:
    """Return the script.

    Args:
        parsers: those of the commands, by their names. What is neither an option nor one of its choices is completed as
            a file.
    """
    values, lists, options = [], [], []
    for name, parser in parsers.items():
        actions = [action for action in parser._actions if action.option_strings and action.help != argparse.SUPPRESS]
        options.append(_case([name], [option for action in actions for option in action.option_strings]))
        for action in actions:
            if action.choices:
                case = _case([f'{name} {option}' for option in action.option_strings], map(str, action.choices))
                values.append(case)
                lists += [case] if action.nargs == '+' else []
    return _SCRIPT.format(
        values='\n'.join(values), lists='\n'.join(lists), options='\n'.join(options), names=' '.join(parsers)
    )


def _case(patterns: list[str], words: Iterator[str] | list[str]) -> str:
    return f'        {"|".join(map(_quoted, patterns))}) words="{" ".join(words)}" ;;'


def _quoted(pattern: str) -> str:
    return f'"{pattern}"'
