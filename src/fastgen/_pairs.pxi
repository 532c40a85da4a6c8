# An operation on many pairs of arrays, whose results take the place of the first of each.

ctypedef struct fg_span:
    const char *low
    const char *high
    bint written


cdef int by_address(const void *a, const void *b) noexcept nogil:
    cdef const char *x = (<const fg_span *>a).low
    cdef const char *y = (<const fg_span *>b).low
    return (x > y) - (x < y)


cdef bint are_apart(fg_span *spans, size_t count) noexcept nogil:
    """Whether nothing that is written overlaps anything else. Sorts the spans."""
    cdef const char *reached = NULL  # where all before this one end
    cdef const char *written = NULL  # where those that are written end
    cdef size_t k
    qsort(spans, count, sizeof(fg_span), by_address)
    for k in range(count):
        if spans[k].low < written or (spans[k].written and spans[k].low < reached):
            return False
        if spans[k].high > reached:
            reached = spans[k].high
        if spans[k].written and spans[k].high > written:
            written = spans[k].high
    return True


cdef inline void set_span(fg_span *span, cnp.ndarray x, bint written) noexcept:
    span.low, span.written = cnp.PyArray_BYTES(x), written
    span.high = span.low + cnp.PyArray_NBYTES(x)


cdef inline bint is_plain_pair(first, second):
    """Whether these are contiguous arrays, not empty, of one shape, both of float32 or both of
    float64, and the first can be written."""
    cdef int number
    if type(first) is not cnp.ndarray or type(second) is not cnp.ndarray:
        return False
    number = cnp.PyArray_TYPE(first)
    return ((number == cnp.NPY_FLOAT or number == cnp.NPY_DOUBLE)
            and cnp.PyArray_TYPE(second) == number
            and cnp.PyArray_ISCARRAY(first) and cnp.PyArray_ISCARRAY_RO(second)
            and cnp.PyArray_NDIM(second) == cnp.PyArray_NDIM(first)
            and has_lengths(second, cnp.PyArray_DIMS(first), cnp.PyArray_NDIM(first))
            and cnp.PyArray_SIZE(first) > 0)


ctypedef struct fg_pair:
    char *first
    char *second
    ptrdiff_t elements
    bint double_precision


# The pairs of a call, in groups. A group has TOGETHER elements or more, so that a thread has some
# work.
ctypedef struct fg_pairs:
    const fg_op *row
    double number
    fg_pair *pair
    Py_ssize_t *group  # where each begins; behind the last is the number of pairs
    fg_result *result  # of each group


cdef enum:
    TOGETHER = 16384
    # From here on one operation takes several threads by itself (FG_LARGE_ELEMENTS of csrc/core).
    ALONE = 131072


cdef fg_result run_pair(fg_pairs *pairs, const fg_pair *pair, fg_poll *poll) noexcept nogil:
    cdef small_problem room
    cdef fg_problem *problem = <fg_problem *>&room
    cdef const fg_op *row = pairs.row
    cdef fg_dtype dtype = FG_F64 if pair.double_precision else FG_F32
    cdef ptrdiff_t size = 8 if pair.double_precision else 4
    cdef ptrdiff_t bytes = pair.elements * size
    set_rows(&problem.operand[0], pair.first, dtype, bytes, size)
    set_rows(&problem.operand[1], pair.second, dtype, bytes, size)
    set_rows(&problem.operand[2], <char *>&pairs.number, FG_F64, 0, 0)
    set_rows(&problem.operand[3], pair.first, dtype, bytes, size)
    problem.nin, problem.nout, problem.summed = 3, 1, 0
    problem.loops = row.loops[pair.double_precision]
    problem.kernel = row.kernel[pair.double_precision]
    problem.wide, problem.wide_kernel = row.loops[<int>FG_DOUBLE], row.kernel[<int>FG_DOUBLE]
    problem.ndim, problem.batch_ndim = 2, 1
    problem.shape[0], problem.shape[1] = 1, pair.elements
    return fg_run(problem, poll)


cdef void run_group(void *context, ptrdiff_t item) noexcept nogil:
    """The pairs of a group that are not ALONE. The threads of the pool are taken."""
    cdef fg_pairs *pairs = <fg_pairs *>context
    cdef Py_ssize_t k
    cdef fg_result code
    for k in range(pairs.group[item], pairs.group[item + 1]):
        if pairs.pair[k].elements < ALONE:
            code = run_pair(pairs, &pairs.pair[k], NULL)
            if code != FG_DONE:
                pairs.result[item] = code


cdef fg_result run_pairs(fg_pairs *pairs, Py_ssize_t count) noexcept nogil:
    """Large pairs one after the other, each on all threads; then groups of others, each on one."""
    cdef Py_ssize_t k, groups = 0
    cdef ptrdiff_t total = 0, elements = TOGETHER
    cdef fg_result code
    for k in range(count):
        if pairs.pair[k].elements >= ALONE:
            code = run_pair(pairs, &pairs.pair[k], poll_signals)
            if code != FG_DONE:
                return code
            continue
        if elements >= TOGETHER:
            pairs.group[groups], pairs.result[groups] = k, FG_DONE
            groups, elements = groups + 1, 0
        elements += pairs.pair[k].elements
        total += pairs.pair[k].elements
    pairs.group[groups] = count
    if total >= ALONE:
        if fg_parallel(groups, run_group, pairs, poll_signals):
            return FG_STOPPED
    else:
        for k in range(groups):
            run_group(pairs, k)
    for k in range(groups):
        if pairs.result[k] != FG_DONE:
            return pairs.result[k]
    return FG_DONE


cdef bint set_pairs(fg_pairs *pairs, fg_span *spans, list owned):
    """Note where the arrays lie. False if a pair is not plain, or arrays may share memory."""
    cdef Py_ssize_t k = 0
    for first, second in owned:
        if not is_plain_pair(first, second):
            return False
        pairs.pair[k].first = cnp.PyArray_BYTES(first)
        pairs.pair[k].second = cnp.PyArray_BYTES(second)
        pairs.pair[k].elements = cnp.PyArray_SIZE(first)
        pairs.pair[k].double_precision = cnp.PyArray_TYPE(first) == cnp.NPY_DOUBLE
        set_span(&spans[2 * k], first, True)
        set_span(&spans[2 * k + 1], second, False)
        k += 1
    return are_apart(spans, 2 * k)


def apply_in_place(Op op, list firsts, list seconds, double number):
    """Write op((first, second, number)) to each first, and return True. If a pair is not plain, or
    arrays may share memory, return False; nothing is written then.

    The operation has the signature ``"(n),(n),()->(n)"`` and maps each element by itself.
    """
    cdef Py_ssize_t count = len(firsts)
    cdef fg_pairs pairs
    cdef fg_span *spans
    cdef fg_result code = FG_DONE
    if op.signature != "(n),(n),()->(n)" or not op.pointwise or len(seconds) != count or count == 0:
        return False
    owned = [*zip(firsts, seconds)]  # another thread may change the lists while C computes
    pairs.row, pairs.number = &op.row, number
    pairs.pair = <fg_pair *>malloc(count * sizeof(fg_pair))
    pairs.group = <Py_ssize_t *>malloc((count + 1) * sizeof(Py_ssize_t))
    pairs.result = <fg_result *>malloc(count * sizeof(fg_result))
    spans = <fg_span *>malloc(2 * count * sizeof(fg_span))
    try:
        if not (pairs.pair and pairs.group and pairs.result and spans):
            raise MemoryError
        if not set_pairs(&pairs, spans, owned):
            return False
        with nogil:
            code = run_pairs(&pairs, count)
    finally:
        free(spans)
        free(pairs.result)
        free(pairs.group)
        free(pairs.pair)
    if code != FG_DONE:
        finish(code)
    return True
