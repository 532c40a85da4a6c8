"""Faults in the formulas of the families."""

from mutations.mutant import OPERATIONS, mutants

mutants(
    "csrc/noise/philox.h",
    "tests/noise/test_noise.py",
    faults=[
        ("swapped keys", "(x.c3[v] ^ keys->odd[r])", "(x.c3[v] ^ keys->even[r])"),
        ("lost carry of the counter", "none + high - (philox_lanes)(x.c0[v] < low)", "none + high"),
        ("nine rounds", "PHILOX_ROUNDS = 10", "PHILOX_ROUNDS = 9"),
    ],
)
mutants(
    "csrc/noise/normal.h",
    "tests/noise/test_noise.py",
    faults=[
        ("one sign for a pair", "(word << 1 & TOP_BIT)", "(word & TOP_BIT)"),
        (
            "zero in the logarithm",
            "return (real)(int32_t)word + 0.5f;",
            "return (real)(int32_t)word;",
        ),
        ("swapped sine", "bits_of(swap ? c : s)", "bits_of(swap ? s : c)"),
    ],
)
mutants(
    "csrc/noise/uniform.h",
    "tests/noise/test_noise.py",
    faults=[("uniforms up to 1", "    word &= ~lost;\n", "")],
)
mutants(
    "csrc/flow/couplings/affine_coupling.h",
    OPERATIONS,
    "-k",
    "(check or central) and coupling",
    faults=[
        ("sign of a derivative", "*d_shift = d_y;", "*d_shift = -d_y;"),
        (
            "sign of a log-determinant",
            "real_select_by(kept(mask), R(0.0), -s.log_scale);",
            "real_select_by(kept(mask), R(0.0), s.log_scale);",
        ),
        ("lost cotangent", "mul_add(*d_x, x, d_logabsdet);", "mul_add(*d_x, x, 0);"),
    ],
)
mutants(
    "csrc/flow/densities/log_prob.h",
    OPERATIONS,
    "-k",
    "(check or central) and log_prob",
    faults=[
        ("sign of a gradient", "*d_z = -cotangent * z;", "*d_z = cotangent * z;"),
        ("a sum for a mean", "(n > 0 ? changes / n : 0)", "changes"),
    ],
)
mutants(
    "csrc/guidance/cfg.h",
    OPERATIONS,
    "-k",
    "check and cfg",
    faults=[
        (
            "swapped conditions",
            "mul_add(scale, cond - uncond, uncond)",
            "mul_add(scale, uncond - cond, cond)",
        )
    ],
)
mutants(
    "csrc/guidance/cfg_zero_star.h",
    OPERATIONS,
    "-k",
    "(check or central) and cfg_zero",
    faults=[
        (
            "half a slope",
            "slope * mul_add(R(-2.0), nearest, cond)",
            "slope * mul_add(R(-1.0), nearest, cond)",
        )
    ],
)
