# The general path: arrays of any shape, memory layout and dtype, described to fg_call.


cdef int describe(cnp.ndarray array, fg_array *to) except -1:
    """Describe an array to C. The array must outlive the description."""
    to.data, to.dtype = cnp.PyArray_DATA(array), <fg_dtype>storage_of(array)
    to.ndim = cnp.PyArray_NDIM(array)
    to.shape = <const ptrdiff_t *>cnp.PyArray_DIMS(array)
    to.stride = <const ptrdiff_t *>cnp.PyArray_STRIDES(array)
    return 0


cdef int axis_number(a) except? -2:
    """An axis as a C int; INT_MIN, which is always out of range, if it is none."""
    index = a
    if type(a) is not int:
        if isinstance(a, bool):
            return INT_MIN
        try:
            index = operator.index(a)
        except TypeError:
            return INT_MIN
    return index if INT_MIN < index <= INT_MAX else INT_MIN


cdef int read_axes(Op op, axis, keepdims, fg_axes *axes, int *numbers) except -1:
    """Describe `axis` to C; `numbers` has room for one axis more than an array can have."""
    cdef int i
    axes.axis, axes.count, axes.keepdims = numbers, 0, keepdims
    if op.row.facts.elementwise or op.row.facts.lanes:
        return 0
    if axis is None:
        axes.count = FG_ALL_AXES
    elif type(axis) is tuple:
        # More axes than an array can have are wrong within the first FG_MAX_DIMS + 1.
        axes.count = min(len(<tuple>axis), FG_MAX_DIMS + 1)
        for i in range(axes.count):
            numbers[i] = axis_number((<tuple>axis)[i])
    else:
        axes.count = 1
        numbers[0] = axis_number(axis)
    return 0


cdef tuple shape_of_rows(const fg_space *space):
    cdef ptrdiff_t[FG_MAX_DIMS] shape
    return shape_as_tuple(shape, fg_shape_of_rows(space, shape))


cdef int refuse(Op op, list arrays, axis, fg_result code, const fg_fault *fault,
                const fg_space *space) except -1:
    """Raise for the arguments that fg_space_of found wrong."""
    cdef int k = fault.operand
    if code == FG_SHAPES:
        raise ValueError(_messages.shapes(op.name, arrays, op.row.facts.per_row))
    if code == FG_ROW_SHAPE:
        shape = np.shape(arrays[k])
        raise ValueError(_messages.row_shape(op.name, k, shape, shape_of_rows(space)))
    if code == FG_AXIS:
        a = axis[k] if type(axis) is tuple else axis
        _messages.checked_axis(op.name, axis, a, max(space.ndim, 1))
    if code == FG_REPEATED_AXIS:
        raise ValueError(_messages.repeated_axis(op.name, axis))
    if code == FG_CORE_NDIM:
        raise ValueError(_messages.core_ndim(op.name, k, op.signature, np.shape(arrays[k])))
    if code == FG_CORE_SIZE:
        raise ValueError(_messages.core_size(op.name, k, fault.other, op.signature, arrays))
    if code == FG_BATCHES:
        decide = arrays[:op.row.facts.deciding]
        raise ValueError(_messages.batches(op.name, op.signature, decide))
    if code == FG_MANY_DIMS:
        raise ValueError(_messages.many_dimensions(op.name, FG_MAX_DIMS))
    raise SystemError(f"{op.name}: fg_space_of gave the unknown code {<int>code}")


cdef int copy_shapes(fg_array *arrays, int count, ptrdiff_t *room) noexcept:
    """Let the descriptions have copies of shapes and strides. While the GIL is released, another
    thread may give an array a new shape, which frees the old one."""
    cdef int k, d, ndim
    for k in range(count):
        ndim = arrays[k].ndim
        for d in range(ndim):
            room[d], room[ndim + d] = arrays[k].shape[d], arrays[k].stride[d]
        arrays[k].shape, arrays[k].stride = room, room + ndim
        room += 2 * ndim
    return 0


cdef bint is_small(const fg_op *op, const fg_space *space) noexcept:
    """Whether a call ends before another thread could use the GIL."""
    cdef ptrdiff_t elements = 1
    cdef int d
    for d in range(space.ndim):
        elements *= min(space.shape[d], RELEASE_GIL_ELEMENTS)
        if elements >= RELEASE_GIL_ELEMENTS:
            return False
    return not op.facts.lanes


cdef int call_in_space(const fg_op *op, fg_array *arrays, const fg_space *space,
                       fg_precision precision) except -1:
    """Compute. `arrays` are the inputs, then the outputs."""
    cdef int k, count = op.facts.nin + op.facts.nout, numbers = 0
    cdef ptrdiff_t *room
    cdef fg_result code
    if is_small(op, space):
        code = fg_call_in(op, arrays, arrays + op.facts.nin, space, precision, NULL, NULL)
        return finish(code) if code != FG_DONE else 0
    for k in range(count):
        numbers += 2 * arrays[k].ndim
    room = <ptrdiff_t *>malloc((numbers + 1) * sizeof(ptrdiff_t))
    if room == NULL:
        raise MemoryError
    copy_shapes(arrays, count, room)
    with nogil:
        code = fg_call_in(op, arrays, arrays + op.facts.nin, space, precision, poll_signals, NULL)
    free(room)
    return finish(code) if code != FG_DONE else 0


cdef int describe_outputs(tuple given, int nout, fg_array *to) except -1:
    """Describe the arrays for the outputs; an output without an array is one that is not wanted."""
    cdef int j
    for j in range(nout):
        if isinstance(given[j], cnp.ndarray):
            describe(given[j], &to[j])
        else:
            to[j].data, to[j].ndim, to[j].dtype = NULL, 0, FG_F32
    return 0


cdef fg_dtype describe_inputs(Op op, tuple inputs, list arrays, fg_array *to) except *:
    """Describe the inputs, which `arrays` holds as arrays. Returns the dtype of the outputs."""
    cdef fg_dtype storage
    cdef int k
    for k in range(op.row.facts.nin):
        describe(arrays[k], &to[k])
    storage = result_storage(op, inputs, to)
    place_streams(inputs, storage, to)
    return storage


cdef object call_general(Op op, tuple inputs, axis, keepdims, out, int wanted):
    cdef fg_array[FG_MAX_OPERANDS] array  # inputs, then outputs
    cdef int[FG_MAX_DIMS + 1] numbers
    cdef fg_axes axes
    cdef fg_space space
    cdef fg_fault fault
    cdef fg_result code
    cdef fg_dtype storage
    cdef int nin = op.row.facts.nin, nout = op.row.facts.nout
    cdef list arrays, outputs, written
    if len(inputs) != nin:
        raise TypeError(_messages.count(op.name, nin, len(inputs)))
    for x in inputs:
        if overrides_ufuncs(x):
            return call_ufunc(op, inputs, axis, keepdims, out, wanted)
    arrays = [as_operand(op, k, x) for k, x in enumerate(inputs)]
    storage = describe_inputs(op, inputs, arrays, array)
    given = outputs_given(op, out)
    describe_outputs(given, nout, array + nin)
    read_axes(op, axis, keepdims, &axes, numbers)
    code = fg_space_of(&op.row.facts, array, array + nin, &axes, &space, &fault)
    if code != FG_DONE:
        refuse(op, arrays, axis, code, &fault, &space)
    outputs = make_outputs(op, arrays, storage, given, wanted, &space)
    written = outputs
    if out is not None:
        written = native(outputs)
        # make_outputs replaces an input by a copy if an output would overwrite it.
        describe_inputs(op, inputs, arrays, array)
    describe_outputs(tuple(written), nout, array + nin)
    call_in_space(&op.row, array, &space, FG_DOUBLE if storage == FG_F64 else FG_SINGLE)
    if out is not None:
        copy_back(outputs, written)
    results = outputs[0] if nout == 1 else tuple(outputs)
    return results if out is not None else unwrap_0d(results)


cdef object output_shapes(Op op, tuple inputs, axis, keepdims):
    """The shape of each output. An input that is a tuple is a shape."""
    cdef fg_array[FG_MAX_OPERANDS] array
    cdef ptrdiff_t[FG_MAX_DIMS] shape
    cdef int[FG_MAX_DIMS + 1] numbers
    cdef fg_axes axes
    cdef fg_space space
    cdef fg_fault fault
    cdef fg_result code
    cdef int j, k
    if len(inputs) != op.row.facts.nin:
        raise TypeError(_messages.count(op.name, op.row.facts.nin, len(inputs)))
    standing = []
    for k, x in enumerate(inputs):
        given = () if type(x) is Stream else tuple(x) if isinstance(x, tuple) else np.shape(x)
        standing.append(np.ndarray(given, np.float64, NOTHING, 0, (0,) * len(given)))
        describe(standing[k], &array[k])
        array[k].stride = NULL
    read_axes(op, axis, keepdims, &axes, numbers)
    code = fg_space_of(&op.row.facts, array, NULL, &axes, &space, &fault)
    if code != FG_DONE:
        refuse(op, standing, axis, code, &fault, &space)
    shapes = []
    for j in range(op.row.facts.nout):
        k = fg_shape_of_output(&op.row.facts, &space, j, shape)
        shapes.append(shape_as_tuple(shape, k))
    return tuple(shapes)
