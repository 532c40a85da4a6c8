"""`fastgen bench`: its rows, wrong results that it must find, and the files that it writes."""

import itertools
import json
import signal
from pathlib import Path

import numpy as np
import pytest
from commands import command

import fastgen
from fastgen import _ops, cases
from fastgen.__main__ import main
from fastgen.cli import bench, compare, files, plan, progress, summary, texts, timing
from fastgen.cli.row import GRADIENT, OUT, VALUE, Row
from fastgen.cli.sizes import sizes

SOME = "expm1_minus"  # selects one operation, to be quick
FULL = Path("/dev/full")
CACHE = 32 << 20


def screen(names):
    return plan.steps(names, "screen", CACHE, np.dtype(np.float32))


def test_bench(tmp_path):
    file, chart = tmp_path / "bench.json", tmp_path / "bench.png"
    pytest.importorskip("matplotlib")
    text, errors = command(
        "bench", "--quick", "--only", SOME, "--json", str(file), "--plot", str(chart)
    )
    assert "\r" not in errors, "a progress bar where there is no terminal"
    assert "slower than NumPy" in text
    assert max(map(len, text.splitlines())) <= 100
    found = json.loads(file.read_text())
    assert found["wrong"] == 0 and not found["interrupted"]
    assert {row["kind"] for row in found["rows"]} == {"value", "value_and_grad"}
    for row in found["rows"]:
        assert SOME in row["operation"]
        assert row["speed_up"] == pytest.approx(row["numpy_seconds"] / row["fastgen_seconds"])
        assert 0 <= row["max_error"] <= row["tolerance"]
    assert chart.read_bytes().startswith(b"\x89PNG")
    assert sorted(tmp_path.iterdir()) == [file, chart]


def test_one_screen_measures_every_function():
    rows = screen(list(_ops.OPS))
    names = list(dict.fromkeys(row.operation for row in rows))
    assert {_ops.public(name)[0] for name in names} == {_ops.public(n)[0] for n in _ops.OPS}
    assert len({_ops.public(name)[0] for name in names}) == len(names)
    for name in names:
        shapes = tuple(row.shape for row in rows if row.operation == name and row.kind != GRADIENT)
        assert shapes == sizes(name, quick=True).value
    families = [name.partition(".")[0] for name in names]
    assert len(list(itertools.groupby(families))) == len(set(families)), "a family is torn apart"
    assert families[0] == "vae"


def test_one_screen_of_few_operations_has_all_their_rows():
    names = [name for name in _ops.OPS if name.startswith("vae.kl_diag")]
    for extent in ("screen", "full"):
        rows = plan.steps(names, extent, CACHE, np.dtype(np.float32))
        assert len(rows) == 16 and {row.operation for row in rows} == set(names)


def test_full_has_every_operation_at_every_size():
    rows = plan.steps(list(_ops.OPS), "full", CACHE, np.dtype(np.float32))
    assert len(set(rows)) == len(rows)
    for name, op in _ops.OPS.items():
        its = [row for row in rows if row.operation == name]
        values = tuple(row.shape for row in its if row.kind in (VALUE, OUT))
        slopes = tuple(row.shape for row in its if row.kind == GRADIENT)
        assert values == sizes(name).value
        assert slopes == (sizes(name).gradient if op.derivative else ())


def test_a_table_of_few_operations(quickly, capsys):
    assert main(["bench", "--only", "vae.kl_l"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert sum(line.startswith("operation") for line in lines) == 1
    assert lines.index("") == len(screen(["vae.kl_laplace"])) + 2


def row(operation, kind, shape, speed_up):
    return Row(
        operation, kind, shape, speed_up, 1.0, speed_up, 1, None, 0, 1, None, False, False, ""
    )


def test_summary_has_means_and_losses(capsys):
    rows = [
        row("vae.kl_laplace", VALUE, (1, 4), 2.0),
        row("vae.gaussian_nll", VALUE, (1, 4), 8.0),
        row("vae.gaussian_nll", OUT, (4096, 512), 0.9),
        row("vae.gaussian_nll", GRADIENT, (4096, 512), 0.5),
        row("elementary.exp", VALUE, (1000,), 3.0),
    ]
    summary.show(rows)
    lines = capsys.readouterr().out.splitlines()
    assert lines[3].split() == ["vae", "2", "4.00x", "0.90x", "0.50x", "0.90x", "8.00x"]
    assert lines[4].split() == ["elementary", "1", "3.00x", "-", "-", "3.00x", "3.00x"]
    assert lines[5].split()[:3] == ["all", "3", f"{48 ** (1 / 3):.2f}x"]
    losses = [line.split()[1] for line in lines if line.endswith(("0.90x", "0.50x"))]
    assert losses == ["value_and_grad", "out"]


def test_one_screen_is_one_screen(quickly, monkeypatch, capsys):
    """Also where the time is over: the rest of the rows is left out."""
    monkeypatch.setattr(bench, "MOST_SECONDS", 0.0)
    made = itertools.cycle((0.5, 2.0))
    monkeypatch.setattr(bench, "measure", lambda step, *_: row(*step, next(made)))
    assert main(["bench"]) == 0
    shown = capsys.readouterr()
    assert "1 of " in shown.out and "interrupted" not in shown.err
    monkeypatch.setattr(bench, "MOST_SECONDS", 1e9)
    assert main(["bench"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) <= 45 and max(map(len, lines)) <= 100
    for family in ("vae", "gan", "flow", "diffusion", "guidance", "elementary"):
        assert sum(line.startswith(f"{family} ") for line in lines) == 1
    count = sum(line.endswith(" 0.50x") and "." in line.split()[0] for line in lines)
    assert count == summary.LOSSES and any(line.startswith("and ") for line in lines)


def test_bench_fails_where_a_result_is_wrong(quickly, monkeypatch, capsys):
    monkeypatch.setattr(cases, "reference", lambda name: lambda x: np.expm1(x) - x + 1e-3)
    assert main(["bench", "--quick", "--only", SOME]) == 1
    text = capsys.readouterr().out
    assert "WRONG" in text
    assert "3 of 3 wrong" in text


def test_bench_fails_where_a_gradient_is_wrong(quickly, monkeypatch, capsys):
    def value_and_grad(function):
        return lambda x: (function(x), (np.expm1(x) * np.float32(1.001),))

    monkeypatch.setattr(fastgen, "value_and_grad", value_and_grad)
    assert main(["bench", "--quick", "--only", SOME]) == 1
    assert "1 of 3 wrong" in capsys.readouterr().out


@pytest.mark.parametrize("dtype", ["float16", "bfloat16", "float64"])
def test_other_types(dtype, quickly, capsys):
    """The table appears for every type, although NumPy's linear algebra refuses float16."""
    pytest.importorskip("ml_dtypes")
    assert main(["bench", "--quick", "--dtype", dtype, "--only", "flow.slogdet"]) == 0
    text = capsys.readouterr().out
    refused = f"NumPy does not take {dtype} in flow.slogdet"
    assert (refused in text) == (dtype == "float16") and dtype in text


@pytest.mark.usefixtures("interrupts", "quickly")
@pytest.mark.parametrize("extent", [[], ["--full"]])
def test_after_an_interrupt_it_prints_what_it_has(extent, monkeypatch, capsys, tmp_path):
    measure, calls = bench.measure, itertools.count(1)

    def interrupted(*arguments):
        if next(calls) == 3:
            signal.raise_signal(signal.SIGINT)
        return measure(*arguments)

    monkeypatch.setattr(bench, "measure", interrupted)
    file = tmp_path / "bench.json"
    assert main(["bench", *extent, "--only", SOME, "--json", str(file)]) == 130
    printed = capsys.readouterr()
    assert f"elementary.{SOME}_x" in printed.out and "0 of 2 wrong" in printed.out
    assert "interrupted after 2 of 6 rows" in printed.err
    found = json.loads(file.read_text())
    assert found["interrupted"] and len(found["rows"]) == 2


@pytest.mark.usefixtures("interrupts", "quickly")
def test_an_interrupt_before_the_first_row(monkeypatch, capsys, tmp_path):
    monkeypatch.setattr(bench, "measure", lambda *_: signal.raise_signal(signal.SIGINT))
    file = tmp_path / "bench.json"
    assert main(["bench", "--only", SOME, "--json", str(file)]) == 130
    printed = capsys.readouterr()
    assert printed.out == "" and printed.err == "interrupted\n" and not file.exists()


def test_counter_where_there_is_no_terminal(quickly, monkeypatch, capsys):
    monkeypatch.setattr(progress, "LINE_SECONDS", 0.0)
    assert main(["bench", "--quick", "--only", SOME]) == 0
    assert f"1/3 elementary.{SOME}_x" in capsys.readouterr().err


@pytest.mark.parametrize("option", ["--json", "--plot"])
def test_a_file_is_checked_before_the_measuring(option, monkeypatch, capsys, tmp_path):
    monkeypatch.setattr(bench, "steps", lambda *_: pytest.fail("it measures"))
    file = tmp_path / "text.png"
    file.write_text("as it was")
    for bad in (file / "below.png", tmp_path / "no" / "file.png", tmp_path / "nul\0.png"):
        with pytest.raises(SystemExit) as stopped:
            main(["bench", option, str(bad)])
        assert stopped.value.code == 2
        assert f"{option}: can't write to" in capsys.readouterr().err
    files.check(option, str(file))
    files.check(option, str(tmp_path / "new.json"))
    assert [*tmp_path.iterdir()] == [file] and file.read_text() == "as it was"


@pytest.mark.skipif(not FULL.exists(), reason="there is no /dev/full here")
def test_a_full_device(quickly, monkeypatch, capsys):
    with pytest.raises(SystemExit) as stopped:
        main(["bench", "--only", SOME, "--json", str(FULL)])
    assert stopped.value.code == 2
    assert "--json: can't write to '/dev/full': No space left" in capsys.readouterr().err
    # The disk is full only after the measurements: the table and the chart still appear.
    monkeypatch.setattr(files, "check", lambda *_: None)
    assert main(["bench", "--quick", "--only", SOME, "--json", str(FULL)]) == 1
    printed = capsys.readouterr()
    assert "0 of 3 wrong" in printed.out
    assert "error: --json: can't write to '/dev/full': No space left" in printed.err


def test_a_file_is_replaced_as_a_whole(monkeypatch, tmp_path):
    file, link = tmp_path / "old.json", tmp_path / "link.json"
    file.write_text("old")
    link.symlink_to(file)
    files.write("--json", str(link), b"new")
    assert file.read_text() == "new" and link.is_symlink()

    def fails(path, content):
        path.touch()
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "write_bytes", fails)
    with pytest.raises(files.FileError, match=r"can't write to .*old\.json.*No space left"):
        files.write("--json", str(file), b"newer")
    assert file.read_text() == "new"
    assert sorted(tmp_path.iterdir()) == [link, file]


def test_a_pipe_is_written():
    text, _ = command("bench", "--quick", "--only", SOME, "--json", "/dev/stdout")
    table, brace, numbers = text.partition("{")
    assert "0 of 3 wrong" in table and len(json.loads(brace + numbers)["rows"]) == 3


def test_timing_takes_turns():
    called = []
    calls = {name: lambda name=name: called.append(name) or name for name in "ab"}
    timed = timing.take_turns(calls, 0.02)
    assert {name: t.result for name, t in timed.items()} == {"a": "a", "b": "b"}
    assert all(0 < t.seconds < 1e-3 for t in timed.values())
    changes = sum(x != y for x, y in itertools.pairwise(called))
    assert changes > 10


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(2.5e-7, "250 ns"), (1.234e-6, "1.23 us"), (9.999e-4, "1.00 ms"), (0.0999, "99.9 ms")],
)
def test_durations(seconds, text):
    assert texts.duration(seconds) == text


def test_gradients_at_the_ends_of_a_domain():
    """A target within a step of 0 or 1 has no central difference, and is not a wrong gradient."""
    name, shape = "vae.bernoulli_nll", (3, 4)
    x = np.array([[0.5, 0.2, 0.7, 0.1], [0.0, 0.3, 1.0, 0.9], [0.4, 1 - 2.0**-24, 0.6, 0.8]], "f")
    logits = np.linspace(-2, 2, 12, dtype="f").reshape(shape)
    _, gradients = fastgen.value_and_grad(fastgen.vae.bernoulli_nll)(x, logits)
    assert compare.gradient_error(name, gradients, (x, logits), shape) < 1e-6
    for row in range(3):
        wrong = [gradient.copy() for gradient in gradients]
        wrong[1][row] = np.nan
        assert compare.gradient_error(name, wrong, (x, logits), shape) == np.inf
    wrong = [gradient.copy() for gradient in gradients]
    wrong[1][0] *= 2
    assert compare.gradient_error(name, wrong, (x, logits), shape) > 0.01
