"""``fastgen completion``: scripts that complete commands and options in bash, zsh and fish.

A script holds all words itself, from the parser, so completing starts no Python.
"""

from __future__ import annotations

import argparse
import shlex
from collections.abc import Iterator
from typing import NamedTuple

from fastgen._ops import OPS
from fastgen.cli import FAMILIES
from fastgen.cli.arguments import parser


class Option(NamedTuple):
    """An option of a command.

    Attributes
    ----------
    name : str
        The option, such as "--dtype".
    help : str
        What it does.
    takes : str or None
        What its value is: "words", "file", or None where it takes none.
    words : tuple of str
        The values, where these are words.
    """

    name: str
    help: str
    takes: str | None
    words: tuple[str, ...]


class Command(NamedTuple):
    """A command: its name, what it does, its options, and the words that it takes itself."""

    name: str
    help: str
    options: tuple[Option, ...]
    words: tuple[str, ...]


def run(args: argparse.Namespace) -> int:
    """Print the script of one shell."""
    print({"bash": bash, "zsh": zsh, "fish": fish}[args.shell](commands()), end="")
    return 0


def commands() -> list[Command]:
    """Return the commands of the parser; the first has no name: it is `fastgen` itself."""
    whole = parser()
    below = next(a for a in whole._actions if isinstance(a, argparse._SubParsersAction))
    helps = {action.dest: action.help or "" for action in below._choices_actions}
    found = [Command("", "", tuple(_options(whole)), tuple(below.choices))]
    for name, command in below.choices.items():
        words = [action.choices for action in command._actions if not action.option_strings]
        its = tuple(map(str, words[0] or ())) if words else ()
        found.append(Command(name, helps[name], tuple(_options(command)), its))
    return found


def _options(of: argparse.ArgumentParser) -> Iterator[Option]:
    for action in of._actions:
        if not action.option_strings or isinstance(action, argparse._SubParsersAction):
            continue
        name, text = action.option_strings[-1], (action.help or "").replace("%%", "%")
        if action.choices is not None:
            yield Option(name, text, "words", tuple(map(str, action.choices)))
        elif name == "--only":
            yield Option(name, text, "words", (*[f"{family}." for family in FAMILIES], *OPS))
        else:
            yield Option(name, text, None if action.nargs == 0 else "file", ())


def bash(commands: list[Command]) -> str:
    """Return the script of bash. Where it finds no word, bash completes the name of a file."""
    first, *others = commands
    lines = [
        "_fastgen() {",
        '    local word=${COMP_WORDS[COMP_CWORD]} before="" command="" words=""',
        '    [ "$COMP_CWORD" -gt 0 ] && before=${COMP_WORDS[COMP_CWORD-1]}',
        "    # --option=value is three words for bash.",
        '    if [ "$before" = "=" ]; then',
        "        before=${COMP_WORDS[COMP_CWORD-2]}",
        '    elif [ "$word" = "=" ]; then',
        '        word=""',
        "    fi",
        '    [ "$COMP_CWORD" -gt 1 ] && command=${COMP_WORDS[1]}',
        "    COMPREPLY=()",
        '    case "$command $before" in',
    ]
    for command in others:
        for option in command.options:
            if option.takes:
                lines.append(f'        "{command.name} {option.name}")')
                words = " ".join(option.words)
                lines.append(
                    f'            words="{words}" ;;' if words else "            return ;;"
                )
    lines += ["        *)", '            case "$command" in']
    for command in (*others, first):
        its = " ".join([*command.words, *(option.name for option in command.options)])
        pattern = command.name or '""'
        lines.append(f'                {pattern}) words="{its}" ;;')
    lines += [
        "            esac ;;",
        "    esac",
        '    COMPREPLY=($(compgen -W "$words" -- "$word"))',
        "}",
        "complete -o default -F _fastgen fastgen",
    ]
    return "\n".join(lines) + "\n"


def zsh(commands: list[Command]) -> str:
    """Return the script of zsh: for `eval`, and for a file `_fastgen` in a folder of `fpath`."""
    first, *others = commands
    described = " ".join(shlex.quote(f"{c.name}:{c.help}") for c in others)
    lines = [
        "#compdef fastgen",
        "_fastgen() {",
        "    local state line",
        "    local -a commands",
        f"    commands=({described})",
        "    _arguments -C " + " ".join(map(_of_zsh, first.options)) + " \\",
        "        '1:command:->command' '*::argument:->rest'",
        "    case $state in",
        "        command) _describe command commands ;;",
        "        rest)",
        "            case $words[1] in",
    ]
    for command in others:
        parts = [_of_zsh(option) for option in command.options]
        if command.words:
            parts.append(shlex.quote(f"1:word:({' '.join(command.words)})"))
        lines.append(f"                {command.name}) _arguments {' '.join(parts)} ;;")
    lines += [
        "            esac ;;",
        "    esac",
        "}",
        'if [ "$funcstack[1]" = "_fastgen" ]; then',
        '    _fastgen "$@"',
        "else",
        "    compdef _fastgen fastgen",
        "fi",
    ]
    return "\n".join(lines) + "\n"


def _of_zsh(option: Option) -> str:
    text = option.help.replace("[", "(").replace("]", ")").replace(":", r"\:")
    value = {None: "", "file": ":file:_files", "words": f":value:({' '.join(option.words)})"}
    return shlex.quote(f"{option.name}[{text}]{value[option.takes]}")


def fish(commands: list[Command]) -> str:
    """Return the script of fish."""
    first, *others = commands
    lines = ["complete -c fastgen -f"]
    lines += [_of_fish("__fish_use_subcommand", option) for option in first.options]
    for command in others:
        lines.append(
            f"complete -c fastgen -n __fish_use_subcommand -a {command.name}"
            f" -d {shlex.quote(command.help)}"
        )
        condition = f"'__fish_seen_subcommand_from {command.name}'"
        if command.words:
            lines.append(f"complete -c fastgen -n {condition} -a '{' '.join(command.words)}'")
        lines += [_of_fish(condition, option) for option in command.options]
    return "\n".join(lines) + "\n"


def _of_fish(condition: str, option: Option) -> str:
    value = {None: "", "file": " -r -F", "words": f" -x -a '{' '.join(option.words)}'"}
    text = option.help.replace("\\", "\\\\").replace("'", "\\'")
    name = option.name.removeprefix("--")
    return f"complete -c fastgen -n {condition} -l {name} -d '{text}'{value[option.takes]}"
