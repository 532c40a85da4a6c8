"""`fastgen completion`: what the shells are told, and what bash makes of it."""

import shutil
import subprocess

import pytest

from fastgen import _ops
from fastgen.__main__ import main
from fastgen.cli import completion

BASH = shutil.which("bash")


def script(shell, capsys):
    assert main(["completion", shell]) == 0
    return capsys.readouterr().out


@pytest.mark.skipif(BASH is None, reason="there is no bash here")
@pytest.mark.parametrize(
    ("line", "words"),
    [
        (["fastgen", ""], {"info", "bench", "check", "completion", "--help", "--version"}),
        (["fastgen", "in"], {"info"}),
        (["fastgen", "check", "--f"], {"--full"}),
        (["fastgen", "check", "--only", "vae.kl_l"], {"vae.kl_laplace"}),
        (["fastgen", "bench", "--dtype", "float"], {"float16", "float32", "float64"}),
        (["fastgen", "bench", "--dtype", "=", "b"], {"bfloat16"}),
        (["fastgen", "bench", "--dtype", "="], {"float16", "bfloat16", "float32", "float64"}),
        (["fastgen", "bench", "--json", ""], set()),  # bash completes the name of a file
        (["fastgen", "info", "--json", "--f"], {"--functions"}),
        (["fastgen", "completion", "z"], {"zsh"}),
        (["fastgen", "no_such", ""], set()),
    ],
)
def test_bash(line, words, capsys):
    text = " ".join(f"'{word}'" for word in line)
    code = f"COMP_WORDS=({text}); COMP_CWORD={len(line) - 1}; _fastgen; echo ${{COMPREPLY[@]}}"
    shown = subprocess.run(
        [BASH, "-euc", script("bash", capsys) + code], capture_output=True, text=True, timeout=60
    )
    assert shown.stderr == "" and set(shown.stdout.split()) == words


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_every_command_and_option_is_there(shell, capsys):
    text = script(shell, capsys)
    for command in completion.commands()[1:]:
        assert command.name in text
        for option in command.options:
            name = option.name.removeprefix("--") if shell == "fish" else option.name
            assert name in text and all(word in text for word in option.words)
    assert all(name in text for name in _ops.OPS)
    if shutil.which(shell):
        subprocess.run([shell, "-n"], input=text, text=True, check=True, timeout=60)


def test_an_unknown_shell(capsys):
    with pytest.raises(SystemExit) as stopped:
        main(["completion", "cmd"])
    assert stopped.value.code == 2
    assert "invalid choice: 'cmd'" in capsys.readouterr().err
