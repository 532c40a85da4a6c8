# The general path: inputs of any shape, layout and type become a problem of strides.


cdef int bfloat16_number = -1  # NumPy's number for ml_dtypes.bfloat16, known once it is met


cdef int storage_of(cnp.ndarray array) except -2:
    """How C reads the elements, as an fg_dtype; -1 where it can't."""
    global bfloat16_number
    cdef int number = cnp.PyArray_TYPE(array)
    if number == cnp.NPY_FLOAT:
        return <int>FG_F32
    if number == cnp.NPY_DOUBLE:
        return <int>FG_F64
    if number == NPY_HALF:
        return <int>FG_F16
    if number >= NPY_USERDEF and bfloat16_number < 0 and array.dtype.name == "bfloat16":
        bfloat16_number = number
    return <int>FG_BF16 if number == bfloat16_number else -1


cpdef bint overrides_ufuncs(x):
    """Whether x is an array of another library that wants to be called through a ufunc."""
    if isinstance(x, (cnp.ndarray, np.generic, int, float)):
        return False
    return getattr(type(x), "__array_ufunc__", None) is not None


cdef cnp.ndarray as_operand(Op op, int k, x):
    """Input k as an array that C can read: of a float type, in native byte order."""
    cdef cnp.ndarray array
    if type(x) is Stream:
        return standing_for(op, k, x)
    if type(x) is not cnp.ndarray:
        if isinstance(x, masked_array_type()):
            raise TypeError(_messages.masked(op.name, k))
        x = np.asarray(x)
    array = x
    if cnp.PyArray_TYPE(array) <= cnp.NPY_ULONGLONG:  # bool and integers
        return array.astype(np.float64)
    if storage_of(array) < 0:
        raise TypeError(_messages.dtype(op.name, k, array.dtype))
    if not cnp.PyArray_ISNOTSWAPPED(array):
        return array.astype(array.dtype.newbyteorder("="))
    return array


cdef fg_dtype promote(fg_dtype a, fg_dtype b) noexcept:
    return a if a == b else FG_F64 if a == FG_F64 or b == FG_F64 else FG_F32


cdef int common_storage(tuple inputs, list arrays, uint32_t per_row=0) except -2:
    """The type that the arrays promote to. Scalars, 0-d arrays and inputs with a value per row bend
    to the others, and Python's numbers to NumPy's (NEP 50, extended to float64 scalars: a
    coefficient from a float64 table must not double the size of a float32 batch). Streams follow;
    alone, they are -1."""
    cdef int k = -1, rank, best = -1
    cdef bint elements
    cdef fg_dtype storage, result = FG_F64
    for x, array in zip(inputs, arrays):
        k += 1
        if type(x) is Stream and (<Stream>x).like is None:
            continue
        elements = cnp.PyArray_NDIM(array) > 0 and not per_row >> k & 1
        rank = 2 if elements else 0 if type(x) in (int, float, bool) else 1
        storage = <fg_dtype>storage_of(array)
        if rank > best:
            best, result = rank, storage
        elif rank == best:
            result = promote(result, storage)
    return -1 if best < 0 else <int>result


cdef fg_dtype result_storage(Op op, tuple inputs, list arrays) except *:
    cdef int storage = common_storage(inputs, arrays, op.facts.per_row)
    if storage < 0:
        raise TypeError(_messages.only_streams(op.name))
    return <fg_dtype>storage


cdef object dtype_of_storage(fg_dtype storage):
    if storage == FG_BF16:
        return cnp.PyArray_DescrFromType(bfloat16_number)
    if storage == FG_F16:
        return cnp.PyArray_DescrFromType(NPY_HALF)
    return cnp.PyArray_DescrFromType(cnp.NPY_FLOAT if storage == FG_F32 else cnp.NPY_DOUBLE)


def result_dtype(tuple inputs):
    """The float type of what is computed from `inputs`, for functions made of several operations.

    What no operation takes counts as float64, and is for the operation to refuse.
    """
    arrays = []
    inputs = tuple([x for x in inputs if type(x) is not Stream])
    for x in inputs:
        dtype = getattr(x, "dtype", None)
        if overrides_ufuncs(x) and isinstance(dtype, np.dtype):  # not to be computed yet
            array = np.empty((0,) if np.ndim(x) else (), dtype)
        else:
            array = np.asarray(x)
        if storage_of(array) < 0:
            array = np.empty((0,) if array.ndim else ())
        arrays.append(array)
    return dtype_of_storage(<fg_dtype>common_storage(inputs, arrays))


# Shapes and axes of one call. Dimensions are those of the broadcast shape; `memory` lists them as
# they lie in memory, outermost first, and `order` as C walks them: batch dimensions as they lie,
# then event dimensions. `row_axis` has their axes in an array of one value per row; -1 for none.
ctypedef struct space:
    int ndim
    int batch_ndim
    bint keepdims
    cnp.npy_intp shape[FG_MAX_DIMS]
    bint natural  # memory is 0, 1, 2, ...
    int memory[FG_MAX_DIMS]
    int order[FG_MAX_DIMS]
    int row_axis[FG_MAX_DIMS]


cdef int broadcast_inputs(Op op, list arrays, space *s) except -1:
    cdef cnp.ndarray array
    cdef int k, d, shift
    cdef cnp.npy_intp length
    s.ndim = 0
    for k in range(op.facts.nin):
        if not op.facts.per_row >> k & 1:
            s.ndim = max(s.ndim, cnp.PyArray_NDIM(arrays[k]))
    for d in range(s.ndim):
        s.shape[d] = 1
    for k in range(op.facts.nin):
        if op.facts.per_row >> k & 1:
            continue
        array = arrays[k]
        shift = s.ndim - cnp.PyArray_NDIM(array)
        for d in range(cnp.PyArray_NDIM(array)):
            length = array.shape[d]
            if length == 1 or length == s.shape[d + shift]:
                continue
            if s.shape[d + shift] != 1:
                raise ValueError(_messages.shapes(op.name, arrays, op.facts.per_row))
            s.shape[d + shift] = length
    return 0


cdef bint in_steps(cnp.ndarray array, space *s) noexcept:
    """Whether the array has every dimension, and none that is broadcast."""
    cdef int d
    if cnp.PyArray_NDIM(array) != s.ndim:
        return False
    for d in range(s.ndim):
        if array.shape[d] != s.shape[d] or (array.shape[d] > 1 and array.strides[d] == 0):
            return False
    return True


cdef bint order_as(cnp.ndarray array, space *s) noexcept:
    """Dimensions as the array lies; False if it can't tell, since it is broadcast."""
    cdef cnp.npy_intp[FG_MAX_DIMS] step
    cdef int i, d
    if not in_steps(array, s):
        return False
    for d in range(s.ndim):  # of one element, a step is as long as the one before
        step[d] = abs(array.strides[d]) if s.shape[d] > 1 or d == 0 else step[d - 1]
        i = d
        while i > 0 and step[s.memory[i - 1]] < step[d]:
            s.memory[i] = s.memory[i - 1]
            i -= 1
        s.memory[i] = d
        s.natural = s.natural and i == d
    return True


cdef int order_memory(Op op, list arrays, out, space *s) except -1:
    """As the first array lies that is written, or else read: new results get the same order, as
    NumPy's do."""
    cdef int d, j, k
    s.natural = True
    for d in range(s.ndim):
        s.memory[d] = d
    if out is not None:
        out = outputs_given(op, out)
        for j in range(op.facts.nout):
            if isinstance(out[j], cnp.ndarray) and not op.facts.summed >> j & 1:
                if order_as(out[j], s):
                    return 0
    for k in range(op.facts.nin):
        if not op.facts.per_row >> k & 1 and order_as(arrays[k], s):
            return 0
    return 0


cdef int order_axes(Op op, axis, space *s) except -1:
    """Event dimensions are walked last, in the order they have in the array: that of their sum."""
    cdef uint64_t event = 0
    cdef int d, i, n
    if not op.facts.elementwise:
        # As in np.sum, a 0-d array has an axis to sum over.
        n = max(s.ndim, 1)
        for a in (range(n) if axis is None else axis if type(axis) is tuple else (axis,)):
            d = _messages.checked_axis(op.name, axis, a, n)
            if event >> d & 1:
                raise ValueError(_messages.repeated_axis(op.name, axis))
            event |= <uint64_t>1 << d
    n = 0
    for i in range(s.ndim):
        d = s.memory[i]
        if not event >> d & 1:
            s.order[n] = s.row_axis[n] = d
            n += 1
    s.batch_ndim = n
    for d in range(s.ndim):
        if event >> d & 1:
            s.order[n] = s.row_axis[n] = d
            n += 1
            for i in range(s.ndim if not s.keepdims else 0):  # the axis is gone, the others move up
                s.row_axis[i] -= s.order[i] > d if i < s.batch_ndim else 0
    for i in range(s.batch_ndim, s.ndim if not s.keepdims else 0):
        s.row_axis[i] = -1
    return 0


cdef void set_strides(fg_operand *operand, cnp.ndarray array, space *s) noexcept:
    """An operand with a value per element: its strides in walking order, 0 where broadcast."""
    cdef int i, d, shift = s.ndim - cnp.PyArray_NDIM(array)
    for i in range(s.ndim):
        d = s.order[i] - shift
        operand.stride[i] = array.strides[d] if d >= 0 and array.shape[d] != 1 else 0


cdef tuple summed_shape(space *s):
    """Of a result with one value per row."""
    cdef int d, i
    if not s.keepdims:
        return tuple([s.shape[d] for d in sorted([s.order[i] for i in range(s.batch_ndim)])])
    events = [s.order[d] for d in range(s.batch_ndim, s.ndim)]
    return tuple([1 if d in events else s.shape[d] for d in range(s.ndim)])


cdef int set_row_strides(Op op, int k, fg_operand *operand, cnp.ndarray array, space *s) except -1:
    """An operand with a value per row: aligned with the batch dimensions, as the result is."""
    cdef int i, d, length
    cdef int shift = (s.ndim if s.keepdims else s.batch_ndim) - cnp.PyArray_NDIM(array)
    if shift < 0:
        raise ValueError(_messages.row_shape(op.name, k, np.shape(array), summed_shape(s)))
    for i in range(s.ndim):
        operand.stride[i] = 0
        d = s.row_axis[i] - shift
        if s.row_axis[i] < 0 or d < 0 or array.shape[d] == 1:
            continue
        if i >= s.batch_ndim or array.shape[d] != s.shape[s.order[i]]:
            raise ValueError(_messages.row_shape(op.name, k, np.shape(array), summed_shape(s)))
        operand.stride[i] = array.strides[d]
    return 0


cdef cnp.ndarray as_output(Op op, int k, out, tuple shape, fg_dtype storage):
    """The caller's `out` once it has been found fit, or a new array."""
    if out is None:
        return np.empty(shape, dtype_of_storage(storage))
    if not isinstance(out, cnp.ndarray) or isinstance(out, masked_array_type()):
        raise TypeError(_messages.out_type(op.name, out))
    if not cnp.PyArray_ISWRITEABLE(out):
        raise ValueError(_messages.out_read_only(op.name))
    if np.shape(out) != shape:
        raise ValueError(_messages.out_shape(op.name, np.shape(out), shape))
    if storage_of(out) < 0:
        raise TypeError(_messages.out_dtype(op.name, out.dtype))
    return out


cdef cnp.ndarray new_output(tuple shape, fg_dtype storage, space *s):
    """An array with a value per element, which lies as the inputs do."""
    cdef int i
    dtype = dtype_of_storage(storage)
    if s.natural:
        return np.empty(shape, dtype)
    axes = [0] * s.ndim
    for i in range(s.ndim):
        axes[s.memory[i]] = i
    return np.empty([shape[s.memory[i]] for i in range(s.ndim)], dtype).transpose(axes)


cdef object masked_array_type():
    return np.ma.MaskedArray if "numpy.ma" in sys.modules else ()


cdef void memory_bounds(cnp.ndarray array, char **low, char **high) noexcept:
    cdef int d
    cdef ptrdiff_t reach
    low[0] = high[0] = cnp.PyArray_BYTES(array)
    for d in range(cnp.PyArray_NDIM(array)):
        if array.shape[d] == 0:
            high[0] = low[0]
            return
        reach = (array.shape[d] - 1) * array.strides[d]
        if reach < 0:
            low[0] += reach
        else:
            high[0] += reach
    high[0] += cnp.PyArray_ITEMSIZE(array)


cdef bint may_overlap(cnp.ndarray a, cnp.ndarray b):
    """Whether an element of one is in the memory of the other; or that takes long to find out."""
    cdef char *a_low
    cdef char *a_high
    cdef char *b_low
    cdef char *b_high
    memory_bounds(a, &a_low, &a_high)
    memory_bounds(b, &b_low, &b_high)
    return a_low < b_high and b_low < a_high and np.may_share_memory(a, b, max_work=1000)


cdef bint same_elements(cnp.ndarray a, cnp.ndarray b):
    """Whether element i of one is, in memory, element i of the other."""
    return (cnp.PyArray_DATA(a) == cnp.PyArray_DATA(b) and cnp.PyArray_TYPE(a) == cnp.PyArray_TYPE(b)
            and cnp.PyArray_NDIM(a) == cnp.PyArray_NDIM(b)
            and cnp.PyArray_CompareLists(a.shape, b.shape, cnp.PyArray_NDIM(a))
            and cnp.PyArray_CompareLists(a.strides, b.strides, cnp.PyArray_NDIM(a)))


cdef tuple outputs_given(Op op, out):
    """What the caller's `out` holds for each output, or None."""
    cdef int nout = op.facts.nout
    if out is None:
        return (None,) * nout
    if nout == 1 and type(out) is not tuple:
        return (out,)
    if type(out) is not tuple or len(out) != nout:
        raise TypeError(_messages.out_count(op.name, nout, out))
    return out


cdef list native(list outputs):
    """An output in foreign byte order is computed beside it."""
    return [o if o is None or cnp.PyArray_ISNOTSWAPPED(o) else o.astype(o.dtype.newbyteorder("="))
            for o in outputs]


cdef int copy_back(list outputs, list written) except -1:
    for given, computed in zip(outputs, written):
        if given is not computed:
            np.copyto(given, computed)
    return 0


cdef list make_outputs(Op op, list arrays, fg_dtype storage, out, int wanted, space *s):
    cdef int j, k, d, nout = op.facts.nout
    cdef list outputs = []
    cdef cnp.ndarray array
    out = outputs_given(op, out)
    full, summed = tuple([s.shape[d] for d in range(s.ndim)]), summed_shape(s)
    for j in range(nout):
        shape = summed if op.facts.summed >> j & 1 else full
        given = out[j]
        if not wanted >> j & 1:
            outputs.append(None)
        elif given is None and not op.facts.summed >> j & 1:
            outputs.append(new_output(full, storage, s))
        else:
            outputs.append(as_output(op, j, given, shape, storage))
        if given is None or outputs[j] is None:
            continue
        for k in range(len(arrays)):  # as if the inputs had been copied first
            array = arrays[k]
            in_place = not op.facts.summed >> j & 1 and same_elements(given, array)
            if not in_place and may_overlap(given, array):
                arrays[k] = array.copy()
        for k in range(j):
            if out[k] is not None and may_overlap(given, out[k]):
                raise ValueError(_messages.out_overlap(op.name))
    return outputs


cdef int fill_problem(Op op, list arrays, list outputs, space *s, fg_problem *problem) except -1:
    cdef int j, k, i, nin = op.facts.nin
    cdef cnp.ndarray array
    for k in range(nin):
        array = arrays[k]
        problem.operand[k].data = cnp.PyArray_BYTES(array)
        problem.operand[k].dtype = <fg_dtype>storage_of(array)
        if op.facts.per_row >> k & 1:
            set_row_strides(op, k, &problem.operand[k], array, s)
        else:
            set_strides(&problem.operand[k], array, s)
    for j in range(op.facts.nout):
        problem.operand[nin + j].data = NULL
        if outputs[j] is None:
            continue
        array = outputs[j]
        problem.operand[nin + j].data = cnp.PyArray_BYTES(array)
        problem.operand[nin + j].dtype = <fg_dtype>storage_of(array)
        if op.facts.summed >> j & 1:
            for i in range(s.batch_ndim):
                problem.operand[nin + j].stride[i] = array.strides[s.row_axis[i]]
        else:
            set_strides(&problem.operand[nin + j], array, s)
    for i in range(s.ndim):
        problem.shape[i] = s.shape[s.order[i]]
    problem.ndim, problem.batch_ndim = s.ndim, s.batch_ndim
    problem.nin, problem.nout, problem.summed = nin, op.facts.nout, op.facts.summed
    return 0


cdef object call_general(Op op, tuple inputs, axis, keepdims, out, int wanted):
    cdef space s
    cdef fg_problem *problem
    cdef fg_dtype storage
    cdef int d
    cdef ptrdiff_t elements = 1
    cdef list arrays, outputs, written
    if len(inputs) != op.facts.nin:
        raise TypeError(_messages.count(op.name, op.facts.nin, len(inputs)))
    for x in inputs:
        if overrides_ufuncs(x):
            return call_ufunc(op, inputs, axis, keepdims, out, wanted)
    arrays = [as_operand(op, k, x) for k, x in enumerate(inputs)]
    storage = result_storage(op, inputs, arrays)
    s.keepdims = keepdims
    broadcast_inputs(op, arrays, &s)
    order_memory(op, arrays, out, &s)
    order_axes(op, axis, &s)
    outputs = make_outputs(op, arrays, storage, out, wanted, &s)
    written = native(outputs)
    for d in range(s.ndim):
        elements = min(elements * min(s.shape[d], RELEASE_GIL_ELEMENTS), RELEASE_GIL_ELEMENTS)
    problem = new_problem()
    try:
        fill_problem(op, arrays, written, &s, problem)
        place_streams(op, inputs, storage, &s, problem)
        problem.kernel = op.facts.kernel[storage == FG_F64]
        problem.loops = op.facts.loops[storage == FG_F64]
        problem.wide, problem.wide_kernel = op.facts.loops[1], op.facts.kernel[1]
        run(problem, elements)
    finally:
        fg_scratch_give(problem)
    copy_back(outputs, written)
    results = outputs[0] if op.facts.nout == 1 else tuple(outputs)
    return results if out is not None else unwrap_0d(results)
