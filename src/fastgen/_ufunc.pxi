# The ufunc: how arrays of other libraries (dask, pandas, xarray) reach the same kernels.

cdef void run_ufunc_loop(char **args, const cnp.npy_intp *dimensions, const cnp.npy_intp *steps,
                         void *data) noexcept nogil:
    """One inner loop: dimensions[0] rows of dimensions[1] elements, as NumPy's gufuncs have it."""
    cdef ufunc_loop *loop = <ufunc_loop *>data
    cdef op_facts *op = loop.op
    cdef fg_problem *problem = <fg_problem *>fg_scratch_take(sizeof(fg_problem))
    cdef int k, core = op.nin + op.nout  # the steps within a row follow those between rows
    cdef bint wide = loop.dtype == FG_F64
    if problem == NULL:
        set_error(FG_NO_MEMORY)
        return
    problem.kernel, problem.loops = op.kernel[wide], op.loops[wide]
    problem.wide_kernel, problem.wide = op.kernel[1], op.loops[1]
    problem.nin, problem.nout, problem.summed = op.nin, op.nout, op.summed
    problem.ndim, problem.batch_ndim = 1 if op.elementwise else 2, 1
    problem.shape[0] = dimensions[0]
    problem.shape[1] = 1 if op.elementwise else dimensions[1]
    for k in range(op.nin + op.nout):
        problem.operand[k].data = args[k]
        problem.operand[k].dtype = loop.dtype
        problem.operand[k].stride[0] = steps[k]
        problem.operand[k].stride[1] = 0
        if not op.elementwise and not op.per_row >> k & 1:
            problem.operand[k].stride[1] = steps[core]
            core += 1
    run_without_gil(problem)
    fg_scratch_give(problem)


cdef void run_without_gil(const fg_problem *problem) noexcept nogil:
    """NumPy keeps the GIL for up to 500 rows, however long they are; whether it did, we let go."""
    cdef PyGILState_STATE state = PyGILState_Ensure()
    cdef PyThreadState *thread = PyEval_SaveThread()
    cdef fg_result code = fg_run(problem, poll_signals)
    PyEval_RestoreThread(thread)
    if code != FG_DONE:
        set_error(code)
    PyGILState_Release(state)


cdef void set_error(fg_result code) noexcept with gil:
    """A loop can't raise, but NumPy looks for an exception after it."""
    try:
        finish(code)
    except BaseException as error:
        PyErr_SetObject(type(error), error)


cdef cnp.PyUFuncGenericFunction loop_of(Op op):
    if op.facts.lanes:
        return <cnp.PyUFuncGenericFunction>run_lane_ufunc_loop
    return <cnp.PyUFuncGenericFunction>run_ufunc_loop


cdef object make_ufunc(Op op):
    """For float32, float64 and float16, in this order: a type between goes to the first it fits."""
    cdef int i, operands = op.facts.nin + op.facts.nout
    cdef int *numbers = [cnp.NPY_FLOAT, cnp.NPY_DOUBLE, NPY_HALF]
    cdef fg_dtype *storages = [FG_F32, FG_F64, FG_F16]
    # NumPy keeps these pointers for the life of the ufunc, so they are never freed.
    cdef cnp.PyUFuncGenericFunction *loops = <cnp.PyUFuncGenericFunction *>malloc(3 * sizeof(void *))
    cdef void **data = <void **>malloc(3 * sizeof(void *))
    cdef char *types = <char *>malloc(3 * operands)
    cdef ufunc_loop *told = <ufunc_loop *>malloc(4 * sizeof(ufunc_loop))
    cdef op_facts *facts = <op_facts *>malloc(sizeof(op_facts))
    if not (loops and data and types and told and facts):
        raise MemoryError
    facts[0] = op.facts
    for i in range(4):
        told[i].op = facts
        told[i].dtype = storages[i] if i < 3 else FG_BF16
    for i in range(3):
        loops[i] = loop_of(op)
        data[i] = &told[i]
        for k in range(operands):
            types[i * operands + k] = <char>numbers[i]
    op.loop_data = told
    name = op.name.encode()
    signature = op.signature.encode()
    kept_strings.extend([name, signature])
    if op.facts.elementwise:
        return cnp.PyUFunc_FromFuncAndData(
            loops, data, types, 3, op.facts.nin, op.facts.nout, cnp.PyUFunc_None, name, NULL, 0)
    return cnp.PyUFunc_FromFuncAndDataAndSignature(
        loops, data, types, 3, op.facts.nin, op.facts.nout, cnp.PyUFunc_None, name, NULL, 0,
        signature)


cdef list kept_strings = []  # names and signatures that ufuncs point to


cdef int register_bfloat16(Op op) except -1:
    """Give the ufunc its bfloat16 loop as soon as there is such a type. It must come before the
    first bfloat16 call: NumPy would go on casting to float32 for ever."""
    global bfloat16_number
    cdef int k
    cdef int types[FG_MAX_OPERANDS]
    if op.bfloat16_registered or "ml_dtypes" not in sys.modules:
        return 0
    bfloat16_number = np.dtype(sys.modules["ml_dtypes"].bfloat16).num
    for k in range(op.facts.nin + op.facts.nout):
        types[k] = bfloat16_number
    op.bfloat16_registered = True
    if cnp.PyUFunc_RegisterLoopForType(
            op.ufunc_of_op, bfloat16_number, loop_of(op), types, &op.loop_data[3]) < 0:
        raise RuntimeError("NumPy refused the bfloat16 loop")
    return 0


cdef object call_ufunc(Op op, tuple inputs, axis, keepdims, out, int wanted):
    options = {}
    if out is not None:
        # dask recurses without end on an out= of its own.
        for given in out if type(out) is tuple else (out,):
            if given is not None and not isinstance(given, cnp.ndarray):
                raise TypeError(_messages.out_type(op.name, given))
        options["out"] = out
    if not op.facts.elementwise and not op.facts.lanes:
        options["axis"] = _messages.single_axis(op.name, axis)
        if keepdims:
            options["keepdims"] = True
    inputs = tuple([_messages.as_float(x) for x in inputs])
    results = op.ufunc(*inputs, **options)
    if type(results) is not tuple:
        return results
    return tuple([r if wanted >> j & 1 else None for j, r in enumerate(results)])
