"""Faults in csrc/core: walks over memory, tiles, sums, threads."""

from mutations.mutant import BITS, KL, LAYOUTS, OPERATIONS, RUNTIME, mutants

mutants(
    "csrc/core/cursor.h",
    LAYOUTS,
    OPERATIONS,
    "-k",
    KL,
    faults=[
        (
            "lost stride",
            "loops->load(view->dtype, view->data + offset + start * stride, stride,",
            "loops->load(view->dtype, view->data + offset + start * stride, size,",
        ),
        (
            "first element of a walk",
            "cursor->address += index * view->stride[d];",
            "cursor->address += index;",
        ),
        ("carry of a walk", "cursor->address -= cursor->index[d] * view->stride[d];", ""),
        (
            "run of a walk",
            "cursor->run = view->shape[d] - cursor->index[d];",
            "cursor->run = view->shape[d];",
        ),
    ],
)
mutants(
    "csrc/core/run_tile.c",
    OPERATIONS,
    LAYOUTS,
    "-k",
    f"({BITS}) and (norm or logsumexp or softmax or view or exp)",
    faults=[
        ("lost tail", "    map_groups(plan, at, work->tail, 1);\n", ""),
        (
            "tail too short",
            "work->tail[k], (size_t)(work->left * size));",
            "work->tail[k], (size_t)(work->left * size - size));",
        ),
        ("constant without a tail", "work->whole + (work->left ? FG_LANES : 0);", "work->whole;"),
        (
            "state of another row",
            "fill_rows(state[k - states] + first,",
            "fill_rows(state[k - states],",
        ),
        ("short cut by its last row alone", "found |= x[i] != x[i];", "found = x[i] != x[i];"),
        ("first sum for each output", "first, rows, values[sums]);", "first, rows, values[0]);"),
        (
            "a sum for the largest",
            "    if (fg_is_largest(at))\n        p->loops->max_rows",
            "    if (0)\n        p->loops->max_rows",
        ),
    ],
)
mutants(
    "csrc/core/run_long_rows.c",
    OPERATIONS,
    RUNTIME,
    "-k",
    "(bits_do_not or every_length or rounding_mode) and (norm or logsumexp or mode)",
    faults=[
        ("wrong row", "item / l->chunks_per_row;", "0;"),
        ("wrong chunk", "item % l->chunks_per_row * l->chunk;", "0 * l->chunk;"),
        ("last chunk alone", "compensated_join(&sum, part);", "sum = part;"),
        (
            "environment of the caller",
            "fg_fpenv_pin(); /* items pin it themselves */",
            "fg_mxcsr();",
        ),
        ("largest of the last chunk", "else if (part.high > sum.high)", "else"),
        (
            "block twice",
            "    for (ptrdiff_t i = begin; i < end; i += FG_TILE)\n        run_block",
            "    for (ptrdiff_t i = begin; i < end; i += FG_TILE - 16)\n        run_block",
        ),
    ],
)
mutants(
    "csrc/core/fpenv.h",
    RUNTIME,
    "-k",
    "rounding_mode",
    faults=[
        ("rounding of the caller", "(saved & ~FG_MXCSR_CONTROL) | FG_MXCSR_DEFAULT", "saved"),
        (
            "never given back",
            "    fg_set_mxcsr(saved);\n",
            "    (void)saved;\n    fg_set_mxcsr(FG_MXCSR_DEFAULT);\n",
        ),
    ],
)
mutants(
    "csrc/core/run_rows.c",
    OPERATIONS,
    LAYOUTS,
    "-k",
    f"({BITS}) and (kl_standard_normal or view or hinge or logistic)",
    faults=[
        (
            "lost last row",
            "row < end; row += plan->rows_per_tile",
            "row < end - 1; row += plan->rows_per_tile",
        ),
        ("first row of a fold", "(row + r) * plan->n;", "row * plan->n;"),
        (
            "rows of an item",
            "const ptrdiff_t begin = item * plan->rows_per_item;",
            "const ptrdiff_t begin = item * plan->rows_per_tile;",
        ),
    ],
)
mutants(
    "csrc/core/run_plain.c",
    OPERATIONS,
    LAYOUTS,
    "-k",
    f"({BITS} or numbers) and (combination or classifier or scale_to_limit or exp or long_row)",
    faults=[
        ("coefficient of the first row", "*row = start / *length;", "*row = 0;"),
        (
            "size of float for double",
            "work->body[k] += tile * p->loops->real_size;",
            "work->body[k] += tile * 4;",
        ),
        (
            "coefficients change within a run",
            "if (!plan->direct[k] && length - start % length < most)",
            "if (0)",
        ),
    ],
)
mutants(
    "csrc/core/call.c",
    OPERATIONS,
    LAYOUTS,
    "tests/noise/test_noise.py",
    "-k",
    f"({BITS} or axes or Stream or stream or layout) and not every_length and not half",
    faults=[
        ("steps of a stream", "step[d + 1] * space->shape[d + 1];", "step[d + 1];"),
        (
            "one element is not repeated",
            "d >= 0 && array->shape[d] != 1 ? array->stride[d]",
            "d >= 0 ? array->stride[d]",
        ),
        (
            "kept axes are not counted",
            "(space->keepdims ? space->ndim : space->batch_ndim) - array->ndim;",
            "space->batch_ndim - array->ndim;",
        ),
        (
            "shape of out is not checked",
            "if (array->shape[d] != shape[d])\n            return false;\n    return true;",
            "if (array->shape[d] != shape[d])\n            return true;\n    return true;",
        ),
    ],
)
mutants(
    "csrc/core/space.c",
    "tests/core/test_shapes.py",
    "tests/core/test_calls.py",
    OPERATIONS,
    "-k",
    "shapes or calls or axes_place",
    faults=[
        ("negative axes", "(axis[i] < 0 ? axis[i] + n : axis[i])", "(axis[i] < 0 ? 0 : axis[i])"),
        ("keepdims", "space->keepdims ? d : axis_without_rows[d];", "axis_without_rows[d];"),
        ("repeated axes", "if (*event & bit)", "if (0)"),
        (
            "lengths that differ",
            "            if (shape[d] != 1)\n                return false;\n",
            "",
        ),
        ("core dimensions that differ", "if (owner[d] >= 0 && space->size[d] != length)", "if (0)"),
    ],
)
mutants(
    "csrc/core/pool.c",
    OPERATIONS,
    RUNTIME,
    "-k",
    "(threads_or_batch and kl_standard_normal) or fork or at_once or control_c",
    faults=[
        (
            "lost items",
            "atomic_fetch_add_explicit(&job->next, 1,",
            "atomic_fetch_add_explicit(&job->next, 2,",
        ),
        ("threads of a child", "    atomic_store(&pool.threads, 1);\n", ""),
        ("helpers of a child", "    pool.helpers = 0;\n", ""),
        ("no poll", "stop = poll() != 0;", "stop = 0;"),
        (
            "items after a stop",
            "    if (stop)\n        atomic_store_explicit(&job->next, job->items,",
            "    if (stop)\n        atomic_store_explicit(&job->next, job->next,",
        ),
        (
            "does not wait for helpers",
            "    while (pool.working != 0)\n        sleep_on(&pool.finish, &pool.guard);\n",
            "",
        ),
    ],
)
mutants(
    "csrc/core/half.h",
    "tests/core/test_half.py",
    faults=[
        ("ties of bfloat16", "(u + 0x7fffu + ((u >> 16) & 1u)) >> 16", "(u + 0x8000u) >> 16"),
        ("NaN of bfloat16", "(u & 0x7fffffffu) > 0x7f800000u ? quiet : rounded", "rounded"),
        ("rounded twice", "return float_of_bits(away ? u - 1u : u + 1u);", "return nearest;"),
    ],
)
