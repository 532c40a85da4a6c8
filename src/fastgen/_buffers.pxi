# The memory of new arrays: large ones get a block of csrc/core/buffers.h, through NumPy's handlers of
# memory (NEP 49). So an array owns its memory, `resize` works, and tracemalloc sees it.

cdef object buffer_handler = PyCapsule_New(&fg_numpy_handler, "mem_handler", NULL)


cdef object empty_array(int ndim, cnp.npy_intp *lengths, int number, ptrdiff_t size):
    """An array in C order, of any content. An element has `size` bytes.

    A user's own handler of memory stays in force.
    """
    cdef int d
    for d in range(ndim):
        if size >= FG_BUFFER_BYTES:
            break
        size *= lengths[d]
    if size < <ptrdiff_t>FG_BUFFER_BYTES or fg_buffer_limit() == 0:
        return cnp.PyArray_EMPTY(ndim, lengths, number, 0)
    before = PyDataMem_SetHandler(buffer_handler)
    if <PyObject *>before != PyDataMem_DefaultHandler:
        PyDataMem_SetHandler(before)
        return cnp.PyArray_EMPTY(ndim, lengths, number, 0)
    try:
        return cnp.PyArray_EMPTY(ndim, lengths, number, 0)
    finally:
        PyDataMem_SetHandler(before)


def empty(tuple shape, dtype):
    """Return what `np.empty` does, in the memory of results."""
    cdef cnp.npy_intp[FG_MAX_DIMS] lengths
    cdef int d, ndim = len(shape)
    cdef cnp.dtype kind = dtype if isinstance(dtype, cnp.dtype) else np.dtype(dtype)
    if ndim > FG_MAX_DIMS:
        return np.empty(shape, kind)  # raises
    for d in range(ndim):
        lengths[d] = shape[d]
    return empty_array(ndim, lengths, kind.type_num, kind.itemsize)


def get_buffer_limit():
    """Return how many bytes of freed results are kept for the next results."""
    return fg_buffer_limit()


def set_buffer_limit(n, /):
    """Keep up to `n` bytes of freed results for the next results of the same size.

    Memory fresh from the system costs a page fault per page, which takes longer than most calls.
    A result of 64 KiB or more that is freed leaves its memory to the next result of its size. So
    a loop whose results have the same shapes is as fast as with `out=`. What nobody took for 5
    seconds goes back to the system at the next such call, and the oldest goes where the limit is
    reached. `gc.collect()` gives everything back.

    Parameters
    ----------
    n : int
        The number of bytes, at least 0. 0 keeps nothing, and gives back what is kept.

    Raises
    ------
    TypeError, ValueError
        If `n` is not an integer of at least 0.

    Notes
    -----
    At import the limit is that of the environment variable ``FASTGEN_BUFFER_LIMIT``, or 128 MiB, or
    1/64 of the memory if that is less. In a child of `multiprocessing` or of a fork, which may have many
    siblings, such as a worker of dask, it is 32 MiB at most. A handler of memory of your own (NEP 49) stays in
    force.

    Examples
    --------
    >>> import fastgen
    >>> before = fastgen.get_buffer_limit()
    >>> fastgen.set_buffer_limit(256 * 2**20)
    >>> fastgen.get_buffer_limit()
    268435456
    >>> fastgen.set_buffer_limit(before)
    """
    if isinstance(n, (bool, np.bool_)) or not hasattr(n, "__index__"):
        raise TypeError(f"n must be an integer, got {n!r}")
    n = operator.index(n)
    if n < 0:
        raise ValueError(f"n must be at least 0, got {n}")
    fg_set_buffer_limit(min(n, 2**62))


def drop_buffers(str phase, dict info):
    """Give back what is kept, after a full garbage collection: a member of `gc.callbacks`.

    Who collects by hand wants memory. A worker of dask that is short of it starts no call, collects
    again and again, and waits: without this it would wait for memory that only a call gives back.
    """
    if phase == "stop" and info["generation"] == 2:
        fg_buffers_drop()


def buffers_kept():
    """Return how many bytes are kept now."""
    return fg_buffers_kept()
