"""`fastgen bench --guard FILE`: it fails where a ratio fell, and nowhere else."""

import json
import re

import pytest

from fastgen.__main__ import main
from fastgen.cli import bench, guards
from fastgen.cli.row import Step

SOME = "expm1_minus"


@pytest.fixture
def stored(quickly, tmp_path, capsys):
    """Return a file of `--json`, and a way to multiply its stored ratios."""
    file = tmp_path / "stored.json"
    assert main(["bench", "--quick", "--only", SOME, "--json", str(file)]) == 0

    def faster(factor):
        found = json.loads(file.read_text())
        for row in found["rows"]:
            row["speed_up"] *= factor
        file.write_text(json.dumps(found))
        capsys.readouterr()
        return str(file)

    return faster


def test_it_passes_where_nothing_fell(stored, capsys):
    assert main(["bench", "--only", SOME, "--guard", stored(0.1)]) == 0
    assert "fell by more" not in capsys.readouterr().out


def test_it_fails_where_a_ratio_fell(stored, monkeypatch, capsys):
    measured = []
    measure = guards.measure
    monkeypatch.setattr(guards, "AGAIN", (0.0, 0.0))
    monkeypatch.setattr(guards, "measure", lambda *a: measured.append(a[0]) or measure(*a))
    assert main(["bench", "--only", SOME, "--guard", stored(1000.0)]) == 1
    text = capsys.readouterr().out
    assert "3 ratios fell by more than 20%" in text
    assert len(measured) == 6, "each is measured again before it counts"


def test_a_row_that_only_seemed_slower_passes(stored, monkeypatch):
    measure = bench.measure

    def disturbed(*arguments):
        row = measure(*arguments)
        row.speed_up /= 1000
        return row

    monkeypatch.setattr(bench, "measure", disturbed)
    assert main(["bench", "--only", SOME, "--guard", stored(0.1)]) == 0


def test_peers_count_too():
    guard = guards.Guard({Step("vae.a", "value", (4,)): {"NumPy": 2.0, "jax.jit": 3.0}})
    assert guard.plan == [Step("vae.a", "value", (4,))]
    assert guards.ratios(2.0, 1.0, {"jax.jit": 2.9}) == {"NumPy": 2.0, "jax.jit": 2.9}


@pytest.mark.parametrize(
    ("content", "options", "message"),
    [
        ("{", [], "is not a file that bench --json has written"),
        ('{"rows": [], "dtype": "float32"}', [], "has no rows of the operations chosen"),
        ('{"rows": [], "dtype": "float64"}', [], "has rows of float64.* add --dtype float64"),
        ('{"rows": [], "dtype": "float32"}', ["--full"], "the file says which rows"),
    ],
)
def test_files_that_it_refuses(content, options, message, tmp_path, capsys):
    file = tmp_path / "stored.json"
    file.write_text(content)
    with pytest.raises(SystemExit) as stopped:
        main(["bench", "--guard", str(file), *options])
    assert stopped.value.code == 2
    assert re.search(message, capsys.readouterr().err)


def test_a_file_that_is_missing(tmp_path, capsys):
    with pytest.raises(SystemExit):
        main(["bench", "--guard", str(tmp_path / "none.json")])
    assert "--guard: can't read" in capsys.readouterr().err
