# Lane kernels: many small problems, each with core dimensions of its own, as in "(),(k),(k)->()".


cdef int read_core(Op op, int k, str core, list names) except -1:
    """The core dimensions of operand k, such as "(d,d)", numbered in order of their names."""
    cdef int i
    found = [name for name in core.strip("()").split(",") if name]
    if len(found) > FG_MAX_OPERAND_CORE:
        raise ValueError(f"{op.name}: more than {FG_MAX_OPERAND_CORE} core dimensions in {core}")
    op.facts.core_ndim[k] = len(found)
    for i, name in enumerate(found):
        if name not in names:
            names.append(name)
        op.facts.core[k][i] = names.index(name)
    return 0


cdef int core_sizes(Op op, list arrays, fg_lane_problem *problem) except -1:
    """The length of each core dimension, the same in every input that has it."""
    cdef int k, i, core
    cdef cnp.npy_intp length
    cdef int[FG_MAX_CORE] owner
    for i in range(FG_MAX_CORE):
        owner[i] = -1
    for k in range(op.facts.nin):
        core = op.facts.core_ndim[k]
        shape = arrays[k].shape
        if len(shape) < core:
            raise ValueError(_messages.core_ndim(op.name, k, op.signature, shape))
        for i in range(core):
            length = shape[len(shape) - core + i]
            d = op.facts.core[k][i]
            if owner[d] < 0:
                owner[d], problem.size[d] = k, length
            elif problem.size[d] != length:
                raise ValueError(_messages.core_size(op.name, k, owner[d], op.signature, arrays))
    return 0


cdef int broadcast_batch(Op op, list arrays, fg_lane_problem *problem) except -1:
    """The batch dimensions; cotangents do not add to those of the inputs."""
    cdef int k, d, ndim, deciding = op.facts.deciding
    batches = [a.shape[:a.ndim - op.facts.core_ndim[k]] for k, a in enumerate(arrays)]
    batch = batches[0]
    if any([b != batch for b in batches[1:deciding]]):  # else it takes no microsecond
        try:
            batch = np.broadcast_shapes(*batches[:deciding])
        except ValueError:
            raise ValueError(_messages.batches(op.name, op.signature, arrays[:deciding])) from None
    for k in range(deciding, op.facts.nin):
        ndim = len(batches[k])
        if ndim > len(batch) or any([
                n not in (1, m) for n, m in zip(batches[k], batch[len(batch) - ndim:])]):
            shape = np.shape(arrays[k])
            raise ValueError(_messages.row_shape(op.name, k, shape, batch))
    problem.ndim = len(batch)
    for d in range(problem.ndim):
        problem.shape[d] = batch[d]
    return 0


cdef int set_lane_operand(Op op, int k, array, fg_lane_problem *problem) except -1:
    cdef fg_lane_operand *operand = &problem.operand[k]
    cdef cnp.ndarray a
    cdef int d, i, own, core = op.facts.core_ndim[k]
    operand.core_ndim = core
    for i in range(core):
        operand.core[i] = op.facts.core[k][i]
        operand.core_stride[i] = 0
    operand.data = NULL
    if array is None:
        return 0
    a = array
    operand.data, operand.dtype = cnp.PyArray_BYTES(a), <fg_dtype>storage_of(a)
    for d in range(problem.ndim):
        own = d - problem.ndim + cnp.PyArray_NDIM(a) - core
        operand.stride[d] = a.strides[own] if own >= 0 and a.shape[own] != 1 else 0
    for i in range(core):
        operand.core_stride[i] = a.strides[cnp.PyArray_NDIM(a) - core + i]
    return 0


cdef list lane_outputs(Op op, list arrays, fg_dtype storage, out, int wanted,
                       fg_lane_problem *problem):
    cdef int j, k, nin = op.facts.nin, nout = op.facts.nout
    batch = tuple([problem.shape[d] for d in range(problem.ndim)])
    outputs = []
    given = outputs_given(op, out)
    for j in range(nout):
        core = tuple([problem.size[op.facts.core[nin + j][i]]
                      for i in range(op.facts.core_ndim[nin + j])])
        outputs.append(as_output(op, j, given[j], batch + core, storage)
                       if wanted >> j & 1 else None)
        if given[j] is None or outputs[j] is None:
            continue
        for k in range(nin):  # as if the inputs had been copied first
            in_place = (op.facts.core_ndim[k] == op.facts.core_ndim[nin + j]
                        and same_elements(given[j], arrays[k]))
            if not in_place and may_overlap(given[j], arrays[k]):
                arrays[k] = arrays[k].copy()
        for k in range(j):
            if given[k] is not None and may_overlap(given[j], given[k]):
                raise ValueError(_messages.out_overlap(op.name))
    return outputs


cdef int run_lanes(const fg_lane_problem *problem) except -1:
    cdef fg_result code
    with nogil:
        code = fg_run_lanes(problem, poll_signals)
    return finish(code) if code != FG_DONE else 0


cdef void choose_lane_kernel(op_facts *facts, bint wide, fg_lane_problem *problem) noexcept nogil:
    """Most compute in double whatever the arrays hold, and have no kernel for float."""
    wide = wide or facts.kernel[0].lanes == NULL
    problem.kernel, problem.loops = facts.kernel[wide].lanes, facts.loops[wide]
    problem.options = facts.options
    problem.nin, problem.nout = facts.nin, facts.nout


cdef fg_lane_problem *new_lane_problem() except NULL:
    """As new_problem."""
    cdef fg_lane_problem *problem = <fg_lane_problem *>fg_scratch_take(sizeof(fg_lane_problem))
    if problem == NULL:
        raise MemoryError("no memory for a call's scratch")
    return problem


cdef object call_lanes(Op op, tuple inputs, out, int wanted):
    cdef fg_lane_problem *problem
    cdef int k
    if len(inputs) != op.facts.nin:
        raise TypeError(_messages.count(op.name, op.facts.nin, len(inputs)))
    for x in inputs:
        if overrides_ufuncs(x):
            return call_ufunc(op, inputs, None, False, out, wanted)
    cdef list arrays = [as_operand(op, k, x) for k, x in enumerate(inputs)]
    cdef fg_dtype storage = result_storage(op, inputs, arrays)
    problem = new_lane_problem()
    try:
        core_sizes(op, arrays, problem)
        broadcast_batch(op, arrays, problem)
        outputs = lane_outputs(op, arrays, storage, out, wanted, problem)
        written = native(outputs)
        for k, array in enumerate(arrays + written):
            set_lane_operand(op, k, array, problem)
        choose_lane_kernel(&op.facts, storage == FG_F64, problem)
        run_lanes(problem)
    finally:
        fg_scratch_give(problem)
    copy_back(outputs, written)
    results = outputs[0] if op.facts.nout == 1 else tuple(outputs)
    return results if out is not None else unwrap_0d(results)


cdef void run_lane_ufunc_loop(char **args, const cnp.npy_intp *dimensions,
                              const cnp.npy_intp *steps, void *data) noexcept nogil:
    cdef ufunc_loop *loop = <ufunc_loop *>data
    cdef op_facts *op = loop.op
    cdef fg_lane_problem *problem = <fg_lane_problem *>fg_scratch_take(sizeof(fg_lane_problem))
    cdef fg_lane_operand *operand
    cdef int k, i, core = op.nin + op.nout
    if problem == NULL:
        set_error(FG_NO_MEMORY)
        return
    choose_lane_kernel(op, loop.dtype == FG_F64, problem)
    problem.ndim, problem.shape[0] = 1, dimensions[0]
    for i in range(FG_MAX_CORE):
        problem.size[i] = dimensions[1 + i] if i < op.core_dims else 0
    for k in range(op.nin + op.nout):
        operand = &problem.operand[k]
        operand.data, operand.dtype, operand.stride[0] = args[k], loop.dtype, steps[k]
        operand.core_ndim = op.core_ndim[k]
        for i in range(op.core_ndim[k]):
            operand.core[i], operand.core_stride[i] = op.core[k][i], steps[core]
            core += 1
    run_lane_problem_without_gil(problem)
    fg_scratch_give(problem)


cdef void run_lane_problem_without_gil(const fg_lane_problem *problem) noexcept nogil:
    cdef PyGILState_STATE state = PyGILState_Ensure()
    cdef PyThreadState *thread = PyEval_SaveThread()
    cdef fg_result code = fg_run_lanes(problem, poll_signals)
    PyEval_RestoreThread(thread)
    if code != FG_DONE:
        set_error(code)
    PyGILState_Release(state)
