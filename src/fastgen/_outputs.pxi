# The outputs of a call: new arrays, or the arrays that the caller gives as `out`.


cdef tuple outputs_given(Op op, out):
    """The array or None that `out` has for each output."""
    cdef int nout = op.row.facts.nout
    if out is None:
        return (None,) * nout
    if nout == 1 and type(out) is not tuple:
        return (out,)
    if type(out) is not tuple or len(out) != nout:
        raise TypeError(_messages.out_count(op.name, nout, out))
    return out


cdef tuple shape_as_tuple(const ptrdiff_t *shape, int ndim):
    return tuple([shape[d] for d in range(ndim)])


cdef cnp.ndarray new_output(int ndim, const ptrdiff_t *shape, fg_dtype storage, const int *memory):
    """An empty array that lies in memory as `memory` lists its dimensions; NULL: in C order."""
    cdef cnp.npy_intp[FG_MAX_DIMS + FG_MAX_OPERAND_CORE] length
    cdef cnp.npy_intp[FG_MAX_DIMS] position
    cdef cnp.PyArray_Dims axes
    cdef int i
    for i in range(ndim):
        length[i] = shape[i if memory == NULL else memory[i]]
    array = empty_array(ndim, length, number_of_storage(storage), size_of_storage(storage))
    if memory == NULL:
        return array
    for i in range(ndim):
        position[memory[i]] = i
    axes.ptr, axes.len = position, ndim
    return cnp.PyArray_Transpose(array, &axes)


cdef int check_output(Op op, out, int ndim, const ptrdiff_t *shape) except -1:
    """Raise if the caller's array does not fit an output."""
    if not isinstance(out, cnp.ndarray) or isinstance(out, masked_array_type()):
        raise TypeError(_messages.out_type(op.name, out))
    if not cnp.PyArray_ISWRITEABLE(out):
        raise ValueError(_messages.out_read_only(op.name))
    if cnp.PyArray_NDIM(out) != ndim or not cnp.PyArray_CompareLists(
            cnp.PyArray_DIMS(out), <cnp.npy_intp *>shape, ndim):
        raise ValueError(_messages.out_shape(op.name, np.shape(out), shape_as_tuple(shape, ndim)))
    if storage_of(out) < 0:
        raise TypeError(_messages.out_dtype(op.name, out.dtype))
    return 0


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


def extent(cnp.ndarray array):
    """Return where the memory of an array begins and ends, as numbers."""
    cdef char *low
    cdef char *high
    memory_bounds(array, &low, &high)
    return <size_t>low, <size_t>high


cdef bint may_overlap(cnp.ndarray a, cnp.ndarray b):
    """Whether two arrays share memory. True also if that would take long to find out."""
    cdef char *a_low
    cdef char *a_high
    cdef char *b_low
    cdef char *b_high
    memory_bounds(a, &a_low, &a_high)
    memory_bounds(b, &b_low, &b_high)
    return a_low < b_high and b_low < a_high and np.may_share_memory(a, b, max_work=1000)


cdef bint same_elements(cnp.ndarray a, cnp.ndarray b):
    """Whether each element of one array lies exactly where the same element of the other does."""
    return (cnp.PyArray_DATA(a) == cnp.PyArray_DATA(b)
            and cnp.PyArray_TYPE(a) == cnp.PyArray_TYPE(b)
            and cnp.PyArray_NDIM(a) == cnp.PyArray_NDIM(b)
            and cnp.PyArray_CompareLists(a.shape, b.shape, cnp.PyArray_NDIM(a))
            and cnp.PyArray_CompareLists(a.strides, b.strides, cnp.PyArray_NDIM(a)))


cdef bint may_be_in_place(const fg_facts *facts, int j, int k) noexcept:
    """Whether C may write output j over input k, if their elements lie in the same places."""
    if facts.lanes:  # a problem is read as a whole before it is written
        return facts.core_ndim[facts.nin + j] == facts.core_ndim[k]
    return not facts.summed >> j & 1


cdef int separate(Op op, int j, tuple given, list arrays) except -1:
    """Copy the inputs that output j would overwrite. Raise if outputs share memory."""
    cdef int k
    cdef cnp.ndarray array
    for k in range(op.row.facts.nin):
        array = arrays[k]
        in_place = may_be_in_place(&op.row.facts, j, k) and same_elements(given[j], array)
        if not in_place and may_overlap(given[j], array):
            arrays[k] = array.copy()
    for k in range(j):
        if given[k] is not None and may_overlap(given[j], given[k]):
            raise ValueError(_messages.out_overlap(op.name))
    return 0


cdef list make_outputs(Op op, list arrays, fg_dtype storage, tuple given, int wanted,
                       fg_space *space):
    """An array for each output that is wanted, else None."""
    cdef ptrdiff_t[FG_MAX_DIMS] shape
    cdef const int *memory
    cdef int j, ndim
    cdef list outputs = []
    for j in range(op.row.facts.nout):
        array = None
        if wanted >> j & 1:
            array = given[j]
            ndim = fg_shape_of_output(&op.row.facts, space, j, shape)
            if array is not None:
                check_output(op, array, ndim, shape)
                separate(op, j, given, arrays)
            else:
                summed = space.natural or op.row.facts.summed >> j & 1
                memory = NULL if summed else space.memory
                array = new_output(ndim, shape, storage, memory)
        outputs.append(array)
    return outputs


cdef list native(list outputs):
    """The arrays for C to write: an output in foreign byte order gets one beside it."""
    return [o if o is None or cnp.PyArray_ISNOTSWAPPED(o) else o.astype(o.dtype.newbyteorder("="))
            for o in outputs]


cdef int copy_back(list outputs, list written) except -1:
    for given, computed in zip(outputs, written):
        if given is not computed:
            np.copyto(given, computed)
    return 0
