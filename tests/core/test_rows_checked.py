"""A row whose formula does not fit its signature does not compile, or is refused when it is bound.

Small wrong ops.c files are compiled and checked by `fg_check_row`, which `_core.bind` asks about
every row.
"""

import shutil
import subprocess
from pathlib import Path

import pytest

CSRC = Path(__file__).parents[2] / "csrc"
CC = next((path for path in map(shutil.which, ("cc", "gcc", "clang")) if path), None)

pytestmark = [
    pytest.mark.skipif(not CSRC.is_dir(), reason="needs the C sources of a checkout"),
    pytest.mark.skipif(CC is None, reason="needs a C compiler"),
]

RIGHT = """
static inline real f(real x, real y) { return x + y; }
static inline real f_grad(real x, real y, real *dx, real *dy) { *dx = 1, *dy = 1; return x + y; }
FG_FORMULA(f, 2)
FG_STEADY_FORMULA(f, 2, 1)
static inline void m(real x, real *y, real *t) { *y = x, *t = x; }
static inline void m_vjp(real x, real c, real d, real *y, real *t, real *dx)
{ *y = x, *t = x, *dx = c + d; }
FG_MAP(m, 1, 2)
FG_MAP(m_vjp, 3, 3)
static inline void largest(real x, real *t) { *t = x; }
static inline void largest_close(real n, real t, real *a) { (void)n, *a = t; }
static inline void total(real x, real a, real *t) { *t = x - a; }
static inline void total_close(real n, real t, real *a, real *b) { *a = t, *b = n; }
static inline void scaled(real x, real a, real b, real *y) { *y = x * a + b; }
static inline void both(real x, real a, real *y, real *t) { *y = x, *t = a; }
FG_MAP(largest, 1, 1)
FG_FOLD_SUM(largest, 1)
FG_CLOSE(largest_close, 1, 1)
FG_MAP(total, 2, 1)
FG_CLOSE(total_close, 1, 2)
FG_MAP(scaled, 3, 1)
FG_MAP(both, 2, 2)
static const fg_stage s_stages[] = {
    FG_STAGE(largest, 0, FG_MAX, largest_close),
    FG_STAGE(total, 1, FG_SUM, total_close),
    FG_OUTPUTS(scaled, 2),
    FG_LAST_STAGE,
};
static const fg_stage c_stages[] = {
    FG_SHORT_CUT(largest, 0, total_close, 2),
    FG_STAGE(largest, 0, FG_MAX, largest_close),
    FG_STAGE(total, 1, FG_SUM, total_close),
    FG_OUTPUTS(scaled, 2),
    FG_LAST_STAGE,
};
"""

MAIN = """
#include <stdio.h>
#include "core/check.h"
%s
extern FG_ROWS;
FG_ROWS = {%s, FG_LAST_ROW};
int main(void)
{
    const fg_row *const row = FG_PASTE(fg_rows_, FG_UNIT, FG_ISA, FG_REAL_BITS);
    char message[200] = "";
    const bool right = fg_check_row(row, row, message, sizeof message);
    puts(right ? "right" : message);
    return 0;
}
"""


def compiled(tmp_path, body, row):
    source = tmp_path / "ops.c"
    headers = '#include "core/fold.h"\n#include "core/lanes.h"\n#include "core/tile.h"\n'
    source.write_text(headers + MAIN % (body, row))
    flags = ["-std=c11", "-O0", "-DFG_UNIT=wrong", "-DFG_ISA=any", "-DFG_REAL_BITS=64"]
    checkers = [CSRC / "core" / name for name in ("check.c", "signature.c")]
    files = [source, *checkers, "-o", tmp_path / "check"]
    command = [CC, *flags, f"-I{CSRC}", *map(str, files), "-lm"]
    return subprocess.run(command, capture_output=True, text=True)


def verdict(tmp_path, body, row):
    built = compiled(tmp_path, body, row)
    assert built.returncode == 0, built.stderr
    return subprocess.run([tmp_path / "check"], capture_output=True, text=True).stdout.strip()


@pytest.mark.parametrize(
    "row",
    [
        'FG_ROW(f, "(n),(n)->()")',
        'FG_ROW(f, "(n),()->(n)")',
        'FG_ROW(f, "(),()->()")',
        'FG_STEADY_ROW(f, "(n),()->(n)")',
        'FG_ROW_OF_MAPS(m, "(n)->(n),()")',
        'FG_ROW_OF_VALUE(s, "(n)->(n),()")',
        'FG_ROW_OF_VALUE(c, "(n)->(n),()")',
    ],
)
def test_right_rows_pass(tmp_path, row):
    assert verdict(tmp_path, RIGHT, row) == "right"


@pytest.mark.parametrize(
    ("row", "said"),
    [
        ('FG_ROW(f, "(n)->()")', 'f (the value of "(n)->()"): inputs: the formula has 2, the'),
        ('FG_ROW(f, "(n),(n),(n)->()")', "inputs: the formula has 2, the signature 3"),
        ('FG_ROW(f, "(n),(n)->(n),()")', "outputs: the formula has 1, the signature 2"),
        ('FG_ROW_OF_MAPS(m, "(n)->()")', "outputs: the formula has 2, the signature 1"),
        (
            'FG_ROW_OF(m, "(n)->(n),()", m_map, f_value)',
            'm (the derivative of "(n)->(n),()"): inputs: the formula has 2, the signature 3',
        ),
        (
            'FG_STEADY_ROW(f, "(n),(n)->(n)")',
            "the steady loop has 1 arrays and then numbers, the signature has not",
        ),
        ('FG_ROW_OF_VALUE(s, "(n),(n)->(n),()")', "inputs: the formula has 1, the signature 2"),
        ('FG_ROW_OF_VALUE(s, "(n)->()")', "results of stage 2: its map gives 1, not 0 outputs"),
        ('FG_ROW_OF_VALUE(s, "(n)->(n),(),(),()")', 'outputs "()": the state has only 2 numbers'),
    ],
)
def test_a_row_that_does_not_fit_its_signature_is_refused(tmp_path, row, said):
    assert said in verdict(tmp_path, RIGHT, row)


@pytest.mark.parametrize(
    ("stages", "said"),
    [
        (
            "FG_STAGE(m, 0, FG_SUM, total_close)",
            "results of stage 0: its map gives 2, not 0 outputs and 1",
        ),
        ("FG_STAGE(total, 1, FG_SUM, total_close)", "state of stage 0: it reads 1 numbers of 0"),
        ("FG_STAGE(scaled, 0, FG_SUM, total_close)", "inputs of stage 0: it takes 3 of 1"),
        (
            "{largest_map, NULL, 1, 0, 1, 1, 1, FG_SUM, NULL, 0, NULL, 0}",
            "stage 0 has terms, and no closing",
        ),
        ("FG_SHORT_CUT(largest, 0, total_close, 2)", "stage 0 skips 2 stages, and fewer follow"),
        ("FG_SHORT_CUT(largest, 0, total_close, 1)", "stage 0 skips the outputs"),
        (
            "FG_SHORT_CUT(largest, 0, largest_close, 1),\n"
            "    FG_STAGE(largest, 0, FG_MAX, largest_close)",
            "stage 0 leaves 1 numbers of state, too few for what it skips to",
        ),
    ],
)
def test_a_stage_that_does_not_fit_is_refused(tmp_path, stages, said):
    body = f"{RIGHT}\nstatic const fg_stage w_stages[] = {{{stages},\n    FG_OUTPUTS(scaled, 2),\n"
    body += "    FG_LAST_STAGE};\n"
    assert said in verdict(tmp_path, body, 'FG_ROW_OF_VALUE(w, "(n)->(n),()")')


def test_a_stage_whose_map_gives_fewer_terms_than_are_closed_does_not_compile(tmp_path):
    body = (
        RIGHT
        + """
static inline void three_close(real n, real a, real b, real c, real *s) { *s = a + b + c + n; }
FG_CLOSE(three_close, 3, 1)
static const fg_stage w_stages[] = {FG_STAGE(both, 0, FG_SUM, three_close), FG_LAST_STAGE};
"""
    )
    built = compiled(tmp_path, body, 'FG_ROW_OF_VALUE(w, "(n),(n)->()")')
    assert built.returncode != 0
    assert "negative" in built.stderr


@pytest.mark.parametrize(
    ("inputs", "outputs", "said"),
    [
        (1, 2, "right"),
        (2, 2, "inputs: the formula has 2, the signature 1"),
        (1, 1, "outputs: the formula has 1, the signature 2"),
    ],
)
def test_a_lane_kernel_says_how_many_operands_it_has(tmp_path, inputs, outputs, said):
    kernel = "{ (void)size, (void)options, (void)operand, (void)scratch; }"
    body = f"FG_LANE_KERNEL(k_lanes, {inputs}, {outputs})\n{kernel}\n"
    body += f"FG_LANE_KERNEL(k_vjp_lanes, 3, 3)\n{kernel}\n"
    assert said in verdict(tmp_path, body, 'FG_ROW_OF_LANES(k, "(d,d)->(),()", 0)')
