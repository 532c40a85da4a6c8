"""``python -m fastgen.cases`` prints the numbers that a case stores, and finds its errors."""

import dataclasses
import subprocess
import sys

import pytest
from commands import QUIET, command

from fastgen import _ops, cases
from fastgen.cases.__main__ import known, main
from fastgen.cases.ulp import context

NAMES = [
    "elementary.expm1",
    "vae.kl_standard_normal",  # several inputs
    "flow.affine_coupling_exp",  # several outputs
    "elementary.logsumexp",  # rows as a whole
    "flow.slogdet",  # matrices
    "guidance.apg",  # without a derivative by some inputs
]


def table(text):
    """Return the printed errors by name: of float32, of float64, and the bound."""
    lines = text[text.index("float32  float64") :].splitlines()[1:]
    return {line[:24].strip(): [*map(float, line[24:].split()[:3])] for line in lines}


@pytest.mark.parametrize("name", NAMES)
def test_numbers_are_those_of_the_case(name, capsys):
    assert main([name, "--draws", "20"]) == 0
    text = capsys.readouterr().out
    case = cases.CASES[name]
    printed = eval(text[text.index("(", text.index("known=")) : text.index(",\nbits=")])
    assert [point for point, _ in printed] == [point for point, _ in case.known]
    for (_, digits), (_, stored) in zip(printed, case.known, strict=True):
        for ours, theirs in zip(cases.flat(digits), cases.flat(stored), strict=True):
            a, b = context().mpf(ours), context().mpf(theirs)
            assert abs(a - b) <= abs(b) * context().mpf(10) ** -24
            assert len(ours.lstrip("-0.").partition("e")[0].replace(".", "")) in (0, 25)
    assert f'bits=("{case.bits[0]}", "{case.bits[1]}"),' in text
    bounds = {of: bound for of, (_, _, bound) in table(text).items() if of.startswith("value")}
    outputs = _ops.OPS[name].nout
    assert list(bounds.values()) == [*cases.bounds(case.ulp, outputs)]
    gradients = [of for of in table(text) if of.startswith("gradient")]
    assert bool(gradients) == (case.gradient is not None)


def test_worst_errors_are_found_and_reproduced(capsys):
    main(["vae.kl_standard_normal", "--draws", "300", "--seed", "1"])
    first = table(capsys.readouterr().out)
    main(["vae.kl_standard_normal", "--draws", "300", "--seed", "1"])
    assert table(capsys.readouterr().out) == first
    assert all(0.5 < error <= 2 for error in first["value"][:2])
    assert first["gradient 0"] == [0, 0, 4]  # mu itself


def test_an_error_beyond_the_bound_fails(monkeypatch, capsys):
    name = "vae.kl_standard_normal"
    planted = dataclasses.replace(cases.CASES[name], ulp=0.5)
    monkeypatch.setitem(cases.CASES, name, planted)
    assert main([name, "--draws", "100"]) == 1
    assert capsys.readouterr().out.count("MORE THAN THE BOUND") == 1


def test_a_new_operation_has_no_points_yet(monkeypatch):
    for name in NAMES:
        planted = dataclasses.replace(cases.CASES[name], known=())
        monkeypatch.setitem(cases.CASES, name, planted)
        found = known(name)
        assert len(found) == 3
        assert all(len(point) == _ops.OPS[name].nin for point, _ in found)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["kl_standard_normal"], "there is no operation 'kl_standard_normal'; did you mean vae.kl"),
        (["nothing"], "NAME: there is no operation 'nothing'\n"),
        (["elementary.exp", "--draws", "0"], "--draws: expected a number of 1 or more, got 0"),
        ([], "the following arguments are required: NAME"),
    ],
)
def test_bad_arguments(arguments, message, capsys):
    with pytest.raises(SystemExit) as stopped:
        main(arguments)
    assert stopped.value.code == 2
    assert message in capsys.readouterr().err


def test_operation_without_case(monkeypatch, capsys):
    monkeypatch.delitem(cases.CASES, "elementary.exp")
    with pytest.raises(SystemExit):
        main(["elementary.exp"])
    assert "elementary.exp has no case yet" in capsys.readouterr().err


def test_as_a_command():
    text, errors = command("elementary.tanh", "--draws", "5", module="fastgen.cases")
    assert text.startswith("elementary.tanh  ()->()\n\nknown=(") and errors == ""
    script = (
        "import sys; sys.modules['mpmath'] = None;"
        "from fastgen.cases.__main__ import main; main(['elementary.tanh'])"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, env=QUIET, timeout=60
    )
    assert done.returncode == 2
    assert "exact values need mpmath; pip install 'fastgen-numerics[test]'" in done.stderr
