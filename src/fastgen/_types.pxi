# The dtypes of a call: which arrays C can read, and which dtype the outputs have.


cdef int bfloat16_number = -1  # of ml_dtypes.bfloat16 in NumPy; known once an array of it is seen


cdef int storage_of(cnp.ndarray array) except -2:
    """The fg_dtype of an array's elements, or -1 if C cannot read them."""
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


cdef int number_of_storage(fg_dtype storage) noexcept:
    """NumPy's number of a dtype."""
    if storage == FG_BF16:
        return bfloat16_number
    if storage == FG_F16:
        return NPY_HALF
    return cnp.NPY_FLOAT if storage == FG_F32 else cnp.NPY_DOUBLE


cdef ptrdiff_t size_of_storage(fg_dtype storage) noexcept:
    """The bytes of an element."""
    return 8 if storage == FG_F64 else 4 if storage == FG_F32 else 2


cpdef bint overrides_ufuncs(x):
    """Whether x is an array of another library that has `__array_ufunc__`."""
    if isinstance(x, (cnp.ndarray, np.generic, int, float)):
        return False
    return getattr(type(x), "__array_ufunc__", None) is not None


cdef object masked_array_type():
    return np.ma.MaskedArray if "numpy.ma" in sys.modules else ()


cdef cnp.ndarray as_operand(Op op, int k, x):
    """Input k as an array that C can read: of a float dtype, in native byte order."""
    cdef cnp.ndarray array
    if type(x) is Stream:
        return standing_for(op, k, x)
    if type(x) is not cnp.ndarray:
        if isinstance(x, masked_array_type()):
            raise TypeError(_messages.masked(op.name, k))
        try:
            x = np.asarray(x)
        except (RuntimeError, TypeError):
            reason = unreadable(x)
            if reason is None:
                raise
            raise TypeError(f"{_messages.named(op.name, k)} {reason}") from None
    array = x
    if cnp.PyArray_TYPE(array) <= cnp.NPY_ULONGLONG:  # bool and integers
        return array.astype(np.float64)
    if storage_of(array) < 0:
        raise TypeError(_messages.dtype(op.name, k, array.dtype))
    if not cnp.PyArray_ISNOTSWAPPED(array):
        return array.astype(array.dtype.newbyteorder("="))
    return array


# The dtype of the outputs. Arrays decide before NumPy scalars, 0-d arrays and inputs with one value
# per row; these decide before Python numbers. Inputs of equal rank are promoted. So NEP 50 also
# holds for float64 scalars: a coefficient from a float64 table must not turn a float32 batch into
# a float64 one. Streams do not decide.
ctypedef struct promotion:
    int rank  # of the inputs that decide so far; -1: none
    fg_dtype storage


cdef void promote(promotion *so_far, x, int ndim, bint per_row, fg_dtype storage) noexcept:
    """Take one more input into account."""
    cdef int rank
    if ndim > 0 and not per_row:
        rank = 2
    else:
        rank = 0 if type(x) is float or type(x) is int or type(x) is bool else 1
    if rank > so_far.rank:
        so_far.rank, so_far.storage = rank, storage
    elif rank == so_far.rank and storage != so_far.storage:
        so_far.storage = FG_F64 if storage == FG_F64 or so_far.storage == FG_F64 else FG_F32


cdef fg_dtype result_storage(Op op, tuple inputs, const fg_array *arrays) except *:
    cdef promotion found
    cdef int k
    found.rank, found.storage = -1, FG_F64
    for k in range(op.row.facts.nin):
        x = inputs[k]
        if type(x) is not Stream or (<Stream>x).like is not None:
            promote(&found, x, arrays[k].ndim, op.row.facts.per_row >> k & 1, arrays[k].dtype)
    if found.rank < 0:
        raise TypeError(_messages.only_streams(op.name))
    return found.storage


cdef object promoted_dtype(tuple inputs, uint64_t per_row):
    """The dtype of the outputs, from arrays or from objects that have only `dtype` and `ndim`."""
    cdef promotion found
    cdef cnp.ndarray array
    cdef int k, storage
    found.rank, found.storage = -1, FG_F64
    for k, x in enumerate(inputs):
        if type(x) is Stream:
            continue
        dtype = getattr(x, "dtype", None)
        if isinstance(dtype, np.dtype) and not isinstance(x, (cnp.ndarray, np.generic)):
            array = np.empty((0,) if np.ndim(x) else (), dtype)  # reads no element of x
        else:
            array = np.asarray(x)
        storage = storage_of(array)
        promote(&found, x, cnp.PyArray_NDIM(array), k < 32 and per_row >> k & 1,
                FG_F64 if storage < 0 else <fg_dtype>storage)
    return cnp.PyArray_DescrFromType(number_of_storage(found.storage))


def result_dtype(tuple inputs):
    """Return the float dtype that a function made of several operations computes from `inputs`.

    An input of a dtype that no operation takes counts as float64; the operation then refuses it.
    """
    return promoted_dtype(inputs, 0)
