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


cdef int run_pair(Op op, cnp.ndarray first, cnp.ndarray second, double *number) except -1:
    cdef small_problem room
    cdef fg_problem *problem = <fg_problem *>&room
    cdef bint double_precision = cnp.PyArray_TYPE(first) == cnp.NPY_DOUBLE
    cdef fg_dtype dtype = FG_F64 if double_precision else FG_F32
    cdef ptrdiff_t size = 8 if double_precision else 4
    cdef ptrdiff_t elements = cnp.PyArray_SIZE(first)
    set_rows(&problem.operand[0], cnp.PyArray_BYTES(first), dtype, elements * size, size)
    set_rows(&problem.operand[1], cnp.PyArray_BYTES(second), dtype, elements * size, size)
    set_rows(&problem.operand[2], <char *>number, FG_F64, 0, 0)
    set_rows(&problem.operand[3], cnp.PyArray_BYTES(first), dtype, elements * size, size)
    problem.nin, problem.nout, problem.summed = 3, 1, 0
    problem.loops = op.row.loops[double_precision]
    problem.kernel = op.row.kernel[double_precision]
    problem.wide, problem.wide_kernel = op.row.loops[<int>FG_DOUBLE], op.row.kernel[<int>FG_DOUBLE]
    problem.ndim, problem.batch_ndim = 2, 1
    problem.shape[0], problem.shape[1] = 1, elements
    return run(problem, elements)


def apply_in_place(Op op, list firsts, list seconds, double number):
    """Write op((first, second, number)) to each first, and return True. If a pair is not plain, or
    arrays may share memory, return False; nothing is written then.

    The operation has the signature ``"(n),(n),()->(n)"`` and maps each element by itself.
    """
    cdef Py_ssize_t k, count = len(firsts)
    cdef fg_span *spans
    cdef bint plain = op.signature == "(n),(n),()->(n)" and op.pointwise and len(seconds) == count
    if not plain or count == 0:
        return False
    spans = <fg_span *>malloc(2 * count * sizeof(fg_span))
    if spans == NULL:
        raise MemoryError
    for k in range(count):
        if not is_plain_pair(firsts[k], seconds[k]):
            plain = False
            break
        set_span(&spans[2 * k], firsts[k], True)
        set_span(&spans[2 * k + 1], seconds[k], False)
    plain = plain and are_apart(spans, 2 * count)
    free(spans)
    if plain:
        # These own references: another thread may change the lists while C computes.
        pairs = [*zip(firsts, seconds)]
        for first, second in pairs:
            run_pair(op, first, second, &number)
    return plain
