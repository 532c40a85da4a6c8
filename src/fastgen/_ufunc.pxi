# The ufunc: how arrays of other libraries (pandas, xarray) reach the same kernels.


cdef object ufunc_lock = threading.RLock()  # held while a ufunc is made or gets its bfloat16 loop
cdef dict ufuncs = {}  # by instruction set and name: the operation that holds the ufunc

if hasattr(os, "register_at_fork"):  # a thread that the child does not have may hold the lock
    os.register_at_fork(after_in_child=ufunc_lock._at_fork_reinit)


cdef str ufunc_name(Op op):
    """Return the name of the ufunc, which pickles hold: that of the row, or one that also tells the
    row and its options, such as "family.function[family:row,0:5]" with ":" for each dot."""
    from fastgen import _ops

    if op.row_name.removesuffix("_derivative") not in _ops.OPS:
        return op.name
    own = options_of(_ops.operation(op.row_name))
    options = options_of(op)
    while options and options[len(options) - 1] == own[len(options) - 1]:
        options.pop()
    if not options and op.name == op.row_name:
        return op.name
    return f"{op.name}[{','.join([op.row_name, *options]).replace('.', ':')}]"


cdef list options_of(Op op):
    """Return the options as text, from which `float` makes the same numbers."""
    cdef int i
    return [repr(op.row.options[i]) for i in range(FG_MAX_OPTIONS)]


cdef int name_module(ufunc) except -1:
    """Let pickles find the ufunc by its name."""
    try:
        ufunc.__module__ = "fastgen._ufuncs"
    except AttributeError:  # before NumPy 2.2, pickles look through all modules
        pass
    return 0


cdef void run_ufunc_loop(char **args, const cnp.npy_intp *dimensions, const cnp.npy_intp *steps,
                         void *data) noexcept nogil:
    """One inner loop, as NumPy hands it over: dimensions[0] problems, then the lengths of the core
    dimensions; a step from problem to problem for each operand, then those of the cores."""
    cdef const ufunc_loop *loop = <const ufunc_loop *>data
    cdef const fg_facts *facts = &loop.op.facts
    cdef fg_array[FG_MAX_OPERANDS] array
    cdef fg_space space
    cdef ptrdiff_t[FG_MAX_OPERANDS][1 + FG_MAX_OPERAND_CORE] shape
    cdef ptrdiff_t[FG_MAX_OPERANDS][1 + FG_MAX_OPERAND_CORE] stride
    cdef int k, i, step = facts.nin + facts.nout
    cdef fg_result code
    for k in range(facts.nin + facts.nout):
        array[k].data, array[k].dtype = args[k], loop.dtype
        array[k].ndim = 1 + facts.core_ndim[k]
        array[k].shape, array[k].stride = shape[k], stride[k]
        shape[k][0], stride[k][0] = dimensions[0], steps[k]
        for i in range(facts.core_ndim[k]):
            shape[k][1 + i], stride[k][1 + i] = dimensions[1 + facts.core[k][i]], steps[step]
            step += 1
    fg_space_of_problems(facts, dimensions[0], <const ptrdiff_t *>dimensions + 1, &space)
    if is_small_loop(facts, dimensions):
        code = call_loop(loop, array, &space, NULL)
        if code != FG_DONE:
            set_error(code)
    else:
        call_without_gil(loop, array, &space)


cdef bint is_small_loop(const fg_facts *facts, const cnp.npy_intp *dimensions) noexcept nogil:
    """Whether a loop ends before another thread could use the GIL."""
    cdef ptrdiff_t elements = 1
    cdef int d
    for d in range(1 + facts.core_dims):
        if dimensions[d] >= RELEASE_GIL_ELEMENTS:
            return False
        elements *= dimensions[d]
        if elements >= RELEASE_GIL_ELEMENTS:
            return False
    return not facts.lanes


cdef void call_without_gil(const ufunc_loop *loop, const fg_array *array,
                           const fg_space *space) noexcept nogil:
    """Release the GIL, call, and take it again. NumPy may have it: it keeps the GIL for up to 500
    problems, however large they are."""
    cdef PyGILState_STATE state = PyGILState_Ensure()
    cdef PyThreadState *thread = PyEval_SaveThread()
    cdef fg_result code = call_loop(loop, array, space, poll_signals)
    PyEval_RestoreThread(thread)
    if code != FG_DONE:
        set_error(code)
    PyGILState_Release(state)


cdef fg_result call_loop(const ufunc_loop *loop, const fg_array *array, const fg_space *space,
                         fg_poll *poll) noexcept nogil:
    return fg_call_in(loop.op, array, array + loop.op.facts.nin, space,
                      FG_DOUBLE if loop.dtype == FG_F64 else FG_SINGLE, poll, NULL)


cdef void set_error(fg_result code) noexcept with gil:
    """Set an exception. An inner loop cannot raise one, but NumPy looks for one after it."""
    try:
        finish(code)
    except BaseException as error:
        PyErr_SetObject(type(error), error)


cdef object make_ufunc(Op op, str called):
    """For float32, float64 and float16: NumPy takes the first loop that an input dtype fits."""
    cdef int i, operands = op.row.facts.nin + op.row.facts.nout
    cdef int *numbers = [cnp.NPY_FLOAT, cnp.NPY_DOUBLE, NPY_HALF]
    cdef fg_dtype *storages = [FG_F32, FG_F64, FG_F16]
    # NumPy keeps these pointers for the life of the ufunc, so they are never freed.
    cdef cnp.PyUFuncGenericFunction *loops
    loops = <cnp.PyUFuncGenericFunction *>malloc(3 * sizeof(void *))
    cdef void **data = <void **>malloc(3 * sizeof(void *))
    cdef char *types = <char *>malloc(3 * operands)
    cdef ufunc_loop *told = <ufunc_loop *>malloc(4 * sizeof(ufunc_loop))
    cdef fg_op *row = <fg_op *>malloc(sizeof(fg_op))
    if not (loops and data and types and told and row):
        raise MemoryError
    row[0] = op.row
    for i in range(4):
        told[i].op = row
        told[i].dtype = storages[i] if i < 3 else FG_BF16
    for i in range(3):
        loops[i] = <cnp.PyUFuncGenericFunction>run_ufunc_loop
        data[i] = &told[i]
        for k in range(operands):
            types[i * operands + k] = <char>numbers[i]
    op.loop_data = told
    name = called.encode()
    signature = op.signature.encode()
    kept_strings.extend([name, signature])
    if op.row.facts.elementwise:
        return cnp.PyUFunc_FromFuncAndData(
            loops, data, types, 3, op.row.facts.nin, op.row.facts.nout, cnp.PyUFunc_None, name,
            NULL, 0)
    return cnp.PyUFunc_FromFuncAndDataAndSignature(
        loops, data, types, 3, op.row.facts.nin, op.row.facts.nout, cnp.PyUFunc_None, name, NULL, 0,
        signature)


cdef list kept_strings = []  # names and signatures that ufuncs point to


cdef int register_bfloat16(Op op) except -1:
    """Give the ufunc a bfloat16 loop once ml_dtypes is imported. It must have the loop before its
    first bfloat16 call, because NumPy remembers that such a call is cast to float32."""
    global bfloat16_number
    cdef int k
    cdef int types[FG_MAX_OPERANDS]
    if op.bfloat16_registered or "ml_dtypes" not in sys.modules:
        return 0
    bfloat16_number = np.dtype(sys.modules["ml_dtypes"].bfloat16).num
    for k in range(op.row.facts.nin + op.row.facts.nout):
        types[k] = bfloat16_number
    if cnp.PyUFunc_RegisterLoopForType(
            op.ufunc_of_op, bfloat16_number, <cnp.PyUFuncGenericFunction>run_ufunc_loop, types,
            &op.loop_data[3]) < 0:
        raise RuntimeError("NumPy refused the bfloat16 loop")
    op.bfloat16_registered = True
    return 0


cdef object call_ufunc(Op op, tuple inputs, axis, keepdims, out, int wanted):
    from fastgen import _lazy, _xarray

    if any([_lazy.is_dask(x) for x in inputs]):
        return _lazy.of_row(op, inputs, axis, keepdims, out, wanted)
    if any([_xarray.is_xarray(x) for x in inputs]):
        return _xarray.of_row(op, inputs, out)
    options = {}
    if out is not None:
        # dask calls itself without end if `out` is one of its own arrays.
        for given in out if type(out) is tuple else (out,):
            if given is not None and not isinstance(given, cnp.ndarray):
                raise TypeError(_messages.out_type(op.name, given))
        options["out"] = out
    if not op.row.facts.elementwise and not op.row.facts.lanes:
        options["axis"] = _messages.single_axis(op.name, axis)
        if keepdims:
            options["keepdims"] = True
    inputs = tuple([_messages.as_float(x) for x in inputs])
    results = op.ufunc(*inputs, **options)
    if type(results) is not tuple:
        return results
    return tuple([r if wanted >> j & 1 else None for j, r in enumerate(results)])
